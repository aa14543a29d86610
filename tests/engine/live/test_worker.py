"""The worker in this process, on the demo PBX: what it does with commands, and with a database that fails."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import channel_layers, get_channel_layer
from django.contrib.auth.models import Group, User
from django.db import InterfaceError, OperationalError

from audit.models import AuditEntry
from calls.commands import Originate, originate
from calls.models import Channel
from engine.ami import actions
from engine.ami.protocol import Action, Message
from engine.demo import DemoPbx, load
from engine.live import hub
from engine.mirror import commands, companions, event_stream, registry, store, ticks, verbs
from engine.mirror.commands import Command, Outcome, Status
from engine.mirror.companions import Leading
from engine.mirror.context import CommandContext
from engine.mirror.envelopes import RunCommand, written
from engine.mirror.models import PBX
from engine.mirror.worker import AmiWorker, Mirror
from tests.engine.demo.benches import quick_phones
from tests.engine.mirror import by_name
from tests.engine.mirror.events import CHANNEL
from tests.waiting import until_async, until_stored

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(60)]


class Station:
    """A demo PBX where nothing happens by itself, the worker that mirrors it, and somebody who gives commands."""

    def __init__(self, pbx: DemoPbx, running: AmiWorker, user: User) -> None:
        self.pbx, self.user, self.running = pbx, user, running
        self.sent: list[tuple[str, str]] = []
        self.batches: list[dict[str, Any]] = []
        self.task: asyncio.Task[None]

    @property
    def mirror(self) -> Mirror:
        return self.running.mirrors["main"]

    def note_what_is_sent(self) -> None:
        """Note each action of a command that goes to the PBX: its name and its ActionID."""
        session = self.mirror.link.session
        assert session is not None
        ask = session.ask

        async def noting(action: Action, **options: Any) -> Any:
            self.sent.append((action.name, options.get("action_id", "")))
            return await ask(action, **options)

        session.ask = noting  # type: ignore[method-assign]

    async def look_in(self, *languages: str) -> None:
        """As a hub does whose pages are in these languages."""
        message = {"type": hub.LANGUAGES, "languages": list(languages)}
        await get_channel_layer().send(commands.channel_name("main"), message)
        while not self.mirror.ticks.looked_at.keys() >= set(languages):  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    async def rests(self) -> None:
        """Wait until all that has happened on the PBX is folded, written and told."""
        session, mirror = self.mirror.link.session, self.mirror
        assert session is not None
        await session.ask(actions.ping())
        await until_stored(
            lambda: mirror.ticks.is_at_rest and self.batches and self.batches[-1]["epoch"] == mirror.ticks.epoch
        )

    async def give(self, command: Command) -> Outcome:
        outcome: Outcome = await sync_to_async(commands.run, thread_sensitive=False)(command)
        return outcome

    async def post(self, channel: str, **values: Any) -> dict[str, Any]:
        """The command to hang up a channel, as `commands.run` notes and sends it, with some values of ours; the
        worker's answer.
        """
        command_id = values.setdefault("id", uuid.uuid4().hex)
        command = by_name.command(channel, self.user.pk, id=command_id)
        await sync_to_async(commands.auditors[0].begin)(command)
        layer = get_channel_layer()
        reply_to = await layer.new_channel()
        sent = {
            "deadline": time.time() + 5,
            "verb": str(command.verb),
            "key": "",
            "parameters": {"channel": channel},
            **values,
        }
        envelope = RunCommand(reply_to, user_id=self.user.pk, **sent)
        await layer.send(commands.channel_name("main"), written(envelope))
        async with asyncio.timeout(10):
            answer: dict[str, Any] = await layer.receive(reply_to)
        return answer


@pytest.fixture(autouse=True)
def hanging_up_by_name() -> Iterator[None]:
    with by_name.hanging_up_by_name():
        yield


@contextlib.asynccontextmanager
async def a_station(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Station]:
    channel_layers.backends.clear()
    pbx = DemoPbx(seed=1, lively=False, phones=quick_phones())
    address = await pbx.start()
    running = AmiWorker(
        application=None, channels=[], channel_layer=get_channel_layer(), addresses={"main": address}, demo=True
    )
    user = await sync_to_async(User.objects.create_user)("anna")
    station = Station(pbx, running, user)
    publish = hub.publish

    async def noting(pbx: str, epoch: str, number: int, rows: Any = (), notices: Any = (), **told: Any) -> None:
        station.batches.append({"epoch": epoch, "number": number, "rows": list(rows), "notices": list(notices), **told})
        await publish(pbx, epoch, number, rows, notices, **told)

    monkeypatch.setattr(hub, "publish", noting)
    station.task = asyncio.create_task(running.handle())
    try:
        await until_stored(PBX.objects.filter(name="main", link="up").exists)
        await until_stored(lambda: station.mirror.link.session)
        station.note_what_is_sent()
        await station.look_in("en", "zh-hans")
        yield station
    finally:
        station.task.cancel()
        await asyncio.gather(station.task, return_exceptions=True)
        await pbx.stop()
        channel_layers.backends.clear()


@pytest.fixture
async def station(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Station]:
    async with a_station(monkeypatch) as station:
        yield station


Ringing = Callable[[str], Awaitable[Channel]]


@pytest.fixture
def ring(station: Station) -> Ringing:
    """`await ring("105")`: 101 calls a phone that never answers; the channel of 101 as the database has it."""

    async def ring(number: str) -> Channel:
        station.pbx.dialplan.call(station.pbx.dialplan.phones["101"], number)
        station.pbx.catch_up()
        found: Channel = await until_stored(Channel.objects.filter(endpoint="PJSIP/101").first)
        return found

    return ring


async def test_a_command_is_answered_and_its_effect_comes_as_events(station: Station, ring: Ringing) -> None:
    channel = await ring("105")
    outcome = await station.give(by_name.command(channel.name, station.user.pk))
    assert outcome.status is Status.DONE
    assert outcome.text
    await until_stored(lambda: not Channel.objects.exists())
    entry = await sync_to_async(AuditEntry.objects.get)()
    assert (entry.username, entry.verb, entry.subject, entry.status) == ("anna", "hangup-by-name", channel.name, "done")
    assert entry.answer.strip() == outcome.text


async def test_what_the_pbx_refuses_is_answered_in_its_words(station: Station) -> None:
    outcome = await station.give(by_name.command("PJSIP/nobody-1", station.user.pk))
    assert outcome == Outcome(Status.REFUSED, "No such channel")
    entry = await sync_to_async(AuditEntry.objects.get)()
    assert (entry.status, entry.answer.strip()) == ("refused", "No such channel")


async def test_one_id_is_acted_on_once_however_often_it_comes(station: Station) -> None:
    answers = await asyncio.gather(*(station.post("PJSIP/nobody-1", id="the-same") for _ in range(5)))
    assert sorted(answer["status"] for answer in answers) == ["refused", *["repeated"] * 4]
    assert station.sent == [("Hangup", "the-same")]
    assert (await station.post("PJSIP/nobody-1", id="another"))["status"] == "refused"


async def test_a_form_that_was_sent_twice_at_once_is_one_command(station: Station) -> None:
    def command() -> Command:
        return by_name.command("PJSIP/nobody-1", station.user.pk, subject="x", id="the-same")

    outcomes = await asyncio.gather(station.give(command()), station.give(command()))
    assert sorted(outcome.status for outcome in outcomes) == [Status.REFUSED, Status.REPEATED]
    assert len(station.sent) == 1
    assert await sync_to_async(AuditEntry.objects.count)() == 1


@pytest.mark.parametrize("late", [0.0, 60.0])
async def test_a_command_that_comes_too_late_is_dropped(station: Station, ring: Ringing, late: float) -> None:
    channel = await ring("105")
    answer = await station.post(channel.name, deadline=time.time() - late)
    assert answer["status"] == "expired"
    assert station.sent == []
    await station.rests()
    assert await sync_to_async(Channel.objects.filter(name=channel.name).exists)()


async def test_a_command_whose_time_is_over_when_it_is_ready_is_dropped(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    deadline = time.time() + 0.1
    claim = commands.auditors[0].claim

    def slow(command_id: str) -> bool:
        while time.time() < deadline:
            time.sleep(0.01)
        return claim(command_id)

    monkeypatch.setattr(commands.auditors[0], "claim", slow)
    assert (await station.post("PJSIP/nobody-1", deadline=deadline))["status"] == "expired"
    assert station.sent == []


async def test_while_the_link_is_down_nothing_is_sent_and_that_is_said_at_once(station: Station) -> None:
    await station.pbx.stop()
    await until_stored(lambda: not PBX.objects.get().is_up)
    started = time.monotonic()
    outcome = await station.give(by_name.command("PJSIP/1-1", station.user.pk, subject="x"))
    assert outcome.status is Status.NOT_CONNECTED
    assert (await station.post("PJSIP/1-1"))["status"] == "not connected"
    # Either would else have waited for its deadline, 5 s.
    assert time.monotonic() - started < 4.0
    assert station.sent == []
    assert (await sync_to_async(AuditEntry.objects.get)(subject="x")).status == "not connected"


async def test_a_command_whose_answer_the_link_takes_with_it_may_have_been_done(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.demo.manager.ManagerSession.receive", lambda *arguments: None)
    asking = asyncio.create_task(station.post("PJSIP/1-1"))
    await until_stored(lambda: station.sent)
    await station.pbx.stop()
    assert (await asking)["status"] == "no answer"


async def test_a_pbx_that_does_not_answer_is_waited_for_until_the_deadline(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.demo.manager.ManagerSession.receive", lambda *arguments: None)
    started = time.monotonic()
    answer = await station.post("PJSIP/1-1", deadline=time.time() + 0.5)
    assert answer["status"] == "no answer"
    assert 0.4 < time.monotonic() - started < 4.0  # without a deadline it would be 5 s


async def test_a_command_that_fails_by_a_fault_of_ours_is_answered_at_once_and_costs_no_other(
    station: Station, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def faulty(ctx: CommandContext, pbx: PBX, wanted: by_name.Name) -> Outcome:
        return await ctx.run(actions.reload())

    declared = verbs.verbs[by_name.VERB]
    monkeypatch.setitem(verbs.verbs, by_name.VERB, replace(declared, handler=faulty))
    assert (await station.post("PJSIP/1-1", parameters={"channel": "a secret"}))["status"] == "failed"
    assert station.sent == []
    (record,) = [record for record in caplog.records if record.name == "engine.mirror.command_server"]
    assert record.getMessage() == "main: pbx.hangup-by-name could not be carried out."
    assert record.exc_info is not None
    assert "Reload is not among the actions" in str(record.exc_info[1])
    assert "a secret" not in caplog.text
    monkeypatch.undo()
    assert (await station.post("PJSIP/nobody-1"))["status"] == "refused"


async def test_a_command_of_no_verb_or_with_other_parameters_is_refused_and_logged(
    station: Station, caplog: pytest.LogCaptureFixture
) -> None:
    assert (await station.post("x", verb="pbx.explode"))["status"] == "not connected"
    assert (await station.post("x", parameters={"channels": "x"}))["status"] == "not connected"
    assert station.sent == []
    assert "there is no verb 'pbx.explode'" in caplog.text
    assert "unexpected keyword argument 'channels'" in caplog.text


async def test_how_a_call_that_was_placed_ended_reaches_its_user_and_the_audit_trail(station: Station) -> None:
    def place() -> Outcome:
        station.user.groups.add(Group.objects.get(name="Operator"))
        wanted = Originate("101", "PJSIP/100", "100", "internal")
        return originate.ask(station.user, PBX(name="main"), wanted, id="0" * 32)

    outcome = await sync_to_async(place, thread_sensitive=False)()
    assert outcome.status is Status.DONE

    def told() -> list[str]:
        notices = [notice for batch in station.batches for notice in batch["notices"]]
        assert {(notice.user_id, notice.code) for notice in notices} <= {(station.user.pk, "originate")}
        assert {notice.parameters["number"] for notice in notices} <= {"101"}
        return list(dict.fromkeys(notice.parameters["told"] for notice in notices))

    await until_stored(lambda: "answered" in told())
    assert told()[:2] == ["ringing", "answered"]
    entry = await until_stored(AuditEntry.objects.filter(answer__contains="Success, reason 4").first)
    assert entry.status == "done"
    assert outcome.text in entry.answer


async def test_a_call_placed_by_somebody_else_makes_no_notice(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = station.mirror.link.session
    assert session is not None
    heard: list[Message] = []
    fold = station.mirror.state.fold

    def noting(event: Message) -> None:
        fold(event)
        if event.name == "OriginateResponse":
            heard.append(event)

    monkeypatch.setattr(station.mirror.state, "fold", noting)
    await session.ask(actions.originate("PJSIP/100", "internal", "101", timeout=10))
    await until_stored(lambda: heard and Channel.objects.filter(endpoint="PJSIP/101", state="Up").exists())
    for channel in list(station.pbx.switch.channels.values()):
        station.pbx.switch.hang_up(channel)
    station.pbx.catch_up()
    # A notice would have come with this, or before.
    await until_stored(
        lambda: [row for batch in station.batches for row in batch["rows"] if row.kind == "call" and row.html is None]
    )
    assert [notice for batch in station.batches for notice in batch["notices"]] == []


@pytest.mark.parametrize("error", [OperationalError("database is locked"), InterfaceError("it is closed")])
@pytest.mark.parametrize("fails", ["write", "draw"])
async def test_what_the_database_would_not_take_is_written_and_told_later(
    station: Station, ring: Ringing, monkeypatch: pytest.MonkeyPatch, fails: str, error: Exception
) -> None:
    owner, name = {"write": (store, "write"), "draw": (ticks, "rows_of")}[fails]
    real = getattr(owner, name)
    failures: list[Any] = []

    def failing(*arguments: Any) -> Any:
        if not failures:
            failures.append(arguments)
            raise error
        return real(*arguments)

    await station.rests()
    monkeypatch.setattr(owner, name, failing)
    station.batches.clear()
    channel = await ring("105")
    await until_stored(lambda: failures)
    rows = await until_stored(lambda: [row for batch in station.batches for row in batch["rows"] if row.kind == "call"])
    assert any(channel.linkedid.replace(".", "-") in row.id for row in rows)
    numbers = [batch["number"] for batch in station.batches]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert not station.task.done()


async def test_a_failing_database_loses_no_hangup(
    station: Station, ring: Ringing, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = await ring("105")
    real, calls_of_write = store.write, []

    def failing(*arguments: Any) -> Any:
        calls_of_write.append(arguments)
        if len(calls_of_write) <= 2:
            raise OperationalError("disk I/O error")
        return real(*arguments)

    monkeypatch.setattr(store, "write", failing)
    await station.post(channel.name)
    await until_stored(lambda: not Channel.objects.exists())
    assert len(calls_of_write) > 2


async def test_a_tick_that_takes_back_what_a_former_one_wrote_leaves_nothing(station: Station, ring: Ringing) -> None:
    for _ in range(5):
        channel = await ring("105")
        assert (await station.post(channel.name))["status"] == "done"
        await until_stored(lambda: not Channel.objects.exists())
    assert station.mirror.state.table(Channel).rows == {}


@pytest.mark.parametrize(
    "uniqueid",
    [
        "plain.1",
        "shop/1",
        "a b?c#d%",
        "'\"<x>",
        "x" * 500,
    ],
)
async def test_a_channel_of_any_id_shows_and_does_not_end_the_worker(station: Station, uniqueid: str) -> None:
    """Whoever originates by AMI or ARI chooses the id."""
    said = {"Event": "Newchannel", **CHANNEL, "Uniqueid": uniqueid, "Linkedid": uniqueid}
    station.mirror.folding.on_event(Message("\r\n".join(f"{key}: {value}" for key, value in said.items()).encode()))
    async with asyncio.timeout(20):
        while not any(row.kind == "call" and row.html for batch in station.batches for row in batch["rows"]):
            assert not station.task.done(), "the worker ended"
            await asyncio.sleep(0.02)
    assert await sync_to_async(Channel.objects.count)() == 1


async def test_a_row_that_cannot_be_drawn_does_not_end_the_worker(
    station: Station, ring: Ringing, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures: list[Any] = []

    def failing(*arguments: Any) -> Any:
        failures.append(arguments)
        raise ValueError("a template that fails")

    with monkeypatch.context() as patch:
        patch.setattr(ticks, "rows_of", failing)
        await ring("105")
        await until_stored(lambda: failures)
        before = len(station.batches)
        await until_stored(lambda: len(station.batches) > before)
    assert not station.task.done()


async def test_a_pbx_that_starts_anew_may_give_the_id_of_a_channel_that_hung_up(
    station: Station, ring: Ringing
) -> None:
    channel = await ring("105")
    state = station.mirror.state
    state.add_tombstone(channel.uniqueid)
    state.table(Channel).remove(channel.uniqueid)
    station.mirror.agenda.dirty.set()
    await until_stored(lambda: not Channel.objects.filter(uniqueid=channel.uniqueid).exists())
    session = station.mirror.link.session
    assert session is not None
    session.close()
    await until_stored(Channel.objects.filter(uniqueid=channel.uniqueid).exists)


async def test_a_pbx_that_is_no_longer_named_leaves_the_panel() -> None:
    await sync_to_async(PBX.objects.create)(name="former")
    await sync_to_async(PBX.objects.create)(name="led by another", leader="another")
    assert await names_after_the_start_of(alone=True) == ["led by another"]


async def test_one_of_several_workers_forgets_no_pbx() -> None:
    """Another worker may be about to lead it again."""
    await sync_to_async(PBX.objects.create)(name="former")
    assert await names_after_the_start_of(alone=False) == ["former"]


async def names_after_the_start_of(*, alone: bool) -> list[str]:
    """The PBXs that are left once a worker, which has none itself, has begun."""
    other = AmiWorker(application=None, channels=[], channel_layer=get_channel_layer(), addresses={}, alone=alone)
    await other.handle()
    return [name async for name in PBX.objects.values_list("name", flat=True)]


async def test_of_very_much_at_once_no_row_is_drawn_and_every_page_gets_a_board(station: Station) -> None:
    before = station.batches[-1]["epoch"]
    calls = 5 * ticks.DRAWN_AT_ONCE
    load.place_calls(station.pbx.switch, calls)
    station.pbx.catch_up()
    async with asyncio.timeout(60):
        while (  # noqa: ASYNC110
            station.batches[-1]["epoch"] == before or await sync_to_async(Channel.objects.count)() < 2 * calls
        ):
            await asyncio.sleep(0.05)
    await station.rests()  # until the last board is out, what is done goes with it
    drawn = {row.id for batch in station.batches for row in batch["rows"] if row.kind == "call"}
    assert len(drawn) < calls / 2
    await station.look_in("en", "zh-hans")  # a slow machine has taken longer than a language is remembered
    station.batches.clear()
    station.pbx.switch.hang_up(next(iter(station.pbx.switch.channels.values())))
    station.pbx.catch_up()
    async with asyncio.timeout(30):
        while not any(row.kind == "call" for batch in station.batches for row in batch["rows"]):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_once_something_was_not_drawn_nothing_counts_as_drawn(station: Station, ring: Ringing) -> None:
    """A row that has changed meanwhile, and back, must not be taken for what the pages have."""
    station.mirror.ticks.looked_at.clear()
    station.mirror.ticks.drawn["row"] = "as it was"
    await ring("105")
    async with asyncio.timeout(20):
        while not any(batch["languages"] == [] for batch in station.batches):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert station.mirror.ticks.drawn == {}


async def test_a_row_is_drawn_in_the_languages_that_are_looked_at_and_else_not_at_all(
    station: Station, ring: Ringing
) -> None:
    station.mirror.ticks.looked_at.clear()
    await ring("105")
    async with asyncio.timeout(20):
        while not any(batch["languages"] == [] for batch in station.batches):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    station.batches.clear()
    await station.look_in("en")
    station.pbx.switch.hang_up(next(iter(station.pbx.switch.channels.values())))
    await ring("105")
    async with asyncio.timeout(20):
        while not (cards := [row for batch in station.batches for row in batch["rows"] if row.html]):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert {tuple(row.html) for row in cards} == {("en",)}


async def test_who_watches_is_sent_events_for_as_long_as_the_worker_leads(station: Station, ring: Ringing) -> None:
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.send(commands.channel_name("main"), {"type": event_stream.WATCH, "channel": channel, "filter": {}})
    names: set[str] = set()
    async with asyncio.timeout(10):
        while (batch := await layer.receive(channel))["state"] != event_stream.LIVE:
            pass
        await ring("105")
        while "Newchannel" not in names:
            batch = await layer.receive(channel)
            names |= {dict(fields)["Event"] for _at, fields in batch["events"]}
    assert station.mirror.stream.is_open
    await layer.send(commands.channel_name("main"), {"type": event_stream.UNWATCH, "channel": channel})
    await until_stored(lambda: not station.mirror.stream.is_open)
    await layer.send(commands.channel_name("main"), {"type": event_stream.WATCH, "channel": channel, "filter": {}})
    await until_stored(lambda: station.mirror.stream.is_open)
    mirror = station.mirror
    station.task.cancel()
    await asyncio.gather(station.task, return_exceptions=True)
    await until_stored(lambda: not mirror.stream.is_open)


# What a domain does beside the mirror.


async def test_a_companion_is_woken_by_what_is_announced_and_begins_anew_where_it_fails(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    woken: list[Leading] = []
    failed = asyncio.Event()

    async def companion(leading: Leading) -> None:
        if not failed.is_set():
            failed.set()
            raise RuntimeError("This companion is broken.")
        while True:
            await leading.written.wait()
            leading.written.clear()
            woken.append(leading)

    async def other(leading: Leading) -> None:
        raise OperationalError("The database is away.")

    monkeypatch.setattr(registry, "companions", [companion, other])
    monkeypatch.setattr(companions, "ANEW_AFTER", 0.01)
    async with a_station(monkeypatch) as station:
        await until_async(failed.is_set)
        # What nobody is told of wakes nobody.
        before = len(woken)
        station.mirror.agenda.change_link(version="22.1")
        await station.rests()
        assert len(woken) == before
        station.pbx.dialplan.call(station.pbx.dialplan.phones["101"], "105")
        station.pbx.catch_up()
        await until_async(lambda: len(woken) > before)
        assert (woken[-1].pbx, woken[-1].is_held()) == ("main", True)
        ending = woken[-1]
    assert not ending.is_held()
    assert "This companion is broken." in caplog.text
    assert "main: the database failed, trying again: The database is away." in caplog.text

"""The stream: what each reader is sent, from where, and who may read."""

import asyncio
import json
import random
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Permission, User
from django.contrib.sessions.models import Session
from django.db import OperationalError
from django.test import override_settings

from conferences.rooms.models import Room
from engine.live import people as live_people
from engine.live.batches import publish
from engine.mirror.models import PBX
from eventlog import feed, readers
from eventlog.feed import Feed
from eventlog.models import Event
from eventlog.readers import Reader, position_in
from tests.access.people import ANONYMOUS, NOBODY
from tests.eventlog.conftest import Log, Read, Reading
from tests.waiting import until_async

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(60)]


def subjects(reading: Reading) -> list[int]:
    """The numbers of what it was told."""
    return [json.loads(told.data)["number"] for told in reading.told]


def data(**values: Any) -> str:
    return json.dumps(values)


async def test_what_is_written_is_sent_as_it_stands_in_the_log(read: Read, log: Log) -> None:
    reading = await read()
    assert reading.headers["Content-Type"] == "text/event-stream"
    assert "no-store" in reading.headers["Cache-Control"]
    assert reading.last_id == "main:0"
    await log.write("1.1", data='{"id":"1.1","name":"李雷\\n\\ndata: x"}')
    (told,) = await reading.until(1)
    assert (told.event, told.id) == ("call.ringing", "main:1")
    assert json.loads(told.data) == {
        "pbx": "main", "number": 1, "type": "call.ringing", "at": "2026-11-24T12:00:00.000Z",
        "data": {"id": "1.1", "name": "李雷\n\ndata: x"},
    }  # fmt: skip


async def test_who_begins_gets_what_happens_from_then_on(read: Read, log: Log) -> None:
    await log.write("1.1", "1.2")
    reading = await read()
    assert reading.last_id == "main:2"
    await log.write("1.3")
    await reading.until(1)
    assert subjects(reading) == [3]


async def test_the_log_is_read_once_for_all_readers(read: Read, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    pages: list[list[Event]] = []
    page_of = feed.page_of

    def counted(pbx: str, after: int) -> list[Event]:
        pages.append(page_of(pbx, after))
        return pages[-1]

    monkeypatch.setattr(feed, "page_of", counted)
    readings = [await read() for _ in range(8)]
    await log.write("1.1", "1.2", "1.3", tell=False)
    await log.tell()
    for reading in readings:
        await reading.until(3)
        assert subjects(reading) == [1, 2, 3]
    assert len([page for page in pages if page]) == 1


# Where one goes on who was away.


@pytest.mark.parametrize("by", ["header", "parameter", "both"])
async def test_who_comes_back_gets_all_that_was_missed(read: Read, log: Log, by: str) -> None:
    await log.write(*(f"1.{number}" for number in range(7)))
    header = {"last_event_id": "main:4"} if by != "parameter" else {}
    query = {"header": "", "parameter": "after=main:4", "both": "after=main:1"}[by]
    reading = await read("Viewer", query, **header)
    await log.write("1.8")
    await reading.until(4)
    assert subjects(reading) == [5, 6, 7, 8]
    assert [told.event for told in reading.told] == ["call.ringing"] * 4


async def test_from_the_beginning_and_over_many_pages(read: Read, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "PAGE", 10)
    await log.write(*(f"1.{number}" for number in range(95)))
    reading = await read("Viewer", "after=main:0")
    await reading.until(95)
    assert subjects(reading) == list(range(1, 96))


@pytest.mark.parametrize(
    "after", ["main:2", "main:99", "elsewhere:1", "main:8,elsewhere:1", "nonsense", "main:-1", "main:1e3", "", ","]
)
async def test_what_is_too_old_or_unknown_is_a_reset_and_then_goes_on(read: Read, log: Log, after: str) -> None:
    await log.write(*(f"1.{number}" for number in range(8)))
    await sync_to_async(Event.objects.filter(number__lte=4).delete)()
    reading = await read("Viewer", f"after={after}")
    (told,) = await reading.until(1)
    assert (told.event, told.id, told.data) == ("reset", "main:8", '{"reason": "not in the log"}')
    await log.write("1.9")
    await reading.until(2)
    assert json.loads(reading.told[1].data)["number"] == 9


async def test_the_oldest_that_is_kept_is_not_too_old(read: Read, log: Log) -> None:
    await log.write(*(f"1.{number}" for number in range(8)))
    await sync_to_async(Event.objects.filter(number__lte=4).delete)()
    reading = await read("Viewer", "after=main:4")
    await reading.until(4)
    assert subjects(reading) == [5, 6, 7, 8]


async def test_a_stream_that_is_cut_fifty_times_loses_nothing_and_repeats_nothing(read: Read, log: Log) -> None:
    chance = random.Random(17)
    reading, told, cuts = await read(), list[int](), 0
    written = 0

    async def write() -> None:
        nonlocal written
        while cuts < 50:
            some = chance.randint(1, 4)
            await log.write(*(f"1.{written + number}" for number in range(some)))
            written += some
            await asyncio.sleep(0.003)

    writing = asyncio.create_task(write())
    while cuts < 50:
        await reading.until(chance.randint(1, 6))
        told += subjects(reading)
        await reading.close()
        cuts += 1
        if chance.random() < 0.3:
            await asyncio.sleep(0.01)
        reading = await read(last_event_id=reading.last_id)
    await writing
    await reading.until(written - len(told))
    told += subjects(reading)
    assert told == list(range(1, written + 1))
    assert written > 100


async def test_a_pbx_that_comes_later_is_read_from_its_first_event(read: Read, log: Log) -> None:
    reading = await read()
    await sync_to_async(PBX.objects.create)(name="branch")
    await log.write("7.1", "7.2", pbx="branch")
    await reading.until(2)
    assert reading.told[1].id == "main:0,branch:2"
    again = await read(last_event_id="main:0,branch:1")
    await again.until(1)
    assert json.loads(again.told[0].data)["number"] == 2
    without = await read(last_event_id="main:0")
    await without.until(2)
    assert subjects(without) == [1, 2]


# What somebody wants.


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [1, 2, 3, 4, 6]),
        ("types=call.ringing", [1, 6]),
        ("types=call.*", [1, 2, 6]),
        ("types=call.ended,participant.joined&types=conference.started", [2, 3, 4]),
        ("pbx=main", [1, 2, 3, 4, 6]),
        ("pbx=branch", []),
        ("extension=101", [1, 4]),
        ("extension=102&extension=103", [1, 2]),
        ("conference=8001", [3, 4]),
        ("extension=101&conference=8001", [4]),
        ("extension=0", []),
        ("call=1.1", [1, 2]),
        ("call=1.1&call=2.1&types=call.ringing", [1, 6]),
        ("call=8001", []),
    ],
)
async def test_filters(read: Read, log: Log, query: str, expected: list[int]) -> None:
    await sync_to_async(PBX.objects.create)(name="branch")
    parties = [{"number": "101", "endpoint": "PJSIP/phone"}, {"number": "", "endpoint": "PJSIP/102"}]
    live = await read("Administrator", query)
    await log.write("1.1", data=data(id="1.1", parties=parties))
    await log.write("1.1", type="call.ended", data=data(party={"number": "103"}))
    await log.write("8001", type="conference.started", data=data(pbx="main", conference="8001"))
    joined = data(pbx="main", conference="8001", number="101")
    await log.write("3.1", type="participant.joined", data=joined)
    await log.write("3.1", type="participant.talking", data=joined)
    await log.write("2.1")
    for reading in (live, await read("Administrator", f"{query}&after=main:0,branch:0")):
        await reading.until(len(expected))
        assert subjects(reading) == expected


async def test_who_talks_is_sent_only_to_who_names_it(read: Read, log: Log) -> None:
    with override_settings(EVENT_LOG_TALKING=True):
        named, group = await read("Viewer", "types=participant.talking"), await read("Viewer", "types=participant.*")
    await log.write("3.1", type="participant.talking", data=data(pbx="main", conference="8001"))
    await log.write("3.1", type="participant.left", data=data(pbx="main", conference="8001"))
    await named.until(1)
    await group.until(1)
    assert (subjects(named), subjects(group)) == ([1], [2])


async def test_what_is_passed_over_counts_as_read(read: Read, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "HEARTBEAT", 0.05)
    reading = await read("Viewer", "types=conference.started")
    await log.write("1.1", "1.2")
    while reading.last_id != "main:2":
        await reading.piece()
    assert reading.comments
    assert reading.told == []


@pytest.mark.parametrize(
    ("query", "parameter", "words"),
    [
        ("types=call.sung", "types", "There is no type call.sung. There are: "),
        ("types=*", "types", "There is no type *."),
        ("types=sms.*", "types", "There is no type sms.*."),
        ("types=participant.talking", "types", "only where EVENT_LOG_TALKING is on"),
        ("pbx=elsewhere", "pbx", "There is no PBX elsewhere. There are: main."),
        ("type=call.ended", "type", "There is no field of this name here."),
        (f"call={'x' * 2001}", "call", "at most 2000 characters"),
    ],
)
async def test_a_parameter_that_makes_no_sense_is_named(read: Read, query: str, parameter: str, words: str) -> None:
    reading = await read("Viewer", query)
    assert reading.status == 422
    (error,) = reading.problem["errors"]
    assert error["field"] == parameter
    assert words in error["detail"]
    assert reading.problem["type"] == "/api/v1/problems/bad-input"


# Who may read, and what.


@pytest.mark.parametrize(
    ("role", "status", "slug"),
    [(ANONYMOUS, 401, "not-logged-in"), (NOBODY, 403, "nothing-to-see"), ("Viewer", 200, "")],
)
async def test_who_may_read(read: Read, role: str, status: int, slug: str) -> None:
    reading = await read(role)
    assert reading.status == status
    if slug:
        assert reading.problem["type"] == f"/api/v1/problems/{slug}"
        assert reading.problem["what_to_do"]


async def test_a_problem_is_told_in_the_language_of_who_asks(read: Read) -> None:
    reading = await read("Viewer", "call.x=1", accept_language="zh-hans")
    assert reading.problem["what_to_do"] == "请更正“errors”中列出的字段。"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec_fetch_site": "same-origin"}, 200),
        ({"sec_fetch_site": "none"}, 200),
        ({"origin": "http://localhost"}, 200),
        ({"sec_fetch_site": "same-site"}, 401),
        ({"sec_fetch_site": "cross-site"}, 401),
        ({"origin": "http://localhost:8080"}, 401),
        ({"origin": "null"}, 401),
    ],
)
async def test_a_page_of_another_origin_gets_nothing(read: Read, headers: dict[str, str], status: int) -> None:
    assert (await read("Viewer", **headers)).status == status


@pytest.mark.parametrize(
    ("permission", "number"),
    [("calls.see_calls", 1), ("system.see_states", 2), ("conferences.see_conferences", 3)],
)
async def test_each_is_sent_only_what_they_may_see(read: Read, log: Log, permission: str, number: int) -> None:
    assert (await read(NOBODY)).status == 403

    def permit() -> None:
        app_label, _dot, codename = permission.partition(".")
        allowed = Permission.objects.get(content_type__app_label=app_label, codename=codename)
        User.objects.get().user_permissions.add(allowed)

    await sync_to_async(permit)()
    reading = await read(NOBODY)
    await log.write("1.1")
    await log.write("101@internal", type="extension.state", data=data(extension="101"))
    await log.write("8001", type="conference.started", data=data(pbx="main", conference="8001"))
    again = await read(NOBODY, "after=main:0")
    for stream in (reading, again):
        await stream.until(1)
        assert subjects(stream) == [number]


async def test_whoever_moderates_one_room_is_sent_what_happens_there(read: Read, log: Log) -> None:
    assert (await read(NOBODY)).status == 403

    def moderate() -> None:
        room = Room.objects.create(pbx="main", number="8001")
        room.moderators.add(User.objects.get(groups=None))

    await sync_to_async(moderate)()
    reading = await read(NOBODY)
    await log.write("1.1")
    await log.write("8002", type="conference.started", data=data(pbx="main", conference="8002"))
    await log.write("8001", type="conference.started", data=data(pbx="main", conference="8001"))
    await reading.until(1)
    assert subjects(reading) == [3]


async def test_who_logs_out_is_sent_nothing_any_more(read: Read, log: Log) -> None:
    reading, other = await read("Viewer"), await read("Administrator")
    await sync_to_async(_log_out)("Viewer")
    await reading.to_its_end()
    await log.write("1.1")
    await other.until(1)
    assert reading.told == []


def _log_out(group: str) -> None:
    user = User.objects.get(groups__name=group)
    for session in Session.objects.all():
        if session.get_decoded().get("_auth_user_id") == str(user.pk):
            session.delete()
    live_people.look_at_people([user.pk])


async def test_who_loses_the_permission_is_sent_nothing_of_it_any_more(read: Read, log: Log) -> None:
    reading = await read("Viewer")

    def demote() -> None:
        User.objects.get(groups__name="Viewer").groups.clear()

    await sync_to_async(demote)()  # which the panel tells its hubs by itself
    await reading.to_its_end()
    assert reading.told == []


# Who reads slowly, and what fails.


async def test_who_does_not_read_is_kept_little_for_and_loses_nothing(
    read: Read, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "QUEUE_LIMIT", 20)
    reading = await read()
    (reader,) = Feed.here().readers
    for start in range(0, 300, 10):
        await log.write(*(f"1.{start + number}" for number in range(10)))
        await until_async(lambda: Feed.here().position["main"] == start + 10)  # noqa: B023
        assert len(reader._queue) <= 20
    assert reader.is_behind
    await reading.until(300)
    await log.write("1.300")
    await reading.until(301)
    assert subjects(reading) == list(range(1, 302))
    assert not reader.is_behind


async def stall(reading: Reading, log: Log) -> Reader:
    """Two pieces are on the way, which the other side does not take; its reader."""
    (reader,) = Feed.here().readers
    await log.write("1.1")
    await until_async(reading.is_full)
    await log.write("1.2")
    await until_async(lambda: reader.position == {"main": 2})
    return reader


async def test_a_queue_is_bounded_by_size_too(read: Read, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "QUEUE_SIZE", 1000)
    reading = await read()
    reader = await stall(reading, log)
    await log.write(*(f"1.{number}" for number in range(3, 51)), data=data(name="x" * 100))
    await until_async(lambda: reader.is_behind)
    assert reader._size == 0
    await reading.until(50)
    assert subjects(reading) == list(range(1, 51))


async def test_who_is_behind_for_longer_than_the_log_is_kept_is_reset(
    read: Read, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "QUEUE_LIMIT", 5)
    reading = await read()
    reader = await stall(reading, log)
    await log.write(*(f"1.{number}" for number in range(3, 21)))
    await until_async(lambda: reader.is_behind)
    await sync_to_async(Event.objects.filter(number__lte=10).delete)()
    *before, told = await reading.until(3)
    assert [json.loads(one.data)["number"] for one in before] == [1, 2]
    assert (told.event, told.id) == ("reset", "main:20")


async def test_a_batch_that_was_missed_is_made_good(read: Read, log: Log) -> None:
    reading = await read()
    await log.tell()
    await log.write("1.1", "1.2", tell=False)
    log.batch += 1  # as if the layer had lost it
    await log.write("1.3", tell=False)
    log.batch += 2
    await publish("main", "epoch", log.batch)
    await reading.until(3)
    assert subjects(reading) == [1, 2, 3]


async def test_a_database_that_fails_is_asked_again(read: Read, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "RETRY_AFTER", 0.01)
    reading = await read()
    page_of, failures = feed.page_of, [OperationalError("away"), OperationalError("away")]

    def failing(pbx: str, after: int) -> list[Event]:
        if failures:
            raise failures.pop()
        return page_of(pbx, after)

    monkeypatch.setattr(feed, "page_of", failing)
    await log.write("1.1")
    await reading.until(1)
    assert subjects(reading) == [1]


async def test_a_database_that_fails_while_somebody_catches_up_ends_the_stream_which_goes_on_later(
    read: Read, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    await log.write("1.1", "1.2")

    def failing(pbx: str, after: int) -> list[Event]:
        raise OperationalError("away")

    with monkeypatch.context() as patch:
        patch.setattr(feed, "page_of", failing)
        reading = await read(last_event_id="main:1")
        await reading.to_its_end()
    assert (reading.told, reading.last_id) == ([], "main:1")
    again = await read(last_event_id=reading.last_id)
    await again.until(1)
    assert subjects(again) == [2]


async def test_what_fails_otherwise_ends_the_streams(read: Read, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    reading = await read()

    def failing(event: Event) -> None:
        raise ValueError("a fault")

    with monkeypatch.context() as patch:
        patch.setattr(readers.Entry, "of", failing)
        await log.write("1.1")
        await reading.to_its_end()
    again = await read(last_event_id=reading.last_id)
    await again.until(1)
    assert subjects(again) == [1]


async def test_a_type_that_is_not_known_any_more_is_left_out(read: Read, log: Log) -> None:
    await log.write("1.1", type="call.whistled")
    await log.write("1.1")
    reading = await read("Viewer", "after=main:0")
    await reading.until(1)
    assert subjects(reading) == [2]


async def test_nothing_happens_is_said_now_and_then(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "HEARTBEAT", 0.01)
    reading = await read()
    for _ in range(3):
        await reading.piece()
    assert reading.comments == 3


async def test_without_a_log_there_is_no_stream(read: Read) -> None:
    with override_settings(EVENT_LOG_DAYS=0):
        reading = await read("Viewer")
    assert reading.status == 404
    assert "EVENT_LOG_DAYS" in reading.problem["what_to_do"]


@pytest.mark.parametrize("text", ["", ":", "main", "main:", ":1", "main:1,", "main:١", "main:" + "1" * 19])
def test_what_is_no_position(text: str) -> None:
    assert position_in(text) == {}

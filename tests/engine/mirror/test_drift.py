"""The mirror held against a fresh snapshot: what drifted is healed and told, and nothing else is."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from calls.models import Channel
from conferences.models import Conference, Participant
from engine.ami.client import Session
from engine.ami.protocol import Message
from engine.ami.transports import Address
from engine.demo import DemoPbx, load
from engine.mirror import sync
from engine.mirror.state import State
from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory, PhoneFactory
from tests.waiting import until_async

from .events import CHANNEL
from .test_snapshot import Mirror, mirroring

pytestmark = [pytest.mark.timeout(60)]


@pytest.fixture
async def pbx() -> AsyncIterator[DemoPbx]:
    pbx = DemoPbx(seed=5, lively=False)
    yield pbx
    await pbx.stop()


@pytest.fixture
async def mirror(pbx: DemoPbx) -> AsyncIterator[Mirror]:
    """The mirror of a PBX with 10 calls and a conference of 4."""
    address = await pbx.start()
    load.place_calls(pbx.switch, 10)
    load.fill_conference(pbx.switch, "8001", 4, first=100)
    async with mirroring(address) as mirror:
        await mirror.take()
        await mirror.settle()
        yield mirror


async def check(mirror: Mirror) -> list[str]:
    return [str(found) for found in await sync.check(mirror.session, mirror.state, settle=0.1)]


async def test_a_true_mirror_is_left_alone(mirror: Mirror) -> None:
    mirror.state.take()
    assert await check(mirror) == []
    assert not mirror.state.is_dirty


async def test_a_call_that_ended_unheard_is_taken_away(mirror: Mirror, pbx: DemoPbx) -> None:
    ghost = mirror.state.table(Channel).add("7.7", linkedid="7.7", name="PJSIP/199-1", created_at=mirror.state.now())
    assert await check(mirror) == ["Channel 7.7 is not in the lists"]
    assert mirror.state.table(Channel).get(ghost.uniqueid) is None
    assert await check(mirror) == []


async def test_a_call_that_began_unheard_is_put_in_with_all_its_fields(mirror: Mirror) -> None:
    table = mirror.state.table(Channel)
    missed = next(iter(table.rows.values()))
    table.remove(missed.uniqueid)
    assert await check(mirror) == [f"Channel {missed.uniqueid} is missing"]
    found = table.rows[missed.uniqueid]
    assert {name: found.__dict__[name] for name in Channel.compared_fields} == {
        name: missed.__dict__[name] for name in Channel.compared_fields
    }
    assert missed.uniqueid in table.changed


async def test_a_wrong_field_is_put_right(mirror: Mirror) -> None:
    table = mirror.state.table(Participant)
    row = next(iter(table.rows.values()))
    table.change(row, muted=True)
    assert await check(mirror) == [f"Participant {row.uniqueid}: muted is True, the lists say False"]
    assert row.muted is False


async def test_a_participant_and_a_conference_that_are_gone_are_taken_away(mirror: Mirror) -> None:
    now = mirror.state.now()
    mirror.state.table(Conference).add("8099", started_at=now)
    mirror.state.table(Participant).add("9.9", conference="8099", channel="PJSIP/1-1", joined_at=now)
    assert await check(mirror) == ["Conference 8099 is not in the lists", "Participant 9.9 is not in the lists"]
    assert mirror.count() == [24, 1, 4]


async def test_the_lock_of_which_no_event_tells_is_taken_over_and_is_no_drift(mirror: Mirror, pbx: DemoPbx) -> None:
    pbx.switch.conferences["8001"].locked = True
    assert await check(mirror) == []
    assert mirror.state.table(Conference).rows["8001"].locked


async def test_what_an_event_changes_meanwhile_is_no_drift(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    table = mirror.state.table(Channel)
    ghost, row = "7.7", next(iter(table.rows.values()))
    table.add(ghost, linkedid=ghost, name="PJSIP/199-1", created_at=mirror.state.now())
    table.change(row, caller_name="not yet told")
    compare, compared = sync._compare, asyncio.Event()

    async def comparing(session: Session, state: State) -> tuple[set[sync.Difference], State]:
        found = await compare(session, state)
        compared.set()
        return found

    monkeypatch.setattr(sync, "_compare", comparing)
    checking = asyncio.create_task(sync.check(mirror.session, mirror.state, settle=0.2))
    await asyncio.wait_for(compared.wait(), 20)
    said = {**CHANNEL, "Channel": "PJSIP/199-1", "Uniqueid": ghost, "Linkedid": ghost}
    mirror.state.fold(Message("\r\n".join(["Event: Hangup", *(f"{k}: {v}" for k, v in said.items())]).encode()))
    table.change(row, caller_name="told")
    assert await checking == []
    assert row.caller_name == "told"


async def test_a_list_that_is_refused_takes_nobody_away(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    real = mirror.session.ask_list

    async def refusing(action, **options):  # type: ignore[no-untyped-def]
        answer = await real(action, on_item=None)
        answer.response = Message(b"Response: Error\r\nMessage: Permission denied")
        return answer

    monkeypatch.setattr(mirror.session, "ask_list", refusing)
    assert await check(mirror) == []
    assert mirror.count() == [24, 1, 4]


async def test_a_real_asterisk_and_its_mirror_never_differ(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    """Calls between phones and from outside, Local channels, a queue, conferences with all kinds of participants."""
    async with mirroring(Address.parse(asterisk.ami_url)) as mirror:
        await mirror.take()
        for number in ("101", "102", "104"):
            await asyncio.to_thread(phone_factory, asterisk, number)
        await asyncio.to_thread(caller_factory, asterisk, "101")
        for line in (
            "Local/102@internal application Echo",
            "Local/603@internal application Wait 60",
            "Local/610@internal application Wait 60",
            "Local/5204@internal application Milliwatt",
            *(f"Local/8{kind}01@internal application Milliwatt" for kind in "02340"),
        ):
            await asyncio.to_thread(asterisk.cli, f"channel originate {line}")
        await until_async(lambda: mirror.count()[2] >= 5)
        for _ in range(3):
            await mirror.settle()
            assert await check(mirror) == []
        await asyncio.to_thread(asterisk.quiet)
        await until_async(lambda: mirror.count() == [0, 0, 0])
        await mirror.settle()
        assert await sync.check(mirror.session, mirror.state, settle=1.0) == []


def test_a_shadow_state_shares_nothing_with_the_live_one() -> None:
    one, other = State("main"), State("main")
    one.table(Conference).add("8001", started_at=one.now())
    assert other.table(Conference).rows == {}

"""People are called into a conference: every way in which a call can end, on a real Asterisk 22 and 16."""

import asyncio
from datetime import timedelta

import pytest

from calls.models import Channel
from conferences.invitations import events
from conferences.invitations.models import Invitation
from conferences.rows import Arrivals
from engine.demo import DemoPbx
from engine.mirror.commands import Status
from engine.mirror.state import State
from tests.conferences.calling import ROOM, working
from tests.engine.demo.benches import quick_phones
from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory, PhoneFactory

pytestmark = pytest.mark.timeout(180)


async def test_who_answers_is_in_the_conference_as_he_was_called(
    asterisk: Asterisk, phone_factory: PhoneFactory
) -> None:
    phone = phone_factory(asterisk, "103")
    name = 'O\'Brien, "Ó" (x) \\ ${EXTEN} 李'
    async with working(asterisk) as worker:
        assert (await worker.invite("103", name=name)).done
        await worker.until(lambda: worker.participants and not worker.invitations)
        (person,) = worker.participants
        assert (person.caller_number, person.caller_name, person.conference) == ("103", name, ROOM)
        (states,) = worker.seen.values()
        assert states[:2] == ["waiting", "calling"]
        assert set(states[2:]) <= {"ringing", "answered"}
        # It looks like one of Asterisk's own, so that it sorts as they do.
        seconds, serial = person.uniqueid.split(".")
        assert len(seconds) == 10
        assert int(serial) >= 10**12
        # They see who calls; not their own number.
        channels = worker.state.table(Channel).rows.values()
        (leg,) = (channel for channel in channels if channel.endpoint == "PJSIP/103")
        assert (leg.connected_number, leg.connected_name) == ("104", "Conference 8001")
    assert '"Conference 8001"' in phone.invites()[0]["From"]


async def test_a_conference_that_runs_is_entered_as_the_others_did(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    phone_factory(asterisk, "103")
    async with working(asterisk) as worker:
        caller_factory(asterisk, "8401", name="Carla")  # joins muted, by a profile of its own
        await worker.until(lambda: worker.conference and worker.conference.arguments)
        await worker.invite("103")
        await worker.until(lambda: len(worker.participants) == 2 and not worker.invitations)
        invited = next(person for person in worker.participants if person.caller_number == "103")
        await worker.until(lambda: invited.muted)
        assert invited.arguments == "panel_bridge,panel_muted,panel_menu"


@pytest.mark.parametrize(
    ("number", "behaviour", "state"),
    [("103", "busy", "busy"), ("103", "decline", "declined"), ("604", "", "busy"),
     ("605", "", "failed"), ("777", "", "failed"), ("109", "", "failed")],
)  # fmt: skip
async def test_why_an_invitation_failed_is_told(
    asterisk: Asterisk, phone_factory: PhoneFactory, number: str, behaviour: str, state: str
) -> None:
    if behaviour:
        phone_factory(asterisk, number, behaviour)  # type: ignore[arg-type]
    async with working(asterisk) as worker:
        await worker.invite(number)
        await worker.ends(number, state)
        await asyncio.to_thread(asterisk.quiet)
        assert worker.of(number).state == state
        assert worker.participants == []
        assert worker.state.memory(Arrivals) == {}


@pytest.mark.parametrize("number", ["103", "603"])
async def test_who_does_not_answer_in_time_is_told(
    asterisk: Asterisk, phone_factory: PhoneFactory, monkeypatch: pytest.MonkeyPatch, number: str
) -> None:
    monkeypatch.setattr(events, "RING_TIMEOUT", 3.0)
    if number == "103":
        phone_factory(asterisk, "103", "ring")
    async with working(asterisk) as worker:
        await worker.invite(number)
        await worker.ends(number, "ringing")
        await worker.ends(number, "no answer")
        assert worker.states(number) == ["waiting", "calling", "ringing", "no answer"]


async def test_a_dialplan_that_gives_up_before_us_says_that_nobody_answered(
    asterisk: Asterisk, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk, "103", "ring")
    async with working(asterisk) as worker:
        await worker.invite("103")
        await worker.ends("103", "no answer", seconds=60)
        assert worker.states("103")[:3] == ["waiting", "calling", "ringing"]


async def test_who_answers_and_hangs_up_before_he_joins_is_told_as_such(asterisk: Asterisk) -> None:
    async with working(asterisk) as worker:
        # A locked conference turns them away.
        asterisk.cli("channel originate Local/8001@internal extension 602@internal")
        await worker.until(lambda: worker.participants)
        asterisk.cli("confbridge lock 8001")
        await worker.invite("602")
        await worker.ends("602", "failed")
        assert worker.of("602").words == "answered, but did not join"


async def test_more_than_ten_wait_for_their_turn_and_failures_hold_up_nobody(asterisk: Asterisk) -> None:
    """606 answers after two seconds, 604 is busy at once, 603 never answers."""
    async with working(asterisk) as worker:
        await worker.invite("603")
        for number in range(24):
            kind = "604" if number % 3 == 2 else "606"
            # One number may be called but once: so each has options of its own.
            await worker.invite(str(number), channel=f"Local/{kind}@internal/{'n' * (number + 1)}")
        await worker.until(lambda: len(worker.participants) == 16, 90)
        await worker.until(lambda: sum(row.state == "busy" for row in worker.invitations) == 8)
        assert worker.of("603").state == "ringing"
        await worker.until(lambda: len(worker.invitations) == 9)
        assert worker.most_at_once == events.AT_ONCE
        assert any(states[:2] == ["waiting", "calling"] for states in worker.seen.values())


async def test_a_number_is_called_once_at_a_time_and_a_failed_one_again(asterisk: Asterisk) -> None:
    async with working(asterisk) as worker:
        assert (await worker.invite("603")).done
        again = await worker.invite("603")
        assert (again.status, again.text) == (Status.NOT_POSSIBLE, "This number is already being called.")
        assert (await worker.invite("603", conference="8002")).done
        await worker.invite("604")
        await worker.ends("604", "busy")
        assert (await worker.invite("604", name="Carla")).done
        assert worker.of("604").state == "waiting"
        await worker.until(lambda: worker.of("604").tries == 2)
        await worker.ends("604", "busy")


async def test_a_failed_call_is_tried_again(asterisk: Asterisk, phone_factory: PhoneFactory) -> None:
    phone = phone_factory(asterisk, "103", "busy")
    async with working(asterisk) as worker:
        await worker.invite("103", name="Carla")
        assert (await worker.give("invitation.retry", worker.of("103").code)).status is Status.NOT_POSSIBLE
        await worker.ends("103", "busy")
        phone.stop()
        phone_factory(asterisk, "103", "answer")
        row = worker.of("103")
        who = {"channel": row.channel, "caller_number": "105", "caller_name": "Room"}
        assert (await worker.give("invitation.retry", row.code, **who)).done
        await worker.until(lambda: worker.participants and not worker.invitations)
        assert (row.tries, row.user_id) == (2, 7)
        assert worker.seen[row.code][:4] == ["waiting", "calling", "busy", "waiting"]


async def test_cancelling_stops_the_ringing(asterisk: Asterisk, phone_factory: PhoneFactory) -> None:
    phone = phone_factory(asterisk, "103", "ring")
    async with working(asterisk) as worker:
        await worker.invite("103")
        await worker.ends("103", "ringing")
        assert (await worker.give("invitation.cancel", worker.of("103").code)).done
        await worker.until(lambda: any(line.startswith("CANCEL ") for line, _ in phone.messages("received")))
        await asyncio.to_thread(_wait_for_silence, asterisk)
        assert worker.of("103").state == "cancelled"
        code = worker.of("103").code
        assert (await worker.give("invitation.dismiss", code)).done
        assert worker.invitations == []
        # Somebody else was faster.
        assert (await worker.give("invitation.dismiss", code)).status is Status.REFUSED


async def test_a_call_that_is_cancelled_at_once_never_rings_on(asterisk: Asterisk) -> None:
    """It may have no channel yet, or none that we know of."""
    async with working(asterisk) as worker:
        for delay in (0.0, 0.2, 0.205, 0.21, 0.22, 0.25):
            await worker.invite("603")
            await asyncio.sleep(delay)  # it is cancelled at any moment
            await worker.give("invitation.cancel", worker.of("603").code)
            assert worker.of("603").state == "cancelled"
        await asyncio.to_thread(_wait_for_silence, asterisk)
        assert all(row.state == "cancelled" for row in worker.invitations)


async def test_call_me_in_calls_my_phone_itself(asterisk: Asterisk, phone_factory: PhoneFactory) -> None:
    phone = phone_factory(asterisk, "101")
    silent = phone_factory(asterisk, "103")
    async with working(asterisk) as worker:
        await worker.invite("101", channel="PJSIP/101", name="anna")
        await worker.invite("103", channel="PJSIP/103", name="mona")  # without a caller ID of its own
        await worker.invite("109", channel="PJSIP/109", name="nowhere")
        await worker.until(lambda: len(worker.participants) == 2 and worker.of("109").state == "failed")
        assert {person.caller_number for person in worker.participants} == {"101", "103"}
        assert {person.channel[:9] for person in worker.participants} == {"PJSIP/101", "PJSIP/103"}
    assert '"Conference 8001"' in phone.invites()[0]["From"]
    assert len(silent.invites()) == 1


async def test_call_back_hangs_up_and_calls_again(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    phone = phone_factory(asterisk, "103")
    async with working(asterisk) as worker:
        caller = caller_factory(asterisk, "8101", number="103")  # an admin
        await worker.until(lambda: worker.participants and worker.participants[0].arguments)
        former = worker.participants[0]
        back = {"channel": "Local/103@internal/n", "number": "103", "name": "",
                "caller_number": "", "caller_name": "Room"}  # fmt: skip
        assert (await worker.give("place.call-back", ROOM, uniqueid=former.uniqueid, **back)).done
        await worker.until(lambda: caller.ended)
        await worker.until(lambda: worker.participants and not worker.invitations)
        (person,) = worker.participants
        assert person.uniqueid != former.uniqueid
        assert person.admin  # as before
        # Somebody who has left.
        asterisk.cli(f"channel request hangup {person.channel}")
        await worker.until(lambda: not worker.participants)
        assert (await worker.give("place.call-back", ROOM, uniqueid=person.uniqueid, **back)).done
        await worker.until(lambda: worker.participants)
        assert len(phone.invites()) == 2


async def test_ending_a_conference_calls_nobody_any_more(asterisk: Asterisk, caller_factory: CallerFactory) -> None:
    async with working(asterisk) as worker:
        caller_factory(asterisk, "8001")
        await worker.until(lambda: worker.participants)
        await worker.invite("603")
        await worker.ends("603", "ringing")
        await worker.invite("604")
        await worker.ends("604", "busy")
        await worker.give("conference.end", ROOM)
        await asyncio.to_thread(_wait_for_silence, asterisk)
        await worker.until(lambda: not worker.invitations)


async def test_the_next_worker_goes_on_with_the_calls(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "AT_ONCE", 3)
    phone_factory(asterisk, "103", "ring")
    caller_factory(asterisk, "8001")
    heir = State("main")
    async with working(asterisk) as worker:
        await worker.until(lambda: worker.participants)
        for number in ("103", "606", "603", "602"):
            await worker.invite(number)
        await worker.ends("103", "ringing")
        await worker.ends("603", "ringing")
        assert worker.of("602").state == "waiting"
        for row in worker.invitations:
            heir.table(Invitation).adopt(row)
        ringing = worker.of("603").uniqueid
    # Meanwhile one is over, and one has answered and joined.
    asterisk.cli(f"channel request hangup {next(name for name in asterisk.channels() if 'Local/603' in name)}")
    await asyncio.to_thread(_wait_for_joined, asterisk, "Local/606")
    async with working(asterisk, heir) as worker:
        assert worker.of("603").uniqueid == ringing
        assert worker.of("603").state == "failed"
        assert worker.of("103").state == "ringing"
        assert all(row.number != "606" for row in worker.invitations)
        await worker.until(lambda: len(worker.participants) == 3)  # 602 had its turn
        await worker.give("invitation.cancel", worker.of("103").code)
        assert worker.of("103").state == "cancelled"


def _wait_for_silence(asterisk: Asterisk) -> None:
    while asterisk.channels():
        pass


def _wait_for_joined(asterisk: Asterisk, channel: str) -> None:
    while channel not in asterisk.cli("confbridge list 8001"):
        pass


async def test_nobody_is_called_late_into_a_conference_that_is_over(asterisk: Asterisk) -> None:
    heir = State("main")
    old = {"channel": "Local/602@internal/n", "number": "602", "conference": ROOM}
    row = Invitation(pbx_id="main", code="1", state="waiting", invited_at=heir.now() - timedelta(hours=9), **old)
    heir.table(Invitation).adopt(row)
    gone = Invitation(pbx_id="main", code="2", state="busy", invited_at=heir.now() - timedelta(hours=25), **old)
    heir.table(Invitation).adopt(gone)
    async with working(asterisk, heir) as worker:
        assert row.state == "failed"
        await worker.until(lambda: worker.invitations == [row])
        assert asterisk.channels() == []


async def test_the_demo_pbx_calls_people_in_as_asterisk_does() -> None:
    pbx = DemoPbx(seed=5, lively=False, phones=quick_phones())
    pbx.dialplan.reluctance = 0.0
    address = await pbx.start()
    try:
        async with working(address) as worker:
            for number in ("101", "105", "104"):
                await worker.invite(number)
            await worker.invite("102", channel="PJSIP/102")
            await worker.until(lambda: len(worker.participants) == 2)
            assert {person.caller_number for person in worker.participants} == {"101", "102"}
            await worker.until(lambda: len(worker.invitations) == 2 and worker.of("104").state == "busy")
            assert worker.of("105").state == "ringing"
    finally:
        await pbx.stop()

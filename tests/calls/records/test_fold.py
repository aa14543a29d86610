"""How steps are written: one row each, bounded, and of the right call where calls merge and part again."""

import pytest

from calls.models import Channel
from calls.placed import PlacedCall, PlacedCalls
from calls.records.models import KEPT_STEPS, CallRecord, CallStep
from engine.mirror.state import State
from tests.engine.mirror.events import Told


@pytest.fixture
def told() -> Told:
    return Told()


def kinds(state: State, call: str = "1.1") -> list[str]:
    steps = sorted(state.table(CallStep).rows.values(), key=lambda step: step.order)
    return [step.kind for step in steps if step.call == call]


def test_a_dial_that_rings_within_the_tick_is_one_row_and_else_two(told: Told) -> None:
    told.channel_event("Newchannel", ChannelStateDesc="Down", Exten="")
    told.dial_begins()
    told.channel_event("Newstate", ChannelStateDesc="Ringing")
    assert kinds(told.state) == ["began", "rang"]
    told.channel_event("Newchannel", "1.2", ChannelStateDesc="Down", Linkedid="1.1")
    told.dial_begins("1.2")
    assert len(told.state.take().upserts[CallStep]) == 3
    told.channel_event("Newstate", "1.2", ChannelStateDesc="Ringing", Linkedid="1.1")
    (step,) = told.state.take().upserts[CallStep]
    assert step.__dict__["kind"] == "rang"


def test_a_call_that_a_program_had_placed_has_its_reference(told: Told) -> None:
    call = PlacedCall(7, "c1", "102", reference="order 4711")
    told.state.memory(PlacedCalls).begin("1.1", call)
    told.channel_event("Newchannel", ChannelStateDesc="Down", Exten="")
    told.channel_event("Newchannel", "2.1", Linkedid="2.1")
    records = told.state.table(CallRecord).rows
    assert (records["1.1"].reference, records["2.1"].reference) == ("order 4711", "")


def test_what_is_written_is_forgotten(told: Told) -> None:
    told.channel_event("Newchannel")
    told.state.take()
    assert not told.state.table(CallStep).rows
    told.channel_event("Hangup", Cause="16")
    told.state.take()
    assert not told.state.table(CallStep).rows
    assert not told.state.table(CallRecord).rows


def test_so_many_steps_are_kept_of_one_call(told: Told) -> None:
    told.channel_event("Newchannel")
    for number in range(KEPT_STEPS):
        told.channel_event("Hold" if number % 2 == 0 else "Unhold")
    assert len(kinds(told.state)) == KEPT_STEPS
    told.channel_event("Hangup", Cause="16")
    (record,) = told.state.table(CallRecord).rows.values()
    assert record.ended_at is not None


def test_the_same_place_again_and_again_is_one_step(told: Told) -> None:
    told.channel_event("Newchannel")
    for application in ("BackGround", "WaitExten") * 5:
        told.channel_event("Newexten", Application=application, AppData="menu")
    assert kinds(told.state) == ["began", "reached"]


def test_a_call_that_joins_and_parts_again_has_a_record_of_its_own_again(told: Told) -> None:
    """Two calls that a Local channel joins, whose halves then go."""
    table = told.state.table(Channel)
    told.channel_event("Newchannel", "1.1")
    told.channel_event("Newchannel", "2.1", Channel="PJSIP/102-2")
    told.channel_event("Newchannel", "1.2", Channel="Local/1@i-1;1", Linkedid="1.1")
    told.channel_event("Newchannel", "2.2", Channel="Local/1@i-1;2", Linkedid="2.1")
    assert table.rows["2.1"].call == "1.1"
    records = told.state.table(CallRecord).rows
    assert (records["2.1"].goes_on_in, records["1.1"].ended_at) == ("1.1", None)
    began = records["2.1"].started_at
    told.state.take()
    assert "2.1" not in records, "it is written, and forgotten"
    told.clock.seconds = 30
    told.channel_event("Hangup", "1.2", Channel="Local/1@i-1;1", Linkedid="1.1")
    assert table.rows["2.1"].call == "2.1"
    again = records["2.1"]
    assert (again.goes_on_in, again.ended_at, again.started_at, again.is_whole) == ("", None, began, True)


def test_what_leaves_without_a_hangup_is_lost_after_a_second(told: Told) -> None:
    from calls.records.events import find_lost

    told.channel_event("Newchannel")
    told.state.table(Channel).remove("1.1")
    assert told.state.table(CallRecord).rows["1.1"].ended_at is None
    find_lost(told.state)
    assert kinds(told.state) == ["began", "lost"]
    assert told.state.table(CallRecord).rows["1.1"].ended_at is not None


def test_an_id_that_is_no_time_is_as_old_as_it_was_first_seen(told: Told) -> None:
    """So the call that began later goes on in the earlier one, whoever has made its id."""
    told.clock.seconds = 5
    old = f"{int(told.clock.now().timestamp())}.1"
    told.channel_event("Newchannel", old, Linkedid=old)
    told.clock.seconds = 20
    told.channel_event("Newchannel", "mine", Channel="PJSIP/102-2", Linkedid="mine")
    told.channel_event("Newchannel", "x.2", Channel="Local/1@i-1;1", Linkedid=old)
    told.channel_event("Newchannel", "x.3", Channel="Local/1@i-1;2", Linkedid="mine")
    assert told.channel("mine").call == old


@pytest.mark.parametrize("seconds", [0, 2])
def test_an_answer_says_who_is_connected_unless_it_is_older(told: Told, seconds: int) -> None:
    told.channel_event("Newchannel", "1.1")
    told.channel_event("Newchannel", "1.2", Channel="PJSIP/102-2", ChannelStateDesc="Ringing", Linkedid="1.1")
    told.dial_begins("1.2", "1.1")
    told.channel_event("Newstate", "1.2", ChannelStateDesc="Up", Channel="PJSIP/102-2", Linkedid="1.1")
    told.clock.seconds = seconds
    for uniqueid, name in (("1.2", "PJSIP/102-2"), ("1.1", "PJSIP/101-11")):
        told.channel_event(
            "BridgeEnter", uniqueid, ChannelStateDesc="Up", Channel=name, Linkedid="1.1", BridgeUniqueid="b"
        )
    assert ("met" in kinds(told.state)) is (seconds > 1)

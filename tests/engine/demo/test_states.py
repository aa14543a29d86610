"""What the demo tells of its devices, hints and presences."""

from __future__ import annotations

import random

import pytest

from engine.demo.dialplan import CONTEXT, Dialplan
from engine.demo.fixtures import CAST, SAYINGS
from engine.demo.load import hang_up_all, place_calls
from engine.demo.model import Channel, Fields, Party, State
from engine.demo.schedule import Schedule
from engine.demo.simulator import CONFERENCES, SAYING_SECONDS, Simulator
from engine.demo.states import States, combined
from engine.demo.switch import Switch

from .transcript import agrees


class Pbx:
    """A switch with the dialplan's telephones, and all that it has told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, str]]] = []
        self.schedule = Schedule(1_700_000_000.0)
        chance = random.Random(1)
        self.switch = Switch(self._hear, self.schedule.now, chance)
        self.dialplan = Dialplan(self.switch, self.schedule, CAST, chance)
        self.life = Simulator(self.dialplan, self.schedule, chance)
        assert not self.told, "what has been there from the beginning is no event"

    def _hear(self, name: str, fields: Fields) -> None:
        self.told.append((name, dict(fields)))

    def device(self, name: str) -> list[str]:
        return [
            fields["State"] for event, fields in self.told if event == "DeviceStateChange" and fields["Device"] == name
        ]

    def hint(self, extension: str) -> list[str]:
        return [
            fields["StatusText"]
            for event, fields in self.told
            if event == "ExtensionStatus" and fields["Exten"] == extension
        ]

    def call(self, caller: str, callee: str) -> tuple[Channel, Channel]:
        """One phone dials another, which rings."""
        mine = self.switch.new_channel(f"PJSIP/{caller}", Party(caller), state=State.RING, extension=callee)
        theirs = self.switch.dial(mine, f"PJSIP/{callee}", Party(callee))
        self.switch.ring(theirs)
        return mine, theirs


@pytest.fixture
def pbx() -> Pbx:
    return Pbx()


def test_a_call_is_told_of_both_phones_and_their_hints(pbx: Pbx) -> None:
    mine, theirs = pbx.call("101", "102")
    pbx.switch.connect(theirs)
    pbx.switch.hang_up(mine)
    assert pbx.device("PJSIP/101") == ["INUSE", "NOT_INUSE"]
    assert pbx.device("PJSIP/102") == ["RINGING", "INUSE", "NOT_INUSE"]
    assert pbx.hint("101") == ["InUse", "Idle"]
    assert pbx.hint("102") == ["Ringing", "InUse", "Idle"]


def test_a_phone_in_a_call_that_rings_is_both(pbx: Pbx) -> None:
    pbx.switch.connect(pbx.call("101", "102")[1])
    mine, _theirs = pbx.call("103", "102")
    pbx.switch.hang_up(mine)
    assert pbx.device("PJSIP/102") == ["RINGING", "INUSE", "RINGINUSE", "INUSE"]
    assert pbx.hint("102")[-2:] == ["InUse&Ringing", "InUse"]


def test_whoever_is_held_is_on_hold_until_he_is_taken_back_or_the_holder_leaves(pbx: Pbx) -> None:
    mine, theirs = pbx.call("101", "102")
    pbx.switch.connect(theirs)
    pbx.switch.hold(theirs)
    pbx.switch.unhold(theirs)
    pbx.switch.hold(theirs)
    pbx.switch.redirect(mine, "602")
    assert pbx.device("PJSIP/101") == ["INUSE", "ONHOLD", "INUSE", "ONHOLD", "INUSE"]
    assert pbx.device("PJSIP/102") == ["RINGING", "INUSE", "NOT_INUSE"]


def test_a_parked_call_and_a_conference_are_told(pbx: Pbx) -> None:
    pbx.switch.states.add_hint("8001", CONTEXT, "confbridge:8001", is_told=True)
    mine, theirs = pbx.call("101", "102")
    pbx.switch.connect(theirs)
    pbx.switch.hang_up(pbx.switch.park(mine).channel)
    assert pbx.device("park:701@parkedcalls") == ["INUSE", "NOT_INUSE"]
    mine = pbx.switch.new_channel("PJSIP/101", Party("101"), state=State.RING)
    pbx.switch.answer(mine)
    pbx.switch.join(mine, "8001")
    pbx.switch.hang_up(mine)
    assert pbx.hint("8001") == ["Unavailable", "InUse", "Idle"]


def test_phones_that_nobody_has_added_are_not_told_of(pbx: Pbx) -> None:
    calls = place_calls(pbx.switch, 50)
    hang_up_all(pbx.switch, calls)
    told = {fields["Device"] for event, fields in pbx.told if event == "DeviceStateChange"}
    assert told == {"PJSIP/outside"}
    assert pbx.device("PJSIP/outside") == ["INUSE", "UNAVAILABLE"]


def test_a_hint_is_replaced_and_watches_what_it_names_now() -> None:
    told: list[tuple[str, Fields]] = []
    states = States(lambda name, fields: told.append((name, fields)))
    states.add_phone("PJSIP/101")
    states.add_phone("PJSIP/102")
    assert states.add_hint("200", CONTEXT, "PJSIP/101")
    assert not states.add_hint("200", CONTEXT, "PJSIP/102")
    assert states.add_hint("200", CONTEXT, "PJSIP/102", replace=True)
    told.clear()
    states.set_device("PJSIP/101", "INUSE")
    states.set_device("PJSIP/102", "INUSE")
    states.set_device("PJSIP/102", "INUSE")
    assert [name for name, _fields in told] == ["DeviceStateChange", "DeviceStateChange", "ExtensionStatus"]
    assert dict(states.hint_fields("200", CONTEXT))["StatusText"] == "InUse"
    assert dict(states.hint_fields("201", CONTEXT))["Status"] == "-1"


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (set(), "INVALID"),
        ({"INVALID", "NOT_INUSE"}, "NOT_INUSE"),
        ({"UNAVAILABLE", "NOT_INUSE"}, "NOT_INUSE"),
        ({"RINGING", "NOT_INUSE"}, "RINGING"),
        ({"RINGING", "ONHOLD"}, "RINGINUSE"),
        ({"INUSE", "ONHOLD"}, "INUSE"),
        ({"INUSE", "BUSY"}, "BUSY"),
    ],
)
def test_states_of_several_devices_become_one(states: set[str], expected: str) -> None:
    assert combined(states) == expected


def test_life_has_hints_for_its_rooms_and_people_who_say_where_they_are(pbx: Pbx) -> None:
    pbx.life.begin()
    pbx.schedule.run_until(pbx.schedule.now() + SAYING_SECONDS + 1)
    for name in CONFERENCES:
        assert dict(pbx.switch.states.hint_fields(name, CONTEXT))["StatusText"] == "InUse"
    for number, sayings in SAYINGS.items():
        presentity = f"CustomPresence:{number}"
        said = [
            fields
            for event, fields in pbx.told
            if event == "PresenceStateChange" and fields["Presentity"] == presentity
        ]
        assert [fields["Status"] for fields in said] == [saying.state for saying in sayings[:2]]
        hint = dict(pbx.switch.states.hint_fields(number, CONTEXT))["Hint"]
        assert hint == f"PJSIP/{number},{presentity}"


def test_at_rest_what_is_told_is_what_is() -> None:
    """After hours of life and with everybody gone, no telephone is still in a call."""
    pbx = Pbx()
    pbx.life.begin()
    pbx.schedule.run_until(pbx.schedule.now() + 3 * 3600)
    for channel in list(pbx.switch.channels.values()):
        pbx.switch.hang_up(channel)
    states = pbx.switch.states
    assert {name for name, state in states.devices.items() if state != "NOT_INUSE"} == {"PJSIP/outside"}
    assert {dict(hint)["StatusText"] for hint in states.hints()} == {"Idle"}
    assert {"RINGING", "INUSE", "ONHOLD"} <= {s for number in CAST for s in pbx.device(f"PJSIP/{number}")}


@pytest.mark.parametrize(
    ("expected", "before", "agreed"),
    [
        ("abc", "", True), ("ac", "", True), ("c", "", True), ("ab", "", False), ("bac", "", False),
        ("abcd", "", False), ("", "", False), ("", "b", False), ("", "c", True), ("ab", "c", False),
    ],
)  # fmt: skip
def test_states_may_be_left_out_but_not_the_last(expected: str, before: str, agreed: bool) -> None:
    told, said, earlier = ([[state] for state in states] for states in (expected, "abc", before))
    assert agrees(told, said, earlier) is agreed

"""What others are told of calls, by messages as Asterisk sends them."""

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import override_settings

from calls.event_types import PARTIES, Calls
from calls.models import Channel, ParkedCall, Transfer
from calls.placed import PlacedCall, PlacedCalls
from calls.records.events import find_lost, say_what_was_missed
from calls.records.models import CallRecord
from engine.ami.protocol import Message
from engine.mirror import store
from engine.mirror.models import PBX
from engine.mirror.state import State
from engine.mirror.sync import Snapshot
from tests.engine.mirror.events import CHANNEL, Told
from tests.eventlog.told import events, kinds, told

CALL = {"Linkedid": "1.1"}
BEN = {"Channel": "PJSIP/102-12", "CallerIDNum": "102", "CallerIDName": "Ben Beta", "Linkedid": "1.1"}


class Talk(Told):
    """A call of Anna (101, channel 1.1) to Ben (102, channel 1.2)."""

    def begins(self) -> "Talk":
        self.channel_event("Newchannel", Exten="102")
        self.channel_event("Newexten", Application="Dial", AppData="PJSIP/102")
        return self

    def rings(self) -> "Talk":
        self.begins()
        self.channel_event("Newchannel", "1.2", **BEN, ChannelStateDesc="Down", Exten="")
        self.dial_begins("1.2", "1.1")
        self.channel_event("Newstate", "1.2", **BEN, ChannelStateDesc="Ringing")
        return self

    def talks(self) -> "Talk":
        self.rings()
        self.clock.seconds += 5
        self.channel_event("Newstate", "1.2", **BEN, ChannelStateDesc="Up")
        self.channel_event("Newstate", ChannelStateDesc="Up")
        return self

    def fails(self, status: str, cause: str) -> None:
        dest = {f"Dest{key}": value for key, value in (CHANNEL | BEN | {"Uniqueid": "1.2"}).items()}
        self.channel_event("DialEnd", **dest, DialStatus=status)
        self.channel_event("Hangup", "1.2", **BEN, ChannelStateDesc="Down", Cause=cause)
        self.channel_event("Hangup", Cause="16")

    def hint(self, extension: str) -> None:
        self.hear(
            "ExtensionStatus", Privilege="call,all", Exten=extension, Context="internal", Hint=f"PJSIP/{extension}",
            Status="0", StatusText="Idle",
        )  # fmt: skip

    @property
    def last(self) -> dict[str, Any]:
        return told(self.state)[-1][1]

    @property
    def ended(self) -> dict[str, Any]:
        """The one call that has ended."""
        (data,) = (data for type, data in told(self.state) if type == "call.ended")
        return data


@pytest.fixture
def talk() -> Talk:
    return Talk()


def test_a_call_that_is_answered_and_ends(talk: Talk) -> None:
    talk.talks()
    talk.clock.seconds = 60
    talk.channel_event("Hangup", "1.2", **BEN, ChannelStateDesc="Up", Cause="16")
    talk.channel_event("Hangup", ChannelStateDesc="Up", Cause="16")
    assert kinds(talk.state) == ["call.ringing", "call.answered", "call.ended"]
    (_, ringing), (_, answered), (_, ended) = told(talk.state)
    anna = {
        "channel": "1.1", "name": "Anna Alpha", "number": "101", "endpoint": "PJSIP/101", "answered": False,
        "left": False,
    }  # fmt: skip
    ben = anna | {"channel": "1.2", "name": "Ben Beta", "number": "102", "endpoint": "PJSIP/102"}
    assert ringing == {
        "id": "1.1", "pbx": "main", "direction": "unknown", "parties": [anna, ben],
        "started_at": "2026-11-24T12:00:00.000Z", "answered_at": None, "reference": "", "party": ben,
    }  # fmt: skip
    assert answered["party"] == ben | {"answered": True}
    assert answered["answered_at"] == "2026-11-24T12:00:05.000Z"
    assert (ended["outcome"], ended["cause"], ended["goes_on_in"]) == ("answered", 16, "")
    assert (ended["answered_at"], ended["ended_at"]) == ("2026-11-24T12:00:05.000Z", "2026-11-24T12:01:00.000Z")
    gone = {"answered": True, "left": True}
    assert ended["parties"] == [anna | gone, ben | gone]
    assert {event.subject for event in events(talk.state)} == {"1.1"}
    assert not talk.state.memory(Calls)


@pytest.mark.parametrize(
    ("status", "cause", "outcome", "told_cause"),
    [
        ("BUSY", "17", "busy", 17),
        ("CHANUNAVAIL", "21", "busy", 21),
        ("BUSY", "16", "busy", 16),
        ("NOANSWER", "19", "no-answer", 19),
        ("CANCEL", "26", "no-answer", 26),
        ("NOANSWER", "0", "no-answer", None),
        ("CHANUNAVAIL", "20", "failed", 20),
        ("CONGESTION", "", "failed", None),
    ],
)
def test_why_nobody_has_answered(talk: Talk, status: str, cause: str, outcome: str, told_cause: int | None) -> None:
    talk.rings().fails(status, cause)
    assert (talk.ended["outcome"], talk.ended["cause"], talk.ended["answered_at"]) == (outcome, told_cause, None)


def test_of_several_who_were_called_one_that_rang_says_most(talk: Talk) -> None:
    talk.rings()
    third = {"Channel": "PJSIP/103-13", "CallerIDNum": "103", "Linkedid": "1.1"}
    talk.channel_event("Newchannel", "1.3", **third, ChannelStateDesc="Down")
    talk.dial_begins("1.3", "1.1")
    talk.channel_event("Hangup", "1.3", **third, ChannelStateDesc="Down", Cause="17")
    talk.fails("NOANSWER", "19")
    assert (talk.ended["outcome"], talk.ended["cause"]) == ("no-answer", 19)


@pytest.mark.parametrize(
    ("cause", "outcome"), [("16", "no-answer"), ("", "no-answer"), ("17", "busy"), ("1", "failed")]
)
def test_a_caller_for_whom_nobody_was_called(talk: Talk, cause: str, outcome: str) -> None:
    talk.begins().channel_event("Hangup", Cause=cause)
    assert talk.ended["outcome"] == outcome


def test_a_call_that_the_dialplan_takes_is_answered_by_nobody(talk: Talk) -> None:
    talk.channel_event("Newchannel")
    talk.channel_event("Newexten", Application="Answer", AppData="")
    talk.channel_event("Newstate", ChannelStateDesc="Up")
    assert kinds(talk.state) == ["call.answered"]
    assert talk.last["party"] is None
    assert talk.last["answered_at"] is not None
    talk.channel_event("Hangup", ChannelStateDesc="Up", Cause="16")
    assert talk.ended["outcome"] == "answered"


def test_a_call_that_was_placed_names_its_reference_and_is_answered_when_the_other_answers(talk: Talk) -> None:
    talk.state.memory(PlacedCalls).begin("1.1", PlacedCall(7, "c1", "102", reference="order 4711"))
    talk.channel_event("Newchannel", ChannelStateDesc="Down")
    talk.dial_begins()
    talk.channel_event("Newstate", ChannelStateDesc="Ringing")
    talk.channel_event("Newstate", ChannelStateDesc="Up")
    assert [(type, data["party"]["number"], data["answered_at"]) for type, data in told(talk.state)] == [
        ("call.ringing", "101", None),
        ("call.answered", "101", None),
    ]
    talk.channel_event("Newchannel", "1.2", **BEN, ChannelStateDesc="Down")
    talk.dial_begins("1.2", "1.1")
    talk.channel_event("Newstate", "1.2", **BEN, ChannelStateDesc="Up")
    assert talk.last["party"]["number"] == "102"
    assert talk.last["answered_at"] is not None
    assert {event.reference for event in events(talk.state)} == {"order 4711"}
    assert {data["reference"] for _type, data in told(talk.state)} == {"order 4711"}


@pytest.mark.parametrize("application", ["ConfBridge", "VoiceMail", "Answer"])
def test_a_call_that_was_placed_is_answered_where_the_dialplan_takes_it(talk: Talk, application: str) -> None:
    talk.channel_event("Newchannel", ChannelStateDesc="Down")
    talk.dial_begins()
    talk.channel_event("Newstate", ChannelStateDesc="Up")
    talk.channel_event("Newexten", ChannelStateDesc="Up", Application=application, AppData="8001")
    assert kinds(talk.state) == ["call.answered", "call.answered"]
    assert talk.last["party"] is None
    assert talk.last["answered_at"] is not None


@pytest.mark.parametrize(
    ("hears", "cause", "outcome"),
    [("", "16", "answered"), ("busy", "16", "busy"), ("congestion", "16", "failed"), ("", "1", "failed")],
)
def test_whoever_placed_a_call_and_reached_nobody(talk: Talk, hears: str, cause: str, outcome: str) -> None:
    talk.channel_event("Newchannel", ChannelStateDesc="Down")
    talk.dial_begins()
    talk.channel_event("Newstate", ChannelStateDesc="Up")
    talk.state.table(Channel).change(talk.channel(), hears=hears)
    talk.channel_event("Hangup", ChannelStateDesc="Up", Cause=cause)
    assert (talk.ended["outcome"], talk.ended["answered_at"]) == (outcome, None)


def test_who_picks_up_answers_the_call_that_rang(talk: Talk) -> None:
    talk.rings()
    talk.channel_event("Newchannel", "5.1", Channel="PJSIP/105-15", CallerIDNum="105")
    target = {f"Target{key}": value for key, value in (CHANNEL | BEN | {"Uniqueid": "1.2"}).items()}
    talk.channel_event("Pickup", "5.1", Channel="PJSIP/105-15", CallerIDNum="105", **target)
    assert (kinds(talk.state)[-1], talk.last["id"], talk.last["party"]["channel"]) == ("call.answered", "1.1", "5.1")


def test_hold_at_a_telephone_and_at_the_panel(talk: Talk) -> None:
    talk.talks()
    talk.channel_event("Hold", "1.2", **BEN, ChannelStateDesc="Up")
    talk.channel_event("Unhold", "1.2", **BEN, ChannelStateDesc="Up")
    for channel, name in (("1.1", "PJSIP/101-11"), ("1.2", "PJSIP/102-12")):
        row = talk.channel(channel)
        talk.state.table(Channel).change(row, bridge="b1", name=name)
    transfers = talk.state.table(Transfer)
    transfers.add("t1", held="1.1", mine="1.2", call="1.1", number="103", started_at=talk.clock.now())
    transfers.remove("t1")
    about = [(type, data["party"]["number"]) for type, data in told(talk.state)[2:]]
    assert about == [("call.held", "102"), ("call.resumed", "102")] * 2


@pytest.mark.parametrize("result", ["Success", "Fail"])
def test_a_blind_transfer_at_a_telephone(talk: Talk, result: str) -> None:
    talk.talks()
    parts = {f"Transferer{key}": value for key, value in (CHANNEL | BEN | {"Uniqueid": "1.2"}).items()}
    parts |= {f"Transferee{key}": value for key, value in CHANNEL.items()}
    talk.hear("BlindTransfer", **parts, Result=result, Extension="103", Context="internal")
    if result == "Fail":
        assert "call.transferred" not in kinds(talk.state)
        return
    assert kinds(talk.state)[-1] == "call.transferred"
    data = talk.last
    assert (data["party"]["number"], data["by"]["number"]) == ("101", "102")
    assert (data["to"], data["method"]) == ({"name": "", "number": "103"}, "blind")


def test_an_attended_transfer_at_a_telephone_to_one_whom_asterisk_does_not_name(talk: Talk) -> None:
    talk.talks()
    parts = {f"OrigTransferer{key}": value for key, value in (CHANNEL | BEN | {"Uniqueid": "1.2"}).items()}
    parts |= {f"Transferee{key}": value for key, value in CHANNEL.items()}
    connected = {"SecondTransfererConnectedLineName": "Cleo", "SecondTransfererConnectedLineNum": "103"}
    talk.hear("AttendedTransfer", **parts, **connected, Result="Success")
    assert kinds(talk.state)[-1] == "call.transferred"
    assert (talk.last["to"], talk.last["method"]) == ({"name": "Cleo", "number": "103"}, "attended")


def test_a_call_that_goes_on_in_another_has_ended(talk: Talk) -> None:
    talk.channel_event("Newchannel", "1.1")
    talk.channel_event("Newchannel", "2.1", Channel="PJSIP/102-2")
    talk.channel_event("Newchannel", "1.2", Channel="Local/1@i-1;1", Linkedid="1.1")
    talk.channel_event("Newchannel", "2.2", Channel="Local/1@i-1;2", Linkedid="2.1")
    assert (talk.ended["id"], talk.ended["goes_on_in"]) == ("2.1", "1.1")


@pytest.mark.parametrize(
    ("hints", "direction"),
    [
        ((), "unknown"),
        (("101", "102"), "internal"),
        (("101",), "outbound"),
        (("102",), "inbound"),
        (("109",), "inbound"),
    ],
)
def test_the_direction_is_by_who_of_them_has_a_hint(talk: Talk, hints: tuple[str, ...], direction: str) -> None:
    for extension in hints:
        talk.hint(extension)
    talk.rings()
    assert talk.last["direction"] == direction


def test_only_the_first_parties_are_named(talk: Talk) -> None:
    talk.begins()
    for number in range(2, 3 * PARTIES):
        leg = {"Channel": f"PJSIP/{100 + number}-1", "CallerIDNum": str(100 + number), "Linkedid": "1.1"}
        talk.channel_event("Newchannel", f"1.{number}", **leg, ChannelStateDesc="Ringing")
        talk.channel_event("Hangup", f"1.{number}", **leg, ChannelStateDesc="Ringing", Cause="26")
    talk.channel_event("Hangup", Cause="16")
    named = [party["channel"] for party in talk.ended["parties"]]
    assert named == [f"1.{number}" for number in range(1, PARTIES + 1)]


# What nobody heard of.


async def missed(talk: Talk) -> None:
    await say_what_was_missed(Snapshot(None, talk.state))  # type: ignore[arg-type]


async def test_what_ended_while_nobody_listened_has_an_unknown_outcome(talk: Talk) -> None:
    talk.talks()
    talk.clock.seconds = 30
    talk.state.last_contact = talk.clock.now()
    talk.clock.seconds = 300
    for uniqueid in ("1.1", "1.2"):
        talk.state.table(Channel).remove(uniqueid)
    await missed(talk)
    assert (talk.ended["outcome"], talk.ended["cause"]) == ("unknown", None)
    assert talk.ended["answered_at"] == "2026-11-24T12:00:05.000Z"
    assert talk.ended["ended_at"] == "2026-11-24T12:00:30.000Z"


def test_what_leaves_without_a_hangup_has_an_unknown_outcome(talk: Talk) -> None:
    talk.rings()
    for uniqueid in ("1.1", "1.2"):
        talk.state.table(Channel).remove(uniqueid)
    find_lost(talk.state)
    assert talk.ended["outcome"] == "unknown"


def test_the_next_worker_knows_the_reference_and_who_talks(db: None, talk: Talk) -> None:
    PBX.objects.create(name="main")
    talk.state.memory(PlacedCalls).begin("1.1", PlacedCall(7, "c1", "102", reference="order 4711"))
    talk.talks()
    store.write(talk.state.take())
    heir = Talk()
    store.inherit(heir.state)
    heir.clock.seconds = 60
    heir.channel_event("NewConnectedLine", ChannelStateDesc="Up")
    heir.state.table(Channel).change(heir.channel(), bridge="b1", answered_at=talk.clock.now())
    async_to_sync(missed)(heir)
    heir.clock.seconds = 90
    heir.channel_event("Hangup", ChannelStateDesc="Up", Cause="16")
    assert heir.ended["reference"] == "order 4711"
    assert (heir.ended["outcome"], heir.ended["answered_at"]) == ("answered", "2026-11-24T12:00:05.000Z")


async def test_a_call_that_was_found_in_the_middle_counts_as_answered_by_whoever_talks(talk: Talk) -> None:
    channels = talk.state.table(Channel)
    for uniqueid in ("1.1", "1.2"):
        talk.channel_event("Newstate", uniqueid, Linkedid="1.1", ChannelStateDesc="Up")
        channels.change(talk.channel(uniqueid), bridge="b1")
    talk.state.table(CallRecord).rows["1.1"].answered_at = None
    await missed(talk)
    for uniqueid in ("1.2", "1.1"):
        talk.channel_event("Hangup", uniqueid, Linkedid="1.1", ChannelStateDesc="Up", Cause="16")
    assert talk.ended["outcome"] == "answered"


def test_nothing_is_told_where_the_log_is_off(talk: Talk) -> None:
    with override_settings(EVENT_LOG_DAYS=0):
        talk.talks()
        talk.channel_event("Hangup", "1.2", **BEN, Cause="16")
        talk.channel_event("Hangup", Cause="16")
    assert told(talk.state) == []
    assert not talk.state.memory(Calls)


def test_a_list_of_another_state_tells_nobody(talk: Talk) -> None:
    """As the drift check fills one to compare with."""
    talk.talks()
    before = len(events(talk.state))
    listed = State("main", now=talk.clock.now)
    listed.fold(
        Message("\r\n".join(f"{key}: {value}" for key, value in {"Event": "Newchannel", **CHANNEL}.items()).encode())
    )
    assert len(events(talk.state)) == before


def test_a_parked_call_is_no_event_of_its_own(talk: Talk) -> None:
    talk.talks()
    before = kinds(talk.state)
    talk.state.table(ParkedCall).add("1.1", lot="default", space="701", parked_at=talk.clock.now())
    assert kinds(talk.state) == before

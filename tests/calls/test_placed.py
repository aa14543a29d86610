"""A call that a user places: what is told of it, step by step, from events as Asterisk sends them.

The same on a real Asterisk is in `tests/calls/test_placed_live.py`.
"""

import re
from typing import Any

import pytest

from calls import placed
from calls.events import ask_how_a_dial_ended
from calls.fragments import told_of_call
from calls.models import Channel
from calls.placed import PlacedCall, PlacedCalls, Purpose, Told
from engine.ami.protocol import Message
from engine.mirror import commands
from engine.mirror.context import CommandContext
from engine.mirror.sync import Snapshot
from tests.engine.mirror.events import Told as Events

OTHER = {"Channel": "PJSIP/103-2", "Uniqueid": "1.2", "Linkedid": "1.1"}


class Followed(Events):
    """A state that is told of a call which user 7 has placed."""

    def __init__(self) -> None:
        super().__init__()
        self.calls.begin("1.1", PlacedCall(7, "c1", "103"))
        self.follow_ups: list[tuple[str, str]] = []

    @property
    def calls(self) -> PlacedCalls:
        return self.state.memory(PlacedCalls)

    def follow_up(self, command_id: str, text: str) -> None:
        """As the audit trail does."""
        self.follow_ups.append((command_id, text))

    def told_user(self) -> list[str]:
        """What the user was told, in order."""
        assert {(user_id, code) for user_id, code, _parameters in self.state.notices} <= {(7, "originate")}
        steps = [parameters["step"] for _user_id, _code, parameters in self.state.notices]
        assert steps == sorted(set(steps))
        return [parameters["told"] for _user_id, _code, parameters in self.state.notices]

    def answered(self) -> "Followed":
        self.channel_event("Newchannel", ChannelStateDesc="Down")
        self.channel_event("Newstate", ChannelStateDesc="Ringing")
        self.channel_event("Newstate", ChannelStateDesc="Up")
        return self

    def dials(self) -> "Followed":
        self.channel_event("Newexten", ChannelStateDesc="Up", Application="Dial", AppData="PJSIP/103,30")
        return self

    def dial_ends(self, status: str, cause: str = "") -> None:
        snapshot = {f"Dest{name}": value for name, value in OTHER.items()}
        self.channel_event("DialEnd", ChannelStateDesc="Up", DialStatus=status, **snapshot)
        if cause:
            self.channel_event("Hangup", **OTHER, Cause=cause, ChannelStateDesc="Down")

    async def read_status(self, value: str) -> None:
        """What was asked for is read: the variable has this value."""
        assert ("dial-status", "1.1") in self.state.requests
        await ask_how_a_dial_ended(Snapshot(Answering(value), self.state), "1.1")  # type: ignore[arg-type]

    async def response(self, response: str, reason: str) -> None:
        """The answer to the Originate comes, and what it asks for is done."""
        self.hear("OriginateResponse", ActionID="1.1", Response=response, Reason=reason)
        (job,) = self.state.jobs
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(placed, "FAILURE_DELAY", 0.0)
            patch.setattr(commands, "auditors", [self])
            await placed.note_response(CommandContext(None, self.state, 0, 0.0), job[1])  # type: ignore[arg-type]
        assert self.follow_ups == [("c1", f"{response}, reason {reason}")]


class Answering:
    """A session that answers each question with one value."""

    def __init__(self, value: str) -> None:
        self.value = value

    async def ask(self, action: object, on_item: object = None) -> Any:
        class Answer:
            ok = True
            response = Message(f"Response: Success\r\nValue: {self.value}".encode())

        return Answer()


@pytest.fixture
def call() -> Followed:
    return Followed()


def test_my_phone_rings_and_answers_and_the_number_does(call: Followed) -> None:
    call.answered().dials().channel_event("BridgeEnter", BridgeUniqueid="b", BridgeType="basic", BridgeTechnology="s",
                                          BridgeCreator="", BridgeName="", BridgeNumChannels="1",
                                          BridgeVideoSourceMode="none", ChannelStateDesc="Up")  # fmt: skip
    assert call.told_user() == [Told.RINGING, Told.ANSWERED, Told.CONNECTED]
    call.channel_event("Hangup", ChannelStateDesc="Up", Cause="16")
    assert call.told_user()[-1] == Told.OVER
    assert call.calls.calls == {}


def test_a_number_that_the_dialplan_itself_takes_has_answered(call: Followed) -> None:
    call.answered().channel_event("Newexten", ChannelStateDesc="Up", Application="Answer", AppData=",i")
    assert call.told_user()[-1] == Told.CONNECTED


@pytest.mark.parametrize(
    ("status", "cause", "told", "tone"),
    [
        ("BUSY", "17", Told.BUSY, "busy"),
        ("CHANUNAVAIL", "21", Told.DECLINED, "congestion"),
        ("CONGESTION", "34", Told.UNREACHABLE, "congestion"),
        ("NOANSWER", "19", Told.NO_ANSWER, ""),
    ],
)
async def test_a_dial_that_ended_is_told_with_its_reason_and_the_card_says_the_tone(
    call: Followed, status: str, cause: str, told: Told, tone: str
) -> None:
    call.answered().dials().dial_ends(status, cause)
    await call.read_status(status)
    assert call.told_user() == [Told.RINGING, Told.ANSWERED, told]
    assert call.channel().hears == tone
    call.channel_event("Hangup", ChannelStateDesc="Up", Cause="17")
    assert call.told_user()[-1] == told  # which stays to be read
    assert call.calls.calls == {}


async def test_a_phone_that_cannot_be_reached_raises_no_event_and_is_told_all_the_same(call: Followed) -> None:
    call.answered().dials()
    await call.read_status("CHANUNAVAIL")
    assert call.told_user()[-1] == Told.UNREACHABLE
    assert call.channel().hears == Channel.Tone.CONGESTION


async def test_a_cause_that_comes_behind_what_the_dial_said_is_told(call: Followed) -> None:
    call.answered().dials().dial_ends("CHANUNAVAIL")
    await call.read_status("CHANUNAVAIL")
    assert call.told_user()[-1] == Told.UNREACHABLE
    call.channel_event("Hangup", **OTHER, Cause="21", ChannelStateDesc="Down")
    assert call.told_user()[-1] == Told.DECLINED


async def test_while_nobody_is_dialled_yet_or_any_more_it_is_asked_again(call: Followed) -> None:
    call.answered().dials()
    await call.read_status("")
    assert ("dial-status", "1.1") in call.state.requests
    call.channel_event("Newchannel", **OTHER, ChannelStateDesc="Ringing")
    call.state.requests.clear()
    await ask_how_a_dial_ended(Snapshot(Answering(""), call.state), "1.1")  # type: ignore[arg-type]
    assert ("dial-status", "1.1") not in call.state.requests, "an event will tell"


async def test_while_somebody_else_is_still_dialled_nothing_is_told(call: Followed) -> None:
    call.answered().dials().dial_ends("BUSY", "17")
    await call.read_status("")
    assert call.told_user()[-1] == Told.ANSWERED
    assert call.channel().hears == ""


@pytest.mark.parametrize(
    ("application", "data", "tone", "told"),
    [
        ("Busy", "20", "busy", Told.BUSY),
        ("Congestion", "20", "congestion", Told.UNREACHABLE),
        ("Playtones", "busy", "busy", Told.BUSY),
        ("Ringing", "", "ringing", Told.ANSWERED),
    ],
)
def test_a_tone_of_the_dialplan_is_what_is_heard_until_something_else_is(
    call: Followed, application: str, data: str, tone: str, told: Told
) -> None:
    call.answered().channel_event("Newexten", ChannelStateDesc="Up", Application=application, AppData=data)
    assert (call.channel().hears, call.told_user()[-1]) == (tone, told)
    call.channel_event("Newexten", ChannelStateDesc="Up", Application="Wait", AppData="3600")
    assert call.channel().hears == tone
    call.channel_event("Newexten", ChannelStateDesc="Up", Application="VoiceMail", AppData="103")
    assert call.channel().hears == ""


def test_putting_the_receiver_down_while_the_number_rings_needs_no_words(call: Followed) -> None:
    call.answered().dials().dial_ends("CANCEL", "16")
    call.channel_event("Hangup", ChannelStateDesc="Up", Cause="16")
    assert call.told_user()[-1] == Told.OVER


@pytest.mark.parametrize(
    ("status", "cause", "told"),
    [("NOANSWER", "16", Told.NO_ANSWER), ("", "20", Told.UNREACHABLE), ("", "17", Told.BUSY), ("", "16", Told.OVER)],
)
def test_a_dialplan_that_hangs_up_at_once_has_told_why(call: Followed, status: str, cause: str, told: Told) -> None:
    call.answered().dials()
    if status:
        call.dial_ends(status)
    call.channel_event("Hangup", ChannelStateDesc="Up", Cause=cause)
    assert call.told_user()[-1] == told


@pytest.mark.parametrize(
    ("reason", "cause", "rang", "told"),
    [
        ("0", "16", True, Told.CANCELLED),
        ("0", "127", True, Told.CANCELLED),
        ("0", "16", False, Told.CANCELLED),
        ("0", "17", False, Told.PHONE_BUSY),
        ("0", "21", True, Told.PHONE_BUSY),
        ("0", "", False, Told.PHONE_UNREACHABLE),
        ("0", "3", False, Told.PHONE_UNREACHABLE),
        ("3", "19", True, Told.PHONE_SILENT),
        ("5", "", False, Told.PHONE_BUSY),
        ("8", "", False, Told.PHONE_CONGESTION),
    ],
)
async def test_why_my_own_phone_did_not_take_the_call(
    call: Followed, reason: str, cause: str, rang: bool, told: Told
) -> None:
    if cause:
        call.channel_event("Newchannel", ChannelStateDesc="Down")
        if rang:
            call.channel_event("Newstate", ChannelStateDesc="Ringing")
        call.channel_event("Hangup", ChannelStateDesc="Ringing" if rang else "Down", Cause=cause)
    await call.response("Failure", reason)
    assert call.told_user() == ([Told.RINGING, told] if rang else [told])
    assert call.calls.calls == {}


async def test_a_response_behind_what_it_tells_of_changes_nothing(call: Followed) -> None:
    call.answered().channel_event("Newexten", ChannelStateDesc="Up", Application="Answer", AppData="")
    await call.response("Success", "4")
    assert call.told_user()[-1] == Told.CONNECTED


async def test_a_response_behind_the_end_of_the_call_is_put_on_record_alone(call: Followed) -> None:
    call.answered().channel_event("Newexten", ChannelStateDesc="Up", Application="Answer", AppData="")
    call.channel_event("Hangup", ChannelStateDesc="Up", Cause="16")
    await call.response("Success", "4")
    assert call.told_user()[-1] == Told.OVER


async def test_a_response_before_the_events_says_that_my_phone_has_answered(call: Followed) -> None:
    await call.response("Success", "4")
    assert call.told_user() == [Told.ANSWERED]


def test_the_response_to_a_call_of_somebody_else_is_nothing_to_us(call: Followed) -> None:
    call.hear("OriginateResponse", ActionID="2.2", Response="Failure", Reason="0")
    assert call.state.jobs == set()


def test_what_became_of_a_call_while_nobody_listened_is_not_guessed(call: Followed) -> None:
    call.answered().hear("FullyBooted", Status="Fully Booted")
    assert call.calls.calls == {}


def test_calls_that_nobody_hears_of_again_do_not_pile_up(call: Followed) -> None:
    for number in range(placed.REMEMBERED + 10):
        call.calls.begin(f"2.{number}", PlacedCall(7, "c", "103"))
    assert len(call.calls.calls) == len(call.calls.commands) == placed.REMEMBERED
    assert "1.1" not in call.calls.calls


@pytest.mark.parametrize("told", [told for told in Told if told not in (Told.OVER, Told.TOO_LATE)])
def test_each_step_has_words_with_the_number_and_all_are_one_toast(told: Told) -> None:
    toast = told_of_call({**PlacedCall(7, "c1", "<103>", told=told, step=3).parameters, "pbx": "main"})
    assert "<103>" in toast.text
    assert "&lt;103&gt;" in toast.html
    assert 'id="toast-c1" data-step="3"' in toast.html
    assert ('hx-post="/pbx/main/camp-on/"' in toast.html) is (told is Told.BUSY)


OF_JOINING = {
    Told.CALLING, Told.RINGING, Told.ANSWERED, Told.CANCELLED, Told.PHONE_SILENT, Told.PHONE_BUSY,
    Told.PHONE_CONGESTION, Told.PHONE_UNREACHABLE, Told.CONNECTED, Told.TOO_LATE,
}  # fmt: skip


@pytest.mark.parametrize("purpose", [purpose for purpose in Purpose if purpose])
@pytest.mark.parametrize("told", sorted(OF_JOINING))
def test_each_step_of_joining_a_call_has_words_for_its_purpose(purpose: Purpose, told: Told) -> None:
    call = PlacedCall(7, "c1", "<Anna>", purpose, told=told, step=3, by="<Ben>")
    toast = told_of_call(call.parameters)
    assert toast.text
    assert "<" not in re.sub(r"<(svg|/svg|use|/use|div|/div|button|/button)\b[^>]*>", "", toast.html)
    assert 'id="toast-c1" data-step="3"' in toast.html


def test_who_came_too_late_is_told_who_was_faster() -> None:
    call = PlacedCall(7, "c1", "Anna", Purpose.PICKUP, told=Told.TOO_LATE, by="Ben")
    assert told_of_call(call.parameters).text == "Ben was faster: the call of Anna is theirs."
    call.by = ""
    assert told_of_call(call.parameters).text == "The call of Anna has ended, or was answered elsewhere."


def test_when_it_is_over_the_toast_goes() -> None:
    toast = told_of_call(PlacedCall(7, "c1", "103", told=Told.OVER, step=4).parameters)
    assert toast.html == '<i id="toast-c1" data-step="4" data-gone></i>'


def test_what_a_busy_tone_says_on_the_card() -> None:
    assert [str(tone.label) for tone in Channel.Tone] == [
        "Ringback tone", "Busy tone", "Congestion tone",
    ]  # fmt: skip

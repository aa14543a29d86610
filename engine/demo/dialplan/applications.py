"""What the applications of the dialplan do."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from .. import model
from ..expressions import arguments, is_true
from ..model import Channel
from . import dial, joining, voicemail
from .confbridge import enter_conference

if TYPE_CHECKING:
    from .dialplan import Dialplan

# How long the talker of 608 talks, and is then silent.
TALK_SECONDS = 2.0
# The sounds there are, and how long each takes, in seconds.
SOUNDS: Mapping[str, float] = {
    "beep": 0.3, "hello-world": 1.5, "conf-lockednow": 2.0, "conf-unlockednow": 2.0, "conf-onlyperson": 3.0,
    "confbridge-conf-end": 2.0, "vm-goodbye": 0.8,
}  # fmt: skip
# What `execute` knows, as “core show applications” names and describes it.
SYNOPSES: Mapping[str, str] = {
    "Answer": "Answer a channel if ringing.",
    "Bridge": "Bridge two channels.",
    "BridgeAdd": "Join a bridge that contains the specified channel.",
    "ChanSpy": "Listen to a channel, and optionally whisper into it.",
    "ConfBridge": "Conference bridge application.",
    "Dial": "Attempt to connect to another device or endpoint and bridge the call.",
    "Echo": "Echo media, DTMF back to the calling party",
    "ExecIf": "Executes dialplan application, conditionally.",
    "Goto": "Jump to a particular priority, extension, or context.",
    "GotoIf": "Conditional goto.",
    "Hangup": "Hang up the calling channel.",
    "Milliwatt": "Generates a 1004 Hz test tone at 0dbm (mu-law).",
    "MusicOnHold": "Play Music On Hold indefinitely.",
    "ParkedCall": "Retrieve a parked call.",
    "PickupChan": "Pickup a ringing channel.",
    "Playback": "Play a file.",
    "PlayTones": "Play a tone list.",
    "Read": "Read a variable.",
    "SendDTMF": "Sends arbitrary DTMF digits",
    "Set": "Set channel variable or function value.",
    "UserEvent": "Send an arbitrary user-defined event to parties interested in a channel (AMI users and relevant "
    "res_stasis applications).",
    "VoiceMail": "Leave a Voicemail message.",
    "Wait": "Waits for some time.",
}


def execute(dialplan: "Dialplan", channel: Channel, application: str, data: str, go_on: Callable[[], None]) -> None:
    """What an application does; `go_on` is called when it is over."""
    later = dialplan.schedule.later
    match application:
        case "Answer":
            dialplan.answer(channel)
            go_on()
        case "Set":
            name, _, value = data.partition("=")
            dialplan.assign(channel, name, value)
            go_on()
        case "ExecIf":
            condition, _, then = data.partition("?")
            name, _, inner = then.partition("(")
            if is_true(condition):
                execute(dialplan, channel, name, inner.removesuffix(")"), go_on)
            else:
                go_on()
        case "Wait":
            later(float(data), go_on)
        case "MusicOnHold":
            _class, duration, *_rest = [*arguments(data), ""]
            if duration:
                later(float(duration), go_on)
        case "Goto":
            _go_to(dialplan, channel, data)
        case "GotoIf":
            condition, _, places = data.partition("?")
            then, _, otherwise = places.partition(":")
            place = then if is_true(condition) else otherwise
            if place:
                _go_to(dialplan, channel, place)
            else:
                go_on()
        case "Dial":
            dial.dial_out(dialplan, channel, data, go_on)
        case "Hangup":
            dialplan.switch.hang_up(channel, model.NORMAL if channel.was_bridged else model.NO_CAUSE)
        case "Playback":
            seconds = SOUNDS.get(data)
            channel.variables["PLAYBACKSTATUS"] = "FAILED" if seconds is None else "SUCCESS"
            later(seconds or 0.0, go_on)
        case "UserEvent":
            dialplan.tell(channel, data)
            go_on()
        case "Read":  # nobody at the demo's telephones keys anything in
            variable, *_options, time = [*arguments(data), *[""] * 6][:6]
            channel.variables.update({variable: "", "READSTATUS": "TIMEOUT"})
            later(float(time or 6), go_on)
        case "SendDTMF":
            _send_keys(dialplan, channel, data)
            later(0.35 * len(data), go_on)
        case "ConfBridge":
            enter_conference(dialplan, channel, data)
        case "Milliwatt":
            _begin_to_talk(dialplan, channel, by_turns=False)
        case "PlayTones":
            _begin_to_talk(dialplan, channel, by_turns=True)
            go_on()
        case "PickupChan":
            joining.pick_up(dialplan, channel, data, go_on)
        case "Bridge":
            joining.take_over(dialplan, channel, data, go_on)
        case "BridgeAdd":
            joining.join(dialplan, channel, data, go_on)
        case "ParkedCall":
            joining.retrieve(dialplan, channel, data, go_on)
        case "ChanSpy":
            joining.listen(dialplan, channel, data, go_on)
        case "VoiceMail":
            voicemail.leave_message(dialplan, channel, data)
        case "Echo":
            pass
        case _:
            dialplan.switch.hang_up(channel, model.NO_CAUSE)


def _go_to(dialplan: "Dialplan", channel: Channel, data: str) -> None:
    """`context,extension,priority`, of which the first ones may be missing."""
    given = arguments(data)
    channel.context, extension, priority = [channel.context, channel.extension, ""][: 3 - len(given)] + given[:3]
    dialplan.go_on(channel, extension, int(priority) if priority.isdecimal() and len(priority) < 6 else 0)


def _send_keys(dialplan: "Dialplan", channel: Channel, keys: str) -> None:
    """What one half of a Local channel presses, the other half's party has pressed."""
    if channel.twin is not None:
        for digit in keys:
            dialplan.press(channel.twin, digit)


def _begin_to_talk(dialplan: "Dialplan", channel: Channel, *, by_turns: bool) -> None:
    """What one half of a Local channel plays is the voice of the other half in its conference."""
    if channel.twin is not None:
        other_half = channel.twin
        dialplan.schedule.later(0.1, lambda: _talk(dialplan, other_half, True, by_turns=by_turns))


def _talk(dialplan: "Dialplan", channel: Channel, speaks: bool, *, by_turns: bool) -> None:
    if channel.member is None:
        return
    dialplan.switch.speak(channel.member, speaks)
    if by_turns:
        dialplan.schedule.later(TALK_SECONDS, lambda: _talk(dialplan, channel, not speaks, by_turns=True))

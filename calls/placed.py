"""Calls that users place with a click: what becomes of each, told to its user step by step.

My phone is the first leg; once it is up, the dialplan calls the number. The worker remembers each call by the unique id
that is given to the channel of the first leg, from before it is sent until that channel has hung up.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from engine.ami.protocol import CHANNEL_FIELDS, Message
from engine.mirror.registry import follows, on, when_given
from engine.mirror.sanitize import exact
from engine.mirror.state import State

from .models import Channel

NOTICE = "originate"
# How many are remembered: of one that was refused no event tells that it is over.
REMEMBERED = 2000


class Told(StrEnum):
    """What the user is told of the call."""

    CALLING = "calling"
    RINGING = "ringing"
    ANSWERED = "answered"
    # The first leg failed, so that the number was not called.
    CANCELLED = "cancelled"
    PHONE_SILENT = "phone silent"
    PHONE_BUSY = "phone busy"
    PHONE_CONGESTION = "phone congestion"
    PHONE_UNREACHABLE = "phone unreachable"
    # What became of the second leg.
    CONNECTED = "connected"
    BUSY = "busy"
    DECLINED = "declined"
    NO_ANSWER = "no answer"
    UNREACHABLE = "unreachable"
    # There is nothing more to say.
    OVER = "over"


_BEFORE_ANSWER = (Told.CALLING, Told.RINGING)
_AFTER_ANSWER = (Told.ANSWERED, Told.CONNECTED)
# The `Reason` of an OriginateResponse (AST_CONTROL_…, as main/manager.c puts it).
_REASONS = {
    "1": Told.PHONE_SILENT,
    "3": Told.PHONE_SILENT,
    "5": Told.PHONE_BUSY,
    "8": Told.PHONE_CONGESTION,
}
# Hangup causes (ITU-T Q.850) of a phone that did not take the call; of several legs the last here says most.
_CAUSES = {"18": Told.NO_ANSWER, "19": Told.NO_ANSWER, "17": Told.BUSY, "21": Told.DECLINED}
_RANK = {cause: rank for rank, cause in enumerate(_CAUSES, 1)}
_PHONE_CAUSES = {
    Told.NO_ANSWER: Told.PHONE_SILENT,
    Told.BUSY: Told.PHONE_BUSY,
    Told.DECLINED: Told.PHONE_BUSY,
}
# Normal clearing: somebody has hung it up.
_CLEARED = "16"
# Of my own channel, whose dialplan found no way to the number.
_NO_WAY = ("1", "2", "3", "20", "22", "27", "28", "34", "38", "42")
# `DIALSTATUS`, where no cause says more. (A phone that declines makes it CHANUNAVAIL or NOANSWER.)
_STATUSES = {
    "BUSY": Told.BUSY,
    "NOANSWER": Told.NO_ANSWER,
    "CONGESTION": Told.UNREACHABLE,
    "CHANUNAVAIL": Told.UNREACHABLE,
}


@dataclass(slots=True)
class PlacedCall:
    """One call, by the id of its command; `step` counts what has been told of it."""

    user_id: int
    command_id: str
    number: str
    told: Told = Told.CALLING
    step: int = 0
    # The cause with which the first leg hung up before it was answered; of the others, the one that says most.
    cause: str = ""
    others_cause: str = ""
    # How the last dial ended that was not answered.
    dial_status: str = ""

    @property
    def parameters(self) -> dict[str, Any]:
        """Those of its notice."""
        return {"call": self.command_id, "number": self.number, "told": self.told.value, "step": self.step}

    @property
    def outcome(self) -> Told | None:
        """What the second leg's causes and the dial say; None where neither says anything."""
        return _CAUSES.get(self.others_cause) or _STATUSES.get(self.dial_status)


def new_uniqueids(now: datetime) -> tuple[str, str]:
    """Of a channel and of the other half of a Local one: as Asterisk's own, but with serials that it never reaches."""
    serial = 10**12 + 2 * secrets.randbelow(10**12)
    seconds = int(now.timestamp())
    return f"{seconds}.{serial}", f"{seconds}.{serial + 1}"


@when_given(NOTICE)
def begin(state: State, user_id: int, command_id: str, parameters: Mapping[str, Any]) -> None:
    while len(state.placed) >= REMEMBERED:
        del state.placed[next(iter(state.placed))]
    state.placed[str(parameters["uniqueid"])] = PlacedCall(user_id, command_id, str(parameters["number"]))


def tell(state: State, call: PlacedCall, told: Told) -> None:
    call.told = told
    call.step += 1
    state.notices.append((call.user_id, NOTICE, call.parameters))


@follows(NOTICE)
def first_leg_ended(state: State, event: Message, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """The OriginateResponse. It may come behind what it tells of, or behind the end of the call."""
    uniqueid, reason = str(parameters["uniqueid"]), event.get("Reason")
    call = state.placed.get(uniqueid)
    if call is None:
        call = PlacedCall(0, "", str(parameters["number"]), Told.OVER)
    elif event.get("Response") == "Success":
        if call.told in _BEFORE_ANSWER:
            call.told, call.step = Told.ANSWERED, call.step + 1
    else:
        call.told, call.step = _failure(reason, call), call.step + 1
        del state.placed[uniqueid]
    return {**call.parameters, "reason": reason}


def _failure(reason: str, call: PlacedCall) -> Told:
    """Why the first leg failed. The response alone tells no busy phone from one that cannot be reached."""
    if reason in _REASONS:
        return _REASONS[reason]
    if call.cause in _CAUSES:
        return _PHONE_CAUSES[_CAUSES[call.cause]]
    # One that rang was reached.
    was_cleared = call.cause == _CLEARED or (call.cause and call.told is Told.RINGING)
    return Told.CANCELLED if was_cleared else Told.PHONE_UNREACHABLE


@on("FullyBooted")
def link_comes_up(state: State, event: Message) -> None:
    """What became of them meanwhile nobody knows."""
    state.placed.clear()


@on("Newstate", required=CHANNEL_FIELDS)
def first_leg_rings_or_is_up(state: State, event: Message) -> None:
    if not state.placed:
        return
    call = state.placed.get(exact(event.get("Uniqueid")))
    if call is None or call.told not in _BEFORE_ANSWER:
        return
    if event.get("ChannelStateDesc") == "Up":
        tell(state, call, Told.ANSWERED)
    elif event.get("ChannelStateDesc") == "Ringing" and call.told is Told.CALLING:
        tell(state, call, Told.RINGING)


@on("BridgeEnter", required=CHANNEL_FIELDS)
def meets_the_other(state: State, event: Message) -> None:
    if state.placed:
        _connected(state, exact(event.get("Uniqueid")))


def runs(state: State, uniqueid: str, application: str) -> None:
    """The channel begins an application: the dialplan itself may be what takes the call."""
    if state.placed and application == "Answer":
        _connected(state, uniqueid)


def _connected(state: State, uniqueid: str) -> None:
    call = state.placed.get(uniqueid)
    if call is not None and call.told is not Told.CONNECTED:
        tell(state, call, Told.CONNECTED)


@on("DialEnd", required=CHANNEL_FIELDS)
def is_not_answered(state: State, event: Message) -> None:
    call = state.placed.get(exact(event.get("Uniqueid")))
    if call is not None and event.get("DialStatus") != "ANSWER":
        call.dial_status = event.get("DialStatus")


def dial_ended(state: State, uniqueid: str, status: str) -> None:
    """The channel's Dial() is over, with this `DIALSTATUS`."""
    call = state.placed.get(uniqueid)
    if call is not None and call.told is Told.ANSWERED and status in _STATUSES:
        call.dial_status = status
        tell(state, call, call.outcome or _STATUSES[status])


def hears(state: State, uniqueid: str, tone: str) -> None:
    """The channel hears this tone from now on."""
    call = state.placed.get(uniqueid)
    if call is not None and call.told in _AFTER_ANSWER and tone in (Channel.Tone.BUSY, Channel.Tone.CONGESTION):
        told = Told.BUSY if tone == Channel.Tone.BUSY else Told.UNREACHABLE
        tell(state, call, call.outcome or told)


@on("Hangup", required=CHANNEL_FIELDS)
def hangs_up(state: State, event: Message) -> None:
    if not state.placed:
        return
    uniqueid, cause = exact(event.get("Uniqueid")), event.get("Cause")
    call = state.placed.get(uniqueid)
    if call is None:
        call = state.placed.get(exact(event.get("Linkedid")))
        if call is not None and _RANK.get(cause, 0) > _RANK.get(call.others_cause, 0):
            call.others_cause = cause
            if call.told in _STATUSES.values() and call.outcome not in (None, call.told):
                tell(state, call, call.outcome)  # it came behind what the dial said
    elif call.told in _BEFORE_ANSWER:
        call.cause = cause  # the response is still to come, and tells
    else:
        del state.placed[uniqueid]
        if call.told is Told.ANSWERED:
            tell(state, call, _ended(call, cause))
        elif call.told is Told.CONNECTED:
            tell(state, call, Told.OVER)


def _ended(call: PlacedCall, cause: str) -> Told:
    """Why my channel hung up before anybody took the call."""
    if call.dial_status == "CANCEL":  # I have put the receiver down
        return Told.OVER
    no_way = Told.UNREACHABLE if cause in _NO_WAY else Told.OVER
    return call.outcome or _CAUSES.get(cause) or no_way

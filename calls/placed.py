"""Calls that users place with a click: what becomes of each, reported to its user step by step.

My phone is the first leg; once it is up, the dialplan calls the number. The worker remembers each call by the unique id
that is given to the channel of the first leg, from before it is sent until that channel has hung up.
"""

import asyncio
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any

from engine.ami.protocol import CHANNEL_FIELDS, Message
from engine.mirror import commands
from engine.mirror.context import CommandContext
from engine.mirror.patience import patiently
from engine.mirror.registry import job, on
from engine.mirror.sanitize import clean, exact
from engine.mirror.state import State

from .models import Channel

NOTICE = "originate"
# How many are remembered: no event says that a refused one is over.
REMEMBERED = 2000
# How long a failed Originate, or one that came too late, waits for the events that explain it, in seconds.
FAILURE_DELAY = 0.3


class Told(StrEnum):
    """What the user is notified of."""

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
    # My phone answered, and there was no call to join any more.
    TOO_LATE = "too late"
    # There is nothing more to say.
    OVER = "over"


class Purpose(StrEnum):
    """What my phone does once it has answered: what application it runs (see `calls.control`)."""

    CALL = ""
    PICKUP = "PickupChan"
    TAKEOVER = "Bridge"
    RETRIEVE = "ParkedCall"
    LISTEN = "ChanSpy"


_JOINING = (Purpose.PICKUP, Purpose.TAKEOVER, Purpose.RETRIEVE)


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
# Of my own channel, whose dialplan found no route to the number.
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
    """One call, by the id of its command; `step` counts its notices so far.

    `number` is what is dialled; for another `purpose` than a call, whom it is about, and `about` the id of their call.
    `reference` is what whoever placed it has named it by.
    """

    user_id: int
    command_id: str
    number: str
    purpose: Purpose = Purpose.CALL
    about: str = ""
    # What whoever asked calls it by (see `calls.records.models.CallRecord`).
    reference: str = ""
    told: Told = Told.CALLING
    step: int = 0
    # The cause with which the first leg hung up before it was answered; of the others, the one that says most.
    cause: str = ""
    others_cause: str = ""
    # How the last unanswered dial ended.
    dial_status: str = ""
    # Who has the call that I came too late for, where somebody has.
    by: str = ""

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of its notice."""
        return {
            "call": self.command_id,
            "number": self.number,
            "told": self.told.value,
            "step": self.step,
            "purpose": self.purpose.value,
            "by": self.by,
        }

    @property
    def outcome(self) -> Told | None:
        """The result by the second leg's causes and the dial; None where neither gives one."""
        return _CAUSES.get(self.others_cause) or _STATUSES.get(self.dial_status)


def new_uniqueids(now: datetime) -> tuple[str, str]:
    """Of a channel and of the other half of a Local one: as Asterisk's own, but with serials that it never reaches."""
    serial = 10**12 + 2 * secrets.randbelow(10**12)
    seconds = int(now.timestamp())
    return f"{seconds}.{serial}", f"{seconds}.{serial + 1}"


class PlacedCalls:
    """The calls of one PBX that are not over, by the unique id of their first channel."""

    def __init__(self) -> None:
        self.calls: dict[str, PlacedCall] = {}
        # Of those whose Originate is not answered yet, the command: the call may be over before that is.
        self.commands: dict[str, PlacedCall] = {}
        # Of those that came too late, until it is known who was faster.
        self.late: dict[str, PlacedCall] = {}

    def begin(self, uniqueid: str, call: PlacedCall) -> None:
        """Remember one, by the unique id of its channel, before it is sent."""
        for known in (self.calls, self.commands):
            while len(known) >= REMEMBERED:
                del known[next(iter(known))]
        self.calls[uniqueid] = self.commands[uniqueid] = call

    def forget(self, uniqueid: str) -> None:
        """One that Asterisk did not even start."""
        self.calls.pop(uniqueid, None)
        self.commands.pop(uniqueid, None)


def tell(state: State, call: PlacedCall, told: Told) -> None:
    call.told = told
    call.step += 1
    state.notices.append((call.user_id, NOTICE, {**call.parameters, "pbx": state.pbx}))


@on("OriginateResponse")
def first_leg_ended(state: State, event: Message) -> None:
    """Its ActionID is the unique id. It may come after what it reports, or after the end of the call."""
    uniqueid = exact(event.get("ActionID"))
    if uniqueid in state.memory(PlacedCalls).commands:
        key = (uniqueid, clean(event.get("Response")), clean(event.get("Reason")))
        state.ask_for_job("originate-response", "\0".join(key))


@job("originate-response")
async def note_response(ctx: CommandContext, key: str) -> None:
    """Tell the user, and the audit trail, what became of the first leg."""
    uniqueid, response, reason = key.split("\0")
    placed = ctx.state.memory(PlacedCalls)
    call = placed.commands.pop(uniqueid, None)
    if call is None:
        return
    if response != "Success":
        # The events of the channel that failed may come after the response, and tell why.
        await asyncio.sleep(FAILURE_DELAY)
        if placed.calls.pop(uniqueid, None) is call:
            tell(ctx.state, call, _failure(reason, call))
    elif call.told in _BEFORE_ANSWER and uniqueid in placed.calls:
        tell(ctx.state, call, Told.ANSWERED)
    words = f"{response}, reason {reason}"
    await patiently(partial(commands.auditors[0].follow_up, call.command_id, words))


def _failure(reason: str, call: PlacedCall) -> Told:
    """Why the first leg failed. The response alone does not tell a busy phone from an unreachable one."""
    if reason in _REASONS:
        return _REASONS[reason]
    if call.cause in _CAUSES:
        return _PHONE_CAUSES[_CAUSES[call.cause]]
    # One that rang was reached.
    was_cleared = call.cause == _CLEARED or (call.cause and call.told is Told.RINGING)
    return Told.CANCELLED if was_cleared else Told.PHONE_UNREACHABLE


@on("FullyBooted")
def link_comes_up(state: State, event: Message) -> None:
    """Nobody knows what became of them meanwhile."""
    state.memory(PlacedCalls).calls.clear()


@on("Newstate", required=CHANNEL_FIELDS)
def first_leg_rings_or_is_up(state: State, event: Message) -> None:
    calls = state.memory(PlacedCalls).calls
    if not calls:
        return
    call = calls.get(exact(event.get("Uniqueid")))
    if call is None or call.told not in _BEFORE_ANSWER:
        return
    if event.get("ChannelStateDesc") == "Up":
        tell(state, call, Told.ANSWERED)
    elif event.get("ChannelStateDesc") == "Ringing" and call.told is Told.CALLING:
        tell(state, call, Told.RINGING)


@on("BridgeEnter", required=CHANNEL_FIELDS)
def meets_the_other(state: State, event: Message) -> None:
    if state.memory(PlacedCalls).calls:
        _connected(state, exact(event.get("Uniqueid")))


def runs(state: State, uniqueid: str, application: str) -> None:
    """The channel begins an application: the dialplan itself may be what takes the call."""
    if state.memory(PlacedCalls).calls and application == "Answer":
        _connected(state, uniqueid)


def _connected(state: State, uniqueid: str) -> None:
    call = state.memory(PlacedCalls).calls.get(uniqueid)
    if call is not None and call.told is not Told.CONNECTED:
        tell(state, call, Told.CONNECTED)


@on("DialEnd", required=CHANNEL_FIELDS)
def is_not_answered(state: State, event: Message) -> None:
    call = state.memory(PlacedCalls).calls.get(exact(event.get("Uniqueid")))
    if call is not None and event.get("DialStatus") != "ANSWER":
        call.dial_status = event.get("DialStatus")


def dial_ended(state: State, uniqueid: str, status: str) -> None:
    """The channel's Dial() is over, with this `DIALSTATUS`."""
    call = state.memory(PlacedCalls).calls.get(uniqueid)
    if call is not None and call.told is Told.ANSWERED and status in _STATUSES:
        call.dial_status = status
        tell(state, call, call.outcome or _STATUSES[status])


def hears(state: State, uniqueid: str, tone: str) -> None:
    """The channel hears this tone from now on."""
    call = state.memory(PlacedCalls).calls.get(uniqueid)
    if call is not None and call.told in _AFTER_ANSWER and tone in (Channel.Tone.BUSY, Channel.Tone.CONGESTION):
        told = Told.BUSY if tone == Channel.Tone.BUSY else Told.UNREACHABLE
        tell(state, call, call.outcome or told)


@on("Hangup", required=CHANNEL_FIELDS)
def hangs_up(state: State, event: Message) -> None:
    calls = state.memory(PlacedCalls).calls
    if not calls:
        return
    uniqueid, cause = exact(event.get("Uniqueid")), event.get("Cause")
    call = calls.get(uniqueid)
    if call is None:
        call = calls.get(exact(event.get("Linkedid")))
        if call is not None and _RANK.get(cause, 0) > _RANK.get(call.others_cause, 0):
            call.others_cause = cause
            if call.told in _STATUSES.values() and call.outcome not in (None, call.told):
                tell(state, call, call.outcome)  # it came after what the dial said
    elif call.told in _BEFORE_ANSWER:
        call.cause = cause  # the response is still to come, and says it
    else:
        del calls[uniqueid]
        if call.told is Told.ANSWERED and call.purpose in _JOINING:
            state.memory(PlacedCalls).late[uniqueid] = call
            state.ask_for_job("too-late", uniqueid)
        elif call.told is Told.ANSWERED:
            tell(state, call, _ended(call, cause))
        elif call.told is Told.CONNECTED:
            tell(state, call, Told.OVER)


@job("too-late")
async def came_too_late(ctx: CommandContext, uniqueid: str) -> None:
    """Tell who has the call, once the events have come by which whoever was faster is with the caller."""
    await asyncio.sleep(FAILURE_DELAY)
    call = ctx.state.memory(PlacedCalls).late.pop(uniqueid, None)
    if call is not None:
        call.by = _who_has(ctx.state, call.about, uniqueid)
        tell(ctx.state, call, Told.TOO_LATE)


def _who_has(state: State, call: str, mine: str) -> str:
    """Who answered a call last, of those who are in it; empty where nobody is."""
    answered = [
        row
        for row in state.table(Channel).where("call", call)
        if row.uniqueid != mine and row.is_up and not row.is_local
    ]
    return answered[-1].label if len(answered) > 1 else ""


def _ended(call: PlacedCall, cause: str) -> Told:
    """Why my channel hung up before anybody took the call."""
    if call.dial_status == "CANCEL":  # I have hung up
        return Told.OVER
    no_way = Told.UNREACHABLE if cause in _NO_WAY else Told.OVER
    return call.outcome or _CAUSES.get(cause) or no_way

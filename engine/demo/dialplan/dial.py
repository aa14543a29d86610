"""Dial(): a telephone is called, and takes the call as is its habit."""

import re
from typing import TYPE_CHECKING

from .. import model
from ..fixtures import Habit, Phone, habit_of
from ..model import Channel, State
from .extensions import CONTEXT, OUTSIDE_CONTEXT

if TYPE_CHECKING:
    from .dialplan import Dialplan

DIAL_SECONDS = 30
# How long Asterisk lets a caller hear the busy tone before it hangs up.
TONE_SECONDS = 10.0


def dial(dialplan: "Dialplan", channel: Channel, extension: str) -> None:
    number = extension.removeprefix("9") if len(extension) > 3 else extension
    inside = extension in dialplan.phones or re.fullmatch(r"1\d\d", extension) is not None
    data = f"PJSIP/{number},{DIAL_SECONDS}" if inside else f"PJSIP/{number}@trunk,{DIAL_SECONDS}"
    dialplan.switch.run(channel, extension, 1, "Dial", data)
    channel.variables["DIALSTATUS"] = ""
    if inside and extension not in dialplan.phones:
        channel.variables["DIALSTATUS"] = "CHANUNAVAIL"
        _give_tone(dialplan, channel, model.NO_ROUTE)
        return
    phone = dialplan.phones[extension] if inside else Phone(number, habit=habit_of(number))
    endpoint = f"PJSIP/{number}" if inside else "PJSIP/trunk"
    callee = dialplan.switch.dial(channel, endpoint, phone.caller_id, CONTEXT if inside else OUTSIDE_CONTEXT)
    dialplan.schedule.later(0.1, lambda: _offer(dialplan, phone, callee, channel))


def call_back(dialplan: "Dialplan", channel: Channel, phone: Phone, place: str) -> None:
    """The channel dials whoever has parked it, at this place of a dialplan that Asterisk writes itself."""
    dialplan.switch.run(channel, place, 1, "Dial", f"PJSIP/{phone.number},{DIAL_SECONDS}")
    channel.variables["DIALSTATUS"] = ""
    callee = dialplan.switch.dial(channel, f"PJSIP/{phone.number}", phone.caller_id)
    dialplan.schedule.later(0.1, lambda: _offer(dialplan, phone, callee, channel))


def reject(dialplan: "Dialplan", callee: Channel) -> None:
    """The telephone is called busy while it rings or before."""
    caller = callee.dialled_by
    if caller is None:
        dialplan.switch.hang_up(callee, model.BUSY)
        return
    _end_dial(dialplan, caller, callee, "BUSY")
    dialplan.switch.hang_up(callee, model.BUSY, keep_caller=True)
    _give_tone(dialplan, caller, model.BUSY)


def _offer(dialplan: "Dialplan", phone: Phone, callee: Channel, caller: Channel) -> None:
    if callee.is_gone:
        return
    if phone.habit is Habit.BUSY:
        reject(dialplan, callee)
        return
    dialplan.switch.ring(callee)
    if picks_up(dialplan, phone):
        dialplan.schedule.later(ringing_time(dialplan, phone), lambda: _pick_up(dialplan, callee))
    else:
        dialplan.schedule.later(DIAL_SECONDS, lambda: _give_up(dialplan, callee))


def _pick_up(dialplan: "Dialplan", callee: Channel) -> None:
    if callee.dialled_by is not None:
        _end_dial(dialplan, callee.dialled_by, callee, "ANSWER")
    if not callee.is_gone:
        dialplan.switch.connect(callee)


def _give_up(dialplan: "Dialplan", callee: Channel) -> None:
    if callee.state is not State.UP:
        if callee.dialled_by is not None:
            _end_dial(dialplan, callee.dialled_by, callee, "NOANSWER")
        dialplan.switch.hang_up(callee, model.NO_CAUSE)


def _end_dial(dialplan: "Dialplan", caller: Channel, callee: Channel, status: str) -> None:
    if not caller.is_gone and not callee.is_gone:
        caller.variables["DIALSTATUS"] = status
        dialplan.switch.end_dial(caller, callee, status)


def _give_tone(dialplan: "Dialplan", channel: Channel, cause: int) -> None:
    """The caller hears that it will not be; one whom nobody has answered yet is refused instead."""
    switch, unless_elsewhere = dialplan.switch, dialplan.unless_elsewhere
    if channel.state is State.RING:
        switch.refuse(channel, busy=cause == model.BUSY)
        dialplan.schedule.later(0.1, unless_elsewhere(channel, lambda: switch.hang_up(channel, cause)))
    else:
        channel.doomed = cause
        over = unless_elsewhere(channel, lambda: switch.end_dialplan(channel, cause))
        dialplan.schedule.later(TONE_SECONDS, over)


# How a telephone takes a call.


def picks_up(dialplan: "Dialplan", phone: Phone) -> bool:
    if phone.habit is not Habit.ANSWERS:
        return False
    return phone.rings_for is not None or dialplan.chance.random() >= dialplan.reluctance


def ringing_time(dialplan: "Dialplan", phone: Phone) -> float:
    return phone.rings_for if phone.rings_for is not None else dialplan.chance.uniform(1.0, 3.0)

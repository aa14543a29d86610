"""Dial(): a telephone is called, and takes the call as is its habit."""

import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from .. import model
from ..expressions import arguments
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
        _fail(dialplan, channel, model.NO_ROUTE)
        return
    phone = dialplan.phones[extension] if inside else Phone(number, habit=habit_of(number))
    endpoint = f"PJSIP/{number}" if inside else "PJSIP/trunk"
    callee = dialplan.switch.dial(channel, endpoint, phone.caller_id, CONTEXT if inside else OUTSIDE_CONTEXT)
    dialplan.schedule.later(0.1, lambda: _offer(dialplan, phone, callee))


def call_back(dialplan: "Dialplan", channel: Channel, phone: Phone, place: str) -> None:
    """The channel dials whoever has parked it, at this place of a dialplan that Asterisk writes itself."""
    dialplan.switch.run(channel, place, 1, "Dial", f"PJSIP/{phone.number},{DIAL_SECONDS}")
    channel.variables["DIALSTATUS"] = ""
    callee = dialplan.switch.dial(channel, f"PJSIP/{phone.number}", phone.caller_id)
    dialplan.schedule.later(0.1, lambda: _offer(dialplan, phone, callee))


def dial_out(dialplan: "Dialplan", channel: Channel, data: str, go_on: Callable[[], None]) -> None:
    """The application: a telephone, or an extension by a Local channel; for so long; with `g` the caller goes on."""
    target, seconds, options = [*arguments(data), "", ""][:3]
    technology, _, number = target.partition("/")
    channel.variables["DIALSTATUS"] = ""
    # With `g` it goes on, too, when whoever has answered is gone.
    goes_on = "g" in options
    if technology == "Local":
        place, _, flags = number.partition("/")
        extension, _, context = place.partition("@")
        two = dialplan.switch.dial_local(channel, extension, context or CONTEXT, stays="n" in flags)
        channel.goes_on = goes_on
        if two.twin is not None:
            dialplan.schedule.later(float(seconds or DIAL_SECONDS), partial(_give_up, dialplan, two.twin))
        dialplan.run(two, extension)
    elif technology == "PJSIP" and number in dialplan.phones:
        phone = dialplan.phones[number]
        callee = dialplan.switch.dial(channel, target, phone.caller_id)
        channel.goes_on = goes_on
        dialplan.schedule.later(0.1, lambda: _offer(dialplan, phone, callee, float(seconds or DIAL_SECONDS)))
    else:
        channel.variables["DIALSTATUS"] = "CHANUNAVAIL"
        go_on()


def answer(dialplan: "Dialplan", channel: Channel) -> None:
    """The channel is up; whoever calls by it, where it is half of a Local channel, talks to the other half."""
    dialplan.switch.answer(channel)
    half = channel.twin
    if half is not None and half.dialled_by is not None:
        _connect(dialplan, half)


def take(dialplan: "Dialplan", channel: Channel) -> None:
    """The telephone takes the call that rings at it, where one does."""
    if channel.state is not State.RINGING:
        return
    if channel.on_pick_up is not None:
        channel.on_pick_up(channel)
    else:
        _connect(dialplan, channel)


def reject(dialplan: "Dialplan", callee: Channel) -> None:
    """The telephone is called busy while it rings or before."""
    caller = callee.dialled_by
    if caller is None:
        dialplan.switch.hang_up(callee, model.BUSY)
        return
    _end_dial(dialplan, caller, callee, "BUSY")
    dialplan.switch.hang_up(callee, model.BUSY, keep_caller=True)
    _fail(dialplan, caller, model.BUSY)


def _offer(dialplan: "Dialplan", phone: Phone, callee: Channel, seconds: float = DIAL_SECONDS) -> None:
    if callee.is_gone:
        return
    if phone.habit is Habit.BUSY:
        reject(dialplan, callee)
        return
    dialplan.switch.ring(callee)
    ringing = ringing_time(dialplan, phone)
    if picks_up(dialplan, phone) and ringing < seconds:
        dialplan.schedule.later(ringing, lambda: _connect(dialplan, callee))
    else:
        dialplan.schedule.later(seconds, lambda: _give_up(dialplan, callee))


def _connect(dialplan: "Dialplan", callee: Channel) -> None:
    """The callee answers, and with it whoever calls by its caller."""
    caller = callee.dialled_by
    if callee.is_gone or caller is None:
        return
    _end_dial(dialplan, caller, callee, "ANSWER")
    dialplan.switch.connect(callee)
    answer(dialplan, caller)


def _give_up(dialplan: "Dialplan", callee: Channel) -> None:
    if callee.state is not State.UP and not callee.is_gone:
        if callee.dialled_by is not None:
            _end_dial(dialplan, callee.dialled_by, callee, "NOANSWER")
        dialplan.switch.hang_up(callee, model.NO_CAUSE)


def _end_dial(dialplan: "Dialplan", caller: Channel, callee: Channel, status: str) -> None:
    if not caller.is_gone and not callee.is_gone:
        caller.variables["DIALSTATUS"] = status
        dialplan.switch.end_dial(caller, callee, status)


def _fail(dialplan: "Dialplan", caller: Channel, cause: int) -> None:
    """Nobody is to be had: the caller goes on in its dialplan, or, where nothing follows, hears the tone."""
    half = caller.twin
    if half is not None and half.dialled_by is not None:
        _fail_by_local(dialplan, caller, half, half.dialled_by, cause)
    elif not dialplan.switch.go_on(caller):
        _give_tone(dialplan, caller, cause)


def _fail_by_local(dialplan: "Dialplan", caller: Channel, half: Channel, before: Channel, cause: int) -> None:
    """What could not be had was called for somebody by a Local channel, which ends; that one is told."""
    switch, rings, is_busy = dialplan.switch, half.state is State.RINGING, cause == model.BUSY
    _end_dial(dialplan, before, half, "BUSY" if is_busy else "CHANUNAVAIL")
    switch.refuse(caller, busy=is_busy)
    half.caller = caller.connected
    switch.hang_up(half, model.NO_CAUSE, keep_caller=True)
    if not rings:
        # It is told whom it would have reached only when it has hung up.
        switch.set_caller(half, caller.connected)
    _fail(dialplan, before, cause)


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

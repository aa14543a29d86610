"""The end of a channel: it leaves wherever it is, and what cannot go on without it ends too."""

from typing import TYPE_CHECKING

from ..model import (
    ANSWERED_ELSEWHERE,
    BUSY,
    INTERWORKING,
    NO_ANSWER,
    NO_CAUSE,
    NO_ROUTE,
    NORMAL,
    Channel,
    State,
)
from . import bridges, conferences, parking
from .devices import follow
from .events import say
from .places import show_place
from .transfers import complete_transfer, return_from_consulting

if TYPE_CHECKING:
    from .switch import Switch

_CAUSE_TEXTS = {
    NO_CAUSE: "Unknown",
    NORMAL: "Normal Clearing",
    BUSY: "User busy",
    NO_ANSWER: "User alerting, no answer",
    NO_ROUTE: "No route to destination",
    ANSWERED_ELSEWHERE: "Answered elsewhere",
    INTERWORKING: "Interworking, unspecified",
}
# The SIP status that a phone's channel names beside these causes.
_SIP_STATUS = {BUSY: 486, NO_ANSWER: 480, NO_ROUTE: 404}


def hang_up(
    switch: "Switch", channel: Channel, cause: int = NORMAL, *, tech_cause: int = 0, keep_caller: bool = False
) -> None:
    """End a channel and what cannot go on without it: its partner, its other half, the phone it dials.

    With `keep_caller` whoever dials this channel stays, and hears the busy tone. A channel that has gone already is
    left alone.
    """
    if channel.is_gone:
        return
    if channel.is_consulting and complete_transfer(switch, channel):
        return
    show_place(switch, channel)
    channel.is_gone = True
    if channel.on_hang_up is not None:
        channel.on_hang_up()
    del switch.channels[channel.name]
    waits = [*channel.consults_for.channels] if channel.consults_for is not None else []
    channel.consults_for = None
    others, twin = [*switch.leave_bridge(channel), *waits, channel.dials], channel.twin
    caller = channel.dialled_by
    _part(channel)
    _say_hangup(switch, channel, cause, tech_cause)
    follow(switch, channel)
    waiting, channel.at_its_end = channel.at_its_end, []
    for end in waiting:
        end()
    if caller is not None and not keep_caller and not go_on(caller):
        switch.end_dialplan(caller, cause)
    if twin is not None:
        hang_up(switch, twin, cause or _own_cause(twin))
    for other in others:
        if other is None:
            continue
        if other.is_consulting:
            return_from_consulting(switch, other)
        else:
            switch.leave_alone(other, cause or _own_cause(other))


def put_down(switch: "Switch", channel: Channel) -> None:
    """Somebody at a telephone puts the receiver down."""
    say(switch, "HangupRequest", channel, ("Cause", str(NORMAL)))
    switch.hang_up(channel)


def leave_alone(switch: "Switch", channel: Channel, cause: int = NORMAL) -> None:
    """Whoever the channel talked to is gone: it goes on in the dialplan where its application lets it, or hangs up."""
    if channel.is_gone:
        return
    if not channel.goes_on:
        switch.hang_up(channel, cause)
        return
    for other in switch.leave_bridge(channel):
        switch.leave_alone(other, cause)
    go_on(channel)


def go_on(channel: Channel) -> bool:
    """The step behind the one the channel is in. False where there is none."""
    step, channel.next_step, channel.goes_on = channel.next_step, None, False
    if step is not None and not channel.is_gone:
        step()
    return step is not None


def end_dialplan(switch: "Switch", channel: Channel, cause: int = NORMAL) -> None:
    """The channel's application has returned and its dialplan has no further step: it hangs up."""
    if channel.is_gone:
        return
    if not channel.in_dialplan:
        pass
    elif channel.originated:
        switch.run(channel, channel.extension, channel.priority + 1, "AppDial2", "(Outgoing Line)")
    else:
        channel.priority += 1
    switch.hang_up(channel, cause)


def leave_bridge(switch: "Switch", channel: Channel) -> list[Channel]:
    """Take a channel out of its bridge; returns the partner whom that leaves alone in a call."""
    member, parked = channel.member, channel.parked
    if member is not None:
        conferences.remove(switch, member)
    bridge = bridges.take_out(switch, channel)
    if parked is not None:
        parking.give_up(switch, parked)
    if member is not None and not member.conference.members:
        conferences.end(switch, member.conference)
    if bridge is None or bridge.type != "basic":
        return []
    if not bridge.channels:
        bridges.destroy(switch, bridge)
    elif len(bridge.channels) == 2:
        bridges.two_are_left(switch, bridge)
    return list(bridge.channels) if len(bridge.channels) == 1 else []


def _part(channel: Channel) -> None:
    """Nobody refers to this channel any more."""
    if channel.dialled_by is not None:
        channel.dialled_by.dials = None
    if channel.dials is not None:
        channel.dials.dialled_by = None
    if channel.twin is not None:
        channel.twin.twin = None


def _say_hangup(switch: "Switch", channel: Channel, cause: int, tech_cause: int) -> None:
    if not tech_cause and not channel.is_local:
        tech_cause = _SIP_STATUS.get(cause, 0)
    fields = [("Cause", str(cause)), ("Cause-txt", _CAUSE_TEXTS.get(cause, "Unknown"))]
    if tech_cause:
        fields.append(("TechCause", str(tech_cause)))
    say(switch, "Hangup", channel, *fields)


def _own_cause(channel: Channel) -> int:
    """Why a channel hangs up whose partner gives no cause."""
    if channel.state is State.BUSY:
        return BUSY
    return NO_CAUSE if channel.is_local and channel.bridge is None else NORMAL

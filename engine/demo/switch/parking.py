"""The parking lot: a call waits in a space of it until somebody takes it, gives up, or has waited too long."""

import itertools
from typing import TYPE_CHECKING

from .. import states
from ..model import PARKING_LOT, Channel, IllegalTransition, ParkedCall
from .bridges import can_move, enter, new_bridge, take_out
from .devices import follow_space

if TYPE_CHECKING:
    from .switch import Switch

# How long a parked call waits, in seconds; the first space of the lot.
PARKING_SECONDS, FIRST_SPACE = 300, 701


def park(switch: "Switch", channel: Channel, seconds: int = PARKING_SECONDS) -> ParkedCall:
    """The channel waits in the parking lot, at most so long; its partner hangs up."""
    if channel.bridge is None or not can_move(switch, channel) or channel.is_local:
        raise IllegalTransition(f"{channel.name} cannot be parked now.")
    if switch.parking_bridge is None:
        switch.parking_bridge = new_bridge(switch, "parking", "holding_bridge", "Parking", PARKING_LOT)
    space = next(space for space in itertools.count(FIRST_SPACE) if space not in switch.parked)
    left = switch.leave_bridge(channel)
    parked = channel.parked = ParkedCall(channel, channel.endpoint, space, switch.now(), seconds)
    switch.parked[space] = parked
    switch.emit("ParkedCall", parked.fields(switch.now()))
    follow_space(switch, space, states.INUSE)
    enter(switch, switch.parking_bridge, channel)
    for other in left:
        switch.hang_up(other)
    return parked


def unpark(switch: "Switch", parked: ParkedCall, retriever: Channel) -> None:
    """Somebody who is up takes the parked call: they talk."""
    if parked.channel.parked is not parked or not can_move(switch, retriever) or retriever.bridge is not None:
        raise IllegalTransition(f"{retriever.name} cannot take the parked call.")
    switch.emit("UnParkedCall", parked.fields(switch.now(), retriever))
    _clear(switch, parked)
    bridge = new_bridge(switch)
    enter(switch, bridge, retriever)
    enter(switch, bridge, parked.channel)


def parking_times_out(switch: "Switch", parked: ParkedCall) -> Channel:
    """Nobody has taken the parked call; returned is its channel, which is to call whoever has parked it."""
    if parked.channel.parked is not parked:
        raise IllegalTransition(f"{parked.channel.name} is not parked.")
    switch.emit("ParkedCallTimeOut", parked.fields(switch.now()))
    _clear(switch, parked)
    return parked.channel


def give_up(switch: "Switch", parked: ParkedCall) -> None:
    """The parked call has left its bridge by itself: its space is free."""
    del switch.parked[parked.space]
    parked.channel.parked = None
    switch.emit("ParkedCallGiveUp", parked.fields(switch.now()))
    follow_space(switch, parked.space, states.NOT_INUSE)


def _clear(switch: "Switch", parked: ParkedCall) -> None:
    del switch.parked[parked.space]
    parked.channel.parked = None
    follow_space(switch, parked.space, states.NOT_INUSE)
    take_out(switch, parked.channel)

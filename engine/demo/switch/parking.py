"""The parking lot: a call waits in a space of it until somebody takes it, gives up, or has waited too long."""

from typing import TYPE_CHECKING

from .. import states
from ..model import PARKING_LOT, Channel, IllegalTransition, ParkedCall
from .bridges import can_move, enter, new_bridge, take_out
from .devices import follow_space
from .places import go_to

if TYPE_CHECKING:
    from .switch import Switch

# How long a parked call waits, in seconds; the spaces of the lot.
PARKING_SECONDS = 300
SPACES = range(701, 721)
# Where a parked call goes when its time is over.
COMEBACK_CONTEXT = "park-dial"


def park(switch: "Switch", channel: Channel, seconds: float = PARKING_SECONDS, parker: str = "") -> ParkedCall:
    """The channel waits in the parking lot, at most so long; its partner hangs up."""
    parked, left = begin_to_park(switch, channel, seconds, parker)
    for other in left:
        switch.hang_up(other)
    if parked is None:
        raise IllegalTransition("The parking lot is full.")
    return parked


def begin_to_park(
    switch: "Switch", channel: Channel, seconds: float = PARKING_SECONDS, parker: str = ""
) -> tuple[ParkedCall | None, list[Channel]]:
    """The channel waits in the parking lot, at most so long; in a full one it returns to its call at once.

    Returned is also whom that leaves alone, for the space is told to them. `parker` is a channel, gone or not.
    """
    if not can_move(switch, channel) or channel.is_local:
        raise IllegalTransition(f"{channel.name} cannot be parked now.")
    if switch.parking_bridge is None:
        switch.parking_bridge = new_bridge(switch, "parking", "holding_bridge", "Parking", PARKING_LOT)
    space = next((space for space in SPACES if space not in switch.parked), None)
    if space is None:
        call = take_out(switch, channel)
        if call is not None:
            enter(switch, call, channel)
        return None, []
    if channel.bridge is None:
        switch.leave_dialplan(channel)
    left = switch.leave_bridge(channel)
    endpoint = parker.rpartition("-")[0] or channel.endpoint
    parked = channel.parked = ParkedCall(channel, endpoint, space, switch.now(), round(seconds))
    switch.parked[space] = parked
    switch.emit("ParkedCall", parked.fields(switch.now()))
    follow_space(switch, space, states.INUSE)
    enter(switch, switch.parking_bridge, channel)
    return parked, left


def unpark(switch: "Switch", parked: ParkedCall, retriever: Channel) -> None:
    """Somebody who is up takes the parked call: they talk."""
    if parked.channel.parked is not parked or not can_move(switch, retriever) or retriever.bridge is not None:
        raise IllegalTransition(f"{retriever.name} cannot take the parked call.")
    switch.emit("UnParkedCall", parked.fields(switch.now(), retriever))
    _clear(switch, parked)
    bridge = new_bridge(switch)
    enter(switch, bridge, parked.channel)
    enter(switch, bridge, retriever)
    switch.introduce(parked.channel, retriever)


def parking_times_out(switch: "Switch", parked: ParkedCall) -> Channel:
    """Nobody has taken the parked call; returned is its channel, which is to call whoever has parked it."""
    channel = parked.channel
    if channel.parked is not parked:
        raise IllegalTransition(f"{channel.name} is not parked.")
    # It is told to be there before it has left.
    place = channel.context, channel.extension, channel.priority
    channel.context, channel.extension, channel.priority = COMEBACK_CONTEXT, parked.parker.replace("/", "_"), 1
    switch.emit("ParkedCallTimeOut", parked.fields(switch.now()))
    channel.context, channel.extension, channel.priority = place
    _clear(switch, parked)
    return channel


def come_back(switch: "Switch", channel: Channel, place: str) -> None:
    """The channel, of which the time is over, goes to where it is to call whoever has parked it."""
    channel.ways += 1
    go_to(switch, channel, place, COMEBACK_CONTEXT)


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

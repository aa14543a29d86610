"""Bridges: who enters and leaves them, who may be moved from one to another, and calls that become one."""

import uuid
from typing import TYPE_CHECKING

from .. import states
from ..model import UNKNOWN, Bridge, Channel, IllegalTransition, Party, State, age, prefixed
from .devices import follow

if TYPE_CHECKING:
    from .switch import Switch


def new_bridge(
    switch: "Switch",
    type_: str = "basic",
    technology: str = "simple_bridge",
    creator: str = UNKNOWN,
    name: str = UNKNOWN,
) -> Bridge:
    bridge = Bridge(str(uuid.UUID(int=switch.chance.getrandbits(128), version=4)), type_, technology, creator, name)
    switch.bridges[bridge.id] = bridge
    switch.emit("BridgeCreate", bridge.fields())
    return bridge


def destroy(switch: "Switch", bridge: Bridge) -> None:
    del switch.bridges[bridge.id]
    bridge.announcers = 0
    switch.emit("BridgeDestroy", bridge.fields())


def enter(switch: "Switch", bridge: Bridge, channel: Channel, instead_of: Channel | None = None) -> None:
    bridge.channels.append(channel)
    channel.bridge, channel.was_bridged = bridge, True
    if bridge.type == "basic":
        # Those of one call take the linkedid of the oldest; only the event of who enters shows it.
        oldest = min((member.linkedid for member in bridge.channels), key=age)
        for member in bridge.channels:
            member.linkedid = oldest
    swap = [("SwapUniqueid", instead_of.uniqueid)] if instead_of is not None else []
    switch.emit("BridgeEnter", [*bridge.fields(), *channel.fields(), *swap])


def take_out(switch: "Switch", channel: Channel) -> Bridge | None:
    """Out of its bridge, which stays even if it is empty."""
    bridge = channel.bridge
    if bridge is not None:
        bridge.channels.remove(channel)
        channel.bridge, channel.on_hold = None, False
        switch.emit("BridgeLeave", [*bridge.fields(), *channel.fields()])
        if bridge.type == "basic":  # nobody is held in others, which can be large
            follow(switch, *(one for one in (channel, *bridge.channels) if one.device_state == states.ONHOLD))
        if bridge.video_source == channel.uniqueid:
            set_video_source(switch, bridge, "")
    return bridge


def move(switch: "Switch", bridge: Bridge, channel: Channel) -> list[Channel]:
    """From one bridge to another; returned is whom that leaves alone, unless they wait for somebody's return."""
    old = take_out(switch, channel)
    enter(switch, bridge, channel)
    if old is None:
        return []
    if not old.channels:
        destroy(switch, old)
    alone = len(old.channels) == 1 and channel.consults_for is not old
    return list(old.channels) if alone else []


def can_move(switch: "Switch", channel: Channel) -> bool:
    """Whether somebody may take this channel elsewhere: it is up, and in a call or in none."""
    return (
        not channel.is_gone
        and channel.state is State.UP
        and channel.member is None
        and channel.parked is None
        and not channel.is_consulting
        and channel.dials is None
        and not is_waited_for(switch, channel)
    )


def is_waited_for(switch: "Switch", channel: Channel) -> bool:
    """Whether somebody consults another about this channel, or this channel about another."""
    bridge = channel.bridge
    return bridge is not None and any(
        other.is_consulting and bridge in (other.bridge, other.consults_for) for other in switch.channels.values()
    )


def set_video_source(switch: "Switch", bridge: Bridge, uniqueid: str) -> None:
    previous, bridge.video_source, bridge.video_mode = bridge.video_source, uniqueid, "single"
    switch.emit("BridgeVideoSourceUpdate", [*bridge.fields(), ("BridgePreviousVideoSource", previous)])


# Calls that become one.


def bridge(switch: "Switch", first: Channel, second: Channel) -> list[Channel]:
    """AMI's Bridge: two channels that are up talk from now on; whomever they leave alone is let go.

    One that dials gives that up. The call that began first gives both its linkedid, of which no event tells.
    """
    if first is second or not all(can_move(switch, one) or _can_stop_dialling(one) for one in (first, second)):
        raise IllegalTransition(f"{first.name} and {second.name} cannot be bridged now.")
    bridge = new_bridge(switch)
    # Whoever is taken out of the dialplan counts as a call anew.
    switch.calls_processed += 1
    for channel in (first, second):
        if channel.bridge is None:
            switch.stop_dialling(channel)
            switch.leave_dialplan(channel)
    left = move(switch, bridge, first) + move(switch, bridge, second)
    _introduce_through(switch, second, first.caller)
    _introduce_through(switch, first, second.caller)
    for channel in left:
        if channel.bridge is not bridge:
            switch.leave_alone(channel)
    return [first, second]


def _can_stop_dialling(channel: Channel) -> bool:
    return not channel.is_gone and channel.state is State.UP and channel.dials is not None and channel.twin is None


def two_are_left(switch: "Switch", bridge: Bridge) -> None:
    """Somebody has left a call of three: the two others see each other."""
    one, other = bridge.channels
    _introduce_through(switch, one, other.caller)
    _introduce_through(switch, other, one.caller)


def _introduce_through(switch: "Switch", channel: Channel, partner: Party) -> None:
    """The channel sees its new partner; and so does whoever is behind it, where it is half of a Local channel."""
    if channel.connected != partner:
        channel.connected = partner
        switch.set_connected(channel, partner)
    twin = channel.twin
    if twin is not None and twin.bridge is not None and twin.caller != partner:
        switch.set_caller(twin, partner)
        for other in twin.bridge.channels:
            if other is not twin:
                switch.set_connected(other, partner)


def take(switch: "Switch", taker: Channel, target: Channel) -> bool:
    """The taker's Bridge(): from now on it talks to the target, whatever that does; whom it leaves alone is hung up.

    False where the target rings, is in a conference, or consults somebody: it stays there.
    """
    if taker is target or target.is_gone or taker.bridge is not None or not can_move(switch, taker):
        raise IllegalTransition(f"{taker.name} cannot take {target.name} now.")
    bridge = new_bridge(switch)
    rings = target.state not in (State.RING, State.UP) or target.dialled_by is not None
    # The half of a Local channel that runs dialplan for the other.
    is_half = target.twin is not None and target.bridge is None and not target.name.endswith(";1")
    if rings or is_half or target.member is not None or target.is_consulting or is_waited_for(switch, target):
        destroy(switch, bridge)
        return False
    switch.stop_dialling(target)
    if target.bridge is None:
        switch.leave_dialplan(target)
    if target.state is State.RING:
        switch.change_state(target, State.UP)
    left = switch.leave_bridge(target)
    enter(switch, bridge, target)
    enter(switch, bridge, taker)
    switch.introduce(taker, target)
    for channel in left:
        switch.leave_alone(channel)
    return True


def join_call(switch: "Switch", channel: Channel, bridge: Bridge) -> None:
    """One more in a call (BridgeAdd); it ends when only one is left."""
    if not can_move(switch, channel) or bridge.type != "basic" or not bridge.channels or channel.bridge is bridge:
        raise IllegalTransition(f"{channel.name} cannot join that call now.")
    for left in move(switch, bridge, channel):
        switch.hang_up(left)


def merge(switch: "Switch", into: Bridge, other: Bridge) -> None:
    """All of one bridge go over into another."""
    if into is other or {into.type, other.type} != {"basic"}:
        raise IllegalTransition("These bridges cannot be merged.")
    switch.emit("BridgeMerge", [*prefixed("To", into.fields()), *prefixed("From", other.fields())])
    for channel in list(other.channels):
        move(switch, into, channel)

"""Calls of two: somebody dials, it rings, somebody answers or picks up, and the two hold and take back."""

from typing import TYPE_CHECKING

from ..model import ANSWERED_ELSEWHERE, NORMAL, Channel, IllegalTransition, Party, State, prefixed
from .bridges import enter, new_bridge
from .devices import follow
from .events import say

if TYPE_CHECKING:
    from .switch import Switch


def dial(switch: "Switch", caller: Channel, endpoint: str, callee: Party, context: str = "internal") -> Channel:
    """The caller's Dial() makes a channel to a telephone. It does not ring yet.

    `callee` is what the PBX is configured to know of its owner; nothing, for a line to the outside.
    """
    if caller.is_gone or caller.dials is not None or caller.bridge is not None:
        raise IllegalTransition(f"{caller.name} cannot dial now.")
    known = bool(callee)
    channel = switch.new_channel(endpoint, callee, context=context, linkedid=caller.linkedid)
    channel.connected, channel.account_code = caller.caller, caller.account_code
    if not known:
        channel.caller = Party(caller.extension, caller.connected.name)
    switch.run(channel, caller.extension, 1, "AppDial", "(Outgoing Line)")
    if not known:
        switch.set_caller(channel, channel.caller)
    if caller.account_code:
        say(switch, "NewAccountCode", channel, ("OldAccountCode", ""))
    if caller.caller:
        switch.set_connected(channel, caller.caller)
    begin_dial(switch, channel, caller)
    caller.dials, channel.dialled_by = channel, caller
    if known and caller.connected != channel.caller:
        _see(switch, caller, channel.caller)
    return channel


def _see(switch: "Switch", caller: Channel, callee: Party) -> None:
    """The caller sees whom it calls; and so does whoever calls by it, where it is half of a Local channel."""
    switch.set_connected(caller, callee)
    before = caller.twin.dialled_by if caller.twin is not None else None
    if before is not None and before.connected != callee:
        _see(switch, before, callee)


def ring(switch: "Switch", callee: Channel) -> None:
    """The dialled telephone rings."""
    caller = callee.dialled_by
    switch.change_state(callee, State.RINGING)
    if caller is None:
        return
    # A phone that dials counts as in use from here on.
    follow(switch, caller)
    if not caller.connected.number or caller.connected.number != callee.caller.number:
        _see(switch, caller, callee.caller)
    twin = caller.twin
    if caller.state is State.RING and twin is not None and twin.state is State.DOWN:
        twin.caller = callee.caller
        switch.change_state(twin, State.RINGING)
        switch.set_caller(twin, callee.caller)


def begin_dial(switch: "Switch", callee: Channel, caller: Channel | None = None) -> None:
    """A telephone is being called: by a Dial(), or by an Originate."""
    by = caller.fields() if caller is not None else []
    dialled = callee.name.partition("/")[2].rpartition("-")[0]
    switch.emit("DialBegin", [*by, *prefixed("Dest", callee.fields()), ("DialString", dialled)])


def end_dial(switch: "Switch", caller: Channel, callee: Channel, status: str) -> None:
    """The caller's Dial() ends with this status. (Not said of those that the caller gives up.)"""
    switch.emit("DialEnd", [*caller.fields(), *prefixed("Dest", callee.fields()), ("DialStatus", status)])


def stop_dialling(switch: "Switch", caller: Channel) -> None:
    """Somebody else needs the caller, whose Dial() ends: the phone that rings is let go."""
    callee = caller.dials
    if callee is not None:
        end_dial(switch, caller, callee, "CANCEL")
        switch.hang_up(callee, NORMAL, keep_caller=True)


def refuse(switch: "Switch", channel: Channel, *, busy: bool) -> None:
    """Whoever calls in is told that the call cannot be connected."""
    if channel.is_gone:
        return
    channel.priority += 1
    if busy:
        switch.change_state(channel, State.BUSY)


def answer(switch: "Switch", channel: Channel) -> None:
    """The channel is up; a Local channel's other half with it."""
    if channel.state is not State.UP:
        switch.change_state(channel, State.UP)
    twin = channel.twin
    if twin is not None and twin.state is not State.UP:
        switch.change_state(twin, State.UP)


def connect(switch: "Switch", callee: Channel) -> None:
    """The dialled telephone answers (a Local channel has when its other half did): both are bridged."""
    caller = callee.dialled_by
    if caller is None:
        raise IllegalTransition(f"{callee.name} is not being dialled.")
    if not (callee.is_local and callee.state is State.UP):
        switch.change_state(callee, State.UP)
    switch.answer(caller)
    caller.dials = callee.dialled_by = None
    bridge = new_bridge(switch)
    switch.run(callee, "", 1, "AppDial", "(Outgoing Line)")
    enter(switch, bridge, callee)
    enter(switch, bridge, caller)


def pick_up(switch: "Switch", picker: Channel, target: Channel) -> None:
    """Somebody else takes what rings at the target. The call takes on the picker's linkedid: no event tells of it."""
    caller = target.dialled_by
    if caller is None or target.state is not State.RINGING or picker is caller:
        raise IllegalTransition(f"{picker.name} cannot pick up {target.name}.")
    if picker.state not in (State.RING, State.UP) or picker.bridge is not None or picker.parked is not None:
        raise IllegalTransition(f"{picker.name} cannot pick up now.")
    if picker.is_gone or picker.dials is not None or picker.twin is not None or picker.member is not None:
        raise IllegalTransition(f"{picker.name} cannot pick up now.")
    if target.connected:
        switch.set_connected(picker, target.connected)
    if picker.state is not State.UP:
        switch.change_state(picker, State.UP)
    _change_places(switch, picker, target)
    if caller.connected != picker.caller:
        caller.connected = picker.caller
        say(switch, "NewConnectedLine", caller)
    switch.end_dial(caller, picker, "ANSWER")
    switch.answer(caller)
    switch.hang_up(target, ANSWERED_ELSEWHERE, keep_caller=True)
    bridge = new_bridge(switch)
    switch.run(picker, "", 1, "AppDial", "(Outgoing Line)")
    enter(switch, bridge, picker)
    enter(switch, bridge, caller)


def take_place(switch: "Switch", picker: Channel, target: Channel) -> None:
    """Somebody else takes what rings at the target, which nobody dials but an Originate: it goes on with the picker."""
    go_on = target.on_pick_up
    if go_on is None or target.state is not State.RINGING or picker.state is not State.UP or picker.is_gone:
        raise IllegalTransition(f"{picker.name} cannot pick up {target.name}.")
    _change_places(switch, picker, target, is_told=False)
    target.on_hang_up = target.on_pick_up = None
    go_on(picker)
    switch.hang_up(target, ANSWERED_ELSEWHERE, keep_caller=True)


def _change_places(switch: "Switch", picker: Channel, target: Channel, *, is_told: bool = True) -> None:
    """The dialplan of each of the two channels becomes the other's."""
    before, place = picker.extension, (target.extension, target.priority)
    said = [*picker.fields(), *prefixed("Target", target.fields())]
    if is_told:
        switch.run(picker, *place, "AppDial", "(Outgoing Line)")
    switch.emit("Pickup", said)
    target.extension = before


def hold(switch: "Switch", channel: Channel) -> None:
    """The channel's party presses hold."""
    if channel.bridge is None or channel.on_hold:
        raise IllegalTransition(f"{channel.name} cannot hold now.")
    channel.on_hold = True
    say(switch, "Hold", channel, ("MusicClass", "default"))
    follow(switch, *channel.bridge.channels)


def unhold(switch: "Switch", channel: Channel) -> None:
    if not channel.on_hold:
        raise IllegalTransition(f"{channel.name} does not hold.")
    channel.on_hold = False
    say(switch, "Unhold", channel)
    follow(switch, *(channel.bridge.channels if channel.bridge is not None else ()))

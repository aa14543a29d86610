"""Local channels: two halves, of which one runs the dialplan for the other."""

from typing import TYPE_CHECKING

from ..model import NOBODY, Channel, IllegalTransition, Party, State, prefixed, yes
from .bridges import enter, is_waited_for, take_out
from .channels import add
from .events import say, say_local

if TYPE_CHECKING:
    from .switch import Switch


def new_local(
    switch: "Switch", extension: str, context: str, linkedid: str = "", uniqueids: tuple[str, str] = ("", "")
) -> tuple[Channel, Channel]:
    """The two halves of a Local channel: `;1` is originated, `;2` will run the dialplan."""
    name = f"Local/{extension}@{context}-{next(switch.local_numbers):08x}"
    first, second = uniqueids
    one = add(switch, f"{name};1", NOBODY, State.DOWN, context, extension, linkedid, True, first)
    second = second or (f"{first};2" if first else "")
    two = add(switch, f"{name};2", NOBODY, State.RING, context, extension, one.linkedid, False, second)
    one.twin, two.twin = two, one
    return one, two


def dial_local(
    switch: "Switch", caller: Channel, extension: str, context: str = "internal", *, stays: bool = False
) -> Channel:
    """The caller's Dial() makes a Local channel; returned is the half that is to run the extension."""
    if caller.is_gone or caller.dials is not None or caller.bridge is not None or caller.parked is not None:
        raise IllegalTransition(f"{caller.name} cannot dial now.")
    one, two = switch.new_local(extension, context, caller.linkedid)
    one.originated = False
    # Whom it reaches is not known yet: it is called by the number that the caller is at.
    one.caller, one.connected = Party(caller.extension, caller.connected.name), caller.caller
    switch.run(one, caller.extension, 1, "AppDial", "(Outgoing Line)")
    switch.set_caller(one, one.caller)
    if caller.caller:
        switch.set_connected(one, caller.caller)
    two.connected = one.caller
    if caller.caller:
        switch.set_caller(two, caller.caller)
    switch.set_connected(two, one.caller)
    say_bridged(switch, one, two, extension, context, stays=stays)
    caller.dials, one.dialled_by = one, caller
    return two


def say_bridged(
    switch: "Switch", one: Channel, two: Channel, extension: str, context: str, *, stays: bool = False
) -> None:
    """The two halves are joined, and `two` is about to run the extension."""
    place = (("Context", context), ("Exten", extension))
    say_local(switch, "LocalBridge", one, two, *place, ("LocalOptimization", yes(not stays)))


def copy_to_twin(switch: "Switch", one: Channel) -> None:
    """What was set on one half of a Local channel is handed to the other half as they are called."""
    two = one.twin
    if two is None:
        raise IllegalTransition(f"{one.name} has no other half.")
    two.connected, two.account_code = one.connected, one.account_code
    if one.caller:
        switch.set_caller(two, one.caller)
    if two.account_code:
        say(switch, "NewAccountCode", two, ("OldAccountCode", ""))
    if one.connected:
        switch.set_connected(two, one.connected)


def optimize(switch: "Switch", one: Channel) -> None:
    """A Local channel between two bridges steps aside: whoever talks to its first half takes the second's place."""
    two = one.twin
    near, far = one.bridge, two.bridge if two is not None else None
    if two is None or near is None or far is None or {near.type, far.type} != {"basic"} or near is far:
        raise IllegalTransition(f"{one.name} is not between two bridges.")
    if one.state is not State.UP or len(near.channels) != 2 or len(far.channels) < 2:
        raise IllegalTransition(f"{one.name} cannot step aside now.")
    (source,) = (channel for channel in near.channels if channel is not one)
    if source.is_consulting or is_waited_for(switch, two):
        raise IllegalTransition(f"{source.name} cannot move now.")
    number = ("Id", str(next(switch.optimizations)))
    begin = [*prefixed("Source", source.fields()), ("DestUniqueId", two.uniqueid), number]
    say_local(switch, "LocalOptimizationBegin", one, two, *begin)
    take_out(switch, source)
    take_out(switch, two)
    enter(switch, far, source, instead_of=two)
    say_local(switch, "LocalOptimizationEnd", one, two, ("Success", "No"), number)
    switch.hang_up(one)

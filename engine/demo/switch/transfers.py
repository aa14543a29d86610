"""Transfers: a channel goes to another extension, by somebody from outside or by its partner, blindly or attended."""

from typing import TYPE_CHECKING

from ..model import Channel, IllegalTransition, State, prefixed
from .bridges import can_move, destroy, enter, move, new_bridge, take_out
from .events import say
from .local import say_bridged
from .places import go_to

if TYPE_CHECKING:
    from .switch import Switch

# An extension and its context.
Destination = tuple[str, str]


def redirect(switch: "Switch", channel: Channel, extension: str, context: str = "") -> None:
    """The channel is free for another extension, which the caller of this lets it run; its partner hangs up."""
    _check_redirect(switch, channel)
    switch.stop_dialling(channel)
    if channel.bridge is not None:
        go_to(switch, channel, extension, context)
    for left in switch.leave_bridge(channel):
        switch.leave_alone(left)


def redirect_both(switch: "Switch", first: Channel, second: Channel, places: tuple[Destination, Destination]) -> None:
    """Both are free for another extension (and its context) at once: neither hangs up because the other has left."""
    both = ((first, places[0]), (second, places[1]))
    for channel, _place in both:
        _check_redirect(switch, channel)
    for channel, (extension, context) in both:
        switch.stop_dialling(channel)
        if channel.bridge is not None:
            go_to(switch, channel, extension, context)
    for channel, _place in both:
        for left in switch.leave_bridge(channel):
            if left not in (first, second):
                switch.leave_alone(left)


def _check_redirect(switch: "Switch", channel: Channel) -> None:
    in_conference = channel.member is not None and channel.member.has_joined and not channel.is_gone
    dials = not channel.is_gone and channel.dials is not None and channel.twin is None
    if not (in_conference or dials or channel.parked is not None or can_move(switch, channel)):
        raise IllegalTransition(f"{channel.name} cannot be redirected now.")


def blind_transfer(switch: "Switch", transferer: Channel, extension: str, context: str) -> Channel:
    """The transferer hangs up; returned is the partner, who is to run the extension."""
    bridge = transferer.bridge
    if bridge is None or not can_move(switch, transferer) or len(bridge.channels) != 2:
        raise IllegalTransition(f"{transferer.name} cannot transfer now.")
    (partner,) = (channel for channel in bridge.channels if channel is not transferer)
    say(switch, "Unhold", transferer)
    transferer.on_hold = False
    switch.emit(
        "BlindTransfer",
        [
            ("Result", "Success"),
            *prefixed("Transferer", transferer.fields()),
            *prefixed("Transferee", partner.fields()),
            *bridge.fields(),
            ("IsExternal", "Yes"),
            ("Context", context),
            ("Extension", extension),
        ],
    )
    go_to(switch, partner, extension)
    switch.leave_bridge(partner)
    switch.hang_up(transferer)
    return partner


def consult(switch: "Switch", transferer: Channel, extension: str, context: str) -> Channel:
    """An attended transfer begins (Atxfer): a Local channel to the extension, in a second bridge with the transferer.

    Returned is the Local channel's half that is to run the extension. When the transferer hangs up, the two
    others talk; when the other one does, the transferer is back with the first partner.
    """
    first = transferer.bridge
    if first is None or not can_move(switch, transferer) or len(first.channels) != 2 or transferer.is_local:
        raise IllegalTransition(f"{transferer.name} cannot consult anybody now.")
    if not transferer.on_hold:
        transferer.on_hold = True
        say(switch, "Hold", transferer)
    one, two = switch.new_local(extension, context, transferer.linkedid)
    second = new_bridge(switch)
    switch.set_caller(two, transferer.caller)
    say_bridged(switch, one, two, extension, context)
    switch.set_connected(one, transferer.caller)
    enter(switch, second, one)
    transferer.consults_for = first
    move(switch, second, transferer)
    return two


def complete_transfer(switch: "Switch", transferer: Channel) -> bool:
    """The transferer hangs up: the two others talk. False where there is nobody yet to talk to."""
    first, second = transferer.consults_for, transferer.bridge
    targets = [channel for channel in second.channels if channel is not transferer] if second is not None else []
    if first is None or second is None or not first.channels or [one.state for one in targets] != [State.UP]:
        return False
    (one,), transferee = targets, first.channels[0]
    transferer.consults_for = None
    who = transferer.fields()
    take_out(switch, transferer)
    switch.emit("BridgeMerge", [*prefixed("To", first.fields()), *prefixed("From", second.fields())])
    take_out(switch, one)
    enter(switch, first, one)
    switch.emit(
        "AttendedTransfer",
        [
            ("Result", "Success"),
            *prefixed("OrigTransferer", who),
            *prefixed("Orig", first.fields()),
            *prefixed("SecondTransferer", who),
            *prefixed("Second", second.fields()),
            *prefixed("Transferee", transferee.fields()),
            *prefixed("TransferTarget", one.fields()),
            ("IsExternal", "No"),
            ("DestType", "Bridge"),
            ("DestBridgeUniqueid", first.id),
        ],
    )
    switch.set_connected(transferee, one.caller)
    switch.set_connected(one, transferee.caller)
    destroy(switch, second)
    switch.hang_up(transferer)
    return True


def return_from_consulting(switch: "Switch", transferer: Channel) -> None:
    """Whom the transferer consulted is gone: the transferer is back with the first partner."""
    first, transferer.consults_for = transferer.consults_for, None
    if first is not None:
        move(switch, first, transferer)

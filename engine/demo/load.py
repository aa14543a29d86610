"""Calls by the thousand, at once and without waiting: for benches that want to know what the panel can take."""

from collections.abc import Iterable

from .dialplan import OUTSIDE_CONTEXT
from .model import Channel, Member, Party, State
from .switch import Switch


def place_calls(switch: Switch, count: int, *, first: int = 0) -> list[Channel]:
    """So many answered calls from outside, each with a telephone of its own; returns the callers' channels.

    `first` numbers the first of them, so that several loads can be told apart.
    """
    return [_place_call(switch, number) for number in range(first, first + count)]


def fill_conference(switch: Switch, name: str, count: int, *, first: int = 0) -> list[Member]:
    """So many callers from outside in one conference."""
    return [
        switch.join(_answered(switch, number, name, "ConfBridge", f"{name},panel_bridge,panel_user,panel_menu"), name)
        for number in range(first, first + count)
    ]


def hang_up_all(switch: Switch, channels: Iterable[Channel]) -> None:
    """End these calls; those that have ended already are left alone."""
    for channel in channels:
        switch.hang_up(channel)


def _place_call(switch: Switch, number: int) -> Channel:
    extension = f"{1000 + number}"
    caller = _calling(switch, number, extension)
    switch.run(caller, extension, 1, "Dial", f"PJSIP/{extension},30")
    callee = switch.dial(caller, f"PJSIP/{extension}", Party(extension, f"Phone {extension}"))
    switch.ring(callee)
    switch.connect(callee)
    return caller


def _answered(switch: Switch, number: int, extension: str, application: str, data: str) -> Channel:
    caller = _calling(switch, number, extension)
    switch.run(caller, extension, 1, "Answer", ",i")
    switch.answer(caller)
    switch.run(caller, extension, 2, application, data)
    return caller


def _calling(switch: Switch, number: int, extension: str) -> Channel:
    party = Party(f"+4930{number:07}", f"Caller {number}")
    context = OUTSIDE_CONTEXT
    return switch.new_channel("PJSIP/outside", party, state=State.RING, context=context, extension=extension)

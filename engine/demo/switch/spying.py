"""Listening to a channel: it goes on until one of both has hung up, wherever the other is sent meanwhile."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..model import Channel, prefixed

if TYPE_CHECKING:
    from .switch import Switch


def spy(switch: "Switch", spy: Channel, target: Channel, when_it_ends: Callable[[], None]) -> None:
    """`when_it_ends` is called when the target has hung up, unless the spy has before."""
    both = [spy, target]

    def fields() -> list[tuple[str, str]]:
        return [*prefixed("Spyer", spy.fields()), *prefixed("Spyee", target.fields())]

    def end() -> None:
        if both:
            both.clear()
            switch.emit("ChanSpyStop", fields())
            if not spy.is_gone:
                when_it_ends()

    switch.emit("ChanSpyStart", fields())
    for channel in (spy, target):
        channel.at_its_end.append(end)

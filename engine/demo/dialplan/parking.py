"""Parking: the parker hears the space and is let go; a call that nobody takes comes back to them."""

from typing import TYPE_CHECKING

from ..model import Bridge, Channel, ParkedCall
from .dial import call_back

if TYPE_CHECKING:
    from .dialplan import Dialplan

# How long it takes to say the number of a space.
ANNOUNCEMENT_SECONDS = 2.6


def park(dialplan: "Dialplan", channel: Channel, seconds: float, parker: str = "") -> None:
    """Park a channel, for another of this name; where none such is there, nobody is told the space."""
    switch = dialplan.switch
    parked, left = switch.begin_to_park(channel, seconds, parker)
    if parked is None:
        return
    dialplan.schedule.later(seconds, lambda: _time_is_over(dialplan, parked))
    for alone in left:
        _let_go(dialplan, alone, alone.bridge, ANNOUNCEMENT_SECONDS if parker in switch.channels else 0)


def _let_go(dialplan: "Dialplan", alone: Channel, bridge: Bridge | None, seconds: float) -> None:
    def let_go() -> None:
        if alone.bridge is bridge and bridge is not None and bridge.channels == [alone]:
            dialplan.switch.hang_up(alone)

    if seconds:
        dialplan.schedule.later(seconds, let_go)
    else:
        let_go()


def _time_is_over(dialplan: "Dialplan", parked: ParkedCall) -> None:
    if parked.channel.parked is not parked:
        return
    channel = dialplan.switch.parking_times_out(parked)
    phone = dialplan.phones.get(parked.parker.partition("/")[2])
    place = parked.parker.replace("/", "_")
    dialplan.switch.come_back(channel, place)
    if phone is None:
        dialplan.switch.end_dialplan(channel)
    else:
        call_back(dialplan, channel, phone, place)

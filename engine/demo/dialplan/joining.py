"""Applications by which a channel that is up joins a call: PickupChan, Bridge, BridgeAdd, ParkedCall, ChanSpy."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..expressions import arguments
from ..model import PARKING_LOT, Channel, State

if TYPE_CHECKING:
    from .dialplan import Dialplan

# How long it takes to say that nobody is parked there; how long ChanSpy looks for somebody to listen to.
NOBODY_SECONDS, LOOKING_SECONDS = 4.9, 0.1

# What each is given besides: what comes when the application is over, and the channel has not gone into a call.
GoOn = Callable[[], None]


def pick_up(dialplan: "Dialplan", channel: Channel, data: str, go_on: GoOn) -> None:
    """It takes the place of a channel of this name, which must be ringing."""
    switch = dialplan.switch
    target = switch.channels.get(arguments(data)[0])
    if target is None or target.state is not State.RINGING or channel in (target, target.dialled_by):
        go_on()
    elif target.dialled_by is not None:
        channel.ways += 1
        switch.pick_up(channel, target)
    elif target.on_pick_up is not None:
        channel.ways += 1
        switch.take_place(channel, target)
    else:
        go_on()


def take_over(dialplan: "Dialplan", channel: Channel, data: str, go_on: GoOn) -> None:
    """It talks to a channel of this name, whatever that does; `BRIDGERESULT` says whether it could. With the option `x`
    that one hangs up when they part, wherever it was.
    """
    name, options, *_rest = [*arguments(data), ""]
    target = dialplan.switch.channels.get(name)
    if target is None or target is channel:
        channel.variables["BRIDGERESULT"] = "NONEXISTENT" if target is None else "LOOP"
        go_on()
    elif not dialplan.switch.take(channel, target):
        channel.variables["BRIDGERESULT"] = "FAILURE"
        go_on()
    else:
        channel.variables["BRIDGERESULT"] = "SUCCESS"
        channel.goes_on = channel.next_step is not None
        if "x" in options:
            target.goes_on = False


def join(dialplan: "Dialplan", channel: Channel, data: str, go_on: GoOn) -> None:
    """It is one more in the call of a channel of this name; `BRIDGERESULT` says whether it could."""
    target = dialplan.switch.channels.get(arguments(data)[0])
    if target is None or target.bridge is None:
        channel.variables["BRIDGERESULT"] = "NONEXISTENT" if target is None else "FAILURE"
        go_on()
    else:
        channel.variables["BRIDGERESULT"] = "SUCCESS"
        dialplan.switch.join_call(channel, target.bridge)
        channel.goes_on = channel.next_step is not None


def retrieve(dialplan: "Dialplan", channel: Channel, data: str, go_on: GoOn) -> None:
    """It talks to whoever waits in a space of the parking lot."""
    lot, space, *_rest = [*arguments(data), "", ""]
    parked = dialplan.switch.parked.get(int(space)) if space.isdecimal() and len(space) < 6 else None
    if parked is None or lot not in ("", PARKING_LOT):
        dialplan.schedule.later(NOBODY_SECONDS, go_on)
    else:
        dialplan.switch.unpark(parked, channel)


def listen(dialplan: "Dialplan", channel: Channel, data: str, go_on: GoOn) -> None:
    """It hears a channel, with the option `u` that of this unique id, until that hangs up."""
    whom, options, *_rest = [*arguments(data), ""]

    def begin() -> None:
        target = next((one for one in dialplan.switch.channels.values() if _is_meant(one, whom, options)), None)
        if target is None or target is channel:
            go_on()
        else:
            dialplan.switch.spy(channel, target, go_on)

    dialplan.schedule.later(LOOKING_SECONDS, dialplan.unless_elsewhere(channel, begin))


def _is_meant(channel: Channel, whom: str, options: str) -> bool:
    return channel.uniqueid == whom if "u" in options else channel.name.startswith(whom)

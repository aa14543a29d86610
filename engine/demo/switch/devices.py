"""What channels and parked calls make of the states of devices, which hints watch."""

from typing import TYPE_CHECKING

from .. import states
from ..model import Channel, State

if TYPE_CHECKING:
    from .switch import Switch

PARKING_CONTEXT = "parkedcalls"
# What the state of a channel makes of its device.
_DEVICE_STATES = {
    State.DOWN: "",
    State.RING: states.INUSE,
    State.RINGING: states.RINGING,
    State.UP: states.INUSE,
    State.BUSY: states.BUSY,
}


def follow(switch: "Switch", *channels: Channel) -> None:
    """Tell what has become of the devices of these channels; only of them, for there may be thousands."""
    for channel in channels:
        now = _DEVICE_STATES[channel.state] if not channel.is_gone else ""
        now = states.ONHOLD if now and channel.is_held else now
        if now != channel.device_state:
            before, channel.device_state = channel.device_state, now
            switch.states.engage(channel.endpoint, before, now)


def follow_space(switch: "Switch", space: int, state: str) -> None:
    """Tell what has become of a space of the parking lot."""
    switch.states.set_device(f"park:{space}@{PARKING_CONTEXT}", state)

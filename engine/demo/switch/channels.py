"""Channels: they come to be, change their state and their parties, and tell what their parties do."""

from typing import TYPE_CHECKING

from ..model import Channel, Fields, HiddenChannel, IllegalTransition, Party, State
from .devices import follow
from .events import say

if TYPE_CHECKING:
    from .switch import Switch

_NEXT_STATES = {
    State.DOWN: {State.RINGING, State.UP},
    State.RING: {State.UP, State.BUSY},
    State.RINGING: {State.UP},
    State.UP: set[State](),
    State.BUSY: set[State](),
}


def new_channel(
    switch: "Switch",
    endpoint: str,
    caller: Party,
    *,
    state: State = State.DOWN,
    context: str = "internal",
    extension: str = "s",
    linkedid: str = "",
    originated: bool = False,
    uniqueid: str = "",
) -> Channel:
    """A channel to or from a telephone: `endpoint` is such as `PJSIP/100`. Its unique id may be given."""
    name = f"{endpoint}-{next(switch.pjsip_numbers):08x}"
    return add(switch, name, caller, state, context, extension, linkedid, originated, uniqueid)


def add(
    switch: "Switch",
    name: str,
    caller: Party,
    state: State,
    context: str,
    extension: str,
    linkedid: str,
    originated: bool,
    uniqueid: str = "",
) -> Channel:
    uniqueid = uniqueid or new_uniqueid(switch)
    channel = Channel(
        name, uniqueid, linkedid or uniqueid, switch.now(), state, caller, context, extension, originated=originated
    )
    switch.channels[name] = channel
    say(switch, "Newchannel", channel)
    return channel


def new_uniqueid(switch: "Switch") -> str:
    return f"{int(switch.now())}.{next(switch.uniqueids)}"


def is_known(switch: "Switch", uniqueid: str) -> bool:
    """Whether a channel has this unique id already."""
    return any(channel.uniqueid == uniqueid for channel in switch.channels.values())


def hidden(switch: "Switch", name: str = "") -> list[HiddenChannel]:
    """The conferences' own channels, or the one of this name."""
    found = [channel for conference in switch.conferences.values() for channel in conference.hidden]
    return [channel for channel in found if channel.name == name] if name else found


def change_state(switch: "Switch", channel: Channel, state: State) -> None:
    """Ring, answer or turn busy."""
    if channel.is_gone or state not in _NEXT_STATES[channel.state]:
        raise IllegalTransition(f"{channel.name} cannot go from {channel.state} to {state}.")
    channel.state = state
    if state is State.UP:
        channel.answered_at = switch.now()
    say(switch, "Newstate", channel)
    follow(switch, channel)


# Its parties.


def set_caller(switch: "Switch", channel: Channel, caller: Party) -> None:
    """Change who the channel's own party is; what is empty stays."""
    channel.caller = Party(caller.number or channel.caller.number, caller.name or channel.caller.name)
    say(switch, "NewCallerid", channel, ("CID-CallingPres", "0 (Presentation Allowed, Not Screened)"))


def set_connected(switch: "Switch", channel: Channel, connected: Party) -> None:
    """Change whom the channel's party sees as the other side; what is empty stays."""
    channel.connected = Party(connected.number or channel.connected.number, connected.name or channel.connected.name)
    say(switch, "NewConnectedLine", channel)


def introduce(switch: "Switch", one: Channel, other: Channel) -> None:
    """Each of two sees the other, or nobody where that one is not known."""
    for channel, partner in ((one, other), (other, one)):
        if channel.connected != partner.caller:
            channel.connected = partner.caller
            say(switch, "NewConnectedLine", channel)


def set_account_code(switch: "Switch", channel: Channel, code: str) -> None:
    old, channel.account_code = channel.account_code, code
    say(switch, "NewAccountCode", channel, ("OldAccountCode", old))


# What channels tell by themselves.


def press(switch: "Switch", channel: Channel, digit: str, milliseconds: int = 100) -> None:
    """The channel's party presses a key."""
    say(switch, "DTMFBegin", channel, ("Digit", digit), ("Direction", "Received"))
    say(switch, "DTMFEnd", channel, ("Digit", digit), ("DurationMs", str(milliseconds)), ("Direction", "Received"))


def user_event(switch: "Switch", channel: Channel, name: str, fields: Fields) -> None:
    """The dialplan's UserEvent()."""
    say(switch, "UserEvent", channel, ("UserEvent", name), *fields)

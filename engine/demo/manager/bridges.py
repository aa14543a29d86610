"""Actions about bridges: which there are and who is in them, bridging two channels, and blind transfers."""

from typing import TYPE_CHECKING

from .messages import ActionFields
from .registry import Refused, answers

if TYPE_CHECKING:
    from .session import ManagerSession

_BRIDGED = (("Channel1", 1), ("Channel2", 2))


@answers("BridgeList", "Get a list of bridges in the system.", "<none>")
def bridge_list(session: "ManagerSession", action: ActionFields) -> None:
    items = [bridge.fields() for bridge in session.switch.bridges.values()]
    session.send_list("Bridge listing will follow", "BridgeListItem", items, "BridgeListComplete")


@answers("BridgeInfo", "Get information about a bridge.", "<none>")
def bridge_info(session: "ManagerSession", action: ActionFields) -> None:
    name = action.get("BridgeUniqueid")
    if not name:
        raise Refused("BridgeUniqueid must be provided")
    bridge = session.switch.bridges.get(name)
    if bridge is None:
        raise Refused("Specified BridgeUniqueid not found")
    items = [channel.fields() for channel in bridge.channels]
    message = "Bridge channel listing will follow"
    session.send_list(message, "BridgeInfoChannel", items, "BridgeInfoComplete", bridge.fields())


@answers("Bridge", "Bridge two channels already in the PBX.", "call,all")
def bridge(session: "ManagerSession", action: ActionFields) -> None:
    first, second = (session.channel(action, key, f"Channel{number} does not exists") for key, number in _BRIDGED)
    session.respond("Success", ("Message", "Channels have been bridged"))
    session.switch.bridge(first, second)


@answers("BlindTransfer", "Blind transfer channel(s) to the given destination", "call,all")
def blind_transfer(session: "ManagerSession", action: ActionFields) -> None:
    channel = session.channel(action, "Channel", "Channel does not exist")
    extension = action.get("Exten")
    if not session.dialplan.exists(extension):
        raise Refused("Extension does not exist.")
    session.respond("Success", ("Message", "Transfer succeeded"))
    session.dialplan.transfer(channel, extension)

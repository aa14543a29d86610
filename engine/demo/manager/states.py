"""Actions about who is busy: hints, the states of devices, presences, and endpoints."""

from typing import TYPE_CHECKING

from ..model import Fields
from ..states import PRESENCE_PROVIDER, Presence
from .messages import ActionFields
from .registry import Refused, answers

if TYPE_CHECKING:
    from .session import ManagerSession

# A device's state as PJSIPShowEndpoints says it (main/devicestate.c, ast_devstate2str).
_DEVICE_WORDS = {
    "NOT_INUSE": "Not in use", "INUSE": "In use", "BUSY": "Busy", "INVALID": "Invalid", "UNAVAILABLE": "Unavailable",
    "RINGING": "Ringing", "RINGINUSE": "Ring+Inuse", "ONHOLD": "On Hold",
}  # fmt: skip


@answers("ExtensionStateList", "List the current known extension states.", "call,reporting,all")
def extension_state_list(session: "ManagerSession", action: ActionFields) -> None:
    hints = session.switch.states.hints()
    session.send_list("Extension Statuses will follow", "ExtensionStatus", hints, "ExtensionStateListComplete")


@answers("ExtensionState", "Check Extension Status.", "call,reporting,all")
def extension_state(session: "ManagerSession", action: ActionFields) -> None:
    extension = action.get("Exten")
    if not extension:
        raise Refused("Extension not specified")
    fields = session.switch.states.hint_fields(extension, action.get("Context") or "default")
    session.respond("Success", ("Message", "Extension Status"), *fields)


@answers("DeviceStateList", "List the current known device states.", "call,reporting,all")
def device_state_list(session: "ManagerSession", action: ActionFields) -> None:
    devices = session.switch.states.devices.items()
    items: list[Fields] = [[("Device", device), ("State", state)] for device, state in devices]
    session.send_list("Device State Changes will follow", "DeviceStateChange", items, "DeviceStateListComplete")


@answers("PresenceStateList", "List the current known presence states.", "call,reporting,all")
def presence_state_list(session: "ManagerSession", action: ActionFields) -> None:
    presences = session.switch.states.presences.items()
    items = [[("Presentity", presentity), *presence.fields()] for presentity, presence in presences]
    session.send_list("Presence State Changes will follow", "PresenceStateChange", items, "PresenceStateListComplete")


@answers("PresenceState", "Check Presence State", "call,reporting,all")
def presence_state(session: "ManagerSession", action: ActionFields) -> None:
    provider = action.get("Provider")
    if not provider:
        raise Refused("No provider specified")
    if not provider.startswith(PRESENCE_PROVIDER):
        raise Refused(f"Invalid provider {provider} or provider in invalid state")
    presence = session.switch.states.presences.get(provider, Presence())
    message = presence.message
    session.respond(
        "Success",
        ("Message", "Presence State"),
        ("State", presence.state),
        *([("Subtype", presence.subtype)] if presence.subtype else ()),
        *([("Message", message), ("PresenceMessage", message)] if message else ()),
    )


@answers("PJSIPShowEndpoints", "Lists PJSIP endpoints.", "system,all")
def pjsip_show_endpoints(session: "ManagerSession", action: ActionFields) -> None:
    devices = session.switch.states.devices
    names = [device.removeprefix("PJSIP/") for device in devices if device.startswith("PJSIP/")]
    items = [_endpoint(session, name) for name in sorted(names)]
    message = "A listing of Endpoints follows, presented as EndpointList events"
    session.send_list(message, "EndpointList", items, "EndpointListComplete")


@answers("PJSIPNotify", "Send a NOTIFY to either an endpoint, an arbitrary URI, or inside a SIP dialog.", "system,all")
def pjsip_notify(session: "ManagerSession", action: ActionFields) -> None:
    """Only within a dialog. Each telephone of the demo takes a call when it is told to."""
    if not action.get("Channel"):
        raise Refused("PJSIPNotify requires either an endpoint name, a SIP URI, or a channel.")
    channel = session.channel(action, "Channel", "Channel not found")
    session.respond("Success", ("Message", "NOTIFY sent"))
    if action.get("Variable") == "Event=talk":
        session.dialplan.take(channel)


def _endpoint(session: "ManagerSession", name: str) -> Fields:
    """What the list says of an endpoint; an aor of the same name is all that it has."""
    channels = sum(channel.endpoint == f"PJSIP/{name}" for channel in session.switch.channels.values())
    state = session.switch.states.devices[f"PJSIP/{name}"]
    return [
        ("ObjectType", "endpoint"),
        ("ObjectName", name),
        ("Transport", ""),
        ("Aor", name),
        ("Auths", ""),
        ("OutboundAuths", ""),
        ("Contacts", ""),
        ("DeviceState", _DEVICE_WORDS.get(state, "Unknown")),
        ("ActiveChannels", str(channels) if channels else ""),
    ]

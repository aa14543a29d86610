"""Variables, and the few of Asterisk's dialplan functions that the demo knows."""

import re
import time

from .dialplan import Dialplan
from .model import Channel
from .states import INVALID

KNOWN = {
    "CALLERID": "Gets or sets Caller*ID data on the channel.",
    "CHANNEL": "Gets/sets various pieces of information about the channel.",
    "CONFBRIDGE": "Set a custom dynamic bridge, user, or menu profile on a channel for the ConfBridge application.",
    "CONNECTEDLINE": "Gets or sets Connected Line data on the channel.",
    "DEVICE_STATE": "Get or Set a device state.",
    "DIALPLAN_EXISTS": "Checks the existence of a dialplan target.",
    "GLOBAL": "Gets or sets the global variable specified.",
    "PRESENCE_STATE": "Get or Set a presence state.",
    "STRFTIME": "Returns the current date/time in the specified format.",
}
"""The functions of the demo, and what Asterisk says of each in a line."""

_CALL = re.compile(r"([A-Za-z0-9_]+)\((.*)\)", re.DOTALL)


def read(name: str, dialplan: Dialplan) -> str:
    """The value of a global variable or of a function; empty where there is none."""
    call = _CALL.fullmatch(name)
    match call.groups() if call else ("", ""):
        case ["GLOBAL", variable]:
            return dialplan.variables.get(variable, "")
        case ["DIALPLAN_EXISTS", place]:
            context, extension, priority, *_rest = [*str(place).split(","), "", "", ""]
            step = int(priority) if priority.isdecimal() and len(priority) < 6 else 1
            is_there = dialplan.exists(extension, context, step) if extension else context in dialplan.contexts
            return str(int(is_there))
        case ["DEVICE_STATE", device]:
            return dialplan.switch.states.devices.get(device, INVALID)
        case ["STRFTIME", given]:
            return _formatted(given, dialplan.switch.now())
    return dialplan.variables.get(name, "")


def read_of(channel: Channel, name: str, dialplan: Dialplan) -> str:
    """The value of a channel's variable or of a function of it; of a global one where it has none."""
    match name:
        case "CHANNEL(onhold)":
            return str(int(channel.is_held))
        case "CHANNEL(state)":
            return channel.state.value[1]
        case "CALLERID(num)":
            return channel.caller.number
        case "CALLERID(name)":
            return channel.caller.name
        case "CONNECTEDLINE(num)":
            return channel.connected.number
        case "CONNECTEDLINE(name)":
            return channel.connected.name
    value = channel.variables.get(name)
    return read(name, dialplan) if value is None else value


def write(name: str, value: str, dialplan: Dialplan) -> bool:
    """Set a global variable. False for a function that cannot be set."""
    call = _CALL.fullmatch(name)
    variable = call[2] if call and call[1] == "GLOBAL" else name
    if variable.endswith(")"):
        return False
    # What was set last is the newest. Underscores at the beginning say that channels inherit it.
    variable = re.sub("^_{1,2}", "", variable)
    dialplan.variables.pop(variable, None)
    dialplan.variables[variable] = value
    return True


def _formatted(given: str, now: float) -> str:
    """`epoch,timezone,format`, each of which may be missing. The time zone is always that of the PBX."""
    epoch, _timezone, form = [*given.split(",", 2), "", ""][:3]
    moment = float(epoch) if epoch.isdecimal() and len(epoch) < 12 else now
    return time.strftime(form or "%c", time.localtime(moment))

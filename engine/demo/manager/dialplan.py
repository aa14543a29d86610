"""Actions about what the dialplan works with: variables and functions, and extensions that are added."""

import base64
import re
from typing import TYPE_CHECKING

from .. import functions
from ..states import DEVICE_STATES, PRESENCE_PROVIDER, PRESENCES, Presence
from .messages import ActionFields, is_yes
from .registry import Refused, answers

if TYPE_CHECKING:
    from .session import ManagerSession

_PRESENCE = re.compile(rf"PRESENCE_STATE\(({PRESENCE_PROVIDER}.+)\)")
_DEVICE = re.compile(r"DEVICE_STATE\((Custom:.+)\)")


@answers("Getvar", "Gets a channel variable or function value.", "call,reporting,all")
def getvar(session: "ManagerSession", action: ActionFields) -> None:
    """Of a channel, or a global one without; of a recorder, its file."""
    variable = action.get("Variable")
    if not variable:
        raise Refused("No variable specified")
    hidden = session.switch.hidden(action.get("Channel")) if action.get("Channel") else []
    if hidden:
        value = hidden[0].file if variable == "MIXMONITOR_FILENAME" else ""
    elif action.get("Channel"):
        channel = session.channel(action, "Channel", "No such channel")
        value = functions.read_of(channel, variable, session.dialplan)
    else:
        value = functions.read(variable, session.dialplan)
    session.respond("Success", ("Variable", variable), ("Value", value))


@answers("Setvar", "Sets a channel variable or function value.", "call,all")
def setvar(session: "ManagerSession", action: ActionFields) -> None:
    variable = action.get("Variable")
    if not variable:
        raise Refused("No variable specified")
    if action.get("Channel"):
        channel = session.channel(action, "Channel", "No such channel")
        session.dialplan.assign(channel, variable, action.get("Value"))
    elif match := _PRESENCE.fullmatch(variable):
        session.switch.states.set_presence(match[1], _presence(action.get("Value")))
    elif match := _DEVICE.fullmatch(variable):
        if action.get("Value") not in DEVICE_STATES:
            raise Refused("Variable not set")
        session.switch.states.set_device(match[1], action.get("Value"))
    elif not functions.write(variable, action.get("Value"), session.dialplan):
        raise Refused("Variable not set")
    session.respond("Success", ("Message", "Variable Set"))


def _presence(value: str) -> Presence:
    """State, subtype, message, and `e` where those two are in base64."""
    state, subtype, message, options = [*value.split(",", 3), "", "", ""][:4]
    if state not in PRESENCES:
        raise Refused("Variable not set")
    if "e" not in options:
        return Presence(state, subtype, message)
    try:
        subtype, message = (base64.b64decode(text, validate=True).decode() for text in (subtype, message))
    except ValueError:
        raise Refused("Variable not set") from None
    return Presence(state, subtype, message)


@answers("DialplanExtensionAdd", "Add an extension to the dialplan", "system,all")
def dialplan_extension_add(session: "ManagerSession", action: ActionFields) -> None:
    context, extension, priority, application = (
        action.get(key) for key in ("Context", "Extension", "Priority", "Application")
    )
    if not (context and extension and priority and application):
        needed = "Context, Extension, Priority, and Application must be defined for DialplanExtensionAdd."
        raise Refused(needed)
    replace = is_yes(action.get("Replace"))
    if priority == "hint":
        is_added = session.switch.states.add_hint(extension, context, application, replace=replace, is_told=True)
    elif priority.isdecimal() and int(priority) > 0:
        step = (application, action.get("ApplicationData"))
        is_added = session.dialplan.add(context, extension, int(priority), step, replace=replace)
    else:
        raise Refused("The priority specified was invalid.")
    if not is_added:
        raise Refused("That extension and priority already exist at that context")
    session.respond("Success", ("Message", "Added requested extension"))

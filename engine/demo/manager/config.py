"""Actions about configuration files: reading and changing them, and reading them anew (Reload)."""

from typing import TYPE_CHECKING

from .. import cli
from ..configuration import Category, fields_of, json_of
from ..configuration import Refused as CannotBeWritten
from .messages import ActionFields
from .registry import Refused, answers

if TYPE_CHECKING:
    from .session import ManagerSession

# How reading a file anew went (include/asterisk/module.h).
_RELOADED, _NOT_FOUND = "0", "2"


@answers("Reload", "Send a reload event.", "system,config,all")
def reload(session: "ManagerSession", action: ActionFields) -> None:
    module = action.get("Module")
    is_known = not module or f"{module.removesuffix('.so')}.so" in cli.MODULES
    if not module:
        session.configuration.read_at = session.switch.now()
    if module.removesuffix(".so") in ("", "pbx_config"):
        session.dialplan.variables.update(session.configuration.variables)
    status = _RELOADED if is_known else _NOT_FOUND
    session.announce("Reload", [("Module", module or "All"), ("Status", status)])
    if not is_known:
        raise Refused("No such module")
    session.respond("Success", ("Message", "Module Reloaded"))


@answers("GetConfig", "Retrieve configuration.", "system,config,all")
def get_config(session: "ManagerSession", action: ActionFields) -> None:
    categories = _categories(session, action, "Config file not found")
    session.respond("Success", *(fields_of(categories) or [("No categories found", "")]))


@answers("GetConfigJSON", "Retrieve configuration (JSON format).", "system,config,all")
def get_config_json(session: "ManagerSession", action: ActionFields) -> None:
    categories = _categories(session, action, "File requires escalated privileges")
    session.respond("Success", ("JSON", json_of(categories)))


@answers("ListCategories", "List categories in configuration file.", "config,all")
def list_categories(session: "ManagerSession", action: ActionFields) -> None:
    names = [category.name for category in _categories(session, action, "Config file not found")]
    fields = [(f"Category-{number:06}", name) for number, name in enumerate(names)]
    session.respond("Success", *(fields or [("Error", "no categories found")]))


def _categories(session: "ManagerSession", action: ActionFields, complaint: str) -> list[Category]:
    file = action.get("Filename")
    if not file:
        raise Refused("Filename not specified")
    try:
        return session.configuration.read(file, action.get("Category"), action.get("Filter"))
    except KeyError:
        raise Refused(complaint) from None


@answers("UpdateConfig", "Update basic configuration.", "config,all")
def update_config(session: "ManagerSession", action: ActionFields) -> None:
    source, target = action.get("SrcFilename"), action.get("DstFilename")
    if not (source and target):
        raise Refused("Filename not specified")
    parts = ("Action", "Cat", "Var", "Value", "Match", "Line", "Options")
    steps: list[dict[str, str]] = []
    while action.get(f"Action-{len(steps):06}"):
        steps.append({part: action.get(f"{part}-{len(steps):06}") for part in parts})
    try:
        session.configuration.update(source, target, steps)
    except KeyError:
        raise Refused("File requires escalated privileges") from None
    except CannotBeWritten as reason:
        raise Refused(str(reason)) from None
    session.respond("Success")

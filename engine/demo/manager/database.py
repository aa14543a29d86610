"""Actions about the AstDB."""

from typing import TYPE_CHECKING

from .messages import ActionFields
from .registry import Refused, answers

if TYPE_CHECKING:
    from .session import ManagerSession


@answers("DBGet", "Get DB Entry.", "system,reporting,all")
def db_get(session: "ManagerSession", action: ActionFields) -> None:
    family, key = _name(action, ".")
    value = session.astdb.get(family, key)
    if value is None:
        raise Refused("Database entry not found")
    item = [("Family", family), ("Key", key), ("Val", value)]
    session.send_list("Result will follow", "DBGetResponse", [item], "DBGetComplete")


@answers("DBGetTree", "Get DB entries, optionally at a particular family/key", "system,reporting,all")
def db_get_tree(session: "ManagerSession", action: ActionFields) -> None:
    entries = session.astdb.tree(action.get("Family"), action.get("Key"))
    items = [[("Key", name), ("Val", value)] for name, value in entries]
    session.send_list("Result will follow", "DBGetTreeResponse", items, "DBGetTreeComplete")


@answers("DBPut", "Put DB entry.", "system,all")
def db_put(session: "ManagerSession", action: ActionFields) -> None:
    session.astdb.put(*_name(action), action.get("Val"))
    session.respond("Success", ("Message", "Updated database successfully"))


@answers("DBDel", "Delete DB entry.", "system,all")
def db_del(session: "ManagerSession", action: ActionFields) -> None:
    if not session.astdb.delete(*_name(action, ".")):
        raise Refused("Database entry could not be deleted")
    session.respond("Success", ("Message", "Key deleted successfully"))


@answers("DBDelTree", "Delete DB Tree.", "system,all")
def db_del_tree(session: "ManagerSession", action: ActionFields) -> None:
    if not action.get("Family"):
        raise Refused("No family specified.")
    if not session.astdb.delete_tree(action.get("Family"), action.get("Key")):
        raise Refused("Database entry not found")
    session.respond("Success", ("Message", "Key tree deleted successfully"))


def _name(action: ActionFields, full_stop: str = "") -> tuple[str, str]:
    """Family and key. Of the refusals, only that of DBPut has no full stop."""
    for field in ("Family", "Key"):
        if not action.get(field):
            raise Refused(f"No {field.lower()} specified{full_stop}")
    return action.get("Family"), action.get("Key")

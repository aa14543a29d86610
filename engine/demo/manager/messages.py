"""What goes over the wire: events and answers as bytes, and the fields of an action."""

from dataclasses import dataclass

from ..model import Fields

_EVENT_CLASSES = {
    "Newexten": "dialplan", "FullyBooted": "system", "Reload": "system", "DTMFBegin": "dtmf", "DTMFEnd": "dtmf",
    "UserEvent": "user",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Event:
    """An event as it goes to every session: encoded once."""

    name: str
    kind: str
    raw: bytes


def event(name: str, fields: Fields) -> Event:
    """Encode an event of the switch."""
    kind = _EVENT_CLASSES.get(name, "call")
    return Event(name, kind, encode([("Event", name), ("Privilege", f"{kind},all"), *fields]))


def encode(fields: Fields) -> bytes:
    """One message. A line break within a value becomes a space, so that no value can add lines of its own."""
    lines = [f"{key}: {value}" for key, value in fields]
    text = "\r\n".join(line.replace("\r", " ").replace("\n", " ") for line in lines)
    return text.encode("utf-8", "replace") + b"\r\n\r\n"


class ActionFields:
    """The fields of an action. Their names may be written in any case."""

    def __init__(self, text: str) -> None:
        self._pairs = [
            (key.strip().lower(), value.lstrip(" "))
            for key, separator, value in (line.partition(":") for line in text.split("\r\n"))
            if separator
        ]

    def get(self, key: str) -> str:
        return next((value for name, value in self._pairs if name == key.lower()), "")

    def all(self, key: str) -> list[str]:
        return [value for name, value in self._pairs if name == key.lower()]


def id_field(action_id: str) -> Fields:
    """The field by which a client knows to which of its actions a message belongs; none where it gave none."""
    return [("ActionID", action_id)] if action_id else []


def is_yes(text: str) -> bool:
    """main/utils.c, ast_true."""
    return text.lower() in ("true", "yes", "1", "on", "y", "t")

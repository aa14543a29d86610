"""What kinds of events there are: each is declared once, by the domain that tells it, with all its fields.

What is said of an event elsewhere (docs/events.md, a description for machines) comes from its declaration.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

# The JSON Schema of a field's values.
STRING: Mapping[str, Any] = {"type": "string"}
INTEGER: Mapping[str, Any] = {"type": "integer"}
BOOLEAN: Mapping[str, Any] = {"type": "boolean"}
TIME: Mapping[str, Any] = {"type": "string", "format": "date-time"}


def one_of(*values: str) -> Mapping[str, Any]:
    """The schema of a text that is one of these."""
    return {"type": "string", "enum": list(values)}


def list_of(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"type": "array", "items": schema}


def nullable(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an event's data; every event of its type has it. `schema` is a JSON Schema of its values."""

    name: str
    schema: Mapping[str, Any]
    meaning: str
    example: Any


def object_of(fields: "tuple[Field, ...]") -> Mapping[str, Any]:
    """The schema of an object that has all of these fields, and no other."""
    return {
        "type": "object",
        "properties": {field.name: {**field.schema, "description": field.meaning} for field in fields},
        "required": [field.name for field in fields],
        "additionalProperties": False,
    }


@dataclass(frozen=True, slots=True)
class EventType:
    """One kind of event. `permission` is what a reader needs to be sent it, or else what `also` says of its data
    (empty: nothing else will do). `meaning` is English, and in the translations (`gettext_noop`).

    One with a `setting` is told only where that is on, and sent only to who names it.
    """

    name: str
    meaning: str
    fields: tuple[Field, ...]
    permission: str
    also: Callable[[Mapping[str, Any]], str] = lambda data: ""
    setting: str = ""

    @property
    def example(self) -> dict[str, Any]:
        """The data of an event of this type."""
        return {field.name: field.example for field in self.fields}


# By name.
event_types: dict[str, EventType] = {}


def declare(event_type: EventType) -> EventType:
    """Register a type of events. Its name must be new."""
    if event_type.name in event_types:
        raise TypeError(f"{event_type.name} is declared twice.")
    event_types[event_type.name] = event_type
    return event_type

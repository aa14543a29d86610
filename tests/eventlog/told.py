"""What others were told by now, each event held against the declaration of its type."""

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from django.utils import timezone
from jsonschema import Draft7Validator
from referencing import Registry
from referencing.jsonschema import DRAFT7

from engine.mirror.state import State
from eventlog.asyncapi import description
from eventlog.declarations import event_types, object_of
from eventlog.models import Event
from eventlog.readers import json_of

_TYPES: dict[str, type] = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict}


def check(value: Any, schema: Mapping[str, Any], where: str) -> None:
    """Fails where the value is not of this JSON Schema; of the schema language, what declarations use."""
    if "anyOf" in schema:
        schema = next(one for one in schema["anyOf"] if (one["type"] == "null") is (value is None))
    if schema["type"] == "null":
        return
    kind = type(value)  # a boolean is no integer here
    assert kind is _TYPES[schema["type"]], f"{where} is {value!r}"
    assert value in schema.get("enum", [value]), f"{where} is {value!r}"
    if schema.get("format") == "date-time":
        assert value.endswith("Z"), where
        assert datetime.fromisoformat(value).microsecond % 1000 == 0
    if schema["type"] == "array":
        for number, item in enumerate(value):
            check(item, schema["items"], f"{where}[{number}]")
    if schema["type"] == "object":
        assert list(value) == schema["required"], f"{where} has {list(value)}"
        for name, part in schema["properties"].items():
            check(value[name], part, f"{where}.{name}")


@cache
def payload_of(message: str) -> Any:
    """What is valid as the payload of a message of the AsyncAPI document, such as `stream.call.ended`."""
    document = DRAFT7.create_resource(description())
    reference = {"$ref": f"urn:events#/components/messages/{message}/payload"}
    return Draft7Validator(reference, registry=Registry().with_resource("urn:events", document))


def events(state: State) -> list[Event]:
    """What waits to be written, in order; as the stream sends it, it fits the description for machines."""
    found = [Event(**{"at": timezone.now(), **values}) for values in state.table(Event).complete]
    assert [event.number for event in found] == sorted(event.number for event in found)
    for event in found:
        check(json.loads(event.data), object_of(event_types[event.type].fields), event.type)
        sent = json.loads(json_of(state.pbx, event.number, event.type, event.at, event.data))
        payload_of(f"stream.{event.type}").validate(sent)
    return found


def told(state: State) -> list[tuple[str, dict[str, Any]]]:
    """Type and data of each."""
    return [(event.type, json.loads(event.data)) for event in events(state)]


def kinds(state: State) -> list[str]:
    return [event.type for event in events(state)]

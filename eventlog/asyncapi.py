"""What others are told, described for machines: an AsyncAPI 3.0 document, from the declarations of the types of events.

Sources: https://www.asyncapi.com/docs/reference/specification/v3.0.0,
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md and
https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from .declarations import INTEGER, STRING, TIME, EventType, Field, event_types, object_of
from .readers import PARAMETERS

VERSION = "1"
# The headers of a webhook, as Standard Webhooks names them.
WEBHOOK_HEADERS = (
    Field(
        "webhook-id", STRING, "The same each time that the webhook is sent: what came before counts once.", "msg_2Kd"
    ),
    Field("webhook-timestamp", STRING, "When it was sent, in seconds since 1970.", "1795521605"),
    Field(
        "webhook-signature",
        STRING,
        "`v1,` and the signature by the secret; two with a blank between while the secret is changed.",
        "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
    ),
)
_AT = "2026-11-24T12:00:05.031Z"
_PBX = Field("pbx", STRING, "The PBX.", "main")
_NUMBER = Field("number", INTEGER, "Counts up for each PBX, without a gap.", 42)


def _head(event_type: EventType) -> Field:
    return Field("type", {"const": event_type.name}, event_type.meaning, event_type.name)


def _data(event_type: EventType) -> Field:
    schema = {"$ref": f"#/components/schemas/{event_type.name}"}
    return Field("data", {"allOf": [schema]}, "What is told of it.", event_type.example)


def streamed(event_type: EventType) -> tuple[Field, ...]:
    """What the `data` of a server-sent event has (`readers.json_of`)."""
    at = Field("at", TIME, "When it was written into the log.", _AT)
    return (_PBX, _NUMBER, _head(event_type), at, _data(event_type))


def posted(event_type: EventType) -> tuple[Field, ...]:
    """What the body of a webhook has."""
    at = Field("timestamp", TIME, "When it was written into the log.", _AT)
    return (_head(event_type), at, _PBX, _NUMBER, _data(event_type))


def posted_as_cloud_event(event_type: EventType) -> tuple[Field, ...]:
    """What the body of a webhook has as a CloudEvent, in structured mode."""
    return (
        Field("specversion", {"const": "1.0"}, "The version of CloudEvents.", "1.0"),
        Field("id", STRING, "That of the header `webhook-id`.", "msg_2Kd"),
        Field("source", STRING, "The PBX, as a resource of the API.", "/api/v1/pbxs/main"),
        _head(event_type),
        Field("subject", STRING, "The id of what it is about.", event_type.example["id"]),
        Field("time", TIME, "When it was written into the log.", _AT),
        Field("datacontenttype", {"const": "application/json"}, "The media type of the data.", "application/json"),
        _PBX,
        Field("sequence", STRING, "Counts up for each PBX, without a gap.", "42"),
        _data(event_type),
    )


_RESET = (Field("reason", STRING, "Why nothing can be resumed.", "not in the log"),)
_MEANINGS_OF_PARAMETERS = {
    "types": "Only these types, with commas between; `call.*` stands for all that begin so.",
    "pbx": "Only what happens on these PBXs.",
    "extension": "Only what is about this number, extension or telephone.",
    "conference": "Only what is about the conference of this name.",
    "call": "Only what is about the call with this id.",
    "after": "What comes after this id; the header `Last-Event-ID` goes before it.",
}


def _message(
    name: str,
    summary: str,
    fields: tuple[Field, ...],
    media_type: str = "application/json",
    headers: tuple[Field, ...] = (),
) -> dict[str, Any]:
    message: dict[str, Any] = {
        "name": name,
        "title": name,
        "summary": summary,
        "contentType": media_type,
        "payload": object_of(fields),
        "examples": [{"name": name.replace(".", "-"), "payload": _example(fields)}],
    }
    if headers:
        message["headers"] = {**object_of(headers), "additionalProperties": True}
        message["examples"][0]["headers"] = _example(headers)
    return message


def _example(fields: tuple[Field, ...]) -> dict[str, Any]:
    return {field.name: field.example for field in fields}


def _told(
    event_type: EventType, fields: tuple[Field, ...], media_type: str, headers: tuple[Field, ...]
) -> dict[str, Any]:
    """The message of a type; who is sent it, the scope says."""
    told = _message(event_type.name, event_type.meaning, fields, media_type, headers)
    told["x-scope"] = event_type.permission
    if event_type.setting:
        told["x-setting"] = event_type.setting
    return told


# What each channel has of an event, as which media type, with which headers.
_CHANNELS: Mapping[str, tuple[Callable[[EventType], tuple[Field, ...]], str, tuple[Field, ...]]] = {
    "stream": (streamed, "application/json", ()),
    "webhooks": (posted, "application/json", WEBHOOK_HEADERS),
    "cloudEvents": (posted_as_cloud_event, "application/cloudevents+json", WEBHOOK_HEADERS),
}


@cache
def description() -> dict[str, Any]:
    """The document. It says nothing of this installation."""
    messages = {
        f"{channel}.{name}": _told(event_type, fields_of(event_type), media_type, headers)
        for channel, (fields_of, media_type, headers) in _CHANNELS.items()
        for name, event_type in event_types.items()
    }
    messages["stream.reset"] = _message(
        "reset", "Events are missing: whoever keeps something of what was told asks for all of it anew.", _RESET
    )
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "PBX Panel: events",
            "version": VERSION,
            "description": "What happens to calls, conferences and extensions, as a stream of server-sent events and "
            "as webhooks. What can be asked is described in OpenAPI, at /api/v1/openapi.json.",
        },
        "defaultContentType": "application/json",
        "servers": {
            "panel": {
                "host": "{host}",
                "protocol": "https",
                "pathname": "/api/v1",
                "description": "An installation of the panel.",
                "variables": {"host": {"default": "panel.example.org", "description": "Where it is."}},
                "security": [{"$ref": "#/components/securitySchemes/token"}],
            }
        },
        "channels": {
            "stream": {
                "address": "/events",
                "title": "The stream",
                "description": "Server-sent events. `event` is the type, `data` the payload, and `id` says how far one "
                "has read: who comes back with it in the header `Last-Event-ID` goes on without a loss.",
                "servers": [{"$ref": "#/servers/panel"}],
                "messages": _references(messages, "stream"),
            },
            "webhooks": _webhooks("Webhooks", messages, "webhooks"),
            "cloudEvents": _webhooks("Webhooks as CloudEvents 1.0, in structured mode", messages, "cloudEvents"),
        },
        "operations": {
            "stream": {
                "action": "send",
                "channel": {"$ref": "#/channels/stream"},
                "summary": "To whoever reads the stream, what they want and may see.",
                "bindings": {"http": {"method": "GET", "query": _query(), "bindingVersion": "0.3.0"}},
            },
            "webhooks": _post("webhooks", "To each address that somebody has entered in the panel."),
            "cloudEvents": _post("cloudEvents", "The same, to each address that wants CloudEvents."),
        },
        "components": {
            "schemas": {name: object_of(event_type.fields) for name, event_type in event_types.items()},
            "messages": messages,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "pbxp_…", "description": "A token."}
            },
        },
    }


def _references(messages: Mapping[str, Any], channel: str) -> dict[str, Any]:
    """The messages of a channel, by their types."""
    return {
        name.partition(".")[2]: {"$ref": f"#/components/messages/{name}"}
        for name in messages
        if name.startswith(f"{channel}.")
    }


def _webhooks(title: str, messages: Mapping[str, Any], channel: str) -> dict[str, Any]:
    return {
        "address": None,
        "title": title,
        "description": "A POST to an address that somebody has entered in the panel, signed as Standard Webhooks says. "
        "Any answer 2xx ends it; else it is sent again, later. In order for each call.",
        "messages": _references(messages, channel),
    }


def _post(channel: str, summary: str) -> dict[str, Any]:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": summary,
        "bindings": {"http": {"method": "POST", "bindingVersion": "0.3.0"}},
    }


def _query() -> dict[str, Any]:
    properties = {name: {"type": "string", "description": _MEANINGS_OF_PARAMETERS[name]} for name in sorted(PARAMETERS)}
    return {"type": "object", "properties": properties, "additionalProperties": False}

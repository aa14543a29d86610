"""What is sent fits its description for machines (AsyncAPI), in either format."""

import json
from datetime import UTC, datetime

import pytest
from jsonschema import Draft7Validator

from eventlog.asyncapi import WEBHOOK_HEADERS, description
from eventlog.declarations import event_types
from tests.eventlog.told import payload_of
from webhooks.formats import MEDIA_TYPES, Format, Told, body_of, headers_of, new_message_id, new_secret

NOW = datetime(2026, 11, 24, 12, 0, 5, 31000, tzinfo=UTC)
CHANNELS = {Format.STANDARD: "webhooks", Format.CLOUDEVENTS: "cloudEvents"}


@pytest.mark.parametrize("format", Format)
@pytest.mark.parametrize("name", event_types)
def test_each_event_is_sent_as_it_is_described(name: str, format: Format) -> None:
    event_type = event_types[name]
    told = Told("main", 42, name, event_type.example["id"], NOW, json.dumps(event_type.example))
    message_id = new_message_id()
    body = body_of(told, format, message_id)
    described = f"{CHANNELS[format]}.{name}"
    assert list(payload_of(described).iter_errors(json.loads(body))) == []
    message = description()["components"]["messages"][described]
    assert message["contentType"] == MEDIA_TYPES[format].partition(";")[0]
    headers = headers_of(message_id, format, body, [new_secret(), new_secret()], NOW)
    assert {field.name for field in WEBHOOK_HEADERS} < headers.keys()
    assert Draft7Validator(message["headers"]).is_valid(headers)

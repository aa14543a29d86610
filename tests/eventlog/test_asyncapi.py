"""The description for machines is an AsyncAPI 3.0 document, whose schemas the examples and the events fit."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from jsonschema import Draft7Validator

from eventlog.asyncapi import WEBHOOK_HEADERS, description
from eventlog.declarations import event_types
from eventlog.readers import PARAMETERS
from tests.eventlog.told import payload_of

OFFICIAL = json.loads((Path(__file__).parent / "vendor" / "asyncapi" / "3.0.0.json").read_text())
MESSAGES: dict[str, Any] = description()["components"]["messages"]


def complaints(document: dict[str, Any]) -> list[str]:
    """What the official schema finds."""
    found = Draft7Validator(OFFICIAL).iter_errors(document)
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}" for error in found]


@pytest.fixture
def document() -> dict[str, Any]:
    """The document, as somebody who is not logged in gets it."""
    response = Client().get("/api/v1/asyncapi.json")
    assert response["Content-Type"] == "application/json"
    found: dict[str, Any] = response.json()
    return found


def test_the_document_fits_the_official_schema(document: dict[str, Any]) -> None:
    assert complaints(document) == []
    assert document["asyncapi"] == "3.0.0"
    document["operations"]["stream"]["action"] = "shout"
    assert any("shout" in complaint for complaint in complaints(document))


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    def references(part: Any) -> list[str]:
        if isinstance(part, list):
            return [found for one in part for found in references(one)]
        if not isinstance(part, dict):
            return []
        return [part["$ref"]] if "$ref" in part else references(list(part.values()))

    found = references(document)
    assert len(found) > 3 * len(event_types)
    for reference in found:
        place: Any = document
        for key in reference.removeprefix("#/").split("/"):
            place = place[key]


@pytest.mark.parametrize("channel", ["stream", "webhooks", "cloudEvents"])
def test_each_channel_has_every_type_with_its_meaning_and_scope(channel: str, document: dict[str, Any]) -> None:
    assert set(document["channels"][channel]["messages"]) - {"reset"} == set(event_types)
    for name, event_type in event_types.items():
        message = MESSAGES[f"{channel}.{name}"]
        assert (message["name"], message["summary"], message["x-scope"]) == (
            name, event_type.meaning, event_type.permission,
        )  # fmt: skip
        assert set(message.get("headers", {}).get("required", ())) == (
            set() if channel == "stream" else {field.name for field in WEBHOOK_HEADERS}
        )


@pytest.mark.parametrize("name", MESSAGES)
def test_each_example_fits_its_schema(name: str) -> None:
    (example,) = MESSAGES[name]["examples"]
    schema = payload_of(name)
    assert schema.is_valid(example["payload"]), list(schema.iter_errors(example["payload"]))
    without = {key: value for key, value in example["payload"].items() if key not in ("data", "reason")}
    assert not schema.is_valid(without)
    assert not schema.is_valid(example["payload"] | {"more": 1})
    for key, value in example.get("headers", {}).items():
        assert Draft7Validator(MESSAGES[name]["headers"]["properties"][key]).is_valid(value)


def test_the_stream_can_be_asked_for_what_it_takes(document: dict[str, Any]) -> None:
    query = document["operations"]["stream"]["bindings"]["http"]["query"]
    assert set(query["properties"]) == PARAMETERS

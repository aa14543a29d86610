"""How an event is written in a webhook: names of headers, media types, and bodies.

Sources: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md and CloudEvents 1.0,
https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md (structured mode).
"""

import base64
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _
from standardwebhooks import Webhook as Signer

from eventlog.asyncapi import WEBHOOK_HEADERS
from eventlog.declarations import event_types
from eventlog.telling import time_of

HEADER_ID, HEADER_TIMESTAMP, HEADER_SIGNATURE = (header.name for header in WEBHOOK_HEADERS)
SECRET_PREFIX, MESSAGE_PREFIX = "whsec_", "msg_"
# What is sent by *Send a test*; no event of the log has this type.
TEST_TYPE = "webhook.test"


class Format(models.TextChoices):
    """The form of a webhook's body."""

    STANDARD = "standard", _("Standard Webhooks")
    CLOUDEVENTS = "cloudevents", _("CloudEvents 1.0, in structured mode")


MEDIA_TYPES: Mapping[str, str] = {
    Format.STANDARD: "application/json",
    Format.CLOUDEVENTS: "application/cloudevents+json; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class Told:
    """What a webhook tells: an event of the log, or a test, which has no number. `data` is JSON."""

    pbx: str
    number: int | None
    type: str
    subject: str
    at: datetime
    data: str


def body_of(told: Told, format: str, message_id: str) -> str:
    """The body of a webhook, as JSON."""
    head: dict[str, Any]
    if format == Format.CLOUDEVENTS:
        head = {
            "specversion": "1.0",
            "id": message_id,
            "source": f"/api/v1/pbxs/{told.pbx}",
            "type": told.type,
            "subject": told.subject,
            "time": time_of(told.at),
            "datacontenttype": "application/json",
            "pbx": told.pbx,
            # Of CloudEvents' extension "sequence": a text.
            "sequence": "" if told.number is None else str(told.number),
        }
        head = {name: value for name, value in head.items() if value != ""}
    else:
        head = {"type": told.type, "timestamp": time_of(told.at), "pbx": told.pbx, "number": told.number}
    return f'{json.dumps(head)[:-1]}, "data": {told.data}}}'


def data_in(body: str) -> Mapping[str, Any]:
    """The data of the event that a body has, whichever its format."""
    found: Mapping[str, Any] = json.loads(body)["data"]
    return found


def also_in(type_name: str, body: str) -> str:
    """What else than the permission of its type lets somebody have an event (`EventType.also`)."""
    return event_types[type_name].also(data_in(body))


def new_message_id() -> str:
    return f"{MESSAGE_PREFIX}{secrets.token_hex(16)}"


def new_secret() -> str:
    """256 random bits, as the specification writes them."""
    return f"{SECRET_PREFIX}{base64.b64encode(secrets.token_bytes(32)).decode()}"


def headers_of(message_id: str, format: str, body: str, keys: Sequence[str], now: datetime) -> dict[str, str]:
    """The headers of a webhook that is sent now (in UTC), signed with each of these secrets."""
    return {
        "Content-Type": MEDIA_TYPES[format],
        "User-Agent": "PBX-Panel",
        HEADER_ID: message_id,
        HEADER_TIMESTAMP: str(int(now.timestamp())),
        HEADER_SIGNATURE: " ".join(Signer(key).sign(message_id, now, body) for key in keys),
    }

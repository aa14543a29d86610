"""How a domain tells others of something: the event is a row like any other that its tick writes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed
from django.db.models import Max
from django.dispatch import receiver

from engine.mirror.registry import succession
from engine.mirror.state import State

from .declarations import EventType
from .models import Event

to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(slots=True)
class Numbers:
    """The number of the last event of a PBX."""

    last: int = 0


@succession
def continue_numbers(state: State) -> None:
    """Count on where the former worker has left off."""
    last = Event._base_manager.filter(pbx=state.pbx).aggregate(last=Max("number"))["last"]
    state.memory(Numbers).last = last or 0


# By the name of a type; asked for much more often than Django's settings answer quickly.
_is_told: dict[str, bool] = {}


def is_told(event_type: EventType) -> bool:
    """Whether anybody is told of such events: whoever would collect their data can save that."""
    known = _is_told.get(event_type.name)
    if known is None:
        setting = event_type.setting
        known = settings.EVENT_LOG_DAYS > 0 and (not setting or bool(getattr(settings, setting)))
        _is_told[event_type.name] = known
    return known


@receiver(setting_changed)
def forget_settings(**_signal: Any) -> None:
    """Only tests change settings."""
    _is_told.clear()


def tell(state: State, event_type: EventType, subject: str, data: Mapping[str, Any] | str, reference: str = "") -> None:
    """Have an event written with the tick, about the thing with this id; nothing where nobody is told of its type.

    `data` has the declared fields, as JSON has them, in one line where it is a text.
    """
    if not is_told(event_type):
        return
    numbers = state.memory(Numbers)
    numbers.last += 1
    state.table(Event).write_once(
        numbers.last,
        type=event_type.name,
        subject=subject,
        reference=reference,
        data=data if isinstance(data, str) else to_json(data),
    )


def time_of(moment: datetime | None) -> str | None:
    """A time as events have it: ISO 8601, in UTC, to the millisecond."""
    if moment is None:
        return None
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat("T", "milliseconds")[:23] + "Z"

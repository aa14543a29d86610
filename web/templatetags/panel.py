"""Filters and tags of the panel's templates."""

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from django import template
from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from engine.mirror import sanitize
from engine.mirror.verbs import verbs

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

register = template.Library()
register.filter("shown", sanitize.shown)


@register.filter
def epoch_ms(moment: datetime) -> int:
    """A moment → milliseconds since 1970, as the browser counts time."""
    return int(moment.timestamp() * 1000)


@register.filter
def epoch_us(moment: datetime) -> int:
    """A moment → microseconds since 1970, by which rows stand as in the database, to the last digit."""
    return (moment - EPOCH) // timedelta(microseconds=1)


@register.filter
def clock(duration: timedelta) -> str:
    """A duration as the browser counts them: `4:05`, or `1:04:05`."""
    minutes, seconds = divmod(max(0, int(duration.total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


@register.simple_tag
@cache
def icon(name: str) -> SafeString:
    """An icon of the sprite, beside text that says the same."""
    sprite = static("vendor/tabler-icons/sprite.svg")
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>', sprite, name)


@register.inclusion_tag("components/_verb_button.html")
def verb_button(
    verb: str,
    icon: str,
    pbx: str,
    key: str,
    *,
    label: str = "",
    id: str = "",
    css: str = "",
    aria_label: str = "",
    **parameters: str,
) -> dict[str, Any]:
    """A button that asks a verb, such as `channel.park`, about the thing with this key; `parameters` are sent with it.

    What it says is the verb's own label, or `label`.
    """
    declared = verbs[verb]
    return {
        "verb": declared.path,
        "path": reverse(f"{declared.target.name}-command", args=[pbx, key, declared.path]),
        "icon": icon,
        "label": label or declared.label,
        "id": id,
        "css": css,
        "aria_label": aria_label,
        "parameters": json.dumps(parameters) if parameters else "",
        "given": parameters.items(),
    }

"""Filters and tags of the panel's templates."""

from datetime import datetime, timedelta
from functools import cache

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from engine.mirror import sanitize

register = template.Library()
register.filter("shown", sanitize.shown)


@register.filter
def epoch_ms(moment: datetime) -> int:
    """A moment → milliseconds since 1970, as the browser counts time."""
    return int(moment.timestamp() * 1000)


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

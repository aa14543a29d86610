"""Whether what is sent in a form or an address is longer than its field may hold (the setting `FIELD_LIMITS`)."""

from collections.abc import Mapping, Sequence

from django.conf import settings

from engine.limits import FIELD, complaint


def of_field(route: str, name: str) -> int:
    """How many characters a field may hold."""
    for pattern, fields in settings.FIELD_LIMITS.items():
        if _fits(pattern, route):
            for field, most in fields.items():
                if _fits(field, name):
                    return most
    return FIELD


def _fits(pattern: str, name: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def too_long(route: str, fields: Mapping[str, Sequence[str]]) -> str:
    """Which of these fields holds more than it may, in words; empty where none does."""
    for name, values in fields.items():
        most = of_field(route, name)
        for value in values:
            if words := complaint(value, most):
                return f"{words} ({name[:80]})"
    return ""

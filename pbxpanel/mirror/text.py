"""Text that came over the phone network, made fit to be stored and shown. It stays hostile: templates escape it."""

import unicodedata
from datetime import timedelta

# Characters that turn the writing direction could make a name show as another than it is.
_DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Control characters, halves of surrogate pairs, and separators of lines and paragraphs.
_UNSEEN = frozenset(("Cc", "Cs", "Zl", "Zp"))
_TEN_YEARS = 10 * 365 * 24 * 3600
# Asterisk's words for a name or number that is not set.
_UNKNOWN = frozenset(("<unknown>", "<no name>"))


def clean(text: str, limit: int = 150) -> str:
    """Without control and direction characters, at most `limit` characters; empty where Asterisk knows nothing."""
    if not text.isascii() or not text.isprintable():
        text = "".join(c for c in text if unicodedata.category(c) not in _UNSEEN and c not in _DIRECTION)
    text = text.strip()
    return "" if text in _UNKNOWN else text[:limit]


def duration(text: str) -> timedelta:
    """`HH:MM:SS` (the hours may have more digits) or seconds → how long, nothing where the text is something else.

    What would be more than ten years is ten years.
    """
    parts = text.split(":")
    if len(parts) not in (1, 3) or not all(part.isascii() and part.isdecimal() for part in parts):
        return timedelta()
    # No more digits than can matter: the longest number Python reads, or a date holds, is soon passed.
    numbers = [min(int(part[:12]), _TEN_YEARS) for part in parts]
    seconds = sum(number * unit for number, unit in zip(reversed(numbers), (1, 60, 3600), strict=False))
    return timedelta(seconds=min(seconds, _TEN_YEARS))

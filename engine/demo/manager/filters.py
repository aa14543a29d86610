"""Which events a session wants: its mask of classes, and the filters that it has added."""

import re

from .messages import Event

CLASSES = frozenset(
    {"system", "call", "log", "verbose", "command", "agent", "user", "config", "dtmf", "reporting", "cdr"}
    | {"dialplan", "originate", "agi", "cc", "aoc", "test", "security", "message"}
)


class EventFilter:
    """What one session wants; in the beginning everything."""

    def __init__(self) -> None:
        self.mask: frozenset[str] = CLASSES
        self._wanted: list[re.Pattern[str]] = []
        self._unwanted: list[re.Pattern[str]] = []

    def add(self, text: str) -> bool:
        """A regular expression; one with `!` before it says what is unwanted. False where it is none."""
        try:
            pattern = re.compile(text.removeprefix("!"))
        except re.error:
            pattern = None
        if not text or pattern is None:
            return False
        (self._unwanted if text.startswith("!") else self._wanted).append(pattern)
        return True

    def lets_through(self, event: Event) -> bool:
        return event.kind in self.mask and self._fits(event.raw)

    def _fits(self, raw: bytes) -> bool:
        if not self._wanted and not self._unwanted:
            return True
        text = raw.decode("utf-8", "replace")
        if any(pattern.search(text) for pattern in self._unwanted):
            return False
        return not self._wanted or any(pattern.search(text) for pattern in self._wanted)


def parse_mask(text: str) -> frozenset[str] | None:
    """An event mask → the classes it names; None where it is empty."""
    words = {word.strip().lower() for word in text.split(",") if word.strip()}
    if not words:
        return None
    if words & {"on", "all", "yes", "true", "1"}:
        return CLASSES
    return frozenset(words & CLASSES)

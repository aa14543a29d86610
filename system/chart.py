"""A small chart of the events of the last minute, for an SVG in the page."""

from collections.abc import Sequence
from dataclasses import dataclass

SECONDS = 60
# Of the picture, in its own units: a bar is 4 wide with a gap of 1.
WIDTH, HEIGHT = SECONDS * 5, 60


@dataclass(frozen=True, slots=True)
class Bar:
    """One second. `x`, `y` and `height` are in the units of the picture."""

    x: int
    y: float
    height: float
    number: int


def bars(seconds: Sequence[int]) -> list[Bar]:
    """Events in each second, the newest last → a bar for each, the newest at the right edge."""
    most, first = max(seconds, default=0), SECONDS - len(seconds)
    drawn = []
    for at, number in enumerate(seconds):
        height = max(1.0, round(HEIGHT * number / most, 1)) if number else 0.0
        drawn.append(Bar((first + at) * 5, HEIGHT - height, height, number))
    return drawn

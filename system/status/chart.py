"""A small chart of the events of the last minute by their kind, for an SVG in the page."""

from collections.abc import Sequence
from dataclasses import dataclass

SECONDS = 60
# Of the picture, in its own units: a bar is 4 wide with a gap of 1.
WIDTH, HEIGHT = SECONDS * 5, 60
# So many kinds have a colour of their own; the others share one.
COLOURS = 4


@dataclass(frozen=True, slots=True)
class Bar:
    """What came of one kind in one second. `x`, `y` and `height` are in the units of the picture."""

    x: int
    y: float
    height: float
    # The number of its colour; empty for the one that the others share.
    colour: str


def colour_of(kind: int, kinds: int) -> str:
    """Of the kind of this place among the named ones, which are so many."""
    return str(kind) if kind < min(COLOURS, kinds) else ""


def bars(seconds: Sequence[Sequence[int]]) -> list[Bar]:
    """Of each second, the newest last, how many of each kind (the last two are the rest, and unread) → bars that stand
    on each other, the most frequent kind below, the newest second at the right edge.
    """
    most, first = max(map(sum, seconds), default=0), SECONDS - len(seconds)
    drawn = []
    for at, numbers in enumerate(seconds):
        named = len(numbers) - 2
        coloured = [(str(kind), number) for kind, number in enumerate(numbers[: min(COLOURS, named)])]
        base = 0.0
        for colour, number in [*coloured, ("", sum(numbers[len(coloured) :]))]:
            if number:
                height = round(HEIGHT * number / most, 1)
                base += height
                drawn.append(Bar((first + at) * 5, round(HEIGHT - base, 1), height, colour))
    return drawn

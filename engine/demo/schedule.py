"""What is to happen when: a clock of its own that somebody moves forward, and callbacks that fall due."""

import heapq
import itertools
from collections.abc import Callable


class Schedule:
    """Callbacks in the order in which they fall due. It never looks at a real clock: `run_until` moves its time."""

    def __init__(self, now: float) -> None:
        self._now = now
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._now

    def later(self, seconds: float, callback: Callable[[], None]) -> None:
        """Call back after this time. Nothing is ever cancelled: a callback looks whether it still has a reason."""
        heapq.heappush(self._due, (self._now + seconds, next(self._order), callback))

    @property
    def next_at(self) -> float | None:
        """When the next callback falls due; None while there is none."""
        return self._due[0][0] if self._due else None

    def run_until(self, moment: float) -> None:
        """Move the clock to this moment, calling what falls due on the way."""
        while self._due and self._due[0][0] <= moment:
            self._now, _, callback = heapq.heappop(self._due)
            callback()
        self._now = max(self._now, moment)

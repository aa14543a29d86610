"""One browser tab at the hub, and what is still to be sent to it."""

import asyncio
from collections import deque

from engine import metrics

from .fragments import LivePage, Viewer
from .viewport import Viewport

# A socket for which this many messages or characters wait is brought up to date by a fresh board instead.
QUEUE_LIMIT, QUEUE_SIZE = 200, 2**20
# How many toasts wait for a socket that does not read; older ones are lost.
TOAST_LIMIT = 20


class Subscriber:
    """One browser tab at the hub: what it shows, and what is still to be sent to it.

    `viewport` is the part of its page that it has on screen; None: it has all of it. `session` is the key of the
    session with which its user is logged in.
    """

    def __init__(
        self, page: LivePage, key: str, viewer: Viewer, viewport: Viewport | None = None, session: str = ""
    ) -> None:
        self.page, self.key, self.viewer, self.viewport, self.session = page, key, viewer, viewport, session
        self.needs_board = True
        # The code with which it is to be closed, once it may no longer be here; and when to check that next.
        self.farewell: int | None = None
        self.check_at = 0.0
        self.wake = asyncio.Event()
        self.wake.set()
        self._batches: list[str] = []
        self._size = 0
        self._toasts: deque[str] = deque(maxlen=TOAST_LIMIT)

    def put_batch(self, text: str) -> None:
        """What changed on the page; whoever puts it wakes the subscriber.

        A board that is still to be read holds it already: it was committed before.
        """
        if self.needs_board:
            return
        if len(self._batches) >= QUEUE_LIMIT or self._size + len(text) > QUEUE_SIZE:
            metrics.GAPS.labels("queue").inc()
            self.ask_for_board()
            return
        self._batches.append(text)
        self._size += len(text)

    def put_toast(self, text: str) -> None:
        """Adds a toast, which is not lost when a board is read."""
        self._toasts.append(text)
        self.wake.set()

    def ask_for_board(self) -> None:
        self._batches.clear()
        self._size = 0
        self.needs_board = True
        self.wake.set()

    def take(self) -> str:
        """All that waits to be sent, as one message; empty when nothing does."""
        text = "".join([*self._batches, *self._toasts])
        self._batches.clear()
        self._size = 0
        self._toasts.clear()
        return text

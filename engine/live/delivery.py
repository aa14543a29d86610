"""Rows, into the queues of the subscribers on whose pages they show."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping

from . import fragments
from .fragments import LivePage, Row, Viewer
from .subscriber import Subscriber
from .viewport import Viewport

# How many sockets are woken in one turn of the event loop.
WAKE_AT_ONCE = 25


class Delivery:
    """Puts rows to these subscribers, and wakes them."""

    def __init__(self, subscribers: set[Subscriber]) -> None:
        self._subscribers = subscribers
        # Those for whom something has been put.
        self._to_wake: deque[Subscriber] = deque()
        self._is_waking = False

    def is_viewed(self, viewport: Viewport) -> bool:
        return any(subscriber.viewport is viewport for subscriber in self._subscribers)

    def hand_out(self, rows: Mapping[Viewport | None, Iterable[Row]]) -> None:
        """Put rows into the queues of the subscribers, each those of its viewport; composed once per viewport."""
        shared: dict[tuple[object, ...], str] = {}
        phones = {viewport: {row.phone for row in batch} - {""} for viewport, batch in rows.items()}
        users = {viewport: {row.user for row in batch} - {0} for viewport, batch in rows.items()}
        for subscriber in self._subscribers:
            if subscriber.viewport not in rows:
                continue
            page, key, viewer = subscriber.page, subscriber.key, subscriber.viewer
            if page.personal:
                text = compose(rows[subscriber.viewport], page, key, viewer)
            else:
                phone = viewer.phone if viewer.phone in phones[subscriber.viewport] else ""
                user = viewer.user_id if viewer.user_id in users[subscriber.viewport] else 0
                same_for = (page.name, key, viewer.language, viewer.permissions, subscriber.viewport, phone, user)
                if same_for not in shared:
                    shared[same_for] = compose(rows[subscriber.viewport], page, key, viewer)
                text = shared[same_for]
            if text:
                subscriber.put_batch(text)
                self._to_wake.append(subscriber)
        if self._to_wake and not self._is_waking:
            self._is_waking = True
            self._wake_some()

    def hand_out_counts(self, page: str, html_for: Callable[[Viewer], str]) -> None:
        """Put what changed of a page's counts to its subscribers; composed once for all who have the same phone and
        permissions. Whoever hands out the rest of the batch wakes them.
        """
        shared: dict[tuple[object, ...], str] = {}
        for subscriber in self._subscribers:
            if subscriber.page.name != page:
                continue
            same_for = (subscriber.viewer.phone, subscriber.viewer.permissions)
            if same_for not in shared:
                shared[same_for] = html_for(subscriber.viewer)
            if shared[same_for]:
                subscriber.put_batch(shared[same_for])
                self._to_wake.append(subscriber)

    def _wake_some(self) -> None:
        """So many in one turn of the loop: theirs is sent before the next ones' is made, and nothing waits for all."""
        for _ in range(min(WAKE_AT_ONCE, len(self._to_wake))):
            self._to_wake.popleft().wake.set()
        self._is_waking = bool(self._to_wake)
        if self._is_waking:
            asyncio.get_running_loop().call_soon(self._wake_some)


def compose(rows: Iterable[Row], page: LivePage, key: str, viewer: Viewer) -> str:
    """The message that brings one page from before a batch to after it; empty when it shows none of it."""
    inside: dict[str, list[str]] = {}
    for row in rows:
        home = page.containers.get(row.kind) or fragments.COMMON.get(row.kind)
        if home is None:
            continue
        container = page.container_of(row, viewer, key)
        if container is None:
            continue
        if container and row.html is not None:
            inside.setdefault(container, []).append(row.html[viewer.language])
        elif row.is_for(viewer.permissions):
            inside.setdefault(home, []).append(f'<i id="{row.id}" data-gone></i>')
    return "".join(fragments.partial(container, "".join(html), "rows") for container, html in inside.items())

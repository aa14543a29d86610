"""One hub for each web process: one subscription to the channel layer, every batch handed to all its sockets.

A batch is a message on the group `live`: the PBX, the epoch of the worker that wrote it, a number that counts
up, rows, and notices. A number that was missed, or a new epoch, makes every socket ask for the whole board.
"""

import asyncio
import logging
import math
import time
from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary

from channels.layers import get_channel_layer

from . import fragments
from .fragments import Notice, Row, View, Viewer

logger = logging.getLogger(__name__)

GROUP = "live"
# A socket that has not taken this many messages is brought up to date by a fresh board instead.
QUEUE_LIMIT = 200
# Workers publish a batch at least this often, if an empty one; silence beyond it is worth a look, in seconds.
SILENCE_LIMIT = 9.0


async def publish(pbx: str, epoch: str, number: int, rows: Iterable[Row] = (), notices: Iterable[Notice] = ()) -> None:
    """Send one batch to the hubs of all web processes."""
    await get_channel_layer().group_send(
        GROUP,
        {
            "type": "live.batch",
            "pbx": pbx,
            "epoch": epoch,
            "number": number,
            "rows": [row.as_json() for row in rows],
            "notices": [
                {"user_id": notice.user_id, "code": notice.code, "parameters": dict(notice.parameters)}
                for notice in notices
            ],
        },
    )


class Seat:
    """One browser's place at the hub: what it looks at, and what is still to be sent to it."""

    def __init__(self, view: View, key: str, viewer: Viewer) -> None:
        self.view, self.key, self.viewer = view, key, viewer
        self.needs_board = True
        self.wake = asyncio.Event()
        self.wake.set()
        self._batches: list[str] = []
        self._toasts: list[str] = []

    def put_batch(self, text: str) -> None:
        """What changed on the page. A board that is still to be read holds it already: it was committed before."""
        if self.needs_board:
            return
        if len(self._batches) >= QUEUE_LIMIT:
            self.ask_for_board()
            return
        self._batches.append(text)
        self.wake.set()

    def put_toast(self, text: str) -> None:
        self._toasts.append(text)
        self.wake.set()

    def ask_for_board(self) -> None:
        self._batches.clear()
        self.needs_board = True
        self.wake.set()

    def take(self) -> str:
        """All that waits to be sent, as one message; empty when nothing does."""
        text = "".join([*self._batches, *self._toasts])
        self._batches.clear()
        self._toasts.clear()
        return text


class Hub:
    """The seats of this process, and the task that feeds them. `Hub.here()` is the one of the running loop."""

    _hubs: "WeakKeyDictionary[asyncio.AbstractEventLoop, Hub]" = WeakKeyDictionary()

    def __init__(self) -> None:
        self.seats: set[Seat] = set()
        self._listening = asyncio.Event()
        self._position: dict[str, tuple[str, int]] = {}
        self._heard: dict[str, float] = {}
        self._task: asyncio.Task[None] | None = None

    @classmethod
    def here(cls) -> "Hub":
        return cls._hubs.setdefault(asyncio.get_running_loop(), cls())

    async def register(self, seat: Seat) -> None:
        """Take a seat; batches reach it from now on."""
        self.seats.add(seat)
        if self._task is None or self._task.done():
            self._listening.clear()
            self._task = asyncio.create_task(self._run())
        try:
            await self._listening.wait()
        except asyncio.CancelledError:  # the browser went away while the channel layer could not be reached
            self.unregister(seat)
            raise

    def unregister(self, seat: Seat) -> None:
        self.seats.discard(seat)

    async def _run(self) -> None:
        """Listen for good; when the layer fails, begin again and then show every socket a fresh board."""
        while True:
            try:
                await self._listen()
            except asyncio.CancelledError:
                raise
            except Exception:  # whatever the layer's backend raises: the sockets must outlive it
                logger.exception("The channel layer failed; listening again in a second.")
                await asyncio.sleep(1)
                self._everybody_needs_a_board()

    async def _listen(self) -> None:
        layer = get_channel_layer()
        # Of the kind that has no prefix of its own: Redis reads one kind at a time, so nothing else may be of another.
        channel = await layer.new_channel()
        joined = -math.inf
        while True:
            if time.monotonic() - joined > 600:  # membership of a group expires
                await layer.group_add(GROUP, channel)
                joined = time.monotonic()
                self._listening.set()
            try:
                async with asyncio.timeout(SILENCE_LIMIT / 3):
                    message = await layer.receive(channel)
            except TimeoutError:
                pass
            else:
                self._deliver(message)
            self._notice_silence()

    def _notice_silence(self) -> None:
        now = time.monotonic()
        silent = [pbx for pbx, heard in self._heard.items() if now - heard > SILENCE_LIMIT]
        for pbx in silent:
            logger.warning("The worker of %s is silent.", pbx)
            del self._heard[pbx], self._position[pbx]
            self._everybody_needs_a_board()

    def _everybody_needs_a_board(self) -> None:
        for seat in self.seats:
            seat.ask_for_board()

    def _deliver(self, batch: dict[str, Any]) -> None:
        pbx, epoch, number = batch["pbx"], batch["epoch"], batch["number"]
        last = self._position.get(pbx)
        self._position[pbx] = (epoch, number)
        self._heard[pbx] = time.monotonic()
        self._deliver_notices(batch["notices"])
        if last != (epoch, number - 1):
            self._everybody_needs_a_board()
            return
        if not batch["rows"]:
            return
        rows = [Row(**row) for row in batch["rows"]]
        shared: dict[tuple[object, ...], str] = {}
        for seat in self.seats:
            view, key, viewer = seat.view, seat.key, seat.viewer
            if view.personal:
                text = compose(rows, view, key, viewer)
            else:
                same_for = (view.name, key, viewer.language, viewer.permissions)
                if same_for not in shared:
                    shared[same_for] = compose(rows, view, key, viewer)
                text = shared[same_for]
            if text:
                seat.put_batch(text)

    def _deliver_notices(self, notices: list[dict[str, Any]]) -> None:
        for values in notices:
            notice = Notice(**values)
            for seat in self.seats:
                if seat.viewer.user_id == notice.user_id:
                    html = fragments.toast(notice, seat.viewer.language)
                    seat.put_toast(fragments.partial("toasts", html, "beforeend"))


def compose(rows: Iterable[Row], view: View, key: str, viewer: Viewer) -> str:
    """The message that brings one page from before a batch to after it; empty when it shows none of it."""
    inside: dict[str, list[str]] = {}
    for row in rows:
        home = view.containers.get(row.kind) or fragments.COMMON.get(row.kind)
        if home is None:
            continue
        container = view.container_of(row, viewer, key)
        if container is None:
            continue
        if container and row.html is not None:
            inside.setdefault(container, []).append(row.html[viewer.language])
        elif not row.permission or row.permission in viewer.permissions:
            inside.setdefault(home, []).append(f'<i id="{row.id}" data-gone></i>')
    return "".join(fragments.partial(container, "".join(html), "rows") for container, html in inside.items())

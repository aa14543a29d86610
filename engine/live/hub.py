"""One hub for each web process: one subscription to the channel layer, every batch handed to all its sockets.

A batch is a message on the group `live`. A number that was missed, or a new epoch, makes every socket ask for the whole
board. What others need of the live push without being part of it they import from here.
"""

import asyncio
import logging
import math
import time
from collections.abc import Collection
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from channels.layers import get_channel_layer

from engine import metrics

from . import batches
from .batches import Positions, publish
from .delivery import Delivery
from .every_page import EveryPage
from .fragments import LivePage, PagedList, Query, Row
from .languages import Languages
from .layer import GROUP, LANGUAGES, LAYER_TIMEOUT, NOTICES, PEOPLE, PEOPLE_CHANGED
from .people import People, look_at_people, next_check
from .subscriber import Subscriber
from .tally import Tally
from .toasts import Toasts, notify, put_trouble
from .viewport import Viewport
from .viewports import Viewports

__all__ = ["GROUP", "LANGUAGES", "Hub", "look_at_people", "notify", "publish"]

logger = logging.getLogger(__name__)

# How often a hub says that it listens: a restarted Redis has forgotten it, in seconds.
JOIN_EVERY = 3.0
# How often a hub checks what every page has, since no message tells that a worker was lost, in seconds.
WATCH_EVERY = 3.0


class Listener(Protocol):
    """Who wants to know what a hub hears, beside its pages."""

    def written(self, pbx: str | None) -> None:
        """What a worker announces (`WorkerOwned.announced`) was written of this PBX; None: perhaps, of any."""

    def doubt(self, users: Collection[int] | None) -> None:
        """These users (None: all) may have logged out, or may see something else."""


class Hub:
    """The subscribers of this process, and the task that feeds them. `Hub.here()` is the one of the running loop."""

    _hubs: "WeakKeyDictionary[asyncio.AbstractEventLoop, Hub]" = WeakKeyDictionary()

    def __init__(self) -> None:
        self.subscribers: set[Subscriber] = set()
        self.listeners: list[Listener] = []
        self.positions = Positions()
        self.delivery = Delivery(self.subscribers)
        self.viewports = Viewports(self.delivery)
        self.toasts = Toasts(self.subscribers)
        self.people = People(self.subscribers)
        self.languages = Languages(self.subscribers)
        self.every_page = EveryPage(self.languages)
        # Set when it is known whether the channel layer can be listened to.
        self._settled = asyncio.Event()
        self._layer_is_away = False
        self._task: asyncio.Task[None] | None = None

    @classmethod
    def here(cls) -> "Hub":
        return cls._hubs.setdefault(asyncio.get_running_loop(), cls())

    async def register(self, subscriber: Subscriber) -> None:
        """Subscribe; batches reach it from now on."""
        subscriber.check_at = next_check()
        self.subscribers.add(subscriber)
        try:
            await self.start()
        except asyncio.CancelledError:  # the browser went away while the channel layer could not be reached
            self.unregister(subscriber)
            raise
        if self._layer_is_away:
            put_trouble([subscriber])
        elif not self.languages.is_known(subscriber.viewer.language):
            await self.languages.tell()

    async def start(self) -> None:
        """Listen from now on, where it does not yet; returns when it does, or when it is known that it cannot."""
        if self._task is None or self._task.done():
            self._settled.clear()
            self.people.doubts += 1  # nothing was heard until now
            self._task = asyncio.create_task(self._run())
        await self._settled.wait()

    def unregister(self, subscriber: Subscriber) -> None:
        self.subscribers.discard(subscriber)

    def viewport(self, page: LivePage, paged_list: PagedList, query: Query) -> Viewport:
        """The one viewport of all who view this part of this page. It gets every batch from now on."""
        return self.viewports.of(page, paged_list, query)

    async def tally(self, page: LivePage, paged_list: PagedList) -> Tally:
        """What this page counts, read. Raises what the database does."""
        tally = self.viewports.tally_of(page, paged_list)
        await tally.read()
        return tally

    async def read(self, viewport: Viewport) -> None:
        """Make sure that it is known what the viewport shows. Raises what the database does."""
        await self.viewports.read(viewport)

    async def _run(self) -> None:
        while True:
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._keep_listening())
                    group.create_task(self._watch())
                    group.create_task(self.people.look_after())
            except* Exception:  # whatever it is: pages that are not updated would show what is no longer so
                logger.exception("What feeds the pages failed; it begins anew.")
                self._everybody_needs_a_board("failure")
                await asyncio.sleep(1)

    async def _watch(self) -> None:
        """Query what every page has."""
        while True:
            await asyncio.sleep(WATCH_EVERY)
            rows = await self.every_page.changes()
            if rows is None:
                self._everybody_needs_a_board("common")
            elif rows:
                self.delivery.hand_out(self.viewports.take(rows))

    async def _keep_listening(self) -> None:
        """Listen for good; when the layer fails, say so, try again, and then show every socket a fresh board."""
        while True:
            try:
                await self._listen()
            except asyncio.CancelledError:
                raise
            except Exception as error:  # whatever the layer's backend raises: the sockets must outlive it
                if not self._layer_is_away:
                    logger.exception("The channel layer failed; trying again every second.")
                    self._layer_is_away = True
                    put_trouble(self.subscribers)
                else:
                    logger.warning("The channel layer still fails: %r", error)
                self._settled.set()
                await asyncio.sleep(1)

    async def _listen(self) -> None:
        layer = get_channel_layer()
        # Of the kind that has no prefix of its own: Redis reads one kind at a time, so nothing else may be of another.
        channel = await layer.new_channel()
        joined = -math.inf
        while True:
            if time.monotonic() - joined >= JOIN_EVERY:
                async with asyncio.timeout(LAYER_TIMEOUT):
                    await layer.group_add(GROUP, channel)
                    await layer.group_add(PEOPLE, channel)
                joined = time.monotonic()
                self._settled.set()
                await self.languages.tell()
                if self._layer_is_away:
                    self._layer_is_away = False
                    self._everybody_needs_a_board("layer")
            try:
                async with asyncio.timeout(batches.SILENCE_LIMIT / 3):
                    message = await layer.receive(channel)
            except TimeoutError:
                pass
            else:
                if message["type"] == PEOPLE_CHANGED:
                    self.people.doubt(message["users"])
                    for listener in self.listeners:
                        listener.doubt(message["users"])
                elif message["type"] == NOTICES:
                    self.toasts.put_notices(message["notices"])
                else:
                    self._deliver(message)
                if self.languages.has_new_worker:
                    await self.languages.tell()
            self._notice_silence()

    def _notice_silence(self) -> None:
        for pbx in self.positions.fallen_silent():
            logger.warning("The worker of %s is silent.", pbx)
            self._everybody_needs_a_board("silence")

    def _deliver(self, batch: dict[str, Any]) -> None:
        gap = self.positions.gap_before(batch)
        self.languages.hear_of(batch["pbx"], batch["tell"])
        self.toasts.put_notices(batch["notices"])
        rows = [Row(**row) for row in batch["rows"]]
        self.toasts.put_aloud(rows)
        drawn = batch["languages"]
        if batch["announces"]:
            self._tell_listeners(batch["pbx"])
        if gap:
            self._everybody_needs_a_board(gap)
        elif drawn is not None and not self.languages.are_among(drawn):
            # Somebody views a page in a language that the worker does not know of yet.
            self._everybody_needs_a_board("language")
        elif drawn is not None and not drawn:
            # Something changed while nobody viewed anything: what is still known from before is not true any more.
            self.every_page.forget()
            self.viewports.forget()
        elif rows:
            self.every_page.take(rows)
            self.viewports.count(rows)
            self.delivery.hand_out(self.viewports.take(rows))

    def _tell_listeners(self, pbx: str | None) -> None:
        for listener in self.listeners:
            listener.written(pbx)

    def _everybody_needs_a_board(self, why: str) -> None:
        metrics.GAPS.labels(why).inc()
        self._tell_listeners(None)
        self.every_page.forget()
        self.toasts.forget_aloud()
        self.viewports.forget()
        for subscriber in self.subscribers:
            subscriber.ask_for_board()

"""From the log to the readers of one web process: each event is read once, when the hub hears that it was written."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Collection
from weakref import WeakKeyDictionary

from django.db import DatabaseError, InterfaceError

from engine import metrics
from engine.database import in_thread
from engine.live.hub import Hub
from engine.live.people import CHECK_STEP
from engine.mirror.models import PBX

from .models import Event
from .readers import Entry, Position, Reader, text_of

logger = logging.getLogger(__name__)

# How many events are read at a time.
PAGE = 200
# How long nothing is sent at most, in seconds: what is on the way may end a connection on which nothing happens.
HEARTBEAT = 15.0
# How long is waited after the database has failed, and how soon a reader is to come back, in seconds.
RETRY_AFTER, COME_BACK = 1.0, 2.0


class Feed:
    """The readers of this process, and the task that feeds them. `Feed.here()` is the one of the running loop."""

    _feeds: "WeakKeyDictionary[asyncio.AbstractEventLoop, Feed]" = WeakKeyDictionary()

    def __init__(self) -> None:
        self.readers: set[Reader] = set()
        # How far the log has been read; none before the first reader.
        self.position: Position = {}
        # The PBXs of which something is to be read.
        self._written: set[str] = set()
        self._wake, self._beginning = asyncio.Event(), asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    @classmethod
    def here(cls) -> "Feed":
        return cls._feeds.setdefault(asyncio.get_running_loop(), cls())

    # As a `Listener` of the hub.

    def written(self, pbx: str | None) -> None:
        self._written |= {pbx} if pbx is not None else self.position.keys()
        self._wake.set()

    def doubt(self, users: Collection[int] | None) -> None:
        for reader in self.readers:
            if users is None or reader.viewer.user_id in users:
                reader.check_at = 0.0
        self._wake.set()

    async def register(self, reader: Reader) -> None:
        """Feed this reader from now on. Raises what the database does."""
        async with self._beginning:
            hub = Hub.here()
            if self not in hub.listeners:
                hub.listeners.append(self)
            await hub.start()
            if not self.readers:
                self.position = await in_thread(last_position)()
            if self._task is None:
                self._task = asyncio.create_task(self._run())
            self.readers.add(reader)
        if not reader.is_behind:
            reader.go_live(self.position)
        self.written(None)  # meanwhile nobody has read

    def unregister(self, reader: Reader) -> None:
        self.readers.discard(reader)

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CHECK_STEP):
                    await self._wake.wait()
            self._wake.clear()
            try:
                while self._written and self.readers:
                    await self._read(self._written.pop())
                for reader in [reader for reader in self.readers if time.monotonic() >= reader.check_at]:
                    await in_thread(reader.check)()
            except (DatabaseError, InterfaceError) as error:
                logger.error("The event log could not be read, trying again: %s", error)
                self.written(None)
                await asyncio.sleep(RETRY_AFTER)
            except Exception:  # whatever it is: the readers come back, and read from the log what they have missed
                logger.exception("What feeds the streams of events failed; they are ended.")
                for reader in self.readers:
                    reader.end()

    async def _read(self, pbx: str) -> None:
        while True:
            try:
                events = await in_thread(page_of)(pbx, self.position.get(pbx, 0))
            except (DatabaseError, InterfaceError):
                self._written.add(pbx)
                raise
            if not events:
                return
            self.position[pbx] = events[-1].number
            entries = [entry for event in events if (entry := Entry.of(event)) is not None]
            for reader in self.readers:
                reader.put(entries, {pbx: events[-1].number})


def last_position() -> Position:
    """The number of the last event of each PBX."""
    found: Position = {}
    for pbx in PBX.objects.values_list("name", flat=True):
        last = Event._base_manager.filter(pbx=pbx).order_by("-number").first()
        found[pbx] = last.number if last is not None else 0
    return found


def page_of(pbx: str, after: int) -> list[Event]:
    """The next events of a PBX after this number."""
    return list(Event._base_manager.filter(pbx=pbx, number__gt=after).order_by("number")[:PAGE])


async def stream_to(reader: Reader) -> AsyncIterator[str]:
    """What one reader is sent, for as long as they may and want to have it."""
    feed = Feed.here()
    try:
        await feed.register(reader)
        metrics.SOCKETS.labels("event stream").inc()
        try:
            yield f"retry: {int(COME_BACK * 1000)}\nid: {text_of(reader.position)}\n\n"
            while not reader.is_over:
                if reader.is_behind:
                    async for text in _catch_up(feed, reader):
                        yield text
                elif text := reader.take():
                    yield text
                else:
                    reader.wake.clear()
                    try:
                        async with asyncio.timeout(HEARTBEAT):
                            await reader.wake.wait()
                    except TimeoutError:
                        yield f": nothing happens\nid: {text_of(reader.position)}\n\n"
        finally:
            metrics.SOCKETS.labels("event stream").dec()
    except (DatabaseError, InterfaceError) as error:
        # They come back by themselves, and go on where they were.
        logger.error("A stream of events was ended, since the database failed: %s", error)
    finally:
        feed.unregister(reader)


async def _catch_up(feed: Feed, reader: Reader) -> AsyncIterator[str]:
    """Read from the log, page by page, until the reader has come as far as everybody else."""
    if not await in_thread(_is_known)(reader.position, dict(feed.position)):
        yield _reset(feed, reader)
        return
    while behind := [pbx for pbx, number in feed.position.items() if reader.position.get(pbx, 0) < number]:
        pbx, after = behind[0], reader.position.get(behind[0])
        if reader.is_over:
            return
        if not reader.wanted.is_of(pbx):
            reader.position[pbx] = feed.position[pbx]
            continue
        events = await in_thread(page_of)(pbx, after or 0)
        if not events or (after is not None and events[0].number != after + 1):
            yield _reset(feed, reader)
            return
        entries = [entry for event in events if (entry := Entry.of(event)) is not None]
        text = "".join(reader.passes(entry) for entry in entries if reader.may_have(entry))
        reader.position[pbx] = events[-1].number
        if text:
            yield text
    reader.go_live(reader.position)


def _is_known(position: Position, there: Position) -> bool:
    """Whether the log has come so far, and has the PBXs; `there`: how far it has been read."""
    if not position or position.keys() - there.keys():
        return False
    return all(
        Event._base_manager.filter(pbx=pbx, number=number).exists()
        for pbx, number in position.items()
        if number > there[pbx]
    )


def _reset(feed: Feed, reader: Reader) -> str:
    """That events are missing: whoever keeps something of what was told has to ask for all of it anew."""
    reader.go_live(feed.position)
    return f'id: {text_of(reader.position)}\nevent: reset\ndata: {{"reason": "not in the log"}}\n\n'

"""Every event of one PBX, for people who watch them: read in a session of its own, for as long as somebody does.

The link itself asks Asterisk for few events, and drops most of what comes unread. Whoever watches says so to the worker
that leads the PBX, by a message `WATCH` on its channel with what they want to see, and repeats it every few seconds;
the worker sends them batches (`BATCH`). What comes faster than anybody can read is counted and left out.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from channels.layers import get_channel_layer

from engine.ami.client import Session
from engine.ami.errors import AmiError
from engine.ami.protocol import Message
from engine.ami.transports import Address

logger = logging.getLogger(__name__)

# The types of the messages from a watcher to the worker, and from the worker to a watcher.
WATCH, UNWATCH, BATCH = "ami.watch", "ami.unwatch", "events.batch"
# How long somebody counts as watching without saying so again, in seconds.
KEPT = 10.0
# How often batches are sent, and how often at least a sign of life of the worker, in seconds.
EVERY, WORD_EVERY = 0.2, 2.0
# How many events, and how many bytes, a batch holds.
AT_ONCE, SIZE = 100, 2**18
# How long a session may take to open, and how long after one that failed the next is tried, in seconds.
OPEN_TIMEOUT, RETRY = 10.0, 2.0
# How long the channel layer may take for one batch, in seconds.
LAYER_TIMEOUT = 2.0

CONNECTING, LIVE, DOWN = "connecting", "live", "down"
"""How the session is."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What somebody wants of the stream: parts of names, one of which must match; parts that must not; and texts,
    all of which an event must contain. In lower case.
    """

    names: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()

    @classmethod
    def read(cls, asked: Mapping[str, Any]) -> "Filter":
        """From a message. `name` is words, those with a minus in front are unwanted; `texts` a list."""
        words = str(asked.get("name", "")).lower().split()
        texts = [str(text).strip().lower() for text in asked.get("texts", ())]
        return cls(
            tuple(word for word in words if not word.startswith("-")),
            tuple(word[1:] for word in words if len(word) > 1 and word.startswith("-")),
            tuple(text for text in texts if text),
        )

    def fits(self, event: Message) -> bool:
        name = event.name.lower()
        if self.names and not any(part in name for part in self.names):
            return False
        if any(part in name for part in self.unwanted):
            return False
        if not self.texts:
            return True
        text = event.raw.decode("utf-8", "replace").lower()
        return all(part in text for part in self.texts)


@dataclass(slots=True)
class Watcher:
    """Somebody who watches, on this channel, and what is to be sent to them next."""

    channel: str
    filter: Filter
    until: float
    events: list[tuple[int, Message]] = field(default_factory=list)
    size: int = 0
    left_off: int = 0
    told: tuple[str, str] = ("", "")
    told_at: float = 0.0

    def take(self, at: int, event: Message) -> None:
        if not self.filter.fits(event):
            return
        if len(self.events) >= AT_ONCE or self.size + len(event.raw) > SIZE:
            self.left_off += 1
            return
        self.events.append((at, event))
        self.size += len(event.raw)


class Stream:
    """The watchers of one PBX. `address` is where it is; `stop` ends it with the worker's lead."""

    def __init__(self, pbx: str, address: Address) -> None:
        self.pbx, self.address = pbx, address
        self.watchers: dict[str, Watcher] = {}
        self._state, self._error = CONNECTING, AmiError("")
        self._task: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether a session is held, or tried, since somebody watches."""
        return self._task is not None and not self._task.done()

    def watch(self, message: Mapping[str, Any]) -> None:
        """Somebody starts to watch, or goes on: their `channel`, and their `filter`."""
        channel, wanted = str(message["channel"]), Filter.read(message["filter"])
        until = time.monotonic() + KEPT
        watcher = self.watchers.setdefault(channel, Watcher(channel, wanted, until))
        watcher.filter, watcher.until = wanted, until
        if not self.is_open:
            self._task = asyncio.create_task(self._run())

    def unwatch(self, message: Mapping[str, Any]) -> None:
        self.watchers.pop(str(message["channel"]), None)

    def stop(self) -> None:
        self.watchers.clear()
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        self._state, self._error = CONNECTING, AmiError("")
        opening = time.monotonic()
        session: asyncio.Task[Session] | None = None
        try:
            while self._drop_who_left():
                if session is None and time.monotonic() >= opening:
                    session = asyncio.create_task(self._open())
                if session is not None and session.done() and (error := _failure_of(session)) is not None:
                    logger.info("%s: the stream of events is interrupted: %s", self.pbx, error)
                    self._state, self._error = DOWN, error
                    session, opening = None, time.monotonic() + RETRY
                elif session is not None and session.done():
                    self._state, self._error = LIVE, AmiError("")
                await asyncio.gather(*(self._tell(watcher) for watcher in list(self.watchers.values())))
                await asyncio.sleep(EVERY)
        finally:
            if session is not None:
                await _close(session)

    async def _open(self) -> Session:
        return await Session.open(
            self.address, self._on_event, events="on", timeout=OPEN_TIMEOUT, boot_timeout=OPEN_TIMEOUT
        )

    def _drop_who_left(self) -> bool:
        """Whether anybody is left."""
        now = time.monotonic()
        self.watchers = {channel: watcher for channel, watcher in self.watchers.items() if watcher.until > now}
        return bool(self.watchers)

    def _on_event(self, event: Message) -> None:
        at = int(time.time() * 1000)
        for watcher in self.watchers.values():
            watcher.take(at, event)

    async def _tell(self, watcher: Watcher) -> None:
        """Send what waits for them; what cannot be sent counts as left out."""
        now, state = time.monotonic(), (self._state, self._error.sentence)
        due = watcher.told != state or now - watcher.told_at >= WORD_EVERY
        if not due and not watcher.events and not watcher.left_off:
            return
        events, left_off = watcher.events, watcher.left_off
        watcher.events, watcher.size, watcher.left_off = [], 0, 0
        message = {
            "type": BATCH,
            "state": self._state,
            "reason": self._error.sentence,
            "reason_parameters": self._error.parameters,
            "events": [[at, [list(pair) for pair in event.pairs()]] for at, event in events],
            "left_off": left_off,
        }
        try:
            async with asyncio.timeout(LAYER_TIMEOUT):
                await get_channel_layer().send(watcher.channel, message)
        except Exception as error:  # ChannelFull, or whatever else the layer's backend raises
            logger.info("%s: a batch of events could not be sent: %r", self.pbx, error)
            watcher.left_off += left_off + len(events)
        else:
            watcher.told, watcher.told_at = state, now


def _failure_of(opening: "asyncio.Task[Session]") -> AmiError | None:
    """Why the session could not be opened, or has ended; None while it is held. Raises what is not an AMI error."""
    error = opening.exception()
    if isinstance(error, AmiError):
        return error
    session = opening.result()
    return session.closed.result() if session.closed.done() else None


async def _close(opening: "asyncio.Task[Session]") -> None:
    if opening.done() and not opening.cancelled() and opening.exception() is None:
        opening.result().close()
    else:
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)

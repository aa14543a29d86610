"""Plays a recording to whoever connects, as if it were the PBX: a panel on it shows what the reporter saw."""

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import cast

from engine.ami.transports import Address

from .file import RECEIVED, SENT, Entry
from .mask import fields_of

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"
USERNAME = SECRET = "replay"  # noqa: S105  it takes any
GREETING = "Asterisk Call Manager/9.0.0"
# Until then what the panel asks first is awaited before time begins to run, in seconds.
FIRST_QUESTIONS = 2.0
# How far from its time in the recording a list may be asked for again, in seconds of the recording.
NEAR = 2.0
NOT_RECORDED = "This is not in the recording."
NOTHING_TO_DO = "This is a recording: nothing can be done to it."
# What only asks; everything else would do something.
_QUESTIONS = ("List", "Show", "Info", "State", "Status", "Getvar", "Command", "ParkedCalls", "Core", "Get", "Settings")
_Key = tuple[str, tuple[tuple[str, str], ...]]


@dataclass(slots=True)
class Exchange:
    """One question of the recorded session: when it was answered, and by which entries of the stream."""

    key: _Key
    action_id: str
    first: bool
    entries: list[int] = field(default_factory=list)


class Script:
    """A recording, ordered for playing: the stream of what was received, and the questions that it answers."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.stream = [entry for entry in entries if entry.kind == RECEIVED]
        self.length = max((entry.at for entry in entries), default=0.0)
        self.booted = next((entry.lines for entry in self.stream if _name(entry) == "FullyBooted"), ())
        up = next((entry.at for entry in entries if entry.mark == "up"), 0.0)
        self.exchanges: dict[_Key, list[Exchange]] = {}
        asked: dict[str, Exchange] = {}
        for entry in entries:
            if entry.kind == SENT and entry.get("ActionID"):
                exchange = Exchange(key_of(entry.lines), entry.get("ActionID"), entry.at <= up)
                asked[exchange.action_id] = exchange
        self.answers = set[int]()
        for index, entry in enumerate(self.stream):
            found = asked.get(entry.get("ActionID"))
            if found is not None and not entry.lines[0].startswith("Event: OriginateResponse"):
                found.entries.append(index)
                self.answers.add(index)
        for exchange in asked.values():
            if exchange.entries:
                self.exchanges.setdefault(exchange.key, []).append(exchange)
        self.events = [
            index
            for index, entry in enumerate(self.stream)
            if index not in self.answers and entry.lines[0].startswith("Event:") and _name(entry) != "FullyBooted"
        ]

    def at(self, exchange: Exchange) -> float:
        return self.stream[exchange.entries[0]].at


def key_of(lines: Iterable[str]) -> _Key:
    """What an action asks, whoever asks it."""
    pairs = fields_of(lines)
    name = next((value for key, value in pairs if key == "Action"), "")
    return name.lower(), tuple(sorted((key, value) for key, value in pairs if key not in ("Action", "ActionID")))


def _name(entry: Entry) -> str:
    return entry.lines[0].partition(": ")[2] if entry.lines else ""


class Playback(asyncio.Protocol):
    """One connection, which is played the recording from its beginning."""

    def __init__(self, script: Script, speed: float) -> None:
        self._script, self._speed = script, speed
        self._buffer = bytearray()
        # How many of the script's events have been sent, and which of the first questions are still to come.
        self._sent = 0
        self._awaited = {id(one) for all in script.exchanges.values() for one in all if one.first} - {
            id(one) for key, all in script.exchanges.items() if _own_answer(key) is not None for one in all
        }
        self._began: tuple[float, float] | None = None
        self._task: asyncio.Task[None] | None = None
        self._asked = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(f"{GREETING}\r\n".encode())

    def connection_lost(self, exc: Exception | None) -> None:
        if self._task is not None:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            lines = self._buffer[:end].decode("utf-8", "replace").lstrip("\r\n").split("\r\n")
            del self._buffer[: end + 4]
            self._act(lines)

    def _act(self, lines: list[str]) -> None:
        key, pairs = key_of(lines), dict(fields_of(lines))
        action_id = pairs.get("ActionID", "")
        if (own := _own_answer(key)) is not None:
            self._say(["Response: Success", f"ActionID: {action_id}", *own])
            if key[0] == "login":
                if self._script.booted:
                    self._say(self._script.booted)
                self._task = asyncio.get_running_loop().create_task(self._play())
            return
        exchange = self._exchange(key)
        if exchange is None:
            asks = any(word.lower() in key[0] for word in _QUESTIONS)
            self._say(
                ["Response: Error", f"ActionID: {action_id}", f"Message: {NOT_RECORDED if asks else NOTHING_TO_DO}"]
            )
            return
        # What came before or within the answer is sent there, so that the order is that of the capture.
        for index in exchange.entries:
            self._tell_events_before(index)
            self._say([_with_id(line, action_id) for line in self._script.stream[index].lines])
        self._awaited.discard(id(exchange))
        self._asked.set()

    def _exchange(self, key: _Key) -> Exchange | None:
        """The recorded question that this one is: in the beginning the first, later the one of about this time."""
        found = self._script.exchanges.get(key, [])
        if self._began is None:
            waiting = [one for one in found if id(one) in self._awaited]
            return waiting[0] if waiting else (found[0] if found else None)
        if not found:
            return None
        position = self._position
        if self._sent == len(self._script.events) or position >= self._script.length:
            return found[-1]
        nearest = min(found, key=lambda one: abs(self._script.at(one) - position))
        return nearest if abs(self._script.at(nearest) - position) <= NEAR * max(1.0, self._speed) else None

    @property
    def _position(self) -> float:
        """How far the recording has been played, in its own seconds."""
        if self._began is None:
            return 0.0
        at, since = self._began
        return at + (asyncio.get_running_loop().time() - since) * self._speed

    async def _play(self) -> None:
        while self._awaited:
            self._asked.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FIRST_QUESTIONS):
                    await self._asked.wait()
                continue
            break  # another version of the panel may ask for less
        loop = asyncio.get_running_loop()
        events, stream = self._script.events, self._script.stream
        self._began = (stream[events[self._sent]].at if self._sent < len(events) else self._script.length, loop.time())
        while self._sent < len(events):
            wait = (stream[events[self._sent]].at - self._position) / self._speed
            if wait > 0:
                await asyncio.sleep(wait)
            if self._sent < len(events):
                self._tell_events_before(events[self._sent] + 1)
        logger.info("The recording has been played.")

    def _tell_events_before(self, index: int) -> None:
        events, stream = self._script.events, self._script.stream
        while self._sent < len(events) and events[self._sent] < index:
            self._say(stream[events[self._sent]].lines)
            self._sent += 1

    def _say(self, lines: Iterable[str]) -> None:
        self._transport.write(("\r\n".join(lines) + "\r\n\r\n").encode())


# What is answered to everybody, recorded or not.
_OWN_ANSWERS: dict[str, list[str]] = {
    "challenge": ["Challenge: 0"],
    "login": ["Message: Authentication accepted"],
    "ping": ["Ping: Pong"],
    "filter": [],
    "events": ["Events: On"],
    "logoff": ["Message: Thanks for all the fish."],
}
# What a session over HTTP digest asks, and no other.
_WAIT_BOOTED: _Key = ("command", (("Command", "core waitfullybooted"),))


def _own_answer(key: _Key) -> list[str] | None:
    return [] if key == _WAIT_BOOTED else _OWN_ANSWERS.get(key[0])


def _with_id(line: str, action_id: str) -> str:
    return f"ActionID: {action_id}" if line.startswith("ActionID: ") else line


class Replay:
    """A port on loopback where a recording is played to each who connects. `start` it, and `stop` it."""

    def __init__(self, entries: Sequence[Entry], speed: float = 1.0) -> None:
        self.script, self.speed = Script(entries), speed
        self._playbacks = set[Playback]()
        self._server: asyncio.Server | None = None

    async def start(self, port: int = 0) -> Address:
        """Listen; the address is fit for AMI_URL. Raises `OSError` where the port is taken."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Playback(self.script, self.speed), HOST, port)
        return Address("ami", HOST, self._server.sockets[0].getsockname()[1], USERNAME, SECRET)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()

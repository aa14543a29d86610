"""Damaged byte streams: each is made from its number alone, so that one which fails can be made again."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Coroutine
from functools import cache
from typing import Any, cast

from django.db import models

import calls.events  # noqa: F401 (registers what is folded)
import conferences.events  # noqa: F401
from engine.ami.client import Answer, Session
from engine.ami.errors import MessageTooLarge, NotAmi
from engine.ami.protocol import Message, Protocol
from engine.demo.manager import encode
from engine.mirror import registry, sync
from engine.mirror.models import Mirrored
from engine.mirror.state import State

from .corpus import FILES, stream

GREETING = b"Asterisk Call Manager/11.0.0\r\n"
END = b"\r\n\r\n"
LIMITS = (500, 4000, 16 * 2**20)
JUNK = (
    b"\r", b"\n", b"\r\n", END, b"\0", b"\xff", b"\xc3", b":", b": ", b"\r\r\n\n", b"\r\n\r", b"\n\r\n", b" ", b"\t",
    b"--END COMMAND--", b"Response: Follows\r\n", b"\r\nActionID: 1", b"\r\nEventList: Complete", b"\xed\xa0\x80",
    b"Event: ", b"\r\nUniqueid: ", b"\r\nConference: ", b"Asterisk Call Manager/",
)  # fmt: skip
VALUES = (
    b"", b" ", b"<unknown>", b"9" * 5000, b"-1", b"1e9", "²".encode(),
    b"99999999999:00:00", b"9999999:00:00", b"99999999999", b"1:2:3:4",
    b"%(x)s %d {0}", b"\xe2\x80\xae<b>", b"x" * 300, "李雷".encode(), b"Yes", b"No", b"on", b"8001", b"1.1", b"..",
    b"\x1b[31m",
)  # fmt: skip
OLD_COMMAND = (
    b"Response: Follows\r\nPrivilege: Command\r\nActionID: 7\r\nSystem: x\n\r\n\r\nEvent: none\r\n--END COMMAND--" + END
)
FOREIGN = (
    b"SSH-2.0-OpenSSH_9.2p1\r\n",
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"\x16\x03\x01",
    b"\r\n",
    b"Asterisk Call",
)
NAMES = (*sorted(registry.handlers), "VarSet", "CoreShowChannel", "ConfbridgeList", "ConfbridgeListRooms", "")
# The fields that somebody reads, and those of a list that are more than text.
KEYS = (
    "Channel", "Uniqueid", "Linkedid", "Conference", "ChannelStateDesc", "BridgeUniqueid", "Cause", "Admin", "Newname",
    "Duration", "AnsweredTime", "BridgeId", "Muted", "Talking", "TalkingStatus", "CallerIDName", "Locked",
)  # fmt: skip


class Found(AssertionError):
    """A stream did what none may do."""


@cache
def _messages(number: int) -> list[bytes]:
    """The messages of one recording, with their ends."""
    return [message + END for message in stream(FILES[number]).split(END)]


class Fuzz:
    """Runs streams by number; `counts` tells what has come of them."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def run(self, number: int) -> None:
        """Let this stream be read, parsed and folded. Raises `Found`, or what should not have been raised."""
        chance = random.Random(number)
        data = make(chance)
        limit = chance.choice(LIMITS)
        wanted = [*registry.handlers, "FullyBooted"] if chance.random() < 0.5 else None
        protocol = Protocol(max_message=limit, wanted=wanted)
        found: list[Message] = []
        try:
            at = 0
            while at < len(data):
                size = chance.choice((1, 2, 7, 100, 1000, 1 << 20))
                found += protocol.receive(data[at : at + size])
                at += size
                held = len(protocol._buffer) + protocol._command_size
                if held > limit + len(GREETING):
                    raise Found(f"{held} bytes are held, {limit} are allowed")
        except (NotAmi, MessageTooLarge) as error:
            str(error)
            self.counts[type(error).__name__] += 1
        self.counts["streams"] += 1
        self.counts["messages"] += len(found)
        self.look(found, data)
        self.fold(found)
        if chance.random() < 0.2:
            self.list(found)

    def look(self, found: list[Message], data: bytes) -> None:
        """Whatever can be asked of a message answers."""
        for message in found:
            if message.raw not in data:
                raise Found(f"{message.raw!r} was never sent")
            # Before its fields are parsed, which a layout may do: as one that is read with care.
            careful = Message(message.raw)
            keys = (*careful.fields, "Uniqueid", "Linkedid")
            if message.pick(keys) != careful.pick(keys) or not message.has_fields(frozenset(careful.fields)):
                raise Found(f"{message!r} is read in two ways")
            fields = message.fields
            if (message.name, fields) != (careful.name, careful.fields):
                raise Found(f"{message!r} and {careful!r} are one message")
            for key, value in fields.items():
                if message.get(key) != value or value not in message.all(key):
                    raise Found(f"{key} is one thing and another")
            if message.name not in repr(message) or not all(isinstance(line, str) for line in message.output):
                raise Found(f"{message!r} cannot be told")

    def fold(self, found: list[Message]) -> None:
        """Into a state: no event may raise, and none that names nothing may leave anything."""
        state = State("main")
        for message in found:
            if message.is_event:
                state.fold(message)
        events = sum(message.is_event for message in found)
        self._bounded(state, events)

    def list(self, found: list[Message]) -> None:
        """As the items of every list that the first snapshot asks for."""
        state = State("main")
        session = _Answering(found)
        _finish(sync.take(cast(Session, session), state))
        self._bounded(state, len(found) * max(1, session.asked))
        self.counts["lists"] += session.asked

    def _bounded(self, state: State, most: int) -> None:
        for model in registry.models:
            rows = state.table(model).rows
            if len(rows) > most or not all(rows):
                raise Found(f"{len(rows)} rows of {model.__name__} by {most} events: {list(rows)}")
            for row in rows.values():
                _fits(row)
        # A reload asks for hints and mailboxes.
        if len(state.requests) > 2 * most or len(state._tombstones) > 2 * most:
            raise Found(f"{most} events have left {state.requests}, {state._tombstones}")
        state.take()


class _Answering:
    """Answers each list with the same messages."""

    def __init__(self, items: list[Message]) -> None:
        self.items, self.asked = items, 0

    async def ask_list(self, action: object, *, timeout: float = 0, on_item: Any = None) -> Answer:
        self.asked += 1
        if self.asked > 1000:
            raise Found("a snapshot asks without end")
        for item in self.items:
            on_item(item)
        return Answer(Message(b"Response: Success"))


def _finish(work: Coroutine[Any, Any, object]) -> None:
    """Run a coroutine that has nothing to wait for."""
    try:
        work.send(None)
    except StopIteration:
        return
    raise Found("a snapshot waits for what nobody will bring")


def _fits(row: Mirrored) -> None:
    """Whether a database would take it."""
    for field in row._meta.concrete_fields:
        value = row.__dict__[field.attname]
        if isinstance(field, models.CharField) and (len(value) > (field.max_length or 0) or "\0" in value):
            raise Found(f"{field.name} holds {value!r}")


def make(chance: random.Random) -> bytes:
    """A stream: messages as Asterisk sends them, or nearly, and what may happen to bytes."""
    parts = [_part(chance) for _ in range(chance.randint(1, 5))]
    data = bytearray(chance.choice(FOREIGN) if chance.random() < 0.03 else GREETING)
    begin = 0 if chance.random() < 0.1 else len(data)  # mostly the greeting stays whole, or nothing else would be tried
    data += b"".join(parts)
    for _ in range(chance.choice((0, 1, 1, 2, 3, 5, 8))):
        _damage(data, begin, chance)
    return bytes(data)


def _part(chance: random.Random) -> bytes:
    kind = chance.random()
    if kind < 0.6:
        return chance.choice(_messages(chance.randrange(len(FILES))))
    if kind < 0.65:
        return OLD_COMMAND
    pairs = [(chance.choice(KEYS), chance.choice(VALUES).decode()) for _ in range(chance.randint(0, 6))]
    return encode([("Event" if kind < 0.95 else "Response", chance.choice(NAMES)), *pairs])


def _damage(data: bytearray, begin: int, chance: random.Random) -> None:
    at = chance.randint(begin, len(data)) if begin < len(data) else len(data)
    end = min(len(data), at + chance.choice((1, 2, 10, 100)))
    kind = chance.randrange(8)
    if kind == 0 and at < len(data):
        data[at] ^= 1 << chance.randrange(8)
    elif kind == 1:
        del data[at:end]
    elif kind == 2:
        data[at:at] = data[at:end]
    elif kind == 3:
        other = chance.choice(_messages(chance.randrange(len(FILES))))
        data[at:end] = other[chance.randrange(len(other)) :]
    elif kind == 4:
        data[at:at] = chance.choice(JUNK)
    elif kind == 5:
        # Another value in a line.
        colon, line_end = data.find(b": ", at), data.find(b"\r\n", at)
        if 0 <= colon < line_end:
            data[colon + 2 : line_end] = chance.choice(VALUES)
    elif kind == 6 and chance.random() < 0.1:
        data[at:at] = chance.choice((b"x", b"\r\n", b": ")) * chance.choice((600, 5000))
    elif kind == 7:
        data[at:end] = chance.randbytes(end - at)

"""Browsers that only read, many in one process: `python -m tests.bench.sockets`.

`open` opens raw WebSockets, `times` says when each got a message with a mark. Each says `read N` as the page does.
"""

import asyncio
import base64
import os
import struct
import time
from typing import Any

from .child import serve

# As static/panel/connection.js: so often a page says what it has read.
READ_MESSAGES, READ_SIZE = 24, 100_000
NAMES = ("open", "stream", "streamed", "say", "times", "last", "state")
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
AT_ONCE = 20


class Reader(asyncio.Protocol):
    """One socket: upgrades, then takes frames apart."""

    def __init__(self, request: bytes) -> None:
        loop = asyncio.get_running_loop()
        self.upgraded: asyncio.Future[None] = loop.create_future()
        self.first: asyncio.Future[None] = loop.create_future()
        self.count = self.size = 0
        self.closed = False
        self.seen: dict[str, float] = {}
        self._request, self._buffer = request, bytearray()
        self._told = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self.upgraded.done():
            head, separator, rest = bytes(self._buffer).partition(b"\r\n\r\n")
            if not separator:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self.upgraded.set_exception(ConnectionError(head[:200].decode("latin-1")))
                return
            self._buffer = bytearray(rest)
            self.upgraded.set_result(None)
        while self._take_frame():
            pass

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        for waiting in (self.upgraded, self.first):
            if not waiting.done():
                waiting.set_exception(ConnectionError(f"closed: {exc}"))

    def say(self, opcode: int, body: bytes) -> None:
        """One short frame."""
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(body))
        self.transport.write(bytes([0x80 | opcode, 0x80 | len(body)]) + mask + masked)

    def _take_frame(self) -> bool:
        buffer = self._buffer
        if len(buffer) < 2:
            return False
        size, at = buffer[1] & 127, 2
        if size == 126:
            at = 4
        elif size == 127:
            at = 10
        if len(buffer) < at:
            return False
        if at > 2:
            (size,) = struct.unpack("!H" if at == 4 else "!Q", buffer[2:at])
        if len(buffer) < at + size:
            return False
        opcode, body = buffer[0] & 15, bytes(buffer[at : at + size])
        del buffer[: at + size]
        if opcode == TEXT:
            self._take_message(body)
        elif opcode == PING:
            self.say(PONG, body)
        elif opcode == CLOSE:
            self.transport.close()
        return True

    def _take_message(self, body: bytes) -> None:
        self.count += 1
        self.size += len(body)
        if not self.first.done():
            self.first.set_result(None)
        start = -1
        while (start := body.find(b"mark:", start + 1)) >= 0:  # batches that waited come as one message
            self.seen[body[start + 5 : body.index(b";", start)].decode()] = time.monotonic()
        if self.count - self._told >= READ_MESSAGES or self.size >= READ_SIZE:
            self._told, self.size = self.count, 0
            self.say(TEXT, f"read {self.count}".encode())


class StreamReader(asyncio.Protocol):
    """One reader of the stream of events: counts what it is sent."""

    def __init__(self, request: bytes) -> None:
        self.first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.count, self.closed = 0, False
        self._request, self._rest = request, b""

    def connection_made(self, transport: Any) -> None:
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        # What has come of the last line but not its end waits for the next part.
        whole, _end, self._rest = (self._rest + data).rpartition(b"\n")
        self.count += whole.count(b"\ndata: ")
        if not self.first.done() and b"\nretry: " in whole:
            self.first.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        if not self.first.done():
            self.first.set_exception(ConnectionError(f"closed: {exc}"))


class Browsers:
    """What the bench can ask of them."""

    def __init__(self) -> None:
        self.groups: dict[str, list[Reader]] = {}
        self.streams: list[StreamReader] = []

    async def open(self, asked: dict[str, Any]) -> int:
        """So many sockets on one path; waits until each has its first message, if `board` says that one comes."""
        readers = self.groups.setdefault(asked["group"], [])
        for start in range(0, asked["count"], AT_ONCE):
            number = min(AT_ONCE, asked["count"] - start)
            some = await asyncio.gather(*(self._connect(asked) for _ in range(number)))
            async with asyncio.timeout(240):  # a board of 1,000 calls takes the panel a second
                await asyncio.gather(*(reader.first if asked["board"] else reader.upgraded for reader in some))
            readers += some
        return len(readers)

    async def _connect(self, asked: dict[str, Any]) -> Reader:
        key = base64.b64encode(os.urandom(16)).decode()
        host = f"127.0.0.1:{asked['port']}"
        request = (
            f"GET {asked['path']} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nCookie: {asked['cookie']}\r\n"
            f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n"
        ).encode()
        loop = asyncio.get_running_loop()
        _transport, reader = await loop.create_connection(lambda: Reader(request), "127.0.0.1", asked["port"])
        return reader

    async def stream(self, asked: dict[str, Any]) -> int:
        """So many readers of the stream of events; waits until each has its first lines."""
        request = (
            f"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:{asked['port']}\r\nCookie: {asked['cookie']}\r\n\r\n"
        ).encode()
        loop = asyncio.get_running_loop()
        for start in range(0, asked["count"], AT_ONCE):
            number = min(AT_ONCE, asked["count"] - start)
            connecting = (
                loop.create_connection(lambda: StreamReader(request), "127.0.0.1", asked["port"]) for _ in range(number)
            )
            some = [reader for _transport, reader in await asyncio.gather(*connecting)]
            async with asyncio.timeout(60):
                await asyncio.gather(*(reader.first for reader in some))
            self.streams += some
        return len(self.streams)

    async def streamed(self, asked: dict[str, Any]) -> list[int]:
        """How many events each reader has been sent; waits until each has had so many."""
        async with asyncio.timeout(60):
            while any(reader.count < asked["count"] for reader in self.streams):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        return [reader.count for reader in self.streams]

    async def say(self, asked: dict[str, Any]) -> float:
        """The first socket of a group says something; when."""
        now = time.monotonic()
        self.groups[asked["group"]][0].say(TEXT, asked["text"].encode())
        return now

    async def times(self, asked: dict[str, Any]) -> list[float]:
        """When each socket of a group got the message with this mark; waits for the last one."""
        readers, mark = self.groups[asked["group"]], asked["mark"]
        async with asyncio.timeout(60):
            while not all(mark in reader.seen for reader in readers):  # noqa: ASYNC110 (the times are taken elsewhere)
                await asyncio.sleep(0.01)
        return [reader.seen[mark] for reader in readers]

    async def last(self, asked: dict[str, Any]) -> list[float | None]:
        """Of each mark, when the last socket of a group got the message with it; None where one has not got it."""
        readers = self.groups[asked["group"]]
        found = []
        for mark in asked["marks"]:
            times = [reader.seen[mark] for reader in readers if mark in reader.seen]
            found.append(max(times) if len(times) == len(readers) else None)
        return found

    async def state(self, asked: dict[str, Any]) -> dict[str, int]:
        readers = self.groups[asked["group"]]
        return {
            "open": sum(not reader.closed for reader in readers),
            "messages": sum(reader.count for reader in readers),
        }


async def main() -> None:
    browsers = Browsers()
    await serve("ready", {name: getattr(browsers, name) for name in NAMES})


if __name__ == "__main__":
    asyncio.run(main())

"""Records what a panel would hear from a PBX, and what it would ask."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from pbxpanel.ami import actions, transports
from pbxpanel.ami.client import Session
from pbxpanel.ami.errors import ConnectFailed, NotAmi, gettext_noop
from pbxpanel.ami.protocol import Message, Protocol
from pbxpanel.ami.transports import Address
from pbxpanel.mirror import registry, sync
from pbxpanel.mirror.state import State
from pbxpanel.mirror.worker import CHECK_EVERY, EVENT_MASK, REFRESH_DELAY, UNWANTED_EVENTS

from .file import MARK, RECEIVED, SENT, Entry
from .mask import Mask, masked_lines

# Of what the worker reads anew these only ask; others mute or call somebody, which a recording does not.
READING = ("bridge", "recording", "recordings", "conference", "extensions", "devices")
_END = b"\r\n\r\n"


class Recorder:
    """One session that does what the worker's does, but for acts. `write` gets each entry, masked already.

    `state` is what the panel would know; `mask` has the pseudonyms.
    """

    def __init__(self, address: Address, write: Callable[[Entry], None], pbx: str = "main") -> None:
        self.address, self.mask, self.state = address, Mask(), State(pbx)
        self._write = write
        self._requested = asyncio.Event()
        self._began = time.monotonic()

    async def run(self, seconds: float) -> None:
        """Record for so long. Raises `AmiError` where the link does not come about, or ends before."""
        async with _Relay(self.address, self._heard) as relay:
            session = await Session.open(relay.address, self._on_event, events=EVENT_MASK)
            try:
                await self._record(session, seconds)
            finally:
                session.close()

    async def _record(self, session: Session, seconds: float) -> None:
        for event in UNWANTED_EVENTS:
            await session.ask(actions.filter_out(event))
        await session.ask(actions.core_settings())
        await sync.take(session, self.state)
        self._mark("up")
        work = [asyncio.create_task(self._refresh(session)), asyncio.create_task(self._check(session))]
        try:
            ends: list[asyncio.Future[Any]] = [session.closed, *work]
            await asyncio.wait(ends, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in work:
                task.cancel()
            results = await asyncio.gather(*work, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result
        if session.closed.done():
            raise session.closed.result()
        # How it all stands in the end, for whoever asks a replay then.
        await sync.check(session, self.state)
        self._mark("end")

    def _on_event(self, event: Message) -> None:
        self.state.fold(event)
        self.state.notices.clear()
        if self.state.requests:
            self._requested.set()

    async def _refresh(self, session: Session) -> None:
        while True:
            await self._requested.wait()
            await asyncio.sleep(REFRESH_DELAY)
            self._requested.clear()
            requests = set(self.state.requests)
            self.state.requests.clear()
            for kind, key in requests:
                if kind in READING:
                    await registry.refreshers[kind](sync.Snapshot(session, self.state), key)

    async def _check(self, session: Session) -> None:
        while True:
            await asyncio.sleep(CHECK_EVERY)
            await sync.check(session, self.state)

    def _heard(self, kind: str, raw: bytes) -> None:
        self._write(Entry(kind, self._now(), tuple(masked_lines(self.mask, raw))))

    def _mark(self, mark: str) -> None:
        self._write(Entry(MARK, self._now(), mark=mark))

    def _now(self) -> float:
        return time.monotonic() - self._began


class _Relay:
    """A port on loopback between a session and the PBX, which hears every message in both directions.

    It takes one connection alone. TLS, where there is any, is between it and the PBX.
    """

    def __init__(self, address: Address, heard: Callable[[str, bytes], None]) -> None:
        if address.scheme not in ("ami", "amis"):
            raise ConnectFailed(gettext_noop("Only ami:// and amis:// can be recorded."))
        self._upstream, self._heard = address, heard
        self._secret = secrets.token_hex(8)
        self.address = address

    async def __aenter__(self) -> "_Relay":
        loop = asyncio.get_running_loop()
        self._pbx = _Side(self._from_pbx)
        await transports.connect(self._upstream, lambda: self._pbx, timeout=10)
        self._panel = _Side(self._from_panel)
        self._held: list[bytes] = []
        self._messages, self._asked = Protocol(), bytearray()
        self._panel.when_made = self._panel_is_there
        self._server = await loop.create_server(lambda: self._panel, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.address = replace(self._upstream, scheme="ami", host="127.0.0.1", port=port, ca="")
        self._pbx.when_lost = lambda: self._panel.end()
        self._panel.when_lost = lambda: self._pbx.end()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        self._panel.end()
        self._pbx.end()

    def _panel_is_there(self) -> None:
        self._server.close()
        for data in self._held:
            self._panel.write(data)
        self._held.clear()

    def _from_pbx(self, data: bytes) -> None:
        if self._panel.transport is None:
            self._held.append(data)
        else:
            self._panel.write(data)
        with contextlib.suppress(NotAmi):  # the session says so itself
            for message in self._messages.receive(data):
                self._heard(RECEIVED, message.raw)

    def _from_panel(self, data: bytes) -> None:
        self._pbx.write(data)
        self._asked += data
        while (end := self._asked.find(_END)) >= 0:
            self._heard(SENT, bytes(self._asked[:end]))
            del self._asked[: end + len(_END)]


class _Side(asyncio.Protocol):
    def __init__(self, take: Callable[[bytes], None]) -> None:
        self.transport: asyncio.Transport | None = None
        self.when_made: Callable[[], None] = lambda: None
        self.when_lost: Callable[[], None] = lambda: None
        self._take = take

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.when_made()

    def data_received(self, data: bytes) -> None:
        self._take(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.when_lost()

    def write(self, data: bytes) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def end(self) -> None:
        if self.transport is not None:
            self.transport.close()


async def record(address: Address, write: Callable[[Entry], None], seconds: float) -> Recorder:
    """Record a session of so many seconds; the recorder, when it is done. Raises `AmiError`."""
    recorder = Recorder(address, write)
    await recorder.run(seconds)
    return recorder

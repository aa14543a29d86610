"""The demo PBX on a loopback TCP port: any number of AMI clients, one switch, one clock."""

import asyncio
import logging
import random
import secrets
import time
from collections.abc import Mapping
from typing import cast

from engine.ami.transports import Address

from .astdb import AstDb
from .configuration import Configuration
from .dialplan import Dialplan
from .fixtures import CAST, ENTRIES, FILES, Phone
from .manager import Event, ManagerSession, event
from .model import Fields, IllegalTransition
from .schedule import Schedule
from .simulator import Simulator
from .switch import Switch

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"
USERNAME = "demo"
# A client that leaves so many bytes unread is dropped, as Asterisk drops one that does not take a write in time.
MAX_UNREAD = 16 * 2**20
# How long the demo has been going on when it starts, in seconds: so there are calls and conferences at once.
LIVED_BEFORE = 600.0
# How often telephones of a lively demo are left ringing.
RELUCTANCE = 0.15


class DemoPbx:
    """A PBX of its own. `start` it within a running event loop, and `stop` it there.

    With `lively` people call each other and meet in conferences; without, nothing happens but what is asked for:
    by AMI, or by the methods of `switch` and `dialplan`. `phones` are its telephones, by number; `entries` what its
    AstDB holds at first, and `files` the texts of its configuration. The same `seed` gives the same course of things.
    """

    def __init__(
        self,
        seed: int | None = None,
        lively: bool = True,
        *,
        phones: Mapping[str, Phone] = CAST,
        entries: Mapping[str, str] = ENTRIES,
        files: Mapping[str, str] = FILES,
    ) -> None:
        chance = random.Random(seed)  # noqa: S311 (it plays at telephones)
        now = time.time()
        self.started_at = now - LIVED_BEFORE if lively else now
        self.schedule = Schedule(self.started_at)
        self.switch = Switch(self._announce, self.schedule.now, chance)
        self.dialplan = Dialplan(self.switch, self.schedule, phones, chance, reluctance=RELUCTANCE if lively else 0.0)
        self.astdb, self.configuration = AstDb(entries), Configuration(files, self.started_at)
        self.dialplan.variables.update(self.configuration.variables)
        self._life = Simulator(self.dialplan, self.schedule, chance) if lively else None
        self._secret = secrets.token_hex(12)
        self.clients: set[_Client] = set()
        self._server: asyncio.Server | None = None
        self._clockwork: asyncio.Task[None] | None = None
        self._rung = asyncio.Event()

    async def start(self, port: int = 0) -> Address:
        """Listen on 127.0.0.1, at this port or any free one; returns where, with user and secret."""
        if self._life is not None:
            self._life.begin()
        self.catch_up()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Client(self, self._secret), HOST, port)
        self._clockwork = asyncio.create_task(self._run_schedule())
        bound = cast(int, self._server.sockets[0].getsockname()[1])
        return Address("ami", HOST, bound, USERNAME, self._secret)

    async def stop(self) -> None:
        """Close every connection and end. May be called twice."""
        if self._clockwork is not None:
            self._clockwork.cancel()
            await asyncio.gather(self._clockwork, return_exceptions=True)
        if self._server is not None:
            self._server.close()
        for client in list(self.clients):
            client.close()
        self._clockwork = self._server = None

    def catch_up(self) -> None:
        """Let happen what is due by now."""
        moment = time.time()
        while self.schedule.now() < moment:
            try:
                self.schedule.run_until(moment)
            except IllegalTransition:  # a fault of the demo in one call must not stop all others
                logger.exception("The demo asked its switch for what cannot be.")
        self._rung.set()

    async def _run_schedule(self) -> None:
        while True:
            self._rung.clear()
            next_at = self.schedule.next_at
            try:
                async with asyncio.timeout(None if next_at is None else max(0.0, next_at - time.time())):
                    await self._rung.wait()
            except TimeoutError:
                self.catch_up()

    def _announce(self, name: str, fields: Fields) -> None:
        if self.clients:
            self.tell(event(name, fields))

    def tell(self, event: Event) -> None:
        """Hand an event to every client."""
        for client in list(self.clients):
            client.session.take_event(event)

    def session(self, client: "_Client", secret: str) -> ManagerSession:
        return ManagerSession(
            self.dialplan,
            self.astdb,
            self.configuration,
            (USERNAME, secret),
            self.started_at,
            send=client.send,
            close=client.close,
            announce=self._announce,
            later=self.schedule.later,
        )

    def joined(self, client: "_Client") -> None:
        self.clients.add(client)

    def left(self, client: "_Client") -> None:
        self.clients.discard(client)


class _Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, pbx: DemoPbx, secret: str) -> None:
        self._pbx, self._secret = pbx, secret
        self._transport: asyncio.Transport | None = None
        self.session: ManagerSession

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.session = self._pbx.session(self, self._secret)
        self._pbx.joined(self)

    def data_received(self, data: bytes) -> None:
        self._pbx.catch_up()
        self.session.receive(data)
        self._pbx.catch_up()

    def connection_lost(self, exc: Exception | None) -> None:
        self._pbx.left(self)

    def send(self, data: bytes) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.write(data)
        if transport.get_write_buffer_size() > MAX_UNREAD:
            transport.abort()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

"""Records what a panel would hear from a PBX, and what it would ask."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from engine.ami import actions
from engine.ami.client import Session
from engine.ami.protocol import Message
from engine.ami.transports import Address
from engine.mirror import registry, sync
from engine.mirror.folding import CHECK_EVERY, EVENT_MASK, UNWANTED_EVENTS
from engine.mirror.jobs import REFRESH_DELAY
from engine.mirror.state import State

from .file import MARK, RECEIVED, SENT, Entry
from .mask import Mask, masked_lines


class Recorder:
    """One session that does what the worker's does, but for jobs and commands. `write` gets each entry, masked already.

    `state` is what the panel would know; `mask` has the pseudonyms.
    """

    def __init__(self, address: Address, write: Callable[[Entry], None], pbx: str = "main") -> None:
        self.address, self.mask, self.state = address, Mask(), State(pbx)
        self._write = write
        self._requested = asyncio.Event()
        self._began = time.monotonic()

    async def run(self, seconds: float) -> None:
        """Record for so long. Raises `AmiError` where the link does not come about, or ends before."""
        session = await Session.open(self.address, self._on_event, events=EVENT_MASK, tap=self._heard)
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
        self.state.jobs.clear()  # these act, which a recording does not
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
                await registry.refreshers[kind](sync.Snapshot(session, self.state), key)

    async def _check(self, session: Session) -> None:
        while True:
            await asyncio.sleep(CHECK_EVERY)
            await sync.check(session, self.state)

    def _heard(self, is_sent: bool, raw: bytes) -> None:
        lines = masked_lines(self.mask, raw.removesuffix(b"\r\n\r\n"))
        self._write(Entry(SENT if is_sent else RECEIVED, self._now(), tuple(lines)))

    def _mark(self, mark: str) -> None:
        self._write(Entry(MARK, self._now(), mark=mark))

    def _now(self) -> float:
        return time.monotonic() - self._began


async def record(address: Address, write: Callable[[Entry], None], seconds: float) -> Recorder:
    """Record a session of so many seconds; the recorder, when it is done. Raises `AmiError`."""
    recorder = Recorder(address, write)
    await recorder.run(seconds)
    return recorder

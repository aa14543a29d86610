"""Readers of the stream in this process, and who writes the log."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import channel_layers
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.db.models import Max
from django.test import Client

from engine.live import hub
from engine.live.batches import publish
from engine.mirror.models import PBX
from eventlog import models
from eventlog.feed import Feed
from eventlog.models import Event
from tests.access import people
from tests.access.people import ANONYMOUS

PATH = "/api/v1/events"


@dataclass
class Told:
    """One event as a reader has got it."""

    event: str = ""
    data: str = ""
    id: str = ""


class Reading:
    """One stream, read like a browser's EventSource does, no faster than `piece` is called."""

    def __init__(self, query: str, headers: dict[str, str]) -> None:
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "GET",
            "path": PATH,
            "query_string": query.encode(),
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
        }
        self.status, self.headers, self.content = 0, dict[str, str](), b""
        self.last_id, self.comments, self.told = "", 0, list[Told]()
        self._text = ""
        self._requests: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._requests.put_nowait({"type": "http.request", "body": b"", "more_body": False})
        self._answers: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue(maxsize=1)
        self._task = asyncio.create_task(ASGIHandler()(scope, self._requests.get, self._send))

    async def begins(self) -> "Reading":
        """Wait for the answer, and of a stream for its first piece."""
        start = await self._answer()
        self.status = start["status"]
        self.headers = {name.decode(): value.decode() for name, value in start["headers"]}
        if self.status == 200:
            assert await self.piece()
        else:
            self.content = (await self._answer())["body"]
        return self

    async def _send(self, message: Mapping[str, Any]) -> None:
        await self._answers.put(message)

    def is_full(self) -> bool:
        """Whether a piece is on the way, so that the next one has to wait."""
        return self._answers.full()

    async def _answer(self) -> Mapping[str, Any]:
        async with asyncio.timeout(20):
            return await self._answers.get()

    @property
    def problem(self) -> dict[str, Any]:
        """What was answered instead of a stream."""
        assert self.headers["Content-Type"] == "application/problem+json"
        found: dict[str, Any] = json.loads(self.content)
        assert found["status"] == self.status
        return found

    async def piece(self) -> bool:
        """Take the next piece; False at the end."""
        answer = await self._answer()
        self._text += answer.get("body", b"").decode()
        *blocks, self._text = self._text.split("\n\n")
        for block in blocks:
            told = Told()
            for line in block.split("\n"):
                name, _colon, value = line.partition(": ")
                if name == "id":
                    self.last_id = value
                elif name in ("event", "data"):
                    setattr(told, name, value)
                self.comments += name == ""
            if told.data:
                told.id = self.last_id
                self.told.append(told)
        return bool(answer.get("more_body"))

    async def until(self, number: int) -> list[Told]:
        """Read until so many events have come."""
        while len(self.told) < number:
            assert await self.piece(), "the stream has ended"
        return self.told

    async def to_its_end(self) -> None:
        while await self.piece():
            pass

    async def close(self) -> None:
        """Go away."""
        self._requests.put_nowait({"type": "http.disconnect"})
        async with asyncio.timeout(20):
            await self._task


@dataclass
class Log:
    """Who writes it: `written` events of calls, and the hub is told as by a worker."""

    batch: int = 0

    async def write(self, *subjects: str, pbx: str = "main", tell: bool = True, **values: Any) -> None:
        await sync_to_async(_write)(pbx, subjects, values)
        if tell:
            await self.tell(pbx)

    async def tell(self, pbx: str = "main") -> None:
        self.batch += 1
        await publish(pbx, "epoch", self.batch, announces=True)


def _write(pbx: str, subjects: tuple[str, ...], values: dict[str, Any]) -> None:
    last = Event.objects.filter(pbx=pbx).aggregate(last=Max("number"))["last"] or 0
    defaults = {"type": "call.ringing", "data": "{}", "at": "2026-11-24T12:00:00Z"}
    Event.objects.bulk_create(
        Event(pbx=pbx, number=number, subject=subject, **defaults | values)
        for number, subject in enumerate(subjects, last + 1)
    )


@pytest.fixture
def log() -> Log:
    return Log()


Read = Callable[..., Awaitable[Reading]]


@pytest.fixture
async def read() -> AsyncIterator[Read]:
    """`read("Viewer", "types=call.*")`: a stream of a user of this group, or what else is answered."""
    channel_layers.backends.clear()
    models._written.clear()
    await sync_to_async(PBX.objects.create)(name="main")
    readings: list[Reading] = []
    cookies: dict[str, str] = {ANONYMOUS: ""}

    def log_in(role: str) -> str:
        client = Client()
        client.force_login(people.person(role, f"user{len(cookies)}"))
        return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"

    async def read(role: str = "Administrator", query: str = "", **headers: str) -> Reading:
        if role not in cookies:
            cookies[role] = await sync_to_async(log_in)(role)
        reading = Reading(query, {"host": "localhost", "cookie": cookies[role], **headers})
        readings.append(reading)
        return await reading.begins()

    yield read
    for reading in readings:
        await reading.close()
    assert not Feed.here().readers
    for task in (Feed.here()._task, hub.Hub.here()._task):
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    channel_layers.backends.clear()

"""What a socket has that adds nothing but who may have it and what it says: the base of all sockets of the panel."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from channels.layers import channel_layers, get_channel_layer
from channels.testing import WebsocketCommunicator
from django.db import OperationalError

from engine import metrics
from engine.live import consumers
from engine.live.close_codes import FORBIDDEN, NO_SUCH_VIEW, TRY_AGAIN_LATER
from engine.live.consumers import PanelConsumer
from engine.live.layer import PEOPLE, PEOPLE_CHANGED
from tests.waiting import until_async

pytestmark = pytest.mark.timeout(60)


class ClockConsumer(PanelConsumer):
    """Tells the time, in a language; whoever is `out` may not have it."""

    view = "clock"
    out: int | Exception | None = None
    held: list[str] = []

    def refusal(self) -> int | None:
        if isinstance(self.out, Exception):
            raise self.out
        return NO_SUCH_VIEW if self.language != "en" else self.out

    async def join(self) -> None:
        self.held.append(self.asked["place"])

    async def leave(self) -> None:
        self.held.remove(self.asked["place"])

    async def hear(self, word: str, rest: str) -> None:
        if word == "time":
            await self.send_text(json.dumps({"time": rest}))


Visit = Callable[..., Awaitable[WebsocketCommunicator]]


@pytest.fixture
async def visit(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Visit]:
    channel_layers.backends.clear()
    monkeypatch.setattr(ClockConsumer, "out", None)
    sockets: list[WebsocketCommunicator] = []

    async def visit(query: str = "lang=en&place=berlin") -> WebsocketCommunicator:
        socket = WebsocketCommunicator(ClockConsumer.as_asgi(), f"/clock/?{query}")
        socket.scope["cookies"] = {}
        sockets.append(socket)
        assert (await socket.connect(10))[0]
        return socket

    yield visit
    for socket in sockets:
        await socket.disconnect()
    await until_async(lambda: not ClockConsumer.held)
    assert not metrics.WEB.get_sample_value("panel_sockets", {"view": "clock"})
    channel_layers.backends.clear()


async def answer(socket: WebsocketCommunicator, text: str) -> Any:
    await socket.send_to(text)
    return json.loads(await socket.receive_from(10))


async def close_code(socket: WebsocketCommunicator) -> int:
    output = await socket.receive_output(10)
    assert output["type"] == "websocket.close", output
    return int(output["code"])


async def test_it_is_counted_and_holds_its_place_until_it_ends(visit: Visit) -> None:
    socket = await visit()
    assert await answer(socket, "ping") == {"pong": True}
    assert await answer(socket, "time zone x") == {"time": "zone x"}
    assert ClockConsumer.held == ["berlin"]
    assert metrics.WEB.get_sample_value("panel_sockets", {"view": "clock"}) == 1


@pytest.mark.parametrize(
    ("query", "out", "code"),
    [
        ("lang=xx&place=berlin", None, NO_SUCH_VIEW),
        ("lang=en&place=berlin", FORBIDDEN, FORBIDDEN),
        ("lang=en&place=berlin", OperationalError("away"), TRY_AGAIN_LATER),
    ],
)
async def test_who_is_refused_is_told_why_and_holds_nothing(
    visit: Visit, monkeypatch: pytest.MonkeyPatch, query: str, out: int | Exception | None, code: int
) -> None:
    monkeypatch.setattr(ClockConsumer, "out", out)
    socket = await visit(query)
    assert await close_code(socket) == code
    await socket.send_to("time 12")
    assert await socket.receive_nothing(0.1)
    assert ClockConsumer.held == []


async def test_who_may_no_longer_have_it_is_closed_when_that_is_told(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket = await visit()
    assert await answer(socket, "ping") == {"pong": True}
    monkeypatch.setattr(ClockConsumer, "out", FORBIDDEN)
    await get_channel_layer().group_send(PEOPLE, {"type": PEOPLE_CHANGED, "users": None})
    assert await close_code(socket) == FORBIDDEN


async def test_who_may_no_longer_have_it_is_closed_soon_if_nobody_tells(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "CHECK_EVERY", 0.05)
    socket = await visit()
    assert await answer(socket, "ping") == {"pong": True}
    monkeypatch.setattr(ClockConsumer, "out", FORBIDDEN)
    assert await close_code(socket) == FORBIDDEN


async def test_a_layer_that_hangs_keeps_nobody_out(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(group: str, channel: str) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(consumers, "LAYER_TIMEOUT", 0.05)
    monkeypatch.setattr(get_channel_layer(), "group_add", hang)
    assert await answer(await visit(), "ping") == {"pong": True}

"""What a socket makes of messages that no page of ours sends; and that it gives up what it holds, whatever happens."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from channels.layers import channel_layers
from channels.testing import WebsocketCommunicator
from django.test import Client

from engine import limits, metrics
from engine.live.close_codes import FAILED, FORBIDDEN, NO_SUCH_VIEW, NOT_LOGGED_IN, TRY_AGAIN_LATER
from engine.live.consumers import LiveConsumer
from engine.live.hub import Hub
from pbxpanel.asgi import application
from system.events.consumers import EventsConsumer
from tests.access import people

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(60)]

# A page's socket, and by which name it is counted.
PAGES = [
    ("/ws/?view=calls&lang=en", "calls", LiveConsumer),
    ("/ws/?view=conference&key=main/8001&lang=en", "conference", LiveConsumer),
    ("/ws/events/?pbx=main&lang=en", "events", EventsConsumer),
]
MESSAGES = [
    "", " ", "\0", "ping\0", "PING", "hello", "{}", "[" * 990, "filter", "filter ", "filter \0", "filter null",
    "filter 5", 'filter "x"', "filter []", "filter {", "filter NaN", f"filter {'1' * 1990}", f"filter {'[' * 990}",
    f"filter {'[' * 1990}", "filter " + '{"name":' * 240, 'filter {"name": 5}', 'filter {"name": null}',
    'filter {"name": {"name": "x"}}', 'filter {"texts": "x"}', 'filter {"texts": {"x": 1}}', 'filter {"texts": [1]}',
    'filter {"texts": [["x"]]}', 'filter {"texts": [null, true]}', r'filter {"name": "\ud800"}',
    r'filter {"texts": ["\udfff"]}', 'filter {"texts": ' + json.dumps(["x"] * 300) + "}",
    f"filter {'x' * limits.EVENT_FILTER}", "read", "read x", "read -1", "read 1.5", f"read {'9' * 3000}", "read ٣",
    "look", "look x", "look -1 x", f"look {'9' * 3000} x", "look 48 \0", f"look 48 {'x ' * 1900}", "look 48 %_\\",
    "x" * (limits.MESSAGE + 1), "filter " + "x" * 1_000_000,
]  # fmt: skip


class Socket:
    """A socket of an administrator that was accepted."""

    def __init__(self, client: Client, path: str) -> None:
        cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
        headers = [(b"host", b"localhost"), (b"origin", b"http://localhost"), (b"cookie", cookies.encode())]
        self.communicator = WebsocketCommunicator(application, path, headers=headers)

    async def output(self) -> dict[str, Any]:
        answer: dict[str, Any] = await self.communicator.receive_output(10)
        return answer

    async def answers(self) -> bool:
        """Whether it answers to a ping, before or after what it says by itself."""
        await self.communicator.send_to("ping")
        while (output := await self.output())["type"] == "websocket.send":
            if "pong" in output["text"]:
                return True
        return False

    async def close_code(self) -> int:
        while (output := await self.output())["type"] != "websocket.close":
            pass
        return int(output["code"])


Open = Callable[[str], Awaitable[Socket]]


@pytest.fixture
async def visit() -> AsyncIterator[Open]:
    channel_layers.backends.clear()
    await sync_to_async(people.a_small_pbx)()
    client = Client()
    await sync_to_async(client.force_login)(await sync_to_async(people.person)("Administrator"))
    sockets: list[Socket] = []

    async def visit(path: str) -> Socket:
        socket = Socket(client, path)
        sockets.append(socket)
        assert (await socket.communicator.connect(10))[0]
        return socket

    yield visit
    for socket in sockets:
        if not socket.communicator.future.done():
            await socket.communicator.disconnect()
    task = Hub.here()._task
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def counted(view: str) -> float:
    return metrics.WEB.get_sample_value("panel_sockets", {"view": view}) or 0.0


def tasks() -> list[str]:
    """What sockets do beside answering."""
    names = (str(task.get_coro()) for task in asyncio.all_tasks())
    return [name for name in names if "_keep_working" in name]


async def until_given_up(view: str, before: float) -> None:
    for _try in range(500):
        if counted(view) == before and not tasks() and not Hub.here().subscribers:
            return
        await asyncio.sleep(0.02)
    assert (counted(view), tasks(), Hub.here().subscribers) == (before, [], set())


@pytest.mark.parametrize(("path", "view", "consumer"), PAGES, ids=[view for _path, view, _consumer in PAGES])
async def test_no_message_breaks_a_socket(
    path: str, view: str, consumer: type, visit: Open, caplog: pytest.LogCaptureFixture
) -> None:
    before = counted(view)
    socket = await visit(path)
    for message in MESSAGES:
        await socket.communicator.send_input({"type": "websocket.receive", "text": message})
    for binary in (b"", b"\0\xff", b"ping", b"x" * 100_000):
        await socket.communicator.send_input({"type": "websocket.receive", "bytes": binary})
    assert await socket.answers()
    assert counted(view) == before + 1
    assert len(tasks()) == 1
    await socket.communicator.disconnect()
    await until_given_up(view, before)
    assert [record.getMessage() for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")] == []


@pytest.mark.parametrize(("path", "view", "consumer"), PAGES, ids=[view for _path, view, _consumer in PAGES])
async def test_whatever_a_socket_raises_it_is_closed_and_given_up(
    path: str,
    view: str,
    consumer: type,
    visit: Open,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(self: object, **message: object) -> None:
        raise RecursionError("maximum recursion depth exceeded")

    before = counted(view)
    socket = await visit(path)
    assert await socket.answers()
    assert len(tasks()) == 1
    monkeypatch.setattr(consumer, "receive", fail)
    await socket.communicator.send_to(text_data="ping")
    assert await socket.close_code() == FAILED
    await until_given_up(view, before)
    assert "A socket failed." in [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize(("path", "view", "consumer"), PAGES, ids=[view for _path, view, _consumer in PAGES])
async def test_a_socket_that_is_killed_while_it_is_at_work_is_given_up(
    path: str, view: str, consumer: type, visit: Open
) -> None:
    """As Daphne does where one does not end by itself."""
    before = counted(view)
    socket = await visit(path)
    assert await socket.answers()
    socket.communicator.future.cancel()
    await until_given_up(view, before)


async def test_a_socket_that_fails_before_it_has_its_place_is_given_up(
    visit: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(self: object, subscriber: object) -> None:
        raise RuntimeError("no place")

    before = counted("calls")
    monkeypatch.setattr(Hub, "register", fail)
    socket = await visit("/ws/?view=calls&lang=en")
    assert await socket.close_code() == FAILED
    await until_given_up("calls", before)


@pytest.mark.parametrize("path", ["/ws/?view=conference&lang=en&key=", "/ws/events/?lang=en&pbx="])
async def test_what_a_socket_is_about_has_a_limit(path: str, visit: Open) -> None:
    socket = await visit(path + "x" * (limits.SOCKET_KEY + 1))
    assert await socket.close_code() == 4404


def test_every_code_with_which_a_socket_is_closed_can_be_sent() -> None:
    """By Autobahn, under Daphne, for which `WebSocketProtocol.sendClose` raises otherwise; the socket then hangs."""
    protocol = WebSocketServerProtocol()
    protocol.factory = WebSocketServerFactory()  # type: ignore[no-untyped-call]
    protocol.state = protocol.STATE_CLOSED  # so that nothing is written; the code is looked at before
    for code in (NO_SUCH_VIEW, TRY_AGAIN_LATER, NOT_LOGGED_IN, FORBIDDEN, FAILED):
        protocol.sendClose(code)
    with pytest.raises(Exception, match="invalid close code 1013"):
        protocol.sendClose(1013)

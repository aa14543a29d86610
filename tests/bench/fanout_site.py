"""The site of the benches of fan-out, for Daphne: the panel itself, and the stock way beside it.

`/bench/stock/` puts each socket into a group of the channel layer. On `/bench/control/` a client says `hub MARK` or
`stock MARK`; then a message of 2 KB goes that way to everybody. `log MARK`: the hub is told that an event was written.
"""

from pbxpanel.asgi import application as panel  # isort: skip  (sets Django up)

import asyncio
import uuid
from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.layers import get_channel_layer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.urls import path, re_path

from engine.live import hub
from engine.live.fragments import Row

SIZE = 2048
EPOCH = uuid.uuid4().hex
_number = 0
_tasks: set[asyncio.Task[None]] = set()


class Stock(AsyncWebsocketConsumer):  # type: ignore[misc]
    """As the tutorial of Channels has it."""

    groups = ["bench"]

    async def bench_message(self, event: dict[str, Any]) -> None:
        await self.send(text_data=event["text"])


class Control(AsyncWebsocketConsumer):  # type: ignore[misc]
    async def connect(self) -> None:
        await self.accept()
        task = asyncio.create_task(_beat())
        _tasks.add(task)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        way, mark = (text_data or "").split()
        text = f"mark:{mark};".ljust(SIZE, ".")
        if way == "hub":
            # A row of the kind that every page has, whatever it shows besides.
            html = {language: f'<div id="bench">{text}</div>' for language, _name in settings.LANGUAGES}
            await _publish([Row("bench", "pbx", html)])
        elif way == "log":
            await _publish([], announces=True)
        else:
            await get_channel_layer().group_send("bench", {"type": "bench.message", "text": text})


async def _publish(rows: list[Row], *, announces: bool = False) -> None:
    global _number
    _number += 1
    await hub.publish("bench", EPOCH, _number, rows, announces=announces)


async def _beat() -> None:
    """As a worker does, so that the hub does not take it for dead."""
    while True:
        await _publish([])
        await asyncio.sleep(1)


application = ProtocolTypeRouter(
    {
        "http": panel,
        "websocket": URLRouter(
            [
                path("bench/stock/", Stock.as_asgi()),
                path("bench/control/", Control.as_asgi()),
                re_path("", panel),
            ]
        ),
    }
)

"""The place of a worker: `python -m tests.bench.publisher` publishes batches of 2 KB over Redis at a steady pace."""

import asyncio
import os
import time
import uuid
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pbxpanel.settings")

from django.conf import settings

from engine.live import hub
from engine.live.fragments import Row

from .child import serve

SIZE = 2048


class Publisher:
    def __init__(self) -> None:
        self._epoch, self._number = uuid.uuid4().hex, 0
        self._turn = asyncio.Lock()
        self._beat = asyncio.create_task(self._keep_beating())

    async def publish(self, asked: dict[str, Any]) -> list[float]:
        """`count` batches, `rate` a second, with the marks `mark`-0, `mark`-1 …; when each was published."""
        loop, sent = asyncio.get_running_loop(), []
        begin = loop.time()
        for number in range(asked["count"]):
            await asyncio.sleep(max(0.0, begin + number / asked["rate"] - loop.time()))
            sent.append(time.monotonic())
            text = f"mark:{asked['mark']}-{number};".ljust(SIZE, ".")
            # A row of the kind that every page has, whatever it shows besides.
            html = {language: f'<div id="bench">{text}</div>' for language, _name in settings.LANGUAGES}
            await self._publish([Row("bench", "pbx", html)])
        return sent

    async def _publish(self, rows: list[Row]) -> None:
        async with self._turn:  # a batch must not overtake another
            self._number += 1
            await hub.publish("bench", self._epoch, self._number, rows)

    async def _keep_beating(self) -> None:
        """As a worker does, so that hubs do not take it for dead."""
        while True:
            await self._publish([])
            await asyncio.sleep(1)


async def main() -> None:
    await serve("ready", {"publish": Publisher().publish})


if __name__ == "__main__":
    asyncio.run(main())

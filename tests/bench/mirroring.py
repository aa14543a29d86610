"""The panel's worker in a process of its own, without a web: `AMI_URL=… python -m tests.bench.mirroring CHANNELS`.

It is the worker as it is, with a look into the database after each transaction for the row that is waited for.
"""

from . import ready  # noqa: F401  isort: skip  (before what needs Django)

import asyncio
import sys
import time
from typing import Any

from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.conf import settings
from django.core.management import call_command

from calls.models import Channel
from conferences.models import Participant
from engine.gc_tuning import keep_what_is_loaded
from engine.mirror import folding, worker
from engine.mirror.models import PBX
from engine.mirror.ticks import Ticks
from engine.mirror.worker import AmiWorker

from .child import serve

awaited = ""
seen_at = 0.0
seen: asyncio.Event
loop: asyncio.AbstractEventLoop


class WatchedTicks(Ticks):
    """Notes when the row that is waited for has been committed."""

    def _write(self, *arguments: Any) -> None:
        global awaited, seen_at
        super()._write(*arguments)
        if awaited and Channel.objects.filter(uniqueid=awaited).exists():
            awaited, seen_at = "", time.monotonic()
            loop.call_soon_threadsafe(seen.set)


def _rows() -> dict[str, Any]:
    channels = {row.uniqueid: [row.name, row.state, row.bridge] for row in Channel.objects.all()}
    people = {row.uniqueid: [row.conference, row.talking] for row in Participant.objects.all()}
    return {"channels": channels, "people": people}


async def rows(asked: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = await database_sync_to_async(_rows, thread_sensitive=False)()
    return found


async def begin(asked: dict[str, Any]) -> None:
    """Look out for a channel's row."""
    global awaited
    seen.clear()
    awaited = asked["uniqueid"]


async def committed(asked: dict[str, Any]) -> dict[str, float]:
    async with asyncio.timeout(300):
        await seen.wait()
    return {"at": seen_at}


async def rest(asked: dict[str, Any]) -> None:
    """Wait until it has drawn, too, and has nothing to do: under a tenth of a core."""
    before = time.process_time()
    while True:
        await asyncio.sleep(0.3)
        before, used = time.process_time(), time.process_time() - before
        if used < 0.03:
            return


def _is_up(channels: int) -> bool:
    return PBX.objects.filter(link=PBX.Link.UP).exists() and Channel.objects.count() == channels


async def main() -> None:
    global seen, loop
    seen, loop = asyncio.Event(), asyncio.get_running_loop()
    worker.Ticks = WatchedTicks  # type: ignore[attr-defined]
    folding.CHECK_EVERY = 3600.0  # it would ask a PBX that is ahead of what it has sent
    layer = get_channel_layer()
    held = AmiWorker(application=None, channels=[], channel_layer=layer, addresses=settings.AMI_ADDRESSES)
    keep_what_is_loaded()  # as its `run` does
    task = asyncio.create_task(held.handle())
    async with asyncio.timeout(60):
        while not await database_sync_to_async(_is_up, thread_sensitive=False)(int(sys.argv[1])):
            if task.done():
                task.result()
            await asyncio.sleep(0.05)
    await serve("up", {"rows": rows, "begin": begin, "committed": committed, "rest": rest})
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    asyncio.run(main())

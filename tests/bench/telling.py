"""The panel's worker on a PBX where nothing happens by itself, with a webhook: `python -m tests.bench.telling URL`.

What it is told to tell is written by its ticks, and sent to this URL.
"""

from . import ready  # noqa: F401  isort: skip  (before what needs Django)

import asyncio
import sys
from typing import Any

from channels.layers import get_channel_layer
from django.contrib.auth.models import Group, User
from django.core.management import call_command

from calls.event_types import CALL_ANSWERED, CALL_ENDED, CALL_RINGING
from engine.database import in_thread
from engine.demo import DemoPbx
from engine.gc_tuning import keep_what_is_loaded
from engine.mirror.models import PBX
from engine.mirror.worker import AmiWorker
from eventlog.telling import tell
from webhooks.models import Delivery, Webhook

from .child import serve

KINDS = (CALL_RINGING, CALL_ANSWERED, CALL_ENDED)


def _prepare(url: str) -> None:
    owner = User.objects.create_user("owner")
    owner.groups.add(Group.objects.get(name="Administrator"))
    Webhook.objects.create(name="Bench", url=url, owner=owner, types=[kind.name for kind in KINDS])


def _delivered() -> int:
    return Delivery.objects.filter(state=Delivery.State.DONE).count()


async def main() -> None:
    pbx = DemoPbx(seed=1, lively=False)
    address = await pbx.start()
    worker = AmiWorker(
        application=None, channels=[], channel_layer=get_channel_layer(), addresses={"main": address}, demo=True
    )
    keep_what_is_loaded()  # as its `run` does
    task = asyncio.create_task(worker.handle())
    async with asyncio.timeout(60):
        while not await in_thread(PBX.objects.filter(link=PBX.Link.UP).exists)():  # noqa: ASYNC110
            await asyncio.sleep(0.05)

    async def happen(asked: dict[str, Any]) -> None:
        """So many events in so many seconds, three of each call, one after another."""
        loop = asyncio.get_running_loop()
        started, mirror = loop.time(), worker.mirrors["main"]
        for number in range(asked["events"]):
            await asyncio.sleep(started + number * asked["seconds"] / asked["events"] - loop.time())
            kind, call = KINDS[number % 3], f"1732449600.{number // 3}"
            tell(mirror.state, kind, call, {**kind.example, "id": call})
            mirror.agenda.collect()

    async def delivered(asked: dict[str, Any]) -> None:
        async with asyncio.timeout(60):
            while await in_thread(_delivered)() < asked["events"]:  # noqa: ASYNC110
                await asyncio.sleep(0.1)

    await serve("up", {"happen": happen, "delivered": delivered})
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await pbx.stop()


if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    _prepare(sys.argv[1])
    asyncio.run(main())

"""Who delivers: a companion of the mirror, so that the worker that leads a PBX delivers what happens on it.

What is under way is in memory, and nothing else: after the death of this worker the next one sends it again, with the
same id.
"""

import asyncio
import contextlib
import logging
import time
from datetime import UTC, datetime

from prometheus_client import Counter

from engine import metrics
from engine.database import in_thread
from engine.mirror.companions import Leading
from engine.mirror.patience import DATABASE_FAILURES, RETRY
from engine.mirror.registry import companion

from .formats import headers_of
from .models import Delivery
from .queue import Queue, Tried, Work, settle, tidy
from .sending import Result, Sender

logger = logging.getLogger(__name__)

TRIES = Counter("panel_webhooks", "Webhooks that were tried, by result.", ["pbx", "result"], registry=metrics.WORKER)

# How often it is looked for what is due, in seconds, and how long what happens waits for more of the same.
LOOK_EVERY, GATHER = 1.0, 0.010
TIDY_EVERY = 60.0


@companion
async def deliver(leading: Leading) -> None:
    """Deliver what happens on this PBX, for as long as this worker leads it."""
    async with Sender.open() as sender:
        await Deliverer(leading, sender).run()


async def send(sender: Sender, work: Work) -> Result:
    """Send it once, signed at this moment."""
    headers = headers_of(work.message_id, work.format, work.body, work.secrets, datetime.now(UTC))
    return await sender.send(work.url, headers, work.body)


class Deliverer:
    """`under_way` is what is sent now, by its key; `tried` what is not written yet."""

    def __init__(self, leading: Leading, sender: Sender) -> None:
        self.leading, self.sender = leading, sender
        self.queue = Queue(leading.pbx)
        self.under_way: dict[int, Work] = {}
        self.tried: list[Tried] = []
        self._wake = leading.written
        self._tidied_at = float("-inf")

    async def run(self) -> None:
        is_away = False
        async with asyncio.TaskGroup() as group:
            while True:
                self._wake.clear()
                try:
                    more = await self._turn(group)
                except DATABASE_FAILURES as error:
                    if not is_away:
                        logger.error("%s: webhooks wait for the database: %s", self.leading.pbx, error)
                    is_away = True
                    await asyncio.sleep(RETRY)
                    continue
                is_away = False
                if not more:
                    await self._rest()

    async def _rest(self) -> None:
        """Wait until there may be something to do. Where there is no webhook, nothing that happens is looked at."""
        if self.queue.is_idle:
            await asyncio.sleep(LOOK_EVERY)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_EVERY):
                await self._wake.wait()
        await asyncio.sleep(GATHER)

    async def _turn(self, group: asyncio.TaskGroup) -> bool:
        """Write, look, and begin to send; whether there is more to look at."""
        if not self.leading.is_held():
            return False
        if time.monotonic() - self._tidied_at >= TIDY_EVERY:
            await in_thread(tidy)()
            self._tidied_at = time.monotonic()
        if written := list(self.tried):
            await in_thread(settle)(written)
            del self.tried[: len(written)]
        due, more = await in_thread(self.queue.turn)([*self.under_way.values(), *(tried.work for tried in self.tried)])
        for work in due:
            self.under_way[work.pk] = work
            group.create_task(self._send(work))
        return more

    async def _send(self, work: Work) -> None:
        try:
            if not self.leading.is_held():
                return  # another worker may have begun
            result = await send(self.sender, work)
        except Exception:  # whatever is wrong with one: it is tried again in a while, and the others go on
            logger.exception("%s: the webhook %s could not be sent.", self.leading.pbx, work.message_id)
            result = Result(error=Delivery.Error.PROTOCOL)
        finally:
            del self.under_way[work.pk]
            self._wake.set()
        TRIES.labels(self.leading.pbx, "delivered" if result.is_done else "failed").inc()
        self.tried.append(Tried(work, datetime.now(UTC), result))

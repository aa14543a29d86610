"""What a domain does beside the mirror of a PBX, for as long as this worker leads it, such as telling others."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from . import registry
from .agenda import Agenda
from .lease import Lease
from .patience import DATABASE_FAILURES

logger = logging.getLogger(__name__)

# How long until one that has failed begins anew, in seconds.
ANEW_AFTER = 1.0


@dataclass(frozen=True, slots=True)
class Leading:
    """What a companion works with. `written` is set after each tick that wrote what is announced; `is_held` says
    whether no other worker can have begun to lead.
    """

    pbx: str
    written: asyncio.Event
    is_held: Callable[[], bool]


class Companions:
    """Runs what is registered, each guarded by itself: one that fails costs neither the mirror nor another."""

    def __init__(self, pbx: str, lease: Lease, agenda: Agenda) -> None:
        self.pbx, self.lease, self.agenda = pbx, lease, agenda

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for companion in registry.companions:
                group.create_task(self._keep(companion))

    async def _keep(self, companion: Callable[[Leading], Awaitable[None]]) -> None:
        written = asyncio.Event()
        self.agenda.announced.append(written)
        while True:
            try:
                await companion(Leading(self.pbx, written, lambda: self.lease.is_held))
            except DATABASE_FAILURES as error:
                logger.error("%s: the database failed, trying again: %s", self.pbx, error)
            except Exception:  # whatever it is: it begins anew, and reads from the database what it was about
                logger.exception("%s: a companion of the mirror failed, and begins anew.", self.pbx)
            await asyncio.sleep(ANEW_AFTER)

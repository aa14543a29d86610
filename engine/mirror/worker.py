"""The background worker: for each PBX it holds the link, folds events, writes ticks, publishes, and acts.

`AmiWorker` replaces the loop of Channels' worker; it runs alone (`manage.py amiworker`) or inside Daphne's
event loop (`manage.py runpanel`).
"""

import asyncio
import functools
import itertools
import logging
from typing import Any

from channels.worker import Worker
from django.utils import timezone

from engine import metrics
from engine.ami.transports import Address
from engine.database import in_thread
from engine.gc_tuning import keep_what_is_loaded
from engine.processes import run_until_told

from . import store
from .agenda import Agenda
from .command_server import CommandServer
from .companions import Companions
from .event_stream import Stream
from .figures import Figures
from .folding import Folding
from .jobs import Jobs
from .lease import Lease, LeaseLost, new_holder, unled
from .models import HEARTBEAT, PBX
from .patience import DATABASE_FAILURES, patiently
from .state import State
from .ticks import Ticks

logger = logging.getLogger(__name__)

# How often a worker that stands by checks whether it may lead, in seconds.
STAND_BY = 0.5
# How often the figures for `/metrics` are written, in heartbeats.
FIGURES_EVERY = 5


class Mirror:
    """One PBX for the time that this worker leads it.

    The parts: `folding` (link and state), `jobs`, `ticks` (database and pages), `server` (commands), `stream` (events
    for who watches them), `companions` (what domains do beside it); they wake each other through `agenda`.
    """

    def __init__(self, name: str, address: Address, *, demo: bool = False, holder: str = "") -> None:
        self.name, self.address, self.demo = name, address, demo
        self.lease = Lease(name, holder or new_holder())
        self.state = State(name)
        self.agenda = Agenda(name, self.state)
        self.figures = Figures(name, self.agenda)
        self.folding = Folding(name, address, self.agenda, self.figures)
        self.jobs = Jobs(name, self.folding, self.agenda)
        self.ticks = Ticks(name, self.lease, self.agenda)
        self.stream = Stream(name, address)
        self.server = CommandServer(name, self.lease, self.folding, self.ticks, self.stream)
        self.companions = Companions(name, self.lease, self.agenda)
        self.link = self.folding.link

    async def run(self) -> None:
        """Stand by until this worker may lead, then lead until another takes over from a silent one."""
        await self._stand_by()
        await patiently(functools.partial(store.inherit, self.state))
        logger.info("%s: this worker leads.", self.name)
        metrics.start(self.name)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep_lease())
                group.create_task(self.server.run())
                group.create_task(self.ticks.run())
                group.create_task(self.jobs.refresh())
                group.create_task(self.jobs.begin())
                group.create_task(self.jobs.watch_the_clock())
                group.create_task(self.folding.check_now_and_then())
                group.create_task(self.companions.run())
                group.create_task(self.link.run())
        except* LeaseLost:
            pass  # the lease has said so
        finally:
            self.stream.stop()
            self.agenda.stop()
            await asyncio.shield(self._release())

    async def _stand_by(self) -> None:
        while not await patiently(self.take_lease):  # noqa: ASYNC110 (the event is in the database)
            await asyncio.sleep(STAND_BY)

    def take_lease(self) -> bool:
        """Become the leader, if there is none. Asks the database: in a thread."""
        pbx, _created = PBX.objects.get_or_create(name=self.name)
        self.state.last_contact = pbx.seen_at if pbx.link == PBX.Link.UP else pbx.event_at
        return self.lease.take(
            address=str(self.address), demo=self.demo, link=PBX.Link.CONNECTING, link_since=timezone.now()
        )

    async def _keep_lease(self) -> None:
        for beat in itertools.count():
            await asyncio.sleep(HEARTBEAT.total_seconds())
            values = self.figures.count(self.link.session)
            if beat % FIGURES_EVERY == 0:
                values["metrics"] = metrics.of_pbx(self.name)
            try:
                await in_thread(self.lease.renew)(**values)
            except DATABASE_FAILURES as error:
                logger.error("%s: the lease could not be renewed, trying again: %s", self.name, error)

    async def _release(self) -> None:
        try:
            await in_thread(self.lease.release)()
        except DATABASE_FAILURES as error:
            logger.warning("%s: the lease was left to lapse: %s", self.name, error)


class AmiWorker(Worker):  # type: ignore[misc]
    """Channels' background worker, holding the links to these PBXs instead of running consumers.

    `alone`: no other worker can belong to this panel, so a PBX that is not among the addresses has left it.
    """

    def __init__(
        self, *args: Any, addresses: dict[str, Address], demo: bool = False, alone: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.addresses, self.demo, self.alone = addresses, demo, alone
        self.holder = new_holder()
        # The PBXs that it leads, or stands by for.
        self.mirrors: dict[str, Mirror] = {}

    def run(self) -> None:
        """Work until the process is to end, and then leave the PBXs to the workers that stand by."""
        keep_what_is_loaded()
        run_until_told(self.handle())

    async def handle(self) -> None:
        if self.alone:
            await patiently(self._forget_others)
        async with asyncio.TaskGroup() as group:
            for name, address in self.addresses.items():
                group.create_task(self._hold(name, address))

    async def _hold(self, name: str, address: Address) -> None:
        while True:
            self.mirrors[name] = Mirror(name, address, demo=self.demo, holder=self.holder)
            await self.mirrors[name].run()

    def _forget_others(self) -> None:
        unled().exclude(name__in=self.addresses).delete()

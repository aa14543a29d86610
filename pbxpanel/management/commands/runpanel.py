"""`manage.py runpanel`: the whole panel in one process and one event loop, Daphne and the AMI worker."""

from pbxpanel.serving import Server  # isort: skip  it installs Twisted's reactor, so it comes first

import asyncio
import logging
from argparse import ArgumentParser
from typing import Any

from channels.layers import get_channel_layer
from channels.routing import get_default_application
from daphne.endpoints import build_endpoint_description_strings
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management import BaseCommand
from django.db import transaction
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from operators.models import Profile
from pbxpanel.ami.transports import Address
from pbxpanel.mirror.models import PBX
from pbxpanel.mirror.worker import AmiWorker

logger = logging.getLogger(__name__)

DEMO_USER = DEMO_PASSWORD = "demo"  # noqa: S105  only while the demo PBX serves, and only on loopback


class Command(BaseCommand):
    help = "Serve the panel and hold the links to the PBXs, in one process. Without AMI_URL: with a demo PBX."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on (default: %(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:
        self.host, self.port = options["host"], options["port"]
        self._prepare_people()
        server = Server(
            application=get_default_application(),
            endpoints=build_endpoint_description_strings(host=self.host, port=self.port),
            ready_callable=self._start_worker,
        )
        server.run()
        if self.failed or server.abort_start:
            raise SystemExit(1)

    failed = False

    def _start_worker(self) -> None:
        self.task = asyncio.get_event_loop().create_task(self._work())
        self.task.add_done_callback(self._worker_ended)
        reactor.addSystemEventTrigger("before", "shutdown", self._stop_worker)  # type: ignore[arg-type]

    def _stop_worker(self) -> Deferred[Any]:
        """Give up the lease, so that whoever comes next need not wait for it."""
        self.task.cancel()
        return Deferred.fromFuture(asyncio.ensure_future(asyncio.wait([self.task], timeout=3)))

    async def _work(self) -> None:
        addresses: dict[str, Address] = settings.AMI_ADDRESSES
        if settings.DEMO:
            from pbxpanel.demo.server import DemoPbx

            self.demo = DemoPbx()
            addresses = {"demo": await self.demo.start()}
        shown = f"[{self.host}]" if ":" in self.host else self.host
        self.stdout.write(f"The panel serves on http://{shown}:{self.port}/")
        self.stdout.flush()
        worker = AmiWorker(
            application=None,
            channels=[],
            channel_layer=get_channel_layer(),
            addresses=addresses,
            demo=settings.DEMO,
            alone="InMemory" in settings.CHANNEL_LAYERS["default"]["BACKEND"],
        )
        await worker.handle()

    def _worker_ended(self, task: "asyncio.Task[None]") -> None:
        if task.cancelled():
            return
        # A panel without its worker shows what was; better none than that.
        logger.critical("The AMI worker ended.", exc_info=task.exception())
        self.failed = True
        reactor.stop()  # type: ignore[misc]

    @transaction.atomic
    def _prepare_people(self) -> None:
        """With the demo PBX, a demo user, known to everybody on this machine; without it, he may not log in."""
        demo_users = User.objects.filter(username=DEMO_USER, profile__endpoint="PJSIP/100", profile__pbx_id="demo")
        if not settings.DEMO:
            demo_users.update(is_active=False)
            if not User.objects.filter(is_active=True, is_superuser=True).exists():
                self.stdout.write("There is no administrator yet: make one with `make admin`.")
            return
        if self.host not in ("127.0.0.1", "::1", "localhost"):
            self.stdout.write("The demo user is not available, since the panel is reachable from other machines.")
            demo_users.update(is_active=False)
            return
        PBX.objects.get_or_create(name="demo", defaults={"demo": True})
        user, _created = User.objects.get_or_create(username=DEMO_USER)
        user.set_password(DEMO_PASSWORD)
        user.is_active = user.is_staff = True
        user.save()
        user.groups.set([Group.objects.get(name="Administrator")])
        Profile.objects.update_or_create(
            user=user,
            defaults={
                "pbx_id": "demo",
                "extension": "100",
                "endpoint": "PJSIP/100",
                "dial_context": "internal",
            },
        )
        self.stdout.write(f"Demo PBX with invented calls. Log in as “{DEMO_USER}” with the password “{DEMO_PASSWORD}”.")

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

from accounts import demo
from accounts.models import DemoUser, Profile
from engine.ami.transports import Address
from engine.mirror.models import PBX
from engine.mirror.worker import AmiWorker

logger = logging.getLogger(__name__)

DEMO_USER = DEMO_PASSWORD = "demo"  # noqa: S105  only where `_why_no_demo_user` finds nothing against it
LOOPBACK = ("127.0.0.1", "::1", "localhost")


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
            from engine.demo.server import DemoPbx

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

    def _prepare_people(self) -> None:
        """With the demo PBX, a demo user, whose password everybody knows: this process admits it, and no other."""
        if not settings.DEMO:
            if not User.objects.filter(is_active=True, is_superuser=True).exists():
                self.stdout.write("There is no administrator yet: make one with `make admin`.")
            return
        if why_not := self._why_no_demo_user():
            self.stdout.write(
                f"The demo user is not available, since {why_not}. `make admin` makes a user of your own."
            )
            return
        self._make_demo_user()
        demo.admit()
        self.stdout.write(f"Demo PBX with invented calls. Log in as “{DEMO_USER}” with the password “{DEMO_PASSWORD}”.")

    def _why_no_demo_user(self) -> str:
        """Who else might come in as the demo user, or what else it might reach; empty where nobody and nothing."""
        if self.host not in LOOPBACK:
            return "the panel is reachable from other machines"
        if settings.HTTPS or not {host.strip("[]") for host in settings.ALLOWED_HOSTS} <= set(LOOPBACK):
            return "ALLOWED_HOSTS or HTTPS is set, so others come through a proxy"
        if "InMemory" not in settings.CHANNEL_LAYERS["default"]["BACKEND"]:
            return "REDIS_URL is set, so there may be other processes, with a real PBX"
        if User.objects.filter(username=DEMO_USER, demo__isnull=True).exists():
            return f"there is a user “{DEMO_USER}” with a password of its own"
        return ""

    @transaction.atomic
    def _make_demo_user(self) -> None:
        PBX.objects.get_or_create(name="demo", defaults={"demo": True})
        user, _created = User.objects.get_or_create(username=DEMO_USER)
        DemoUser.objects.get_or_create(user=user)
        user.set_password(DEMO_PASSWORD)
        user.is_active = True
        user.save()
        # The administration page lets it manage the users of its own groups only.
        user.groups.set(Group.objects.all())
        Profile.objects.update_or_create(
            user=user,
            defaults={
                "pbx_id": "demo",
                "extension": "100",
                "endpoint": "PJSIP/100",
                "dial_context": "internal",
            },
        )

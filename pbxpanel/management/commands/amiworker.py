"""`manage.py amiworker`: Channels' runworker, with the worker that holds the links to the PBXs."""

import functools
from argparse import ArgumentParser
from typing import Any

from channels.management.commands import runworker
from django.conf import settings
from django.core.management import CommandError

from engine.mirror.worker import AmiWorker


class Command(runworker.Command):  # type: ignore[misc]
    help = "Hold the links to the PBXs that AMI_URL names. For panels of several processes: needs REDIS_URL."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """No channels to name: the worker knows its own."""

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.DEMO:
            raise CommandError("AMI_URL is not set: it names the Asterisk to connect to. (`make run` has a demo.)")
        if "InMemory" in settings.CHANNEL_LAYERS["default"]["BACKEND"]:
            raise CommandError(
                "REDIS_URL is not set: a worker of its own reaches the web processes over Redis. "
                "(`make run` is one process and needs none.)"
            )
        self.worker_class = functools.partial(AmiWorker, addresses=settings.AMI_ADDRESSES)
        super().handle(channels=[], verbosity=options["verbosity"])

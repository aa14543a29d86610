"""`manage.py amireplay`: play a recorded AMI session to a panel."""

import asyncio
from argparse import ArgumentParser
from typing import Any

from django.core.management import BaseCommand, CommandError

from engine.capture.file import Entry, Malformed, read
from engine.capture.replay import SECRET, Replay
from engine.processes import run_until_told


class Command(BaseCommand):
    help = (
        "Play a recording of `amirecord` on a port of this machine, from its beginning to each panel that connects. "
        "Prints the AMI_URL to start a panel with, and serves until Ctrl-C."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="what `amirecord` has written")
        parser.add_argument("--speed", type=float, default=1.0, help="2 plays twice as fast (default: %(default)g)")
        parser.add_argument("--port", type=int, default=0, help="the port to listen on (default: a free one)")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["speed"] <= 0:
            raise CommandError("--speed must be more than 0.", returncode=2)
        try:
            with open(options["file"], encoding="utf-8", errors="replace") as file:
                entries = read(file)
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be read: {error.strerror}.", returncode=2) from None
        except Malformed as error:
            raise CommandError(f"{options['file']} is no recording: {error}.", returncode=2) from None
        run_until_told(self._serve(entries, options["speed"], options["port"]))

    async def _serve(self, entries: list[Entry], speed: float, port: int) -> None:
        replay = Replay(entries, speed)
        try:
            address = await replay.start(port)
        except OSError as error:
            raise CommandError(f"Port {port} cannot be listened on: {error.strerror}.", returncode=2) from None
        url = f"ami://{address.username}:{SECRET}@{address.host}:{address.port}"
        self.stdout.write(
            f"{len(entries)} messages, {replay.script.length:.0f} s. Start a panel with\n\n  AMI_URL={url} make run\n"
        )
        self.stdout.flush()
        await asyncio.Event().wait()

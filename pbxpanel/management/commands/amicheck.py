"""`manage.py amicheck`: compare what the panel shows with what Asterisk says, now."""

from argparse import ArgumentParser
from typing import Any

from django.core.management import BaseCommand, CommandError

from engine.mirror import commands
from engine.mirror.models import PBX


class Command(BaseCommand):
    help = (
        "Have the running worker compare its mirror with a fresh snapshot of the PBX, and heal it. "
        "Prints each difference; exit status 1 if there was any, 2 if it could not be compared. Needs REDIS_URL."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("pbx", nargs="*", help="names of the PBXs (default: all)")

    def handle(self, *args: Any, **options: Any) -> None:
        names = options["pbx"] or list(PBX.objects.values_list("name", flat=True))
        found: list[str] = []
        for name in names:
            outcome = commands.check(name)
            if not outcome.done:
                raise CommandError(f"{name} could not be compared: {outcome.text or outcome.status}.", returncode=2)
            found += [f"{name}: {line}" for line in outcome.text.splitlines()]
        for line in found:
            self.stdout.write(line)
        if found:
            raise SystemExit(1)

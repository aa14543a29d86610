"""`manage.py amiforget`: take a PBX off the panel."""

from argparse import ArgumentParser
from typing import Any

from django.core.management import BaseCommand, CommandError

from engine.mirror.lease import unled
from engine.mirror.models import PBX


class Command(BaseCommand):
    help = (
        "Take PBXs off the panel that no AMI_URL names any more. Of several workers none can know which those are. "
        "Users keep the name of theirs; the audit trail stays. (`make run`, which is alone, does it by itself.)"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("pbx", nargs="+", help="names of the PBXs")

    def handle(self, *args: Any, **options: Any) -> None:
        for name in options["pbx"]:
            if not PBX.objects.filter(pk=name).exists():
                raise CommandError(f"There is no PBX “{name}”.")
            if not unled().filter(pk=name).delete()[0]:
                raise CommandError(f"A worker holds {name}: take it out of that worker's AMI_URL first.")

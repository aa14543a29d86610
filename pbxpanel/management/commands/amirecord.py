"""`manage.py amirecord`: record an AMI session into a file for a bug report, with secrets, numbers and names masked."""

import os
import platform
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError

from engine.ami.errors import AmiError
from engine.ami.transports import Address
from engine.capture.file import Writer
from engine.capture.record import record
from engine.processes import run_until_told

REMARKS = (
    "Secrets are left out; numbers, names and words are replaced, the same always by the same. See docs/reporting.md.",
    "Look through it before you send it: it is text.",
)


class Command(BaseCommand):
    help = (
        "Record an AMI session into a file that can be attached to a bug report: what the panel asks, what Asterisk "
        "answers and tells. Secrets, numbers and names are masked. It only listens and asks (docs/reporting.md)."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("pbx", nargs="?", help="name of the PBX in AMI_URL (default: the only one)")
        parser.add_argument("--url", help="record this address instead, written as in AMI_URL")
        parser.add_argument("--seconds", type=float, default=60.0, help="how long (default: %(default)g)")
        parser.add_argument("--output", required=True, metavar="FILE", help="the file to write; it must not exist yet")

    def handle(self, *args: Any, **options: Any) -> None:
        address = self._address(options["pbx"], options["url"])
        if options["seconds"] <= 0:
            raise CommandError("--seconds must be more than 0.", returncode=2)
        try:
            file = open(options["output"], "x", encoding="utf-8", opener=_private)  # noqa: SIM115
        except OSError as error:
            raise CommandError(f"{options['output']} cannot be written: {error.strerror}.", returncode=2) from None
        with file:
            writer = Writer(file, (*REMARKS, f"Recorded with Python {platform.python_version()}."))
            self.stdout.write(f"Recording for {options['seconds']:g} s; Ctrl-C ends it sooner …")
            self.stdout.flush()
            try:
                if not run_until_told(record(address, writer.write, options["seconds"])):
                    self.stdout.write("Ended.")
            except AmiError as error:
                raise CommandError(f"{error} What was recorded until then is in {options['output']}.") from None
        self.stdout.write(f"Recorded into {options['output']}. Look through it before you send it.")

    def _address(self, name: str | None, url: str | None) -> Address:
        if url:
            try:
                return Address.parse(url)
            except ValueError as error:
                raise CommandError(f"--url is wrong: {error}.", returncode=2) from None
        known: dict[str, Address] = settings.AMI_ADDRESSES
        if not known:
            raise CommandError("AMI_URL is not set. Give an address: --url ami://user:secret@host:5038", returncode=2)
        if name is None and len(known) > 1:
            raise CommandError(f"Which PBX? AMI_URL names {', '.join(known)}.", returncode=2)
        if name is not None and name not in known:
            raise CommandError(f"AMI_URL names no PBX “{name}”, but {', '.join(known)}.", returncode=2)
        return known[name] if name else next(iter(known.values()))


def _private(path: str, flags: int) -> int:
    """Masked or not, it is its owner's to show."""
    return os.open(path, flags, 0o600)

"""`manage.py managerconf`: the lines for Asterisk's manager.conf that all features of the panel need."""

import re
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError

from system.doctor.requirements import read_classes, stanza, write_classes


class Command(BaseCommand):
    help = (
        "Print the lines for manager.conf that the panel needs, for its user and its address. With files, write the "
        "classes into the lines “read = …” and “write = …” of each instead: for the panel's own documents."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="documents with such lines")
        parser.add_argument("--user", default="panel", help="the manager user (default: %(default)s)")
        parser.add_argument("--source", default="", help="the panel's address, as Asterisk sees it")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["files"]:
            self.stdout.write(stanza(options["user"], options["source"]), ending="")
        for file in options["files"]:
            try:
                text = file.read_text()
            except OSError as error:
                raise CommandError(f"{file} cannot be read: {error.strerror}.", returncode=2) from None
            written = with_classes(text)
            if written is None:
                raise CommandError(f"{file} has no lines “read = …” and “write = …”.", returncode=2)
            if written != text:
                file.write_text(written)
                self.stdout.write(f"{file} was written.")


def with_classes(text: str) -> str | None:
    """A document with the classes of today in its `read =` and `write =`; None where it has not both."""
    for name, classes in (("read", read_classes()), ("write", write_classes())):
        text, found = re.subn(rf"^(\s*{name} = )[a-z,]+$", rf"\g<1>{','.join(classes)}", text, flags=re.MULTILINE)
        if not found:
            return None
    return text

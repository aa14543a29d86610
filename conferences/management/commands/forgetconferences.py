"""`manage.py forgetconferences`: delete the records of conferences that are long over."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.core.management import BaseCommand
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from conferences.records.models import Attendance, ConferenceRecord

# So many records go in one transaction: the worker, which waits meanwhile, must not wait long.
_BATCH = 200
# More than any clock has counted.
_MOST_DAYS = 36500


def days(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text[:6]) <= _MOST_DAYS):
        raise ArgumentTypeError(f"“{text}” is no number of days.")
    return int(text)


class Command(BaseCommand):
    help = (
        "Delete the records of conferences that ended more than so many days ago, and who took part in them. What runs "
        "stays, and so does the audit trail."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--older-than", type=days, required=True, metavar="DAYS", help="keep those of so many days")
        parser.add_argument("--dry-run", action="store_true", help="only say how many there are")

    def handle(self, *args: Any, **options: Any) -> None:
        old = ConferenceRecord.objects.filter(ended_at__lt=timezone.now() - timedelta(days=options["older_than"]))
        if options["dry_run"]:
            theirs = Attendance.objects.filter(Exists(old.filter(pbx=OuterRef("pbx"), key=OuterRef("record"))))
            self._say("Would forget", old.count(), theirs.count())
            return
        records = attendances = 0
        while batch := list(old.order_by("pk").values_list("pk", flat=True)[:_BATCH]):
            with transaction.atomic():
                some = ConferenceRecord.objects.filter(pk__in=batch)
                theirs = Attendance.objects.filter(Exists(some.filter(pbx=OuterRef("pbx"), key=OuterRef("record"))))
                attendances += theirs.delete()[0]
                records += some.delete()[0]
        self._say("Forgot", records, attendances)

    def _say(self, what: str, records: int, attendances: int) -> None:
        self.stdout.write(f"{what} {records} conferences and {attendances} attendances.")

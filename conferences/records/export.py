"""A record as CSV files for a spreadsheet, with nothing that it would take for a formula."""

import csv
import io
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from .report import Report

# What a spreadsheet takes for the beginning of a formula, also in full-width characters, or
# after blanks.
_FORMULA = re.compile(r"[\s\0]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")

PEOPLE = ("name", "number", "joined", "left", "seconds", "talk seconds", "share", "admin")
ACTS = ("at", "who", "what", "target", "outcome", "answer")


def people_csv(report: Report) -> str:
    """Whoever took part, one per line; times in ISO 8601, the share in per cent, `left` empty while still present."""
    return _csv(
        PEOPLE,
        (
            (
                person.attendance.caller_name or person.label,
                person.attendance.caller_number,
                _time(person.joined_at),
                _time(person.left_at),
                f"{person.stayed.total_seconds():.1f}",
                f"{person.talked.total_seconds():.1f}",
                f"{person.percent:.1f}",
                "yes" if person.admin else "no",
            )
            for person in report.people
        ),
    )


def acts_csv(report: Report) -> str:
    """Every moderation act, by its name in the audit trail."""
    return _csv(
        ACTS, ((_time(act.at), act.username, act.verb, act.subject, act.status, act.answer) for act in report.acts)
    )


def file_name(report: Report, ending: str = "") -> str:
    """`conference-8001-20261127-093000.csv`, by when it began, in UTC."""
    name = re.sub(r"[^\w-]+", "-", report.record.name, flags=re.ASCII)[:60]
    return f"conference-{name}-{report.record.started_at.astimezone(UTC):%Y%m%d-%H%M%S}{ending}.csv"


def _csv(head: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> str:
    """With the byte order mark by which Excel recognizes UTF-8."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(head)
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return f"\ufeff{out.getvalue()}"


def harmless(cell: str) -> str:
    """What begins like a formula begins with an apostrophe: names and numbers come over the phone network."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def _time(moment: datetime | None) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds") if moment else ""

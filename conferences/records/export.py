"""A record as CSV files for a spreadsheet, with nothing that it would take for a formula."""

import re
from datetime import UTC, datetime

from web.spreadsheets import csv_text

from .report import Report

PEOPLE = ("name", "number", "joined", "left", "seconds", "talk seconds", "share", "admin")
ACTS = ("at", "who", "what", "target", "outcome", "answer")


def people_csv(report: Report) -> str:
    """Whoever took part, one per line; times in ISO 8601, the share in per cent, `left` empty while still present."""
    return csv_text(
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
    return csv_text(
        ACTS, ((_time(act.at), act.username, act.verb, act.subject, act.status, act.answer) for act in report.acts)
    )


def file_name(report: Report, ending: str = "") -> str:
    """`conference-8001-20261127-093000.csv`, by when it began, in UTC."""
    name = re.sub(r"[^\w-]+", "-", report.record.name, flags=re.ASCII)[:60]
    return f"conference-{name}-{report.record.started_at.astimezone(UTC):%Y%m%d-%H%M%S}{ending}.csv"


def _time(moment: datetime | None) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds") if moment else ""

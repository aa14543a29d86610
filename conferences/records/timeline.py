"""A record as a picture: who was present when, and when they talked. Here its geometry; the template draws it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from audit.models import AuditEntry

from .report import Person, Report, Span

# The length of a bar in units, whatever it shows; what is shorter than `FINEST` is drawn as long as that.
WIDTH, FINEST = 10_000, 15
# In pixels: what one participant takes, and what is above the first.
ROW, TOP = 22, 24
# Of the row, in pixels: from where to where a stay and talk are drawn.
STAY, TALK = (7, 15), (4, 18)
_MOST_TICKS = 8
# How far the ticks may lie apart, in seconds.
_STEPS = (1, 2, 5, 10, 15, 30, *(60 * n for n in (1, 2, 5, 10, 15, 30)), *(3600 * n for n in (1, 2, 3, 6, 12, 24, 48)))
# Where the label of a tick would be cut off, in per cent from either end.
_EDGE = 3


@dataclass(frozen=True, slots=True)
class Tick:
    """A moment on the time axis; `at` in per cent of its length."""

    at: str
    moment: datetime
    labelled: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """One participant: two paths in a field of `WIDTH` by the height of all rows."""

    person: Person
    stay: str
    talk: str


@dataclass(frozen=True, slots=True)
class Marker:
    """A moderation act; `at` in per cent of the axis."""

    act: AuditEntry
    at: str
    after: timedelta


@dataclass(frozen=True, slots=True)
class Timeline:
    """The whole picture. `height` in pixels, of which the rows of participants take `rows` from `top` on."""

    ticks: list[Tick]
    # Less than a minute apart, or a day and more.
    with_seconds: bool
    with_date: bool
    bars: list[Bar]
    markers: list[Marker]
    top: int
    rows: int
    height: int
    lane: int
    width: int = WIDTH


def timeline_of(report: Report) -> Timeline:
    span = max(1, report.since_start(report.until))
    step = _step(span)
    top = TOP + (ROW if report.acts else 0)
    rows = ROW * len(report.people)
    return Timeline(
        ticks=_ticks(report, span, step),
        with_seconds=step < 60,
        with_date=step >= 24 * 3600,
        bars=[
            Bar(person, _path(person.stays, span, place, STAY), _path(person.talks, span, place, TALK))
            for place, person in enumerate(report.people)
        ],
        markers=[
            Marker(act, _per_cent(report.since_start(act.at), span), act.at - report.record.started_at)
            for act in report.acts
        ],
        top=top,
        rows=rows,
        height=top + rows + TOP,
        lane=TOP + ROW // 2,
    )


def _step(span: int) -> int:
    """How far the ticks of so many milliseconds lie apart, in seconds."""
    least = span / 1000 / _MOST_TICKS
    return next((step for step in _STEPS if step >= least), 24 * 3600 * (1 + int(least // (24 * 3600))))


def _ticks(report: Report, span: int, step: int) -> list[Tick]:
    """At round times of the clock: those of UTC, which are round in nearly every other zone as well."""
    began, ticks = report.record.started_at.timestamp(), []
    seconds = -(-began // step) * step
    while (offset := (seconds - began) * 1000) <= span:
        per_cent = 100 * offset / span
        labelled = _EDGE <= per_cent <= 100 - _EDGE
        ticks.append(Tick(f"{per_cent:.2f}%", datetime.fromtimestamp(seconds, UTC), labelled))
        seconds += step
    return ticks


def _per_cent(offset: int, span: int) -> str:
    return f"{100 * min(offset, span) / span:.2f}%"


def _path(spans: list[Span], span: int, place: int, edges: tuple[int, int]) -> str:
    """The spans as rectangles in this row. Those too close to tell apart are one."""
    top, bottom = ROW * place + edges[0], ROW * place + edges[1]
    drawn: list[Span] = []
    for begin, end in sorted(spans):
        left = min(begin * WIDTH // span, WIDTH - FINEST)
        right = min(max(-(-end * WIDTH // span), left + FINEST), WIDTH)
        if drawn and left - drawn[-1][1] < FINEST:
            drawn[-1] = (drawn[-1][0], max(right, drawn[-1][1]))
        else:
            drawn.append((left, right))
    return "".join(f"M{left} {top}H{right}V{bottom}H{left}z" for left, right in drawn)

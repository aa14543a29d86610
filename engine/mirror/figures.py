"""What is counted of one PBX: for `/metrics`, for its system page, and for the row that says when it was last heard."""

from collections import Counter, deque
from typing import Any

from django.utils import timezone

from engine import metrics
from engine.ami.client import Session

from .agenda import Agenda

# Of how many seconds it is remembered which events came.
EVENT_COUNT_SECONDS = 60
# By how much a round-trip time must have changed until the page tells: by so many milliseconds, and by this part of it.
NOTABLE_MS, NOTABLE_PART = 1.0, 0.3


class Figures:
    """`events` and `fold_seconds` are added to by whoever folds; `count` is called once a second."""

    def __init__(self, pbx: str, agenda: Agenda) -> None:
        self.pbx, self.agenda = pbx, agenda
        self.events: Counter[str] = Counter()
        self.fold_seconds = 0.0
        # How many events of each name came in each of the last seconds; without a name, those dropped unread.
        self.event_counts: deque[Counter[str]] = deque(maxlen=EVENT_COUNT_SECONDS)
        self._dropped: tuple[Session | None, int] = (None, 0)
        # What the page says of it, in milliseconds.
        self._round_trip: float | None = None

    def count(self, session: Session | None) -> dict[str, Any]:
        """Move what was counted since the last time into the metrics; what of it the PBX's row is to say."""
        events, self.events = self.events, Counter()
        for event, number in events.items():
            metrics.EVENTS.labels(self.pbx, event).inc(number)
        metrics.FOLD_SECONDS.labels(self.pbx).inc(self.fold_seconds)
        self.fold_seconds = 0.0
        dropped = 0
        if session is not None:
            before = self._dropped[1] if self._dropped[0] is session else 0
            dropped = session.dropped - before
            self._dropped = (session, session.dropped)
            metrics.DROPPED.labels(self.pbx).inc(dropped)
            self.note_round_trip(session)
        self.event_counts.append(events + Counter({"": dropped}))
        metrics.LINK_UP.labels(self.pbx).set(session is not None)
        return {"event_at": timezone.now()} if events or dropped else {}

    def note_round_trip(self, session: Session) -> None:
        """Have it written only where it changed notably: each time the page is drawn anew."""
        if session.round_trip is None:
            return
        now, before = round(session.round_trip * 1000, 1), self._round_trip
        if before is None or abs(now - before) > max(NOTABLE_MS, NOTABLE_PART * before):
            self._round_trip = now
            self.agenda.change_link(round_trip=now)

    def forget_round_trip(self) -> None:
        """The link is another: the page says nothing until it has been measured."""
        self._round_trip = None
        self.agenda.change_link(round_trip=None)

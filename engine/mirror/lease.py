"""Which of several workers leads a PBX: a row in the database that lapses when it is not renewed.

All times are those of the database's clock, so the workers' own clocks need not agree.
"""

import logging
import socket
import time
import uuid
from typing import Any

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from .models import LEASE, PBX

logger = logging.getLogger(__name__)


class LeaseLost(Exception):
    """Another worker leads now; it will find out what was not written yet."""


def new_holder() -> str:
    """A name for a worker process, unlike any other's."""
    return f"{socket.gethostname()[:40]}-{uuid.uuid4().hex[:12]}"


def unled() -> QuerySet[PBX]:
    """The PBXs that no worker leads at this moment."""
    return PBX.objects.filter(Q(leader="") | Q(seen_at__lt=Now() - LEASE))


class Lease:
    """One worker's hold of one PBX. `take`, `renew`, `write` and `release` ask the database: call them in a thread."""

    def __init__(self, pbx: str, holder: str) -> None:
        self.pbx, self.holder = pbx, holder
        self._renewed_at: float | None = None

    @property
    def is_held(self) -> bool:
        """Whether nobody else can have taken it yet, even if this process was stopped meanwhile."""
        return self._renewed_at is not None and time.monotonic() - self._renewed_at < LEASE.total_seconds()

    def take(self, **values: Any) -> bool:
        """Become the leader, if there is none or its lease is over; sets these fields of the PBX's row, too."""
        free = (unled() | PBX.objects.filter(leader=self.holder)).filter(pk=self.pbx)
        return self._update(free, leader=self.holder, **values)

    def renew(self, **values: Any) -> None:
        """Stay the leader, and set these fields of the PBX's row. Raises `LeaseLost`.

        Inside a transaction this rolls back the rest, unless this worker still leads.
        """
        if not self._update(PBX.objects.filter(pk=self.pbx, leader=self.holder), **values):
            if self._renewed_at is not None:
                # Said here, where it is found out: what this worker has begun may take a while to end.
                logger.warning("%s: another worker leads now; this one stands by.", self.pbx)
            self._renewed_at = None
            raise LeaseLost(self.pbx)

    def release(self) -> None:
        """Let a worker that stands by take over at once."""
        PBX.objects.filter(pk=self.pbx, leader=self.holder).update(leader="")
        self._renewed_at = None

    def _update(self, rows: Any, **values: Any) -> bool:
        asked_at = time.monotonic()
        if not rows.update(seen_at=Now(), **values):
            return False
        self._renewed_at = asked_at
        return True

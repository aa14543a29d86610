"""The log: what happened, in the words in which others are told of it."""

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import Max, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from engine.mirror.models import History
from engine.mirror.registry import history

# How many are written before it is looked for old ones, and how many of those are deleted then, at most.
THINNED_AFTER, THINNED_AT_ONCE = 2000, 8000

# PBX → how many have been written since; unknown at first.
_written: dict[str, int] = {}


@history
class Event(History):
    """One event of the log. It is written in the transaction of the tick that writes what it tells of.

    The numbers of a PBX count up without a gap in the order in which they were committed: only the worker that leads
    writes any, within its lease.
    """

    key_field = "number"
    end_field = written_field = "at"
    announced = True
    # Of what is over none is open, and the number of the last is taken over by `telling.continue_numbers`.
    inherited = False
    open_rows = Q(pk__in=())

    number = models.BigIntegerField(_("event number"))
    # The name of an `EventType`.
    type = models.CharField(_("type"), max_length=40)
    # The id of the call, conference, participant or extension that it is about.
    subject = models.CharField(_("subject"), max_length=301)
    # When it was written; when things happened, the data say.
    at = models.DateTimeField(_("when"), default=timezone.now)
    # What whoever placed the call has named it by.
    reference = models.CharField(_("reference"), max_length=200, blank=True)
    # JSON, as it is sent.
    data = models.TextField(_("data"))

    class Meta(History.Meta):
        verbose_name = _("event")
        verbose_name_plural = _("events")
        ordering = ["pbx", "number"]
        constraints = [models.UniqueConstraint(fields=["pbx", "number"], name="one_event_for_each_number")]

    def __str__(self) -> str:
        return f"{self.pbx} {self.number}: {self.type}"

    @property
    def key(self) -> str:  # type: ignore[override]
        return str(self.number)

    @classmethod
    def thin_out(cls, pbx: str, ended: int) -> None:
        """Delete those that are older than `EVENT_LOG_DAYS`; that which has just been written stays."""
        _written[pbx] = _written.get(pbx, THINNED_AFTER) + ended
        if _written[pbx] < THINNED_AFTER:
            return
        _written[pbx] = 0
        limit = timezone.now() - timedelta(days=settings.EVENT_LOG_DAYS)
        of_pbx = cls._base_manager.filter(pbx=pbx)
        first = of_pbx.order_by("number").first()
        if first is not None and first.at < limit:
            old = of_pbx.filter(number__lt=first.number + THINNED_AT_ONCE, at__lt=limit).aggregate(last=Max("number"))
            of_pbx.filter(number__lte=old["last"]).delete()

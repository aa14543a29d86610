"""What is kept of a call once it is over: that it was, and the steps of what happened in it."""

from datetime import datetime
from enum import StrEnum

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from engine import limits
from engine.mirror.models import History, Subject
from engine.mirror.registry import history
from engine.mirror.sanitize import shown

# How many calls of each PBX are kept, once they are over, and how many steps of each. The oldest go when so many more
# have ended, since to look for them takes as long as to write ten.
KEPT_CALLS, KEPT_STEPS, THINNED_AFTER = 1000, 300, 100

# PBX → how many have ended since; unknown at first.
_ended: dict[str, int] = {}


@history
class CallRecord(History):
    """One call, by its linked id, from when the panel saw it first until its last channel had gone."""

    open_rows = Q(ended_at=None)
    end_field = "ended_at"
    # How many steps it has, of which the first may be older than this worker; not stored.
    steps: int = 0
    # When somebody in it last hung up; not stored.
    hung_up_at: datetime | None = None
    # When somebody was reached: another telephone, or an application of the dialplan; not stored.
    answered_at: datetime | None = None
    # When it began and when it was answered, as `calls.event_types` tells of it; not stored.
    _started: str | None = None
    _answered: tuple[datetime | None, str] = (None, "null")

    key = models.CharField(_("key"), max_length=150)
    started_at = models.DateTimeField(_("started"))
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    # Whether its first channel was seen to begin; else nobody listened then.
    is_whole = models.BooleanField(_("seen from the start"), default=False)
    # What the program that had it placed calls it by.
    reference = models.CharField(_("reference"), max_length=limits.REFERENCE, blank=True)
    # The key of the call that its channels went on in.
    goes_on_in = models.CharField(_("goes on in"), max_length=150, blank=True)

    class Meta(History.Meta):
        verbose_name = _("call record")
        verbose_name_plural = _("call records")
        ordering = ["-started_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["pbx", "key"], name="one_call_record_for_each_key")]
        indexes = [
            models.Index(fields=["pbx", "-ended_at"], name="call_records_last_ended"),
            models.Index(fields=["pbx", "goes_on_in"], name="call_records_that_go_on"),
        ]

    def __str__(self) -> str:
        return shown(self.key)

    def subjects(self) -> set[Subject]:
        return {("call-record", self.key)} if self.ended_at else set()

    @classmethod
    def thin_out(cls, pbx: str, ended: int) -> None:
        """The oldest go, with their steps, beyond those that are kept."""
        _ended[pbx] = _ended.get(pbx, THINNED_AFTER) + ended
        if _ended[pbx] < THINNED_AFTER:
            return
        _ended[pbx] = 0
        over = cls.objects.filter(pbx=pbx, ended_at__isnull=False).order_by("-ended_at", "-id")
        if old := list(over.values_list("key", flat=True)[KEPT_CALLS : KEPT_CALLS + 500]):
            CallStep.objects.filter(pbx=pbx, call__in=old).delete()
            cls.objects.filter(pbx=pbx, key__in=old).delete()


@history
class CallStep(History):
    """One thing that happened in a call, with the names and numbers of those it happened to as they were then."""

    open_rows = Q(at=None)
    end_field = "at"

    class Kind(StrEnum):
        """What happened to `who`; what `other` and `detail` mean with each."""

        BEGAN = "began"
        """`other`: the number that was dialled; `detail`: the purpose of a call that the panel has placed."""
        DIALLED = "dialled"
        RANG = "rang"
        ANSWERED = "answered"
        TAKEN = "taken"
        FAILED = "failed"
        """`detail`: `DIALSTATUS`, and the cause as Q.850 numbers it."""
        PICKED_UP = "picked up"
        """`other`: whose phone rang."""
        REACHED = "reached"
        """`detail`: the application of the dialplan; `other`: its queue or conference."""
        MET = "met"
        """`other`: with whom."""
        HELD = "held"
        RESUMED = "resumed"
        CONSULTED = "consulted"
        """`other`: the number."""
        TRANSFERRED = "transferred"
        """`other`: the number or person; `detail`: who did it, where that was at a phone."""
        PARKED = "parked"
        """`other`: the space."""
        RETRIEVED = "retrieved"
        """`other`: by whom."""
        TIMED_OUT = "timed out"
        RECORDED = "recorded"
        PAUSED = "paused"
        UNRECORDED = "unrecorded"
        ASKED = "asked"
        """`detail`: the verb that a user of the panel asked."""
        LEFT = "left"
        """`detail`: who ended it (`self` or `pbx`), and the cause as Q.850 numbers it."""
        JOINED = "joined"
        """`other`: the key of that call."""
        GAP = "gap"
        """`detail`: since when, in milliseconds since 1970."""
        LOST = "lost"

    key = models.CharField(_("key"), max_length=40)
    call = models.CharField(_("call"), max_length=150)
    # When it happened, in microseconds since 1970, or a little later: no two at one time have the same.
    order = models.BigIntegerField(_("order"))
    # A `Kind`.
    kind = models.CharField(_("kind"), max_length=16)
    at = models.DateTimeField(_("when"))
    who = models.CharField(_("who"), max_length=200, blank=True)
    other = models.CharField(_("other"), max_length=200, blank=True)
    detail = models.CharField(_("detail"), max_length=80, blank=True)
    # The user of the panel who asked for it; 0 for none.
    user_id = models.PositiveIntegerField(_("asked by"), default=0)

    class Meta(History.Meta):
        verbose_name = _("step of a call")
        verbose_name_plural = _("steps of calls")
        ordering = ["order"]
        constraints = [models.UniqueConstraint(fields=["pbx", "key"], name="one_call_step_for_each_key")]
        indexes = [models.Index(fields=["pbx", "call", "order"], name="steps_of_call")]

    def __str__(self) -> str:
        return f"{self.kind}: {self.who}"

    def subjects(self) -> set[Subject]:
        return {("call-step", self.key)}

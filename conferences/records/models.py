"""Records of conferences and of who took part in them."""

from datetime import timedelta

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from calls.models import stands_for
from engine.mirror.models import History
from engine.mirror.registry import history
from engine.mirror.sanitize import shown
from extensions.people.numbers import found_by


@history
class ConferenceRecord(History):
    """The record of a conference, from its start to its end."""

    open_rows = Q(ended_at=None)
    end_field = "ended_at"

    key = models.CharField(_("key"), max_length=200)
    name = models.CharField(_("name"), max_length=150)
    started_at = models.DateTimeField(_("started"))
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    # The most who took part at one time.
    peak = models.PositiveIntegerField(_("peak participants"), default=0)

    class Meta(History.Meta):
        verbose_name = _("conference record")
        verbose_name_plural = _("conference records")
        ordering = ["-started_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["pbx", "key"], name="one_record_for_each_key")]
        indexes = [
            models.Index(fields=["pbx", "name"], name="record_of_conference"),
            models.Index(fields=["-started_at", "-id"], name="records_newest_first"),
        ]

    def __str__(self) -> str:
        return shown(self.name)


@history
class Attendance(History):
    """The record of one participant's stay in a conference."""

    open_rows = Q(left_at=None)
    end_field = "left_at"
    # Talk segments with less than this between them are one, in milliseconds.
    MERGED = 2000

    key = models.CharField(_("key"), max_length=200)
    # The key of its `ConferenceRecord`.
    record = models.CharField(_("record"), max_length=200)
    uniqueid = models.CharField(_("unique id"), max_length=150)
    channel = models.CharField(_("channel"), max_length=150)
    caller_number = models.CharField(_("caller number"), max_length=150, blank=True)
    caller_name = models.CharField(_("caller name"), max_length=150, blank=True)
    # The name of their number in the panel's own directory; set where it is drawn.
    directory_name = ""
    admin = models.BooleanField(_("admin"), default=False)
    joined_at = models.DateTimeField(_("joined"))
    left_at = models.DateTimeField(_("left"), null=True, blank=True)
    # In milliseconds.
    talked = models.PositiveBigIntegerField(_("talk time"), default=0)
    # When they talked: `begin-end begin-end …`, in milliseconds since they joined.
    segments = models.TextField(_("talk segments"), blank=True)

    class Meta(History.Meta):
        verbose_name = _("attendance")
        verbose_name_plural = _("attendances")
        ordering = ["joined_at", "id"]
        constraints = [models.UniqueConstraint(fields=["pbx", "key"], name="one_attendance_for_each_key")]
        indexes = [models.Index(fields=["pbx", "record"], name="attendance_of_record")]

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """What people call them by, as for a `Participant`."""
        return self.directory_name or self.caller_name or self.caller_number or stands_for(self.channel)

    @property
    def detail(self) -> str:
        """The number, where the label is a name."""
        return self.caller_number if self.caller_number != self.label else ""

    @property
    def full_label(self) -> str:
        """The label, and the number where that is another."""
        return f"{self.label} {self.detail}".rstrip()

    @property
    def keys(self) -> str:
        """As for a `Participant`."""
        return found_by(self.pbx, self.caller_number)

    @property
    def talk(self) -> list[tuple[int, int]]:
        """When they talked: begin and end of each segment, in milliseconds since they joined."""
        return [(int(begin), int(end)) for begin, end in (part.split("-") for part in self.segments.split())]

    @property
    def stayed(self) -> timedelta:
        """How long they have taken part so far."""
        return (self.left_at or timezone.now()) - self.joined_at

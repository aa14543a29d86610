"""The PBX and its link, and what every row that mirrors a thing on a PBX has in common."""

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

# A thing on the screen that shows a row, such as ("call", "1732451234.12"): kind and key within its PBX.
Subject = tuple[str, str]

# The worker that leads writes `seen_at` at every heartbeat. After the time of its lease without one another worker
# may take its place; a little later the page says that nobody has.
HEARTBEAT = timedelta(seconds=1)
LEASE = timedelta(seconds=3)
WORKER_LOST_AFTER = timedelta(seconds=5)

# By the scheme of an AMI_URL.
TRANSPORTS = {"ami": "TCP", "amis": "TLS", "ami+http": "HTTP", "ami+https": "HTTPS"}


class PBX(models.Model):
    """One Asterisk, named in AMI_URL, and how the worker's link to it is. Its secret is never stored."""

    class Link(models.TextChoices):
        CONNECTING = "connecting", _("connecting")
        UP = "up", _("connected")
        DOWN = "down", _("not connected")
        REFUSED = "refused", _("login refused")

    name = models.CharField(_("name"), primary_key=True, max_length=32)
    address = models.CharField(_("address"), max_length=255, blank=True)
    demo = models.BooleanField(_("demo"), default=False)
    link = models.CharField(_("link"), max_length=16, choices=Link.choices, default=Link.CONNECTING)
    link_since = models.DateTimeField(_("since"), default=timezone.now)
    # Why it is down: a sentence of the AMI library as it is in the translations, and its parameters.
    reason = models.TextField(_("reason"), blank=True)
    reason_parameters = models.JSONField(_("reason's parameters"), default=dict, blank=True)
    version = models.CharField(_("version"), max_length=80, blank=True)
    # The round-trip time of a ping, in milliseconds; written when it changes notably.
    round_trip = models.FloatField(_("round-trip time in ms"), null=True, blank=True)
    # Which worker leads (see `lease`), when it was last seen, and when Asterisk last sent it an event.
    leader = models.CharField(_("leading worker"), max_length=80, blank=True)
    seen_at = models.DateTimeField(_("worker last seen"), default=timezone.now)
    event_at = models.DateTimeField(_("last event"), null=True, blank=True)
    # The worker's figures, for `/metrics` of any web process (see `engine.metrics`).
    metrics = models.JSONField(_("figures"), default=list, blank=True)

    class Meta:
        verbose_name = _("PBX")
        verbose_name_plural = _("PBXs")
        ordering = ["name"]
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.name

    @property
    def worker_lost(self) -> bool:
        """Whether the worker that should hold this link has stopped writing its heartbeat."""
        return timezone.now() - self.seen_at > WORKER_LOST_AFTER

    @property
    def why(self) -> str:
        """Why the link is down, in the active language."""
        return gettext(self.reason) % self.reason_parameters if self.reason else ""

    @property
    def transport(self) -> str:
        """How AMI is reached, as people call it; empty while the address is not known."""
        return TRANSPORTS.get(self.address.partition("://")[0], "")

    @property
    def round_trip_shown(self) -> str:
        """The round-trip time in whole milliseconds; empty while it is not known."""
        if self.round_trip is None:
            return ""
        return f"{self.round_trip:.0f}" if self.round_trip >= 1 else "< 1"

    @property
    def is_up(self) -> bool:
        """Whether what the panel shows of this PBX is live, and commands can reach it."""
        return self.link == self.Link.UP and not self.worker_lost


class WorkerOwned(models.Model):
    """A row that only the mirror writes.

    `key_field` names the field that identifies the row within its PBX. By `indexed_fields` the mirror finds rows
    in memory. `announced`: the hubs are told that rows were written. `inherited`: a worker that begins to lead takes
    over what the former one has stored, since no list tells it; limited to what `open_rows` filters.
    """

    key_field: ClassVar[str]
    indexed_fields: ClassVar[tuple[str, ...]] = ()
    announced: ClassVar[bool] = False
    inherited: ClassVar[bool] = False
    open_rows: ClassVar[models.Q] = models.Q()

    if TYPE_CHECKING:
        key: str  # what `key_field` holds; of history rows a field

    class Meta:
        abstract = True
        default_permissions = ("view",)

    def subjects(self) -> set[Subject]:
        """The things on the screen that must be drawn anew when this row changes."""
        raise NotImplementedError


class Mirrored(WorkerOwned):
    """A row that mirrors one thing on one PBX.

    `compared_fields` are those that both events and lists report: the drift check compares them.
    `listed_fields` are those for which no event reports every change: it takes them over from the list.
    """

    key_field: ClassVar[str] = "uniqueid"
    compared_fields: ClassVar[tuple[str, ...]] = ()
    listed_fields: ClassVar[tuple[str, ...]] = ()

    # What the row was last folded from, so that the same again costs nothing; unset once the check has corrected it.
    fingerprint: Any = None

    pbx = models.ForeignKey(PBX, on_delete=models.CASCADE, verbose_name=_("PBX"))

    class Meta(WorkerOwned.Meta):
        abstract = True

    @property
    def key(self) -> str:  # type: ignore[override]
        return str(getattr(self, self.key_field))


class History(WorkerOwned):
    """A row that the mirror writes of what has happened, and that stays in the database when it is over.

    It has the name of its PBX, not a foreign key: it outlives that too.
    """

    key_field: ClassVar[str] = "key"
    inherited: ClassVar[bool] = True
    # The field that says when it was over; empty while it is not.
    end_field: ClassVar[str]
    # The field into which the store puts when it has written the row, if there is one.
    written_field: ClassVar[str] = ""

    pbx = models.CharField(_("PBX"), max_length=32)

    class Meta(WorkerOwned.Meta):
        abstract = True

    def subjects(self) -> set[Subject]:
        """Empty: no live page shows it."""
        return set()

    @classmethod
    def thin_out(cls, pbx: str, ended: int) -> None:
        """Delete rows that are no longer kept; called in the transaction that writes the end of so many others."""


def dom_id(kind: str, pbx: str, key: str) -> str:
    """The id of a thing's element on the page: `call-main-1732451234-12`.

    Dots become dashes, which is exact for Asterisk's ids; what else an id or a selector cannot contain (a
    conference may be named anything) is written as its code point.
    """
    safe = re.sub(r"[^\w-]", lambda found: f"_{ord(found[0]):x}_", key.replace(".", "-"), flags=re.ASCII)
    return f"{kind}-{pbx}-{safe}"

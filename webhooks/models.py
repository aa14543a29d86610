"""Webhooks, what is on the way to each, and how far each has come in the log."""

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy

from engine import limits
from engine.mirror.verbs import permission
from eventlog.readers import Filter

from .addresses import LONGEST
from .formats import Format, new_message_id, new_secret

MANAGE = permission("webhooks.webhook", "manage_webhooks", gettext_lazy("Can manage webhooks"), ("Administrator",))

# How long the former secret still signs, beside the new one.
OLD_SECRET_LASTS = timedelta(hours=24)
# How long it is tried to deliver an event.
PATIENCE = timedelta(days=3)


class Webhook(models.Model):
    """An address to which events are sent: those that it wants, as far as its owner may see them."""

    class Off(models.TextChoices):
        USER = "user", gettext_lazy("Somebody has turned it off.")
        GONE = "gone", gettext_lazy("The receiver has answered 410: it wants no more.")

    name = models.CharField(gettext_lazy("name"), max_length=limits.NAME)
    url = models.CharField(gettext_lazy("address"), max_length=LONGEST)
    owner = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="webhooks", verbose_name=gettext_lazy("owner")
    )
    # Names of types of events; and what they are to be about, each empty for any.
    types = models.JSONField(gettext_lazy("events"), default=list)
    pbxs = models.JSONField(gettext_lazy("PBXs"), default=list, blank=True)
    extensions = models.JSONField(gettext_lazy("extensions"), default=list, blank=True)
    conferences = models.JSONField(gettext_lazy("conferences"), default=list, blank=True)
    format = models.CharField(gettext_lazy("format"), max_length=16, choices=Format.choices, default=Format.STANDARD)
    # These sign; they are shown once.
    secret = models.CharField(max_length=80, default=new_secret)
    old_secret = models.CharField(max_length=80, blank=True)
    old_until = models.DateTimeField(null=True)
    enabled = models.BooleanField(default=True)
    off_why = models.CharField(max_length=16, choices=Off.choices, blank=True)
    # When it was made, or last turned on or off.
    since = models.DateTimeField(default=timezone.now)

    # On the page of all.
    waiting: int
    failed: int
    last: datetime | None

    class Meta:
        verbose_name = gettext_lazy("webhook")
        verbose_name_plural = gettext_lazy("webhooks")
        ordering = ["name", "id"]
        default_permissions = ()

    def __str__(self) -> str:
        return self.name

    @property
    def wanted(self) -> Filter:
        return Filter(
            frozenset(self.types), frozenset(self.pbxs), frozenset(self.extensions), frozenset(self.conferences)
        )

    @property
    def has_old_secret(self) -> bool:
        """Whether the former secret still signs."""
        return bool(self.old_secret) and self.old_until is not None and self.old_until > timezone.now()

    @property
    def secrets(self) -> list[str]:
        """Those that sign now."""
        return [self.secret, self.old_secret] if self.has_old_secret else [self.secret]

    def change_secret(self) -> str:
        """Have a new secret, which is returned; the one before still signs for a while, and none that was before it."""
        self.secret, self.old_secret = new_secret(), self.secret
        self.old_until = timezone.now() + OLD_SECRET_LASTS
        self.save(update_fields=["secret", "old_secret", "old_until"])
        return self.secret

    def forget_old_secret(self) -> None:
        self.old_secret, self.old_until = "", None
        self.save(update_fields=["old_secret", "old_until"])

    def turn_on(self) -> None:
        """It is sent what happens from now on."""
        with transaction.atomic():
            self.cursors.all().delete()
            Webhook.objects.filter(pk=self.pk).update(enabled=True, off_why="", since=timezone.now())

    def turn_off(self, why: Off) -> None:
        """Nothing is sent any more; what was still to be sent is given up."""
        Webhook.objects.filter(pk=self.pk, enabled=True).update(enabled=False, off_why=why, since=timezone.now())
        self.deliveries.filter(state=Delivery.State.WAITING).update(**DROPPED_WHEN_OFF)


class Cursor(models.Model):
    """How far a webhook has come in the log of one PBX: for each event up to this number there is a delivery, or it is
    not for this webhook.
    """

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="cursors")
    pbx = models.CharField(max_length=32)
    number = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["webhook", "pbx"], name="one_cursor_for_each_pbx")]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.pbx}:{self.number}"


class Delivery(models.Model):
    """One event on its way to one webhook, or a test.

    It is sent with the same id until it has arrived. One that waits without a `next_at` waits for an earlier one about
    the same thing, of those `in_order`.
    """

    class State(models.TextChoices):
        WAITING = "waiting", gettext_lazy("waiting")
        DONE = "done", gettext_lazy("delivered")
        FAILED = "failed", gettext_lazy("failed")
        DROPPED = "dropped", gettext_lazy("not sent")

    class Error(models.TextChoices):
        """Why it did not arrive, in words; some have a detail."""

        STATUS = "status", gettext_lazy("The receiver answered %(detail)s.")
        REDIRECT = (
            "redirect",
            gettext_lazy("The receiver sent it elsewhere, which is not followed: enter that address."),
        )
        GONE = "gone", gettext_lazy("The receiver answered 410, so the webhook was turned off.")
        TIMEOUT = "timeout", gettext_lazy("The receiver did not answer within %(detail)s seconds.")
        NAME = "name", gettext_lazy("The name of the receiver has no address.")
        ADDRESS = (
            "address",
            gettext_lazy(
                "%(detail)s is not a public address. An administrator of the server can allow it by the setting "
                "WEBHOOK_NETWORKS."
            ),
        )
        CONNECT = "connect", gettext_lazy("There is no connection to the receiver (%(detail)s).")
        TLS = "tls", gettext_lazy("The receiver could not show who it is (%(detail)s).")
        PROTOCOL = "protocol", gettext_lazy("The receiver broke off, or did not answer as a web server does.")
        OFF = "off", gettext_lazy("The webhook was turned off.")
        FORBIDDEN = "forbidden", gettext_lazy("The owner of the webhook may not see it.")
        TOO_LATE = "too-late", gettext_lazy("It could not be delivered within 3 days.")

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    # Of the event; a test has neither PBX nor number.
    pbx = models.CharField(max_length=32, blank=True)
    number = models.BigIntegerField(null=True)
    type = models.CharField(max_length=40)
    subject = models.CharField(max_length=301)
    at = models.DateTimeField()
    message_id = models.CharField(max_length=40, unique=True, default=new_message_id)
    format = models.CharField(max_length=16, choices=Format.choices)
    body = models.TextField()
    in_order = models.BooleanField(default=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    tries = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(null=True)
    give_up_at = models.DateTimeField()
    # Of the last try: when it ended, and what came of it.
    tried_at = models.DateTimeField(null=True)
    status = models.PositiveSmallIntegerField(null=True)
    answer = models.TextField(blank=True)
    error = models.CharField(max_length=16, choices=Error.choices, blank=True)
    detail = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-at", "-id"]
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["webhook", "pbx", "number"], name="one_delivery_for_each_event")]
        indexes = [
            models.Index(fields=["webhook", "pbx", "next_at"], condition=Q(state="waiting"), name="deliveries_due"),
            models.Index(
                fields=["webhook", "pbx", "subject", "number"], condition=Q(state="waiting"), name="deliveries_in_order"
            ),
            models.Index(fields=["webhook"], condition=Q(state="failed"), name="deliveries_failed"),
            models.Index(fields=["webhook", "-at", "-id"], name="deliveries_of_webhook"),
            models.Index(fields=["at"], name="deliveries_by_age"),
        ]

    def __str__(self) -> str:
        return self.message_id

    @property
    def is_blocked(self) -> bool:
        """Whether it waits for an earlier one about the same thing."""
        return self.state == self.State.WAITING and self.next_at is None

    @property
    def error_in_words(self) -> str:
        """Why the last try failed, or why there was none; empty where nothing is wrong."""
        return str(self.Error(self.error).label) % {"detail": self.detail} if self.error else ""

    @property
    def outcome(self) -> str:
        """What came of it by now, in words."""
        if self.error:
            return self.error_in_words
        return str(self.Error.STATUS.label) % {"detail": self.status} if self.status else ""

    def send_again(self) -> bool:
        """Have it sent as soon as can be, with the same id; False where it waits for another, or its webhook is off."""
        now = timezone.now()
        again = {"state": self.State.WAITING, "tries": 0, "next_at": now, "give_up_at": now + PATIENCE}
        rows = Delivery.objects.filter(pk=self.pk, webhook__enabled=True)
        waits = Q(state=self.State.WAITING)
        return bool(
            rows.filter(waits, next_at__isnull=False).update(next_at=now)
            or rows.exclude(waits).update(**again, in_order=False, error="", detail="")
        )


# What becomes of a delivery whose webhook was turned off.
DROPPED_WHEN_OFF = {"state": Delivery.State.DROPPED, "error": Delivery.Error.OFF, "detail": "", "next_at": None}

"""Who is busy: the hints of the dialplan, and the devices they watch; and whose mailbox holds messages."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from engine.mirror.models import Mirrored, Subject, dom_id
from engine.mirror.registry import mirrored


@mirrored
class Extension(Mirrored):
    """An extension that has a hint: its state is that of the devices which the hint names. See "ExtensionStatus"."""

    key_field = "address"
    # So that others are told what has changed while no worker led.
    inherited = True
    compared_fields = ("extension", "context", "hint", "state", "text")

    # As a phone subscribes to it: `101@internal`.
    address = models.CharField(_("address"), max_length=301)
    extension = models.CharField(_("extension"), max_length=150)
    context = models.CharField(_("context"), max_length=150)
    hint = models.CharField(_("hint"), max_length=500, blank=True)
    # Asterisk's number, a sum of flags: 0 idle, 1 in use, 2 busy, 4 unavailable, 8 ringing, 16 on hold.
    state = models.IntegerField(_("state"), default=0)
    # The same in Asterisk's words: `InUse&Ringing`.
    text = models.CharField(_("state text"), max_length=80, blank=True)

    class Meta(Mirrored.Meta):
        verbose_name = _("extension")
        verbose_name_plural = _("extensions")
        ordering = ["context", "extension"]
        constraints = [models.UniqueConstraint(fields=["pbx", "address"], name="one_extension_for_each_address")]

    def __str__(self) -> str:
        return self.address

    @property
    def dom_id(self) -> str:
        return dom_id("extension", self.pbx_id, self.address)

    @property
    def presentity(self) -> str:
        """Of whose presence its hint tells: `CustomPresence:101`; empty where of nobody's."""
        return self.hint.partition(",")[2].strip()

    def subjects(self) -> set[Subject]:
        return {("extension", self.address)}


@mirrored
class Device(Mirrored):
    """What Asterisk says of a device's state. See "DeviceStateChange"."""

    key_field = "name"
    compared_fields = ("state",)

    name = models.CharField(_("name"), max_length=150)
    state = models.CharField(_("state"), max_length=32)

    class Meta(Mirrored.Meta):
        verbose_name = _("device")
        verbose_name_plural = _("devices")
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["pbx", "name"], name="one_device_for_each_name")]

    def __str__(self) -> str:
        return self.name

    @property
    def dom_id(self) -> str:
        return dom_id("device", self.pbx_id, self.name)

    def subjects(self) -> set[Subject]:
        return {("device", self.name), ("phone", self.name)}


@mirrored
class Presence(Mirrored):
    """What somebody has set as their presence, such as that they are away. See "PresenceStateChange"."""

    key_field = "presentity"
    compared_fields = ("state", "subtype", "message")

    # As a hint names it: `CustomPresence:101`.
    presentity = models.CharField(_("presence of"), max_length=150)
    # not_set, unavailable, available, away, xa (away for long), chat (likes to talk), dnd (not to be disturbed).
    state = models.CharField(_("presence"), max_length=20)
    subtype = models.CharField(_("subtype"), max_length=80, blank=True)
    message = models.CharField(_("message"), max_length=200, blank=True)

    class Meta(Mirrored.Meta):
        verbose_name = _("presence")
        verbose_name_plural = _("presences")
        ordering = ["presentity"]
        constraints = [models.UniqueConstraint(fields=["pbx", "presentity"], name="one_presence_for_each_presentity")]

    def __str__(self) -> str:
        return self.presentity

    @property
    def dom_id(self) -> str:
        return dom_id("presence", self.pbx_id, self.presentity)

    def subjects(self) -> set[Subject]:
        return {("presence", self.presentity)}


@mirrored
class Mailbox(Mirrored):
    """A mailbox of the voicemail, and how many messages it holds. See "MessageWaiting"."""

    key_field = "address"

    # As Asterisk names it: `101@default`.
    address = models.CharField(_("address"), max_length=161)
    number = models.CharField(_("number"), max_length=80)
    context = models.CharField(_("context"), max_length=80)
    new = models.PositiveIntegerField(_("new messages"), default=0)
    old = models.PositiveIntegerField(_("old messages"), default=0)

    class Meta(Mirrored.Meta):
        verbose_name = _("mailbox")
        verbose_name_plural = _("mailboxes")
        ordering = ["context", "number"]
        constraints = [models.UniqueConstraint(fields=["pbx", "address"], name="one_mailbox_for_each_address")]

    def __str__(self) -> str:
        return self.address

    def subjects(self) -> set[Subject]:
        return {("mailbox", self.number)}

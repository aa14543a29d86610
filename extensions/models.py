"""Who is busy: the hints of the dialplan, and the devices they watch."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from pbxpanel.mirror.models import Mirrored, Subject
from pbxpanel.mirror.registry import mirrored


@mirrored
class Extension(Mirrored):
    """An extension that has a hint: its state is that of the devices which the hint names. See "ExtensionStatus"."""

    key_field = "address"
    compared_fields = ("extension", "context", "hint", "state", "text")

    # As a phone subscribes to it: `101@internal`.
    address = models.CharField(_("address"), max_length=301)
    extension = models.CharField(_("extension"), max_length=150)
    context = models.CharField(_("context"), max_length=150)
    hint = models.CharField(_("hint"), max_length=500, blank=True)
    # Asterisk's number, a sum of flags: 0 idle, 1 in use, 2 busy, 4 unavailable, 8 ringing, 16 on hold.
    state = models.IntegerField(_("state"), default=0)
    # The same in Asterisk's words: `InUse&Ringing`.
    text = models.CharField(_("state in words"), max_length=80, blank=True)

    class Meta(Mirrored.Meta):
        verbose_name = _("extension")
        verbose_name_plural = _("extensions")
        ordering = ["context", "extension"]
        constraints = [models.UniqueConstraint(fields=["pbx", "address"], name="one_extension_for_each_address")]

    def __str__(self) -> str:
        return self.address

    def subjects(self) -> set[Subject]:
        return set()  # no page shows it yet


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

    def subjects(self) -> set[Subject]:
        return set()  # no page shows it yet

"""Switches of a PBX, such as the night service: which there are, and what the AstDB holds of them."""

import re
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from engine import limits
from engine.mirror.models import Mirrored, Subject
from engine.mirror.registry import mirrored
from engine.mirror.sanitize import clean

# What a custom device is set to, and what of its state says that the switch is on, and that it is off.
DEVICE_ON, DEVICE_OFF = "INUSE", "NOT_INUSE"
ON_STATES = frozenset(("INUSE", "BUSY", "RINGING", "RINGINUSE", "ONHOLD"))
_DEVICE = re.compile(r"Custom:[\w-]{1,70}", re.ASCII)


class Switch(models.Model):
    """One that an administrator has named: an entry of the AstDB, or a custom device state; or both, of which the entry
    says how it is, and the device lights the lamps of telephones.
    """

    pbx = models.CharField(_("PBX"), max_length=32)
    name = models.CharField(_("name"), max_length=limits.NAME)
    # Family and key, without a slash in front: `DAYNIGHT/C0`.
    entry = models.CharField(_("entry of the AstDB"), max_length=150, blank=True)
    on_value = models.CharField(_("value when on"), max_length=40, blank=True)
    # Empty: the entry is deleted.
    off_value = models.CharField(_("value when off"), max_length=40, blank=True)
    device = models.CharField(_("custom device"), max_length=80, blank=True)
    on_word = models.CharField(_("what it is called when on"), max_length=40, blank=True)
    off_word = models.CharField(_("what it is called when off"), max_length=40, blank=True)

    class Meta:
        verbose_name = _("switch")
        verbose_name_plural = _("switches")
        ordering = ["pbx", "name", "pk"]
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["pbx", "name"], name="one_switch_for_each_name")]

    def __str__(self) -> str:
        return self.name

    @property
    def dom_id(self) -> str:
        return f"switch-{self.pk}"

    @property
    def entry_name(self) -> str:
        """As `DBGetTree` names it; empty for none."""
        return f"/{self.entry}" if self.entry else ""

    def word(self, on: bool) -> str:
        """How it is when it is on or off, in the words that an administrator chose."""
        return (self.on_word or gettext("on")) if on else (self.off_word or gettext("off"))

    @property
    def parts(self) -> tuple[str, str]:
        """The family and the key of its entry."""
        family, _slash, key = self.entry.partition("/")
        return family, key

    def clean(self) -> None:
        """Raises `ValidationError` with a sentence for each field that cannot be meant."""
        errors: dict[str, Any] = {}
        self.entry = self.entry.strip().strip("/")
        family, key = self.parts
        for field in ("entry", "on_value", "off_value", "device"):
            text = getattr(self, field)
            if text != clean(text, limits.FIELD) or text.startswith(" "):
                errors[field] = _("Use letters that can be seen, without a blank in front.")
        if self.entry and not (family and key):
            errors["entry"] = _("Enter a family and a key, such as DAYNIGHT/C0.")
        if self.entry and not self.on_value:
            errors["on_value"] = _("Enter what the entry holds when it is on, such as NIGHT.")
        if self.entry and self.on_value == self.off_value:
            errors["off_value"] = _("Enter another value than when it is on; nothing, to have the entry deleted.")
        if self.device and not _DEVICE.fullmatch(self.device):
            errors["device"] = _("Enter a custom device, such as Custom:NIGHT: letters, digits, - and _.")
        if not self.entry and not self.device:
            errors["entry"] = _("Enter an entry of the AstDB or a custom device.")
        if errors:
            raise ValidationError(errors)


@mirrored
class SwitchEntry(Mirrored):
    """What an entry of the AstDB holds that belongs to a switch. No event tells of a change: see `events`."""

    key_field = "name"

    # As `DBGetTree` names it: `/DAYNIGHT/C0`.
    name = models.CharField(_("entry of the AstDB"), max_length=151)
    is_there = models.BooleanField(_("is there"), default=False)
    value = models.CharField(_("value"), max_length=80, blank=True)

    class Meta(Mirrored.Meta):
        verbose_name = _("entry of a switch")
        verbose_name_plural = _("entries of switches")
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["pbx", "name"], name="one_row_for_each_entry_of_a_switch")]

    def __str__(self) -> str:
        return self.name

    def subjects(self) -> set[Subject]:
        return {("switch-entry", self.name)}

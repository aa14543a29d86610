"""What the PBX does with calls to an extension: do not disturb, and call forwarding."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from engine.mirror.models import Mirrored, Subject
from engine.mirror.registry import mirrored


@mirrored
class Forwarding(Mirrored):
    """Of an extension for which the AstDB says any of it (`keys`). No event tells of a change: see `events`."""

    key_field = "extension"

    extension = models.CharField(_("extension"), max_length=80)
    do_not_disturb = models.BooleanField(_("do not disturb"), default=False)
    # The numbers to which calls go: all of them, those that find it busy, those that it does not answer.
    always = models.CharField(_("all calls"), max_length=80, blank=True)
    busy = models.CharField(_("when busy"), max_length=80, blank=True)
    unanswered = models.CharField(_("when nobody answers"), max_length=80, blank=True)

    class Meta(Mirrored.Meta):
        verbose_name = _("call forwarding")
        verbose_name_plural = _("call forwarding")
        ordering = ["extension"]
        constraints = [models.UniqueConstraint(fields=["pbx", "extension"], name="one_forwarding_for_each_extension")]

    def __str__(self) -> str:
        return self.extension

    def subjects(self) -> set[Subject]:
        return {("forwarding", self.extension)}

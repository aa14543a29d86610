"""What is needed to undo a change of the AstDB."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class AstDbChange(models.Model):
    """The last change that somebody made to the AstDB of a PBX: what is needed to undo it."""

    pbx = models.CharField(_("PBX"), max_length=32)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", verbose_name=_("user")
    )
    at = models.DateTimeField(_("when"), auto_now_add=True)
    # The family that was deleted; empty where one entry was changed.
    family = models.TextField(_("family"), blank=True)
    # Name, value before and value after of each entry; a value is null where it was not there.
    entries = models.JSONField(_("entries"))

    class Meta:
        verbose_name = _("AstDB change")
        verbose_name_plural = _("AstDB changes")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["pbx", "user"], name="one_change_for_each_user_of_a_pbx")]

    def __str__(self) -> str:
        return self.family or str(self.entries[0][0])

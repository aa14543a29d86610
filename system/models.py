"""What people may do on the system pages: one permission for looking at each, and one for changing something there."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Access(models.Model):
    """Has no rows: it is what the permissions belong to."""

    class Meta:
        managed = False
        default_permissions = ()
        verbose_name = _("access to the system pages")
        permissions = (
            ("see_pbx", "Can see how a PBX is"),
            ("reload", "Can have Asterisk reload its modules"),
            ("use_cli", "Can use the commands of Asterisk's CLI that his groups are allowed"),
            ("see_astdb", "Can browse the AstDB"),
            ("change_astdb", "Can change the AstDB"),
            ("see_config", "Can read Asterisk's configuration"),
            ("change_config", "Can edit Asterisk's configuration"),
            ("see_variables", "Can read variables"),
            ("change_variables", "Can set variables"),
            ("see_states", "Can see extension states, presence and hints"),
            ("record_calls", "Can record calls"),
            ("see_events", "Can watch the stream of AMI events"),
            ("send_actions", "Can send any AMI action"),
            ("use_doctor", "Can have a connection examined"),
        )


class AstDbChange(models.Model):
    """The last change that somebody made to the AstDB of a PBX: what it takes to undo it."""

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
        verbose_name = _("change of the AstDB")
        verbose_name_plural = _("changes of the AstDB")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["pbx", "user"], name="one_change_for_each_user_of_a_pbx")]

    def __str__(self) -> str:
        return self.family or str(self.entries[0][0])

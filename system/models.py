"""What people may do on the system pages: one permission for looking at each, and one for changing something there.

And which commands of Asterisk's CLI.
"""

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from operators.policy import lines

from . import cli_rules


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


def check_rules(text: str) -> None:
    """Raises `ValidationError` that names each line which is no rule."""
    errors = []
    for rule in lines(text):
        try:
            cli_rules.check_rule(rule)
        except cli_rules.Malformed as error:
            errors.append(ValidationError("%(rule)s: %(why)s", params={"rule": rule, "why": error.args[0]}))
    if errors:
        raise ValidationError(errors)


class CliRules(models.Model):
    """Which commands of Asterisk's CLI the members of a group may give, beside those that everybody may."""

    group = models.OneToOneField(
        Group, on_delete=models.CASCADE, primary_key=True, related_name="cli_rules", verbose_name=_("group")
    )
    allowed = models.TextField(
        _("commands allowed"),
        blank=True,
        validators=[check_rules],
        help_text=_(
            "One on each line, written as the command is. “*” as the last word stands for any more words, within a "
            "word for any text: “module reload *” allows module reload res_pjsip.so. Just “*” allows everything. "
            "Members need the permission to use the CLI as well. What follows a semicolon is a note."
        ),
    )
    refused = models.TextField(
        _("commands refused"),
        blank=True,
        validators=[check_rules],
        help_text=_(
            "Refused although they are allowed above, by another group or to everybody, such as “core show channel *”."
        ),
    )

    class Meta:
        verbose_name = _("rules for the CLI")
        verbose_name_plural = _("rules for the CLI")

    def __str__(self) -> str:
        return str(self.group)

    @property
    def rules(self) -> cli_rules.Rules:
        return cli_rules.Rules(lines(self.allowed), lines(self.refused))


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

"""Which commands of Asterisk's CLI a group may run."""

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.policy import lines

from . import rules


def check_rules(text: str) -> None:
    """Raises `ValidationError` that names each line which is not a rule."""
    errors = []
    for rule in lines(text):
        try:
            rules.check_rule(rule)
        except rules.Malformed as error:
            errors.append(ValidationError("%(rule)s: %(why)s", params={"rule": rule, "why": error.args[0]}))
    if errors:
        raise ValidationError(errors)


class CliRules(models.Model):
    """Which commands of Asterisk's CLI the members of a group may run, besides those that everybody may."""

    group = models.OneToOneField(
        Group, on_delete=models.CASCADE, primary_key=True, related_name="cli_rules", verbose_name=_("group")
    )
    allowed = models.TextField(
        _("commands allowed"),
        blank=True,
        validators=[check_rules],
        help_text=_(
            "One per line, written as the command is. “*” as the last word stands for any further words, within a "
            "word for any text: “module reload *” allows module reload res_pjsip.so. Just “*” allows everything. "
            "Members need the permission to use the CLI as well. Text after a semicolon is a note."
        ),
    )
    refused = models.TextField(
        _("commands refused"),
        blank=True,
        validators=[check_rules],
        help_text=_("Refused even if allowed above, by another group or to everybody, such as “core show channel *”."),
    )

    class Meta:
        verbose_name = _("CLI rules")
        verbose_name_plural = _("CLI rules")

    def __str__(self) -> str:
        return str(self.group)

    @property
    def rules(self) -> rules.Rules:
        return rules.Rules(lines(self.allowed), lines(self.refused))

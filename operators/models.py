"""People: which phone is mine, and what everybody asked of the PBX."""

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from pbxpanel.mirror.models import PBX

# What Asterisk takes as the name of an endpoint, a context or an extension; no spaces, commas or line breaks.
_ENDPOINT = RegexValidator(r"\A[A-Za-z0-9]+/[\w.@:+-]+\Z", _("Write it as technology and name, such as PJSIP/101."))
_NAME = RegexValidator(r"\A[\w.@*#+-]*\Z", _("Use letters, digits and . _ - only."))


class Profile(models.Model):
    """A user's own telephone, for click-to-call and for what is shown as his."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="profile", verbose_name=_("user")
    )
    pbx = models.ForeignKey(
        PBX,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        db_constraint=False,
        verbose_name=_("PBX"),
        help_text=_("Where my phone is. Empty: the only, or the first, PBX."),
    )
    extension = models.CharField(
        _("extension"), max_length=40, blank=True, validators=[_NAME], help_text=_("My number, such as 101.")
    )
    endpoint = models.CharField(
        _("phone"),
        max_length=80,
        blank=True,
        validators=[_ENDPOINT],
        help_text=_("The channel that rings my phone, such as PJSIP/101."),
    )
    dial_context = models.CharField(
        _("dial context"),
        max_length=80,
        blank=True,
        validators=[_NAME],
        help_text=_("The dialplan context in which the numbers I dial are looked up, such as from-internal."),
    )

    class Meta:
        verbose_name = _("profile")
        verbose_name_plural = _("profiles")

    def __str__(self) -> str:
        return f"{self.user} ({self.extension})"


_VERBS = {
    "originate": _("Call"),
    "hangup": _("Hang up"),
    "mute": _("Mute"),
    "unmute": _("Unmute"),
    "kick": _("Kick"),
}
_STATUSES = {
    "done": _("done"),
    "refused": _("refused"),
    "not connected": _("not connected"),
    "no answer": _("no answer"),
    "expired": _("too late, dropped"),
}


class AuditEntry(models.Model):
    """One command: who asked what, on whom, when, and what came of it. Written once, never edited."""

    command_id = models.CharField(_("command"), max_length=64, unique=True)
    at = models.DateTimeField(_("when"), auto_now_add=True, db_index=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("user")
    )
    username = models.CharField(_("who"), max_length=150)
    pbx = models.CharField(_("PBX"), max_length=32)
    verb = models.CharField(_("what"), max_length=40)
    subject = models.CharField(_("on whom"), max_length=400)
    # Whether a worker has taken it up: of several, or again, none does so twice.
    claimed = models.BooleanField(_("taken up"), default=False)
    status = models.CharField(_("outcome"), max_length=20, blank=True)
    answer = models.CharField(_("answer"), max_length=400, blank=True)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit trail")
        ordering = ["-at", "-id"]
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.username}: {self.verb} {self.subject}"

    @property
    def what(self) -> str:
        """The verb in people's words."""
        return str(_VERBS.get(self.verb, self.verb))

    @property
    def outcome(self) -> str:
        """The status in people's words; an ellipsis while the answer is still to come."""
        return str(_STATUSES.get(self.status, self.status)) or "…"

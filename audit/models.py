"""The audit trail: what everybody asked of the PBX, and what came of it."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from engine import limits
from engine.mirror.answers import in_words
from engine.mirror.verbs import label_of

_STATUSES = {
    "done": _("done"),
    "refused": _("refused"),
    "not permitted": _("not permitted by the PBX"),
    "not connected": _("not connected"),
    "not possible": _("not possible"),
    "failed": _("failed"),
    "no answer": pgettext_lazy("of the PBX to a command", "no answer"),
    "expired": _("too late, dropped"),
    "forbidden": _("not allowed"),
}


# How many characters of an entry's subject are stored.
SUBJECT_SIZE = limits.SUBJECT


class AuditEntry(models.Model):
    """One command: who asked what, on whom, when, and what came of it. Written once, never edited."""

    command_id = models.CharField(_("command"), max_length=64, unique=True)
    at = models.DateTimeField(_("when"), auto_now_add=True, db_index=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("user")
    )
    # Empty where the panel acted by itself.
    username = models.CharField(_("who"), max_length=150)
    # By what means they asked, such as a token; empty for a page of the panel.
    via = models.CharField(_("by means of"), max_length=120, blank=True)
    pbx = models.CharField(_("PBX"), max_length=32)
    verb = models.CharField(_("action"), max_length=40)
    subject = models.TextField(_("target"), max_length=SUBJECT_SIZE)
    # What it belongs to, so that a page about that can find it: `conference/8001`.
    topic = models.CharField(_("topic"), max_length=200, blank=True, db_index=True)
    # Whether a worker has taken it up: of several, or again, none does so twice.
    claimed = models.BooleanField(_("accepted"), default=False)
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
        return label_of(self.verb)

    @property
    def outcome(self) -> str:
        """The status in people's words; an ellipsis while the answer is still to come."""
        return str(_STATUSES.get(self.status, self.status)) or "…"

    @property
    def answer_in_words(self) -> str:
        """The answer in the active language."""
        return in_words(self.answer)

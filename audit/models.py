"""The audit trail: what everybody asked of the PBX, and what came of it."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from engine import limits
from engine.mirror.answers import in_words

_VERBS = {
    "originate": _("Call"),
    "hangup": _("Hang up"),
    "mute": _("Mute"),
    "unmute": _("Unmute"),
    "kick": _("Kick"),
    "mute-others": _("Mute everybody else"),
    "give-word": _("Give the floor"),
    "lower-hand": _("Lower hand"),
    "make-speaker": _("Make speaker"),
    "unmake-speaker": _("Remove as speaker"),
    "video-source": _("Show the video to all"),
    "move": _("Move"),
    "aside": _("Take aside"),
    "back": _("Return from the side room"),
    "mute-all": _("Mute all"),
    "mute-listeners": _("Mute listeners"),
    "unmute-all": _("Unmute all"),
    "lecture": _("Lecture mode"),
    "end-lecture": _("End lecture mode"),
    "lock": _("Lock"),
    "unlock": _("Unlock"),
    "record": _("Record"),
    "stop-record": _("Stop recording"),
    "end": _("End the conference"),
    "say": _("Play"),
    "invite": _("Invite"),
    "retry-invitation": _("Invite again"),
    "cancel-invitation": _("Cancel an invitation"),
    "dismiss-invitation": _("Dismiss an invitation"),
    "call-back": _("Call back"),
    "plan": _("Carry out the plan"),
    "reload": _("Reload"),
    "cli": _("CLI command"),
    "action": _("AMI action"),
    "read-config": _("Read the configuration file"),
    "find-config": _("Find a category"),
    "write-config": _("Write the configuration file"),
    "ask-state": _("Query the state of"),
    "examine": _("Examine"),
    "examine-phone": _("Examine and ring the phone"),
    "prove-phone": _("Prove a phone"),
    "my-phone": _("My phone"),
    "read-astdb": _("Read the AstDB"),
    "put-astdb": _("Write to the AstDB"),
    "delete-astdb": _("Delete from the AstDB"),
    "delete-astdb-tree": _("Delete a family from the AstDB"),
    "undo-astdb": _("Undo a change to the AstDB"),
    "get-variable": _("Read a variable"),
    "set-variable": _("Set a variable"),
    "list-variables": _("Read all variables"),
    "record-channel": _("Record a channel"),
    "stop-recording-channel": _("Stop recording a channel"),
    "mute-recording": _("Mute a recording"),
    "unmute-recording": _("Unmute a recording"),
    "monitor": _("Record a channel with Monitor"),
    "stop-monitor": _("Stop Monitor on a channel"),
    "change-monitor": _("Change the Monitor file"),
    "pause-monitor": _("Pause Monitor on a channel"),
    "unpause-monitor": _("Resume Monitor on a channel"),
}


_STATUSES = {
    "done": _("done"),
    "refused": _("refused"),
    "not permitted": _("not permitted by the PBX"),
    "not connected": _("not connected"),
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
        return str(_VERBS.get(self.verb, self.verb))

    @property
    def outcome(self) -> str:
        """The status in people's words; an ellipsis while the answer is still to come."""
        return str(_STATUSES.get(self.status, self.status)) or "…"

    @property
    def answer_in_words(self) -> str:
        """The answer in the active language."""
        return in_words(self.answer)

"""Messages that were taken for somebody who was away."""

import secrets

from django.contrib.auth.models import User
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from engine import limits
from engine.mirror.verbs import permission

from ..people.models import Person

TAKE = permission(
    "extensions.message", "take_messages", _("Can take messages for people"),
    ("Operator", "Moderator", "Administrator"),
)  # fmt: skip
READ = permission(
    "extensions.message", "read_messages", _("Can read messages that were taken for them"),
    ("Viewer", "Operator", "Moderator", "Integrator", "Administrator"),
)  # fmt: skip

# How long a text may be, in characters.
TEXT = 1000


def new_mail_id() -> str:
    return secrets.token_hex(16)


class Message(models.Model):
    """What somebody who called wants told to a person. Its addressee reads it in the panel, by e-mail, or in both."""

    class Mail(models.TextChoices):
        """What becomes of the e-mail."""

        NONE = "none", _("no e-mail")
        WAITING = "waiting", _("waiting to be sent by e-mail")
        SENT = "sent", _("sent by e-mail")
        FAILED = "failed", _("not sent by e-mail")

    class Error(models.TextChoices):
        """Why the last try to send it failed, in words; some have a detail."""

        CONNECT = "connect", _("There is no connection to the mail server (%(detail)s).")
        TLS = "tls", _("The mail server could not show who it is (%(detail)s).")
        LOGIN = "login", _("The mail server refused the login of the panel (%(detail)s).")
        REFUSED = "refused", _("The mail server refused it (%(detail)s).")
        PROTOCOL = "protocol", _("The mail server broke off, or did not answer as one does.")
        NOT_SET_UP = "not-set-up", _("The panel sends no e-mail any more: EMAIL_URL is not set.")

    at = models.DateTimeField(auto_now_add=True, db_index=True)
    by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="taken_messages")
    person = models.ForeignKey(Person, on_delete=models.SET_NULL, null=True, related_name="messages")
    # Of the person, as they were then: whoever becomes their user later does not read it.
    name = models.CharField(max_length=limits.NAME)
    addressee = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="messages")
    email = models.EmailField(max_length=limits.NAME, blank=True)
    caller_name = models.CharField(max_length=limits.NAME, blank=True)
    caller_number = models.CharField(max_length=limits.NUMBER, blank=True)
    text = models.TextField(max_length=TEXT, blank=True)
    urgent = models.BooleanField(default=False)
    call_back = models.BooleanField(default=False)
    read_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)
    # Of whoever took it: in it the e-mail is written.
    language = models.CharField(max_length=10)
    mail = models.CharField(max_length=7, choices=Mail.choices, default=Mail.NONE)
    mail_id = models.CharField(max_length=32, default=new_mail_id)
    tries = models.PositiveSmallIntegerField(default=0)
    # When it is tried to send it, or, while that is under way, when to try again if nothing is heard of it.
    next_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=10, choices=Error.choices, blank=True)
    detail = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        ordering = ["-pk"]
        default_permissions = ()
        indexes = [
            models.Index(fields=["addressee"], condition=Q(read_at=None), name="messages_unread"),
            models.Index(fields=["next_at"], condition=Q(mail="waiting"), name="messages_to_send"),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.caller}"

    @property
    def caller(self) -> str:
        """Who called, by name or else by number."""
        return self.caller_name or self.caller_number

    @property
    def error_in_words(self) -> str:
        """Why the last try to send it failed; empty where nothing is wrong."""
        return str(self.Error(self.error).label) % {"detail": self.detail} if self.error else ""


def changed_by(user: User) -> "models.QuerySet[Message]":
    """The messages that a user reads, and says of that they are done: those for them, and of those that they took
    themselves the ones for people who have no user.
    """
    return Message.objects.filter(Q(addressee=user) | Q(by=user, addressee=None))

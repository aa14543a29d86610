"""Who is called into a conference, and groups of people who are called in together."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from engine.mirror.models import Mirrored, Subject, dom_id
from engine.mirror.registry import mirrored
from extensions.people.numbers import found_by


@mirrored
class Invitation(Mirrored):
    """Somebody who is called into a conference, until they have joined. Written by the worker that calls them."""

    class State(models.TextChoices):
        """What became of the call."""

        WAITING = "waiting", _("waiting for a free line")
        CALLING = "calling", _("calling")
        RINGING = "ringing", _("ringing")
        ANSWERED = "answered", _("answered")
        BUSY = "busy", _("busy")
        NO_ANSWER = "no answer", _("no answer")
        DECLINED = "declined", _("declined")
        FAILED = "failed", _("could not be reached")
        CANCELLED = "cancelled", _("cancelled")

    # A call is under way; and one that has failed can be tried again.
    UNDER_WAY = (State.CALLING, State.RINGING, State.ANSWERED)
    ENDED = (State.BUSY, State.NO_ANSWER, State.DECLINED, State.FAILED, State.CANCELLED)
    # Instead of a cause: they answered, and hung up or were turned away before they joined.
    LEFT = "left"

    # The directory's name for the number; set where the row is drawn.
    directory_name = ""

    key_field = "code"
    inherited = True
    indexed_fields = ("conference", "uniqueid")

    code = models.CharField(_("code"), max_length=32)
    conference = models.CharField(_("conference"), max_length=150)
    # What is called: a channel as Originate takes it.
    channel = models.CharField(_("channel"), max_length=200)
    number = models.CharField(_("number"), max_length=150)
    name = models.CharField(_("name"), max_length=150, blank=True)
    # Who calls, as their phone shows it.
    caller_number = models.CharField(_("caller number"), max_length=150, blank=True)
    caller_name = models.CharField(_("caller name"), max_length=150, blank=True)
    # The profiles by which they enter; empty: those of plain participants.
    arguments = models.CharField(_("profiles"), max_length=150, blank=True)
    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.WAITING)
    # The hangup cause (Q.850) that says most, of the channels of the call; or `LEFT`.
    cause = models.CharField(_("cause"), max_length=8, blank=True)
    # The unique id that we give to its channel, of the latest try.
    uniqueid = models.CharField(_("unique id"), max_length=150, blank=True)
    tries = models.PositiveIntegerField(_("tries"), default=0)
    user_id = models.PositiveIntegerField(_("invited by"), default=0)
    invited_at = models.DateTimeField(_("since"))

    class Meta(Mirrored.Meta):
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        ordering = ["invited_at", "code"]
        constraints = [models.UniqueConstraint(fields=["pbx", "code"], name="one_invitation_for_each_code")]

    def __str__(self) -> str:
        return self.label

    def subjects(self) -> set[Subject]:
        return {("invitation", f"{self.code}\0{self.conference}")}

    @property
    def dom_id(self) -> str:
        return dom_id("invitation", self.pbx_id, self.code)

    @property
    def label(self) -> str:
        return self.name or self.directory_name or self.number

    @property
    def full_label(self) -> str:
        """The label, and the number where that is another."""
        return f"{self.name or self.directory_name} {self.number}".lstrip()

    @property
    def keys(self) -> str:
        """By which a page finds names that not everybody may see."""
        return found_by(self.pbx_id, self.number)

    @property
    def has_ended(self) -> bool:
        """Whether it can be tried again."""
        return self.state in self.ENDED

    @property
    def words(self) -> str:
        """The state in words."""
        if self.state == self.State.FAILED and self.cause == self.LEFT:
            return str(_("answered, but did not join"))
        return str(self.State(self.state).label)


class InviteGroup(models.Model):
    """People who are called into a conference together."""

    name = models.CharField(_("name"), max_length=80, unique=True)
    # Who may change it, besides those who may plan rooms.
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, verbose_name=_("owner")
    )
    # Who last changed its numbers: they are called only if that is allowed to them too.
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+",
        verbose_name=_("changed by"),
    )  # fmt: skip

    class Meta:
        verbose_name = _("invite group")
        verbose_name_plural = _("invite groups")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class InviteMember(models.Model):
    """One number in a group."""

    group = models.ForeignKey(
        InviteGroup, on_delete=models.CASCADE, related_name="members", verbose_name=_("invite group")
    )
    name = models.CharField(_("name"), max_length=80, blank=True)
    number = models.CharField(_("number"), max_length=40)

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.name} {self.number}".strip()

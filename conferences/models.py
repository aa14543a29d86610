"""A ConfBridge conference and those who take part in it; what is planned of it, and what is recorded."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from calls.models import stands_for
from engine.mirror.models import Mirrored, Subject, dom_id
from engine.mirror.registry import mirrored
from engine.mirror.sanitize import shown
from extensions.people.numbers import found_by


@mirrored
class Conference(Mirrored):
    """A conference that runs now; its name is what the dialplan gave to ConfBridge()."""

    # The sound to play once somebody has joined; not stored.
    greeting: str = ""

    key_field = "name"
    inherited = True
    # No event reports that a conference was locked.
    listed_fields = ("locked", "muted")

    name = models.CharField(_("name"), max_length=150)
    locked = models.BooleanField(_("locked"), default=False)
    muted = models.BooleanField(_("muted"), default=False)
    recording = models.BooleanField(_("recording"), default=False)
    recording_file = models.CharField(_("recording file"), max_length=255, blank=True)
    # Everyone but admins and speakers stays muted; Asterisk does not know it, the worker enforces it.
    lecture = models.BooleanField(_("lecture mode"), default=False)
    # The profiles by which a plain participant entered: what follows the name in ConfBridge()'s arguments.
    arguments = models.CharField(_("profiles"), max_length=150, blank=True)
    # Whether its plan, if it has one, was carried out.
    planned = models.BooleanField(_("plan carried out"), default=False)
    # When its plan has it locked; empty once that is done.
    lock_at = models.DateTimeField(_("lock at"), null=True, blank=True)
    # Its `ConferenceRecord`.
    record = models.CharField(_("record"), max_length=200, blank=True)
    started_at = models.DateTimeField(_("since"))

    class Meta(Mirrored.Meta):
        verbose_name = _("conference")
        verbose_name_plural = _("conferences")
        ordering = ["started_at", "name"]
        constraints = [models.UniqueConstraint(fields=["pbx", "name"], name="one_conference_for_each_name")]
        permissions = [
            ("see_conferences", _("Can see all conferences")),
            ("plan_rooms", _("Can plan rooms")),
        ]

    def __str__(self) -> str:
        return shown(self.name)

    def subjects(self) -> set[Subject]:
        return {("conference", self.name)}

    @property
    def dom_id(self) -> str:
        return dom_id("conference", self.pbx_id, key_of(self.name))


def key_of(name: str) -> str:
    """The name of a conference for a `dom_id`: a dot, and the escapes of a `dom_id`, must not be mistaken there."""
    return name.replace("_", "_5f_").replace(".", "_2e_")


# The prefix of the channels by which the panel plays something to a conference (see `command_handlers.play`).
VOICE = "Local/voice@pbxpanel-"


@mirrored
class Participant(Mirrored):
    """One channel in one conference."""

    class MutedBy(models.TextChoices):
        """Who muted somebody, where it was seen."""

        SELF = "self", _("by themselves")
        MODERATOR = "moderator", _("by a moderator")
        START = "start", _("from the start")

    inherited = True
    # The name of their number in the panel's own directory; set where the row is drawn.
    directory_name = ""

    indexed_fields = ("conference",)
    compared_fields = ("conference", "channel", "caller_number", "caller_name", "admin", "muted")
    # When the leader comes, no event is sent for those who waited.
    listed_fields = ("marked", "waiting")

    uniqueid = models.CharField(_("unique id"), max_length=150)
    conference = models.CharField(_("conference"), max_length=150)
    channel = models.CharField(_("channel"), max_length=150)
    caller_number = models.CharField(_("caller number"), max_length=150, blank=True)
    caller_name = models.CharField(_("caller name"), max_length=150, blank=True)
    admin = models.BooleanField(_("admin"), default=False)
    marked = models.BooleanField(_("leader"), default=False)
    waiting = models.BooleanField(_("waiting for the leader"), default=False)
    # A list names them, but they have not joined: they still hear the prompt.
    entering = models.BooleanField(_("still hears the prompt"), default=False)
    muted = models.BooleanField(_("muted"), default=False)
    muted_by = models.CharField(_("muted by"), max_length=10, blank=True, choices=MutedBy.choices)
    # One who may talk in lecture mode.
    speaker = models.BooleanField(_("speaker"), default=False)
    talking = models.BooleanField(_("talking"), default=False)
    talking_since = models.DateTimeField(_("talking since"), null=True, blank=True)
    # How long they talked before that, in milliseconds.
    talked = models.PositiveBigIntegerField(_("talk time"), default=0)
    # Since when their hand is up.
    hand_at = models.DateTimeField(_("hand raised"), null=True, blank=True)
    # What follows the conference's name in the arguments of their ConfBridge(): bridge profile, user profile, menu.
    arguments = models.CharField(_("profiles"), max_length=150, blank=True)
    # The conference to which they return from a side room.
    aside_from = models.CharField(_("taken aside from"), max_length=150, blank=True)
    joined_at = models.DateTimeField(_("since"))
    # The `Attendance` that records their stay.
    attendance = models.CharField(_("attendance"), max_length=200, blank=True)

    class Meta(Mirrored.Meta):
        verbose_name = _("participant")
        verbose_name_plural = _("participants")
        ordering = ["joined_at", "uniqueid"]
        constraints = [models.UniqueConstraint(fields=["pbx", "uniqueid"], name="one_participant_for_each_uniqueid")]
        indexes = [models.Index(fields=["pbx", "conference"], name="participant_of_conference")]

    def __str__(self) -> str:
        return self.label

    def subjects(self) -> set[Subject]:
        # Whoever may see only the conference that they were in must learn that they have left it.
        conferences = {self.conference, self.aside_from} - {""}
        participant = ("participant", f"{self.uniqueid}\0{self.conference}")
        return {participant, *(("conference", name) for name in conferences)}

    @property
    def dom_id(self) -> str:
        return dom_id("participant", self.pbx_id, self.uniqueid)

    @property
    def is_voice(self) -> bool:
        """Whether this is not a person, but what the panel plays to the conference."""
        return self.channel.startswith(VOICE)

    @property
    def label(self) -> str:
        """What people call them by: the directory's name, else their own, else their number, else what their channel
        says.
        """
        name = self.directory_name or self.caller_name or self.caller_number
        return name or stands_for(self.channel)

    @property
    def detail(self) -> str:
        """The number, where the label is a name."""
        return self.caller_number if self.caller_number != self.label else ""

    @property
    def full_label(self) -> str:
        """The label, and the number where that is another: two may have one name."""
        return f"{self.label} {self.detail}".rstrip()

    @property
    def keys(self) -> str:
        """By which a page finds names that not everybody may see."""
        return found_by(self.pbx_id, self.caller_number)

    @property
    def own_name(self) -> str:
        """The name that they give themselves, where the label is another."""
        return self.caller_name if self.caller_name.casefold() != self.label.casefold() else ""


# Django finds the models of an app here.
from .invitations import models as _invitations  # noqa: E402,F401
from .records import models as _records  # noqa: E402,F401
from .rooms import models as _rooms  # noqa: E402,F401

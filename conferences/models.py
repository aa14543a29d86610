"""A ConfBridge conference and those who take part in it."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from pbxpanel.mirror.models import Mirrored, Subject, dom_id
from pbxpanel.mirror.registry import mirrored
from pbxpanel.mirror.text import shown


@mirrored
class Conference(Mirrored):
    """A conference that runs now; its name is what the dialplan gave to ConfBridge()."""

    key_field = "name"
    # No event tells that a conference was locked.
    listed_fields = ("locked", "muted")

    name = models.CharField(_("name"), max_length=150)
    locked = models.BooleanField(_("locked"), default=False)
    muted = models.BooleanField(_("muted"), default=False)
    recording = models.BooleanField(_("recording"), default=False)
    started_at = models.DateTimeField(_("since"))

    class Meta(Mirrored.Meta):
        verbose_name = _("conference")
        verbose_name_plural = _("conferences")
        ordering = ["started_at", "name"]
        constraints = [models.UniqueConstraint(fields=["pbx", "name"], name="one_conference_for_each_name")]
        permissions = [
            ("see_conferences", _("Can see conferences")),
            ("moderate", _("Can moderate conferences")),
        ]

    def __str__(self) -> str:
        return shown(self.name)

    def subjects(self) -> set[Subject]:
        return {("conference", self.name)}

    @property
    def dom_id(self) -> str:
        return dom_id("conference", self.pbx_id, key_of(self.name))


def key_of(name: str) -> str:
    """The name of a conference for a `dom_id`: a dot, and what that writes others with, is not to be mistaken there."""
    return name.replace("_", "_5f_").replace(".", "_2e_")


@mirrored
class Participant(Mirrored):
    """One channel in one conference."""

    indexed_fields = ("conference",)
    compared_fields = ("conference", "channel", "caller_number", "caller_name", "admin", "muted")
    # A leader who comes raises no event for those who waited for him.
    listed_fields = ("marked", "waiting")

    uniqueid = models.CharField(_("unique id"), max_length=150)
    conference = models.CharField(_("conference"), max_length=150)
    channel = models.CharField(_("channel"), max_length=150)
    caller_number = models.CharField(_("caller number"), max_length=150, blank=True)
    caller_name = models.CharField(_("caller name"), max_length=150, blank=True)
    admin = models.BooleanField(_("admin"), default=False)
    marked = models.BooleanField(_("marked"), default=False)
    waiting = models.BooleanField(_("waiting for the leader"), default=False)
    muted = models.BooleanField(_("muted"), default=False)
    talking = models.BooleanField(_("talking"), default=False)
    joined_at = models.DateTimeField(_("since"))

    class Meta(Mirrored.Meta):
        verbose_name = _("participant")
        verbose_name_plural = _("participants")
        ordering = ["joined_at", "uniqueid"]
        constraints = [models.UniqueConstraint(fields=["pbx", "uniqueid"], name="one_participant_for_each_uniqueid")]
        indexes = [models.Index(fields=["pbx", "conference"], name="participant_of_conference")]

    def __str__(self) -> str:
        return self.label

    def subjects(self) -> set[Subject]:
        return {("participant", self.uniqueid), ("conference", self.conference)}

    @property
    def dom_id(self) -> str:
        return dom_id("participant", self.pbx_id, self.uniqueid)

    @property
    def label(self) -> str:
        """What people call him by: his name, else his number, else what his channel says."""
        return self.caller_name or self.caller_number or shown(self.channel.removeprefix("Local/").rpartition("-")[0])

    @property
    def detail(self) -> str:
        """The number, where the label is a name."""
        return self.caller_number if self.caller_name and self.caller_name != self.caller_number else ""

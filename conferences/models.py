"""A ConfBridge conference and those who take part in it; what is planned of it, and what is kept."""

import re
from collections.abc import Collection, Mapping
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from calls.models import stands_for
from pbxpanel.mirror.models import Kept, Mirrored, Subject, dom_id
from pbxpanel.mirror.registry import kept, mirrored
from pbxpanel.mirror.text import shown


@mirrored
class Conference(Mirrored):
    """A conference that runs now; its name is what the dialplan gave to ConfBridge()."""

    # The sound that is played once somebody has joined; not stored.
    greeting: str = ""

    key_field = "name"
    inherited = True
    # No event tells that a conference was locked.
    listed_fields = ("locked", "muted")

    name = models.CharField(_("name"), max_length=150)
    locked = models.BooleanField(_("locked"), default=False)
    muted = models.BooleanField(_("muted"), default=False)
    recording = models.BooleanField(_("recording"), default=False)
    recording_file = models.CharField(_("recording's file"), max_length=255, blank=True)
    # Everyone but admins and speakers stays muted; no conference of Asterisk's knows of it, the worker sees to it.
    lecture = models.BooleanField(_("lecture mode"), default=False)
    # The profiles by which a plain participant entered: what stands behind the name in ConfBridge()'s arguments.
    arguments = models.CharField(_("profiles"), max_length=150, blank=True)
    # Whether its plan, if it has one, was carried out.
    planned = models.BooleanField(_("plan carried out"), default=False)
    # When its plan has it locked; empty once that is done.
    lock_at = models.DateTimeField(_("to be locked"), null=True, blank=True)
    # The `ConferenceRecord` that is kept of it.
    record = models.CharField(_("record"), max_length=200, blank=True)
    started_at = models.DateTimeField(_("since"))

    class Meta(Mirrored.Meta):
        verbose_name = _("conference")
        verbose_name_plural = _("conferences")
        ordering = ["started_at", "name"]
        constraints = [models.UniqueConstraint(fields=["pbx", "name"], name="one_conference_for_each_name")]
        permissions = [
            ("see_conferences", _("Can see all conferences")),
            ("moderate", _("Can moderate all conferences")),
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
    """The name of a conference for a `dom_id`: a dot, and what that writes others with, is not to be mistaken there."""
    return name.replace("_", "_5f_").replace(".", "_2e_")


# How the channels begin by which the panel says something to a room (see `orders.play`).
VOICE = "Local/voice@pbxpanel-"


@mirrored
class Participant(Mirrored):
    """One channel in one conference."""

    class MutedBy(models.TextChoices):
        """Who muted somebody, where it was seen."""

        SELF = "self", _("by himself")
        MODERATOR = "moderator", _("by a moderator")
        START = "start", _("from the start")

    inherited = True
    # How the panel's own directory knows his number; set where he is drawn.
    directory_name = ""

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
    # A list names him, and he has not joined: he hears the prompt.
    entering = models.BooleanField(_("still hears the prompt"), default=False)
    muted = models.BooleanField(_("muted"), default=False)
    muted_by = models.CharField(_("muted by"), max_length=10, blank=True, choices=MutedBy.choices)
    # One who may talk in lecture mode.
    speaker = models.BooleanField(_("speaker"), default=False)
    talking = models.BooleanField(_("talking"), default=False)
    talking_since = models.DateTimeField(_("talking since"), null=True, blank=True)
    # How long he has talked before that, in milliseconds.
    talked = models.PositiveBigIntegerField(_("talked"), default=0)
    # Since when his hand is up.
    hand_at = models.DateTimeField(_("hand raised"), null=True, blank=True)
    # What stands behind the conference's name in his ConfBridge()'s arguments: bridge profile, user profile, menu.
    arguments = models.CharField(_("profiles"), max_length=150, blank=True)
    # The conference to which he returns, where he was taken aside.
    aside_from = models.CharField(_("taken aside from"), max_length=150, blank=True)
    joined_at = models.DateTimeField(_("since"))
    # The `Attendance` that is kept of his stay.
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
        # Whoever may see but the room that he was in must be told that he is there no longer.
        conferences = {self.conference, self.aside_from} - {""}
        participant = ("participant", f"{self.uniqueid}\0{self.conference}")
        return {participant, *(("conference", name) for name in conferences)}

    @property
    def dom_id(self) -> str:
        return dom_id("participant", self.pbx_id, self.uniqueid)

    @property
    def is_voice(self) -> bool:
        """Whether this is no person, but what the panel says to the room."""
        return self.channel.startswith(VOICE)

    @property
    def label(self) -> str:
        """What people call him by: his name, else his number, else what his channel says."""
        name = self.caller_name or self.directory_name or self.caller_number
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
    def known_as(self) -> str:
        """His name in the directory, where the label is another."""
        return self.directory_name if self.directory_name.casefold() != self.label.casefold() else ""


@mirrored
class Invitation(Mirrored):
    """Somebody who is called into a conference, until he has joined it. The worker that calls him writes it."""

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
    # In the place of a cause: he answered, and hung up or was turned away before he joined.
    LEFT = "left"

    key_field = "code"
    inherited = True
    indexed_fields = ("conference", "uniqueid")

    code = models.CharField(_("code"), max_length=32)
    conference = models.CharField(_("conference"), max_length=150)
    # What is called: a channel as Originate takes it.
    channel = models.CharField(_("channel"), max_length=200)
    number = models.CharField(_("number"), max_length=150)
    name = models.CharField(_("name"), max_length=150, blank=True)
    # Who calls, as his phone shows it.
    caller_number = models.CharField(_("caller number"), max_length=150, blank=True)
    caller_name = models.CharField(_("caller name"), max_length=150, blank=True)
    # The profiles by which he enters; empty: those of plain participants.
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
        return self.name or self.number

    @property
    def full_label(self) -> str:
        """The label, and the number where that is another."""
        return f"{self.name} {self.number}".lstrip()

    @property
    def has_ended(self) -> bool:
        """Whether it can be tried again."""
        return self.state in self.ENDED

    @property
    def words(self) -> str:
        """The state, as people read it."""
        if self.state == self.State.FAILED and self.cause == self.LEFT:
            return str(_("answered, but did not join"))
        return str(self.State(self.state).label)


@kept
class ConferenceRecord(Kept):
    """What is kept of a conference: one from its start to its end."""

    open_rows = Q(ended_at=None)
    end_field = "ended_at"

    key = models.CharField(_("key"), max_length=200)
    name = models.CharField(_("name"), max_length=150)
    started_at = models.DateTimeField(_("began"))
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    # The most who took part at one time.
    peak = models.PositiveIntegerField(_("most participants"), default=0)

    class Meta(Kept.Meta):
        verbose_name = _("conference record")
        verbose_name_plural = _("conference records")
        ordering = ["-started_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["pbx", "key"], name="one_record_for_each_key")]
        indexes = [
            models.Index(fields=["pbx", "name"], name="record_of_conference"),
            models.Index(fields=["-started_at", "-id"], name="records_newest_first"),
        ]

    def __str__(self) -> str:
        return shown(self.name)


@kept
class Attendance(Kept):
    """What is kept of one participant's stay in a conference."""

    open_rows = Q(left_at=None)
    end_field = "left_at"
    # Talk segments with less than this between them are one, in milliseconds.
    MERGED = 2000

    key = models.CharField(_("key"), max_length=200)
    # The key of its `ConferenceRecord`.
    record = models.CharField(_("record"), max_length=200)
    uniqueid = models.CharField(_("unique id"), max_length=150)
    channel = models.CharField(_("channel"), max_length=150)
    caller_number = models.CharField(_("caller number"), max_length=150, blank=True)
    caller_name = models.CharField(_("caller name"), max_length=150, blank=True)
    admin = models.BooleanField(_("admin"), default=False)
    joined_at = models.DateTimeField(_("joined"))
    left_at = models.DateTimeField(_("left"), null=True, blank=True)
    # In milliseconds.
    talked = models.PositiveBigIntegerField(_("talked"), default=0)
    # When he talked: `begin-end begin-end …`, in milliseconds since he joined.
    segments = models.TextField(_("talk segments"), blank=True)

    class Meta(Kept.Meta):
        verbose_name = _("attendance")
        verbose_name_plural = _("attendances")
        ordering = ["joined_at", "id"]
        constraints = [models.UniqueConstraint(fields=["pbx", "key"], name="one_attendance_for_each_key")]
        indexes = [models.Index(fields=["pbx", "record"], name="attendance_of_record")]

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """What people call him by, as for a `Participant`."""
        return self.caller_name or self.caller_number or stands_for(self.channel)

    @property
    def full_label(self) -> str:
        """The label, and the number where that is another."""
        return f"{self.caller_name} {self.caller_number}".strip() or self.label

    @property
    def talk(self) -> list[tuple[int, int]]:
        """When he talked: begin and end of each segment, in milliseconds since he joined."""
        return [(int(begin), int(end)) for begin, end in (part.split("-") for part in self.segments.split())]

    @property
    def stayed(self) -> timedelta:
        """How long he took part, so far."""
        return (self.left_at or timezone.now()) - self.joined_at


class InviteGroup(models.Model):
    """People who are called into a conference together."""

    name = models.CharField(_("name"), max_length=80, unique=True)
    # Who may change it, beside those who may plan rooms.
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


class Room(models.Model):
    """A planned room: what is done when its conference starts, and who moderates it."""

    # Its name, not the PBX: a plan outlives one that is taken away for a while.
    pbx = models.CharField(_("PBX"), max_length=32)
    # What the dialplan gives to ConfBridge().
    number = models.CharField(_("number"), max_length=80)
    name = models.CharField(_("name"), max_length=80, blank=True)
    moderators = models.ManyToManyField(
        settings.AUTH_USER_MODEL, blank=True, related_name="rooms", verbose_name=_("moderators")
    )
    invite_groups = models.ManyToManyField(InviteGroup, blank=True, verbose_name=_("call in at the start"))
    lecture = models.BooleanField(_("lecture mode"), default=False)
    # Nobody is locked out where it is empty.
    lock_after = models.PositiveIntegerField(
        _("lock after (minutes)"), null=True, blank=True, validators=[MaxValueValidator(24 * 60)]
    )
    record = models.BooleanField(_("record by itself"), default=False)
    # A sound of Asterisk's, by its name without the format.
    greeting = models.CharField(_("greeting"), max_length=200, blank=True)
    # Who saved it last: the groups are called in by his dial policy.
    planned_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+",
        verbose_name=_("planned by"),
    )  # fmt: skip

    class Meta:
        verbose_name = _("room")
        verbose_name_plural = _("rooms")
        ordering = ["pbx", "number"]
        constraints = [models.UniqueConstraint(fields=["pbx", "number"], name="one_plan_for_each_room")]

    def __str__(self) -> str:
        return f"{self.name} ({self.number})" if self.name else self.number


_ROOM = "conferences.room:"


# As `orders.side_room` names them.
_SIDE_ROOM = re.compile(r"(.+)-aside(?:-[0-9]+)?", re.DOTALL)


def room_of(name: str) -> str:
    """Whose moderators moderate a conference: of a side room those of the room that its people were taken from."""
    found = _SIDE_ROOM.fullmatch(name)
    return found[1] if found else name


def permission_for(pbx: str, name: str) -> str:
    """What a viewer holds who moderates this conference's room, beside the permissions for all conferences."""
    return f"{_ROOM}{pbx}/{room_of(name)}"


def room_permissions(user_ids: Collection[int]) -> Mapping[int, Collection[str]]:
    """Ids of users → the permissions for the rooms of each who moderates some. Asks the database once."""
    found: dict[int, set[str]] = {}
    for user_id, pbx, number in Room.objects.filter(moderators__in=user_ids).values_list("moderators", "pbx", "number"):
        found.setdefault(user_id, set()).add(f"{_ROOM}{pbx}/{number}")
    return found


def has_rooms(permissions: Collection[str]) -> bool:
    """Whether there is the permission for any room among these."""
    return any(permission.startswith(_ROOM) for permission in permissions)


def may_see(user: User, pbx: str, name: str) -> bool:
    """Whether the user may see this conference: all of them, or one of his rooms."""
    return user.has_perm("conferences.see_conferences") or moderates(user, pbx, name)


def may_moderate(user: User, pbx: str, name: str) -> bool:
    """Whether the user may moderate this conference: all of them, or one of his rooms."""
    return user.has_perm("conferences.moderate") or moderates(user, pbx, name)


def may_invite(user: User, pbx: str, name: str) -> bool:
    """Whether the user may call people into this conference: he moderates it, and may place calls."""
    return user.has_perm("calls.originate") and may_moderate(user, pbx, name)


def moderates(user: User, pbx: str, name: str) -> bool:
    """Whether this is a room of which the user is a moderator, or a side room of one."""
    return user.is_active and Room.objects.filter(pbx=pbx, number=room_of(name), moderators=user.pk).exists()


def room_names_of(pbx: str, numbers: Collection[str]) -> dict[str, str]:
    """Numbers of rooms on a PBX → the names planned for those that have one. Asks the database once."""
    rooms = Room.objects.filter(pbx=pbx, number__in=numbers).exclude(name="")
    return dict(rooms.values_list("number", "name"))

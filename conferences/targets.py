"""What the commands of conferences are about, who may give them, and for which feature of the panel."""

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from engine.mirror.sanitize import shown
from engine.mirror.verbs import Feature, Rule, Target, Weight, permission, target_of

from .models import Conference, Participant
from .rooms.models import moderates

MODERATE = permission(
    "conferences.conference", "moderate", _("Can moderate all conferences"), ("Moderator", "Administrator")
)

MODERATION = Feature(gettext_noop("moderation: mute, kick, lock"), Weight.ESSENTIAL)
RECORDING = Feature(gettext_noop("recording of conferences"), Weight.USEFUL)
MOVING = Feature(gettext_noop("moving people, side rooms, played sounds"), Weight.USEFUL)

# How long a command may take that is many actions, in seconds.
TIMEOUT = 10.0
# What AMI drops at both ends of a value.
_BLANKS = "".join(map(chr, range(33)))


def can_be_asked_for(name: str) -> bool:
    """Whether Asterisk finds a conference by its name in an action: not where AMI strips or truncates it."""
    return name == name.strip(_BLANKS) and not {"\ufffd", "\r", "\n"} & set(name)


def topic_of(conference: str) -> str:
    """The topic by which the audit trail finds the acts in a conference."""
    return f"conference/{conference}"


PARTICIPANT = target_of(
    Participant,
    "participant",
    "conferences/<str:pbx>/participants/<segment:key>/",
    _("This participant has already left."),
    gone_answer="No Channel by that name found in Conference.",
    describe=lambda row: f"{row.label} ({shown(row.channel)}) in {shown(row.conference)}",
    topic=lambda row: topic_of(row.conference),
)
CONFERENCE = target_of(
    Conference,
    "conference",
    "conferences/<str:pbx>/all/<segment:key>/",
    _("This conference has already ended."),
    gone_answer="No Conference by that name found.",
    topic=lambda row: topic_of(row.name),
)


@dataclass(frozen=True, slots=True)
class Place:
    """A conference by its name, whether it runs or not."""

    pbx: str
    name: str

    def __str__(self) -> str:
        return shown(self.name)


PLACE: Target[Place] = Target(
    "place",
    "conferences/<str:pbx>/named/<segment:key>/",
    find=Place,
    current=lambda state, name: Place(state.pbx, name),
    key_of=lambda place: place.name,
    pbx_of=lambda place: place.pbx,
    gone="",
    topic=lambda place: topic_of(place.name),
)


def _in_my_room(user: User, row: Participant) -> bool:
    return moderates(user, row.pbx_id, row.conference)


def _of_my_room(user: User, row: Conference) -> bool:
    return moderates(user, row.pbx_id, row.name)


# Whoever may moderate all of them, and in their own room its moderators.
OF_PARTICIPANTS: Rule[Participant] = Rule(MODERATE, _in_my_room)
OF_CONFERENCES: Rule[Conference] = Rule(MODERATE, _of_my_room)

"""From one conference to another, aside and back, and sounds that are played: by dialplan of the panel's own."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from django import forms
from django.contrib.auth.models import User
from django.core.validators import RegexValidator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from engine import limits
from engine.ami import actions
from engine.mirror import dialplan
from engine.mirror.commands import Outcome, Status
from engine.mirror.context import CommandContext
from engine.mirror.dialplan import CONTEXT, Steps, argument
from engine.mirror.sanitize import shown
from engine.mirror.verbs import Builder, Parameters, parameter

from .commands import of_conference, of_participant, present, worst
from .models import Conference, Participant
from .rooms.models import may_moderate
from .rows import Arrivals
from .targets import MOVING, PARTICIPANT, can_be_asked_for

# Names of sounds as Asterisk's Playback takes them, without the format.
SOUND = re.compile(r"\A(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9._/-]{0,99}\Z")

# What is sent to write the dialplan, and to send a channel there.
_REDIRECTS: list[Builder] = [actions.dialplan_extension_add, actions.setvar, actions.redirect]

# What is written into CONTEXT, and what an administrator may paste there: extension → application and data.
DIALPLAN: Mapping[str, Steps] = {
    "move": (("Set", "CONFBRIDGE(user,clear)="), ("ConfBridge", "${PBXPANEL_CONFERENCE}")),
    # Whoever waits for a leader, or came in muted, need not do so in a side room.
    "aside": (
        ("Set", "CONFBRIDGE(user,clear)="),
        ("ExecIf", "$[${LEN(${PBXPANEL_USER})} > 0]?Set(CONFBRIDGE(user,template)=${PBXPANEL_USER})"),
        ("Set", "CONFBRIDGE(user,wait_marked)=no"),
        ("Set", "CONFBRIDGE(user,end_marked)=no"),
        ("Set", "CONFBRIDGE(user,startmuted)=no"),
        ("Set", "CONFBRIDGE(user,quiet)=yes"),
        ("ConfBridge", "${PBXPANEL_CONFERENCE}"),
    ),
    # One half of a Local channel enters the conference, the other plays the sound and reports the result.
    "voice": (
        ("Answer", ""),
        ("Set", "CONFBRIDGE(user,quiet)=yes"),
        ("Set", "CONFBRIDGE(user,announce_only_user)=no"),
        ("Set", "CONFBRIDGE(user,wait_marked)=no"),
        ("ConfBridge", "${PBXPANEL_CONFERENCE}"),
    ),
    "sound": (
        ("Wait", "0.5"),
        ("Playback", "${PBXPANEL_SOUND}"),
        ("UserEvent", "PanelSaid,Status: ${PLAYBACKSTATUS},User: ${PBXPANEL_USER},Sound: ${PBXPANEL_SOUND}"),
        ("Wait", "0.3"),
    ),
}


async def write_dialplan(ctx: CommandContext) -> Outcome:
    return await dialplan.write(ctx, DIALPLAN)


def profiles(arguments: str) -> tuple[str, str, str]:
    """Bridge profile, user profile and menu of a ConfBridge(); empty where none was given."""
    bridge, user, menu = [*(part.strip() for part in arguments.split(",", 2)), "", "", ""][:3]
    return bridge, user, menu


async def send(ctx: CommandContext, row: Participant, extension: str, conference: str, user: str, menu: str) -> Outcome:
    bridge, own_user, _menu = profiles(row.arguments)
    variables = {
        "PBXPANEL_CONFERENCE": f"{argument(conference)},{bridge},{user},{menu}".rstrip(","),
        "PBXPANEL_USER": own_user,
    }
    for name, value in variables.items():
        outcome = await ctx.run(actions.setvar(row.channel, name, value))
        if not outcome.done:
            return outcome
    return await ctx.run(actions.redirect(row.channel, CONTEXT, extension))


async def send_on(ctx: CommandContext, row: Participant, conference: str) -> Outcome:
    """Into another conference by their own profiles: an admin here is one there."""
    _bridge, user, menu = profiles(row.arguments)
    return await send(ctx, row, "move", conference, user, menu)


class _Destination(forms.CharField):
    """The name of a conference that Asterisk finds."""

    def validate(self, value: str) -> None:
        super().validate(value)
        if too_long := limits.complaint(value, limits.CONFERENCE):
            raise forms.ValidationError(too_long)
        if not can_be_asked_for(value):
            raise forms.ValidationError(_("Nobody can be moved to a conference with this name."))


@dataclass(frozen=True, slots=True)
class Move(Parameters):
    """`to` is the name of a conference."""

    to: str = parameter(
        _Destination(error_messages={"required": gettext_lazy("Enter the number of the conference to move to.")})
    )


def _may_not_move(user: User, row: Participant, wanted: Move) -> str:
    """Whoever moves somebody must be a moderator there, too."""
    if may_moderate(user, row.pbx_id, wanted.to):
        return ""
    return _("You may not moderate the conference %(name)s, so you cannot move anybody there.") % {
        "name": shown(wanted.to)
    }


@of_participant(
    "move",
    gettext_lazy("Move"),
    parameters=Move,
    actions=_REDIRECTS,
    feature=MOVING,
    describe=lambda row, wanted: f"{PARTICIPANT.describe(row)} → {shown(wanted.to)}",
    refusal=_may_not_move,
    example={"to": "8002"},
)
async def move(ctx: CommandContext, row: Participant, wanted: Move) -> Outcome:
    """Into another conference, by the profiles by which they entered this one."""
    written = await write_dialplan(ctx)
    return await send_on(ctx, row, wanted.to) if written.done else written


@dataclass(frozen=True, slots=True)
class Aside(Parameters):
    """`other` is the unique id of another participant."""

    other: str = parameter(
        forms.CharField(max_length=150, error_messages={"required": gettext_lazy("Choose who else to take aside.")})
    )


def _pair(row: Participant, wanted: Aside) -> str:
    other = Participant.objects.filter(pbx=row.pbx_id, uniqueid=wanted.other).first()
    return PARTICIPANT.describe(row) + (f" + {other.label} ({shown(other.channel)})" if other else "")


@of_participant(
    "aside",
    gettext_lazy("Take aside"),
    parameters=Aside,
    actions=_REDIRECTS,
    feature=MOVING,
    describe=_pair,
    example={"other": "3.2"},
)
async def aside(ctx: CommandContext, row: Participant, wanted: Aside) -> Outcome:
    """Two into a side room: this one, and the other. Both rows remember where to return."""
    other = ctx.state.table(Participant).get(wanted.other)
    if other is None or other.conference != row.conference or other is row:
        return Outcome(Status.REFUSED, PARTICIPANT.gone_answer)
    if row.aside_from:
        return Outcome(Status.NOT_POSSIBLE, gettext_noop("They are already in a side room."))
    written = await write_dialplan(ctx)
    if not written.done:
        return written
    room, outcomes = side_room(ctx, row.conference), []
    for person in (row, other):
        ctx.state.memory(Arrivals)[person.uniqueid] = {"arguments": person.arguments, "aside_from": person.conference}
        outcome = await send(ctx, person, "aside", room, "", profiles(person.arguments)[2])
        if not outcome.done:
            ctx.state.memory(Arrivals).pop(person.uniqueid, None)
        outcomes.append(outcome)
    return worst(outcomes)


def side_room(ctx: CommandContext, conference: str) -> str:
    """A name that no conference has: `8001-aside`, `8001-aside-2`."""
    people = ctx.state.table(Participant).rows.values()
    taken = {*ctx.state.table(Conference).rows, *(row.conference for row in people)}
    names = (f"{conference[:130]}-aside{ending}" for ending in ("", *(f"-{number}" for number in range(2, 1000))))
    return next(name for name in names if name not in taken)


@of_conference("back", gettext_lazy("Return from the side room"), actions=_REDIRECTS, feature=MOVING)
async def back(ctx: CommandContext, row: Conference, parameters: Parameters) -> Outcome:
    """Everybody in a side room back to where they were taken from."""
    written = await write_dialplan(ctx)
    if not written.done:
        return written
    people = [person for person in present(ctx, row) if person.aside_from]
    return worst([await send_on(ctx, person, person.aside_from) for person in people])


# What is played to a conference, by a Local channel.


@dataclass(frozen=True, slots=True)
class Say(Parameters):
    """`sound` is the name of a sound of Asterisk's."""

    sound: str = parameter(
        forms.CharField(
            validators=[RegexValidator(SOUND)],
            error_messages=dict.fromkeys(
                ("required", "invalid"),
                gettext_lazy(
                    "Enter the name of a sound, such as beep or custom/welcome: only letters, digits and . _ - /."
                ),
            ),
        )
    )


@of_conference(
    "say",
    gettext_lazy("Play"),
    parameters=Say,
    actions=[actions.dialplan_extension_add, actions.originate],
    feature=MOVING,
    describe=lambda row, wanted: f"{row} {shown(wanted.sound)}",
    example={"sound": "beep"},
)
async def say(ctx: CommandContext, row: Conference, wanted: Say) -> Outcome:
    """Play a sound to everybody. Whether it could be played comes later, as the notice `said`."""
    return await play(ctx, row, wanted.sound)


async def play(ctx: CommandContext, row: Conference, sound: str) -> Outcome:
    written = await write_dialplan(ctx)
    if not written.done:
        return written
    bridge, _user, _menu = profiles(row.arguments)
    # Escaped once more: Originate takes a comma in a value for the beginning of another variable.
    variables = [
        ("__PBXPANEL_CONFERENCE", argument(f"{argument(row.name)},{bridge}".rstrip(","))),
        ("__PBXPANEL_SOUND", argument(argument(sound))),
        ("__PBXPANEL_USER", str(ctx.user_id)),
    ]
    return await ctx.run(
        actions.originate(f"Local/voice@{CONTEXT}/n", CONTEXT, "sound", timeout=10, variables=variables)
    )

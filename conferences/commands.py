"""The command handlers of moderation where one action is not enough, or where only the panel knows of it."""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeVar

from django.utils.translation import gettext_noop

from engine.ami import actions
from engine.ami.protocol import Action
from engine.mirror import dialplan
from engine.mirror.commands import Outcome, Status
from engine.mirror.context import CommandContext
from engine.mirror.dialplan import CONTEXT, Steps, argument
from engine.mirror.models import Mirrored
from engine.mirror.registry import command_handler

from .models import Conference, Participant
from .muting import is_listener
from .rows import Arrivals

M = TypeVar("M", bound=Mirrored)
Parameters = Mapping[str, Any]
HandlerAbout = Callable[[CommandContext, M, Parameters], Awaitable[Outcome]]

DONE = Outcome(Status.DONE)
# As Asterisk says it.
NO_CONFERENCE = Outcome(Status.REFUSED, "No Conference by that name found.")
NO_CHANNEL = Outcome(Status.REFUSED, "No Channel by that name found in Conference.")


def about(model: type[M], parameter: str, gone: Outcome) -> Callable[[str], Callable[[HandlerAbout[M]], None]]:
    """Registers command handlers about a row of a model, found by this parameter; `gone` is said if there is none."""

    def named(name: str) -> Callable[[HandlerAbout[M]], None]:
        def register(function: HandlerAbout[M]) -> None:
            @command_handler(name)
            async def carry_out(ctx: CommandContext, parameters: Parameters) -> Outcome:
                row = ctx.state.table(model).get(parameters[parameter])
                return gone if row is None else await function(ctx, row, parameters)

        return register

    return named


of_participant = about(Participant, "uniqueid", NO_CHANNEL)
of_conference = about(Conference, "conference", NO_CONFERENCE)


def _mute(row: Participant) -> Action:
    return actions.confbridge_mute(row.conference, row.channel)


def _unmute(row: Participant) -> Action:
    return actions.confbridge_unmute(row.conference, row.channel)


def present(ctx: CommandContext, conference: Conference) -> list[Participant]:
    return ctx.state.table(Participant).where("conference", conference.name)


def is_lecture(ctx: CommandContext, row: Participant) -> bool:
    conference = ctx.state.table(Conference).get(row.conference)
    return conference is not None and conference.lecture


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """Of several: the first that was refused, except for participants who have left meanwhile."""
    failures = (outcome for outcome in outcomes if not outcome.done and outcome.text != NO_CHANNEL.text)
    return next(failures, DONE)


# One participant.


@of_participant("mute")
async def mute(ctx: CommandContext, row: Participant, parameters: Parameters) -> Outcome:
    """In lecture mode they are also removed as speaker."""
    if is_lecture(ctx, row):
        ctx.state.table(Participant).change(row, speaker=False)
    return await ctx.run(_mute(row))


@of_participant("unmute")
async def unmute(ctx: CommandContext, row: Participant, parameters: Parameters) -> Outcome:
    """In lecture mode they also become a speaker; with `lower`, their hand goes down."""
    if is_lecture(ctx, row) and not row.admin:
        ctx.state.table(Participant).change(row, speaker=True)
    outcome = await ctx.run(_unmute(row))
    if outcome.done and parameters.get("lower") and ctx.state.table(Participant).get(row.uniqueid) is row:
        ctx.state.table(Participant).change(row, hand_at=None)
    return outcome


@of_participant("lower-hand")
async def lower_hand(ctx: CommandContext, row: Participant, parameters: Parameters) -> Outcome:
    ctx.state.table(Participant).change(row, hand_at=None)
    return DONE


@of_participant("speaker")
async def speaker(ctx: CommandContext, row: Participant, parameters: Parameters) -> Outcome:
    """Whether they may talk in lecture mode, `on`; outside of it this does not mute or unmute."""
    ctx.state.table(Participant).change(row, speaker=bool(parameters["on"]))
    if not is_lecture(ctx, row) or row.admin:
        return DONE
    return await ctx.run(_unmute(row) if parameters["on"] else _mute(row))


@of_participant("kick")
async def kick(ctx: CommandContext, row: Participant, parameters: Parameters) -> Outcome:
    """Whoever still hears the prompt is not kicked by ConfbridgeKick, though it says so; a hang-up works."""
    if row.entering:
        return await ctx.run(actions.hangup(row.channel))
    return await ctx.run(actions.confbridge_kick(row.conference, row.channel))


@of_participant("mute-others")
async def mute_others(ctx: CommandContext, row: Participant, parameters: Parameters) -> Outcome:
    """Everybody else, admins too; this one stays as it is."""
    conference = ctx.state.table(Conference).get(row.conference)
    others = present(ctx, conference) if conference is not None else []
    loud = [person for person in others if person is not row and not person.muted and not person.is_voice]
    return worst(await ctx.run_all(map(_mute, loud)))


@of_participant("video-source")
async def video_source(ctx: CommandContext, row: Participant, parameters: Parameters) -> Outcome:
    return await ctx.run(actions.confbridge_set_single_video_source(row.conference, row.channel))


# All of them.


@of_conference("mute-all")
async def mute_all(ctx: CommandContext, row: Conference, parameters: Parameters) -> Outcome:
    """With `listeners`, all but admins and chosen speakers."""
    if not parameters.get("listeners"):
        return await ctx.run(actions.confbridge_mute(row.name, actions.ALL))
    return await mute_listeners(ctx, row)


@of_conference("unmute-all")
async def unmute_all(ctx: CommandContext, row: Conference, parameters: Parameters) -> Outcome:
    """Ends lecture mode, which would mute them again."""
    ctx.state.table(Conference).change(row, lecture=False)
    return await ctx.run(actions.confbridge_unmute(row.name, actions.ALL))


@of_conference("lecture")
async def lecture(ctx: CommandContext, row: Conference, parameters: Parameters) -> Outcome:
    """`on`: all but admins and speakers are muted, and stay so. Off: they stay muted until somebody unmutes them."""
    return await set_lecture(ctx, row, on=bool(parameters["on"]))


async def set_lecture(ctx: CommandContext, row: Conference, *, on: bool) -> Outcome:
    ctx.state.table(Conference).change(row, lecture=on)
    return await mute_listeners(ctx, row) if on else DONE


async def mute_listeners(ctx: CommandContext, row: Conference) -> Outcome:
    listeners = [person for person in present(ctx, row) if is_listener(person) and not person.muted]
    return worst(await ctx.run_all(map(_mute, listeners)))


@of_conference("lock")
async def lock(ctx: CommandContext, row: Conference, parameters: Parameters) -> Outcome:
    """`on`, or off. No event reports it, so the list is read anew."""
    action = actions.confbridge_lock if parameters["on"] else actions.confbridge_unlock
    outcome = await ctx.run(action(row.name))
    ctx.state.request("conference", row.name)
    return outcome


# What else there is to do before a conference is ended.
before_end: list[Callable[[CommandContext, Conference], Awaitable[None]]] = []


@of_conference("end")
async def end(ctx: CommandContext, row: Conference, parameters: Parameters) -> Outcome:
    """Everybody is removed, including those who still hear the prompt."""
    for hook in before_end:
        await hook(ctx, row)
    entering = [actions.hangup(person.channel) for person in present(ctx, row) if person.entering]
    outcome = await ctx.run(actions.confbridge_kick(row.name, actions.ALL))
    await ctx.run_all(entering)
    return outcome


@of_conference("record")
async def record(ctx: CommandContext, row: Conference, parameters: Parameters) -> Outcome:
    """`on`: into a file of its own. Off: stop."""
    if not parameters["on"]:
        return await ctx.run(actions.confbridge_stop_record(row.name))
    return await start_record(ctx, row)


async def start_record(ctx: CommandContext, row: Conference) -> Outcome:
    return await ctx.run(actions.confbridge_start_record(row.name, recording_file(row.name)))


def recording_file(conference: str) -> str:
    """`confbridge-8001.wav`; Asterisk puts the time between, unless the bridge profile says otherwise."""
    safe = re.sub(r"[^\w-]+", "-", conference, flags=re.ASCII)[:60]
    return f"confbridge-{safe}.wav"


# From one conference to another. A channel is sent into dialplan of ours, with variables that say where it is to go.

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


@of_participant("move")
async def move(ctx: CommandContext, row: Participant, parameters: Parameters) -> Outcome:
    """Into the conference `to`."""
    written = await write_dialplan(ctx)
    return await send_on(ctx, row, parameters["to"]) if written.done else written


@of_participant("aside")
async def aside(ctx: CommandContext, row: Participant, parameters: Parameters) -> Outcome:
    """Two into a side room: this one, and the one whose unique id is `other`. Both rows remember where to return."""
    other = ctx.state.table(Participant).get(parameters["other"])
    if other is None or other.conference != row.conference or other is row:
        return NO_CHANNEL
    if row.aside_from:
        return Outcome(Status.REFUSED, gettext_noop("They are already in a side room."))
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


@of_conference("back")
async def back(ctx: CommandContext, row: Conference, parameters: Parameters) -> Outcome:
    """Everybody in a side room back to where they were taken from."""
    written = await write_dialplan(ctx)
    if not written.done:
        return written
    people = [person for person in present(ctx, row) if person.aside_from]
    return worst([await send_on(ctx, person, person.aside_from) for person in people])


# What is played to a conference, by a Local channel.


@of_conference("say")
async def say(ctx: CommandContext, row: Conference, parameters: Parameters) -> Outcome:
    """Play a `sound` to everybody. Whether it could be played comes later, as the notice `said`."""
    return await play(ctx, row, str(parameters["sound"]))


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

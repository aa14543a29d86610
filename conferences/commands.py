"""What can be done with a conference and its participants."""

import re
from collections.abc import Awaitable, Callable, Iterable
from functools import partial

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from engine.ami import actions
from engine.ami.protocol import Action
from engine.mirror.commands import Outcome, Status
from engine.mirror.context import CommandContext, first_failure
from engine.mirror.verbs import Parameters, verb

from .models import Conference, Participant
from .muting import is_listener
from .targets import CONFERENCE, MODERATION, OF_CONFERENCES, OF_PARTICIPANTS, PARTICIPANT, RECORDING, TIMEOUT

DONE = Outcome(Status.DONE)

of_participant = partial(verb, target=PARTICIPANT, rule=OF_PARTICIPANTS, feature=MODERATION, timeout=TIMEOUT)
of_conference = partial(verb, target=CONFERENCE, rule=OF_CONFERENCES, feature=MODERATION, timeout=TIMEOUT)


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
    return first_failure(outcome for outcome in outcomes if outcome.text != PARTICIPANT.gone_answer)


# One participant.


@of_participant("mute", gettext_lazy("Mute"), actions=[actions.confbridge_mute])
async def mute(ctx: CommandContext, row: Participant, parameters: Parameters) -> Outcome:
    """In lecture mode they are also removed as speaker."""
    if is_lecture(ctx, row):
        ctx.state.table(Participant).change(row, speaker=False)
    return await ctx.run(_mute(row))


@of_participant("unmute", gettext_lazy("Unmute"), actions=[actions.confbridge_unmute])
async def unmute(ctx: CommandContext, row: Participant, parameters: Parameters) -> Outcome:
    """In lecture mode they also become a speaker."""
    return await let_talk(ctx, row)


@of_participant("give-word", gettext_lazy("Give the floor"), actions=[actions.confbridge_unmute])
async def give_word(ctx: CommandContext, row: Participant, parameters: Parameters) -> Outcome:
    """As `unmute`, and their hand goes down."""
    outcome = await let_talk(ctx, row)
    if outcome.done and ctx.state.table(Participant).get(row.uniqueid) is row:
        ctx.state.table(Participant).change(row, hand_at=None)
    return outcome


async def let_talk(ctx: CommandContext, row: Participant) -> Outcome:
    if is_lecture(ctx, row) and not row.admin:
        ctx.state.table(Participant).change(row, speaker=True)
    return await ctx.run(_unmute(row))


@of_participant("lower-hand", gettext_lazy("Lower hand"))
async def lower_hand(ctx: CommandContext, row: Participant, parameters: Parameters) -> Outcome:
    ctx.state.table(Participant).change(row, hand_at=None)
    return DONE


@of_participant("make-speaker", gettext_lazy("Make speaker"), actions=[actions.confbridge_unmute])
async def make_speaker(ctx: CommandContext, row: Participant, parameters: Parameters) -> Outcome:
    """They may talk in lecture mode; outside of it this does not unmute them."""
    ctx.state.table(Participant).change(row, speaker=True)
    return await ctx.run(_unmute(row)) if is_lecture(ctx, row) and not row.admin else DONE


@of_participant("unmake-speaker", gettext_lazy("Remove as speaker"), actions=[actions.confbridge_mute])
async def unmake_speaker(ctx: CommandContext, row: Participant, parameters: Parameters) -> Outcome:
    """The contrary."""
    ctx.state.table(Participant).change(row, speaker=False)
    return await ctx.run(_mute(row)) if is_lecture(ctx, row) and not row.admin else DONE


@of_participant("kick", gettext_lazy("Kick"), actions=[actions.confbridge_kick], optional=[actions.hangup])
async def kick(ctx: CommandContext, row: Participant, parameters: Parameters) -> Outcome:
    """Whoever still hears the prompt is not kicked by ConfbridgeKick, though it says so; a hang-up works."""
    if row.entering:
        return await ctx.run(actions.hangup(row.channel))
    return await ctx.run(actions.confbridge_kick(row.conference, row.channel))


@of_participant("mute-others", gettext_lazy("Mute everybody else"), actions=[actions.confbridge_mute])
async def mute_others(ctx: CommandContext, row: Participant, parameters: Parameters) -> Outcome:
    """Everybody else, admins too; this one stays as it is."""
    conference = ctx.state.table(Conference).get(row.conference)
    others = present(ctx, conference) if conference is not None else []
    loud = [person for person in others if person is not row and not person.muted and not person.is_voice]
    return worst(await ctx.run_all(map(_mute, loud)))


@of_participant(
    "video-source",
    gettext_lazy("Show the video to all"),
    actions=[actions.confbridge_set_single_video_source],
    # Nothing else on the page shows it.
    done=lambda row, parameters: _("Everybody now sees the video of %(who)s, if there is one.") % {"who": row.label},
)
async def video_source(ctx: CommandContext, row: Participant, parameters: Parameters) -> Outcome:
    return await ctx.run(actions.confbridge_set_single_video_source(row.conference, row.channel))


# All of them.


@of_conference("mute-all", gettext_lazy("Mute all"), actions=[actions.confbridge_mute])
async def mute_all(ctx: CommandContext, row: Conference, parameters: Parameters) -> Outcome:
    """All but admins, as Asterisk does it."""
    return await ctx.run(actions.confbridge_mute(row.name, actions.ALL))


@of_conference("mute-listeners", gettext_lazy("Mute listeners"), actions=[actions.confbridge_mute])
async def mute_listeners(ctx: CommandContext, row: Conference, parameters: Parameters) -> Outcome:
    """All but admins and chosen speakers."""
    return await silence_listeners(ctx, row)


async def silence_listeners(ctx: CommandContext, row: Conference) -> Outcome:
    listeners = [person for person in present(ctx, row) if is_listener(person) and not person.muted]
    return worst(await ctx.run_all(map(_mute, listeners)))


@of_conference("unmute-all", gettext_lazy("Unmute all"), actions=[actions.confbridge_unmute])
async def unmute_all(ctx: CommandContext, row: Conference, parameters: Parameters) -> Outcome:
    """Ends lecture mode, which would mute them again."""
    ctx.state.table(Conference).change(row, lecture=False)
    return await ctx.run(actions.confbridge_unmute(row.name, actions.ALL))


@of_conference("lecture", gettext_lazy("Lecture mode"), actions=[actions.confbridge_mute])
async def lecture(ctx: CommandContext, row: Conference, parameters: Parameters) -> Outcome:
    """All but admins and speakers are muted, and stay so."""
    return await begin_lecture(ctx, row)


async def begin_lecture(ctx: CommandContext, row: Conference) -> Outcome:
    ctx.state.table(Conference).change(row, lecture=True)
    return await silence_listeners(ctx, row)


@of_conference("end-lecture", gettext_lazy("End lecture mode"))
async def end_lecture(ctx: CommandContext, row: Conference, parameters: Parameters) -> Outcome:
    """They stay muted until somebody unmutes them."""
    ctx.state.table(Conference).change(row, lecture=False)
    return DONE


@of_conference("lock", gettext_lazy("Lock"), actions=[actions.confbridge_lock])
async def lock(ctx: CommandContext, row: Conference, parameters: Parameters) -> Outcome:
    """No event reports it, so the list is read anew."""
    outcome = await ctx.run(actions.confbridge_lock(row.name))
    ctx.state.request("conference", row.name)
    return outcome


@of_conference("unlock", gettext_lazy("Unlock"), actions=[actions.confbridge_unlock])
async def unlock(ctx: CommandContext, row: Conference, parameters: Parameters) -> Outcome:
    outcome = await ctx.run(actions.confbridge_unlock(row.name))
    ctx.state.request("conference", row.name)
    return outcome


# What else there is to do before a conference is ended.
before_end: list[Callable[[CommandContext, Conference], Awaitable[None]]] = []


@of_conference("end", gettext_lazy("End the conference"), actions=[actions.confbridge_kick], optional=[actions.hangup])
async def end(ctx: CommandContext, row: Conference, parameters: Parameters) -> Outcome:
    """Everybody is removed, including those who still hear the prompt."""
    for hook in before_end:
        await hook(ctx, row)
    entering = [actions.hangup(person.channel) for person in present(ctx, row) if person.entering]
    outcome = await ctx.run(actions.confbridge_kick(row.name, actions.ALL))
    await ctx.run_all(entering)
    return outcome


@of_conference("record", gettext_lazy("Record"), actions=[actions.confbridge_start_record], feature=RECORDING)
async def record(ctx: CommandContext, row: Conference, parameters: Parameters) -> Outcome:
    """Into a file of its own."""
    return await start_record(ctx, row)


@of_conference(
    "stop-record", gettext_lazy("Stop recording"), actions=[actions.confbridge_stop_record], feature=RECORDING
)
async def stop_record(ctx: CommandContext, row: Conference, parameters: Parameters) -> Outcome:
    return await ctx.run(actions.confbridge_stop_record(row.name))


async def start_record(ctx: CommandContext, row: Conference) -> Outcome:
    return await ctx.run(actions.confbridge_start_record(row.name, recording_file(row.name)))


def recording_file(conference: str) -> str:
    """`confbridge-8001.wav`; Asterisk puts the time between, unless the bridge profile says otherwise."""
    safe = re.sub(r"[^\w-]+", "-", conference, flags=re.ASCII)[:60]
    return f"confbridge-{safe}.wav"

"""Who is muted, by whom, and who has to be: in lecture mode the worker mutes whoever may not talk."""

import logging
from datetime import timedelta

from calls.models import Channel
from engine.ami import actions
from engine.ami.protocol import CHANNEL_FIELDS, Message
from engine.mirror.context import CommandContext
from engine.mirror.registry import job, on
from engine.mirror.sanitize import exact
from engine.mirror.state import State

from .models import Conference, Participant
from .rows import participant_of
from .talking import stop_talking

logger = logging.getLogger(__name__)

# How soon after a key its effect is seen.
KEY_WORKS_WITHIN = timedelta(seconds=2)


@on("ConfbridgeMute", "ConfbridgeUnmute", required=CHANNEL_FIELDS)
def mutes(state: State, event: Message) -> None:
    row = participant_of(state, event)
    if row is None:
        return
    muted = event.name == "ConfbridgeMute"
    if muted:
        stop_talking(state, row)
    # A list may have told of it before, which does not say who did it.
    if muted != row.muted or (muted and not row.muted_by):
        by = Participant.MutedBy.SELF if has_pressed_a_key(state, row) else Participant.MutedBy.MODERATOR
        state.table(Participant).change(row, muted=muted, muted_by=by if muted else "")
    silence_in_lecture(state, row)


@on("DTMFBegin", "DTMFEnd", required=CHANNEL_FIELDS)
def presses_a_key(state: State, event: Message) -> None:
    """Of any channel: a key may be pressed before its participant is heard of.

    What conferences tell comes by a way of its own inside Asterisk: a mute may overtake the end of the key, but hardly
    the whole key.
    """
    channel = state.table(Channel).get(exact(event.get("Uniqueid")))
    if channel is not None:
        channel.pressed_at = state.now()


def has_pressed_a_key(state: State, row: Participant) -> bool:
    """Asterisk does not say who muted somebody: whoever has pressed a key just before has done it themselves."""
    channel = state.table(Channel).get(row.uniqueid)
    pressed_at = channel.pressed_at if channel is not None else None
    return pressed_at is not None and state.now() - pressed_at < KEY_WORKS_WITHIN


# Lecture mode.


def silence_in_lecture(state: State, row: Participant) -> None:
    """In lecture mode, have the worker mute the participant who may not talk and is not muted."""
    if must_be_muted(state, row):
        state.ask_for_job("silence", row.uniqueid)


def must_be_muted(state: State, row: Participant) -> bool:
    """Whether the participant's conference is in lecture mode, and they may not talk there and are not muted."""
    conference = state.table(Conference).get(row.conference)
    return conference is not None and conference.lecture and is_listener(row) and not row.muted


def is_listener(row: Participant) -> bool:
    """Whether lecture mode keeps the participant muted."""
    return not (row.admin or row.speaker or row.is_voice)


@job("silence")
async def silence(ctx: CommandContext, uniqueid: str) -> None:
    """`ConfbridgeMute` of one who may not talk, and still is not muted."""
    row = ctx.state.table(Participant).get(uniqueid)
    if row is not None and must_be_muted(ctx.state, row):
        answer = await ctx.session.ask(actions.confbridge_mute(row.conference, row.channel))
        if not answer.ok:
            logger.warning("%s: a listener could not be muted: %s", ctx.state.pbx, answer.text)

"""Muting one end of a call: nobody hears it, or it hears nothing.

Neither an event nor a list tells who is muted. So the panel notes it, also on the channel, before it mutes, and takes
the note away after it has unmuted: whoever it has muted is shown as such, whatever fails in between. What somebody
else mutes it cannot know. In a conference its moderators mute, and see who is muted: whoever enters one is unmuted.
"""

from dataclasses import dataclass
from functools import partial

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from engine.ami import actions
from engine.ami.protocol import CHANNEL_FIELDS, Message
from engine.mirror.commands import Outcome
from engine.mirror.context import CommandContext
from engine.mirror.registry import job, on
from engine.mirror.sanitize import exact
from engine.mirror.state import State
from engine.mirror.verbs import Builder, Feature, Parameters, Weight, parameter, verb

from .commands import CHANNEL
from .control import IN_CALLS, not_possible
from .models import Bridge, Channel

# Where it is noted, as a value of `Channel.Muted`.
VARIABLE = "PBXPANEL_MUTED"

MUTING = Feature(gettext_noop("muting one end of a call"), Weight.USEFUL, ("Status",))

_PARTS = {"": set[str](), "in": {"in"}, "out": {"out"}, "all": {"in", "out"}}
_ACTIONS: list[Builder] = [actions.setvar, actions.mute_audio]
_verb = partial(verb, target=CHANNEL, rule=IN_CALLS, actions=_ACTIONS, feature=MUTING)


@dataclass(frozen=True, slots=True)
class Direction(Parameters):
    """`direction`: `in`, what comes from this end; `out`, what goes to it."""

    direction: str = parameter(
        forms.ChoiceField(
            choices=[("in", ""), ("out", "")],
            error_messages=dict.fromkeys(("required", "invalid_choice"), gettext_lazy("Choose what to mute.")),
        )
    )


def read_note(state: State, row: Channel, noted: dict[str, str]) -> None:
    """What the panel has noted on a channel, when a link comes up."""
    muted = noted.get(VARIABLE, "")
    state.table(Channel).change(row, muted=muted if muted in Channel.Muted else "")


async def _note(ctx: CommandContext, channel: Channel, parts: set[str]) -> Outcome:
    """These parts are muted: on the card, and by `Setvar` on the channel."""
    muted = next(name for name, those in _PARTS.items() if those == parts)
    ctx.state.table(Channel).change(channel, muted=muted)
    return await ctx.run(actions.setvar(channel.name, VARIABLE, muted))


@_verb(
    "mute",
    gettext_lazy("Mute"),
    parameters=Direction,
    describe=lambda channel, wanted: f"{channel} ({wanted.direction})",
    example={"direction": "in"},
)
async def mute(ctx: CommandContext, channel: Channel, wanted: Direction) -> Outcome:
    """`MuteAudio` of one direction, once it is noted."""
    before, part = _PARTS[channel.muted], _PARTS[wanted.direction]
    if not channel.is_up:
        return not_possible(gettext_noop("Only a call that was answered can be muted."))
    if _is_in_conference(ctx.state, channel):
        return not_possible(gettext_noop("Somebody in a conference is muted on the page of the conference."))
    if part <= before:
        return not_possible(gettext_noop("This is already muted."))
    outcome = await _note(ctx, channel, before | part)
    if outcome.done:
        outcome = await ctx.run(actions.mute_audio(channel.name, wanted.direction, muted=True))
    if not outcome.done:
        await _note(ctx, channel, _PARTS[channel.muted] - part)
    return outcome


def _is_in_conference(state: State, channel: Channel) -> bool:
    bridge = state.table(Bridge).get(channel.bridge)
    return channel.application == "ConfBridge" or (bridge is not None and bridge.creator == "ConfBridge")


@_verb(
    "unmute",
    gettext_lazy("Unmute"),
    done=lambda channel, wanted: _("%(who)s is heard, and hears.") % {"who": channel.label},
)
async def unmute(ctx: CommandContext, channel: Channel, parameters: Parameters) -> Outcome:
    """`MuteAudio` of both directions, whatever is noted: somebody else may have muted it."""
    return await _unmute(ctx, channel)


async def _unmute(ctx: CommandContext, channel: Channel) -> Outcome:
    outcome = await ctx.run(actions.mute_audio(channel.name, "all", muted=False))
    return await _note(ctx, channel, set()) if outcome.done else outcome


@on("BridgeEnter", required=CHANNEL_FIELDS)
def enters_conference(state: State, event: Message) -> None:
    row = state.table(Channel).get(exact(event.get("Uniqueid")))
    if row is not None and row.muted and event.get("BridgeCreator") == "ConfBridge":
        state.ask_for_job("unmute", row.uniqueid)


@job("unmute")
async def unmute_in_conference(ctx: CommandContext, uniqueid: str) -> None:
    """`MuteAudio` of whoever has entered a conference: its moderators could neither see nor end it."""
    row = ctx.state.table(Channel).get(uniqueid)
    if row is not None and row.muted:
        await _unmute(ctx, row)

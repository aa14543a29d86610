"""A tone for those who are listened to, where the installation wants one (`LISTEN_TONE`).

A Local channel of the panel's own plays it to both ends of the call by `ChanSpy()`, from the moment the listener begins
until the listener leaves, or the call ends.
"""

from dataclasses import dataclass, field

from django.conf import settings
from django.utils import timezone

from engine.ami import actions
from engine.ami.protocol import CHANNEL_FIELDS, Message
from engine.mirror import dialplan
from engine.mirror.context import CommandContext
from engine.mirror.dialplan import CONTEXT, Steps
from engine.mirror.registry import job, on, when_removed
from engine.mirror.sanitize import exact
from engine.mirror.state import State

from . import placed
from .models import Channel
from .placed import Purpose

# What is played, of Asterisk's own sounds. (PlayTones would not be heard: it waits for audio that nobody sends.)
SOUND = "beep"

_FIELDS = frozenset(f"{prefix}{name}" for prefix in ("Spyer", "Spyee") for name in CHANNEL_FIELDS)


def extensions(every: int) -> dict[str, Steps]:
    """Its dialplan: one half of the Local channel is heard by both ends, the other plays, every so many seconds."""
    return {
        "listened": (("Answer", ""), ("ChanSpy", "${PBXPANEL_LISTENED},uqEB")),
        "tone": (("Answer", ""), ("Playback", SOUND), ("Wait", str(every)), ("Goto", "2")),
    }


@dataclass(slots=True)
class Tones:
    """The channel that listens → the one that plays, by unique ids."""

    playing: dict[str, str] = field(default_factory=dict)


@on("ChanSpyStart", required=_FIELDS)
def somebody_listens(state: State, event: Message) -> None:
    spyer, spyee = exact(event.get("SpyerUniqueid")), exact(event.get("SpyeeUniqueid"))
    call = state.memory(placed.PlacedCalls).calls.get(spyer)
    if settings.LISTEN_TONE and call is not None and call.purpose is Purpose.LISTEN:
        state.memory(Tones).playing[spyer] = placed.new_uniqueids(timezone.now())[0]
        state.ask_for_job("listen-tone", f"{spyer}\0{spyee}")


@on("ChanSpyStop", required=_FIELDS)
def nobody_listens(state: State, event: Message) -> None:
    tone = state.memory(Tones).playing.pop(exact(event.get("SpyerUniqueid")), "")
    if tone:
        state.ask_for_job("listen-tone-over", tone)


@when_removed(Channel)
def listener_goes(state: State, channel: Channel) -> None:
    """Where nothing told that it was over."""
    if tone := state.memory(Tones).playing.pop(channel.uniqueid, ""):
        state.ask_for_job("listen-tone-over", tone)


@job("listen-tone")
async def begin(ctx: CommandContext, key: str) -> None:
    """`Originate` of the channel that plays, unless the listener has left meanwhile."""
    spyer, spyee = key.split("\0")
    written = await dialplan.write(ctx, extensions(settings.LISTEN_TONE))
    tone = ctx.state.memory(Tones).playing.get(spyer)
    if not written.done or tone is None:
        return
    await ctx.ask(
        actions.originate(
            f"Local/listened@{CONTEXT}/n",
            CONTEXT,
            "tone",
            timeout=10,
            uniqueids=(tone, ""),
            variables=[("__PBXPANEL_LISTENED", spyee)],
        )
    )
    if spyer not in ctx.state.memory(Tones).playing:  # it has left while this was on its way
        ctx.state.ask_for_job("listen-tone-over", tone)


@job("listen-tone-over")
async def end(ctx: CommandContext, tone: str) -> None:
    """`Hangup` of the channel that plays."""
    table = ctx.state.table(Channel)
    if await ctx.until(lambda: table.get(tone) is not None, 2.0):
        row = table.get(tone)
        if row is not None:
            await ctx.ask(actions.hangup(row.name))

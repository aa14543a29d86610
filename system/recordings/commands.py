"""Recording a channel: by MixMonitor, and by Monitor where an Asterisk still has it (up to version 20)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from calls.commands import CHANNEL
from calls.models import Channel
from calls.recordings import FORMATS, ONE_WORD, files_in, silence, silent_in
from engine.ami import actions
from engine.ami.protocol import Action
from engine.mirror.commands import Outcome, Status
from engine.mirror.context import CommandContext, outcome_of, send_all
from engine.mirror.registry import lookup
from engine.mirror.verbs import Feature, Parameters, Rule, Verb, Weight, verb

MONITORS = {
    "monitor": "Monitor", "stop-monitor": "StopMonitor", "change-monitor": "ChangeMonitor",
    "pause-monitor": "PauseMonitor", "unpause-monitor": "UnpauseMonitor",
}  # fmt: skip
# Our own refusals; the views put them into words.
RUNS, RUNS_NOT = "Monitor is already running", "Monitor is not running"
# A MixMonitorID.
ID = re.compile(r"0x[0-9a-f]{1,16}")


@lookup("system.recordings.list")
async def recordings(ctx: CommandContext, parameters: Mapping[str, Any]) -> Outcome:
    """What is recorded of `channels`, their names by unique id.

    Data: `of`, for each: `files`, id and names of each MixMonitor, the newest first (None: Asterisk does not say);
    `muted`, the directions reported as muted; `monitored`, whether Monitor runs. `actions`, which of those for Monitor
    there are; `formats`, endings that this Asterisk can write.
    """
    channels: dict[str, str] = parameters["channels"]
    async with ctx.aside() as session:
        known = (await session.ask(actions.list_commands(), timeout=ctx.left)).response
        there = [verb for verb, name in MONITORS.items() if known.get(name)]
        formats = await session.ask(actions.command("core show file formats"), timeout=ctx.left)
        asked = {uniqueid: name for uniqueid, name in channels.items() if ONE_WORD.fullmatch(name)}
        lists = await send_all(ctx, session, (actions.list_mix_monitors(name) for name in asked.values()))
        monitored = await send_all(ctx, session, map(_monitored, channels.values() if there else ()))
    found = {}
    answers = dict(zip(asked, lists, strict=True))
    for at, uniqueid in enumerate(channels):
        files = files_in(answers[uniqueid].response.output) if uniqueid in answers else None
        found[uniqueid] = {
            "files": files,
            "muted": silent_in(ctx.state, uniqueid),
            "monitored": bool(there) and monitored[at].response.get("Value") == "true",
        }
    data = {
        "of": found,
        "actions": there,
        "may_record": bool(known.get("MixMonitor")),
        "formats": formats_in(formats.response.output),
    }
    return Outcome(Status.DONE, data=data)


RECORDING = Feature(gettext_noop("recording of single channels"), Weight.ADMINISTRATIVE)
_verb = partial(
    verb,
    target=CHANNEL,
    rule=Rule("system.record_calls"),
    view="system-recording-act",
    topic=lambda channel, wanted: "recording",
)
of_mix_monitor = partial(_verb, feature=RECORDING)


@dataclass(frozen=True, slots=True)
class Start(Parameters):
    """Into which `file`, with which `options` of MixMonitor's."""

    file: str
    options: str


@of_mix_monitor(
    "record-channel",
    _("Record a channel"),
    parameters=Start,
    actions=[actions.mix_monitor],
    optional=[actions.getvar],
    describe=lambda channel, wanted: f"{channel.name} into {wanted.file}",
)
async def start(ctx: CommandContext, channel: Channel, wanted: Start) -> Outcome:
    """`MixMonitor`. Data: `path`, where Asterisk writes it."""
    async with ctx.aside() as session:
        action = actions.mix_monitor(channel.name, wanted.file, wanted.options)
        answer = await session.ask(action, timeout=ctx.left)
        if not answer.ok:
            return outcome_of(answer)
        where = await session.ask(actions.getvar(channel.name, "MIXMONITOR_FILENAME"), timeout=ctx.left)
    return Outcome(Status.DONE, data={"path": where.response.get("Value"), "id": answer.response.get("MixMonitorID")})


@dataclass(frozen=True, slots=True)
class Stop(Parameters):
    """Which `recording`, a MixMonitorID; empty for all."""

    recording: str


@of_mix_monitor(
    "stop-recording-channel",
    _("Stop recording a channel"),
    parameters=Stop,
    actions=[actions.stop_mix_monitor],
)
async def stop(ctx: CommandContext, channel: Channel, wanted: Stop) -> Outcome:
    """`StopMixMonitor`."""
    return await ctx.run(actions.stop_mix_monitor(channel.name, wanted.recording))


@dataclass(frozen=True, slots=True)
class Direction(Parameters):
    """One of `DIRECTIONS`."""

    direction: str


_SILENCES = [actions.mix_monitor_mute, actions.setvar]


@of_mix_monitor("mute-recording", _("Mute a recording"), parameters=Direction, actions=_SILENCES)
async def mute_recording(ctx: CommandContext, channel: Channel, wanted: Direction) -> Outcome:
    """From now on it is silent in every recording of the channel."""
    return await _silence(ctx, channel, wanted, muted=True)


@of_mix_monitor("unmute-recording", _("Unmute a recording"), parameters=Direction, actions=_SILENCES)
async def unmute_recording(ctx: CommandContext, channel: Channel, wanted: Direction) -> Outcome:
    """The contrary."""
    return await _silence(ctx, channel, wanted, muted=False)


async def _silence(ctx: CommandContext, channel: Channel, wanted: Direction, *, muted: bool) -> Outcome:
    silent = set(silent_in(ctx.state, channel.uniqueid))
    return await silence(ctx, channel, silent, wanted.direction, muted=muted)


# Monitor, of which Asterisk does not say where it would do nothing. Versions from 21 have it no more, so the doctor
# names no feature.


@dataclass(frozen=True, slots=True)
class File(Parameters):
    """The name of a `file`, and its `extension`."""

    file: str
    extension: str


async def _monitor(ctx: CommandContext, channel: Channel, action: Action, *, runs: bool = True) -> Outcome:
    """Send it if Monitor `runs` on the channel, or does not."""
    async with ctx.aside() as session:
        answer = await session.ask(_monitored(channel.name), timeout=ctx.left)
        if not answer.ok:
            return outcome_of(answer)
        if (answer.response.get("Value") == "true") != runs:
            return Outcome(Status.NOT_POSSIBLE, RUNS_NOT if runs else RUNS)
        return outcome_of(await session.ask(action, timeout=ctx.left))


@_verb("monitor", _("Record a channel with Monitor"), parameters=File, actions=[actions.getvar, actions.monitor])
async def monitor(ctx: CommandContext, channel: Channel, wanted: File) -> Outcome:
    """`Monitor`."""
    return await _monitor(ctx, channel, actions.monitor(channel.name, wanted.file, wanted.extension), runs=False)


@_verb("stop-monitor", _("Stop Monitor on a channel"), actions=[actions.getvar, actions.stop_monitor])
async def stop_monitor(ctx: CommandContext, channel: Channel, parameters: Parameters) -> Outcome:
    """`StopMonitor`."""
    return await _monitor(ctx, channel, actions.stop_monitor(channel.name))


@_verb(
    "change-monitor", _("Change the Monitor file"), parameters=File, actions=[actions.getvar, actions.change_monitor]
)
async def change_monitor(ctx: CommandContext, channel: Channel, wanted: File) -> Outcome:
    """`ChangeMonitor`."""
    return await _monitor(ctx, channel, actions.change_monitor(channel.name, wanted.file))


@_verb("pause-monitor", _("Pause Monitor on a channel"), actions=[actions.getvar, actions.pause_monitor])
async def pause_monitor(ctx: CommandContext, channel: Channel, parameters: Parameters) -> Outcome:
    """`PauseMonitor`."""
    return await _monitor(ctx, channel, actions.pause_monitor(channel.name))


@_verb("unpause-monitor", _("Resume Monitor on a channel"), actions=[actions.getvar, actions.unpause_monitor])
async def unpause_monitor(ctx: CommandContext, channel: Channel, parameters: Parameters) -> Outcome:
    """`UnpauseMonitor`."""
    return await _monitor(ctx, channel, actions.unpause_monitor(channel.name))


# The last part of the address of the page's view → the verb.
VERBS: Mapping[str, Verb[Channel, Any]] = {
    "record": start,
    "stop": stop,
    "mute": mute_recording,
    "unmute": unmute_recording,
    "monitor": monitor,
    "stop-monitor": stop_monitor,
    "change-monitor": change_monitor,
    "pause-monitor": pause_monitor,
    "unpause-monitor": unpause_monitor,
}


def formats_in(lines: list[str]) -> list[str]:
    """What `core show file formats` prints → those of `FORMATS` that are there; wav where it does not tell."""
    known = {ending for line in lines if line.split() for ending in line.split()[-1].split("|")}
    return [ending for ending in FORMATS if ending in known] or ["wav"]


def _monitored(channel: str) -> Action:
    """Monitor sets this, and takes it away when it ends."""
    return actions.getvar(channel, "MONITORED")

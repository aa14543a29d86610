"""Recording a channel: by MixMonitor, and by Monitor where an Asterisk still has it (up to version 20)."""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from engine.ami import actions
from engine.ami.protocol import CHANNEL_FIELDS, Action, Message
from engine.mirror.commands import Outcome, Status
from engine.mirror.context import CommandContext, outcome_of, send_all
from engine.mirror.registry import command_handler, on
from engine.mirror.state import State

# Endings of files that are offered, where this Asterisk knows their format: in any other it would write raw audio.
FORMATS = ("wav", "wav16", "gsm", "g722", "ulaw", "alaw", "sln")
# What can be asked of MixMonitor beside the file: the name in our form → its letter. Not its beeps: started by AMI, it
# plays them before it answers, and the channel stands still; the repeated one needs a module that may be missing.
OPTIONS = {"bridged": "b", "append": "a"}
DIRECTIONS = {"both": {"read", "write"}, "read": {"read"}, "write": {"write"}}
MONITORS = {
    "monitor": "Monitor", "stop-monitor": "StopMonitor", "change-monitor": "ChangeMonitor",
    "pause-monitor": "PauseMonitor", "unpause-monitor": "UnpauseMonitor",
}  # fmt: skip
# Our own refusals; the views put them into words.
RUNS, RUNS_NOT = "Monitor is already running", "Monitor is not running"
# Where MixMonitor leaves its id.
_ID_VARIABLE = "PBXPANEL_MIXMONITOR"
# Letters and digits of any script, and what neither Asterisk nor a shell reads as more than itself.
_NAME = re.compile(r"\w[\w.@+=-]*(/\w[\w.@+=-]*)*")

# A MixMonitorID.
ID = re.compile(r"0x[0-9a-f]{1,16}")
# A channel's name that the CLI takes for one argument.
_ONE_WORD = re.compile(r"[^\s\"\\]+")

# Channel → the directions that were reported as muted since the link has been up.
_muted: WeakKeyDictionary[State, dict[str, set[str]]] = WeakKeyDictionary()


def is_safe(name: str) -> bool:
    """Whether a file of this name lies in the spool's monitor folder, or one within, and nothing else is meant."""
    return bool(_NAME.fullmatch(name)) and ".." not in name and len(name) <= 100


def options(wanted: Iterable[str], sides: str = "", extension: str = "") -> str:
    """The names of `OPTIONS` that are wanted; `sides` is the name of the files for each side, if wanted."""
    letters = "".join(letter for name, letter in OPTIONS.items() if name in set(wanted))
    if sides:
        letters += f"r({sides}-in.{extension})t({sides}-out.{extension})"
    return f"{letters}i({_ID_VARIABLE})"


@on("MixMonitorMute", required=CHANNEL_FIELDS)
def mute(state: State, event: Message) -> None:
    """Asterisk reports it when it happens, and never again."""
    muted = _muted.setdefault(state, {}).setdefault(event.get("Uniqueid"), set())
    directions = DIRECTIONS.get(event.get("Direction").lower(), set())
    if event.get("State") == "1":
        muted |= directions
    else:
        muted -= directions


@on("FullyBooted")
def link_comes_up(state: State, event: Message) -> None:
    """Nothing says what was unmuted while we were not listening."""
    _muted.pop(state, None)


@on("Hangup", required=CHANNEL_FIELDS)
def hung_up(state: State, event: Message) -> None:
    _muted.get(state, {}).pop(event.get("Uniqueid"), None)


@command_handler("system.recordings.list")
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
        asked = {uniqueid: name for uniqueid, name in channels.items() if _ONE_WORD.fullmatch(name)}
        lists = await send_all(ctx, session, (actions.command(f"mixmonitor list {name}") for name in asked.values()))
        monitored = await send_all(ctx, session, map(_monitored, channels.values() if there else ()))
    found = {}
    answers = dict(zip(asked, lists, strict=True))
    muted = _muted.setdefault(ctx.state, {})
    for at, uniqueid in enumerate(channels):
        files = files_in(answers[uniqueid].response.output) if uniqueid in answers else None
        if files == []:
            muted.pop(uniqueid, None)
        found[uniqueid] = {
            "files": files,
            "muted": sorted(muted.get(uniqueid, ())),
            "monitored": bool(there) and monitored[at].response.get("Value") == "true",
        }
    data = {
        "of": found,
        "actions": there,
        "may_record": bool(known.get("MixMonitor")),
        "formats": formats_in(formats.response.output),
    }
    return Outcome(Status.DONE, data=data)


@command_handler("system.recordings.start")
async def start(ctx: CommandContext, parameters: Mapping[str, Any]) -> Outcome:
    """`MixMonitor` on a `channel` into a `file`, with `options`. Data: `path`, where Asterisk writes it."""
    channel = parameters["channel"]
    async with ctx.aside() as session:
        action = actions.mix_monitor(channel, parameters["file"], parameters["options"])
        answer = await session.ask(action, timeout=ctx.left)
        if not answer.ok:
            return outcome_of(answer)
        where = await session.ask(actions.getvar(channel, "MIXMONITOR_FILENAME"), timeout=ctx.left)
    return Outcome(Status.DONE, data={"path": where.response.get("Value"), "id": answer.response.get("MixMonitorID")})


@command_handler("system.recordings.monitor")
async def monitor(ctx: CommandContext, parameters: Mapping[str, Any]) -> Outcome:
    """One of `MONITORS`, the `verb`, on a `channel`; refused where it would do nothing, which Asterisk does not say."""
    verb, channel, file = parameters["verb"], parameters["channel"], parameters["file"]
    async with ctx.aside() as session:
        answer = await session.ask(_monitored(channel), timeout=ctx.left)
        if not answer.ok:
            return outcome_of(answer)
        runs = answer.response.get("Value") == "true"
        if runs == (verb == "monitor"):
            return Outcome(Status.REFUSED, RUNS if runs else RUNS_NOT)
        wanted = {
            "monitor": lambda: actions.monitor(channel, file, parameters["extension"]),
            "stop-monitor": lambda: actions.stop_monitor(channel),
            "change-monitor": lambda: actions.change_monitor(channel, file),
            "pause-monitor": lambda: actions.pause_monitor(channel),
            "unpause-monitor": lambda: actions.unpause_monitor(channel),
        }[verb]()
        return outcome_of(await session.ask(wanted, timeout=ctx.left))


def files_in(lines: list[str]) -> list[list[str]] | None:
    """What `mixmonitor list` prints → id, file, file of what comes in and of what goes out, of each; without endings.

    None where it is not the list: the manager user may give no command, or the channel is gone.
    """
    if not lines or not lines[0].startswith("MixMonitor ID"):
        return None
    rows = [line.split("\t") for line in lines[2:] if line.startswith("0x")]
    return [[*row, "", "", ""][:4] for row in rows]


def formats_in(lines: list[str]) -> list[str]:
    """What `core show file formats` prints → those of `FORMATS` that are there; wav where it does not tell."""
    known = {ending for line in lines if line.split() for ending in line.split()[-1].split("|")}
    return [ending for ending in FORMATS if ending in known] or ["wav"]


def _monitored(channel: str) -> Action:
    """Monitor sets this, and takes it away when it ends."""
    return actions.getvar(channel, "MONITORED")

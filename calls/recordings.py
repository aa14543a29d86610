"""Recording of calls by MixMonitor: which channels are recorded, into which file, and what is silent there meanwhile.

Asterisk tells when a recording starts, stops or is muted. No list says which run, and nothing at all says later what is
silent in them, so the panel notes that on the channel, and reads its note when a link comes up.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from engine.ami import actions
from engine.ami.protocol import CHANNEL_FIELDS, Message
from engine.mirror.commands import Outcome
from engine.mirror.context import CommandContext
from engine.mirror.registry import first_snapshot_step, on, refreshes, when_removed
from engine.mirror.sanitize import clean, exact
from engine.mirror.state import State
from engine.mirror.sync import Snapshot
from engine.mirror.verbs import Builder, Feature, Parameters, Rule, Weight, permission, verb

from . import muting
from .commands import CHANNEL
from .control import is_in_my_call, not_possible, partners
from .models import Channel

# Endings of files that are offered, where this Asterisk knows their format: in any other it would write raw audio.
FORMATS = ("wav", "wav16", "gsm", "g722", "ulaw", "alaw", "sln")
# What can be asked of MixMonitor beside the file: the name in our form → its letter. Not its beeps: started by AMI, it
# plays them before it answers, and the channel stands still; the repeated one needs a module that may be missing.
OPTIONS = {"bridged": "b", "append": "a"}
# What MixMonitorMute silences → what of the channel that is: what comes from it, and what goes to it.
DIRECTIONS = {"both": {"read", "write"}, "read": {"read"}, "write": {"write"}}
# Where MixMonitor leaves its id, and the name of the file that it was given last.
_ID_VARIABLE, _FILE_VARIABLE = "PBXPANEL_MIXMONITOR", "MIXMONITOR_FILENAME"
# Where the panel notes which directions are silent, by a name of `DIRECTIONS`.
_SILENT_VARIABLE = "PBXPANEL_SILENT"
# Letters and digits of any script, and what neither Asterisk nor a shell reads as more than itself.
_NAME = re.compile(r"\w[\w.@+=-]*(/\w[\w.@+=-]*)*")
# A channel's name that the CLI takes for one argument.
ONE_WORD = re.compile(r"[^\s\"\\]+")
# How soon an event tells of what was done, in seconds; and how many recordings of one channel are stopped at a time.
TOLD_WITHIN, MOST_STOPPED = 2.0, 10
# What Asterisk says where there is nothing to stop, or to mute.
_NOTHING_THERE = ("Could not stop monitoring channel", "Cannot set mute flag")

RECORD_OWN = permission(
    "calls.channel", "record_own", gettext_lazy("Can record own calls"), ("Operator", "Administrator")
)
RECORD_ANY = permission("calls.channel", "record_any", gettext_lazy("Can record any call"), ("Administrator",))

RECORDING = Feature(
    gettext_noop("recording of calls"),
    Weight.USEFUL,
    ("Status", "Getvar", "Command"),
    ("MixMonitorStart", "MixMonitorStop", "MixMonitorMute"),
)


def is_safe(name: str) -> bool:
    """Whether a file of this name lies in the spool's monitor folder, or one within, and nothing else is meant."""
    return bool(_NAME.fullmatch(name)) and ".." not in name and len(name) <= 100


def options(wanted: Iterable[str], sides: str = "", extension: str = "") -> str:
    """The names of `OPTIONS` that are wanted; `sides` is the name of the files for each side, if wanted."""
    letters = "".join(letter for name, letter in OPTIONS.items() if name in set(wanted))
    if sides:
        letters += f"r({sides}-in.{extension})t({sides}-out.{extension})"
    return f"{letters}i({_ID_VARIABLE})"


def name_for(channel: Channel) -> str:
    """The name of a file, without its ending: the time, and whose channel it is."""
    who = re.sub(r"[^A-Za-z0-9]+", "-", channel.caller_number or channel.name).strip("-")
    return f"{timezone.localtime():%Y%m%d-%H%M%S}-{who[:40] or 'channel'}"


def files_in(lines: list[str]) -> list[list[str]] | None:
    """What `mixmonitor list` prints → id, file, file of what comes in and of what goes out, of each, the newest first;
    without endings. None where it is not the list: the manager user may give no command, or the channel is gone.
    """
    if not lines or not lines[0].startswith("MixMonitor ID"):
        return None
    rows = [line.split("\t") for line in lines[2:] if line.startswith("0x")]
    return [[*row, "", "", ""][:4] for row in rows]


# What is known of them.


@dataclass(slots=True)
class Recordings:
    """Of each channel that is recorded, by unique id: how many recordings run, and which directions are silent."""

    counts: dict[str, int] = field(default_factory=dict)
    silent: dict[str, set[str]] = field(default_factory=dict)
    # Whose recording was asked for, and is not told of yet.
    starting: set[str] = field(default_factory=set)


def silent_in(state: State, uniqueid: str) -> list[str]:
    """The directions that are silent in the recordings of this channel."""
    return sorted(state.memory(Recordings).silent.get(uniqueid, ()))


def _know(state: State, row: Channel, count: int, silent: set[str]) -> None:
    """So many recordings of the channel run, in which these directions are silent."""
    known, uniqueid = state.memory(Recordings), row.uniqueid
    known.counts[uniqueid], known.silent[uniqueid] = count, silent
    if not count:
        del known.counts[uniqueid], known.silent[uniqueid]
        state.table(Channel).change(row, recorded="", recording_file="")
        return
    recorded = Channel.Recorded.PART if silent else Channel.Recorded.ON
    if silent == DIRECTIONS["both"]:
        recorded = Channel.Recorded.PAUSED
    state.table(Channel).change(row, recorded=recorded)


def _known(state: State, event: Message) -> tuple[Channel | None, int, set[str]]:
    """The channel that an event is about, and what is known of it."""
    known, uniqueid = state.memory(Recordings), exact(event.get("Uniqueid"))
    row = state.table(Channel).get(uniqueid)
    return row, known.counts.get(uniqueid, 0), set(known.silent.get(uniqueid, ()))


@on("MixMonitorStart", required=CHANNEL_FIELDS)
def starts(state: State, event: Message) -> None:
    """In a recording that starts nothing is silent, whatever is in those that run already."""
    row, count, _silent = _known(state, event)
    if row is not None:
        _know(state, row, count + 1, set())
        state.request("recording-file", row.uniqueid)


@on("MixMonitorStop", required=CHANNEL_FIELDS)
def stops(state: State, event: Message) -> None:
    row, count, silent = _known(state, event)
    if row is not None and count:
        _know(state, row, count - 1, silent)
        if count > 1:
            state.request("recordings-left", row.uniqueid)


@on("MixMonitorMute", required=CHANNEL_FIELDS)
def is_muted(state: State, event: Message) -> None:
    """Of all recordings of the channel."""
    row, count, silent = _known(state, event)
    directions = DIRECTIONS.get(event.get("Direction").lower(), set())
    if row is not None and count:
        _know(state, row, count, silent | directions if event.get("State") == "1" else silent - directions)


@when_removed(Channel)
def ends(state: State, row: Channel) -> None:
    known = state.memory(Recordings)
    known.counts.pop(row.uniqueid, None)
    known.silent.pop(row.uniqueid, None)


@refreshes("recording-file")
async def ask_for_the_file(snapshot: Snapshot, uniqueid: str) -> None:
    """`Getvar`: into which file the recording goes that has begun."""
    row = snapshot.state.table(Channel).get(uniqueid)
    if row is not None:
        answer = await snapshot.ask(actions.getvar(row.name, _FILE_VARIABLE))
        _name_file(snapshot.state, row, answer.response.get("Value"))


@refreshes("recordings-left")
async def ask_which_are_left(snapshot: Snapshot, uniqueid: str) -> None:
    """`Command` (`mixmonitor list`), where one of several has stopped: the newest of the others."""
    row = snapshot.state.table(Channel).get(uniqueid)
    if row is not None and ONE_WORD.fullmatch(row.name):
        answer = await snapshot.ask(actions.list_mix_monitors(row.name))
        _name_file(snapshot.state, row, _newest(files_in(answer.response.output) or [], row.recording_file))


def _name_file(state: State, row: Channel, path: str) -> None:
    table = state.table(Channel)
    if table.get(row.uniqueid) is row and row.recorded:
        table.change(row, recording_file=base_name(path))


def base_name(path: str) -> str:
    """The name of a file in whichever folder."""
    return clean(path.rpartition("/")[2], 255)


def _newest(files: list[list[str]], last: str) -> str:
    """The newest of the files that are listed: with its ending where it is the one that was begun `last`."""
    stem = files[0][1] if files else ""
    return last if not stem or base_name(last).startswith(f"{base_name(stem)}.") else stem


@first_snapshot_step
async def ask_what_is_noted(snapshot: Snapshot) -> None:
    """`Status`: what is noted on the channels, and which have ever been recorded; of these `Command`
    (`mixmonitor list`), what still runs. Where the panel's user may give no command, what was recorded counts as such.
    """
    state, table, begun = snapshot.state, snapshot.state.table(Channel), dict[str, dict[str, str]]()

    def fold(event: Message) -> None:
        row, noted = table.get(exact(event.get("Uniqueid"))), noted_in(event)
        if row is not None:
            _know(state, row, 0, set())
            muting.read_note(state, row, noted)
            if noted.get(_FILE_VARIABLE):
                begun[row.uniqueid] = noted

    answer = await snapshot.list(actions.status_with((_FILE_VARIABLE, _SILENT_VARIABLE, muting.VARIABLE)), fold)
    for uniqueid, noted in begun.items() if answer.ok else ():
        row = table.get(uniqueid)
        if row is None:
            continue
        take = partial(_take_list, state, row, noted)
        if ONE_WORD.fullmatch(row.name):
            await snapshot.ask(actions.list_mix_monitors(row.name), on_item=take)
        else:
            take(Message(b""))


def noted_in(event: Message) -> dict[str, str]:
    """The variables that are set, in an item of `Status`."""
    pairs = [text.partition("=") for text in event.all("Variable")]
    return {name: value for name, _equals, value in pairs if value != "(null)"}


def _take_list(state: State, row: Channel, noted: dict[str, str], response: Message) -> None:
    if state.table(Channel).get(row.uniqueid) is not row:
        return
    files = files_in(response.output)
    silent = set(DIRECTIONS.get(noted.get(_SILENT_VARIABLE, ""), ()))
    _know(state, row, 1 if files is None else len(files), silent)
    _name_file(state, row, _newest(files or [], noted[_FILE_VARIABLE]))


# What can be done.


async def silence(ctx: CommandContext, channel: Channel, silent: set[str], direction: str, *, muted: bool) -> Outcome:
    """`MixMonitorMute` of a direction, and `Setvar` of the note of what is then silent.

    Never is more noted than is silent: what is noted is not recorded.
    """
    directions = DIRECTIONS.get(direction, set())
    after = silent | directions if muted else silent - directions
    note = next((name for name, parts in DIRECTIONS.items() if parts == after), "")
    steps = [
        actions.mix_monitor_mute(channel.name, direction, muted=muted),
        actions.setvar(channel.name, _SILENT_VARIABLE, note),
    ]
    outcome = await ctx.run(steps[0 if muted else 1])
    return await ctx.run(steps[1 if muted else 0]) if outcome.done else outcome


@dataclass(frozen=True, slots=True)
class Recording(Parameters):
    """The `file` into which it is recorded."""

    file: str = ""


def _into_a_file(user: User, channel: Channel, wanted: Recording) -> Recording:
    """Its name has the unique id too: two calls of one number may begin within a second."""
    uniqueid = re.sub(r"[^A-Za-z0-9.]+", "-", channel.uniqueid)[-30:].strip(".-")
    return Recording(f"{name_for(channel)}-{uniqueid}.wav")


_verb = partial(verb, target=CHANNEL, rule=Rule(RECORD_ANY, is_in_my_call, RECORD_OWN), feature=RECORDING)
_NOT_RECORDED = gettext_noop("This call is not being recorded.")


@_verb(
    "record",
    gettext_lazy("Record"),
    parameters=Recording,
    actions=[actions.mix_monitor, actions.setvar],
    prepare=_into_a_file,
    describe=lambda channel, wanted: f"{channel} into {wanted.file}",
    done=lambda channel, wanted: (
        _("%(who)s is being recorded into %(file)s.") % {"who": channel.label, "file": wanted.file}
    ),
)
async def record(ctx: CommandContext, channel: Channel, wanted: Recording) -> Outcome:
    """`MixMonitor` of this end: both sides of the call, wherever this end goes, until it hangs up."""
    if not channel.is_up:
        return not_possible(gettext_noop("Only a call that was answered can be recorded."))
    starting, others = ctx.state.memory(Recordings).starting, partners(ctx.state, channel)
    both = [channel, *(others if len(others) == 1 else ())]
    if any(row.recorded or row.uniqueid in starting for row in both):
        return not_possible(gettext_noop("This call is already being recorded."))
    starting.add(channel.uniqueid)
    try:
        outcome = await ctx.run(actions.setvar(channel.name, _SILENT_VARIABLE, ""))
        if outcome.done:
            outcome = await ctx.run(actions.mix_monitor(channel.name, wanted.file, options(())))
        if outcome.done:
            await ctx.until(lambda: bool(channel.recorded), TOLD_WITHIN)
    finally:
        starting.discard(channel.uniqueid)
    return outcome


@_verb("stop-record", gettext_lazy("Stop recording"), actions=[actions.stop_mix_monitor])
async def stop_record(ctx: CommandContext, channel: Channel, parameters: Parameters) -> Outcome:
    """`StopMixMonitor` of each recording of this end, whoever has begun it: from then on it is not recorded."""
    outcome = await ctx.run(actions.stop_mix_monitor(channel.name))
    if outcome.text in _NOTHING_THERE:
        return _is_not_recorded(ctx, channel)
    for _number in range(MOST_STOPPED):
        if not outcome.done or not (await ctx.run(actions.stop_mix_monitor(channel.name))).done:
            break
    await ctx.until(lambda: not channel.recorded, TOLD_WITHIN)
    return outcome


def _is_not_recorded(ctx: CommandContext, channel: Channel) -> Outcome:
    """Asterisk says so, whatever was known."""
    _know(ctx.state, channel, 0, set())
    return not_possible(_NOT_RECORDED)


async def _pause(ctx: CommandContext, channel: Channel, *, muted: bool) -> Outcome:
    silent = set(silent_in(ctx.state, channel.uniqueid))
    outcome = await silence(ctx, channel, silent, "both", muted=muted)
    if outcome.text in _NOTHING_THERE:
        return _is_not_recorded(ctx, channel)
    if outcome.done:
        await ctx.until(lambda: (channel.recorded == Channel.Recorded.PAUSED) == muted, TOLD_WITHIN)
    return outcome


_PAUSES: list[Builder] = [actions.mix_monitor_mute, actions.setvar]


@_verb(
    "pause-record",
    gettext_lazy("Pause recording"),
    actions=_PAUSES,
    done=lambda channel, wanted: (
        _("The recording of %(who)s is paused: until it is resumed, the file holds silence.") % {"who": channel.label}
    ),
)
async def pause_record(ctx: CommandContext, channel: Channel, parameters: Parameters) -> Outcome:
    """`MixMonitorMute` of both directions: the file goes on, with silence."""
    if not channel.recorded:
        return not_possible(_NOT_RECORDED)
    if channel.recorded == Channel.Recorded.PAUSED:
        return not_possible(gettext_noop("The recording is already paused."))
    return await _pause(ctx, channel, muted=True)


@_verb(
    "resume-record",
    gettext_lazy("Resume recording"),
    actions=_PAUSES,
    done=lambda channel, wanted: _("The recording of %(who)s goes on.") % {"who": channel.label},
)
async def resume_record(ctx: CommandContext, channel: Channel, parameters: Parameters) -> Outcome:
    """The contrary."""
    if not channel.recorded:
        return not_possible(_NOT_RECORDED)
    if channel.recorded == Channel.Recorded.ON:
        return not_possible(gettext_noop("The recording is not paused."))
    return await _pause(ctx, channel, muted=False)

"""Whether a conference is recorded, and into which file."""

from engine.ami import actions
from engine.ami.protocol import BRIDGE_FIELDS, Message
from engine.mirror.registry import on, refreshes
from engine.mirror.sanitize import clean
from engine.mirror.state import State
from engine.mirror.sync import Snapshot

from .models import Conference
from .rows import conference_of

# How the name begins of the channel by which ConfBridge records; the conference's name follows.
_RECORDER = "CBRec/"


@on("ConfbridgeRecord", required=BRIDGE_FIELDS)
def records(state: State, event: Message) -> None:
    conference = conference_of(state, event)
    if conference is not None:
        state.table(Conference).change(conference, recording=True)
        state.request("recording", conference.name)


@on("ConfbridgeStopRecord", required=BRIDGE_FIELDS)
def stops_recording(state: State, event: Message) -> None:
    conference = conference_of(state, event)
    if conference is not None:
        state.table(Conference).change(conference, recording=False, recording_file="")


@refreshes("recording")
async def ask_for_the_file(snapshot: Snapshot, name: str) -> None:
    """Into which file a conference is recorded."""
    table, recorders = snapshot.state.table(Conference), await list_recorders(snapshot)
    file = await file_of(snapshot, recorders[name]) if recorders and name in recorders else ""
    conference = table.get(name)
    if conference is not None and conference.recording and file:
        table.change(conference, recording_file=file)


@refreshes("recordings")
async def ask_which_are_recorded(snapshot: Snapshot, _key: str) -> None:
    """Which conferences are recorded, and into which files: what nobody has told before the link came up."""
    table = snapshot.state.table(Conference)
    known = {row.name: row.recording for row in table.rows.values()}
    recorders = await list_recorders(snapshot)
    if recorders is None:
        return
    for name, was_recorded in known.items():
        file = await file_of(snapshot, recorders[name]) if name in recorders else ""
        conference = table.get(name)
        if conference is not None and conference.recording == was_recorded:  # else an event has told meanwhile
            table.change(conference, recording=file != "", recording_file=file)


async def list_recorders(snapshot: Snapshot) -> dict[str, str] | None:
    """`Command` (`core show channels concise`): conference → the channel by which it is recorded.

    None where the panel's user may not ask. Neither an event nor a list tells: AMI does not show the recorder's
    channel, but the CLI does.
    """
    answer = await snapshot.ask(actions.command("core show channels concise"))
    if not answer.ok:
        return None
    channels = (line.partition("!")[0] for line in answer.response.output)
    found = (channel for channel in channels if channel.startswith(_RECORDER))
    return {channel.removeprefix(_RECORDER).rpartition("-")[0]: channel for channel in found}


async def file_of(snapshot: Snapshot, recorder: str) -> str:
    """`Getvar`: the name of the file into which a channel records; where it is not told, the channel's."""
    answer = await snapshot.ask(actions.getvar(recorder, "MIXMONITOR_FILENAME"))
    return clean(answer.response.get("Value").rpartition("/")[2], 255) or recorder

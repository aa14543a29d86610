"""Which AMI event changes a conference or a participant, and how (apps/confbridge/confbridge_manager.c)."""

from collections.abc import Callable
from typing import Any

from pbxpanel.ami import actions
from pbxpanel.ami.protocol import BRIDGE_FIELDS, CHANNEL_FIELDS, Message
from pbxpanel.mirror.registry import on, refreshes, snapshot_step
from pbxpanel.mirror.state import State
from pbxpanel.mirror.sync import Snapshot
from pbxpanel.mirror.text import clean, clean_name, duration, exact

from .models import Conference, Participant

# What Asterisk answers to a list of rooms, or of one room, when there is none: an empty list, not a failure.
NO_CONFERENCE = ("No active conferences.", "No Conference by that name found.")

# What AMI drops at both ends of a value.
_BLANKS = "".join(map(chr, range(33)))


def can_be_asked_for(name: str) -> bool:
    """Whether Asterisk finds a conference by its name in an action: not where AMI drops some of it on the way."""
    return name == name.strip(_BLANKS) and "\ufffd" not in name


def conference_of(state: State, event: Message, *, create: bool = False) -> Conference | None:
    """The conference an event is about.

    Only its start, a join or a list may bring it into being: other events can trail behind its end.
    """
    name = exact(event.get("Conference"))
    table = state.table(Conference)
    conference = table.get(name)
    if conference is None and create and name:
        conference = table.add(name, started_at=state.now())
    return conference


def participant_of(state: State, event: Message, *, create: bool = False) -> Participant | None:
    """The participant an event is about, made equal to the channel snapshot in it. None for one who hung up."""
    uniqueid = exact(event.get("Uniqueid"))
    conference = conference_of(state, event, create=create)
    if not uniqueid or conference is None or state.is_buried(uniqueid):
        return None
    table = state.table(Participant)
    values: dict[str, Any] = {
        "conference": conference.name,
        "channel": exact(event.get("Channel")),
        "caller_number": clean(event.get("CallerIDNum")),
        "caller_name": clean_name(event.get("CallerIDName")),
    }
    if event.get("Admin"):
        values["admin"] = _yes(event, "Admin")
    row = table.get(uniqueid)
    if row is None:
        if not create and state.is_buried(_membership(conference.name, uniqueid)):
            return None  # an event that trails behind his leaving
        return table.add(uniqueid, joined_at=state.now(), **values)
    table.change(row, **values)
    return row


def _membership(conference: str, uniqueid: str) -> str:
    return f"{conference}/{uniqueid}"


def _yes(event: Message, field: str) -> bool:
    return event.get(field).lower() == "yes"


@on("ConfbridgeStart", bearing=BRIDGE_FIELDS)
def starts(state: State, event: Message) -> None:
    conference_of(state, event, create=True)


@on("ConfbridgeEnd", bearing=BRIDGE_FIELDS)
def ends(state: State, event: Message) -> None:
    name = exact(event.get("Conference"))
    state.table(Conference).remove(name)
    participants = state.table(Participant)
    for row in participants.where("conference", name):
        participants.remove(row.uniqueid)


@on("ConfbridgeJoin", bearing=CHANNEL_FIELDS)
def joins(state: State, event: Message) -> None:
    row = participant_of(state, event, create=True)
    if row is not None:
        state.table(Participant).change(row, muted=_yes(event, "Muted"))
        # Who is marked, and who waits for him, only a list tells.
        state.request("conference", row.conference)


@on("Newexten", bearing=CHANNEL_FIELDS)
def comes(state: State, event: Message) -> None:
    """Who still hears the prompt has not joined, but a list names him."""
    if event.get("Application") == "ConfBridge":
        state.request("conference", exact(event.get("AppData").partition(",")[0]))


@on("ConfbridgeLeave", bearing=CHANNEL_FIELDS)
def leaves(state: State, event: Message) -> None:
    uniqueid = exact(event.get("Uniqueid"))
    state.table(Participant).remove(uniqueid)
    name = exact(event.get("Conference"))
    state.bury(_membership(name, uniqueid))
    if name in state.table(Conference).rows:
        state.request("conference", name)


@on("Hangup", bearing=CHANNEL_FIELDS)
def hangs_up(state: State, event: Message) -> None:
    state.table(Participant).remove(exact(event.get("Uniqueid")))


@on("ConfbridgeTalking", bearing=CHANNEL_FIELDS)
def talks(state: State, event: Message) -> None:
    row = participant_of(state, event)
    if row is not None:
        state.table(Participant).change(row, talking=event.get("TalkingStatus") == "on")


@on("ConfbridgeMute", "ConfbridgeUnmute", bearing=CHANNEL_FIELDS)
def mutes(state: State, event: Message) -> None:
    row = participant_of(state, event)
    if row is not None:
        muted = event.name == "ConfbridgeMute"
        state.table(Participant).change(row, muted=muted, **({"talking": False} if muted else {}))


@on("NewCallerid", bearing=CHANNEL_FIELDS)
def renames(state: State, event: Message) -> None:
    table = state.table(Participant)
    row = table.get(exact(event.get("Uniqueid")))
    if row is not None:
        number, name = clean(event.get("CallerIDNum")), clean_name(event.get("CallerIDName"))
        table.change(row, caller_number=number, caller_name=name)


@on("Rename")
def channel_renamed(state: State, event: Message) -> None:
    table = state.table(Participant)
    row = table.get(exact(event.get("Uniqueid")))
    if row is not None and row.channel == exact(event.get("Channel")):
        table.change(row, channel=exact(event.get("Newname")))


def _sets(field: str, value: bool) -> Callable[[State, Message], None]:
    def change(state: State, event: Message) -> None:
        conference = conference_of(state, event)
        if conference is not None:
            state.table(Conference).change(conference, **{field: value})

    return change


on("ConfbridgeRecord", bearing=BRIDGE_FIELDS)(_sets("recording", True))
on("ConfbridgeStopRecord", bearing=BRIDGE_FIELDS)(_sets("recording", False))


@snapshot_step
async def list_conferences(snapshot: Snapshot) -> None:
    """`ConfbridgeListRooms`, and `ConfbridgeList` for each; those that no list names are over."""
    state = snapshot.state
    known = snapshot.known(Conference)
    named, complete = await list_rooms(snapshot)
    if complete:
        snapshot.sweep(Conference, known, named)
    for name in named:
        complete &= await list_participants(snapshot, name)
    if complete:
        snapshot.whole.add(Participant)
    participants = state.table(Participant)
    for row in list(participants.rows.values()):
        if row.conference not in state.table(Conference).rows:
            participants.remove(row.uniqueid)


async def list_rooms(snapshot: Snapshot) -> tuple[set[str], bool]:
    """`ConfbridgeListRooms`: whether each conference is locked or muted.

    Returns the names of those that run, and whether these are all (they are not where the list was refused).
    """
    state, named = snapshot.state, set[str]()

    def fold(event: Message) -> None:
        conference = conference_of(state, event, create=True)
        if conference is not None:
            named.add(conference.name)
            state.table(Conference).change(conference, locked=_yes(event, "Locked"), muted=_yes(event, "Muted"))

    answer = await snapshot.list(actions.confbridge_list_rooms(), fold)
    return named, answer.ok or answer.text in NO_CONFERENCE


@refreshes("conference")
async def refresh(snapshot: Snapshot, name: str) -> None:
    """Read anew what no event tells: that it was locked, who is marked, who waits."""
    await list_rooms(snapshot)
    await list_participants(snapshot, name)


async def list_participants(snapshot: Snapshot, name: str) -> bool:
    """`ConfbridgeList`: who is in a conference, and whether he is admin, marked, waiting, muted.

    Returns whether these are all (they are not where the list was refused, or cannot be asked for).
    """
    if not can_be_asked_for(name):
        return False
    state, named = snapshot.state, set[str]()
    table = state.table(Participant)
    known = {row.uniqueid: row for row in table.where("conference", name)}
    conference_asked = state.table(Conference).get(name)

    def fold(event: Message) -> None:
        uniqueid = exact(event.get("Uniqueid"))
        is_new = table.get(uniqueid) is None
        row = participant_of(state, event, create=True)
        if row is None:
            return
        named.add(row.uniqueid)
        values: dict[str, Any] = {
            "marked": _yes(event, "MarkedUser"),
            "waiting": _yes(event, "Waiting"),
            "muted": _yes(event, "Muted"),
            "talking": _yes(event, "Talking"),
        }
        if is_new:
            values["joined_at"] = state.now() - duration(event.get("AnsweredTime"))
        table.change(row, **values)
        conference = state.table(Conference).get(name)
        if conference is not None and row.joined_at < conference.started_at:
            # It was first heard of in a list: it has run at least as long as its oldest participant is in it.
            state.table(Conference).change(conference, started_at=row.joined_at)

    answer = await snapshot.list(actions.confbridge_list(name), fold)
    over = answer.text in NO_CONFERENCE
    if over and state.table(Conference).get(name) is conference_asked:  # else another has begun since
        state.table(Conference).remove(name)
    if over or answer.ok:
        snapshot.remove_unnamed(Participant, known, named)
    return over or answer.ok

"""What is read of conferences from Asterisk's lists: when the link comes up, and of one conference when needed."""

from contextlib import nullcontext
from datetime import timedelta
from typing import Any

from engine.ami import actions
from engine.ami.protocol import Message
from engine.mirror.registry import refreshes, snapshot_step
from engine.mirror.sanitize import duration, exact
from engine.mirror.state import State
from engine.mirror.sync import Snapshot

from .models import Conference, Participant
from .muting import has_pressed_a_key, silence_in_lecture
from .records.models import ConferenceRecord
from .rows import conference_of, participant_of, says_yes
from .talking import start_talking, stop_talking
from .targets import can_be_asked_for

# What Asterisk answers to a list of rooms, or of one room, when there is none: an empty list, not a failure.
NO_CONFERENCE = ("No active conferences.", "No Conference by that name found.")


@snapshot_step
async def list_conferences(snapshot: Snapshot) -> None:
    """`ConfbridgeListRooms`, and `ConfbridgeList` for each; those that no list names are over."""
    state = snapshot.state
    with state.at_last_contact():
        for row in state.table(Participant).rows.values():
            # Whether they went on talking while nobody listened is not known, so it is not counted.
            stop_talking(state, row)
    known = snapshot.known(Conference)
    named, complete = await list_rooms(snapshot)
    if complete:
        with state.at_last_contact():
            snapshot.sweep(Conference, known, named)
    for name in named:
        if await is_another(snapshot, name):
            begin_anew(state, name)
        complete &= await list_participants(snapshot, name, first=True)
    if named:
        state.request("recordings", "")
    if complete:
        snapshot.whole.add(Participant)
    participants = state.table(Participant)
    with state.at_last_contact():
        for row in list(participants.rows.values()):
            if row.conference not in state.table(Conference).rows:
                participants.remove(row.uniqueid)


async def is_another(snapshot: Snapshot, name: str) -> bool:
    """`ConfbridgeList`: whether a conference has ended and one of its name begun while nobody listened.

    So it is where all who were in it are gone.
    """
    before = {row.uniqueid for row in snapshot.state.table(Participant).where("conference", name)}
    if not before or not can_be_asked_for(name):
        return False
    named = set[str]()
    answer = await snapshot.list(actions.confbridge_list(name), lambda event: named.add(exact(event.get("Uniqueid"))))
    return answer.ok and not before & named


def begin_anew(state: State, name: str) -> None:
    """What was known of the former conference, lecture mode too, is not true of this one."""
    conferences, participants = state.table(Conference), state.table(Participant)
    former = conferences.rows[name]
    with state.at_last_contact():
        for row in participants.where("conference", name):
            participants.remove(row.uniqueid)
        conferences.remove(name)
    conferences.add(name, started_at=state.now(), locked=former.locked, muted=former.muted)


async def list_rooms(snapshot: Snapshot) -> tuple[set[str], bool]:
    """`ConfbridgeListRooms`: whether each conference is locked or muted.

    Returns the names of those that run, and whether these are all (they are not where the list was refused).
    """
    state, named = snapshot.state, set[str]()

    def fold(event: Message) -> None:
        conference = conference_of(state, event, create=True)
        if conference is not None:
            named.add(conference.name)
            values = {"locked": says_yes(event, "Locked"), "muted": says_yes(event, "Muted")}
            state.table(Conference).change(conference, **values)

    answer = await snapshot.list(actions.confbridge_list_rooms(), fold)
    return named, answer.ok or answer.text in NO_CONFERENCE


@refreshes("conference")
async def refresh(snapshot: Snapshot, name: str) -> None:
    """Read anew what no event tells: that it was locked, who is marked, who waits."""
    await list_rooms(snapshot)
    await list_participants(snapshot, name)


async def list_participants(snapshot: Snapshot, name: str, *, first: bool = False) -> bool:
    """`ConfbridgeList`: who is in a conference, and whether each is admin, marked, waiting, muted.

    Whoever is named and has not been heard of still hears the prompt; in a `first` snapshot nobody can tell.

    Returns whether these are all (they are not where the list was refused, or cannot be asked for).
    """
    if not can_be_asked_for(name):
        return False
    state, named = snapshot.state, set[str]()
    known = {row.uniqueid: row for row in state.table(Participant).where("conference", name)}
    conference_asked = state.table(Conference).get(name)

    def fold(event: Message) -> None:
        row = _fold_listed(state, event, first=first)
        if row is not None:
            named.add(row.uniqueid)
            _began_before(state, name, row)

    answer = await snapshot.list(actions.confbridge_list(name), fold)
    over = answer.text in NO_CONFERENCE
    if over and state.table(Conference).get(name) is conference_asked:  # else another has begun since
        state.table(Conference).remove(name)
    if over or answer.ok:
        with state.at_last_contact() if first else nullcontext():
            snapshot.remove_unnamed(Participant, known, named)
    return over or answer.ok


def _fold_listed(state: State, event: Message, *, first: bool) -> Participant | None:
    """One entry of `ConfbridgeList`: the participant, made equal to it. None for a channel that has hung up."""
    table = state.table(Participant)
    is_new = table.get(exact(event.get("Uniqueid"))) is None
    since = duration(event.get("AnsweredTime")) if first else timedelta()
    row = participant_of(state, event, create=True, since=since)
    if row is None:
        return None
    values: dict[str, Any] = {
        "marked": says_yes(event, "MarkedUser"),
        "waiting": says_yes(event, "Waiting"),
        "muted": says_yes(event, "Muted"),
    }
    if is_new:
        values["entering"] = not first
    if values["muted"] != row.muted:
        # A list may tell of it before the event does.
        is_own = values["muted"] and has_pressed_a_key(state, row)
        values["muted_by"] = Participant.MutedBy.SELF if is_own else ""
    table.change(row, **values)
    if says_yes(event, "Talking"):
        start_talking(state, row)
    else:
        stop_talking(state, row)
    silence_in_lecture(state, row)
    return row


def _began_before(state: State, name: str, row: Participant) -> None:
    """A conference that was first heard of in a list has run at least as long as its oldest participant is in it."""
    conference = state.table(Conference).get(name)
    if conference is not None and row.joined_at < conference.started_at:
        state.table(Conference).change(conference, started_at=row.joined_at)
        record = state.table(ConferenceRecord).get(conference.record)
        if record is not None:
            state.table(ConferenceRecord).change(record, started_at=row.joined_at)

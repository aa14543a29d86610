"""How conferences and participants come, go and are renamed (apps/confbridge/confbridge_manager.c).

Other events, and what is read from lists, have modules of their own: `talking`, `muting`, `recording`, `profiles`,
`user_events` and `snapshot`. Which rows an event is about: `rows`.
"""

from engine.ami.protocol import BRIDGE_FIELDS, CHANNEL_FIELDS, Message
from engine.mirror.registry import on
from engine.mirror.sanitize import clean, clean_name, exact
from engine.mirror.state import State

from .models import Conference, Participant
from .muting import silence_in_lecture
from .rows import Arrivals, conference_of, membership, participant_of, says_yes


@on("ConfbridgeStart", required=BRIDGE_FIELDS)
def starts(state: State, event: Message) -> None:
    conference_of(state, event, create=True)


@on("ConfbridgeEnd", required=BRIDGE_FIELDS)
def ends(state: State, event: Message) -> None:
    name = exact(event.get("Conference"))
    state.table(Conference).remove(name)
    participants = state.table(Participant)
    for row in participants.where("conference", name):
        participants.remove(row.uniqueid)


@on("ConfbridgeJoin", required=CHANNEL_FIELDS)
def joins(state: State, event: Message) -> None:
    row = participant_of(state, event, create=True)
    if row is not None:
        muted = says_yes(event, "Muted")
        # A list may have named them while they heard the prompt, and does not say by whom they are muted.
        by = (row.muted_by or Participant.MutedBy.START) if muted else ""
        state.table(Participant).change(row, muted=muted, muted_by=by, entering=False)
        silence_in_lecture(state, row)
        # Only a list tells who is marked, and who waits for them.
        state.request("conference", row.conference)


@on("Newexten", required=CHANNEL_FIELDS)
def comes(state: State, event: Message) -> None:
    """Whoever still hears the prompt has not joined, but a list names them."""
    if event.get("Application") == "ConfBridge":
        state.request("conference", exact(event.get("AppData").partition(",")[0]))


@on("ConfbridgeLeave", required=CHANNEL_FIELDS)
def leaves(state: State, event: Message) -> None:
    uniqueid = exact(event.get("Uniqueid"))
    name = exact(event.get("Conference"))
    row = state.table(Participant).get(uniqueid)
    if row is not None and row.conference == name:
        state.table(Participant).remove(uniqueid)
    state.add_tombstone(membership(name, uniqueid))
    if name in state.table(Conference).rows:
        state.request("conference", name)


@on("Hangup", required=CHANNEL_FIELDS)
def hangs_up(state: State, event: Message) -> None:
    uniqueid = exact(event.get("Uniqueid"))
    state.table(Participant).remove(uniqueid)
    state.memory(Arrivals).pop(uniqueid, None)


@on("NewCallerid", required=CHANNEL_FIELDS)
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

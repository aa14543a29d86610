"""The rows that a ConfBridge event is about (fields: apps/confbridge/confbridge_manager.c)."""

from datetime import timedelta
from typing import Any

import calls.events  # noqa: F401  its handlers and lists come first: a participant is a channel
from engine.ami.protocol import Message
from engine.mirror.sanitize import clean, clean_name, exact
from engine.mirror.state import State

from .models import Conference, Participant


class Arrivals(dict[str, dict[str, Any]]):
    """Channels that the panel sends into a conference, by unique id: what is to be known of each where it arrives."""


def conference_of(state: State, event: Message, *, create: bool = False) -> Conference | None:
    """The conference that the event's `Conference` names; None where it does not run.

    Only its start, a join or a list may bring it into being (`create`): other events can trail behind its end.
    """
    name = exact(event.get("Conference"))
    table = state.table(Conference)
    conference = table.get(name)
    if conference is None and create and name:
        conference = table.add(name, started_at=state.now())
    return conference


def participant_of(
    state: State, event: Message, *, create: bool = False, since: timedelta = timedelta()
) -> Participant | None:
    """The participant that the event's `Conference` and `Uniqueid` name, made equal to the channel snapshot in it.

    None for a channel that hung up, and for one that is not in this conference. With `create`, as for conferences, a
    participant who is not known is added, and has been there `since` so long; whether they have joined is for the
    caller to say.
    """
    uniqueid = exact(event.get("Uniqueid"))
    conference = conference_of(state, event, create=create)
    if not uniqueid or conference is None or state.has_tombstone(uniqueid):
        return None
    table = state.table(Participant)
    values: dict[str, Any] = {
        "conference": conference.name,
        "channel": exact(event.get("Channel")),
        "caller_number": clean(event.get("CallerIDNum")),
        "caller_name": clean_name(event.get("CallerIDName")),
    }
    if event.get("Admin"):
        values["admin"] = says_yes(event, "Admin")
    row = table.get(uniqueid)
    if row is not None and row.conference != conference.name:
        if not create:
            return None  # the event trails behind the channel's move into another conference
        table.remove(uniqueid)  # no event has told that the channel left the other conference, or not yet
        row = None
    if row is None:
        if not create and state.has_tombstone(membership(conference.name, uniqueid)):
            return None  # the event trails behind the channel's leaving
        return table.add(uniqueid, joined_at=state.now() - since, entering=True, **values)
    table.change(row, **values)
    return row


def membership(conference: str, uniqueid: str) -> str:
    """The tombstone's key of a channel that has left a conference."""
    return f"{conference}/{uniqueid}"


def says_yes(event: Message, field: str) -> bool:
    """Whether this field of the event is `Yes`."""
    return event.get(field).lower() == "yes"

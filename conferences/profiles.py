"""The profiles by which a conference is entered: what stands behind its name in ConfBridge()'s arguments."""

import calls.events  # noqa: F401  the channel's application is folded first
from calls.models import Channel
from engine.ami.protocol import CHANNEL_FIELDS, Message
from engine.mirror.registry import on
from engine.mirror.sanitize import clean, exact
from engine.mirror.state import State

from .models import Conference, Participant


def arguments_of(state: State, row: Participant) -> str:
    """What stands behind the conference's name in the arguments by which this participant's channel runs ConfBridge().

    Empty where the channel's application is not (yet) known to be ConfBridge, or is so for another conference.
    """
    channel = state.table(Channel).get(row.uniqueid)
    if channel is None or channel.application != "ConfBridge":
        return ""
    name, _comma, arguments = channel.application_data.partition(",")
    return arguments if name == clean(row.conference) else ""


@on("Newexten", required=CHANNEL_FIELDS)
def profiles_are_told_late(state: State, event: Message) -> None:
    """That a channel runs ConfBridge may be told after its join, and only this event has the profiles."""
    if event.get("Application") != "ConfBridge":
        return
    row = state.table(Participant).get(exact(event.get("Uniqueid")))
    if row is not None and not row.arguments:
        state.table(Participant).change(row, arguments=arguments_of(state, row))
        tell_profiles(state, row)


def tell_profiles(state: State, row: Participant) -> None:
    """A conference remembers the first ones by which a plain participant entered."""
    conference = state.table(Conference).get(row.conference)
    if conference is not None and row.arguments and not conference.arguments and not row.admin and not row.aside_from:
        state.table(Conference).change(conference, arguments=row.arguments)

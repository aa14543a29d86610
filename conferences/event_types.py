"""What others are told of conferences and of those who take part in them."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_noop

from calls.models import endpoint_of
from engine.mirror.registry import when_added, when_changed, when_removed
from engine.mirror.state import State
from eventlog.declarations import BOOLEAN, INTEGER, STRING, TIME, EventType, Field, declare, nullable
from eventlog.telling import is_told, tell, time_of

from .models import Conference, Participant
from .records.models import ConferenceRecord
from .rooms.models import permission_for

SEE = "conferences.see_conferences"


def permission_of(data: Mapping[str, Any]) -> str:
    """That of whoever moderates the room."""
    return permission_for(data["pbx"], data["conference"])


_CONFERENCE = (
    Field("id", STRING, "The name of the conference.", "8001"),
    Field("pbx", STRING, "The PBX.", "main"),
    Field("conference", STRING, "The name of the conference.", "8001"),
    Field(
        "started_at",
        TIME,
        "When it began; of one that was found running, when it was found.",
        "2026-11-24T12:00:00.000Z",
    ),
)

CONFERENCE_STARTED = declare(
    EventType(
        "conference.started",
        gettext_noop("A conference has begun, or was found running."),
        _CONFERENCE,
        SEE,
        permission_of,
    )
)
CONFERENCE_ENDED = declare(
    EventType(
        "conference.ended",
        gettext_noop("A conference is over."),
        (
            *_CONFERENCE,
            Field(
                "ended_at",
                TIME,
                "When it ended; where nobody listened then, when the panel last heard of the PBX.",
                "2026-11-24T12:30:00.000Z",
            ),
            Field("peak", INTEGER, "The most who took part at one time.", 7),
        ),
        SEE,
        permission_of,
    )
)

_PARTICIPANT = (
    Field("id", STRING, "The unique id of the participant's channel.", "1732449600.42"),
    Field("pbx", STRING, "The PBX.", "main"),
    Field("conference", STRING, "The name of the conference.", "8001"),
    Field("name", STRING, "The caller's name; empty where none is known.", "Anna Alpha"),
    Field("number", STRING, "The caller's number; empty where none is known.", "101"),
    Field("endpoint", STRING, "The telephone or line; empty for a Local channel.", "PJSIP/101"),
    Field("admin", BOOLEAN, "Whether Asterisk takes them for an admin of the conference.", False),
    Field("muted", BOOLEAN, "Whether they are muted.", False),
    Field("talking", BOOLEAN, "Whether they talk, as far as Asterisk detects it.", False),
    Field("joined_at", TIME, "When they joined.", "2026-11-24T12:00:05.000Z"),
)


def _of_participant(name: str, meaning: str, *more: Field, setting: str = "") -> EventType:
    return declare(EventType(name, meaning, (*_PARTICIPANT, *more), SEE, permission_of, setting))


PARTICIPANT_JOINED = _of_participant(
    "participant.joined", gettext_noop("Somebody has joined a conference, or was found in it.")
)
PARTICIPANT_LEFT = _of_participant(
    "participant.left",
    gettext_noop("A participant has left the conference."),
    Field(
        "left_at",
        TIME,
        "When they left; where nobody listened then, when the panel last heard of the PBX.",
        "2026-11-24T12:20:00.000Z",
    ),
)
_MUTED_BY = Field(
    "muted_by",
    nullable({"type": "string", "enum": [*Participant.MutedBy.values]}),
    "Who has muted them, where that was seen.",
    "moderator",
)
PARTICIPANT_MUTED = _of_participant("participant.muted", gettext_noop("A participant was muted."), _MUTED_BY)
PARTICIPANT_UNMUTED = _of_participant("participant.unmuted", gettext_noop("A participant is no longer muted."))
PARTICIPANT_TALKING = _of_participant(
    "participant.talking",
    gettext_noop(
        "A participant begins or ceases to talk. Told only with `EVENT_LOG_TALKING`, and sent only to who names it."
    ),
    setting="EVENT_LOG_TALKING",
)


def _conference(state: State, row: Conference) -> dict[str, Any]:
    return {"id": row.name, "pbx": state.pbx, "conference": row.name, "started_at": time_of(row.started_at)}


@when_added(Conference)
def starts(state: State, row: Conference) -> None:
    tell(state, CONFERENCE_STARTED, row.name, _conference(state, row))


@when_removed(Conference)
def ends(state: State, row: Conference) -> None:
    record = state.table(ConferenceRecord).get(row.record)
    ended = {"ended_at": _end(state, row.started_at), "peak": record.peak if record is not None else 0}
    tell(state, CONFERENCE_ENDED, row.name, _conference(state, row) | ended)


def _end(state: State, beginning: datetime) -> str | None:
    return time_of(max(state.now(), beginning))


def _tell(state: State, event_type: EventType, row: Participant, **more: Any) -> None:
    """What the panel plays to a conference is nobody."""
    if row.is_voice or not is_told(event_type):
        return
    data = {
        "id": row.uniqueid,
        "pbx": state.pbx,
        "conference": row.conference,
        "name": row.caller_name,
        "number": row.caller_number,
        "endpoint": endpoint_of(row.channel),
        "admin": row.admin,
        "muted": row.muted,
        "talking": row.talking,
        "joined_at": time_of(row.joined_at),
        **more,
    }
    tell(state, event_type, row.uniqueid, data)


@when_added(Participant)
def joins(state: State, row: Participant) -> None:
    """One who still hears the prompt joins later."""
    if not row.entering:
        _tell(state, PARTICIPANT_JOINED, row)


@when_removed(Participant)
def leaves(state: State, row: Participant) -> None:
    if not row.entering:
        _tell(state, PARTICIPANT_LEFT, row, left_at=_end(state, row.joined_at))


@when_changed(Participant, "entering", "muted", "talking")
def changes(state: State, row: Participant, fields: Collection[str]) -> None:
    if row.entering:
        return
    if "entering" in fields:
        _tell(state, PARTICIPANT_JOINED, row)
        return
    if "muted" in fields and row.muted:
        _tell(state, PARTICIPANT_MUTED, row, muted_by=row.muted_by or None)
    elif "muted" in fields:
        _tell(state, PARTICIPANT_UNMUTED, row)
    if "talking" in fields:
        _tell(state, PARTICIPANT_TALKING, row)

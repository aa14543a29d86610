"""Records of conferences and of stays in them, as their rows come and go."""

from engine.mirror.registry import when_added, when_removed
from engine.mirror.state import State

from ..models import Conference, Participant
from ..profiles import arguments_of, tell_profiles
from ..rows import Arrivals
from ..talking import epoch_ms, stop_talking
from .models import Attendance, ConferenceRecord


@when_added(Conference)
def begin_record(state: State, row: Conference) -> None:
    """Each conference has a record, which stays when it is over."""
    key = f"{row.name}/{epoch_ms(row.started_at)}"
    records = state.table(ConferenceRecord)
    if key in records.rows:  # it ended and began anew within a millisecond
        key += f"-{len(records.rows)}"
    state.table(Conference).change(row, record=key)
    records.add(key, name=row.name, started_at=row.started_at)


@when_removed(Conference)
def end_record(state: State, row: Conference) -> None:
    records = state.table(ConferenceRecord)
    record = records.get(row.record)
    if record is not None:
        records.close(record, ended_at=max(state.now(), record.started_at))


@when_added(Participant)
def begin_attendance(state: State, row: Participant) -> None:
    """Each stay has a record, and the profiles by which the participant entered; what the panel plays has none."""
    if row.is_voice:
        return
    participants, attendances = state.table(Participant), state.table(Attendance)
    key = f"{row.uniqueid}/{row.conference}/{epoch_ms(row.joined_at)}"
    if key in attendances.rows:
        key += f"-{len(attendances.rows)}"
    arrival = {"arguments": arguments_of(state, row), **state.memory(Arrivals).pop(row.uniqueid, {})}
    participants.change(row, attendance=key, **arrival)
    conference = state.table(Conference).get(row.conference)
    attendances.add(
        key,
        record=conference.record if conference is not None else "",
        uniqueid=row.uniqueid,
        channel=row.channel,
        caller_number=row.caller_number,
        caller_name=row.caller_name,
        admin=row.admin,
        joined_at=row.joined_at,
    )
    if conference is None:
        return
    tell_profiles(state, row)
    records = state.table(ConferenceRecord)
    record = records.get(conference.record)
    present = len(participants.where("conference", row.conference))
    if record is not None and record.peak < present:
        records.change(record, peak=present)


@when_removed(Participant)
def end_attendance(state: State, row: Participant) -> None:
    stop_talking(state, row)
    attendances = state.table(Attendance)
    attendance = attendances.get(row.attendance)
    if attendance is not None:
        attendances.close(
            attendance,
            left_at=max(state.now(), attendance.joined_at),
            admin=row.admin,
            caller_number=row.caller_number,
            caller_name=row.caller_name,
        )

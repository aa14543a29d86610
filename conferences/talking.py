"""Who talks, since when, and how long each participant has talked."""

from datetime import datetime

from engine.ami.protocol import CHANNEL_FIELDS, Message
from engine.mirror.registry import on
from engine.mirror.state import State

from .models import Participant
from .records.models import Attendance
from .rows import participant_of


@on("ConfbridgeTalking", required=CHANNEL_FIELDS)
def talks(state: State, event: Message) -> None:
    row = participant_of(state, event)
    if row is None:
        return
    if event.get("TalkingStatus") == "on":
        start_talking(state, row)
    else:
        stop_talking(state, row)


def start_talking(state: State, row: Participant) -> None:
    """Note that the participant talks from now on; nothing where that is known."""
    if not row.talking:
        state.table(Participant).change(row, talking=True, talking_since=state.now())


def stop_talking(state: State, row: Participant) -> None:
    """Count how long the participant has talked, in the row and in its `Attendance`; nothing where they did not."""
    if not row.talking:
        return
    since = row.talking_since or state.now()
    now = max(state.now(), since)
    talked = row.talked + epoch_ms(now) - epoch_ms(since)
    # Nothing more is written of a row that is gone already, but what is kept of it is.
    if state.table(Participant).get(row.uniqueid) is row:
        state.table(Participant).change(row, talking=False, talking_since=None, talked=talked)
    attendances = state.table(Attendance)
    attendance = attendances.get(row.attendance)
    if attendance is not None:
        begin, end = (max(0, epoch_ms(time) - epoch_ms(row.joined_at)) for time in (since, now))
        attendances.change(attendance, talked=talked, segments=_with(attendance.segments, begin, end))


def _with(segments: str, begin: int, end: int) -> str:
    """The talk segments with one more, which may go on with the last."""
    former, _space, last = segments.rpartition(" ")
    last_begin, _dash, last_end = last.partition("-")
    if last and begin - int(last_end) < Attendance.MERGED:
        return f"{former} {last_begin}-{end}".strip()
    return f"{segments} {begin}-{end}".strip()


def epoch_ms(time: datetime) -> int:
    """The time in milliseconds since 1970, rounded."""
    return round(time.timestamp() * 1000)

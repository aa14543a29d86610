"""Which AMI event changes a conference or a participant, and how (apps/confbridge/confbridge_manager.c)."""

import logging
from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Any

import calls.events  # noqa: F401  its lists are read first: a participant is a channel
from calls.models import Channel
from engine.ami import actions
from engine.ami.protocol import BRIDGE_FIELDS, CHANNEL_FIELDS, Message
from engine.mirror.registry import on, refreshes, snapshot_step, when_added, when_removed
from engine.mirror.sanitize import clean, clean_name, duration, exact
from engine.mirror.state import State
from engine.mirror.sync import Snapshot

from .models import VOICE, Conference, Participant
from .records.models import Attendance, ConferenceRecord

logger = logging.getLogger(__name__)

# How the channel's name begins by which ConfBridge records; the conference's follows.
_RECORDER = "CBRec/"
# How soon after a key its effect is seen.
KEY_WORKS_WITHIN = timedelta(seconds=2)

# What Asterisk answers to a list of rooms, or of one room, when there is none: an empty list, not a failure.
NO_CONFERENCE = ("No active conferences.", "No Conference by that name found.")

# What AMI drops at both ends of a value.
_BLANKS = "".join(map(chr, range(33)))


def can_be_asked_for(name: str) -> bool:
    """Whether Asterisk finds a conference by its name in an action: not where AMI drops or ends it on the way."""
    return name == name.strip(_BLANKS) and not {"\ufffd", "\r", "\n"} & set(name)


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


@when_added(Conference)
def begin_record(state: State, row: Conference) -> None:
    """Each conference has a record, which stays when it is over."""
    key = f"{row.name}/{_ms(row.started_at)}"
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
    """Each stay has a record, and the profiles by which he entered."""
    if row.is_voice:
        return
    participants, attendances = state.table(Participant), state.table(Attendance)
    key = f"{row.uniqueid}/{row.conference}/{_ms(row.joined_at)}"
    if key in attendances.rows:
        key += f"-{len(attendances.rows)}"
    arrival = {"arguments": arguments_of(state, row), **state.arrivals.pop(row.uniqueid, {})}
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


def arguments_of(state: State, row: Participant) -> str:
    """What stands behind the conference's name in his ConfBridge()'s arguments."""
    channel = state.table(Channel).get(row.uniqueid)
    if channel is None or channel.application != "ConfBridge":
        return ""
    name, _comma, arguments = channel.application_data.partition(",")
    return arguments if name == clean(row.conference) else ""


@on("Newexten", required=CHANNEL_FIELDS)
def profiles_are_told_late(state: State, event: Message) -> None:
    """That a channel runs ConfBridge may be told after its join, and only there stands by which profiles."""
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


def start_talking(state: State, row: Participant) -> None:
    if not row.talking:
        state.table(Participant).change(row, talking=True, talking_since=state.now())


def stop_talking(state: State, row: Participant) -> None:
    """Count how long he has talked, if he has."""
    if not row.talking:
        return
    since = row.talking_since or state.now()
    now = max(state.now(), since)
    talked = row.talked + _ms(now) - _ms(since)
    # Of a row that is gone already nothing is written any more, but what is kept of it is.
    if state.table(Participant).get(row.uniqueid) is row:
        state.table(Participant).change(row, talking=False, talking_since=None, talked=talked)
    attendances = state.table(Attendance)
    attendance = attendances.get(row.attendance)
    if attendance is not None:
        begin, end = (max(0, _ms(time) - _ms(row.joined_at)) for time in (since, now))
        attendances.change(attendance, talked=talked, segments=_with(attendance.segments, begin, end))


def _with(segments: str, begin: int, end: int) -> str:
    """The talk segments with one more, which may go on with the last."""
    former, _space, last = segments.rpartition(" ")
    last_begin, _dash, last_end = last.partition("-")
    if last and begin - int(last_end) < Attendance.MERGED:
        return f"{former} {last_begin}-{end}".strip()
    return f"{segments} {begin}-{end}".strip()


def _ms(time: datetime) -> int:
    return round(time.timestamp() * 1000)


def participant_of(
    state: State, event: Message, *, create: bool = False, since: timedelta = timedelta()
) -> Participant | None:
    """The participant an event is about, made equal to the channel snapshot in it. None for one who hung up.

    One who is new has been there `since` so long.
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
        values["admin"] = _yes(event, "Admin")
    row = table.get(uniqueid)
    if row is not None and row.conference != conference.name:
        if not create:
            return None  # an event that trails behind his going into another conference
        table.remove(uniqueid)  # of his leaving that one nobody has told, or not yet
        row = None
    if row is None:
        if not create and state.has_tombstone(_membership(conference.name, uniqueid)):
            return None  # an event that trails behind his leaving
        return table.add(uniqueid, joined_at=state.now() - since, **values)
    table.change(row, **values)
    return row


def _membership(conference: str, uniqueid: str) -> str:
    return f"{conference}/{uniqueid}"


def _yes(event: Message, field: str) -> bool:
    return event.get(field).lower() == "yes"


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
        muted = _yes(event, "Muted")
        by = Participant.MutedBy.START if muted and not row.muted else row.muted_by if muted else ""
        state.table(Participant).change(row, muted=muted, muted_by=by, entering=False)
        silence_in_lecture(state, row)
        # Who is marked, and who waits for him, only a list tells.
        state.request("conference", row.conference)


@on("Newexten", required=CHANNEL_FIELDS)
def comes(state: State, event: Message) -> None:
    """Who still hears the prompt has not joined, but a list names him."""
    if event.get("Application") == "ConfBridge":
        state.request("conference", exact(event.get("AppData").partition(",")[0]))


@on("ConfbridgeLeave", required=CHANNEL_FIELDS)
def leaves(state: State, event: Message) -> None:
    uniqueid = exact(event.get("Uniqueid"))
    name = exact(event.get("Conference"))
    row = state.table(Participant).get(uniqueid)
    if row is not None and row.conference == name:
        state.table(Participant).remove(uniqueid)
    state.add_tombstone(_membership(name, uniqueid))
    if name in state.table(Conference).rows:
        state.request("conference", name)


@on("Hangup", required=CHANNEL_FIELDS)
def hangs_up(state: State, event: Message) -> None:
    uniqueid = exact(event.get("Uniqueid"))
    state.table(Participant).remove(uniqueid)
    state.arrivals.pop(uniqueid, None)


@on("ConfbridgeTalking", required=CHANNEL_FIELDS)
def talks(state: State, event: Message) -> None:
    row = participant_of(state, event)
    if row is None:
        return
    if event.get("TalkingStatus") == "on":
        start_talking(state, row)
    else:
        stop_talking(state, row)


@on("ConfbridgeMute", "ConfbridgeUnmute", required=CHANNEL_FIELDS)
def mutes(state: State, event: Message) -> None:
    row = participant_of(state, event)
    if row is None:
        return
    muted = event.name == "ConfbridgeMute"
    if muted:
        stop_talking(state, row)
    if muted != row.muted:
        by = Participant.MutedBy.SELF if has_pressed_a_key(state, row) else Participant.MutedBy.MODERATOR
        state.table(Participant).change(row, muted=muted, muted_by=by if muted else "")
    silence_in_lecture(state, row)


@on("DTMFEnd", required=CHANNEL_FIELDS)
def presses_a_key(state: State, event: Message) -> None:
    """Of any channel: a key may be pressed before its participant is heard of."""
    channel = state.table(Channel).get(exact(event.get("Uniqueid")))
    if channel is not None:
        channel.pressed_at = state.now()


def has_pressed_a_key(state: State, row: Participant) -> bool:
    """Asterisk does not say who muted somebody: whoever has pressed a key just before has done it themselves."""
    channel = state.table(Channel).get(row.uniqueid)
    pressed_at = channel.pressed_at if channel is not None else None
    return pressed_at is not None and state.now() - pressed_at < KEY_WORKS_WITHIN


@on("UserEvent", required=CHANNEL_FIELDS)
def raises_a_hand(state: State, event: Message) -> None:
    """A ConfBridge menu runs dialplan that sends `UserEvent(PanelHand)`: `Hand` is raise, lower or (else) toggle."""
    if event.get("UserEvent") != "PanelHand":
        return
    row = state.table(Participant).get(exact(event.get("Uniqueid")))
    if row is None:
        return
    wanted = {"raise": True, "lower": False}.get(event.get("Hand").lower(), row.hand_at is None)
    if wanted != (row.hand_at is not None):
        state.table(Participant).change(row, hand_at=state.now() if wanted else None)


@on("UserEvent", required=CHANNEL_FIELDS)
def has_said(state: State, event: Message) -> None:
    """The dialplan of `command_handlers.play` tells whether a sound could be played, and to whom to say so."""
    if event.get("UserEvent") == "PanelSaid" and exact(event.get("Channel")).startswith(VOICE):
        user_id = event.get("User")
        if user_id.isdecimal() and event.get("Status") != "SUCCESS":
            state.notices.append((int(user_id[:18]), "not-said", {"sound": clean(event.get("Sound"))}))


def silence_in_lecture(state: State, row: Participant) -> None:
    """In lecture mode, have the worker mute whoever may not talk and is not muted."""
    if must_be_muted(state, row):
        state.request("silence", row.uniqueid)


def must_be_muted(state: State, row: Participant) -> bool:
    conference = state.table(Conference).get(row.conference)
    return conference is not None and conference.lecture and is_listener(row) and not row.muted


def is_listener(row: Participant) -> bool:
    """Whether lecture mode keeps him muted."""
    return not (row.admin or row.speaker or row.is_voice)


@refreshes("silence")
async def silence(snapshot: Snapshot, uniqueid: str) -> None:
    """`ConfbridgeMute` of one who may not talk."""
    row = snapshot.state.table(Participant).get(uniqueid)
    if row is not None and must_be_muted(snapshot.state, row):
        answer = await snapshot.session.ask(actions.confbridge_mute(row.conference, row.channel))
        if not answer.ok:
            logger.warning("%s: a listener could not be muted: %s", snapshot.state.pbx, answer.text)


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


def _sets(**values: Any) -> Callable[[State, Message], None]:
    def change(state: State, event: Message) -> None:
        conference = conference_of(state, event)
        if conference is not None:
            state.table(Conference).change(conference, **values)

    return change


@on("ConfbridgeRecord", required=BRIDGE_FIELDS)
def records(state: State, event: Message) -> None:
    conference = conference_of(state, event)
    if conference is not None:
        state.table(Conference).change(conference, recording=True)
        state.request("recording", conference.name)


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
    """`Command`: conference → the channel by which it is recorded. None where the panel's user may not ask.

    Neither an event nor a list tells: the recorder's channel is one that AMI does not show, but the CLI does.
    """
    answer = await snapshot.session.ask(actions.command("core show channels concise"))
    if not answer.ok:
        return None
    channels = (line.partition("!")[0] for line in answer.response.output)
    found = (channel for channel in channels if channel.startswith(_RECORDER))
    return {channel.removeprefix(_RECORDER).rpartition("-")[0]: channel for channel in found}


async def file_of(snapshot: Snapshot, recorder: str) -> str:
    """`Getvar`: the name of the file into which a channel records; where it is not told, the channel's."""
    answer = await snapshot.session.ask(actions.getvar(recorder, "MIXMONITOR_FILENAME"))
    return clean(answer.response.get("Value").rpartition("/")[2], 255) or recorder


on("ConfbridgeStopRecord", required=BRIDGE_FIELDS)(_sets(recording=False, recording_file=""))


@snapshot_step
async def list_conferences(snapshot: Snapshot) -> None:
    """`ConfbridgeListRooms`, and `ConfbridgeList` for each; those that no list names are over."""
    state = snapshot.state
    with state.at_last_contact():
        for row in state.table(Participant).rows.values():
            # Whether he went on talking while nobody listened is not known, so it is not counted.
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
    """Whether a conference of this name has ended and begun anew while nobody listened: all who were in it are gone."""
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
            state.table(Conference).change(conference, locked=_yes(event, "Locked"), muted=_yes(event, "Muted"))

    answer = await snapshot.list(actions.confbridge_list_rooms(), fold)
    return named, answer.ok or answer.text in NO_CONFERENCE


@refreshes("conference")
async def refresh(snapshot: Snapshot, name: str) -> None:
    """Read anew what no event tells: that it was locked, who is marked, who waits."""
    await list_rooms(snapshot)
    await list_participants(snapshot, name)


async def list_participants(snapshot: Snapshot, name: str, *, first: bool = False) -> bool:
    """`ConfbridgeList`: who is in a conference, and whether he is admin, marked, waiting, muted.

    Whoever is named and has not been heard of still hears the prompt; in a `first` snapshot nobody can tell.

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
        since = duration(event.get("AnsweredTime")) if first else timedelta()
        row = participant_of(state, event, create=True, since=since)
        if row is None:
            return
        named.add(row.uniqueid)
        values: dict[str, Any] = {
            "marked": _yes(event, "MarkedUser"),
            "waiting": _yes(event, "Waiting"),
            "muted": _yes(event, "Muted"),
        }
        if is_new:
            values["entering"] = not first
        if values["muted"] != row.muted:
            # A list may tell of it before the event does.
            is_own = values["muted"] and has_pressed_a_key(state, row)
            values["muted_by"] = Participant.MutedBy.SELF if is_own else ""
        table.change(row, **values)
        if _yes(event, "Talking"):
            start_talking(state, row)
        else:
            stop_talking(state, row)
        silence_in_lecture(state, row)
        conference = state.table(Conference).get(name)
        if conference is not None and row.joined_at < conference.started_at:
            # It was first heard of in a list: it has run at least as long as its oldest participant is in it.
            state.table(Conference).change(conference, started_at=row.joined_at)
            record = state.table(ConferenceRecord).get(conference.record)
            if record is not None:
                state.table(ConferenceRecord).change(record, started_at=row.joined_at)

    answer = await snapshot.list(actions.confbridge_list(name), fold)
    over = answer.text in NO_CONFERENCE
    if over and state.table(Conference).get(name) is conference_asked:  # else another has begun since
        state.table(Conference).remove(name)
    if over or answer.ok:
        with state.at_last_contact() if first else nullcontext():
            snapshot.remove_unnamed(Participant, known, named)
    return over or answer.ok

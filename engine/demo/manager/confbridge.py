"""Actions about conferences (ConfBridge)."""

from typing import TYPE_CHECKING

from ..model import Conference, Member, yes
from .messages import ActionFields
from .registry import Refused, answers

if TYPE_CHECKING:
    from .session import ManagerSession


@answers("ConfbridgeListRooms", "List active conferences.", "reporting,all")
def list_rooms(session: "ManagerSession", action: ActionFields) -> None:
    if not session.switch.conferences:
        raise Refused("No active conferences.")
    items = [
        [
            ("Conference", conference.name),
            ("Parties", str(len(conference.members))),
            ("Marked", str(sum(member.marked for member in conference.members))),
            ("Locked", yes(conference.locked)),
            ("Muted", "No"),
        ]
        for conference in session.switch.conferences.values()
    ]
    message = "Confbridge conferences will follow"
    session.send_list(message, "ConfbridgeListRooms", items, "ConfbridgeListRoomsComplete")


@answers("ConfbridgeList", "List participants in a conference.", "reporting,all")
def list_members(session: "ManagerSession", action: ActionFields) -> None:
    conference = _conference(session, action)
    now = session.switch.now()
    items = [
        [
            ("Conference", conference.name),
            ("Admin", yes(member.admin)),
            ("MarkedUser", yes(member.marked)),
            ("WaitMarked", yes(member.wait_marked)),
            ("EndMarked", "No"),
            ("EndMarkedAny", "No"),
            ("Waiting", yes(member.waiting)),
            ("Muted", yes(member.muted)),
            ("Talking", yes(member.talking)),
            ("AnsweredTime", str(int(now - (member.channel.answered_at or now)))),
            *member.channel.fields(),
        ]
        for member in conference.members
    ]
    session.send_list("Confbridge user list will follow", "ConfbridgeList", items, "ConfbridgeListComplete")


@answers("ConfbridgeMute", "Mute a Confbridge user.", "call,all")
def mute(session: "ManagerSession", action: ActionFields) -> None:
    _mute(session, action, True)


@answers("ConfbridgeUnmute", "Unmute a Confbridge user.", "call,all")
def unmute(session: "ManagerSession", action: ActionFields) -> None:
    _mute(session, action, False)


def _mute(session: "ManagerSession", action: ActionFields, muted: bool) -> None:
    if action.get("Conference") and not action.get("Channel"):
        raise Refused("No channel name provided.")
    members = _chosen(action, _conference(session, action))
    session.respond("Success", ("Message", "User muted" if muted else "User unmuted"))
    for member in members:
        session.switch.mute(member, muted)


@answers("ConfbridgeKick", "Kick a Confbridge user.", "call,all")
def kick(session: "ManagerSession", action: ActionFields) -> None:
    members = _chosen(action, _conference(session, action))
    everybody = action.get("Channel").lower() == "all"
    session.respond("Success", ("Message", "All participants kicked" if everybody else "User kicked"))
    for member in members:
        session.switch.kick(member)


@answers("ConfbridgeLock", "Lock a Confbridge conference.", "call,all")
def lock(session: "ManagerSession", action: ActionFields) -> None:
    session.switch.lock(_conference(session, action), True)
    session.respond("Success", ("Message", "Conference locked"))


@answers("ConfbridgeUnlock", "Unlock a Confbridge conference.", "call,all")
def unlock(session: "ManagerSession", action: ActionFields) -> None:
    session.switch.lock(_conference(session, action), False)
    session.respond("Success", ("Message", "Conference unlocked"))


@answers("ConfbridgeStartRecord", "Start recording a Confbridge conference.", "system,all")
def start_record(session: "ManagerSession", action: ActionFields) -> None:
    conference = _conference(session, action)
    if conference.recording:
        raise Refused("Conference is already being recorded.")
    session.respond("Success", ("Message", "Conference Recording Started."))
    session.switch.record(conference, True, action.get("RecordFile"))


@answers("ConfbridgeStopRecord", "Stop recording a Confbridge conference.", "system,all")
def stop_record(session: "ManagerSession", action: ActionFields) -> None:
    conference = _conference(session, action)
    if not conference.recording:
        raise Refused("Internal error while stopping recording.")
    session.respond("Success", ("Message", "Conference Recording Stopped."))
    session.switch.record(conference, False)


@answers(
    "ConfbridgeSetSingleVideoSrc",
    "Set a conference user as the single video source distributed to all other participants.",
    "call,all",
)
def set_single_video_source(session: "ManagerSession", action: ActionFields) -> None:
    name = action.get("Channel")
    if action.get("Conference") and not name:
        raise Refused("No channel name provided.")
    conference = _conference(session, action)
    member = next((member for member in conference.members if member.channel.name == name), None)
    if member is None:
        raise Refused("No channel by that name found in conference.")
    session.respond("Success", ("Message", "Conference single video source set."))
    session.switch.show_video_of(member)


def _conference(session: "ManagerSession", action: ActionFields) -> Conference:
    name = action.get("Conference")
    if not name:
        raise Refused("No Conference name provided.")
    if not session.switch.conferences:
        raise Refused("No active conferences.")
    conference = session.switch.conferences.get(name)
    if conference is None:
        raise Refused("No Conference by that name found.")
    return conference


def _chosen(action: ActionFields, conference: Conference) -> list[Member]:
    """The members an action is about: one by its channel, `all`, or `participants`, who are no admins."""
    name = action.get("Channel")
    if name.lower() == "all":
        return list(conference.members)
    if name.lower() == "participants":
        return [member for member in conference.members if not member.admin]
    chosen = [member for member in conference.members if member.channel.name == name]
    if not chosen:
        raise Refused("No Channel by that name found in Conference.")
    return chosen

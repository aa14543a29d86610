"""Conferences (ConfBridge): who joins and leaves, who is muted and talks; locks, recordings and video."""

from typing import TYPE_CHECKING

from .. import states
from ..model import Channel, Conference, HiddenChannel, IllegalTransition, Member, State, yes
from .bridges import destroy, enter, new_bridge, set_video_source
from .channels import new_uniqueid
from .events import say_member
from .places import show_place

if TYPE_CHECKING:
    from .switch import Switch

MONITOR_FOLDER = "/var/spool/asterisk/monitor"


# Joining.


def join(
    switch: "Switch",
    channel: Channel,
    name: str,
    *,
    admin: bool = False,
    muted: bool = False,
    wait_marked: bool = False,
) -> Member:
    """A channel that is up enters a conference, which begins with its first member; an admin is marked too."""
    member = switch.begin_to_join(channel, name, admin=admin, muted=muted, marked=admin, wait_marked=wait_marked)
    switch.finish_joining(member)
    return member


def begin_to_join(
    switch: "Switch",
    channel: Channel,
    name: str,
    *,
    admin: bool = False,
    muted: bool = False,
    marked: bool = False,
    wait_marked: bool = False,
) -> Member:
    """A channel that is up is in the conference's list, and hears a prompt; no event tells that it is there."""
    if channel.is_gone or channel.state is not State.UP or channel.bridge is not None or channel.member is not None:
        raise IllegalTransition(f"{channel.name} cannot join {name} now.")
    conference = switch.conferences.get(name)
    if conference is None:
        conference = _begin(switch, name)
    elif conference.locked and not admin:
        raise IllegalTransition(f"{name} is locked.")
    member = channel.member = Member(conference, channel, admin, muted, marked, wait_marked)
    conference.members.append(member)
    return member


def _begin(switch: "Switch", name: str) -> Conference:
    bridge = new_bridge(switch, "base", "softmix", "ConfBridge", name)
    bridge.announcers = 1
    conference = switch.conferences[name] = Conference(name, bridge)
    number = f"{next(switch.local_numbers):08x}"
    conference.announcers = [
        _hide(switch, f"CBAnn/{name}-{number};1"),
        _hide(switch, f"CBAnn/{name}-{number};2", bridge=bridge.id),
    ]
    switch.emit("ConfbridgeStart", [("Conference", name), *bridge.fields()])
    switch.states.set_device(f"confbridge:{name}", states.INUSE)
    return conference


def finish_joining(switch: "Switch", member: Member) -> None:
    """The prompt is over: the member is in the bridge."""
    if member.has_joined or member.channel.member is not member:
        raise IllegalTransition(f"{member.channel.name} hears no prompt.")
    member.has_joined = True
    for other in member.conference.members:
        show_place(switch, other.channel)
    enter(switch, member.conference.bridge, member.channel)
    say_member(switch, "ConfbridgeJoin", member, ("Admin", yes(member.admin)), ("Muted", yes(member.muted)))
    _report_talking(switch, member)


# Leaving.


def leave(switch: "Switch", member: Member) -> Channel:
    """Out of the conference by a key of the menu: the channel lives on, and its dialplan goes on."""
    if not member.has_joined:
        raise IllegalTransition(f"{member.channel.name} has not joined yet.")
    switch.leave_bridge(member.channel)
    return member.channel


def kick(switch: "Switch", member: Member) -> None:
    """Out of the conference, which ends the dialplan too. Whoever still hears the prompt joins all the same."""
    if member.has_joined:
        switch.leave_bridge(member.channel)
        switch.end_dialplan(member.channel)


def remove(switch: "Switch", member: Member) -> None:
    """The member is about to leave the bridge: it is no longer in the conference's list."""
    if not member.has_joined:
        switch.finish_joining(member)
    say_member(switch, "ConfbridgeLeave", member, ("Admin", yes(member.admin)))
    member.conference.members.remove(member)
    member.channel.member = None


def end(switch: "Switch", conference: Conference) -> None:
    """The last member has left the bridge."""
    del switch.conferences[conference.name]
    switch.emit("ConfbridgeEnd", [("Conference", conference.name), *conference.bridge.fields()])
    switch.states.set_device(f"confbridge:{conference.name}", states.NOT_INUSE)
    if conference.recording:
        switch.record(conference, False)
    destroy(switch, conference.bridge)


# Moderation.


def mute(switch: "Switch", member: Member, muted: bool) -> None:
    """Mute or unmute. It is reported again even if it changes nothing, as Asterisk does."""
    member.muted = muted
    member.unmuted_at = None if muted else switch.now()
    say_member(switch, "ConfbridgeMute" if muted else "ConfbridgeUnmute", member, ("Admin", yes(member.admin)))
    _report_talking(switch, member)


def speak(switch: "Switch", member: Member, speaks: bool) -> None:
    """A voice begins or ends on the line; the conference reports it if it lets it through."""
    member.speaks = speaks
    _report_talking(switch, member)


def _report_talking(switch: "Switch", member: Member) -> None:
    talking = member.speaks and not member.muted and member.has_joined
    if talking != member.talking:
        member.talking = talking
        status = ("TalkingStatus", "on" if talking else "off")
        say_member(switch, "ConfbridgeTalking", member, status, ("Admin", yes(member.admin)))


def lock(_switch: "Switch", conference: Conference, locked: bool) -> None:
    """Nobody but admins may join a locked conference. Asterisk 22 sends no event for it."""
    conference.locked = locked


def record(switch: "Switch", conference: Conference, recording: bool, file: str = "") -> None:
    """Begin or end the recording of a conference; Asterisk puts the time into the name of the file."""
    if recording == conference.recording:
        raise IllegalTransition(f"{conference.name} is {'being recorded already' if recording else 'not recorded'}.")
    if recording and (not conference.file or (file and file != conference.asked_file)):
        stem, dot, ending = (file or f"confbridge-{conference.name}.wav").rpartition(".")
        path = f"{stem}-{int(switch.now())}.{ending}" if dot else f"{ending}-{int(switch.now())}"
        conference.file = path if path.startswith("/") else f"{MONITOR_FOLDER}/{path}"
        conference.asked_file = file
    if recording:
        name = f"CBRec/{conference.name}-{next(switch.recorders):08x}"
        conference.recorder = _hide(switch, name, conference.bridge.id, conference.file)
    else:
        conference.recorder = None
    conference.bridge.announcers += 1 if recording else -1
    event = "ConfbridgeRecord" if recording else "ConfbridgeStopRecord"
    switch.emit(event, [("Conference", conference.name), *conference.bridge.fields()])


def show_video_of(switch: "Switch", member: Member) -> None:
    """Everybody sees this member from now on."""
    set_video_source(switch, member.conference.bridge, member.channel.uniqueid)


def _hide(switch: "Switch", name: str, bridge: str = "", file: str = "") -> HiddenChannel:
    return HiddenChannel(name, new_uniqueid(switch), switch.now(), bridge, file)

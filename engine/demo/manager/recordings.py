"""Actions about what is recorded of single channels, and about muting them."""

import re
from typing import TYPE_CHECKING

from .messages import ActionFields
from .registry import Refused, answers

if TYPE_CHECKING:
    from .session import ManagerSession

_DIRECTIONS = ("read", "write", "both")
_ID_OPTION = re.compile(r"i\((\w+)\)")


@answers(
    "MixMonitor",
    "Record a call and mix the audio during the recording.  Use of StopMixMonitor is required to guarantee the audio "
    "file is available for processing during dialplan execution.",
    "system,all",
)
def mix_monitor(session: "ManagerSession", action: ActionFields) -> None:
    if not action.get("Channel"):
        raise Refused("No channel specified")
    channel = session.channel(action, "Channel", "No such channel")
    if not action.get("File"):
        raise Refused("Could not start monitoring channel")
    variable = _ID_OPTION.search(action.get("Options"))
    recording = session.switch.begin_recording(channel, action.get("File"), variable[1] if variable else "")
    session.respond("Success", *([("MixMonitorID", recording.id)] if variable else ()))


@answers(
    "StopMixMonitor",
    "Stop recording a call through MixMonitor, and free the recording's file handle.",
    "system,call,all",
)
def stop_mix_monitor(session: "ManagerSession", action: ActionFields) -> None:
    if not action.get("Channel"):
        raise Refused("No channel specified")
    channel = session.channel(action, "Channel", "No such channel")
    if not session.switch.end_recording(channel, action.get("MixMonitorID")):
        raise Refused("Could not stop monitoring channel")
    session.respond("Success")


@answers("MixMonitorMute", "Mute / unMute a Mixmonitor recording.", "system,call,all")
def mix_monitor_mute(session: "ManagerSession", action: ActionFields) -> None:
    direction, state = action.get("Direction"), action.get("State")
    if not direction:
        raise Refused("No direction specified. Must be read, write or both")
    if direction.lower() not in _DIRECTIONS:
        raise Refused("Invalid direction specified. Must be read, write or both")
    if not state:
        raise Refused("No state specified")
    channel = session.channel(action, "Channel", "No such channel")
    if not session.switch.mute_recordings(channel, direction, muted=state == "1"):
        raise Refused("Cannot set mute flag")
    session.respond("Success")


@answers("MuteAudio", "Mute an audio stream.", "system,all")
def mute_audio(session: "ManagerSession", action: ActionFields) -> None:
    """Neither an event nor a question tells of it."""
    if not action.get("Channel"):
        raise Refused("Channel not specified")
    if not action.get("State"):
        raise Refused("State not specified")
    session.channel(action, "Channel", "No such channel")
    if action.get("Direction").lower() not in ("in", "out", "all"):
        raise Refused("Failed to mute/unmute stream")
    session.respond("Success")

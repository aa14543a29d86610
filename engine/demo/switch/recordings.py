"""What is recorded of single channels. Nothing is written: there is a file by its name alone."""

from typing import TYPE_CHECKING

from ..model import Channel, Recording
from .events import say

if TYPE_CHECKING:
    from .switch import Switch

# Where Asterisk puts a file that is named without a folder.
FOLDER = "/var/spool/asterisk/monitor"


def begin_recording(switch: "Switch", channel: Channel, file: str, variable: str = "") -> Recording:
    """`file` as MixMonitor is given it; its id is left in `variable`, if any."""
    path = file if file.startswith("/") else f"{FOLDER}/{file}"
    recording = Recording(f"0x{switch.chance.getrandbits(47):012x}", path)
    channel.recordings.insert(0, recording)
    channel.variables["MIXMONITOR_FILENAME"] = path
    if variable:
        channel.variables[variable] = recording.id
    say(switch, "MixMonitorStart", channel)
    return recording


def end_recording(switch: "Switch", channel: Channel, id: str = "") -> bool:
    """The one of this id, or the newest. Whether there was one."""
    found = next((one for one in channel.recordings if id in ("", one.id)), None)
    if found is None:
        return False
    channel.recordings.remove(found)
    say(switch, "MixMonitorStop", channel)
    return True


def mute_recordings(switch: "Switch", channel: Channel, direction: str, *, muted: bool) -> bool:
    """Whether there was any."""
    if channel.recordings:
        say(switch, "MixMonitorMute", channel, ("Direction", direction), ("State", str(int(muted))))
    return bool(channel.recordings)

"""What a real Asterisk has now, by its own console, and what the panel's rows say of it."""

import re
from dataclasses import dataclass, field

from tests.lab.asterisk import Asterisk

# A conference's own announcer and recorder: no event and no list of the manager interface names them.
_INTERNAL = ("CBAnn/", "CBRec/")
_PARTICIPANT = re.compile(r"^(?P<channel>\S+/\S+)\s+(?P<flags>[AMWEmw]*)\s+panel_", re.MULTILINE)


@dataclass
class Truth:
    """Uniqueid → name and state of each channel; (room, channel) → whether muted and admin."""

    channels: dict[str, tuple[str, str]] = field(default_factory=dict)
    participants: dict[tuple[str, str], tuple[bool, bool]] = field(default_factory=dict)


def of_asterisk(asterisk: Asterisk) -> Truth:
    """`core show channels concise`, `confbridge list`, and `confbridge list <room>` for each."""
    truth = Truth()
    for line in asterisk.cli("core show channels concise").splitlines():
        parts = line.split("!")
        if len(parts) > 13 and not line.startswith(_INTERNAL):
            truth.channels[parts[-1]] = (parts[0], parts[4])
    for room in re.findall(r"^(\d+) +\d+ +\d+ ", asterisk.cli("confbridge list"), re.MULTILINE):
        for found in _PARTICIPANT.finditer(asterisk.cli(f"confbridge list {room}")):
            truth.participants[room, found["channel"]] = ("m" in found["flags"], "A" in found["flags"])
    return truth


def of_rows() -> Truth:
    """The same from the database of this process."""
    from calls.models import Channel
    from conferences.models import Participant

    return Truth(
        {row.uniqueid: (row.name, row.state) for row in Channel.objects.all()},
        {(row.conference, row.channel): (row.muted, row.admin) for row in Participant.objects.all()},
    )


class Scene:
    """Calls and a conference on a real Asterisk, and much that can change of them."""

    def __init__(self, asterisk: Asterisk) -> None:
        self.asterisk = asterisk
        for number in ("602", "602", "603", "8001", "8001", "8001", "8101", "8002"):
            self.originate(number)

    def originate(self, number: str) -> None:
        self.asterisk.cli(f"channel originate Local/{number}@internal application Wait 600")

    def change(self) -> None:
        """End a call, place others, mute one, kick one, end a conference, begin another."""
        cli, names = self.asterisk.cli, self.asterisk.channels()
        calls = sorted(name for name in names if name.startswith("Local/60") and name.endswith(";1"))
        first, second, *_ = sorted(name for name in names if name.startswith("Local/8001") and name.endswith(";2"))
        cli(f"channel request hangup {calls[0]}")
        self.originate("602")
        self.originate("603")
        cli(f"confbridge mute 8001 {first}")
        cli(f"confbridge kick 8001 {second}")
        cli("confbridge kick 8002 all")
        self.originate("8003")

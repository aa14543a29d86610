"""What a busy PBX says, without limit: calls come, ring, talk, hold and go, and conferences talk.

The demo PBX's switch makes it. It says only what the panel reads; `around` adds what a real Asterisk 22 says besides,
as counted over 60 channels of the laboratory with all classes of events on: 2,205 events, of which 1,112 VarSet, and
941 that pass the panel's own mask and filters.
"""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count, cycle
from typing import Any

from engine.demo.dialplan import OUTSIDE_CONTEXT
from engine.demo.manager import Event, encode, event
from engine.demo.model import Channel, Fields, Member, Party, State
from engine.demo.switch import Switch

NAMES = ("Anna Alpha", "Ben Beta", "李雷", "Zoë Zürcher", "O'Brien & Söhne", "Δήμητρα", "", "Dr. Frieda Lang")
ROOMS = ("8001", "8002")
TALKERS = 20
# Event of the switch → what else Asterisk sends with it, and in which class.
_WITH: dict[str, tuple[tuple[str, str], ...]] = {
    "Newchannel": (*(("VarSet", "dialplan"),) * 8, ("TestEvent", "reporting"), ("DeviceStateChange", "call")),
    "Newstate": (*(("VarSet", "dialplan"),) * 2, ("TestEvent", "reporting")),
    "NewConnectedLine": (("DialBegin", "call"),),
    "BridgeEnter": (*(("VarSet", "dialplan"),) * 6, ("DialEnd", "call"), ("DialState", "call")),
    "BridgeLeave": (("SoftHangupRequest", "call"),),
    "Hangup": (*(("VarSet", "dialplan"),) * 2, ("SoftHangupRequest", "call"), ("QueueMemberStatus", "agent")),
}
_MORE: dict[str, Fields] = {
    "VarSet": [("Variable", "BRIDGEPVTCALLID"), ("Value", "3c26700a1f0e-qwxdk2bqvzq9@192.0.2.17")],
    "DialBegin": [("DialString", "PJSIP/1234/sip:1234@192.0.2.44:5060")],
    "DialEnd": [("DialStatus", "ANSWER")],
    "DialState": [("DialStatus", "RINGING")],
    "SoftHangupRequest": [("Cause", "16")],
}


def around(name: str, fields: Fields) -> list[Event]:
    """What Asterisk sends with this event of the switch."""
    found = []
    for other, kind in _WITH.get(name, ()):
        head = [("Event", other), ("Privilege", f"{kind},all")]
        values = dict(fields)
        if other == "DeviceStateChange":
            device = values["Channel"].rpartition("-")[0]
            body: Fields = [("Device", device), ("State", "INUSE")]
        elif other == "QueueMemberStatus":
            body = [("Queue", "support"), ("MemberName", values["Channel"]), ("Status", "1")]
        elif other == "TestEvent":
            body = [("Type", "StateChange"), ("State", "PLAYBACK"), ("AppFile", "main/file.c"), ("AppLine", "1210")]
        else:
            body = [(key, value) for key, value in fields if not key.startswith(("Bridge", "Cause", "TechCause"))]
        found.append(Event(other, kind, encode([*head, *body, *_MORE.get(other, [])])))
    return found


@dataclass(frozen=True)
class Link:
    """What a session asks Asterisk for: classes of events (None: all), and events that are filtered out."""

    mask: frozenset[str] | None = None
    unwanted: frozenset[str] = frozenset()

    def passes(self, event: Event) -> bool:
        return (self.mask is None or event.kind in self.mask) and event.name not in self.unwanted


EVERYTHING = Link()


def panels_own() -> Link:
    """What the panel's worker asks for."""
    from engine.mirror.folding import EVENT_MASK, UNWANTED_EVENTS

    return Link(frozenset(EVENT_MASK.split(",")), frozenset(UNWANTED_EVENTS))


class Traffic:
    """The people on a switch. `stand` makes so many channels, `step` lets one thing happen; their number stays."""

    def __init__(self, switch: Switch, chance: random.Random) -> None:
        self.switch, self._chance = switch, chance
        self._numbers, self._names = count(), cycle(NAMES)
        self._ringing: list[Channel] = []
        self._talking: list[tuple[Channel, Channel]] = []
        self.members: list[Member] = []

    def stand(self, channels: int, idle: int = 0) -> None:
        """So many channels: two conferences, and answered calls of two; `idle` more that nothing happens to."""
        talkers = min(TALKERS, channels // 5)
        for number in range(talkers):
            self.join(ROOMS[number % len(ROOMS)])
        for _ in range((channels - talkers) // 2):
            self._ring()
            self._answer()
        busy = list(self._talking)
        for _ in range(idle // 2):
            self._ring()
            self._answer()
        self._talking = busy

    def step(self) -> None:
        happens = self._chance.random()
        if happens < 0.26:
            self._ring()
        elif happens < 0.52:
            self._answer()
        elif happens < 0.78:
            self._end()
        elif happens < 0.86:
            self._hold()
        elif len(self.members) > 1:
            member = self._chance.choice(self.members[1:])  # the first one is left to whoever measures
            self.switch.speak(member, not member.speaks)

    def last(self) -> Channel:
        """One more call comes in, as a mark for the end."""
        return self._calling("9999")

    def expected(self) -> dict[str, Any]:
        """What a panel must show by now: channels (name, state, bridge) by uniqueid, and who is in which conference."""
        channels = {
            channel.uniqueid: [channel.name, channel.state.value[1], channel.bridge.id if channel.bridge else ""]
            for channel in self.switch.channels.values()
        }
        people = {
            member.channel.uniqueid: [conference.name, member.talking]
            for conference in self.switch.conferences.values()
            for member in conference.members
        }
        return {"channels": channels, "people": people}

    def _calling(self, extension: str) -> Channel:
        party = Party(f"+4930{next(self._numbers):07}", next(self._names))
        switch = self.switch
        return switch.new_channel(
            "PJSIP/outside", party, state=State.RING, context=OUTSIDE_CONTEXT, extension=extension
        )

    def join(self, room: str) -> None:
        """One more member of a conference."""
        channel = self._calling(room)
        self.switch.run(channel, room, 1, "Answer", ",i")
        self.switch.answer(channel)
        self.switch.run(channel, room, 2, "ConfBridge", f"{room},panel_bridge,panel_user")
        self.members.append(self.switch.join(channel, room))

    def talk(self) -> Channel:
        """One more answered call of two; its caller."""
        self._ring()
        self._answer()
        return self._talking[-1][0]

    def _ring(self) -> None:
        extension = f"{1000 + next(self._numbers) % 500}"
        caller = self._calling(extension)
        self.switch.run(caller, extension, 1, "Dial", f"PJSIP/{extension},30")
        callee = self.switch.dial(caller, f"PJSIP/{extension}", Party(extension, f"Phone {extension}"))
        self.switch.ring(callee)
        self._ringing.append(callee)

    def _answer(self) -> None:
        if self._ringing:
            callee = self._ringing.pop(0)
            caller = callee.dialled_by
            assert caller is not None
            self.switch.connect(callee)
            self._talking.append((caller, callee))

    def _end(self) -> None:
        if self._talking:
            place = self._chance.randrange(len(self._talking))
            self._talking[place], self._talking[-1] = self._talking[-1], self._talking[place]
            self.switch.hang_up(self._talking.pop()[self._chance.randrange(2)])

    def _hold(self) -> None:
        if self._talking:
            channel = self._chance.choice(self._talking)[1]
            (self.switch.unhold if channel.on_hold else self.switch.hold)(channel)


@dataclass(frozen=True)
class Recording:
    """Bytes without the greeting: `before` tells how the channels came that stand, `parts` what happens then."""

    before: bytes
    parts: list[bytes]
    counts: list[Counter[str]]
    expected: dict[str, Any]


def record(channels: int, events: int, *, idle: int = 0, parts: int = 1, link: Link = EVERYTHING) -> Recording:
    """So many events (about), in so many parts, on a PBX with so many channels."""
    emitted: list[Event] = []

    def emit(name: str, fields: Fields) -> None:
        emitted.extend(one for one in (event(name, fields), *around(name, fields)) if link.passes(one))

    now: Callable[[], float] = lambda: 1_700_000_000.0  # noqa: E731
    traffic = Traffic(Switch(emit, now, random.Random(1)), random.Random(2))
    traffic.stand(channels, idle)
    before, pieces, counts = b"".join(one.raw for one in emitted), [], []
    for _ in range(parts):
        emitted.clear()
        while len(emitted) < events // parts:
            traffic.step()
        pieces.append(b"".join(one.raw for one in emitted))
        counts.append(Counter(one.name for one in emitted))
    return Recording(before, pieces, counts, traffic.expected())


def reads(data: bytes, size: int = 65536) -> list[bytes]:
    """Cut as a socket's reads would be."""
    return [data[start : start + size] for start in range(0, len(data), size)]

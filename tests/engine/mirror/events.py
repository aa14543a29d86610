"""Messages as Asterisk sends them, made of what a test cares about, and a state with a clock of its own."""

from datetime import UTC, datetime, timedelta

from calls.models import Channel
from conferences.models import Conference, Participant
from engine.ami.protocol import Message
from engine.mirror.state import State

BEGINNING = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


# What every event about a channel says of it.
CHANNEL = {
    "Channel": "PJSIP/101-11",
    "ChannelState": "4",
    "ChannelStateDesc": "Ring",
    "CallerIDNum": "101",
    "CallerIDName": "Anna Alpha",
    "ConnectedLineNum": "<unknown>",
    "ConnectedLineName": "<unknown>",
    "Language": "en",
    "AccountCode": "",
    "Context": "internal",
    "Exten": "102",
    "Priority": "1",
    "Uniqueid": "1.1",
    "Linkedid": "1.1",
}
# What every event about a conference says of its bridge.
BRIDGE = {
    "BridgeUniqueid": "b1",
    "BridgeType": "base",
    "BridgeTechnology": "softmix",
    "BridgeCreator": "ConfBridge",
    "BridgeName": "8001",
    "BridgeNumChannels": "1",
    "BridgeVideoSourceMode": "none",
}


class Clock:
    """Time that passes only when a test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return BEGINNING + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


class Told:
    """A state that is told events, by name and fields."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.state = State("main", now=self.clock.now, monotonic=self.clock.monotonic)

    def hear(self, event: str, **fields: str) -> None:
        """Fold one event; `Cause_txt` stands for `Cause-txt`."""
        lines = [f"Event: {event}", *(f"{key.replace('_', '-')}: {value}" for key, value in fields.items())]
        self.state.fold(Message("\r\n".join(lines).encode()))

    def room_event(self, event: str, conference: str = "8001") -> None:
        """An event about a conference as a whole."""
        self.hear(event, **BRIDGE | {"Conference": conference})

    def channel_event(self, event: str, uniqueid: str = "1.1", **fields: str) -> None:
        """An event with a snapshot of a channel; what is not said is as in a fresh call from 101."""
        snapshot = {
            **CHANNEL,
            "Channel": f"PJSIP/101-{uniqueid.replace('.', '')}",
            "Uniqueid": uniqueid,
            "Linkedid": uniqueid,
        }
        self.hear(event, **snapshot | fields)

    def dial_begins(self, uniqueid: str = "1.1", caller: str = "") -> None:
        """This channel is dialled for that of the caller, or (without one) by an Originate."""
        row = self.channel(uniqueid)
        dest = {**CHANNEL, "Channel": row.name, "Uniqueid": uniqueid, "Linkedid": row.linkedid}
        fields = {f"Dest{key}": value for key, value in dest.items()}
        self.hear("DialBegin", **({"Uniqueid": caller} if caller else {}), **fields, DialString="x")

    def conference_event(self, event: str, uniqueid: str = "1.1", conference: str = "8001", **fields: str) -> None:
        """An event about a participant."""
        self.channel_event(event, uniqueid, **{"Conference": conference, "ChannelStateDesc": "Up"} | fields)

    def channel(self, uniqueid: str = "1.1") -> Channel:
        row = self.state.table(Channel).get(uniqueid)
        assert row is not None
        return row

    def participant(self, uniqueid: str = "1.1") -> Participant:
        row = self.state.table(Participant).get(uniqueid)
        assert row is not None
        return row

    @property
    def channels(self) -> set[str]:
        return set(self.state.table(Channel).rows)

    @property
    def conferences(self) -> set[str]:
        return set(self.state.table(Conference).rows)

    @property
    def participants(self) -> set[str]:
        return set(self.state.table(Participant).rows)

    def subjects(self) -> set[tuple[str, str]]:
        """What would be drawn anew, beside the steps of calls; it is taken."""
        return of_cards(self.state.take().subjects)


def of_cards(subjects: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those that are not what is kept of a call, nor the bar of a phone."""
    return {(kind, key) for kind, key in subjects if kind not in ("call-step", "call-record", "phone")}

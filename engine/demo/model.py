"""What a switch is made of: channels, bridges, conferences and their members, parked calls; and words for them.

They hold what is, and say it in the fields of Asterisk 22 (main/manager_channels.c, manager_bridges.c) as far as the
panel reads them. The switch alone changes them.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from . import states

Fields = states.Fields
Emit = states.Emit

UNKNOWN = "<unknown>"

# Why a channel hangs up (include/asterisk/causes.h).
NO_CAUSE, NORMAL, BUSY, NO_ANSWER, NO_ROUTE, ANSWERED_ELSEWHERE, INTERWORKING = 0, 16, 17, 19, 3, 26, 127
PARKING_LOT = "default"
# The characters before which Asterisk's ast_escape_c() puts a backslash, as far as a name here can hold them.
_ESCAPE = str.maketrans({character: f"\\{character}" for character in "\\'\"?"})


class IllegalTransition(Exception):
    """The switch was asked for what no telephone call can do, such as bridging a channel that has hung up."""


def _escaped(name: str) -> str:
    """A name as Asterisk sends it."""
    return name.translate(_ESCAPE)


class State(Enum):
    """The states of a channel: number and name as AMI sends them."""

    DOWN = (0, "Down")
    RING = (4, "Ring")
    RINGING = (5, "Ringing")
    UP = (6, "Up")
    BUSY = (7, "Busy")


@dataclass(frozen=True, slots=True)
class Party:
    """A number and a name, each empty where it is not known."""

    number: str = ""
    name: str = ""

    def __bool__(self) -> bool:
        return bool(self.number or self.name)


NOBODY = Party()


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the dialplan a channel is, and what it runs there."""

    context: str
    extension: str
    priority: int
    application: str
    application_data: str


@dataclass(frozen=True, slots=True)
class HiddenChannel:
    """A channel of a conference's own, which announces or records: only the console and Getvar know of it."""

    name: str
    uniqueid: str
    created_at: float
    bridge: str = ""
    # The file that a recorder writes.
    file: str = ""


@dataclass(frozen=True, slots=True)
class Recording:
    """What MixMonitor records of a channel, and the file."""

    id: str
    path: str


@dataclass(slots=True, eq=False)
class Bridge:
    """Where channels hear each other: two in a call, many in a conference."""

    id: str
    type: str = "basic"
    technology: str = "simple_bridge"
    creator: str = UNKNOWN
    name: str = UNKNOWN
    channels: list["Channel"] = field(default_factory=list)
    # A conference's bridge also holds the channel that would speak its announcements, and a recorder.
    announcers: int = 0
    video_mode: str = "none"
    # The uniqueid of the channel that everybody sees.
    video_source: str = ""

    def fields(self) -> Fields:
        return [
            ("BridgeUniqueid", self.id),
            ("BridgeType", self.type),
            ("BridgeTechnology", self.technology),
            ("BridgeCreator", self.creator),
            ("BridgeName", self.name),
            ("BridgeNumChannels", str(len(self.channels) + self.announcers)),
            ("BridgeVideoSourceMode", self.video_mode),
            *([("BridgeVideoSource", self.video_source)] if self.video_source else ()),
        ]


@dataclass(slots=True, eq=False)
class Channel:
    """One leg of a call. Only the switch changes it."""

    name: str
    uniqueid: str
    linkedid: str
    created_at: float
    state: State
    caller: Party
    context: str
    extension: str
    connected: Party = NOBODY
    account_code: str = ""
    priority: int = 1
    application: str = ""
    application_data: str = ""
    in_dialplan: bool = True
    # A channel that Asterisk itself dialled goes back to this application where its dialplan ends.
    originated: bool = False
    answered_at: float | None = None
    on_hold: bool = False
    # What this channel last made of its device; empty: nothing.
    device_state: str = ""
    # The place to which somebody has sent it, which has been told: of the application there no event tells.
    sent_to: tuple[str, int] | None = None
    # Variables; and what `CONFBRIDGE(user,…)` has set for the next conference it enters.
    variables: dict[str, str] = field(default_factory=dict)
    conference_settings: dict[str, str] = field(default_factory=dict)
    # The newest first.
    recordings: list[Recording] = field(default_factory=list)
    # Counts how often it has been sent into the dialplan: what waits on an earlier way is void.
    ways: int = 0
    # Runs the step behind the one it is in. That is what becomes of it when whoever it talks to is gone, if it
    # `goes_on`; otherwise it hangs up.
    next_step: Callable[[], None] | None = None
    goes_on: bool = False
    # Where it really is while events show the dialplan that a key of the conference's menu has run.
    place: "Place | None" = None
    bridge: Bridge | None = None
    was_bridged: bool = False
    member: "Member | None" = None
    # The other half of a Local channel; whom it dials; who dials it, until it answers.
    twin: "Channel | None" = None
    dials: "Channel | None" = None
    dialled_by: "Channel | None" = None
    # Where the party waits whom this channel, consulting somebody else, is about to transfer.
    consults_for: Bridge | None = None
    parked: "ParkedCall | None" = None
    is_gone: bool = False
    # Called once, when the channel hangs up.
    on_hang_up: Callable[[], None] | None = None
    # Why it could not be connected, while it hears the tone that says so: it can do nothing more but hang up.
    doomed: int = 0
    # What waits for the end of this channel, such as whoever listens to it.
    at_its_end: list[Callable[[], None]] = field(default_factory=list)
    # Called with whoever picks up in its place; of a phone that rings because an Originate asked for it.
    on_pick_up: Callable[["Channel"], None] | None = None

    @property
    def is_local(self) -> bool:
        return self.name.startswith("Local/")

    @property
    def is_held(self) -> bool:
        """Whether the other one of its call holds it."""
        both = self.bridge.channels if self.bridge is not None else []
        return len(both) == 2 and any(other.on_hold for other in both if other is not self)

    @property
    def is_consulting(self) -> bool:
        """Whether somebody waits for what comes of this channel's asking another."""
        return self.consults_for is not None and bool(self.consults_for.channels)

    @property
    def endpoint(self) -> str:
        """`PJSIP/100` of `PJSIP/100-0000002a`."""
        return self.name.rpartition("-")[0]

    def fields(self) -> Fields:
        """The snapshot that nearly every event about a channel bears."""
        number, name = self.state.value
        return [
            ("Channel", self.name),
            ("ChannelState", str(number)),
            ("ChannelStateDesc", name),
            ("CallerIDNum", self.caller.number or UNKNOWN),
            ("CallerIDName", _escaped(self.caller.name) or UNKNOWN),
            ("ConnectedLineNum", self.connected.number or UNKNOWN),
            ("ConnectedLineName", _escaped(self.connected.name) or UNKNOWN),
            ("Language", "en"),
            ("AccountCode", self.account_code),
            ("Context", self.context),
            ("Exten", self.extension),
            ("Priority", str(self.priority)),
            ("Uniqueid", self.uniqueid),
            ("Linkedid", self.linkedid),
        ]


@dataclass(slots=True, eq=False)
class Member:
    """One channel in a conference. `speaks` is the voice on the line, `talking` what the conference has reported."""

    conference: "Conference"
    channel: Channel
    admin: bool = False
    muted: bool = False
    marked: bool = False
    # Not let in before a marked member is there.
    wait_marked: bool = False
    # The names of the profiles that it has entered by.
    bridge_profile: str = "panel_bridge"
    user_profile: str = "panel_user"
    menu: str = ""
    # When somebody has given it the word.
    unmuted_at: float | None = None
    # Whoever still listens to the prompt is in the list, and not yet in the bridge.
    has_joined: bool = False
    speaks: bool = False
    talking: bool = False

    @property
    def waiting(self) -> bool:
        return self.wait_marked and not any(member.marked for member in self.conference.members)


@dataclass(slots=True, eq=False)
class Conference:
    """A running ConfBridge room. It ends with its last member."""

    name: str
    bridge: Bridge
    locked: bool = False
    recorder: HiddenChannel | None = None
    # The file that was asked for, and the one written; a conference that is recorded again goes on with it.
    asked_file: str = ""
    file: str = ""
    announcers: list[HiddenChannel] = field(default_factory=list)
    members: list[Member] = field(default_factory=list)

    @property
    def recording(self) -> bool:
        return self.recorder is not None

    @property
    def hidden(self) -> list[HiddenChannel]:
        return [*([self.recorder] if self.recorder is not None else ()), *self.announcers]


@dataclass(frozen=True, slots=True)
class ParkedCall:
    """A channel in the parking lot, and who is called when nobody takes it."""

    channel: Channel
    parker: str
    space: int
    parked_at: float
    seconds: int

    def fields(self, now: float, retriever: Channel | None = None) -> Fields:
        waited = int(now - self.parked_at)
        return [
            *prefixed("Parkee", self.channel.fields()),
            *(prefixed("Retriever", retriever.fields()) if retriever is not None else ()),
            ("ParkerDialString", self.parker),
            ("Parkinglot", PARKING_LOT),
            ("ParkingSpace", str(self.space)),
            ("ParkingTimeout", str(max(0, self.seconds - waited))),
            ("ParkingDuration", str(waited)),
        ]


def prefixed(prefix: str, fields: Fields) -> Fields:
    """The fields of a channel or a bridge in an event that is about several."""
    return [(prefix + key, value) for key, value in fields]


def yes(value: bool) -> str:
    """AMI's word for it."""
    return "Yes" if value else "No"


def age(uniqueid: str) -> tuple[int, int]:
    """By when a channel was made, and as how many-th; one whose id was given to it counts as the youngest."""
    seconds, _, number = uniqueid.partition(".")
    return (int(seconds), int(number)) if seconds.isdecimal() and number.isdecimal() else (sys.maxsize, 0)

"""The simulated switch: channels, bridges, conferences, their legal transitions, and the events that tell of them.

It does no I/O; its clock and its randomness are handed in. What it emits has the names, the fields and the order
of Asterisk 22 (main/manager_channels.c, manager_bridges.c, apps/confbridge/confbridge_manager.c) as far as the
panel reads them; `tests/engine/demo/test_contract.py` compares both.
"""

import itertools
import random
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from . import states
from .states import States

Fields = states.Fields
Emit = states.Emit

UNKNOWN = "<unknown>"

NO_CAUSE, NORMAL, BUSY, NO_ANSWER, NO_ROUTE, ANSWERED_ELSEWHERE, INTERWORKING = 0, 16, 17, 19, 3, 26, 127
_CAUSE_TEXTS = {
    NO_CAUSE: "Unknown",
    NORMAL: "Normal Clearing",
    BUSY: "User busy",
    NO_ANSWER: "User alerting, no answer",
    NO_ROUTE: "No route to destination",
    ANSWERED_ELSEWHERE: "Answered elsewhere",
    INTERWORKING: "Interworking, unspecified",
}
# How long a parked call waits, in seconds; the lot and its first space.
PARKING_SECONDS, PARKING_LOT, FIRST_SPACE = 300, "default", 701
PARKING_CONTEXT = "parkedcalls"
MONITOR_FOLDER = "/var/spool/asterisk/monitor"
# The characters before which Asterisk's ast_escape_c() puts a backslash, as far as a name here can hold them.
_ESCAPE = str.maketrans({character: f"\\{character}" for character in "\\'\"?"})
# The SIP status that a phone's channel names beside these causes.
_SIP_STATUS = {BUSY: 486, NO_ANSWER: 480, NO_ROUTE: 404}


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


_NEXT_STATES = {
    State.DOWN: {State.RINGING, State.UP},
    State.RING: {State.UP, State.BUSY},
    State.RINGING: {State.UP},
    State.UP: set[State](),
    State.BUSY: set[State](),
}

# What the state of a channel makes of its device.
_DEVICE_STATES = {
    State.DOWN: "",
    State.RING: states.INUSE,
    State.RINGING: states.RINGING,
    State.UP: states.INUSE,
    State.BUSY: states.BUSY,
}


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
    # Counts how often it has been sent into the dialplan: what waits on an earlier way is void.
    ways: int = 0
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
    # The names of the profiles by which he has entered.
    bridge_profile: str = "panel_bridge"
    user_profile: str = "panel_user"
    menu: str = ""
    # When somebody has given him the word.
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


class Switch:
    """All channels, bridges and conferences of one PBX.

    `emit` is called with each event: its name, and its fields after `Privilege`. `now` gives seconds since the epoch.
    Raises `IllegalTransition` where a method is called for what a PBX could not do.
    """

    def __init__(self, emit: Emit, now: Callable[[], float], chance: random.Random) -> None:
        self.channels: dict[str, Channel] = {}
        self.bridges: dict[str, Bridge] = {}
        self.conferences: dict[str, Conference] = {}
        self.parked: dict[int, ParkedCall] = {}
        self.calls_processed = 0
        self.now = now
        self.states = States(emit)
        self._emit, self._chance = emit, chance
        self._uniqueids, self._pjsip_numbers, self._local_numbers = (itertools.count() for _ in range(3))
        self._optimizations, self._recorders = itertools.count(), itertools.count()
        self._parking_bridge: Bridge | None = None

    # Channels.

    def new_channel(
        self,
        endpoint: str,
        caller: Party,
        *,
        state: State = State.DOWN,
        context: str = "internal",
        extension: str = "s",
        linkedid: str = "",
        originated: bool = False,
        uniqueid: str = "",
    ) -> Channel:
        """A channel to or from a telephone: `endpoint` is such as `PJSIP/100`. Its unique id may be given."""
        name = f"{endpoint}-{next(self._pjsip_numbers):08x}"
        return self._add(name, caller, state, context, extension, linkedid, originated, uniqueid)

    def new_local(
        self, extension: str, context: str, linkedid: str = "", uniqueids: tuple[str, str] = ("", "")
    ) -> tuple[Channel, Channel]:
        """The two halves of a Local channel: `;1` is originated, `;2` will run the dialplan."""
        name = f"Local/{extension}@{context}-{next(self._local_numbers):08x}"
        first, second = uniqueids
        one = self._add(f"{name};1", NOBODY, State.DOWN, context, extension, linkedid, True, first)
        second = second or (f"{first};2" if first else "")
        two = self._add(f"{name};2", NOBODY, State.RING, context, extension, one.linkedid, False, second)
        one.twin, two.twin = two, one
        return one, two

    def is_known(self, uniqueid: str) -> bool:
        """Whether a channel has this unique id already."""
        return any(channel.uniqueid == uniqueid for channel in self.channels.values())

    def hidden(self, name: str = "") -> list[HiddenChannel]:
        """The conferences' own channels, or the one of this name."""
        found = [channel for conference in self.conferences.values() for channel in conference.hidden]
        return [channel for channel in found if channel.name == name] if name else found

    def change_state(self, channel: Channel, state: State) -> None:
        """Ring, answer or turn busy."""
        if channel.is_gone or state not in _NEXT_STATES[channel.state]:
            raise IllegalTransition(f"{channel.name} cannot go from {channel.state} to {state}.")
        channel.state = state
        if state is State.UP:
            channel.answered_at = self.now()
        self._say("Newstate", channel)
        self._follow(channel)

    def run(self, channel: Channel, extension: str, priority: int, application: str, data: str = "") -> None:
        """The channel begins this application, at this place of the dialplan."""
        is_told = channel.sent_to == (extension, priority)
        channel.sent_to = None
        channel.extension, channel.priority = extension, priority
        channel.application, channel.application_data, channel.in_dialplan = application, data, True
        if not is_told:
            self._say_extension(channel)

    def begin(self, channel: Channel, application: str, data: str) -> None:
        """The channel begins an application outside the dialplan, of which no event tells."""
        channel.application, channel.application_data, channel.in_dialplan = application, data, False

    def refuse(self, channel: Channel, *, busy: bool) -> None:
        """Whoever calls in is told that he cannot be connected."""
        if channel.is_gone:
            return
        channel.priority += 1
        if busy:
            self.change_state(channel, State.BUSY)

    def set_caller(self, channel: Channel, caller: Party) -> None:
        """Change who the channel's own party is; what is empty stays."""
        channel.caller = Party(caller.number or channel.caller.number, caller.name or channel.caller.name)
        self._say("NewCallerid", channel, ("CID-CallingPres", "0 (Presentation Allowed, Not Screened)"))

    def set_connected(self, channel: Channel, connected: Party) -> None:
        """Change whom the channel's party sees as the other side; what is empty stays."""
        channel.connected = Party(
            connected.number or channel.connected.number, connected.name or channel.connected.name
        )
        self._say("NewConnectedLine", channel)

    def set_account_code(self, channel: Channel, code: str) -> None:
        old, channel.account_code = channel.account_code, code
        self._say("NewAccountCode", channel, ("OldAccountCode", old))

    def copy_to_twin(self, one: Channel) -> None:
        """What was set on one half of a Local channel is handed to the other half as they are called."""
        two = one.twin
        if two is None:
            raise IllegalTransition(f"{one.name} has no other half.")
        two.connected, two.account_code = one.connected, one.account_code
        if one.caller:
            self.set_caller(two, one.caller)
        if two.account_code:
            self._say("NewAccountCode", two, ("OldAccountCode", ""))
        if one.connected:
            self.set_connected(two, one.connected)

    def hang_up(self, channel: Channel, cause: int = NORMAL, *, tech_cause: int = 0, keep_caller: bool = False) -> None:
        """End a channel and what cannot go on without it: its partner, its other half, the phone it dials.

        With `keep_caller` whoever dials this channel stays (he hears the busy tone). A channel that has gone
        already is left alone.
        """
        if channel.is_gone:
            return
        if channel.is_consulting and self._complete_transfer(channel):
            return
        self._show_place(channel)
        channel.is_gone = True
        if channel.on_hang_up is not None:
            channel.on_hang_up()
        del self.channels[channel.name]
        waits = [*channel.consults_for.channels] if channel.consults_for is not None else []
        channel.consults_for = None
        others = [*self._leave(channel), *waits, channel.twin, channel.dials]
        caller = channel.dialled_by
        self._part(channel)
        if not tech_cause and not channel.is_local:
            tech_cause = _SIP_STATUS.get(cause, 0)
        fields = [("Cause", str(cause)), ("Cause-txt", _CAUSE_TEXTS.get(cause, "Unknown"))]
        if tech_cause:
            fields.append(("TechCause", str(tech_cause)))
        self._say("Hangup", channel, *fields)
        self._follow(channel)
        if caller is not None and not keep_caller:
            self.end_dialplan(caller, cause)
        for other in others:
            if other is None:
                continue
            if other.is_consulting:
                self._return_from_consulting(other)
            else:
                self.hang_up(other, cause or _own_cause(other))

    def end_dialplan(self, channel: Channel, cause: int = NORMAL) -> None:
        """The channel's application has returned and its dialplan has no further step: it hangs up."""
        if channel.is_gone:
            return
        if not channel.in_dialplan:
            pass
        elif channel.originated:
            self.run(channel, channel.extension, channel.priority + 1, "AppDial2", "(Outgoing Line)")
        else:
            channel.priority += 1
        self.hang_up(channel, cause)

    # Calls of two.

    def dial(self, caller: Channel, endpoint: str, callee: Party, context: str = "internal") -> Channel:
        """The caller's Dial() makes a channel to a telephone. It does not ring yet.

        `callee` is what the PBX is configured to know of its owner; nothing, for a line to the outside.
        """
        if caller.is_gone or caller.dials is not None or caller.bridge is not None:
            raise IllegalTransition(f"{caller.name} cannot dial now.")
        known = bool(callee)
        channel = self.new_channel(endpoint, callee, context=context, linkedid=caller.linkedid)
        channel.connected, channel.account_code = caller.caller, caller.account_code
        if not known:
            channel.caller = Party(caller.extension, caller.connected.name)
        self.run(channel, caller.extension, 1, "AppDial", "(Outgoing Line)")
        if not known:
            self.set_caller(channel, channel.caller)
        if caller.account_code:
            self._say("NewAccountCode", channel, ("OldAccountCode", ""))
        if caller.caller:
            self.set_connected(channel, caller.caller)
        caller.dials, channel.dialled_by = channel, caller
        if known:
            self.set_connected(caller, channel.caller)
        return channel

    def dial_local(self, caller: Channel, extension: str, context: str = "internal") -> Channel:
        """The caller's Dial() makes a Local channel; returned is the half that is to run the extension."""
        if caller.is_gone or caller.dials is not None or caller.bridge is not None or caller.parked is not None:
            raise IllegalTransition(f"{caller.name} cannot dial now.")
        one, two = self.new_local(extension, context, caller.linkedid)
        one.originated = False
        self.run(one, caller.extension, 1, "AppDial", "(Outgoing Line)")
        if caller.caller:
            self.set_connected(one, caller.caller)
            self.set_caller(two, caller.caller)
        self._say_local(
            "LocalBridge", one, two, ("Context", context), ("Exten", extension), ("LocalOptimization", "Yes")
        )
        caller.dials, one.dialled_by = one, caller
        return two

    def ring(self, callee: Channel) -> None:
        """The dialled telephone rings."""
        caller = callee.dialled_by
        self.change_state(callee, State.RINGING)
        if caller is None:
            return
        # A phone that dials counts as in use from here on.
        self._follow(caller)
        if not caller.connected.number or caller.connected.number != callee.caller.number:
            self.set_connected(caller, callee.caller)
        twin = caller.twin
        if caller.state is State.RING and twin is not None and twin.state is State.DOWN:
            twin.caller = callee.caller
            self.change_state(twin, State.RINGING)
            self.set_caller(twin, callee.caller)

    def end_dial(self, caller: Channel, callee: Channel, status: str) -> None:
        """The caller's Dial() ends with this status. (Not said of those that the caller gives up.)"""
        self._emit("DialEnd", [*caller.fields(), *prefixed("Dest", callee.fields()), ("DialStatus", status)])

    def answer(self, channel: Channel) -> None:
        """The channel is up; a Local channel's other half with it."""
        if channel.state is not State.UP:
            self.change_state(channel, State.UP)
        twin = channel.twin
        if twin is not None and twin.state is not State.UP:
            self.change_state(twin, State.UP)

    def connect(self, callee: Channel) -> None:
        """The dialled telephone answers (a Local channel has when its other half did): both are bridged."""
        caller = callee.dialled_by
        if caller is None:
            raise IllegalTransition(f"{callee.name} is not being dialled.")
        if not (callee.is_local and callee.state is State.UP):
            self.change_state(callee, State.UP)
        self.answer(caller)
        caller.dials = callee.dialled_by = None
        bridge = self._new_bridge()
        self.run(callee, "", 1, "AppDial", "(Outgoing Line)")
        self._enter(bridge, callee)
        self._enter(bridge, caller)

    def hold(self, channel: Channel) -> None:
        """The channel's party presses hold."""
        if channel.bridge is None or channel.on_hold:
            raise IllegalTransition(f"{channel.name} cannot hold now.")
        channel.on_hold = True
        self._say("Hold", channel, ("MusicClass", "default"))
        self._follow(*channel.bridge.channels)

    def unhold(self, channel: Channel) -> None:
        if not channel.on_hold:
            raise IllegalTransition(f"{channel.name} does not hold.")
        channel.on_hold = False
        self._say("Unhold", channel)
        self._follow(*(channel.bridge.channels if channel.bridge is not None else ()))

    # Calls that move.

    def bridge(self, first: Channel, second: Channel) -> list[Channel]:
        """AMI's Bridge: two channels that are up talk from now on; whomever they leave alone is hung up.

        The call that began first gives both its linkedid, of which no event tells.
        """
        if first is second or not (self._can_move(first) and self._can_move(second)):
            raise IllegalTransition(f"{first.name} and {second.name} cannot be bridged now.")
        bridge = self._new_bridge()
        # Whoever is taken out of his dialplan counts as a call anew.
        self.calls_processed += 1
        for channel in (first, second):
            channel.priority += 1
            self.begin(channel, "", "")
        left = self._move(bridge, first) + self._move(bridge, second)
        self.set_connected(second, first.caller)
        self.set_connected(first, second.caller)
        for channel in left:
            if channel.bridge is not bridge:
                self.hang_up(channel)
        return [first, second]

    def join_call(self, channel: Channel, bridge: Bridge) -> None:
        """One more in a call (BridgeAdd); it ends when only one is left."""
        if not self._can_move(channel) or bridge.type != "basic" or not bridge.channels or channel.bridge is bridge:
            raise IllegalTransition(f"{channel.name} cannot join that call now.")
        for left in self._move(bridge, channel):
            self.hang_up(left)

    def merge(self, into: Bridge, other: Bridge) -> None:
        """All of one bridge go over into another."""
        if into is other or {into.type, other.type} != {"basic"}:
            raise IllegalTransition("These bridges cannot be merged.")
        self._emit("BridgeMerge", [*prefixed("To", into.fields()), *prefixed("From", other.fields())])
        for channel in list(other.channels):
            self._move(into, channel)

    def redirect(self, channel: Channel, extension: str, context: str = "") -> None:
        """The channel is free for another extension, which the caller of this lets it run; its partner hangs up."""
        in_conference = channel.member is not None and channel.member.has_joined and not channel.is_gone
        if not (in_conference or self._can_move(channel)):
            raise IllegalTransition(f"{channel.name} cannot be redirected now.")
        self._go_to(channel, extension, context)
        for left in self._leave(channel):
            self.hang_up(left)

    def blind_transfer(self, transferer: Channel, extension: str, context: str) -> Channel:
        """The transferer hangs up; returned is his partner, who is to run the extension."""
        bridge = transferer.bridge
        if bridge is None or not self._can_move(transferer) or len(bridge.channels) != 2:
            raise IllegalTransition(f"{transferer.name} cannot transfer now.")
        (partner,) = (channel for channel in bridge.channels if channel is not transferer)
        self._say("Unhold", transferer)
        transferer.on_hold = False
        self._emit(
            "BlindTransfer",
            [
                ("Result", "Success"),
                *prefixed("Transferer", transferer.fields()),
                *prefixed("Transferee", partner.fields()),
                *bridge.fields(),
                ("IsExternal", "Yes"),
                ("Context", context),
                ("Extension", extension),
            ],
        )
        self._go_to(partner, extension)
        self._leave(partner)
        self.hang_up(transferer)
        return partner

    def consult(self, transferer: Channel, extension: str, context: str) -> Channel:
        """An attended transfer begins (Atxfer): a Local channel to the extension, in a second bridge with him.

        Returned is the Local channel's half that is to run the extension. When the transferer hangs up, the two
        others talk; when the other one does, he is back with his partner.
        """
        first = transferer.bridge
        if first is None or not self._can_move(transferer) or len(first.channels) != 2 or transferer.is_local:
            raise IllegalTransition(f"{transferer.name} cannot consult anybody now.")
        if not transferer.on_hold:
            transferer.on_hold = True
            self._say("Hold", transferer)
        one, two = self.new_local(extension, context, transferer.linkedid)
        second = self._new_bridge()
        self.set_caller(two, transferer.caller)
        self._say_local(
            "LocalBridge", one, two, ("Context", context), ("Exten", extension), ("LocalOptimization", "Yes")
        )
        self.set_connected(one, transferer.caller)
        self._enter(second, one)
        transferer.consults_for = first
        self._move(second, transferer)
        return two

    def optimize(self, one: Channel) -> None:
        """A Local channel between two bridges steps aside: whoever talks to its first half takes the second's place."""
        two = one.twin
        near, far = one.bridge, two.bridge if two is not None else None
        if two is None or near is None or far is None or {near.type, far.type} != {"basic"} or near is far:
            raise IllegalTransition(f"{one.name} is not between two bridges.")
        if one.state is not State.UP or len(near.channels) != 2 or len(far.channels) < 2:
            raise IllegalTransition(f"{one.name} cannot step aside now.")
        (source,) = (channel for channel in near.channels if channel is not one)
        if source.is_consulting or self._is_waited_for(two):
            raise IllegalTransition(f"{source.name} cannot move now.")
        number = ("Id", str(next(self._optimizations)))
        begin = [*prefixed("Source", source.fields()), ("DestUniqueId", two.uniqueid), number]
        self._say_local("LocalOptimizationBegin", one, two, *begin)
        self._take_out(source)
        self._take_out(two)
        self._enter(far, source, instead_of=two)
        self._say_local("LocalOptimizationEnd", one, two, ("Success", "No"), number)
        self.hang_up(one)

    def pick_up(self, picker: Channel, target: Channel) -> None:
        """Somebody else takes what rings at the target. The call's linkedid becomes his, of which no event tells."""
        caller = target.dialled_by
        if caller is None or target.state is not State.RINGING or picker.state is not State.RING or picker is caller:
            raise IllegalTransition(f"{picker.name} cannot pick up {target.name}.")
        if picker.is_gone or picker.dials is not None or picker.twin is not None:
            raise IllegalTransition(f"{picker.name} cannot pick up now.")
        self.set_connected(picker, target.connected)
        self.change_state(picker, State.UP)
        self._emit("Pickup", [*picker.fields(), *prefixed("Target", target.fields())])
        self.set_connected(caller, picker.caller)
        self.answer(caller)
        # The two channels have changed places, so the dialplan of each is the other's.
        picker.extension, target.extension = "", picker.extension
        picker.application, picker.application_data = "AppDial", "(Outgoing Line)"
        self.hang_up(target, ANSWERED_ELSEWHERE, keep_caller=True)
        bridge = self._new_bridge()
        self._enter(bridge, picker)
        self._enter(bridge, caller)

    def park(self, channel: Channel, seconds: int = PARKING_SECONDS) -> ParkedCall:
        """The channel waits in the parking lot, at most so long; its partner hangs up."""
        if channel.bridge is None or not self._can_move(channel) or channel.is_local:
            raise IllegalTransition(f"{channel.name} cannot be parked now.")
        if self._parking_bridge is None:
            self._parking_bridge = self._new_bridge("parking", "holding_bridge", "Parking", PARKING_LOT)
        space = next(space for space in itertools.count(FIRST_SPACE) if space not in self.parked)
        left = self._leave(channel)
        parked = channel.parked = ParkedCall(channel, channel.endpoint, space, self.now(), seconds)
        self.parked[space] = parked
        self._emit("ParkedCall", parked.fields(self.now()))
        self._follow_space(space, states.INUSE)
        self._enter(self._parking_bridge, channel)
        for other in left:
            self.hang_up(other)
        return parked

    def unpark(self, parked: ParkedCall, retriever: Channel) -> None:
        """Somebody who is up takes the parked call: they talk."""
        if parked.channel.parked is not parked or not self._can_move(retriever) or retriever.bridge is not None:
            raise IllegalTransition(f"{retriever.name} cannot take the parked call.")
        self._emit("UnParkedCall", parked.fields(self.now(), retriever))
        self._unpark(parked)
        bridge = self._new_bridge()
        self._enter(bridge, retriever)
        self._enter(bridge, parked.channel)

    def parking_times_out(self, parked: ParkedCall) -> Channel:
        """Nobody has taken the parked call; returned is its channel, which is to call whoever has parked it."""
        if parked.channel.parked is not parked:
            raise IllegalTransition(f"{parked.channel.name} is not parked.")
        self._emit("ParkedCallTimeOut", parked.fields(self.now()))
        self._unpark(parked)
        return parked.channel

    # Conferences.

    def join(
        self, channel: Channel, name: str, *, admin: bool = False, muted: bool = False, wait_marked: bool = False
    ) -> Member:
        """A channel that is up enters a conference, which begins with its first member; an admin is marked too."""
        member = self.begin_to_join(channel, name, admin=admin, muted=muted, marked=admin, wait_marked=wait_marked)
        self.finish_joining(member)
        return member

    def begin_to_join(
        self,
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
        conference = self.conferences.get(name)
        if conference is None:
            bridge = self._new_bridge("base", "softmix", "ConfBridge", name)
            bridge.announcers = 1
            conference = self.conferences[name] = Conference(name, bridge)
            number = f"{next(self._local_numbers):08x}"
            conference.announcers = [
                self._hide(f"CBAnn/{name}-{number};1"),
                self._hide(f"CBAnn/{name}-{number};2", bridge=bridge.id),
            ]
            self._emit("ConfbridgeStart", [("Conference", name), *bridge.fields()])
            self.states.set_device(f"confbridge:{name}", states.INUSE)
        elif conference.locked and not admin:
            raise IllegalTransition(f"{name} is locked.")
        member = channel.member = Member(conference, channel, admin, muted, marked, wait_marked)
        conference.members.append(member)
        return member

    def finish_joining(self, member: Member) -> None:
        """The prompt is over: the member is in the bridge."""
        if member.has_joined or member.channel.member is not member:
            raise IllegalTransition(f"{member.channel.name} hears no prompt.")
        member.has_joined = True
        for other in member.conference.members:
            self._show_place(other.channel)
        self._enter(member.conference.bridge, member.channel)
        self._say_member("ConfbridgeJoin", member, ("Admin", yes(member.admin)), ("Muted", yes(member.muted)))
        self._report_talking(member)

    def leave(self, member: Member) -> Channel:
        """Out of the conference by a key of the menu: the channel lives on, and its dialplan goes on."""
        if not member.has_joined:
            raise IllegalTransition(f"{member.channel.name} has not joined yet.")
        self._leave(member.channel)
        return member.channel

    def kick(self, member: Member) -> None:
        """Out of the conference; the dialplan has nothing more for him. Whoever hears the prompt joins all the same."""
        if member.has_joined:
            self._leave(member.channel)
            self.end_dialplan(member.channel)

    def mute(self, member: Member, muted: bool) -> None:
        """Mute or unmute. It is reported again even if it changes nothing, as Asterisk does."""
        member.muted = muted
        member.unmuted_at = None if muted else self.now()
        self._say_member("ConfbridgeMute" if muted else "ConfbridgeUnmute", member, ("Admin", yes(member.admin)))
        self._report_talking(member)

    def speak(self, member: Member, speaks: bool) -> None:
        """A voice begins or ends on the line; the conference reports it if it lets it through."""
        member.speaks = speaks
        self._report_talking(member)

    def lock(self, conference: Conference, locked: bool) -> None:
        """Nobody but admins may join a locked conference. Asterisk 22 sends no event for it."""
        conference.locked = locked

    def record(self, conference: Conference, recording: bool, file: str = "") -> None:
        """Begin or end the recording of a conference; Asterisk puts the time into the name of the file."""
        if recording == conference.recording:
            raise IllegalTransition(
                f"{conference.name} is {'being recorded already' if recording else 'not recorded'}."
            )
        if recording and (not conference.file or (file and file != conference.asked_file)):
            stem, dot, ending = (file or f"confbridge-{conference.name}.wav").rpartition(".")
            path = f"{stem}-{int(self.now())}.{ending}" if dot else f"{ending}-{int(self.now())}"
            conference.file = path if path.startswith("/") else f"{MONITOR_FOLDER}/{path}"
            conference.asked_file = file
        if recording:
            name = f"CBRec/{conference.name}-{next(self._recorders):08x}"
            conference.recorder = self._hide(name, conference.bridge.id, conference.file)
        else:
            conference.recorder = None
        conference.bridge.announcers += 1 if recording else -1
        event = "ConfbridgeRecord" if recording else "ConfbridgeStopRecord"
        self._emit(event, [("Conference", conference.name), *conference.bridge.fields()])

    def show_video_of(self, member: Member) -> None:
        """Everybody sees this member from now on."""
        self._set_video_source(member.conference.bridge, member.channel.uniqueid)

    # What channels tell by themselves.

    def press(self, channel: Channel, digit: str) -> None:
        """The channel's party presses a key."""
        self._say("DTMFBegin", channel, ("Digit", digit), ("Direction", "Received"))
        self._say("DTMFEnd", channel, ("Digit", digit), ("DurationMs", "100"), ("Direction", "Received"))

    def step_aside(self, channel: Channel, place: Place) -> None:
        """A key of the conference's menu runs dialplan. Events and lists show it there until the next change."""
        if channel.place is None:
            channel.place = Place(
                channel.context, channel.extension, channel.priority, channel.application, channel.application_data
            )
            self._put(channel, place)
            self._say_extension(channel)

    def user_event(self, channel: Channel, name: str, fields: Fields) -> None:
        """The dialplan's UserEvent()."""
        self._say("UserEvent", channel, ("UserEvent", name), *fields)

    # Within.

    def _add(
        self,
        name: str,
        caller: Party,
        state: State,
        context: str,
        extension: str,
        linkedid: str,
        originated: bool,
        uniqueid: str = "",
    ) -> Channel:
        uniqueid = uniqueid or self._new_uniqueid()
        channel = Channel(
            name, uniqueid, linkedid or uniqueid, self.now(), state, caller, context, extension, originated=originated
        )
        self.channels[name] = channel
        self._say("Newchannel", channel)
        return channel

    def _new_uniqueid(self) -> str:
        return f"{int(self.now())}.{next(self._uniqueids)}"

    def _hide(self, name: str, bridge: str = "", file: str = "") -> HiddenChannel:
        return HiddenChannel(name, self._new_uniqueid(), self.now(), bridge, file)

    def _put(self, channel: Channel, place: Place) -> None:
        channel.context, channel.extension, channel.priority = place.context, place.extension, place.priority
        channel.application, channel.application_data = place.application, place.application_data

    def _show_place(self, channel: Channel) -> None:
        """Tell where a channel is again, after the dialplan that a key of the menu has run."""
        if channel.place is not None:
            self._put(channel, channel.place)
            channel.place = None
            self._say_extension(channel)

    def _set_video_source(self, bridge: Bridge, uniqueid: str) -> None:
        previous, bridge.video_source, bridge.video_mode = bridge.video_source, uniqueid, "single"
        self._emit("BridgeVideoSourceUpdate", [*bridge.fields(), ("BridgePreviousVideoSource", previous)])

    def _new_bridge(
        self, type_: str = "basic", technology: str = "simple_bridge", creator: str = UNKNOWN, name: str = UNKNOWN
    ) -> Bridge:
        bridge = Bridge(str(uuid.UUID(int=self._chance.getrandbits(128), version=4)), type_, technology, creator, name)
        self.bridges[bridge.id] = bridge
        self._emit("BridgeCreate", bridge.fields())
        return bridge

    def _enter(self, bridge: Bridge, channel: Channel, instead_of: Channel | None = None) -> None:
        bridge.channels.append(channel)
        channel.bridge, channel.was_bridged = bridge, True
        if bridge.type == "basic":
            # Those of one call take the linkedid of the oldest; only the event of who enters shows it.
            oldest = min((member.linkedid for member in bridge.channels), key=age)
            for member in bridge.channels:
                member.linkedid = oldest
        swap = [("SwapUniqueid", instead_of.uniqueid)] if instead_of is not None else []
        self._emit("BridgeEnter", [*bridge.fields(), *channel.fields(), *swap])

    def _take_out(self, channel: Channel) -> Bridge | None:
        """Out of its bridge, which stays even if it is empty."""
        bridge = channel.bridge
        if bridge is not None:
            bridge.channels.remove(channel)
            channel.bridge, channel.on_hold = None, False
            self._emit("BridgeLeave", [*bridge.fields(), *channel.fields()])
            if bridge.type == "basic":  # nobody is held in others, which can be large
                self._follow(*(one for one in (channel, *bridge.channels) if one.device_state == states.ONHOLD))
            if bridge.video_source == channel.uniqueid:
                self._set_video_source(bridge, "")
        return bridge

    def _leave(self, channel: Channel) -> list[Channel]:
        """Take a channel out of its bridge; returns the partner whom that leaves alone in a call."""
        member, parked = channel.member, channel.parked
        if member is not None:
            if not member.has_joined:
                self.finish_joining(member)
            self._say_member("ConfbridgeLeave", member, ("Admin", yes(member.admin)))
            member.conference.members.remove(member)
            channel.member = None
        bridge = self._take_out(channel)
        if parked is not None:
            del self.parked[parked.space]
            channel.parked = None
            self._emit("ParkedCallGiveUp", parked.fields(self.now()))
            self._follow_space(parked.space, states.NOT_INUSE)
        if member is not None and not member.conference.members:
            conference = member.conference
            del self.conferences[conference.name]
            self._emit("ConfbridgeEnd", [("Conference", conference.name), *conference.bridge.fields()])
            self.states.set_device(f"confbridge:{conference.name}", states.NOT_INUSE)
            if conference.recording:
                self.record(conference, False)
            self._destroy(conference.bridge)
        if bridge is None or bridge.type != "basic":
            return []
        if not bridge.channels:
            self._destroy(bridge)
        return list(bridge.channels) if len(bridge.channels) == 1 else []

    def _destroy(self, bridge: Bridge) -> None:
        del self.bridges[bridge.id]
        bridge.announcers = 0
        self._emit("BridgeDestroy", bridge.fields())

    def _go_to(self, channel: Channel, extension: str, context: str = "") -> None:
        """Told before it leaves its bridge, while it still runs what brought it there."""
        if channel.place is not None:
            self._put(channel, channel.place)
            channel.place = None
        channel.context, channel.extension, channel.priority = context or channel.context, extension, 1
        channel.sent_to = (extension, 1)
        self._say_extension(channel)

    def _can_move(self, channel: Channel) -> bool:
        """Whether somebody may take this channel elsewhere: it is up, and in a call or in none."""
        return (
            not channel.is_gone
            and channel.state is State.UP
            and channel.member is None
            and channel.parked is None
            and not channel.is_consulting
            and channel.dials is None
            and not self._is_waited_for(channel)
        )

    def _is_waited_for(self, channel: Channel) -> bool:
        """Whether somebody consults another about this channel, or this channel about another."""
        bridge = channel.bridge
        return bridge is not None and any(
            other.is_consulting and bridge in (other.bridge, other.consults_for) for other in self.channels.values()
        )

    def _move(self, bridge: Bridge, channel: Channel) -> list[Channel]:
        """From one bridge to another; returned is whom that leaves alone, unless he waits for somebody's return."""
        old = self._take_out(channel)
        self._enter(bridge, channel)
        if old is None:
            return []
        if not old.channels:
            self._destroy(old)
        alone = len(old.channels) == 1 and channel.consults_for is not old
        return list(old.channels) if alone else []

    def _complete_transfer(self, transferer: Channel) -> bool:
        """The transferer hangs up: the two others talk. False where there is nobody yet to talk to."""
        first, second = transferer.consults_for, transferer.bridge
        targets = [channel for channel in second.channels if channel is not transferer] if second is not None else []
        if first is None or second is None or not first.channels or [one.state for one in targets] != [State.UP]:
            return False
        (one,), transferee = targets, first.channels[0]
        transferer.consults_for = None
        who = transferer.fields()
        self._take_out(transferer)
        self._emit("BridgeMerge", [*prefixed("To", first.fields()), *prefixed("From", second.fields())])
        self._take_out(one)
        self._enter(first, one)
        self._emit(
            "AttendedTransfer",
            [
                ("Result", "Success"),
                *prefixed("OrigTransferer", who),
                *prefixed("Orig", first.fields()),
                *prefixed("SecondTransferer", who),
                *prefixed("Second", second.fields()),
                *prefixed("Transferee", transferee.fields()),
                *prefixed("TransferTarget", one.fields()),
                ("IsExternal", "No"),
                ("DestType", "Bridge"),
                ("DestBridgeUniqueid", first.id),
            ],
        )
        self.set_connected(transferee, one.caller)
        self.set_connected(one, transferee.caller)
        self._destroy(second)
        self.hang_up(transferer)
        return True

    def _return_from_consulting(self, transferer: Channel) -> None:
        """Whom he consulted is gone: the transferer is back with his partner."""
        first, transferer.consults_for = transferer.consults_for, None
        if first is not None:
            self._move(first, transferer)

    def _unpark(self, parked: ParkedCall) -> None:
        del self.parked[parked.space]
        parked.channel.parked = None
        self._follow_space(parked.space, states.NOT_INUSE)
        self._take_out(parked.channel)

    def _follow(self, *channels: Channel) -> None:
        """Tell what has become of the devices of these channels; only of them, for there may be thousands."""
        for channel in channels:
            now = _DEVICE_STATES[channel.state] if not channel.is_gone else ""
            now = states.ONHOLD if now and channel.is_held else now
            if now != channel.device_state:
                before, channel.device_state = channel.device_state, now
                self.states.engage(channel.endpoint, before, now)

    def _follow_space(self, space: int, state: str) -> None:
        self.states.set_device(f"park:{space}@{PARKING_CONTEXT}", state)

    def _part(self, channel: Channel) -> None:
        """Nobody refers to this channel any more."""
        if channel.dialled_by is not None:
            channel.dialled_by.dials = None
        if channel.dials is not None:
            channel.dials.dialled_by = None
        if channel.twin is not None:
            channel.twin.twin = None

    def _report_talking(self, member: Member) -> None:
        talking = member.speaks and not member.muted and member.has_joined
        if talking != member.talking:
            member.talking = talking
            status = ("TalkingStatus", "on" if talking else "off")
            self._say_member("ConfbridgeTalking", member, status, ("Admin", yes(member.admin)))

    def _say(self, event: str, channel: Channel, *more: tuple[str, str]) -> None:
        self._emit(event, [*channel.fields(), *more])

    def _say_extension(self, channel: Channel) -> None:
        application = [("Application", channel.application), ("AppData", channel.application_data)]
        self._say("Newexten", channel, ("Extension", channel.extension), *application)

    def _say_member(self, event: str, member: Member, *more: tuple[str, str]) -> None:
        conference = member.conference
        self._emit(
            event,
            [("Conference", conference.name), *conference.bridge.fields(), *member.channel.fields(), *more],
        )

    def _say_local(self, event: str, one: Channel, two: Channel, *more: tuple[str, str]) -> None:
        self._emit(event, [*prefixed("LocalOne", one.fields()), *prefixed("LocalTwo", two.fields()), *more])


def _own_cause(channel: Channel) -> int:
    """Why a channel hangs up whose partner gives no cause."""
    if channel.state is State.BUSY:
        return BUSY
    return NO_CAUSE if channel.is_local and channel.bridge is None else NORMAL


def age(uniqueid: str) -> tuple[int, int]:
    """By when a channel was made, and as how many-th; one whose id was given to it counts as the youngest."""
    seconds, _, number = uniqueid.partition(".")
    return (int(seconds), int(number)) if seconds.isdecimal() and number.isdecimal() else (sys.maxsize, 0)

"""The simulated switch: channels, bridges, conferences, their legal transitions, and the events that tell of them.

It does no I/O; its clock and its randomness are handed in. What it emits has the names, the fields and the order
of Asterisk 22 (main/manager_channels.c, manager_bridges.c, apps/confbridge/confbridge_manager.c) as far as the
panel reads them; `tests/demo/test_contract.py` compares both.
"""

import itertools
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

Fields = list[tuple[str, str]]
Emit = Callable[[str, Fields], None]

UNKNOWN = "<unknown>"

NO_CAUSE, NORMAL, BUSY, NO_ANSWER, NO_ROUTE, INTERWORKING = 0, 16, 17, 19, 3, 127
_CAUSE_TEXTS = {
    NO_CAUSE: "Unknown",
    NORMAL: "Normal Clearing",
    BUSY: "User busy",
    NO_ANSWER: "User alerting, no answer",
    NO_ROUTE: "No route to destination",
    INTERWORKING: "Interworking, unspecified",
}
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


@dataclass(frozen=True, slots=True)
class Party:
    """A number and a name, each empty where it is not known."""

    number: str = ""
    name: str = ""

    def __bool__(self) -> bool:
        return bool(self.number or self.name)


NOBODY = Party()


@dataclass(slots=True, eq=False)
class Bridge:
    """Where channels hear each other: two in a call, many in a conference."""

    id: str
    type: str = "basic"
    technology: str = "simple_bridge"
    creator: str = UNKNOWN
    name: str = UNKNOWN
    channels: list["Channel"] = field(default_factory=list)
    # A conference's bridge also holds the channel that would speak its announcements.
    announcers: int = 0

    def fields(self) -> Fields:
        return [
            ("BridgeUniqueid", self.id),
            ("BridgeType", self.type),
            ("BridgeTechnology", self.technology),
            ("BridgeCreator", self.creator),
            ("BridgeName", self.name),
            ("BridgeNumChannels", str(len(self.channels) + self.announcers)),
            ("BridgeVideoSourceMode", "none"),
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
    # A channel that Asterisk itself dialled goes back to this application where its dialplan ends.
    originated: bool = False
    answered_at: float | None = None
    on_hold: bool = False
    bridge: Bridge | None = None
    member: "Member | None" = None
    # The other half of a Local channel; whom it dials; who dials it, until it answers.
    twin: "Channel | None" = None
    dials: "Channel | None" = None
    dialled_by: "Channel | None" = None
    is_gone: bool = False
    # Called once, when the channel hangs up.
    on_hang_up: Callable[[], None] | None = None

    @property
    def is_local(self) -> bool:
        return self.name.startswith("Local/")

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
    speaks: bool = False
    talking: bool = False


@dataclass(slots=True, eq=False)
class Conference:
    """A running ConfBridge room. It ends with its last member."""

    name: str
    bridge: Bridge
    locked: bool = False
    members: list[Member] = field(default_factory=list)


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
        self.conferences: dict[str, Conference] = {}
        self.calls_processed = 0
        self.now = now
        self._emit, self._chance = emit, chance
        self._uniqueids, self._pjsip_numbers, self._local_numbers = (itertools.count() for _ in range(3))

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
    ) -> Channel:
        """A channel to or from a telephone: `endpoint` is such as `PJSIP/100`."""
        name = f"{endpoint}-{next(self._pjsip_numbers):08x}"
        return self._add(name, caller, state, context, extension, linkedid, originated)

    def new_local(self, extension: str, context: str) -> tuple[Channel, Channel]:
        """The two halves of a Local channel: `;1` is originated, `;2` will run the dialplan."""
        name = f"Local/{extension}@{context}-{next(self._local_numbers):08x}"
        one = self._add(f"{name};1", NOBODY, State.DOWN, context, extension, "", True)
        two = self._add(f"{name};2", NOBODY, State.RING, context, extension, one.linkedid, False)
        one.twin, two.twin = two, one
        return one, two

    def change_state(self, channel: Channel, state: State) -> None:
        """Ring, answer or turn busy."""
        if channel.is_gone or state not in _NEXT_STATES[channel.state]:
            raise IllegalTransition(f"{channel.name} cannot go from {channel.state} to {state}.")
        channel.state = state
        if state is State.UP:
            channel.answered_at = self.now()
        self._say("Newstate", channel)

    def run(self, channel: Channel, extension: str, priority: int, application: str, data: str = "") -> None:
        """The channel begins this application, at this place of the dialplan."""
        channel.extension, channel.priority = extension, priority
        channel.application, channel.application_data = application, data
        self._say(
            "Newexten",
            channel,
            ("Extension", extension),
            ("Application", application),
            ("AppData", data),
        )

    def begin(self, channel: Channel, application: str, data: str) -> None:
        """The channel begins an application outside the dialplan, of which no event tells."""
        channel.application, channel.application_data = application, data

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
        channel.is_gone = True
        if channel.on_hang_up is not None:
            channel.on_hang_up()
        del self.channels[channel.name]
        others = [*self._leave(channel), channel.twin, channel.dials]
        caller = channel.dialled_by
        self._part(channel)
        if not tech_cause and not channel.is_local:
            tech_cause = _SIP_STATUS.get(cause, 0)
        fields = [("Cause", str(cause)), ("Cause-txt", _CAUSE_TEXTS.get(cause, "Unknown"))]
        if tech_cause:
            fields.append(("TechCause", str(tech_cause)))
        self._say("Hangup", channel, *fields)
        if caller is not None and not keep_caller:
            self.end_dialplan(caller, cause)
        for other in others:
            if other is not None:
                self.hang_up(other, cause or (NO_CAUSE if other.is_local else NORMAL))

    def end_dialplan(self, channel: Channel, cause: int = NORMAL) -> None:
        """The channel's application has returned and its dialplan has no further step: it hangs up."""
        if channel.is_gone:
            return
        if channel.originated:
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

    def ring(self, callee: Channel) -> None:
        """The dialled telephone rings."""
        caller = callee.dialled_by
        self.change_state(callee, State.RINGING)
        if caller is None:
            return
        if not caller.connected.number or caller.connected.number != callee.caller.number:
            self.set_connected(caller, callee.caller)
        twin = caller.twin
        if caller.state is State.RING and twin is not None and twin.state is State.DOWN:
            twin.caller = callee.caller
            self.change_state(twin, State.RINGING)
            self.set_caller(twin, callee.caller)

    def answer(self, channel: Channel) -> None:
        """The channel is up; a Local channel's other half with it."""
        if channel.state is not State.UP:
            self.change_state(channel, State.UP)
        twin = channel.twin
        if twin is not None and twin.state is not State.UP:
            self.change_state(twin, State.UP)

    def connect(self, callee: Channel) -> None:
        """The dialled telephone answers: both are bridged."""
        caller = callee.dialled_by
        if caller is None:
            raise IllegalTransition(f"{callee.name} is not being dialled.")
        self.change_state(callee, State.UP)
        self.answer(caller)
        caller.dials = callee.dialled_by = None
        bridge = Bridge(str(uuid.UUID(int=self._chance.getrandbits(128), version=4)))
        self.run(callee, "", 1, "AppDial", "(Outgoing Line)")
        self._enter(bridge, callee)
        self._enter(bridge, caller)

    def hold(self, channel: Channel) -> None:
        """The channel's party presses hold."""
        if channel.bridge is None or channel.on_hold:
            raise IllegalTransition(f"{channel.name} cannot hold now.")
        channel.on_hold = True
        self._say("Hold", channel, ("MusicClass", "default"))

    def unhold(self, channel: Channel) -> None:
        if not channel.on_hold:
            raise IllegalTransition(f"{channel.name} does not hold.")
        channel.on_hold = False
        self._say("Unhold", channel)

    # Conferences.

    def join(self, channel: Channel, name: str, *, admin: bool = False, muted: bool = False) -> Member:
        """A channel that is up enters a conference, which begins with its first member."""
        if channel.is_gone or channel.state is not State.UP or channel.bridge is not None:
            raise IllegalTransition(f"{channel.name} cannot join {name} now.")
        conference = self.conferences.get(name)
        if conference is None:
            bridge_id = str(uuid.UUID(int=self._chance.getrandbits(128), version=4))
            bridge = Bridge(bridge_id, "base", "softmix", "ConfBridge", name, announcers=1)
            conference = self.conferences[name] = Conference(name, bridge)
            self._emit("ConfbridgeStart", [("Conference", name), *bridge.fields()])
        elif conference.locked and not admin:
            raise IllegalTransition(f"{name} is locked.")
        member = channel.member = Member(conference, channel, admin, muted)
        conference.members.append(member)
        self._enter(conference.bridge, channel)
        self._say_member("ConfbridgeJoin", member, ("Admin", yes(admin)), ("Muted", yes(muted)))
        return member

    def kick(self, member: Member) -> None:
        """Out of the conference; the dialplan has nothing more for him."""
        self._leave(member.channel)
        self.end_dialplan(member.channel)

    def mute(self, member: Member, muted: bool) -> None:
        """Mute or unmute. It is reported again even if it changes nothing, as Asterisk does."""
        member.muted = muted
        self._say_member("ConfbridgeMute" if muted else "ConfbridgeUnmute", member, ("Admin", yes(member.admin)))
        self._report_talking(member)

    def speak(self, member: Member, speaks: bool) -> None:
        """A voice begins or ends on the line; the conference reports it if it lets it through."""
        member.speaks = speaks
        self._report_talking(member)

    def lock(self, conference: Conference, locked: bool) -> None:
        """Nobody but admins may join a locked conference. Asterisk 22 sends no event for it."""
        conference.locked = locked

    # Within.

    def _add(
        self, name: str, caller: Party, state: State, context: str, extension: str, linkedid: str, originated: bool
    ) -> Channel:
        uniqueid = f"{int(self.now())}.{next(self._uniqueids)}"
        channel = Channel(
            name, uniqueid, linkedid or uniqueid, self.now(), state, caller, context, extension, originated=originated
        )
        self.channels[name] = channel
        self._say("Newchannel", channel)
        return channel

    def _enter(self, bridge: Bridge, channel: Channel) -> None:
        bridge.channels.append(channel)
        channel.bridge = bridge
        self._emit("BridgeEnter", [*bridge.fields(), *channel.fields()])

    def _leave(self, channel: Channel) -> list[Channel]:
        """Take a channel out of its bridge; returns the partner whom that leaves alone in a call."""
        bridge, member = channel.bridge, channel.member
        if bridge is None:
            return []
        conference = member.conference if member is not None else None
        if member is not None and conference is not None:
            self._say_member("ConfbridgeLeave", member, ("Admin", yes(member.admin)))
            conference.members.remove(member)
        bridge.channels.remove(channel)
        channel.bridge, channel.member, channel.on_hold = None, None, False
        self._emit("BridgeLeave", [*bridge.fields(), *channel.fields()])
        if conference is None:
            return list(bridge.channels)
        if not conference.members:
            del self.conferences[conference.name]
            self._emit("ConfbridgeEnd", [("Conference", conference.name), *bridge.fields()])
        return []

    def _part(self, channel: Channel) -> None:
        """Nobody refers to this channel any more."""
        if channel.dialled_by is not None:
            channel.dialled_by.dials = None
        if channel.dials is not None:
            channel.dials.dialled_by = None
        if channel.twin is not None:
            channel.twin.twin = None

    def _report_talking(self, member: Member) -> None:
        talking = member.speaks and not member.muted
        if talking != member.talking:
            member.talking = talking
            status = ("TalkingStatus", "on" if talking else "off")
            self._say_member("ConfbridgeTalking", member, status, ("Admin", yes(member.admin)))

    def _say(self, event: str, channel: Channel, *more: tuple[str, str]) -> None:
        self._emit(event, [*channel.fields(), *more])

    def _say_member(self, event: str, member: Member, *more: tuple[str, str]) -> None:
        conference = member.conference
        self._emit(
            event,
            [("Conference", conference.name), *conference.bridge.fields(), *member.channel.fields(), *more],
        )

"""A call as people see it: who is with whom, in which state, since when."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import TextChoices
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from engine.live.fragments import Subject
from engine.mirror import dialplan
from engine.mirror.models import dom_id
from engine.mirror.sanitize import shown
from extensions.people.names import names_of
from extensions.people.numbers import found_by

from .models import RINGING_STATES, Bridge, Channel, ParkedCall, Transfer, stands_for

# How many of the people in one call (it may be a conference) its card names before it says "and n more".
NAMED_PARTIES = 4
# The states of a channel that can make its call one that rings.
UNANSWERED_STATES = (*RINGING_STATES, "Down")


class CallState(TextChoices):
    RINGING = "ringing", _("Ringing")
    TALKING = "talking", _("Talking")
    ON_HOLD = "hold", _("On hold")
    PARKED = "parked", _("Parked")
    CONFERENCE = "conference", _("In conference")
    ALONE = "alone", _("Connected")


# Of one who is up and whom nobody is with: what the application of the dialplan says of where that is.
ALONE_IN = {
    "Queue": _("Waiting in queue %(queue)s"),
    "VoiceMail": _("Leaving a message"),
    "VoiceMailMain": _("Listening to messages"),
    "MusicOnHold": _("Listening to music"),
    "Playback": _("Listening to an announcement"),
    "BackGround": _("At a menu"),
    "WaitExten": _("At a menu"),
    "Read": _("At a menu"),
}


@dataclass(frozen=True, slots=True)
class Party:
    """One end of a call: a telephone or a line, by the name and number its channel bears."""

    channel: Channel
    name: str
    number: str
    # The directory's name for the number; set where a call is drawn.
    directory_name: str = ""
    # They were put aside while others of the same call talk.
    waits: bool = False
    # Somebody is with them.
    talks: bool = False
    parked: bool = False

    @property
    def id(self) -> str:
        return dom_id("party", self.channel.pbx_id, self.channel.uniqueid)

    @property
    def label(self) -> str:
        return self.known_name or self.number

    @property
    def known_name(self) -> str:
        """Their name: the directory's, or else their own."""
        return self.directory_name or self.name

    @property
    def own_name(self) -> str:
        """The name that they give themselves, where the directory has another."""
        return self.name if self.name.casefold() != self.known_name.casefold() else ""

    @property
    def detail(self) -> str:
        """The number, where the label is a name."""
        return self.number if self.known_name else ""

    @property
    def keys(self) -> str:
        """By which a page finds names that not everybody may see."""
        return found_by(self.channel.pbx_id, self.number)

    @property
    def is_phone(self) -> bool:
        """Whether the number is that of a phone of the PBX, by which it is called."""
        return bool(self.number) and self.number == self.channel.endpoint.partition("/")[2]

    @property
    def full_label(self) -> str:
        """Name and number: two people may have the same name."""
        return f"{self.label} {self.detail}".strip()

    @property
    def muted(self) -> str:
        """What of it is muted, in words."""
        return str(Channel.Muted(self.channel.muted).label) if self.channel.muted else ""

    @property
    def does(self) -> str:
        """What of it is not as with one who talks, in a word."""
        if self.channel.is_ringing:
            return gettext("ringing")
        if self.channel.on_hold:
            return gettext("on hold")
        return gettext("waiting") if self.waits else ""


class Call:
    """All channels of one call, in the order of their creation. There is at least one.

    `bridges` and `parked` hold at least those of its channels, by unique id; `names` those that the directory has, by
    number.
    """

    def __init__(
        self,
        pbx: str,
        linkedid: str,
        channels: Iterable[Channel],
        bridges: Mapping[str, Bridge] | None = None,
        parked: Mapping[str, ParkedCall] | None = None,
        transfers: Mapping[str, Transfer] | None = None,
        names: Mapping[str, str] | None = None,
    ) -> None:
        self.pbx, self.linkedid = pbx, linkedid
        self.channels = sorted(channels, key=lambda channel: channel.age)
        self._bridges = bridges or {}
        parked = parked or {}
        self._parked = {c.uniqueid: parked[c.uniqueid] for c in self.channels if c.uniqueid in parked}
        self.parked = next(iter(self._parked.values()), None)
        held = transfers or {}
        # Of whom one waits, on hold, while another of the call reaches somebody else.
        self.transfer = next((held[c.uniqueid] for c in self.channels if c.uniqueid in held), None)
        numbers = numbers_in(self.channels, [self.transfer] if self.transfer else []) if names else set()
        self._names = {number: names[number] for number in numbers if names and number in names}

    @cached_property
    def _facts(self) -> tuple[object, ...]:
        """All that is known of it; two calls with the same are equal."""
        fields = [field.attname for field in Channel._meta.concrete_fields]
        channels = tuple(tuple(getattr(channel, name) for name in fields) for channel in self.channels)
        parked = tuple(
            (key, row.space, row.lot, row.parked_at, row.timeout, row.parked_by) for key, row in self._parked.items()
        )
        room = (self._is_in_conference, self.conference)
        transfer = self.transfer and (self.transfer.code, self.transfer.state, self.transfer.number)
        names = tuple(sorted(self._names.items()))
        return (self.pbx, self.linkedid, channels, tuple(self._rooms.values()), room, parked, transfer, names)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Call) and self._facts == other._facts

    def __hash__(self) -> int:
        return hash(self._facts)

    @property
    def id(self) -> str:
        return dom_id("call", self.pbx, self.linkedid)

    @cached_property
    def _ends(self) -> list[Channel]:
        # Halves of Local channels count only where there is nothing else.
        ends = [channel for channel in self.channels if not channel.is_local]
        return ends or [channel for channel in self.channels if channel.name.endswith(";1")] or self.channels

    @cached_property
    def _rooms(self) -> dict[str, str]:
        """Channel → where it is. Two are with each other in one bridge, or in two that a Local channel connects."""
        rooms = {}
        for channel in self.channels:
            bridge = self._bridges.get(channel.bridge)
            is_talk = channel.bridge and (bridge is None or bridge.is_talk)
            rooms[channel.uniqueid] = channel.bridge if is_talk else channel.uniqueid
        by_name = {channel.name: channel for channel in self.channels if channel.is_local}
        for one in by_name.values():
            two = by_name.get(one.other_half)
            if two is not None and rooms[one.uniqueid] != rooms[two.uniqueid]:
                here, there = rooms[one.uniqueid], rooms[two.uniqueid]
                rooms = {key: here if room == there else room for key, room in rooms.items()}
        return rooms

    @cached_property
    def _talkers(self) -> set[str]:
        """The channels of those who are up and have somebody with them."""
        up = [channel.uniqueid for channel in self._ends if channel.is_up]
        sizes = Counter(self._rooms[uniqueid] for uniqueid in up)
        return {uniqueid for uniqueid in up if sizes[self._rooms[uniqueid]] > 1}

    @cached_property
    def parties(self) -> list[Party]:
        """The parties at its ends, in words."""
        talkers = self._talkers
        return [
            replace(
                party,
                directory_name=self._names.get(party.number, ""),
                waits=bool(talkers and end.bridge and end.uniqueid not in talkers),
                talks=end.uniqueid in talkers,
                parked=end.uniqueid in self._parked,
            )
            for end, party in ((end, party_of(end)) for end in self._ends)
        ]

    def with_name(self, number: str) -> str:
        """A number, behind the directory's name for it."""
        return f"{self._names.get(number, '')} {number}".lstrip()

    def connected_to(self, channel: Channel) -> str:
        """Whom a channel shows as its other end."""
        number = channel.connected_number
        return self.with_name(number) if number in self._names else channel.connected_name or number

    @property
    def transferred_to(self) -> str:
        """To whom somebody of it is transferred, or who is consulted about them; empty where that is nobody."""
        return self.with_name(self.transfer.number) if self.transfer else ""

    def partners_of(self, channel: Channel) -> list[Party]:
        """Whoever is with this end."""
        room = self._rooms[channel.uniqueid]
        return [
            party
            for party in self.parties
            if party.channel.uniqueid != channel.uniqueid and self._rooms[party.channel.uniqueid] == room
        ]

    @property
    def held(self) -> Party | None:
        """Who was put on hold, where somebody was."""
        held = self.transfer.held if self.transfer else ""
        return next((party for party in self.parties if party.channel.uniqueid == held), None)

    @property
    def held_label(self) -> str:
        return self.held.label if self.held else ""

    @property
    def named_parties(self) -> list[Party]:
        return self.parties[:NAMED_PARTIES]

    @property
    def more_parties(self) -> int:
        return max(0, len(self.parties) - NAMED_PARTIES)

    @property
    def destination(self) -> str:
        """What a single party reached or dialled, where no second party stands for it, nor a conference."""
        if len(self.parties) != 1 or self.parked or self.conference:
            return ""
        number = self.parties[0].number
        own = ("", "s", "h", number, number.partition("@")[0])
        for channel in (*self.channels[1:], self.channels[0]):
            if channel.extension not in own and channel.context != dialplan.CONTEXT:
                return self.with_name(channel.extension)
        # A click-to-call that still rings my own phone has dialled nobody yet, but shows whom it will.
        return self.connected_to(self.parties[0].channel)

    @cached_property
    def state(self) -> CallState:
        if any(end.is_up and end.on_hold for end in self._ends):
            return CallState.ON_HOLD
        if self._talkers:
            return CallState.TALKING
        if self.parked:
            return CallState.PARKED
        if self._ringing:
            return CallState.RINGING
        if self._is_in_conference:
            return CallState.CONFERENCE
        return CallState.ALONE

    @property
    def state_name(self) -> str:
        """The state in words; if nobody else is on the call, what the party hears, or where they are."""
        if self.state is CallState.PARKED and self.parked:
            return gettext("Parked on %(space)s") % {"space": self.parked.space}
        alone = self._ends[0] if self.state is CallState.ALONE and len(self._ends) == 1 else None
        if alone is not None and alone.hears:
            return str(Channel.Tone(alone.hears).label)
        if alone is None or alone.application not in ALONE_IN:
            return str(self.state.label)
        return str(ALONE_IN[alone.application]) % {"queue": alone.application_data.partition(",")[0]}

    @property
    def waits(self) -> bool:
        """Whether somebody waits in a queue, on a parking space or on hold."""
        if self.held_label or self.state in (CallState.ON_HOLD, CallState.PARKED):
            return True
        return self.state is CallState.ALONE and any(end.application == "Queue" for end in self._ends)

    @property
    def _is_in_conference(self) -> bool:
        """Whether one of its channels is; while it waits for the first prompt to end no bridge has it yet, and where
        keys have run dialplan the application is not ConfBridge any more.
        """
        return bool(self._conference_bridges) or any(channel.application == "ConfBridge" for channel in self.channels)

    @property
    def _conference_bridges(self) -> list[Bridge]:
        bridges = (self._bridges.get(channel.bridge) for channel in self.channels)
        return [bridge for bridge in bridges if bridge is not None and bridge.creator == "ConfBridge"]

    @cached_property
    def conference(self) -> str:
        """The name of the one that one of its channels is in; empty where none is."""
        entering = (channel for channel in self.channels if channel.application == "ConfBridge")
        names = [bridge.name for bridge in self._conference_bridges]
        names += [channel.application_data.partition(",")[0] for channel in entering]
        return next(filter(None, names), "")

    @property
    def _ringing(self) -> list[Channel]:
        return [channel for channel in self.channels if channel.state in UNANSWERED_STATES]

    @property
    def recorded(self) -> str:
        """Whether it is recorded, by a value of `Channel.Recorded`: by whichever channel most of it is."""
        found = {channel.recorded for channel in self.channels}
        return next((value for value in Channel.Recorded.values if value in found), "")

    @property
    def recorded_name(self) -> str:
        """The same in words."""
        return str(Channel.Recorded(self.recorded).label) if self.recorded else ""

    @property
    def recording_files(self) -> str:
        """The names of the files, without their folders."""
        return ", ".join(channel.recording_file for channel in self.channels if channel.recording_file)

    @property
    def since(self) -> datetime:
        """Since when it is in this state: the last answer for a call that talks, its beginning for one that rings."""
        if self.state is CallState.RINGING:
            return self._ringing[0].created_at
        if self.state is CallState.PARKED and self.parked:
            return self.parked.parked_at
        answers = [end.answered_at for end in self._ends if end.answered_at]
        return max(answers, default=self.channels[0].created_at)

    @property
    def who(self) -> str:
        """Whose call it is: each of the parties that its card names, with the number."""
        separator = gettext(", ")
        return separator.join(party.full_label for party in self.named_parties)

    @property
    def created_at(self) -> datetime:
        return min(channel.created_at for channel in self.channels)

    @property
    def order(self) -> tuple[datetime, str]:
        """The sort key of calls, in the database, here and in the browser: the oldest first."""
        return self.created_at, self.id

    @property
    def phones(self) -> list[str]:
        """The endpoints that take part, each once, with their PBX: `main/PJSIP/101`."""
        return list(dict.fromkeys(f"{self.pbx}/{channel.endpoint}" for channel in self.channels if channel.endpoint))

    @property
    def hangup_targets(self) -> list[Channel]:
        """The channels to hang up so that the whole call ends."""
        return list(self._ends)


def party_of(channel: Channel) -> Party:
    """Who is at this channel, in words."""
    return Party(channel, *name_and_number(channel))


def name_and_number(channel: Channel) -> tuple[str, str]:
    """Of whoever is at this channel: their name, empty where none is known, and what they are called by without one."""
    if channel.is_local:
        if channel.is_of_ours:
            return gettext("A sound of the panel"), ""
        if not channel.caller_number and not channel.caller_name:
            return "", stands_for(channel.name)
    # A channel that the PBX dialled may have its caller's name beside its own number.
    is_theirs = channel.caller_name != channel.connected_name or channel.caller_number == channel.connected_number
    name = channel.caller_name if is_theirs else ""
    number = channel.caller_number or shown(channel.endpoint.partition("/")[2] or channel.name)
    return name if name != number else "", number


def calls_of(
    channels: Iterable[Channel],
    bridges: Iterable[Bridge],
    parked: Iterable[ParkedCall],
    transfers: Iterable[Transfer] = (),
    names: Mapping[str, str] | None = None,
) -> list[Call]:
    """Channels (of any number of PBXs), and the bridges, parking spaces and transfers they are in → calls, the oldest
    first. `names` are those that the directory has for their numbers.
    """
    grouped: dict[tuple[str, str], list[Channel]] = {}
    for channel in channels:
        grouped.setdefault((channel.pbx_id, channel.call), []).append(channel)
    bridges_of: dict[str, dict[str, Bridge]] = {}
    for bridge in bridges:
        bridges_of.setdefault(bridge.pbx_id, {})[bridge.uniqueid] = bridge
    parked_of: dict[str, dict[str, ParkedCall]] = {}
    for row in parked:
        parked_of.setdefault(row.pbx_id, {})[row.uniqueid] = row
    held_of: dict[str, dict[str, Transfer]] = {}
    for transfer in transfers:
        held_of.setdefault(transfer.pbx_id, {})[transfer.held] = transfer
    calls = [
        Call(pbx, linkedid, members, bridges_of.get(pbx), parked_of.get(pbx), held_of.get(pbx), names)
        for (pbx, linkedid), members in grouped.items()
    ]
    return sorted(calls, key=lambda call: call.order)


def numbers_in(channels: Iterable[Channel], transfers: Iterable[Transfer]) -> set[str]:
    """The numbers that a call of these may show."""
    found = {transfer.number for transfer in transfers}
    for channel in channels:
        found |= {channel.caller_number or party_of(channel).number, channel.connected_number, channel.extension}
    return found


def some_calls(pbx: str, linkedids: Iterable[str]) -> list[Call]:
    """Those of these calls that still exist, with the directory's names."""
    channels = list(Channel.objects.filter(pbx=pbx, call__in=linkedids))
    bridges = Bridge.objects.filter(pbx=pbx, uniqueid__in={channel.bridge for channel in channels if channel.bridge})
    uniqueids = [channel.uniqueid for channel in channels]
    parked = ParkedCall.objects.filter(pbx=pbx, uniqueid__in=uniqueids)
    transfers = list(Transfer.objects.filter(pbx=pbx, held__in=uniqueids))
    names = names_of(pbx, numbers_in(channels, transfers))
    return calls_of(channels, bridges, parked, transfers, names)


def calls_with(subjects: Iterable[Subject]) -> list[Call]:
    """Those of these calls that still exist, on any number of PBXs, the oldest first."""
    linkedids: dict[str, set[str]] = {}
    for pbx, linkedid in subjects:
        linkedids.setdefault(pbx, set()).add(linkedid)
    calls = [call for pbx, on_pbx in linkedids.items() for call in some_calls(pbx, on_pbx)]
    return sorted(calls, key=lambda call: call.order)

"""A call as people see it: the channels with one linkedid, told as who is with whom, in which state, since when."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from pbxpanel.mirror.models import dom_id
from pbxpanel.mirror.text import shown

from .models import Channel

# How many of the people in one call (it may be a conference) its card names before it says "and n more".
NAMED_PARTIES = 4


class CallState(TextChoices):
    RINGING = "ringing", _("Ringing")
    TALKING = "talking", _("Talking")
    ON_HOLD = "hold", _("On hold")
    CONFERENCE = "conference", _("In conference")
    ALONE = "alone", _("Connected")


@dataclass(frozen=True, slots=True)
class Party:
    """One end of a call: a telephone or a line, by the name and number its channel bears."""

    channel: Channel
    name: str
    number: str

    @property
    def label(self) -> str:
        return self.name or self.number

    @property
    def detail(self) -> str:
        """The number, where the label is a name."""
        return self.number if self.name else ""


class Call:
    """All channels of one linkedid, in the order in which they came to be. There is at least one."""

    def __init__(self, pbx: str, linkedid: str, channels: Iterable[Channel]) -> None:
        self.pbx, self.linkedid = pbx, linkedid
        self.channels = sorted(channels, key=lambda channel: (channel.created_at, channel.uniqueid))

    @property
    def id(self) -> str:
        return dom_id("call", self.pbx, self.linkedid)

    @cached_property
    def parties(self) -> list[Party]:
        """Its ends in people's words. Halves of Local channels count only where there is nothing else."""
        ends = [channel for channel in self.channels if not channel.is_local]
        if not ends:
            ends = [channel for channel in self.channels if channel.name.endswith(";1")] or self.channels
        return [_party(channel) for channel in ends]

    @property
    def named_parties(self) -> list[Party]:
        return self.parties[:NAMED_PARTIES]

    @property
    def more_parties(self) -> int:
        return max(0, len(self.parties) - NAMED_PARTIES)

    @property
    def destination(self) -> str:
        """What a single party reached or dialled, where no second party stands for it."""
        if len(self.parties) != 1:
            return ""
        number = self.parties[0].number
        for channel in (*self.channels[1:], self.channels[0]):
            if channel.extension not in ("", "s", "h", number):
                return channel.extension
        # A click-to-call that still rings my own phone has dialled nobody yet, but shows whom it will.
        party = self.parties[0].channel
        return party.connected_name or party.connected_number

    @cached_property
    def state(self) -> CallState:
        up = [party.channel for party in self.parties if party.channel.is_up]
        bridges = [channel.bridge for channel in up if channel.bridge]
        if any(channel.on_hold for channel in up):
            return CallState.ON_HOLD
        if len(bridges) > len(set(bridges)):
            return CallState.TALKING
        if any(channel.is_ringing or channel.state == "Down" for channel in self.channels):
            return CallState.RINGING
        if any(channel.application == "ConfBridge" for channel in self.channels):
            return CallState.CONFERENCE
        return CallState.TALKING if len(up) > 1 else CallState.ALONE

    @property
    def since(self) -> datetime:
        """Since when it is in this state: the last answer for a call that talks, its beginning for one that rings."""
        if self.state is CallState.RINGING:
            return self.channels[0].created_at
        answers = [party.channel.answered_at for party in self.parties if party.channel.answered_at]
        return max(answers, default=self.channels[0].created_at)

    @property
    def created_at(self) -> datetime:
        return self.channels[0].created_at

    @property
    def phones(self) -> list[str]:
        """The endpoints that take part, each once, with their PBX: `main/PJSIP/101`."""
        return list(dict.fromkeys(f"{self.pbx}/{channel.endpoint}" for channel in self.channels if channel.endpoint))

    @property
    def hangup_targets(self) -> list[Channel]:
        """The channels to hang up so that the whole call ends."""
        return [party.channel for party in self.parties]


def _party(channel: Channel) -> Party:
    if channel.is_local and not channel.caller_number and not channel.caller_name:
        # `Local/8001@internal-0000002a;1` → the extension it stands for.
        return Party(channel, "", shown(channel.name.removeprefix("Local/").rpartition("-")[0]))
    # A channel that the PBX dialled may bear its caller's name beside its own number.
    name = channel.caller_name if channel.caller_name != channel.connected_name else ""
    number = channel.caller_number or shown(channel.endpoint.partition("/")[2] or channel.name)
    return Party(channel, name if name != number else "", number)


def calls_of(channels: Iterable[Channel]) -> list[Call]:
    """Channels (of any number of PBXs) → calls, the oldest first."""
    grouped: dict[tuple[str, str], list[Channel]] = {}
    for channel in channels:
        grouped.setdefault((channel.pbx_id, channel.linkedid), []).append(channel)
    calls = [Call(pbx, linkedid, members) for (pbx, linkedid), members in grouped.items()]
    return sorted(calls, key=lambda call: (call.created_at, call.linkedid))

"""The bar of each page: my phone, and the calls it takes part in, as whoever has it sees them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Sum
from django.utils.functional import cached_property
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from accounts.identity import numbers_of_phones, phones_in_use
from accounts.models import Profile
from engine.live import fragments
from engine.live.fragments import Row
from engine.mirror.models import dom_id
from engine.mirror.sanitize import shown
from extensions.fragments import device_context, shown_elsewhere
from extensions.models import Device, Mailbox
from extensions.people.names import names_of

from .call import Call, Party, some_calls
from .fragments import SEE
from .models import CampOn, Channel, Transfer


@dataclass(frozen=True)
class MyCall:
    """A call, as seen from `channel`, which is that of the phone."""

    call: Call
    channel: Channel

    @property
    def id(self) -> str:
        return f"mine-{dom_id('call', self.call.pbx, self.channel.uniqueid)}"

    @property
    def rings(self) -> bool:
        """Whether the phone rings."""
        return self.channel.state == "Ringing"

    @property
    def is_incoming(self) -> bool:
        """Whether somebody else began the call."""
        return self.call.channels[0].uniqueid != self.channel.uniqueid

    @property
    def calls_me(self) -> bool:
        return self.rings and self.is_incoming and bool(self.others)

    @property
    def transfer(self) -> Transfer | None:
        """What keeps somebody on hold for this phone."""
        transfer = self.call.transfer
        return transfer if transfer is not None and transfer.mine == self.channel.uniqueid else None

    @cached_property
    def others(self) -> list[Party]:
        """Whom the phone talks to; else who calls it, whom it calls, or who is on hold for it."""
        if partners := self.call.partners_of(self.channel):
            return partners
        if self.transfer is not None:
            return [self.call.held] if self.call.held else []
        others = [party for party in self.call.parties if party.channel.uniqueid != self.channel.uniqueid]
        return [party for party in others if party.channel.is_ringing != self.rings or party.channel.state == "Ring"]

    @property
    def other(self) -> Party | None:
        """The one that the buttons are about; None where there are several, or none."""
        return self.others[0] if len(self.others) == 1 else None

    @property
    def talks(self) -> bool:
        return bool(self.call.partners_of(self.channel)) and self.channel.is_up

    @property
    def has_held(self) -> bool:
        """Whether somebody was put on hold, for the phone or by itself."""
        return self.transfer is not None or self.channel.on_hold

    @property
    def label(self) -> str:
        """Who that is, by name."""
        if self.others:
            return str(_(", ")).join(party.label for party in self.others)
        connected = self.call.connected_to(self.channel)
        return shown(self.call.conference) or self.call.destination or connected or _("Nobody yet")

    @property
    def detail(self) -> str:
        """The number, where the label is a name."""
        return self.other.detail if self.other else ""

    @property
    def does(self) -> str:
        """What goes on, in words."""
        if self.calls_me:
            return _("is calling you")
        if self.rings:
            return _("Answer your phone")
        if self.talks:
            # A telephone holds by itself, too.
            return _("On hold") if self.channel.on_hold else _("Talking")
        if self.transfer is not None:
            return _("On hold")
        return _("Ringing") if self.others else self.call.state_name

    @property
    def since(self) -> datetime:
        """Since when."""
        if self.rings or not self.talks:
            return self.channel.answered_at or self.channel.created_at
        answers = [party.channel.answered_at for party in [*self.others, *self._me] if party.channel.answered_at]
        return max(answers, default=self.channel.created_at)

    @property
    def _me(self) -> list[Party]:
        return [party for party in self.call.parties if party.channel.uniqueid == self.channel.uniqueid]

    @property
    def recorded(self) -> Channel | None:
        """By whichever of its channels the call is recorded; None where it is not."""
        channels = [self.channel, *(party.channel for party in self.others)]
        return next((channel for channel in channels if channel.recorded), None)

    @property
    def is_muted(self) -> bool:
        """Whether nobody hears the phone."""
        return self.channel.muted in (Channel.Muted.IN, Channel.Muted.ALL)

    @property
    def queue(self) -> str:
        """The queue through which the caller came; empty where there is none."""
        if not self.is_incoming:
            return ""
        queues = (channel for channel in self.call.channels if channel.application == "Queue")
        return next((shown(channel.application_data.partition(",")[0]) for channel in queues), "")

    @property
    def dialled(self) -> str:
        """The number that the caller dialled, where it is another than the phone's own."""
        if not self.is_incoming or self.other is None:
            return ""
        number = self.other.channel.extension
        own = ("", "s", "h", "i", "t", self.channel.endpoint.partition("/")[2], self.channel.caller_number)
        return (
            ""
            if number in own or self.other.channel.context == self.channel.context == ""
            else shown(self.call.with_name(number))
        )

    @property
    def ringing_too(self) -> str:
        """The other phones that ring for this call."""
        others = (party for party in self.call.parties if party.channel.state == "Ringing")
        labels = [party.label for party in others if party.channel.uniqueid != self.channel.uniqueid]
        return str(_(", ")).join(labels) if self.rings else ""


def calls_at(pbx: str, endpoints: Iterable[str]) -> dict[str, list[MyCall]]:
    """Endpoint → its calls, the oldest first. Queries the database."""
    found: dict[str, list[MyCall]] = {endpoint: [] for endpoint in endpoints}
    linkedids = set(Channel.objects.filter(pbx=pbx, endpoint__in=found).order_by().values_list("call", flat=True))
    for call in some_calls(pbx, linkedids) if linkedids else []:
        for channel in call.channels:
            if channel.endpoint in found:
                found[channel.endpoint].append(MyCall(call, channel))
    return found


def _context(
    pbx: str, endpoint: str, calls: list[MyCall], device: Device | None, messages: int, waits_for: list[CampOn]
) -> dict[str, Any]:
    return {
        "id": row_id(pbx, endpoint),
        "pbx": pbx,
        "endpoint": endpoint,
        "calls": calls,
        "messages": messages,
        "waits_for": waits_for,
        "look": device_context(device)["look"] if device else None,
    }


def row_id(pbx: str, endpoint: str) -> str:
    return dom_id("phone", pbx, endpoint)


@fragments.renders("phone")
def phone_rows(pbx: str, keys: set[str]) -> Iterable[Row | tuple[str, str]]:
    """The bar of each of these endpoints that is somebody's phone, and what else shows the calls at them."""
    endpoints = phones_in_use(pbx, keys)
    for endpoint in keys - endpoints:  # whoever has it next is told anew
        fragments.is_news(row_id(pbx, endpoint), None)
    if endpoints:
        yield from _rows(pbx, endpoints)
    for shows in shown_elsewhere:
        yield from shows(pbx, "phone", keys)


def _rows(pbx: str, endpoints: Iterable[str]) -> Iterable[Row]:
    calls = calls_at(pbx, endpoints)
    devices = {device.name: device for device in Device.objects.filter(pbx=pbx, name__in=calls)}
    waiting = _messages(pbx, calls)
    camp_ons = list(CampOn.objects.filter(pbx=pbx, phone__in=calls))
    names = names_of(pbx, (row.number for row in camp_ons))
    for row in camp_ons:
        row.label = f"{names.get(row.number, '')} {row.number}".lstrip()
    for endpoint, mine in calls.items():
        device, messages = devices.get(endpoint), waiting[endpoint]
        waits_for = [row for row in camp_ons if row.phone == endpoint]
        awaited = [(row.code, row.label) for row in waits_for]
        seen = (device and device.state, messages, awaited, [(one.channel.uniqueid, one.call) for one in mine])
        if fragments.is_news(row_id(pbx, endpoint), seen):
            html = fragments.draw("calls/_my_phone.html", _context(pbx, endpoint, mine, device, messages, waits_for))
            yield Row(row_id(pbx, endpoint), "phone", html, permission=SEE, phone=f"{pbx}/{endpoint}")


def _messages(pbx: str, endpoints: Iterable[str]) -> dict[str, int]:
    """Endpoint → how many new messages its mailbox holds: that of its name or of its number. Queries the database."""
    numbers = numbers_of_phones(endpoints)
    mailboxes = Mailbox.objects.filter(pbx=pbx, number__in=set().union(*numbers.values())).order_by()
    new = dict(mailboxes.values_list("number").annotate(Sum("new")))
    return {endpoint: sum(new.get(number, 0) for number in numbers[endpoint]) for endpoint in numbers}


@fragments.renders("mailbox")
def mailbox_rows(pbx: str, keys: set[str]) -> Iterable[tuple[str, str]]:
    """The bar of each phone to which one of these numbers belongs."""
    endpoints = set(Profile.objects.exclude(endpoint="").values_list("endpoint", flat=True))
    numbers = numbers_of_phones(endpoints)
    return [("phone", endpoint) for endpoint in endpoints if numbers[endpoint] & keys]


def _rows_of(phone: str) -> Iterable[Row]:
    pbx, _separator, endpoint = phone.partition("/")
    return _rows(pbx, [endpoint]) if endpoint else []


fragments.own_rows.append(lambda viewer: _rows_of(viewer.phone))


def drawn_for(phone: str) -> str:
    """The inside of the bar of a phone, in the active language; nothing for none."""
    language = get_language() or settings.LANGUAGE_CODE
    with fragments.drawing([language]):
        return "".join((row.html or {})[language] for row in _rows_of(phone))

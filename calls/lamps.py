"""What goes on at phones, for the tiles of the people whose phones they are, and what can be done about it there."""

from collections.abc import Collection
from functools import reduce
from operator import or_
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Q
from django.template.loader import render_to_string

from accounts.identity import phone_of, profile_of
from engine.mirror.sanitize import shown
from extensions.models import Mailbox
from extensions.people.fragments import Tile, menu_parts
from extensions.people.talks import Kind, Talk, Talks, endpoints_of, sources

from .commands import ORIGINATE
from .control import CONTROL_ANY, CONTROL_OWN, LISTEN, PICK_UP
from .fragments import SEE
from .models import Channel
from .my_phone import MyCall, calls_at

# So many names of those at the other ends are on a tile.
_NAMED = 3


def talks_at(endpoints: Collection[str]) -> Talks:
    """Endpoint → PBX → what goes on there. Queries the database: once, and five times for each PBX with such calls."""
    busy = Channel.objects.filter(endpoint__in=endpoints).order_by().values_list("pbx_id", "endpoint")
    on_pbx: dict[str, set[str]] = {}
    for pbx, endpoint in busy:
        on_pbx.setdefault(pbx, set()).add(endpoint)
    found: dict[str, dict[str, list[Talk]]] = {}
    for pbx, there in on_pbx.items():
        for endpoint, calls in calls_at(pbx, there).items():
            found.setdefault(endpoint, {})[pbx] = [talk_of(call) for call in calls]
    return found


def talk_of(mine: MyCall) -> Talk:
    """A call, as whoever has the phone is in it."""
    conference = shown(mine.call.conference)
    if mine.transfer is not None and not mine.talks:
        kind = Kind.HOLDS
    elif mine.rings:
        kind = Kind.FROM if mine.is_incoming else Kind.TO
    elif conference:
        return Talk(Kind.IN, (conference,), mine.since)
    elif mine.channel.on_hold:  # by the telephone itself
        kind = Kind.HOLDS
    else:
        kind = Kind.WITH if mine.talks else Kind.TO
    others = [party.label for party in mine.others if not party.channel.is_of_ours][:_NAMED]
    channel = mine.channel
    reached = mine.call.destination or shown(channel.connected_name) or shown(channel.connected_number)
    return Talk(kind, tuple(others or filter(None, [reached])), mine.since)


sources.append(talks_at)

# What the menu of a tile offers.


def menu_of(user: User, tile: Tile) -> str:
    """What can be done with the calls of a user's own phone and with those of this person, in the active language."""
    return render_to_string("calls/_lamp_menu.html", {**_my_calls(user, tile), **_their_calls(user, tile)}).strip()


def _my_calls(user: User, tile: Tile) -> dict[str, Any]:
    """My calls that can be sent to the person, their numbers, and which of these have a voicemail."""
    pbx, _separator, endpoint = phone_of(profile_of(user)).partition("/")
    if not endpoint or not (user.has_perm(CONTROL_ANY) or user.has_perm(CONTROL_OWN)):
        return {}
    calls = [call for call in calls_at(pbx, [endpoint])[endpoint] if call.other and _can_be_sent(call)]
    numbers = [number.number for number in tile.numbers]
    with_voicemail = Mailbox.objects.filter(pbx=pbx, number__in=numbers).order_by().values_list("number", flat=True)
    return {"my_calls": calls, "numbers": numbers, "with_voicemail": set(with_voicemail) if calls else set()}


def _can_be_sent(call: MyCall) -> bool:
    """Whether whoever is at the other end can be sent to a number: not while somebody is consulted for them."""
    transfer = call.transfer
    return not transfer.number if transfer is not None else call.talks or call.calls_me


def _their_calls(user: User, tile: Tile) -> dict[str, Any]:
    """The channels of the person that can be picked up, and those that can be listened to."""
    if not (user.has_perm(ORIGINATE) and user.has_perm(SEE)):
        return {}
    places = endpoints_of({0: tile.lines})[0]
    if not places:
        return {}
    at = reduce(or_, (Q(endpoint=endpoint, **({"pbx": pbx} if pbx else {})) for pbx, endpoint in places))
    mine = phone_of(profile_of(user))
    channels = [row for row in Channel.objects.filter(at) if f"{row.pbx_id}/{row.endpoint}" != mine]
    return {
        "ringing": [row for row in channels if row.state == "Ringing"] if user.has_perm(PICK_UP) else [],
        "talking": [row for row in channels if row.is_up] if user.has_perm(LISTEN) else [],
    }


menu_parts.append(menu_of)

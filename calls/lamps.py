"""What goes on at phones, for the tiles of the people whose phones they are."""

from collections.abc import Collection

from engine.mirror.sanitize import shown
from extensions.people.talks import Kind, Talk, Talks, sources

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
    else:
        kind = Kind.WITH if mine.talks else Kind.TO
    others = [party.label for party in mine.others if not party.channel.is_of_ours][:_NAMED]
    channel = mine.channel
    reached = mine.call.destination or shown(channel.connected_name) or shown(channel.connected_number)
    return Talk(kind, tuple(others or filter(None, [reached])), mine.since)


sources.append(talks_at)

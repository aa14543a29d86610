"""The home page's live view: my calls, what rings, who waits, who is parked, which conferences run."""

from collections.abc import Mapping

from django.db.models import Q

from calls.call import Call
from calls.fragments import NEEDS_ATTENTION, attention_of, calls_that
from calls.fragments import SEE as SEE_CALLS
from calls.fragments import cards as call_cards
from conferences.fragments import SEE as SEE_CONFERENCES
from conferences.fragments import cards as conference_cards
from conferences.rooms.models import has_rooms
from engine.live import fragments
from engine.live.fragments import LivePage, Row, Viewer

# What a call needs → where it shows.
_PLACES = {"ringing": "ringing-calls", "waiting": "waiting-calls", "parked": "parked-calls"}


def _place_of_call(phones: list[str], attention: str, viewer: Viewer) -> str:
    if viewer.phone and viewer.phone in phones:
        return "my-calls"
    return _PLACES.get(attention, "")


def _place(row: Row, viewer: Viewer, key: str) -> str:
    if row.kind == "call" and row.html is not None:
        return _place_of_call(row.facets["phones"], row.facets["attention"], viewer)
    return _CONTAINERS[row.kind]


def board(viewer: Viewer, key: str) -> Mapping[str, str]:
    """The inside of each container of the page, as far as the viewer may see it."""
    inside = {}
    if SEE_CALLS in viewer.permissions:
        places: dict[str, list[Call]] = {"my-calls": [], **{place: [] for place in _PLACES.values()}}
        pbx, _separator, endpoint = viewer.phone.partition("/")
        mine = Q(pbx=pbx, endpoint=endpoint) if viewer.phone else Q()
        for call in calls_that(NEEDS_ATTENTION | mine):
            place = _place_of_call(call.phones, attention_of(call), viewer)
            if place:
                places[place].append(call)
        inside = {place: call_cards(calls) for place, calls in places.items()}
    if SEE_CONFERENCES in viewer.permissions or has_rooms(viewer.permissions):
        inside["conferences"] = conference_cards(viewer.permissions)
    return inside


_CONTAINERS = {"call": "ringing-calls", "conference": "conferences"}
fragments.live_pages["home"] = LivePage("home", frozenset(), _CONTAINERS, board, _place, personal=True)

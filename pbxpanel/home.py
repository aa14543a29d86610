"""The home page's live view: my calls, what rings, which conferences run."""

from collections.abc import Mapping

from django.db.models import Q

from calls.call import UNANSWERED_STATES, Call, CallState
from calls.fragments import SEE as SEE_CALLS
from calls.fragments import calls_that
from calls.fragments import cards as call_cards
from conferences.fragments import SEE as SEE_CONFERENCES
from conferences.fragments import cards as conference_cards
from conferences.models import has_rooms

from .live import fragments
from .live.fragments import Row, View, Viewer


def _place_of_call(phones: list[str], state: str, viewer: Viewer) -> str:
    if viewer.phone and viewer.phone in phones:
        return "my-calls"
    return "ringing-calls" if state == CallState.RINGING.value else ""


def _place(row: Row, viewer: Viewer, key: str) -> str:
    if row.kind == "call" and row.html is not None:
        return _place_of_call(row.facets["phones"], row.facets["state"], viewer)
    return _CONTAINERS[row.kind]


def board(viewer: Viewer, key: str) -> Mapping[str, str]:
    """The inside of each container of the page, as far as the viewer may see it."""
    inside = {}
    if SEE_CALLS in viewer.permissions:
        places: dict[str, list[Call]] = {"my-calls": [], "ringing-calls": []}
        pbx, _separator, endpoint = viewer.phone.partition("/")
        mine = Q(pbx=pbx, endpoint=endpoint) if viewer.phone else Q()
        for call in calls_that(Q(state__in=UNANSWERED_STATES) | mine):
            place = _place_of_call(call.phones, call.state.value, viewer)
            if place:
                places[place].append(call)
        inside = {place: call_cards(calls) for place, calls in places.items()}
    if SEE_CONFERENCES in viewer.permissions or has_rooms(viewer.permissions):
        inside["conferences"] = conference_cards(viewer.permissions)
    return inside


_CONTAINERS = {"call": "ringing-calls", "conference": "conferences"}
fragments.views["home"] = View("home", frozenset(), _CONTAINERS, board, _place, personal=True)

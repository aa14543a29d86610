"""How switches are drawn, and the page on which they are live."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.db.models import QuerySet
from django.template.loader import render_to_string

from engine.live import fragments
from engine.live.fragments import LivePage, Row, Viewer
from engine.mirror.models import PBX

from ..fragments import shown_elsewhere
from .commands import SEE
from .models import Switch
from .states import positions


def shown() -> QuerySet[Switch]:
    """The switches of the PBXs that the panel knows."""
    return Switch.objects.filter(pbx__in=PBX.objects.values("name"))


# So many switches of one PBX at most are kept in order on a page.
_PLACES = 10_000


def _contexts_of(switches: QuerySet[Switch]) -> Iterator[dict[str, Any]]:
    """What each of these is drawn from. Its `order` changes only with other switches of its PBX."""
    pbxs = list(PBX.objects.values_list("name", flat=True))
    order: dict[int, int] = {}
    before: Counter[str] = Counter()
    for pk, pbx in shown().values_list("pk", "pbx"):
        order[pk] = pbxs.index(pbx) * _PLACES + before[pbx]
        before[pbx] += 1
    for position in positions(switches):
        switch = position.switch
        yield {"position": position, "switch": switch, "several_pbxs": len(pbxs) > 1, "order": order[switch.pk]}


@fragments.renders("switches")
def switches_of(pbx: str, keys: set[str]) -> Iterator[tuple[str, str]]:
    """All switches of a PBX, and those that were, whose keys these are."""
    for key in keys | {str(pk) for pk in Switch.objects.filter(pbx=pbx).values_list("pk", flat=True)}:
        yield "switch", key


@fragments.renders("switch")
def switch_rows(pbx: str, keys: set[str]) -> Iterator[Row]:
    """Of the switches whose keys these are, also of those that are gone."""
    gone = set(keys)
    for context in _contexts_of(shown().filter(pk__in=keys)):
        switch = context["switch"]
        gone.discard(str(switch.pk))
        yield Row(switch.dom_id, "switch", fragments.draw("extensions/switches/_switch.html", context), {}, SEE)
    for key in gone:
        yield Row(Switch(pk=key).dom_id, "switch", None, {}, SEE)


@fragments.renders("switch-entry")
def entry_rows(pbx: str, keys: set[str]) -> Iterator[tuple[str, str]]:
    """The switches whose entries these are."""
    entries = {key.removeprefix("/") for key in keys}
    for key in Switch.objects.filter(pbx=pbx, entry__in=entries).values_list("pk", flat=True):
        yield "switch", str(key)


def _with_device(pbx: str, kind: str, names: set[str]) -> Iterable[tuple[str, str]]:
    if kind != "device":
        return
    for key in Switch.objects.filter(pbx=pbx, device__in=names).values_list("pk", flat=True):
        yield "switch", str(key)


shown_elsewhere.append(_with_device)


def board() -> str:
    """All switches, in the active language."""
    drawn = (render_to_string("extensions/switches/_switch.html", context) for context in _contexts_of(shown()))
    return "".join(html.strip() for html in drawn)


def _board(viewer: Viewer, key: str) -> Mapping[str, str]:
    return {"switches": board()}


fragments.live_pages["switches"] = LivePage("switches", frozenset([SEE]), {"switch": "switches"}, _board)

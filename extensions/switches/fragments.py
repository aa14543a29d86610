"""How switches are drawn, and the page on which they are live."""

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
from .states import Position, positions


def context_of(position: Position, several_pbxs: bool) -> dict[str, Any]:
    return {"position": position, "switch": position.switch, "several_pbxs": several_pbxs}


def shown() -> QuerySet[Switch]:
    """The switches of the PBXs that the panel knows."""
    return Switch.objects.filter(pbx__in=PBX.objects.values("name"))


def _several() -> bool:
    return PBX.objects.count() > 1


@fragments.renders("switch")
def switch_rows(pbx: str, keys: set[str]) -> Iterator[Row]:
    """Of the switches whose keys these are."""
    several = _several()
    for position in positions(shown().filter(pk__in=keys)):
        html = fragments.draw("extensions/switches/_switch.html", context_of(position, several))
        yield Row(position.switch.dom_id, "switch", html, {}, SEE)


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
    several = _several()
    drawn = (
        render_to_string("extensions/switches/_switch.html", context_of(position, several))
        for position in positions(shown())
    )
    return "".join(html.strip() for html in drawn)


def _board(viewer: Viewer, key: str) -> Mapping[str, str]:
    return {"switches": board()}


fragments.live_pages["switches"] = LivePage("switches", frozenset([SEE]), {"switch": "switches"}, _board)

"""How conferences and participants are drawn, and on which pages they are live."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Count, Q
from django.template.loader import render_to_string

from pbxpanel.live import fragments
from pbxpanel.live.fragments import Row, View, Viewer
from pbxpanel.mirror.models import PBX, dom_id

from . import invite_fragments
from .models import Conference, Participant, key_of

SEE = "conferences.see_conferences"


def head_id(pbx: str, name: str) -> str:
    return dom_id("conference-head", pbx, key_of(name))


def summary(conference: Conference) -> dict[str, Any]:
    """What a conference's card and the head of its page show: itself, how many are in it, who is talking."""
    members = Participant.objects.filter(pbx=conference.pbx_id, conference=conference.name)
    counts = members.aggregate(
        total=Count("id"), muted=Count("id", filter=Q(muted=True)), waiting=Count("id", filter=Q(waiting=True))
    )
    return {
        "conference": conference,
        "counts": counts,
        "talkers": list(members.filter(talking=True)[:4]),
        "head_id": head_id(conference.pbx_id, conference.name),
    }


def ended(pbx: str, name: str) -> dict[str, Any]:
    """The same for a conference that does not run (any more)."""
    return {"conference": None, "pbx": pbx, "name": name, "head_id": head_id(pbx, name)}


def head(pbx: str, name: str) -> dict[str, Any]:
    conference = Conference.objects.filter(pbx=pbx, name=name).first()
    return summary(conference) if conference else ended(pbx, name)


def cards() -> str:
    """The cards of all running conferences, in the active language."""
    return "".join(
        render_to_string("conferences/_conference.html", summary(conference)).strip()
        for conference in Conference.objects.all()
    )


def participants(pbx: str, name: str) -> str:
    """The rows of one conference's participants, in the active language."""
    return "".join(
        render_to_string("conferences/_participant.html", {"participant": participant}).strip()
        for participant in Participant.objects.filter(pbx=pbx, conference=name)
    )


def count_row() -> Row:
    """The number beside “Conferences” in the navigation."""
    context = {"id": "count-conferences", "count": Conference.objects.count()}
    return Row("count-conferences", "count", fragments.draw("components/_count.html", context), permission=SEE)


fragments.common_rows.append(lambda: [count_row()])


@fragments.renders("conference")
def conference_rows(pbx: str, keys: set[str]) -> Iterable[Row]:
    found = {conference.name: conference for conference in Conference.objects.filter(pbx=pbx, name__in=keys)}
    for name in keys:
        conference, facets = found.get(name), {"conference": f"{pbx}/{name}"}
        context = summary(conference) if conference else ended(pbx, name)
        card = fragments.draw("conferences/_conference.html", context) if conference else None
        yield Row(dom_id("conference", pbx, key_of(name)), "conference", card, facets, SEE)
        head_html = fragments.draw("conferences/_head.html", context)
        yield Row(context["head_id"], "conference-head", head_html, facets, SEE)
    yield count_row()


@fragments.renders("participant")
def participant_rows(pbx: str, keys: set[str]) -> Iterable[Row]:
    found = {row.uniqueid: row for row in Participant.objects.filter(pbx=pbx, uniqueid__in=keys)}
    for uniqueid in keys:
        row = found.get(uniqueid)
        if row is None:
            yield Row(dom_id("participant", pbx, uniqueid), "participant", None, permission=SEE)
        else:
            html = fragments.draw("conferences/_participant.html", {"participant": row})
            yield Row(row.dom_id, "participant", html, {"conference": f"{pbx}/{row.conference}"}, SEE)


def _list_board(viewer: Viewer, key: str) -> Mapping[str, str]:
    return {"conferences": cards()}


def _page_board(viewer: Viewer, key: str) -> Mapping[str, str]:
    pbx, _separator, name = key.partition("/")
    if not PBX.objects.filter(pk=pbx).exists():
        return {}
    return {
        "conference-head": render_to_string("conferences/_head.html", head(pbx, name)),
        "participants": participants(pbx, name),
        **invite_fragments.board(pbx, name),
    }


def _place_on_page(row: Row, viewer: Viewer, key: str) -> str | None:
    if row.facets.get("conference") != key:
        # A participant may have moved from here to there; another conference's head never was here.
        return "" if row.kind in ("participant", "invitation") else None
    return ON_PAGE[row.kind]


ON_PAGE = {"participant": "participants", "conference-head": "conference-head", **invite_fragments.CONTAINERS}

fragments.views["conferences"] = View("conferences", frozenset([SEE]), {"conference": "conferences"}, _list_board)
fragments.views["conference"] = View(
    "conference",
    frozenset([SEE]),
    ON_PAGE,
    _page_board,
    _place_on_page,
)

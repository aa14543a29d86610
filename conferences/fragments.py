"""How conferences and participants are drawn, and on which pages they are live."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.db.models import Count, Q
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from pbxpanel.live import fragments
from pbxpanel.live.fragments import Row, View, Viewer
from pbxpanel.mirror.models import PBX, dom_id

from . import invite_fragments
from .models import Conference, Participant, Room, has_rooms, key_of, names_of, permission_for

SEE = "conferences.see_conferences"


def head_id(pbx: str, name: str) -> str:
    return dom_id("conference-head", pbx, key_of(name))


def summary(conference: Conference, room_name: str = "") -> dict[str, Any]:
    """What a conference's card and the head of its page show: itself, how many are in it, who is talking.

    `room_name` is what its room is called, if it is a planned one that has a name.
    """
    members = Participant.objects.filter(pbx=conference.pbx_id, conference=conference.name)
    counts = members.aggregate(
        total=Count("id"), muted=Count("id", filter=Q(muted=True)), waiting=Count("id", filter=Q(waiting=True))
    )
    return {
        "conference": conference,
        "room_name": room_name,
        "counts": counts,
        "talkers": list(members.filter(talking=True)[:4]),
        "head_id": head_id(conference.pbx_id, conference.name),
    }


def ended(pbx: str, name: str, room_name: str = "") -> dict[str, Any]:
    """The same for a conference that does not run (any more)."""
    return {"conference": None, "pbx": pbx, "name": name, "room_name": room_name, "head_id": head_id(pbx, name)}


def head(pbx: str, name: str) -> dict[str, Any]:
    conference = Conference.objects.filter(pbx=pbx, name=name).first()
    room_name = names_of(pbx, [name]).get(name, "")
    return summary(conference, room_name) if conference else ended(pbx, name, room_name)


def cards(permissions: Collection[str]) -> str:
    """The cards of the running conferences that somebody with these permissions may see, in the active language."""
    conferences = [
        conference
        for conference in Conference.objects.all()
        if SEE in permissions or permission_for(conference.pbx_id, conference.name) in permissions
    ]
    named = Room.objects.filter(number__in={conference.name for conference in conferences}).exclude(name="")
    names = {(pbx, number): name for pbx, number, name in named.values_list("pbx", "number", "name")}
    return "".join(
        render_to_string(
            "conferences/_conference.html", summary(conference, names.get((conference.pbx_id, conference.name), ""))
        ).strip()
        for conference in conferences
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
    room_names = names_of(pbx, keys)
    for name in keys:
        conference, facets, also = found.get(name), {"conference": f"{pbx}/{name}"}, permission_for(pbx, name)
        room_name = room_names.get(name, "")
        context = summary(conference, room_name) if conference else ended(pbx, name, room_name)
        card = fragments.draw("conferences/_conference.html", context) if conference else None
        yield Row(dom_id("conference", pbx, key_of(name)), "conference", card, facets, SEE, also)
        head_html = fragments.draw("conferences/_head.html", context)
        yield Row(context["head_id"], "conference-head", head_html, facets, SEE, also)
    yield count_row()


@fragments.renders("participant")
def participant_rows(pbx: str, keys: set[str]) -> Iterable[Row]:
    """Each key is a unique id, and the conference in which he is, or was: see `Participant.subjects`."""
    places = [(uniqueid, conference) for uniqueid, _separator, conference in (key.partition("\0") for key in keys)]
    found = {row.uniqueid: row for row in Participant.objects.filter(pbx=pbx, uniqueid__in=dict(places))}
    for uniqueid, conference in places:
        row = found.get(uniqueid)
        html = None
        if row is not None and row.conference == conference:
            html = fragments.draw("conferences/_participant.html", {"participant": row})
        facets = {"conference": f"{pbx}/{conference}"}
        id, also = dom_id("participant", pbx, uniqueid), permission_for(pbx, conference)
        yield Row(id, "participant", html, facets, SEE, also)


def _list_board(viewer: Viewer, key: str) -> Mapping[str, str]:
    return {"conferences": cards(viewer.permissions)}


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
        # Of an invitation that is gone nobody can tell any more where it was.
        return "" if row.kind == "invitation" else None
    return ON_PAGE[row.kind]


ON_PAGE = {"participant": "participants", "conference-head": "conference-head", **invite_fragments.CONTAINERS}


def _not_said(parameters: Mapping[str, Any]) -> tuple[str, str]:
    sound = {"sound": str(parameters["sound"])}
    return "danger", _("“%(sound)s” could not be played: the PBX has no such sound.") % sound


fragments.notices["not-said"] = _not_said


def _admits_to_list(permissions: frozenset[str], key: str) -> bool:
    return has_rooms(permissions)


def _admits_to_page(permissions: frozenset[str], key: str) -> bool:
    pbx, _separator, name = key.partition("/")
    return permission_for(pbx, name) in permissions


fragments.views["conferences"] = View(
    "conferences", frozenset([SEE]), {"conference": "conferences"}, _list_board, admits=_admits_to_list
)
fragments.views["conference"] = View(
    "conference",
    frozenset([SEE]),
    ON_PAGE,
    _page_board,
    _place_on_page,
    admits=_admits_to_page,
)

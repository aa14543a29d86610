"""How the calls into a conference are drawn, and who has left it: the box beside its participants."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import User
from django.template.loader import render_to_string

from engine.live import fragments
from engine.live.fragments import Row
from engine.mirror.models import dom_id
from engine.mirror.registry import when_added, when_removed
from engine.mirror.state import State

from ..models import Conference, Participant, key_of
from ..records.models import Attendance
from ..rooms.models import permission_for
from ..targets import Place
from .commands import OF_PLACES
from .directory import give_names, names_of
from .models import Invitation, InviteGroup

SEE = "conferences.see_conferences"
# Kind of row → the container on a conference's page.
CONTAINERS = {"invitation": "invitations", "conference-left": "conference-left"}
# How many of those who have left are shown.
LEFT_SHOWN = 100


@when_added(Participant)
@when_removed(Participant)
def comes_or_goes(state: State, row: Participant) -> None:
    """The list of who has left is drawn anew. A change of a history row is not drawn by itself."""
    state.subjects.add(("left", row.conference))


@when_removed(Conference)
def is_over(state: State, row: Conference) -> None:
    state.subjects.add(("left", row.name))


def box(user: User, pbx: str, name: str) -> dict[str, Any]:
    """What the templates of the box need besides."""
    may = OF_PLACES.allows(user, Place(pbx, name))
    return {
        "may_invite": may,
        "invite_groups": InviteGroup.objects.all() if may else [],
        "invitations": invitations(pbx, name),
        "left": left(pbx, name),
    }


def board(pbx: str, name: str) -> dict[str, str]:
    """The inside of each container of the box, in the active language."""
    return {
        "invitations": invitations(pbx, name),
        "conference-left": render_to_string("conferences/_left_list.html", left(pbx, name)),
    }


def invitations(pbx: str, name: str) -> str:
    """The rows of those who are called into a conference, in the active language."""
    return "".join(
        render_to_string("conferences/invitations/_invitation.html", {"invitation": invitation}).strip()
        for invitation in named(pbx, Invitation.objects.filter(pbx=pbx, conference=name))
    )


def named(pbx: str, rows: Iterable[Invitation]) -> list[Invitation]:
    """These with the directory's names for those who were invited by number alone."""
    rows = list(rows)
    names = names_of(pbx, (row.number for row in rows if not row.name))
    for row in rows:
        row.directory_name = names.get(row.number, "")
    return rows


def left(pbx: str, name: str) -> dict[str, Any]:
    """Who has left a conference that runs: each number once, whoever left last at the top.

    Whoever has come back stays where they were, and is marked.
    """
    conference = Conference.objects.filter(pbx=pbx, name=name).first()
    people: dict[str, dict[str, Any]] = {}
    if conference and conference.record:
        present = Participant.objects.filter(pbx=pbx).order_by().values_list("uniqueid", "conference", "caller_number")
        # The line of those who are in another conference now is still up.
        elsewhere = {uniqueid for uniqueid, room, _number in present if room != name}
        here = {uniqueid for uniqueid, room, _number in present if room == name}
        numbers = {number for _uniqueid, room, number in present if room == name and number}
        stays = Attendance.objects.filter(pbx=pbx, record=conference.record).exclude(left_at=None)
        for stay in stays.defer("segments").order_by("-left_at", "-id"):
            who = stay.caller_number or stay.uniqueid
            if stay.uniqueid not in elsewhere:
                is_back = stay.uniqueid in here or stay.caller_number in numbers
                people.setdefault(who, {"stay": stay, "is_back": is_back})
    shown = list(people.values())[:LEFT_SHOWN]
    give_names(pbx, [person["stay"] for person in shown])
    return {
        "left_id": dom_id("left", pbx, key_of(name)),
        "pbx": pbx,
        "name": name,
        "people": shown,
        "gone": sum(not person["is_back"] for person in shown),
    }


@fragments.renders("invitation")
def invitation_rows(pbx: str, keys: set[str]) -> Iterable[Row]:
    """Each key is an invitation's code and its conference: see `Invitation.subjects`."""
    places = [(code, conference) for code, _separator, conference in (key.partition("\0") for key in keys)]
    found = {row.code: row for row in named(pbx, Invitation.objects.filter(pbx=pbx, code__in=dict(places)))}
    for code, conference in places:
        row = found.get(code)
        html = (
            fragments.draw("conferences/invitations/_invitation.html", {"invitation": row}) if row is not None else None
        )
        facets = {"conference": f"{pbx}/{conference}"}
        yield Row(dom_id("invitation", pbx, code), "invitation", html, facets, SEE, permission_for(pbx, conference))


@fragments.renders("left")
def left_rows(pbx: str, keys: set[str]) -> Iterable[Row]:
    for name in keys:
        context = left(pbx, name)
        html = fragments.draw("conferences/_left_list.html", context)
        facets, also = {"conference": f"{pbx}/{name}"}, permission_for(pbx, name)
        yield Row(context["left_id"], "conference-left", html, facets, SEE, also)

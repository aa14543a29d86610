"""The list of conferences, and the page of one."""

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from accounts.identity import user_of, viewer_of
from calls.control import CONTROL_ANY, CONTROL_OWN
from engine.mirror.models import PBX

from . import fragments
from .invitations import fragments as invite_fragments
from .models import Conference, Participant
from .rooms.models import Room, has_rooms, may_moderate, may_see


@require_safe
@login_required
def conferences(request: HttpRequest) -> HttpResponse:
    """GET: a card for every running conference; moderators of rooms see only those. And their rooms."""
    user = user_of(request)
    permissions = viewer_of(user, "").permissions
    if not user.has_perm(fragments.SEE) and not has_rooms(permissions):
        raise PermissionDenied
    context = {
        "cards": fragments.cards(permissions),
        "rooms": Room.objects.filter(moderators=user.pk),
        "several_pbxs": PBX.objects.count() > 1,
        "live_view": "conferences",
    }
    return render(request, "conferences/conferences.html", context)


@require_safe
@login_required
def conference(request: HttpRequest, pbx: str, name: str) -> HttpResponse:
    """GET: one conference and its participants. It may not run at the moment: the page then waits for it."""
    user = user_of(request)
    if not may_see(user, pbx, name):
        raise PermissionDenied
    get_object_or_404(PBX, pk=pbx)
    context = {
        "may_moderate": may_moderate(user, pbx, name),
        "pbx": pbx,
        "name": name,
        "live_view": "conference",
        "view_key": f"{pbx}/{name}",
        "participants": fragments.participants(pbx, name),
        "q": request.GET.get("q", "").replace("\0", "")[:100],
        **fragments.head(pbx, name),
        **invite_fragments.box(user_of(request), pbx, name),
    }
    return render(request, "conferences/conference.html", context)


@require_safe
@login_required
def choices(request: HttpRequest, pbx: str, name: str) -> HttpResponse:
    """GET: buttons for the other conferences of this PBX into which this user may move somebody from this one."""
    user = user_of(request)
    if not may_moderate(user, pbx, name):
        raise PermissionDenied
    people = Participant.objects.filter(pbx=pbx).exclude(fragments.IS_VOICE).order_by().values_list("conference")
    totals = dict(people.annotate(total=Count("id")))
    running = Conference.objects.filter(pbx=pbx).exclude(name=name)
    found = [(row, totals.get(row.name, 0)) for row in running if may_moderate(user, pbx, row.name)]
    return render(request, "conferences/_destinations.html", {"choices": found})


@require_safe
@login_required
def destinations(request: HttpRequest, pbx: str) -> HttpResponse:
    """GET: options, the conferences of this PBX that run and the rooms into which this user may bring a call."""
    user = user_of(request)
    if not (user.has_perm(CONTROL_ANY) or user.has_perm(CONTROL_OWN)):
        raise PermissionDenied
    people = Participant.objects.filter(pbx=pbx).exclude(fragments.IS_VOICE).order_by().values_list("conference")
    totals = dict(people.annotate(total=Count("id")))
    names = dict(Room.objects.filter(pbx=pbx).values_list("number", "name"))
    running = dict.fromkeys(Conference.objects.filter(pbx=pbx).values_list("name", flat=True))
    offered = [
        {"name": name, "title": names.get(name, ""), "runs": name in running, "total": totals.get(name, 0)}
        for name in dict.fromkeys([*running, *names])
        if may_moderate(user, pbx, name)
    ]
    return render(request, "conferences/_destination_options.html", {"offered": offered})

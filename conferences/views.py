"""The list of conferences, the page of one, and what a moderator does there."""

import re

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.identity import user_of, viewer_of
from engine import limits
from engine.mirror.models import PBX
from web import toasts

from . import fragments, requests
from .invitations import fragments as invite_fragments
from .models import Conference, Participant
from .requests import can_be_asked_for
from .rooms.models import Room, has_rooms, may_moderate, may_see

# Names of sounds as Asterisk's Playback takes them, without the format.
SOUND = re.compile(r"(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9._/-]{0,99}")


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


@require_POST
@login_required
def moderate(request: HttpRequest, pbx: str, uniqueid: str, verb: str) -> HttpResponse:
    """POST: one of the verbs that are about one participant; `to` names a conference, `other` another participant."""
    if verb not in requests.ON_ONE:
        raise Http404
    gone = _("This participant has already left.")
    participant = Participant.objects.filter(pbx=pbx, uniqueid=uniqueid).first()
    user = user_of(request)
    if not (may_moderate(user, pbx, participant.conference) if participant else user.has_perm("conferences.moderate")):
        raise PermissionDenied
    if participant is None:
        return toasts.toast(request, "info", gone, 404)
    parameters = {}
    if verb == "move":
        parameters["to"] = request.POST.get("to", "").strip()
        if not parameters["to"]:
            return toasts.toast(request, "warning", _("Enter the number of the conference to move to."), 400)
        if too_long := limits.complaint(parameters["to"], limits.CONFERENCE):
            return toasts.toast(request, "warning", too_long, 400)
        if not may_moderate(user, pbx, parameters["to"]):
            raise PermissionDenied
        if not can_be_asked_for(parameters["to"]):
            return toasts.toast(request, "warning", _("Nobody can be moved to a conference with this name."), 400)
    if verb == "aside":
        parameters["other"] = request.POST.get("other", "")[:150]
        if not parameters["other"]:
            return toasts.toast(request, "warning", _("Choose who else to take aside."), 400)
    outcome = requests.on_one(user.pk, participant, verb, **parameters)
    if verb == "video-source" and outcome.done:
        # Nothing else on the page shows it.
        text = _("Everybody now sees the video of %(who)s, if there is one.") % {"who": participant.label}
        return toasts.toast(request, "success", text)
    return toasts.answer(request, outcome, gone=gone)


@require_POST
@login_required
def moderate_all(request: HttpRequest, pbx: str, name: str, verb: str) -> HttpResponse:
    """POST: one of the verbs that are about a whole conference; `sound` names what is played."""
    if verb not in requests.ON_ALL:
        raise Http404
    user = user_of(request)
    if not may_moderate(user, pbx, name):
        raise PermissionDenied
    gone = _("This conference has already ended.")
    row = Conference.objects.filter(pbx=pbx, name=name).first()
    if row is None:
        return toasts.toast(request, "info", gone, 404)
    parameters = {}
    if verb == "say":
        parameters["sound"] = request.POST.get("sound", "").strip()
        if not SOUND.fullmatch(parameters["sound"]):
            text = _("Enter the name of a sound, such as beep or custom/welcome: only letters, digits and . _ - /.")
            return toasts.toast(request, "warning", text, 400)
    return toasts.answer(request, requests.on_all(user.pk, row, verb, **parameters), gone=gone)

"""The list of conferences, the page of one, and what a moderator does there."""

from collections.abc import Callable

from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from operators.people import user_of
from pbxpanel import toasts
from pbxpanel.mirror.commands import Outcome
from pbxpanel.mirror.models import PBX

from . import actions, fragments
from .models import Participant

_ACTIONS: dict[str, Callable[[int, Participant], Outcome]] = {
    "mute": actions.mute,
    "unmute": actions.unmute,
    "kick": actions.kick,
}


@require_safe
@permission_required("conferences.see_conferences", raise_exception=True)
def conferences(request: HttpRequest) -> HttpResponse:
    """GET: a card for every conference that runs."""
    return render(request, "conferences/conferences.html", {"cards": fragments.cards(), "live_view": "conferences"})


@require_safe
@permission_required("conferences.see_conferences", raise_exception=True)
def conference(request: HttpRequest, pbx: str, name: str) -> HttpResponse:
    """GET: one conference and its participants. It may not run at the moment: the page then waits for it."""
    get_object_or_404(PBX, pk=pbx)
    context = {
        "pbx": pbx,
        "name": name,
        "live_view": "conference",
        "view_key": f"{pbx}/{name}",
        "participants": fragments.participants(pbx, name),
        **fragments.head(pbx, name),
    }
    return render(request, "conferences/conference.html", context)


@require_POST
@permission_required("conferences.moderate", raise_exception=True)
def moderate(request: HttpRequest, pbx: str, uniqueid: str, verb: str) -> HttpResponse:
    """POST: mute, unmute or kick one participant."""
    if verb not in _ACTIONS:
        raise Http404
    gone = _("This participant has already left.")
    participant = Participant.objects.filter(pbx=pbx, uniqueid=uniqueid).first()
    if participant is None:
        return toasts.toast(request, "info", gone, 404)
    return toasts.answer(request, _ACTIONS[verb](user_of(request).pk, participant), gone=gone)

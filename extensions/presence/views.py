"""The menu of one's own presence, and the page of somebody's presence and call forwarding."""

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from accounts.identity import user_of

from ..people.models import SEE, seen_by, sees_all_numbers
from .commands import SET_OWN, forward, set_presence
from .fragments import beside_one, state_of
from .holders import holder_for
from .keys import DIVERTED, keys
from .said import CHOICES, NOTE


@require_safe
@permission_required(SET_OWN, raise_exception=True)
def mine(request: HttpRequest) -> HttpResponse:
    """GET: what is in the menu of one's own presence."""
    person = getattr(user_of(request), "person", None)
    context = {
        "person": person,
        "holder": holder_for(person) if person else None,
        "said": beside_one(person).said if person else None,
        "choices": CHOICES,
        "most": NOTE,
    }
    return render(request, "extensions/presence/_menu.html", context)


@require_safe
@permission_required(SEE, raise_exception=True)
def of_person(request: HttpRequest, pk: int) -> HttpResponse:
    """GET: somebody's presence, and what the PBX does with their calls; with forms for whoever may set it."""
    user = user_of(request)
    person = get_object_or_404(seen_by(user).filter(owner=None).prefetch_related("numbers"), pk=pk)
    holder, known = holder_for(person), keys()
    context = {
        "live_view": "presence",
        "view_key": person.pk,
        "person": person,
        "holder": holder,
        "state": state_of(person, all_numbers=sees_all_numbers(user, person)),
        "choices": CHOICES,
        "most": NOTE,
        "may_set": holder is not None and set_presence.rule.allows(user, holder),
        "may_forward": holder is not None and bool(known) and forward.rule.allows(user, holder),
        "kinds": [(kind, words) for kind, words in DIVERTED.items() if kind in known],
        "has_dnd": "dnd" in known,
    }
    return render(request, "extensions/presence/presence.html", context)

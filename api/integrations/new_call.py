"""The window that asks before it dials, and then shows how the call goes: `/calls/new/?number=…`."""

import uuid

from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.identity import profile_of, user_of
from calls.commands import HANG_UP_ANY, HANG_UP_OWN, ORIGINATE, NoPBX, originate, unknown_number, wanted_call
from calls.numbers import Linked, linked, number_in
from engine import limits
from engine.mirror.commands import Outcome, Status
from engine.mirror.verbs import NotReady
from web import toasts

from ..calls import own_call, placed_for, remember
from ..problems import Problem
from ..progress import OVER, WORDS
from .forms import NewCallForm


@require_http_methods(["GET", "POST"])
@permission_required(ORIGINATE, raise_exception=True)
def new_call(request: HttpRequest) -> HttpResponse:
    """GET `number`, as a link or a text has it: asks whether to call it. POST `number`, `command_id`: my phone rings
    first; then goes on to how the call goes. Nothing is ever called by GET.
    """
    if request.method == "POST":
        return _placed(request, NewCallForm(request.POST))
    link = linked(request.GET.get("number", ""))
    form = NewCallForm(initial={"number": link.number[: limits.NUMBER], "command_id": uuid.uuid4().hex})
    why = _complaint_about(link.number)
    return _asked(request, form, link, why, 422 if why else 200)


def _complaint_about(number: str) -> str:
    """Why a number cannot be called, in a sentence; empty where it can, or where none was given."""
    form = NewCallForm({"number": number, "command_id": "0" * 32})
    return "" if not number or form.is_valid() else str(form.errors["number"][0])


def _asked(request: HttpRequest, form: NewCallForm, link: Linked, why: str, status: int) -> HttpResponse:
    dialled = number_in(link.number)
    context = {
        "form": form,
        "link": link,
        # What is dialled, where that is not what is written.
        "dialled": dialled if dialled != link.number else "",
        "why": why,
        "has_phone": bool(profile_of(user_of(request)).endpoint),
        "live_view": "panel",
    }
    return render(request, "api/integrations/new_call.html", context, status=status)


def _placed(request: HttpRequest, form: NewCallForm) -> HttpResponse:
    user, link = user_of(request), linked(request.POST.get("number", ""))
    if not form.is_valid():
        outdated = [_("This page is out of date. Reload it and try again.")]
        return _asked(request, form, link, str((form.errors.get("number") or outdated)[0]), 422)
    number = form.cleaned_data["number"]
    try:
        pbx, wanted = wanted_call(user, number)
    except NotReady as reason:
        return _asked(request, _anew(number), link, str(reason), 503 if isinstance(reason, NoPBX) else 422)
    outcome = originate.ask(user, pbx, wanted, id=form.cleaned_data["command_id"])
    if not outcome.done:
        status = 409 if outcome.status is Status.REPEATED else toasts.code(outcome)
        return _asked(request, _anew(number), link, _why_not(outcome, unknown_number(wanted)), status)
    call = remember(user, pbx.name, outcome.data["call"], number)
    return redirect("placed-call", call.pbx, call.call)


def _why_not(outcome: Outcome, gone: str) -> str:
    if outcome.status is Status.REPEATED:
        return _("This call was placed already, from this page. To call once more, press the button again.")
    return toasts.words(outcome, gone)


def _anew(number: str) -> NewCallForm:
    """The form for another try, which is another command."""
    return NewCallForm(initial={"number": number, "command_id": uuid.uuid4().hex})


@require_safe
@permission_required(ORIGINATE, raise_exception=True)
def placed_call(request: HttpRequest, pbx: str, call: str) -> HttpResponse:
    """GET: how a call goes that was placed for me; for a part of the page that asks again and again, that part."""
    user = user_of(request)
    try:
        found = own_call(placed_for(user, pbx, call))
    except Problem:
        raise Http404 from None
    context = {
        "call": found,
        "words": WORDS[found.progress],
        "is_over": found.progress in OVER,
        "may_hang_up": bool(found.channels) and (user.has_perm(HANG_UP_OWN) or user.has_perm(HANG_UP_ANY)),
        "live_view": "panel",
    }
    is_part = request.headers.get("HX-Request")
    return render(request, f"api/integrations/{'_progress' if is_part else 'placed_call'}.html", context)

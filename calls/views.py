"""The board of calls, and click-to-call."""

import uuid
from dataclasses import replace

from django.conf import settings
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.identity import pbx_of, profile_of, user_of, viewer_of
from engine.live.fragments import count_html, query_of
from engine.mirror.verbs import NotReady
from web import toasts

from . import answering, placed
from .commands import NoPBX, originate, unknown_number, wanted_call
from .forms import DialForm
from .fragments import beside, part, told_of_call
from .groups import ALL, STATES, counts_for, group_asked_for, group_of_each


@require_safe
@permission_required("calls.see_calls", raise_exception=True)
def board(request: HttpRequest) -> HttpResponse:
    """GET: the first cards, of the calls in this `state` (see `calls.groups`) that hold all words of `q`."""
    language = get_language() or settings.LANGUAGE_CODE
    viewer = viewer_of(user_of(request), language)
    q = request.GET.get("q", "")
    query, each = query_of("", q, language), group_of_each()
    counts = counts_for(viewer, each)
    state = request.GET.get("state", "")
    state = state if state in counts else ALL
    inside = part(replace(query, group=group_asked_for(state, viewer, bool(query.words))), each)
    context = {
        "chips": [(name, STATES[name], count_html(name, count)) for name, count in counts.items()],
        "state": state,
        "cards": inside["calls"],
        "foot": inside["calls-foot"],
        "conferences": beside(viewer).get("calls-conferences", ""),
        "q": q,
        "live_view": "calls",
    }
    return render(request, "calls/calls.html", context)


@require_POST
@login_required
def dial(request: HttpRequest) -> HttpResponse:
    """POST `number`, `command_id`: my phone rings first; when I answer, the number is dialled."""
    form = DialForm(request.POST)
    if not form.is_valid():
        errors = form.errors.get("number") or [_("This page is out of date. Reload it and try again.")]
        return toasts.toast(request, "danger", str(errors[0]), 422)
    number = form.cleaned_data["number"]
    try:
        pbx, wanted = wanted_call(user_of(request), number)
    except NotReady as reason:
        return toasts.toast(request, "danger", str(reason), 503 if isinstance(reason, NoPBX) else 422)
    outcome = originate.ask(user_of(request), pbx, wanted, id=form.cleaned_data["command_id"])
    response = toasts.answer(request, outcome, gone=unknown_number(wanted))
    if outcome.done:
        # It rings once Asterisk says so: that, and all that follows, takes this one's place.
        call = placed.PlacedCall(user_of(request).pk, form.cleaned_data["command_id"], number)
        response = toasts.said(told_of_call(call.parameters))
        response.headers["HX-Trigger"] = "dialled"
    if response.status_code != 204:
        # The next call is another command, so the form gets another id.
        response.write(render_to_string("components/_command_id.html", {"command_id": uuid.uuid4().hex}))
    return response


@require_POST
@login_required
def try_answer(request: HttpRequest) -> HttpResponse:
    """POST: my phone rings for a moment and is told to take the call; whether it did is remembered."""
    user, profile = user_of(request), profile_of(request.user)
    pbx = pbx_of(profile)
    if pbx is None:
        return toasts.toast(request, "danger", _("There is no PBX yet: is the worker running?"), 503)
    try:
        outcome = answering.try_answer.ask(user, pbx)
    except NotReady as reason:
        return toasts.toast(request, "danger", str(reason), 422)
    if not outcome.done:
        return toasts.answer(request, outcome, gone=_("Your phone could not be reached."))
    profile.answered_here = profile.endpoint if outcome.data["answers"] else ""
    profile.save(update_fields=["answered_here"])
    if profile.can_answer:
        response = toasts.toast(request, "success", _("Your phone took the call: you can answer it from here."))
    else:
        text = _("Your phone rang and did not take the call: it has to be answered there.")
        response = toasts.toast(request, "warning", text)
    response.write(render_to_string("accounts/_answering_tried.html", {"profile": profile}, request))
    return response

"""The board of calls, click-to-call, and hanging up."""

import uuid

from django.conf import settings
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.identity import pbx_of, phone_of, profile_of, user_of
from engine.live.fragments import query_of
from web import toasts

from . import placed, requests
from .forms import DialForm
from .fragments import part, some_calls, told_of_call
from .models import Channel


@require_safe
@permission_required("calls.see_calls", raise_exception=True)
def board(request: HttpRequest) -> HttpResponse:
    """GET: the first cards, of the calls that hold all words of `q`."""
    q = request.GET.get("q", "")
    inside = part(query_of("", q, get_language() or settings.LANGUAGE_CODE))
    context = {"cards": inside["calls"], "foot": inside["calls-foot"], "q": q, "live_view": "calls"}
    return render(request, "calls/calls.html", context)


@require_POST
def hangup(request: HttpRequest, pbx: str, linkedid: str) -> HttpResponse:
    """POST: hang up a whole call."""
    calls = some_calls(pbx, [linkedid])
    _check_may_hang_up(request, [channel for call in calls for channel in call.channels])
    gone = _("This call has already ended.")
    if not calls:
        return toasts.toast(request, "info", gone, 404)
    outcome = requests.hangup(user_of(request).pk, calls[0])
    return toasts.answer(request, outcome, gone=gone)


@require_POST
def hangup_channel(request: HttpRequest, pbx: str, uniqueid: str) -> HttpResponse:
    """POST: hang up one leg of a call."""
    channel = Channel.objects.filter(pbx=pbx, uniqueid=uniqueid).first()
    _check_may_hang_up(request, [channel] if channel else [])
    gone = _("This call has already ended.")
    if channel is None:
        return toasts.toast(request, "info", gone, 404)
    return toasts.answer(request, requests.hangup_channel(user_of(request).pk, channel), gone=gone)


def _check_may_hang_up(request: HttpRequest, channels: list[Channel]) -> None:
    """Any call with the one permission, those of my own phone with the other. Raises `PermissionDenied`."""
    if request.user.has_perm("calls.hangup_any"):
        return
    mine = phone_of(profile_of(request.user))
    is_mine = bool(mine) and any(f"{channel.pbx_id}/{channel.endpoint}" == mine for channel in channels)
    if not (request.user.has_perm("calls.hangup_own") and (is_mine or not channels)):
        raise PermissionDenied


@require_POST
@permission_required("calls.originate", raise_exception=True)
def dial(request: HttpRequest) -> HttpResponse:
    """POST `number`, `command_id`: my phone rings first; when I answer, the number is dialled."""
    form = DialForm(request.POST)
    if not form.is_valid():
        errors = form.errors.get("number") or [_("This page is out of date. Reload it and try again.")]
        return toasts.toast(request, "danger", str(errors[0]), 422)
    profile = profile_of(request.user)
    pbx = pbx_of(profile)
    if not profile.endpoint or not profile.dial_context:
        return toasts.toast(
            request, "danger", _("Your phone is not set up yet. Set it up under “My phone” first."), 422
        )
    if pbx is None and profile.pbx_id:
        text = _("Your phone is on the PBX %(pbx)s, which this panel does not show. Change it under “My phone”.")
        return toasts.toast(request, "danger", text % {"pbx": profile.pbx_id}, 503)
    if pbx is None:
        return toasts.toast(request, "danger", _("There is no PBX yet: is the worker running?"), 503)
    number = form.cleaned_data["number"]
    user_id = user_of(request).pk
    outcome = requests.originate(
        user_id,
        pbx=pbx.name,
        endpoint=profile.endpoint,
        extension=profile.extension,
        context=profile.dial_context,
        number=number,
        command_id=form.cleaned_data["command_id"],
    )
    unknown = _(
        "The number %(number)s does not exist in the dial context %(context)s. Check the number, or your context."
    )
    gone = unknown % {"number": number, "context": profile.dial_context}
    response = toasts.answer(request, outcome, gone=gone)
    if outcome.done:
        # It rings once Asterisk says so: that, and all that follows, takes this one's place.
        call = placed.PlacedCall(user_id, form.cleaned_data["command_id"], number)
        response = toasts.said(told_of_call(call.parameters))
        response.headers["HX-Trigger"] = "dialled"
    if response.status_code != 204:
        # The next call is another command, so the form gets another id.
        response.write(render_to_string("components/_command_id.html", {"command_id": uuid.uuid4().hex}))
    return response

"""Where the system pages begin, and the page of a PBX itself."""

import re
from datetime import timedelta

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.identity import user_of
from engine.mirror.commands import look_up
from engine.mirror.models import PBX
from web import toasts

from ..pages import SYSTEM_PAGES, demand, may, on_pbx, page
from . import chart, commands

_MODULE = re.compile(r"[A-Za-z0-9_.-]{0,80}")


@require_safe
@login_required
def first(request: HttpRequest) -> HttpResponse:
    """GET: on to the first page of the first PBX that the user may open."""
    user = user_of(request)
    part = next((part for part in SYSTEM_PAGES if may(user, part.permission)), None)
    if part is None:
        raise PermissionDenied
    pbx = PBX.objects.first()
    if pbx is None:
        return render(request, "system/none.html")
    return redirect(f"system-{part.name}", pbx.name)


@require_safe
@on_pbx("see_pbx")
def pbx(request: HttpRequest, pbx: PBX) -> HttpResponse:
    """GET: version, uptime, calls, link and events of one PBX."""
    return page(request, pbx, "pbx", _status(pbx))


@require_safe
@on_pbx("see_pbx")
def status(request: HttpRequest, pbx: PBX) -> HttpResponse:
    """GET: what of that page changes by itself; it asks for it every few seconds."""
    return render(request, "system/status/_status.html", {"pbx": pbx, **_status(pbx)})


def _status(pbx: PBX) -> dict[str, object]:
    outcome = look_up(pbx.name, "system.status")
    if not outcome.done:
        return {"failure": toasts.words(outcome, "")}
    data = outcome.data
    totals = [sum(numbers) for numbers in data["seconds"]]
    named = sum(1 for name, _number in data["kinds"] if name)
    return {
        "status": data,
        "up": None if data["up"] is None else timedelta(seconds=data["up"]),
        "since_reload": None if data["since_reload"] is None else timedelta(seconds=data["since_reload"]),
        "bars": chart.bars(data["seconds"]),
        "chart_width": chart.WIDTH,
        "chart_height": chart.HEIGHT,
        "per_second": round(sum(totals) / max(1, len(totals)), 1),
        "most_in_a_second": max(totals, default=0),
        "kinds": [
            (name, round(number / max(1, len(totals)), 1), number, chart.colour_of(place, named))
            for place, (name, number) in enumerate(data["kinds"])
        ],
    }


@require_safe
@on_pbx("reload")
def modules(request: HttpRequest, pbx: PBX) -> HttpResponse:
    """GET: the modules that are loaded, as options of a list."""
    return render(request, "system/status/_modules.html", {"modules": look_up(pbx.name, "system.modules").data or []})


@require_POST
@on_pbx("reload")
def reload(request: HttpRequest, pbx: PBX) -> HttpResponse:
    """POST: have Asterisk reload a `module`, or all of them without one."""
    user = demand(request, "reload")
    module = request.POST.get("module", "").strip()
    if not _MODULE.fullmatch(module):
        return toasts.toast(
            request, "warning", _("Enter the name of a module, such as res_pjsip.so, or leave it empty for all."), 400
        )
    outcome = commands.reload.ask(user, pbx, commands.Reload(module))
    if not outcome.done:
        gone = _("Asterisk has no module of this name that can be reloaded.")
        return toasts.answer(request, outcome, gone=gone)
    text = _("%(module)s was reloaded.") % {"module": module} if module else _("Everything was reloaded.")
    return toasts.toast(request, "success", text)

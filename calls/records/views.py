"""The page of a call: who is in it, and what happened, while it lasts and after its end."""

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe

from engine import limits
from engine.mirror.models import PBX

from ..call import some_calls
from ..models import Channel
from . import fragments
from .models import CallRecord


@require_safe
@permission_required("calls.see_calls", raise_exception=True)
def call(request: HttpRequest, pbx: str, linkedid: str) -> HttpResponse:
    """GET: one call. That of one which goes on in another leads there; of one that is not known it says so (404)."""
    get_object_or_404(PBX, pk=pbx)
    known = len(linkedid) <= limits.FIELD and "\0" not in linkedid
    live = next(iter(some_calls(pbx, [linkedid])), None) if known else None
    if known and live is None:
        goes_on = fragments.where_it_goes_on(pbx, linkedid)
        joined = Channel.objects.filter(pbx=pbx, linkedid=goes_on).values_list("call", flat=True).first()
        if (joined or goes_on) != linkedid:
            return redirect("call", pbx, joined or goes_on)
    record = CallRecord.objects.filter(pbx=pbx, key=linkedid).first() if known else None
    context = {
        "pbx": pbx,
        "linkedid": linkedid,
        "live_view": "call",
        "view_key": f"{pbx}/{linkedid}",
    }
    if live is None and record is None:
        return render(
            request, "calls/records/unknown.html", context | {"live_view": "panel", "view_key": ""}, status=404
        )
    inside = fragments.inside(pbx, linkedid)
    context |= {
        "who": live.who if live else fragments.who_began(pbx, linkedid),
        "card": inside["call-card"],
        "steps": inside["call-steps"],
        "facts": inside["call-facts"],
    }
    return render(request, "calls/records/call.html", context)

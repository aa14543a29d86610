"""The page of the stream of events; what it shows comes over its socket."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from engine.mirror.models import PBX

from ..pages import on_pbx, page


@require_safe
@on_pbx("see_events")
def show(request: HttpRequest, pbx: PBX) -> HttpResponse:
    """GET: the page."""
    return page(request, pbx, "events")

"""The stream of events: `GET /api/v1/events`, as server-sent events.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from functools import partial

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_GET

from engine.live.fragments import Viewer
from engine.mirror.models import PBX

from .access import reader_of
from .feed import stream_to
from .readers import BadFilter, Filter, Reader, may_read, position_in


def problem(status: int, title: str, detail: str, **more: str) -> JsonResponse:
    """What is wrong with a request, for a program (RFC 9457): a short name of it, and what to do."""
    body = {"status": status, "title": title, "detail": detail, **more}
    return JsonResponse(body, status=status, content_type="application/problem+json")


@login_not_required
@require_GET
async def events(request: HttpRequest) -> HttpResponseBase:
    """What happens from now on, or after the event with the id `Last-Event-ID` (or `?after=`).

    Without a login it answers 401, to who may see nothing of it 403, to parameters that make no sense 422.
    """
    if not settings.EVENT_LOG_DAYS:
        return problem(404, "There is no event log", "Set EVENT_LOG_DAYS to 1 or more.")
    viewer, pbxs = await sync_to_async(_who_and_where)(request)
    if viewer is None:
        return problem(401, "Not logged in", "Log in to the panel, and ask from a page of the panel.")
    if not may_read(viewer):
        return problem(403, "Not permitted", "Ask an administrator for the permission to see calls or conferences.")
    try:
        wanted = Filter.read(dict(request.GET.lists()), pbxs)
    except BadFilter as error:
        return problem(422, "A parameter is wrong", error.advice, parameter=error.parameter)
    # The header is the newer one: a browser that comes back asks with the same address.
    after = request.headers.get("Last-Event-ID") or request.GET.get("after")
    position = position_in(after) if after is not None else None
    reader = Reader(wanted, viewer, partial(reader_of, request), position)
    # A proxy that buffers would keep what it is for.
    return StreamingHttpResponse(
        stream_to(reader), content_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
    )


def _who_and_where(request: HttpRequest) -> tuple[Viewer | None, list[str]]:
    return reader_of(request), list(PBX.objects.values_list("name", flat=True))

"""The stream of events: `GET /api/v1/events`, as server-sent events; and what is told, described for machines.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from functools import partial

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_safe

from engine.mirror.models import PBX
from web.problems import Problem, declare

from .access import is_of_program, programs, reader_of
from .asyncapi import description
from .feed import stream_to
from .readers import Filter, Reader, may_read, position_in

NO_LOG = declare(
    "no-event-log",
    404,
    _("There is no event log"),
    _("Have an administrator of the panel set EVENT_LOG_DAYS to 1 or more."),
)
NOT_LOGGED_IN = declare(
    "not-logged-in",
    401,
    _("Nobody is logged in"),
    _("Log in to the panel and ask from one of its pages, or send the header “Authorization: Bearer” with a token."),
)
NOTHING_TO_SEE = declare(
    "nothing-to-see",
    403,
    _("There is nothing here that you may see"),
    _("Ask an administrator for the permission to see calls or conferences. A token needs the scope as well."),
)


@login_not_required
@require_http_methods(["GET", "OPTIONS"])
async def events(request: HttpRequest) -> HttpResponseBase:
    """What happens from now on, or after the event with the id `Last-Event-ID` (or `?after=`).

    Without a log-in or a token it answers 401, to who may see nothing of it 403, to parameters that make no sense 422.
    """
    return await sync_to_async(_answer)(request)


events.checks_fields = True  # type: ignore[attr-defined]  # see `FieldLimits`


def _answer(request: HttpRequest) -> HttpResponseBase:
    if is_of_program(request):
        return programs[0].guard(request, _stream)
    try:
        return _stream(request)
    except Problem as problem:
        return problem.response()


def _stream(request: HttpRequest) -> HttpResponseBase:
    """The stream of whoever asks. Raises `Problem`."""
    if not settings.EVENT_LOG_DAYS:
        raise Problem(NO_LOG)
    viewer = reader_of(request)
    if viewer is None:
        raise Problem(NOT_LOGGED_IN, headers={"WWW-Authenticate": "Bearer"})
    if not may_read(viewer):
        raise Problem(NOTHING_TO_SEE)
    wanted = Filter.read(dict(request.GET.lists()), list(PBX.objects.values_list("name", flat=True)))
    # The header is the newer one: a browser that comes back asks with the same address.
    after = request.headers.get("Last-Event-ID") or request.GET.get("after")
    position = position_in(after) if after is not None else None
    reader = Reader(wanted, viewer, partial(reader_of, request), position)
    # A proxy that buffers would keep what it is for.
    return StreamingHttpResponse(
        stream_to(reader), content_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
    )


@require_safe
@login_not_required
def asyncapi(request: HttpRequest) -> HttpResponse:
    """GET: the description of the events. It says nothing of this installation."""
    return JsonResponse(description(), json_dumps_params={"ensure_ascii": False})

"""Who may read the log, and what stands before the stream for programs."""

from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts.identity import viewers_of
from engine.live.fragments import Viewer

Answer = Callable[[HttpRequest], HttpResponseBase]


@dataclass(frozen=True, slots=True)
class Programs:
    """How programs say who they are by the header `Authorization`.

    `viewer`: a request → who asks, and what they may see; None: nobody who may ask. `guard`: answers a request of a
    program, or what a browser asks before one, by the function given where nothing is in the way; that may raise
    `Problem`.
    """

    viewer: Callable[[HttpRequest], Viewer | None]
    guard: Callable[[HttpRequest, Answer], HttpResponseBase]


# The one way; the app that knows the tokens provides it.
programs: list[Programs] = []


def is_of_program(request: HttpRequest) -> bool:
    """Whether it is a program's, or a browser's that asks whether a page may ask as one."""
    return "Authorization" in request.headers or request.method == "OPTIONS"


def reader_of(request: HttpRequest) -> Viewer | None:
    """Who asks by this request, and what they may see now; None: nobody who may ask. Queries the database.

    By a header, where there is one; else by the cookie of their session, from a page of the panel or from no page at
    all: to a browser another port of this host is the same site, but not the same origin.
    """
    if is_of_program(request):
        return programs[0].viewer(request)
    own = f"{request.scheme}://{request.get_host()}"
    from_elsewhere = request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none")
    if from_elsewhere or request.headers.get("Origin", own).lower() != own.lower():
        return None
    session = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    return viewers_of([session]).get(session)

"""Who may read the log."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest

from accounts.identity import viewers_of
from engine.live.fragments import Viewer

# How programs say who they are by the header `Authorization`: a request → who that is; None: nobody who may ask.
by_header: list[Callable[[HttpRequest], Viewer | None]] = []


def reader_of(request: HttpRequest) -> Viewer | None:
    """Who asks by this request, and what they may see now; None: nobody who may ask. Queries the database.

    By a header, where there is one; else by the cookie of their session, from a page of the panel or from no page at
    all: to a browser another port of this host is the same site, but not the same origin.
    """
    if "Authorization" in request.headers:
        return next((viewer for who in by_header if (viewer := who(request)) is not None), None)
    own = f"{request.scheme}://{request.get_host()}"
    from_elsewhere = request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none")
    if from_elsewhere or request.headers.get("Origin", own).lower() != own.lower():
        return None
    session = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    return viewers_of([session]).get(session)

"""Who may read the log."""

from django.conf import settings
from django.http import HttpRequest

from accounts.identity import viewers_of
from engine.live.fragments import Viewer


def reader_of(request: HttpRequest) -> Viewer | None:
    """Who asks by this request, and what they may see now; None: nobody who may ask. Queries the database.

    By the cookie of their session, from a page of the panel or from no page at all: to a browser another port of this
    host is the same site, but not the same origin.
    """
    own = f"{request.scheme}://{request.get_host()}"
    from_elsewhere = request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none")
    if from_elsewhere or request.headers.get("Origin", own).lower() != own.lower():
        return None
    session = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    return viewers_of([session]).get(session)

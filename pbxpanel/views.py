"""The home page, and the pages for what cannot be shown."""

import sys

from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.identity import user_of, viewer_of
from engine import limits
from engine.live.fragments import Toast
from web.toasts import refused, said, toast

from .home import board


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """GET: what needs attention now."""
    inside = board(viewer_of(user_of(request), get_language() or "en"), "")
    named = {name.replace("-", "_"): html for name, html in inside.items()}
    return render(request, "home.html", {"inside": named, "live_view": "home"})


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400, or 413 for a body that is too large: as a toast for a button, else as a page."""
    if isinstance(exception, RequestDataTooBig):
        return refused(request, limits.body_complaint(), 413)
    return refused(request, _("The panel does not understand this request, so nothing was done."), 400)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403: as a toast for a button, else as a page."""
    if request.headers.get("HX-Request"):
        return toast(request, "danger", _("You are not allowed to do that."), 403)
    return render(request, "403.html", status=403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404: as a toast for a button, else as a page."""
    if request.headers.get("HX-Request"):
        return toast(request, "warning", _("That no longer exists."), 404)
    return render(request, "404.html", status=404)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form that bears no valid token: the page is older than the login."""
    text = _("This page is out of date. Reload it and try again.")
    if request.headers.get("HX-Request"):
        return toast(request, "danger", text, 403)
    return render(request, "403.html", {"text": text}, status=403)


def server_error(request: HttpRequest) -> HttpResponse:
    """500, or 503 while the database cannot be reached: as a toast for a button, else as a page that tries again.

    Nothing of it may need the database, so it knows neither user nor session.
    """
    away = isinstance(sys.exc_info()[1], OperationalError | InterfaceError)
    if request.headers.get("HX-Request"):
        text = _("Something went wrong; the error is in the server's log.")
        if away:
            text = _("The panel's database cannot be reached, so this could not be done. Try again in a moment.")
        return said(Toast("danger", text), 503 if away else 500)
    html = render_to_string("503.html" if away else "500.html")
    return HttpResponse(html, status=503 if away else 500, headers={"Retry-After": "5", "Refresh": "5"} if away else {})

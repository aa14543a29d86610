"""The home page, and the pages for what cannot be shown."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from operators.people import user_of, viewer_of

from .home import board
from .toasts import toast


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """GET: what needs attention now."""
    inside = board(viewer_of(user_of(request), get_language() or "en"), "")
    named = {name.replace("-", "_"): html for name, html in inside.items()}
    return render(request, "home.html", {"inside": named, "live_view": "home"})


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403: as a toast for a button, else as a page."""
    if request.headers.get("HX-Request"):
        return toast(request, "danger", _("You are not allowed to do that."), 403)
    return render(request, "403.html", status=403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404: as a toast for a button, else as a page."""
    if request.headers.get("HX-Request"):
        return toast(request, "warning", _("That is not there any more."), 404)
    return render(request, "404.html", status=404)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form that bears no valid token: the page is older than the login."""
    text = _("This page is out of date. Reload it and try again.")
    if request.headers.get("HX-Request"):
        return toast(request, "danger", text, 403)
    return render(request, "403.html", {"text": text}, status=403)

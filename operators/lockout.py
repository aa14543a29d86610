"""The answer to who has guessed too often: the login page, which says when to try again."""

import math
from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import ngettext

from pbxpanel.toasts import toast


def answer(request: HttpRequest, response: Any = None, credentials: Any = None) -> HttpResponse:
    """429 in the look of the login page, for whichever login was tried (see AXES_LOCKOUT_CALLABLE).

    The arguments are not relied on: under ASGI axes passes the credentials in the place of the response.
    """
    seconds = _seconds_left(request)
    minutes = max(1, math.ceil(seconds / 60))
    text = ngettext(
        "Too many wrong passwords. Try again in %(minutes)d minute, or ask an administrator to unlock you.",
        "Too many wrong passwords. Try again in %(minutes)d minutes, or ask an administrator to unlock you.",
        minutes,
    ) % {"minutes": minutes}
    if request.headers.get("HX-Request"):
        locked = toast(request, "danger", text, 429)
        locked.headers["Retry-After"] = str(max(1, math.ceil(seconds)))
        return locked
    context = {
        "locked": text,
        "username": _credentials(request).get("username", ""),
        "next": request.POST.get("next", ""),
    }
    locked = render(request, "registration/login.html", context, status=429)
    locked.headers["Retry-After"] = str(max(1, math.ceil(seconds)))
    return locked


def _credentials(request: HttpRequest) -> dict[str, Any]:
    return getattr(request, "axes_credentials", None) or {}


def _seconds_left(request: HttpRequest) -> float:
    """How long until so many failures are forgotten that fewer than the limit are left.

    axes keeps one row for each browser of a name and address; a row is forgotten some time after its last failure.
    """
    (attempts,) = AxesProxyHandler.get_implementation().get_user_attempts(request, _credentials(request))
    left = sum(attempt.failures_since_start for attempt in attempts)
    for attempt in attempts.order_by("attempt_time"):
        left -= attempt.failures_since_start
        if left < settings.AXES_FAILURE_LIMIT:
            until = attempt.attempt_time + settings.AXES_COOLOFF_TIME
            return float((until - timezone.now()).total_seconds())
    return 0.0

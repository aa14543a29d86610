"""What every answer carries, and what no request may."""

import time
from collections.abc import Callable
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest, HttpResponseBadRequest
from django.http.response import HttpResponseBase
from django.utils.cache import patch_cache_control
from django.utils.deprecation import MiddlewareMixin

from .field_limits import too_long
from .toasts import refused

RENEWED_AFTER = 300
_RENEWED_AT = "renewed_at"

# No inline script or style, nothing from elsewhere, not even a form sent elsewhere.
POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)


class ContentSecurityPolicy(MiddlewareMixin):
    """Sets the Content-Security-Policy of each answer."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response.headers["Content-Security-Policy"] = POLICY
        return response


class NotStored(MiddlewareMixin):
    """Has no browser or proxy keep an answer: almost all are somebody's own. (Static files are none of them.) A view
    that says how long the browser may keep it, and nobody else, is believed.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if "private" not in response.headers.get("Cache-Control", ""):
            patch_cache_control(response, no_store=True)
        return response


class NoNullCharacters(MiddlewareMixin):
    """Refuses a NUL in an address: no text of ours contains one, and PostgreSQL cannot even search for it."""

    def process_request(self, request: HttpRequest) -> HttpResponseBase | None:
        if "\0" in request.path or any("\0" in value for values in request.GET.lists() for value in values[1]):
            return HttpResponseBadRequest("An address cannot hold a null character.", content_type="text/plain")
        return None


class FieldLimits(MiddlewareMixin):
    """Refuses a field of a form or an address that is longer than any page of ours sends it, before a view reads it.

    Where a button was pressed, it shows as a toast whatever the button's answer would replace: what was typed stays.
    A view with `checks_fields` does so itself.
    """

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], arguments: tuple[Any, ...], parameters: dict[str, Any]
    ) -> HttpResponseBase | None:
        if getattr(view, "checks_fields", False):
            return None
        route = request.resolver_match.url_name if request.resolver_match else None
        for fields in (request.GET, request.POST):
            if words := too_long(route or "", dict(fields.lists())):
                return refused(request, words)
        return None


class RenewedSession(MiddlewareMixin):
    """Has a login last from the last page or button, to within `RENEWED_AFTER` seconds: to write it down for each one
    would have them all wait for their turn in the database.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        session, now = request.session, int(time.time())
        # Where the database is away, a session that nobody has read is not asked for, either.
        is_somebodys = response.status_code < 500 and session.accessed and SESSION_KEY in session
        if is_somebodys and now - session.get(_RENEWED_AT, 0) >= RENEWED_AFTER:
            session[_RENEWED_AT] = now
        return response


class ExpiredSession(MiddlewareMixin):
    """A button pressed after the session has expired reloads the page, which then asks for the login.

    Without it htmx would follow the redirect and put the login page where the button's answer belongs.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if request.headers.get("HX-Request") and response.status_code == 302:
            response.status_code = 204
            del response.headers["Location"]
            response.headers["HX-Refresh"] = "true"
        return response


class InOneThread:
    """Comes last, and takes nothing but a synchronous chain: so Django runs all of it in one thread. Else it would take
    each step of each middleware to a thread and back, some thirty times for a page.
    """

    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

"""What stands before every operation: the token, how many requests it has left, a key that was used before; and what
every answer carries. No cookie counts here, so nobody's browser can be made to ask.
"""

import hashlib
from collections.abc import Callable, Collection, Sequence
from functools import wraps
from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags
from django.utils.translation import gettext as _
from ninja.operation import Operation

from engine.limits import FIELD, complaint

from . import kept, tokens
from .addresses import origin_of
from .models import allowed_anywhere
from .problems import METHOD, ORIGIN, Problem, bad_input
from .tokens import ApiRequest

ALLOWED_HEADERS = "Accept-Language, Authorization, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID"
EXPOSED_HEADERS = "ETag, Idempotent-Replayed, Link, Location, RateLimit, RateLimit-Policy, Retry-After"
# How long a browser remembers what it may ask, in seconds.
PREFLIGHT_AGE = 600


def guarded(view: Callable[..., HttpResponseBase], operations: Sequence[Operation]) -> Callable[..., HttpResponseBase]:
    """The view of an address of the API behind all of that; `operations` are those at the address."""
    methods = {method: operation for operation in operations for method in operation.methods}

    @wraps(view)
    def answered(request: HttpRequest, **parameters: Any) -> HttpResponseBase:
        def carried_out(asked: ApiRequest) -> HttpResponseBase:
            operation = methods.get(request.method or "")
            if operation is None:
                raise Problem(METHOD, headers={"Allow": ", ".join(methods)})
            _check_input(request, operation)
            if request.method == "POST":
                return kept.once(asked, lambda: view(request, **parameters))
            return _unless_known(request, view(request, **parameters))

        return _by_token(request, methods, carried_out)

    # Behind no log-in, and without the protection against what a browser sends by itself. See also `FieldLimits`.
    for name, value in (("login_required", False), ("csrf_exempt", True), ("checks_fields", True)):
        setattr(answered, name, value)
    return answered


def of_stream(request: HttpRequest, answer: Callable[[HttpRequest], HttpResponseBase]) -> HttpResponseBase:
    """The stream of events behind the same: to connect counts as a request. (See `eventlog.access.Programs`.)"""
    return _by_token(request, ("GET",), answer)


def _by_token(
    request: HttpRequest, methods: Collection[str], answer: Callable[[ApiRequest], HttpResponseBase]
) -> HttpResponseBase:
    """What a program is answered: by `answer`, which may raise `Problem`, if its token works and has requests left."""
    if request.method == "OPTIONS":
        return _preflight(request, methods)
    try:
        token = tokens.token_of(request)
    except Problem as problem:
        return _told_to_page(request, problem.response())
    asked = cast(ApiRequest, request)
    asked.token, asked.user = token, token.owner
    rate = tokens.count(token)
    try:
        rate.check()
        response = answer(asked)
    except Problem as problem:
        response = problem.response()
    for name, value in rate.headers.items():
        response.headers[name] = value
    if token.origins:
        response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
        response.headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
        patch_vary_headers(response, ["Origin"])
    return response


def _preflight(request: HttpRequest, methods: Collection[str]) -> HttpResponseBase:
    """Whether a page may ask at all, which a browser asks without the token: one of its origin may have any."""
    origin = request.headers.get("Origin", "")
    if not _is_of_known_page(request):
        return Problem(ORIGIN).response()
    response = HttpResponse(status=204)
    response.headers["Access-Control-Allow-Origin"] = origin
    response.headers["Access-Control-Allow-Methods"] = ", ".join(methods)
    response.headers["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
    response.headers["Access-Control-Max-Age"] = str(PREFLIGHT_AGE)
    if request.headers.get("Access-Control-Request-Private-Network") == "true":
        response.headers["Access-Control-Allow-Private-Network"] = "true"
    patch_vary_headers(response, ["Origin"])
    return response


def _is_of_known_page(request: HttpRequest) -> bool:
    origin = origin_of(request.headers.get("Origin", ""))
    return bool(origin) and allowed_anywhere(origin)


def _told_to_page(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Why a token does not work: a page that might use one may read it, to ask its user anew."""
    if _is_of_known_page(request):
        response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
        patch_vary_headers(response, ["Origin"])
    return response


def _check_input(request: HttpRequest, operation: Operation) -> None:
    """Refuse what the operation does not take, before any work is done. Raises `Problem`."""
    taken = {
        name
        for model in operation.models
        if model.__ninja_param_source__ == "query"
        for name in model.__ninja_flatten_map__
    }
    for name, values in request.GET.lists():
        if name not in taken:
            raise bad_input(name[:80], _("There is no field of this name here."))
        for value in values:
            if words := complaint(value, FIELD):
                raise bad_input(name, words)
    takes_body = any(model.__ninja_param_source__ == "body" for model in operation.models)
    if not takes_body and request.body.strip() not in (b"", b"{}"):
        raise bad_input("body", _("Nothing can be sent here in the body."))


def _unless_known(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """An answer with its `ETag`; without its content, where whoever asks has the same."""
    if request.method != "GET" or response.status_code != 200 or not isinstance(response, HttpResponse):
        return response
    etag = f'"{hashlib.sha256(response.content).hexdigest()[:32]}"'
    known = [tag.removeprefix("W/") for tag in parse_etags(request.headers.get("If-None-Match", ""))]
    if etag in known or "*" in known:
        response = HttpResponse(status=304)
    response.headers["ETag"] = etag
    return response

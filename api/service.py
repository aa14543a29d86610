"""The API as a whole: its operations, its addresses, and its description in OpenAPI 3.1."""

import http
from collections.abc import Iterator
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from django.utils.translation import gettext as _
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.openapi.schema import REF_TEMPLATE
from ninja.renderers import JSONRenderer
from pydantic_core import to_json

# Each declares its operations.
from . import asking, calls, conferences, extensions, me, messages, people, presences, switches  # noqa: F401
from .guard import guarded
from .operations import IDS, router
from .problems import BAD_INPUT, CONTENT_TYPE, MALFORMED, Problem, ProblemDetails

VERSION = "1"
_SECURITY = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "pbxp_…",
        "description": "A token of the panel. Each operation names the scopes of which the token needs one.",
    }
}
_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
    "description": "The same key does nothing twice within 24 hours: the first answer comes again.",
}
_KNOWN = {
    "in": "header",
    "name": "If-None-Match",
    "required": False,
    "schema": {"type": "string"},
    "description": "The ETag of what you have: 304 where it is the same still.",
}


_TEXT = {"type": "string"}
_HEADERS: dict[str, Any] = {
    "RateLimit": {"description": "How many requests the token has left, and for how many seconds.", "schema": _TEXT},
    "RateLimit-Policy": {"description": "How many it has, in how many seconds.", "schema": _TEXT},
    "Retry-After": {"description": "In how many seconds to ask again.", "schema": {"type": "string"}},
    "ETag": {"description": "What the answer is known by, for If-None-Match.", "schema": _TEXT},
    "Link": {"description": "The address of the next part; none behind the last.", "schema": _TEXT},
    "Location": {"description": "The address of what was made.", "schema": _TEXT},
    "Idempotent-Replayed": {"description": "`true` where the answer was given before.", "schema": _TEXT},
}


class Renderer(JSONRenderer):
    """JSON as pydantic writes it, in a tenth of the time."""

    def render(self, request: HttpRequest, data: object, *, response_status: int) -> bytes:
        return to_json(data)


service = NinjaAPI(
    renderer=Renderer(),
    title="PBX Panel",
    version=VERSION,
    description="Calls, conferences and extensions of the PBXs that the panel shows, and what can be done with them; "
    "people, and messages for them.",
    urls_namespace="api",
    openapi_url=None,
    docs_url=None,
    servers=[],
)
service.add_router("", router)


def urlpatterns() -> Iterator[URLPattern]:
    """The address of each operation, behind the guard."""
    for bound in service._get_bound_routers():
        operations = [(place, each) for place in bound.path_operations.values() for each in place.operations]
        for pattern, (place, _each) in zip(bound.urls_paths(bound.prefix), operations, strict=True):
            pattern.callback = guarded(pattern.callback, place.operations)
            yield pattern


# What goes wrong.


@service.exception_handler(Problem)
def problem(request: HttpRequest, error: Problem) -> HttpResponse:
    return error.response()


@service.exception_handler(HttpError)
def unreadable(request: HttpRequest, error: HttpError) -> HttpResponse:
    """A body that is no JSON: the only one that the library raises here."""
    return Problem(MALFORMED, _("The body is not JSON.")).response()


@service.exception_handler(ValidationError)
def bad_input(request: HttpRequest, error: ValidationError) -> HttpResponse:
    errors = [(_field_of(found), _sentence_of(found)) for found in error.errors]
    return Problem(BAD_INPUT, errors[0][1], errors).response()


def _field_of(error: dict[str, Any]) -> str:
    """`("body", "body", "to")` → `to`."""
    return ".".join(str(part)[:80] for part in error["loc"][2 if error["loc"][0] == "body" else 1 :]) or "body"


def _sentence_of(error: dict[str, Any]) -> str:
    """What is wrong with a field, for people."""
    context = {name: str(value) for name, value in error.get("ctx", {}).items()}
    match error["type"]:
        case "extra_forbidden":
            return _("There is no field of this name here.")
        case "missing":
            return _("This is needed.")
        case "string_type" | "string_unicode":
            return _("This must be a text.")
        case "string_too_long":
            return _("This may have at most %(max_length)s characters.") % context
        case "bool_type":
            return _("This must be true or false.")
        case "list_type":
            return _("This must be a list.")
        case "literal_error":
            return _("This must be one of: %(expected)s.") % context
        case "int_parsing" | "int_type" | "int_from_float" | "int_parsing_size":
            return _("This must be a whole number.")
        case "greater_than_equal":
            return _("This must be at least %(ge)s.") % context
        case "less_than_equal":
            return _("This may be at most %(le)s.") % context
        case "model_attributes_type" | "model_type" | "dict_type":
            return _("The body must be an object, with a name for each field.")
        case _:
            return _("This cannot be meant.")


# Its description.


@cache
def description() -> dict[str, Any]:
    """The OpenAPI document. Its words are translated where it is read; the operations never change."""
    document: dict[str, Any] = service.get_openapi_schema(path_prefix="/api/v1/")
    document["components"]["securitySchemes"] = _SECURITY
    document["components"]["headers"] = _HEADERS
    problem = ProblemDetails.model_json_schema(ref_template=REF_TEMPLATE)
    document["components"]["schemas"] |= {**problem.pop("$defs"), "ProblemDetails": problem}
    document["servers"] = [{"url": "/"}]
    for methods in document["paths"].values():
        for method, operation in methods.items():
            _complete(method, operation)
    return document


def _complete(method: str, operation: dict[str, Any]) -> None:
    """What the library does not write by itself."""
    scopes = operation["x-scopes"]
    any_of = [[scope] for scope in scopes["any"]] or [[]]
    operation["security"] = [{"token": [*scope, *scopes["all"]]} for scope in any_of]
    for parameter in operation["parameters"]:
        if parameter["in"] == "path":
            parameter["example"] = IDS[parameter["name"]]
            parameter["schema"] |= {"minLength": 1, "pattern": "^[^/]+$"}
    if method == "post":
        operation["parameters"].append(_KEY)
    if method == "get":
        operation["parameters"].append(_KNOWN)
        operation["responses"][304] = {"description": http.HTTPStatus(304).phrase}
    if "requestBody" in operation:
        operation["requestBody"]["content"]["application/json"]["example"] = operation["x-example"]["body"]
    for status in operation.pop("x-problems"):
        content = {CONTENT_TYPE: {"schema": {"$ref": REF_TEMPLATE.format(model="ProblemDetails")}}}
        operation["responses"][status] = {"description": http.HTTPStatus(status).phrase, "content": content}
    for status, answer in operation["responses"].items():
        answer["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in _headers_of(operation, status)}


def _headers_of(operation: dict[str, Any], status: int) -> Iterator[str]:
    """What an answer may carry; who has no token that works is told of no rate."""
    if status != 401:
        yield from ("RateLimit", "RateLimit-Policy")
    if status in (409, 429):
        yield "Retry-After"
    if status in (200, 304):
        yield "ETag"
    if status == 200 and any(parameter["name"] == "cursor" for parameter in operation["parameters"]):
        yield "Link"
    if status == 201:
        yield from ("Location", "Idempotent-Replayed")

"""The pages about tokens, and the description of the API for people."""

import json
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required, login_required, permission_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from ninja.responses import NinjaJSONEncoder

from accounts.confirmation import password_confirmed
from accounts.identity import user_of
from engine.live.hub import look_at_people
from eventlog.declarations import event_types

from . import tokens
from .forms import TokenForForm, TokenForm
from .models import MANAGE, Token
from .operations import label_of
from .problems import kinds
from .service import description

# How many tokens a page of all of them shows.
PAGE = 50


@require_http_methods(["GET", "POST"])
@login_required
def tokens_page(request: HttpRequest) -> HttpResponse:
    """GET: my tokens, and a form. POST: one more, which this answer shows, and nothing ever again."""
    if request.method == "POST":
        return _made(request, TokenForm(request.POST, user=user_of(request)))  # type: ignore[return-value]
    return _mine(request, TokenForm(user=user_of(request)))


@require_http_methods(["GET", "POST"])
@permission_required(MANAGE, raise_exception=True)
def all_tokens(request: HttpRequest) -> HttpResponse:
    """GET: the tokens of all, and a form for a machine's. POST: one more."""
    if request.method == "POST":
        return _made(request, TokenForForm(request.POST, user=user_of(request)))  # type: ignore[return-value]
    return _all(request, TokenForForm(user=user_of(request)))


@password_confirmed
def _made(request: HttpRequest, form: TokenForm) -> HttpResponse:
    show = _all if isinstance(form, TokenForForm) else _mine
    if not form.is_valid():
        return show(request, form, status=422)
    user = user_of(request)
    _token, written = tokens.make(form.owner, user, **form.values)
    return show(request, type(form)(user=user), written=written)


def _mine(request: HttpRequest, form: TokenForm, written: str = "", status: int = 200) -> HttpResponse:
    found = Token.objects.filter(owner=request.user.pk, revoked_at=None).select_related("owner", "made_by")
    context = {"form": form, "tokens": found, "written": written, "may_manage": user_of(request).has_perm(MANAGE)}
    return render(request, "api/tokens.html", context, status=status)


def _all(request: HttpRequest, form: TokenForm, written: str = "", status: int = 200) -> HttpResponse:
    found = Token.objects.filter(revoked_at=None).select_related("owner", "made_by")
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    context = {"form": form, "tokens": page, "page": page, "written": written, "of_all": True}
    return render(request, "api/tokens.html", context, status=status)


@require_POST
@login_required
def revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """POST: the token does not work any more, from the next request on."""
    user = user_of(request)
    token = get_object_or_404(Token, pk=pk)
    if token.owner_id != user.pk and not user.has_perm(MANAGE):
        raise PermissionDenied
    Token.objects.filter(pk=pk, revoked_at=None).update(revoked_at=timezone.now())
    look_at_people([token.owner_id])  # a stream that is open ends
    messages.success(request, _("The token %(name)s was revoked.") % {"name": token.name})
    return redirect("tokens" if token.owner_id == user.pk else "all-tokens")


@require_safe
@login_not_required
def openapi(request: HttpRequest) -> HttpResponse:
    """GET: the description of the API for programs. It says nothing of this installation."""
    return JsonResponse(description(), encoder=NinjaJSONEncoder)


@require_safe
@login_required
def reference(request: HttpRequest) -> HttpResponse:
    """GET: the same for people."""
    tags: dict[str, list[dict[str, Any]]] = {}
    for path, methods in description()["paths"].items():
        for method, operation in methods.items():
            tags.setdefault(operation["tags"][0], []).append(_told(request, method.upper(), path, operation))
    told = [(found.name, _(found.meaning), found.permission) for found in event_types.values()]
    stream = f'curl -N -H "Authorization: Bearer $TOKEN" \\\n  "{request.build_absolute_uri(reverse("events"))}"'
    context = {
        "tags": sorted(tags.items()),
        "kinds": kinds.values(),
        "event_types": told,
        "events_example": stream,
    }
    return render(request, "api/reference.html", context)


def _told(request: HttpRequest, method: str, path: str, operation: dict[str, Any]) -> dict[str, Any]:
    """An operation, as the template shows it."""
    scopes, example = operation["x-scopes"], operation["x-example"]
    return {
        "id": operation["operationId"],
        "method": method,
        "path": path,
        "summary": operation["summary"],
        "description": operation["description"],
        "scopes": [(name, label_of(name)) for name in scopes["any"]],
        "also": [(name, label_of(name)) for name in scopes["all"]],
        "parameters": operation["parameters"],
        "fields": _fields_of(operation),
        "statuses": sorted(operation["responses"]),
        "example": _curl(request.build_absolute_uri(path.format(**example["path"])), method, example["body"]),
    }


def _fields_of(operation: dict[str, Any]) -> list[tuple[str, str, bool]]:
    """What is sent in the body: name, what it may be, and whether it is needed."""
    if "requestBody" not in operation:
        return []
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    if "$ref" in schema:
        schema = description()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    needed = schema.get("required", [])
    return [
        (name, " | ".join(each.get("enum", [])) or each["type"], name in needed)
        for name, each in schema["properties"].items()
    ]


def _curl(address: str, method: str, body: Any) -> str:
    parts = [f"curl -X {method}", '-H "Authorization: Bearer $TOKEN"']
    if body is not None:
        parts += ['-H "Content-Type: application/json"', f"-d '{json.dumps(body)}'"]
    return " \\\n  ".join([*parts, f'"{address}"'])


@require_safe
@login_required
def problem(request: HttpRequest, slug: str) -> HttpResponse:
    """GET: what a kind of problem is, and what to do."""
    kind = kinds.get(slug)
    if kind is None:
        raise Http404
    return render(request, "api/problem.html", {"kind": kind})

"""How an operation is declared: its words, its scope, its answers, and an example that a test carries out."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from ninja import Router

from engine.mirror.verbs import Label, permissions

from .problems import FORBIDDEN, SCOPE, Problem
from .tokens import ApiRequest

# The permissions to see something, and what people read for them.
READING: dict[str, Label] = {
    "calls.see_calls": gettext_lazy("Can see calls"),
    "conferences.see_conferences": gettext_lazy("Can see all conferences"),
    "system.see_states": gettext_lazy("Can see extension states, presence and hints"),
}
router = Router()
scopes: set[str] = set()
"""Every scope that an operation asks for."""

# What may be answered instead, whatever is asked; to a question about one thing; and to what is asked of a PBX.
ALWAYS, ABOUT_ONE = (400, 401, 403, 422, 429), (404,)
ASKED = (409, 500, 503, 504)


# What stands in the addresses of examples.
IDS = {
    "pbx": "main", "call": "1732451234.12", "channel": "1732451234.13", "transfer": "5f0c2a", "camp_on": "9be17d",
    "conference": "8001", "participant": "1732451240.20", "invitation": "c41d03", "extension": "101@internal",
    "message": "1", "person": "1", "contact": "2", "number": "101", "switch": "1",
}  # fmt: skip


def operation(
    method: str,
    path: str,
    summary: Label,
    description: Label,
    *,
    response: Mapping[int, Any],
    name: str,
    tag: str,
    scope: Collection[str] = (),
    also: Collection[str] = (),
    problems: Collection[int] = (),
    body: Mapping[str, Any] | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare what is done at an address. `scope`: the scopes of which one is needed (none: any token will do), and
    `also` those of which all are; `response`: status → resource; `problems`: the statuses of problem details beside
    those of every operation; `body`: an example of what is sent. `name` is that of its address and operation.
    """
    known = path.replace("segment:", "")
    example = {key: value for key, value in IDS.items() if f"{{{key}}}" in known}
    statuses = sorted({*ALWAYS, *problems, *(ABOUT_ONE if "{" in path else ()), *((413,) if body else ())})
    scopes.update(scope, also)
    return router.api_operation(
        [method],
        path,
        response=response,
        operation_id=name,
        url_name=f"api-{name}",
        summary=summary,  # type: ignore[arg-type]  # it is translated where it is read
        description=description,  # type: ignore[arg-type]
        tags=[tag],
        openapi_extra={
            "x-scopes": {"any": [*scope], "all": [*also]},
            "x-example": {"path": example, "body": body},
            # For the description alone: as answers the library would make a model of each, and keep a process starting.
            "x-problems": statuses,
        },
    )


def label_of(scope: str) -> Label:
    """What people read for a scope."""
    return permissions[scope].name if scope in permissions else READING[scope]


def need(request: ApiRequest, *names: str) -> None:
    """Refuse whoever has none of these scopes, or none in common with the owner of the token. Raises `Problem`."""
    if not request.user.scopes.intersection(names):
        raise Problem(SCOPE, _("The token needs the scope %(scope)s.") % {"scope": " / ".join(names)})


def need_permission(request: ApiRequest, name: str) -> None:
    """The same, and the owner must have it themselves. Raises `Problem`."""
    need(request, name)
    if not request.user.has_perm(name):
        raise Problem(FORBIDDEN, _("The owner of the token does not have the permission %(name)s.") % {"name": name})

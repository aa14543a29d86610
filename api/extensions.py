"""Extensions with a hint, and whether they are busy."""

from collections.abc import Collection
from typing import Any

from django.db.models import Q
from django.http import HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from engine.live.fragments import Subject
from extensions.models import Extension, Presence

from . import pages, schemas
from .operations import need_permission, operation
from .pages import LIMIT, START, Cursor, Limit
from .problems import NOT_FOUND, Problem
from .tokens import ApiRequest

SEE = "system.see_states"
# Asterisk's flags (see `Extension.state`), in words.
_FLAGS: dict[int, Any] = {1: "in use", 2: "busy", 4: "unavailable", 8: "ringing", 16: "on hold"}


def states_of(number: int) -> list[Any]:
    """Asterisk's number → the states it stands for."""
    if number < 0:
        return ["unknown"]
    return [state for flag, state in _FLAGS.items() if number & flag] or ["idle"]


def extensions_out(rows: Collection[Extension]) -> list[schemas.Extension]:
    """Queries the database once."""
    presences: dict[Subject, Presence] = {}
    if wanted := {row.presentity for row in rows if row.presentity}:
        presences = {(row.pbx_id, row.presentity): row for row in Presence.objects.filter(presentity__in=wanted)}
    return [_out(row, presences.get((row.pbx_id, row.presentity))) for row in rows]


def _out(row: Extension, presence: Presence | None) -> schemas.Extension:
    told = None
    if presence is not None:
        told = schemas.Presence(state=presence.state, subtype=presence.subtype, message=presence.message)
    return schemas.Extension(
        pbx=row.pbx_id,
        id=row.address,
        extension=row.extension,
        context=row.context,
        hint=row.hint,
        states=states_of(row.state),
        presence=told,
    )


@operation(
    "GET",
    "/extensions",
    _("List the extensions"),
    _("All extensions that have a hint, with their states; or those in a state, on a PBX."),
    response={200: schemas.Extensions},
    name="extensions",
    tag="extensions",
    scope=[SEE],
)
def extensions(
    request: ApiRequest,
    response: HttpResponse,
    state: schemas.PhoneState | None = None,
    pbx: str = "",
    limit: Limit = LIMIT,
    cursor: Cursor = START,
) -> schemas.Extensions:
    need_permission(request, SEE)
    rows = Extension.objects.order_by("pbx_id", "address")
    if pbx:
        rows = rows.filter(pbx=pbx)
    if state is not None:
        numbers = set(rows.order_by().values_list("state", flat=True).distinct())
        rows = rows.filter(state__in=[number for number in numbers if state in states_of(number)])
    if position := pages.read(cursor, 2):
        rows = rows.filter(Q(pbx_id__gt=position[0]) | Q(pbx_id=position[0], address__gt=position[1]))
    some = list(rows[: limit + 1])
    shown = some[:limit]
    last = (shown[-1].pbx_id, shown[-1].address) if len(some) > limit else None
    return schemas.Extensions(items=extensions_out(shown), next=pages.next_page(request, response, last))


@operation(
    "GET",
    "/extensions/{pbx}/{segment:extension}",
    _("Get an extension"),
    _("An extension with its states, and what its owner has set as presence."),
    response={200: schemas.Extension},
    name="extension",
    tag="extensions",
    scope=[SEE],
)
def extension(request: ApiRequest, pbx: str, extension: str) -> schemas.Extension:
    need_permission(request, SEE)
    rows = Extension.objects.filter(pbx=pbx, address=extension)
    if not rows:
        raise Problem(NOT_FOUND, gettext("There is no such extension with a hint."))
    return extensions_out(rows)[0]

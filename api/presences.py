"""Presence, do not disturb and call forwarding of the people of the directory."""

from collections.abc import Collection

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from engine import limits
from engine.mirror.models import PBX
from extensions.people.models import SEE, PersonNumber, seen_by, sees_all_numbers
from extensions.presence.fragments import Beside, beside
from extensions.presence.holders import HOLDER

from . import pages, schemas
from .operations import need_permission, operation
from .pages import LIMIT, START, Cursor, Limit
from .people import sees_as
from .problems import NOT_FOUND, Problem
from .tokens import ApiRequest

# What stands for a number that the reader may not see.
PRIVATE = "private"


def _numbers(user: User, pbx: str) -> QuerySet[PersonNumber]:
    """The extensions on a PBX of the people whom a user sees."""
    if not PBX.objects.filter(pk=pbx).exists():
        raise Problem(NOT_FOUND, gettext("There is no such PBX."))
    people = seen_by(user).filter(Q(pbx=pbx) | Q(pbx=""), owner=None, hidden=False)
    return (
        PersonNumber.objects.filter(person__in=people, kind="extension")
        .select_related("person")
        .order_by("number", "pk")
    )


def _out(pbx: str, numbers: Collection[PersonNumber], reader: User | None) -> list[schemas.PersonPresence]:
    known = beside({number: {number.number} for number in numbers}, lambda number: pbx)
    return [_one(pbx, number, known.get(number, Beside()), reader) for number in numbers]


def _one(pbx: str, number: PersonNumber, found: Beside, reader: User | None) -> schemas.PersonPresence:
    said, diverted = found.said, found.diverted
    if not sees_all_numbers(reader, number.person):
        diverted = diverted.for_everybody(PRIVATE)
    return schemas.PersonPresence(
        pbx=pbx,
        number=number.number,
        name=number.person.name,
        state=said.state,
        until=said.until,
        note=said.note,
        do_not_disturb=diverted.do_not_disturb,
        forwarding=schemas.Forwarding(
            always=str(diverted.always), busy=str(diverted.busy), unanswered=str(diverted.unanswered)
        ),
    )


@operation(
    "GET",
    "/presences/{pbx}",
    _("List the presences"),
    _("Everybody of the directory who has an extension on a PBX: their presence, and where their calls go."),
    response={200: schemas.PersonPresences},
    name="presences",
    tag="presences",
    scope=[SEE],
)
def presences(
    request: ApiRequest, response: HttpResponse, pbx: str, limit: Limit = LIMIT, cursor: Cursor = START
) -> schemas.PersonPresences:
    need_permission(request, SEE)
    rows = _numbers(request.user, pbx)
    if position := pages.read(cursor, 2):
        number, key = position
        if not (pk := limits.key_in(key)):
            raise pages.bad_cursor()
        rows = rows.filter(Q(number__gt=number) | Q(number=number, pk__gt=pk))
    some = list(rows[: limit + 1])
    shown = some[:limit]
    last = (shown[-1].number, str(shown[-1].pk)) if len(some) > limit else None
    items = _out(pbx, shown, sees_as(request))
    return schemas.PersonPresences(items=items, next=pages.next_page(request, response, last))


@operation(
    "GET",
    "/presences/{pbx}/{segment:number}",
    _("Get a presence"),
    _("The presence of whoever has this extension, and where their calls go."),
    response={200: schemas.PersonPresence},
    name="presence",
    tag="presences",
    scope=[SEE],
)
def presence(request: ApiRequest, pbx: str, number: str) -> schemas.PersonPresence:
    need_permission(request, SEE)
    found = _numbers(request.user, pbx).filter(number=number)[:1]
    if not found:
        raise Problem(NOT_FOUND, HOLDER.gone)
    return _out(pbx, found, sees_as(request))[0]

"""People of the directory, and the contacts of the token's owner."""

from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from ninja import Status

from engine import limits
from extensions.people import cells
from extensions.people.finding import matching
from extensions.people.forms import PersonForm
from extensions.people.fragments import Tile, tiles_of
from extensions.people.models import (
    CALL,
    FIELDS,
    MANAGE,
    NOTHING,
    SEE,
    SEE_PRIVATE,
    Person,
    PersonNumber,
    seen_by,
)

from . import pages, schemas
from .extensions import states_of
from .operations import need, need_permission, operation, scopes
from .pages import LIMIT, START, Cursor, Limit
from .problems import BAD_INPUT, NOT_FOUND, Problem
from .tokens import ApiRequest

scopes.add(SEE_PRIVATE)

_BODY = {"name": "Carla Gamma", "department": "Sales", "mobile": ["+49 172 555"], "tags": ["first aid"]}


def _people(request: ApiRequest) -> QuerySet[Person]:
    """Those of the house whom the owner sees by this token. Raises `Problem`."""
    need(request, SEE, MANAGE)
    if not request.user.has_perm(MANAGE):
        need_permission(request, SEE)
    return seen_by(request.user).filter(owner=None)


def _contacts(request: ApiRequest) -> QuerySet[Person]:
    """Those of the owner alone. Raises `Problem`."""
    need_permission(request, CALL)
    need_permission(request, SEE)
    return Person.objects.filter(owner=request.user)


def sees_as(request: ApiRequest) -> User | None:
    """As who private numbers are seen by this token; None: as everybody."""
    return request.user if request.user.scopes & {SEE_PRIVATE, MANAGE} else None


def _contact_out(tile: Tile) -> schemas.Contact:
    return schemas.Contact(**_values(tile))


def _person_out(tile: Tile) -> schemas.Person:
    person = tile.person
    phones = sorted(person.phones.all(), key=lambda phone: phone.pk)
    return schemas.Person(
        **_values(tile), phones=[phone.endpoint for phone in phones], pbx=person.pbx, hidden=person.hidden
    )


def _values(tile: Tile) -> dict[str, Any]:
    values = tile.person.values()
    values |= {
        kind: [number.number for number in tile.numbers if number.kind == kind] for kind in PersonNumber.Kind.values
    }
    states = ["unknown"] if tile.flags is None else states_of(tile.flags)
    names = (name for name in FIELDS if name in schemas.Contact.model_fields)
    return {"id": str(tile.person.pk), "states": states, **{name: values[name] for name in names}}


def _part(
    people: QuerySet[Person], user: User | None, q: str, limit: int, cursor: str
) -> tuple[list[Tile], tuple[str, str] | None]:
    """Those of a part of the list, and where the next one begins."""
    found = matching(people, q, user).order_by("name", "pk")
    if position := pages.read(cursor, 2):
        name, key = position[0], limits.key_in(position[1])
        found = found.filter(Q(name__gt=name) | Q(name=name, pk__gt=key))
    some = list(found.prefetch_related("numbers", "phones")[: limit + 1])
    shown = some[:limit]
    last = (shown[-1].name, str(shown[-1].pk)) if len(some) > limit else None
    return tiles_of(shown, user), last


def _one(people: QuerySet[Person], key: str) -> Person:
    found = people.filter(pk=limits.key_in(key)).prefetch_related("numbers", "phones").first()
    if found is None:
        raise Problem(NOT_FOUND, gettext("There is nobody with this id."))
    return found


def _save(person: Person, body: schemas.ChangedContact) -> Person:
    """Keep what is given, as the form does. Raises `Problem`."""
    before = person.values() if person.pk else NOTHING
    values = {**before, **body.model_dump(exclude_unset=True)}
    typed: dict[str, Any] = {name: cells.typed_for(name, values[name]) for name in FIELDS}
    if not values["hidden"]:
        del typed["hidden"]
    form = PersonForm({**typed, "user": person.user_id or ""}, person)
    if not form.is_valid():
        raise _problem([(name, str(sentence)) for name, sentences in form.errors.items() for sentence in sentences])
    try:
        return form.save()
    except ValidationError as error:
        raise _problem([("extension", error.messages[0])]) from None


def _problem(errors: list[tuple[str, str]]) -> Problem:
    return Problem(BAD_INPUT, errors[0][1], errors)


def _made(request: ApiRequest, response: HttpResponse, person: Person, kind: str) -> Tile:
    response.headers["Location"] = reverse(f"api-{kind}", args=[person.pk])
    return tiles_of([person], request.user)[0]


@operation(
    "GET",
    "/people",
    _("List the people"),
    _("Everybody in the directory whom the token's owner sees, by name; or those whom `q` may mean, as on the pages."),
    response={200: schemas.People},
    name="people",
    tag="people",
    scope=[SEE, MANAGE],
)
def people(
    request: ApiRequest, response: HttpResponse, q: str = "", limit: Limit = LIMIT, cursor: Cursor = START
) -> schemas.People:
    tiles, last = _part(_people(request), sees_as(request), q, limit, cursor)
    return schemas.People(items=[*map(_person_out, tiles)], next=pages.next_page(request, response, last))


@operation(
    "POST",
    "/people",
    _("Add a person"),
    _("Somebody is added to the directory. An extension is one person's on a PBX."),
    response={201: schemas.Person},
    name="add_person",
    tag="people",
    scope=[MANAGE],
    body={**_BODY, "extension": ["120"], "phones": ["PJSIP/120"]},
)
def add_person(request: ApiRequest, response: HttpResponse, body: schemas.NewPerson) -> Status:
    need_permission(request, MANAGE)
    return Status(201, _person_out(_made(request, response, _save(Person(), body), "person")))


@operation(
    "GET",
    "/people/{person}",
    _("Get a person"),
    _("Somebody in the directory, and whether they are busy."),
    response={200: schemas.Person},
    name="person",
    tag="people",
    scope=[SEE, MANAGE],
)
def person(request: ApiRequest, person: str) -> schemas.Person:
    return _person_out(tiles_of([_one(_people(request), person)], sees_as(request))[0])


@operation(
    "PATCH",
    "/people/{person}",
    _("Change a person"),
    _("What is given is changed, as by hand: no import overwrites it. What is not given stays."),
    response={204: None},
    name="change_person",
    tag="people",
    scope=[MANAGE],
    body={"department": "Support"},
)
def change_person(request: ApiRequest, person: str, body: schemas.ChangedPerson) -> Status:
    need_permission(request, MANAGE)
    _save(_one(_people(request), person), body)
    return Status(204, None)


@operation(
    "DELETE",
    "/people/{person}",
    _("Delete a person"),
    _("Somebody is in the directory no longer. The phone and the user of the panel stay as they are."),
    response={204: None},
    name="delete_person",
    tag="people",
    scope=[MANAGE],
)
def delete_person(request: ApiRequest, person: str) -> Status:
    need_permission(request, MANAGE)
    _one(_people(request), person).delete()
    return Status(204, None)


@operation(
    "GET",
    "/contacts",
    _("List the contacts"),
    _("The contacts of the token's owner, whom nobody else sees, by name; or those whom `q` may mean."),
    response={200: schemas.Contacts},
    name="contacts",
    tag="contacts",
    scope=[CALL],
    also=[SEE],
)
def contacts(
    request: ApiRequest, response: HttpResponse, q: str = "", limit: Limit = LIMIT, cursor: Cursor = START
) -> schemas.Contacts:
    tiles, last = _part(_contacts(request), request.user, q, limit, cursor)
    return schemas.Contacts(items=[*map(_contact_out, tiles)], next=pages.next_page(request, response, last))


@operation(
    "POST",
    "/contacts",
    _("Add a contact"),
    _("A contact is added to those of the token's owner."),
    response={201: schemas.Contact},
    name="add_contact",
    tag="contacts",
    scope=[CALL],
    also=[SEE],
    body=_BODY,
)
def add_contact(request: ApiRequest, response: HttpResponse, body: schemas.NewContact) -> Status:
    _contacts(request)
    return Status(201, _contact_out(_made(request, response, _save(Person(owner=request.user), body), "contact")))


@operation(
    "GET",
    "/contacts/{contact}",
    _("Get a contact"),
    _("A contact of the token's owner, and whether they are busy, where the number is an extension."),
    response={200: schemas.Contact},
    name="contact",
    tag="contacts",
    scope=[CALL],
    also=[SEE],
)
def contact(request: ApiRequest, contact: str) -> schemas.Contact:
    return _contact_out(tiles_of([_one(_contacts(request), contact)], request.user)[0])


@operation(
    "PATCH",
    "/contacts/{contact}",
    _("Change a contact"),
    _("What is given is changed. What is not given stays."),
    response={204: None},
    name="change_contact",
    tag="contacts",
    scope=[CALL],
    also=[SEE],
    body={"note": "Only mornings"},
)
def change_contact(request: ApiRequest, contact: str, body: schemas.ChangedContact) -> Status:
    _save(_one(_contacts(request), contact), body)
    return Status(204, None)


@operation(
    "DELETE",
    "/contacts/{contact}",
    _("Delete a contact"),
    _("A contact of the token's owner is deleted."),
    response={204: None},
    name="delete_contact",
    tag="contacts",
    scope=[CALL],
    also=[SEE],
)
def delete_contact(request: ApiRequest, contact: str) -> Status:
    _one(_contacts(request), contact).delete()
    return Status(204, None)

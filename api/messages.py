"""Messages that were taken for people: those for the token's owner, and those that they took."""

from collections.abc import Iterable
from typing import Any, Literal

from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from ninja import Status

from engine import limits
from extensions.messages import taking
from extensions.messages.forms import CalledForm
from extensions.messages.fragments import TAKEN, TO_ME, box_of
from extensions.messages.models import READ, TAKE, Message, changed_by
from extensions.people.models import SEE

from . import asking, pages, schemas
from .operations import need_permission, operation
from .pages import LIMIT, START, Cursor, Limit
from .problems import NOT_FOUND, NOT_POSSIBLE, TOO_MANY, Problem
from .tokens import ApiRequest

Box = Literal["to-me", "taken"]
State = Literal["unread", "open", "done"]
_IN_STATE = {"unread": Q(read_at=None), "open": Q(done_at=None), "done": ~Q(done_at=None)}


def _out(row: Message) -> schemas.Message:
    mail: Any = row.mail
    return schemas.Message(
        id=str(row.pk),
        person=str(row.person_id or ""),
        name=row.name,
        caller_name=row.caller_name,
        caller_number=row.caller_number,
        text=row.text,
        urgent=row.urgent,
        call_back=row.call_back,
        taken_at=row.at,
        taken_by=row.by.get_username() if row.by else "",
        read_at=row.read_at,
        done_at=row.done_at,
        mail=mail,
        why=row.error_in_words,
    )


def _box(request: ApiRequest, box: Box) -> QuerySet[Message]:
    """The messages of a list. Raises `Problem`."""
    need_permission(request, READ)
    if box == TAKEN:
        need_permission(request, TAKE)
    found: QuerySet[Message] = box_of(request.user, box)
    return found


def _first(rows: Iterable[Message]) -> Message:
    found = next(iter(rows), None)
    if found is None:
        raise Problem(NOT_FOUND, gettext("There is no such message of yours."))
    return found


@operation(
    "GET",
    "/messages",
    _("List the messages"),
    _("The messages for the token's owner; or those that they took (`box`), with the scope for that. Newest first."),
    response={200: schemas.Messages},
    name="messages",
    tag="messages",
    scope=[READ],
)
def messages(
    request: ApiRequest,
    response: HttpResponse,
    box: Box = "to-me",
    state: State | None = None,
    limit: Limit = LIMIT,
    cursor: Cursor = START,
) -> schemas.Messages:
    rows = _box(request, box)
    if state is not None:
        rows = rows.filter(_IN_STATE[state])
    if position := pages.read(cursor, 1):
        rows = rows.filter(pk__lt=limits.key_in(position[0]))
    some = list(rows[: limit + 1])
    shown = some[:limit]
    last = (str(shown[-1].pk),) if len(some) > limit else None
    return schemas.Messages(items=[*map(_out, shown)], next=pages.next_page(request, response, last))


@operation(
    "POST",
    "/messages",
    _("Take a message"),
    _("A message for somebody in the directory goes into the panel, if they are a user of it, and to their e-mail."),
    response={201: schemas.Message},
    name="take_message",
    tag="messages",
    scope=[TAKE],
    also=[SEE],
    problems=(404, 409),
    body={"person": "1", "caller_name": "Carla", "caller_number": "+49 172 555", "text": "About the roof."},
)
def take_message(request: ApiRequest, response: HttpResponse, body: schemas.NewMessage) -> Status:
    need_permission(request, TAKE)
    need_permission(request, SEE)
    meant = asking.meant(CalledForm, body)
    person = taking.possible_for(request.user).select_related("user").filter(pk=limits.key_in(body.person)).first()
    if person is None:
        raise Problem(NOT_FOUND, gettext("There is nobody with this id."))
    if why := taking.unreachable(person):
        raise Problem(NOT_POSSIBLE, why)
    try:
        row = taking.take(request.user, person, meant)
    except taking.TooMany as refusal:
        raise Problem(TOO_MANY, str(refusal), headers={"Retry-After": "60"}) from None
    response.headers["Location"] = reverse("api-message", args=[row.pk])
    return Status(201, _out(row))


@operation(
    "GET",
    "/messages/{message}",
    _("Get a message"),
    _("A message for the token's owner; or one that they took, with the scope to take some. It stays unread."),
    response={200: schemas.Message},
    name="message",
    tag="messages",
    scope=[READ],
)
def message(request: ApiRequest, message: str) -> schemas.Message:
    need_permission(request, READ)
    boxes = (TO_ME, TAKEN) if request.user.has_perm(TAKE) else (TO_ME,)
    return _out(_first(row for box in boxes for row in box_of(request.user, box).filter(pk=limits.key_in(message))))


def _go(request: ApiRequest, message: str, step: str) -> Status:
    need_permission(request, READ)
    taking.go(_first(changed_by(request.user).filter(pk=limits.key_in(message))), step)
    return Status(204, None)


@operation(
    "PUT",
    "/messages/{message}/read",
    _("Say that a message is read"),
    _("A message for the token's owner counts as unread no longer."),
    response={204: None},
    name="read_message",
    tag="messages",
    scope=[READ],
)
def read(request: ApiRequest, message: str) -> Status:
    return _go(request, message, "read")


@operation(
    "PUT",
    "/messages/{message}/done",
    _("Say that a message is done"),
    _("A message for the token's owner is done, and read; of one for somebody without a user whoever took it says so."),
    response={204: None},
    name="message_done",
    tag="messages",
    scope=[READ],
)
def done(request: ApiRequest, message: str) -> Status:
    return _go(request, message, "done")


@operation(
    "PUT",
    "/messages/{message}/undone",
    _("Say that a message is not done"),
    _("A message that was done is not."),
    response={204: None},
    name="message_undone",
    tag="messages",
    scope=[READ],
)
def undone(request: ApiRequest, message: str) -> Status:
    return _go(request, message, "undone")

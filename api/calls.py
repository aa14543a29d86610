"""Calls: those that are now, those that have ended, and how one is placed or transferred."""

import itertools
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from ninja import Status

from accounts.identity import phone_of, profile_of
from calls import recalls, transfers
from calls.call import Call, calls_with, some_calls
from calls.commands import NoPBX, originate, unknown_number, wanted_call
from calls.control import Number
from calls.control import transfer as blind
from calls.groups import calls_of_phone, group_of, group_of_each
from calls.models import Channel, Transfer
from calls.records.fragments import names_of
from calls.records.models import CallRecord, CallStep
from engine import limits
from engine.live.fragments import Subject
from engine.mirror.verbs import NotReady

from . import asking, pages, schemas
from .models import PlacedCall
from .operations import ASKED, need_permission, operation
from .pages import LIMIT, START, Cursor, Limit
from .problems import FORBIDDEN, NOT_CONNECTED, NOT_FOUND, NOT_READY, Problem
from .progress import progress_of
from .tokens import ApiRequest

SEE = "calls.see_calls"
# How long a call that was placed may have no channel: as long as the phone rings, and a little more.
STARTS_WITHIN = timedelta(seconds=45)
# How many channels are looked at together for the calls in one state.
AMONG = 5000
Kind = CallStep.Kind
_CONNECTED = frozenset((Kind.MET, Kind.TAKEN, Kind.REACHED, Kind.PICKED_UP, Kind.RETRIEVED))
_CALL_EXAMPLE = {"number": "102", "reference": "order 4711"}


# Rows → resources.


def channel_out(call: Call) -> list[schemas.Channel]:
    return [
        schemas.Channel(
            id=party.channel.uniqueid,
            channel=party.channel.name,
            endpoint=party.channel.endpoint,
            state=party.channel.state,
            name=party.name,
            number=party.number,
            directory_name=party.directory_name,
            on_hold=party.channel.on_hold,
            waits=party.waits,
            muted=party.channel.muted,
            recorded=party.channel.recorded,
            answered_at=party.channel.answered_at,
        )
        for party in call.parties
    ]


def transfer_out(row: Transfer) -> schemas.Transfer:
    return schemas.Transfer(
        pbx=row.pbx_id,
        id=row.code,
        call=row.call,
        channel=row.held,
        number=row.number,
        state=row.state,
        started_at=row.started_at,
    )


def call_out(call: Call, reference: str) -> schemas.Call:
    parked = call.parked
    state: Any = group_of(call) or "connected"
    return schemas.Call(
        pbx=call.pbx,
        id=call.linkedid,
        state=state,
        since=call.since,
        started_at=call.created_at,
        reference=reference,
        conference=call.conference,
        parked=schemas.Parking(lot=parked.lot, space=parked.space) if parked else None,
        transfer=transfer_out(call.transfer) if call.transfer else None,
        channels=channel_out(call),
    )


def calls_out(calls: list[Call]) -> list[schemas.Call]:
    """Queries the database once for each PBX."""
    references: dict[Subject, str] = {}
    for pbx in {call.pbx for call in calls}:
        keys = [call.linkedid for call in calls if call.pbx == pbx]
        kept = CallRecord.objects.filter(pbx=pbx, key__in=keys).exclude(reference="")
        references |= {(pbx, key): reference for key, reference in kept.values_list("key", "reference")}
    return [call_out(call, references.get((call.pbx, call.linkedid), "")) for call in calls]


def steps_out(pbx: str, key: str) -> list[schemas.Step]:
    """What happened in a call, with the directory's names as its page has them. Queries the database three times."""
    steps = list(CallStep.objects.filter(pbx=pbx, call=key).order_by("order"))
    names = names_of(steps)
    return [
        schemas.Step(
            at=step.at,
            kind=step.kind,
            who=names.people.get(step.who, step.who),
            other=names.people.get(step.other, step.other),
            detail=step.detail,
            by=names.users.get(step.user_id, ""),
        )
        for step in steps
    ]


def outcome_of(steps: Iterable[schemas.Step]) -> tuple[schemas.CallOutcome, int | None]:
    """Whether anybody was reached, and the last cause (Q.850). Of a call that the panel has placed, the phone that rang
    first does not count.
    """
    steps = list(steps)
    needed = 2 if any(step.kind == Kind.BEGAN and step.detail for step in steps) else 1
    causes = [step.detail.rpartition(" ")[2] for step in steps if step.kind in (Kind.LEFT, Kind.FAILED)]
    cause = next((int(cause) for cause in reversed(causes) if cause.isdecimal()), None)
    if any(step.kind in _CONNECTED for step in steps):
        return "answered", cause
    if sum(step.kind == Kind.ANSWERED for step in steps) >= needed:
        return "answered", cause
    return ("unknown" if not causes else "unanswered"), cause


def ended_out(record: CallRecord) -> schemas.CallDetails:
    """A call that has ended; or of which the last channel has gone just now."""
    steps = steps_out(record.pbx, record.key)
    outcome, cause = outcome_of(steps)
    ended_at = record.ended_at or timezone.now()
    return schemas.CallDetails(
        pbx=record.pbx,
        id=record.key,
        state="ended",
        since=ended_at,
        started_at=record.started_at,
        ended_at=ended_at,
        reference=record.reference,
        outcome=outcome,
        cause=cause,
        goes_on_in=record.goes_on_in,
        steps=steps,
    )


def placed_out(placed: PlacedCall) -> schemas.CallDetails:
    """A call of which nothing has been seen yet; after a while, one of which nothing ever was."""
    starts = timezone.now() < placed.at + STARTS_WITHIN
    return schemas.CallDetails(
        pbx=placed.pbx,
        id=placed.call,
        state="starting" if starts else "ended",
        since=placed.at,
        started_at=placed.at,
        ended_at=None if starts else placed.at + STARTS_WITHIN,
        reference=placed.reference,
        outcome=None if starts else "unanswered",
    )


def call_details(pbx: str, key: str) -> schemas.CallDetails:
    """Raises `Problem`."""
    record = CallRecord.objects.filter(pbx=pbx, key=key).first()
    live = next(iter(some_calls(pbx, [key])), None)
    if live is not None:
        out = call_out(live, record.reference if record else "")
        return schemas.CallDetails(**dict(out), steps=steps_out(pbx, key))
    if record is not None:
        return ended_out(record)
    placed = PlacedCall.objects.filter(pbx=pbx, call=key).first()
    if placed is not None:
        return placed_out(placed)
    raise Problem(NOT_FOUND, gettext("There is no such call, and none is remembered."))


# Lists.


def _behind(cursor: str) -> Q:
    """The channels behind a cursor, by when they began, their PBX and call. Raises `Problem`."""
    position = pages.read(cursor, 3)
    if not position:
        return Q()
    began, pbx, call = _moment(position[0]), *position[1:]
    return (
        Q(created_at__gt=began) | Q(created_at=began, pbx_id__gt=pbx) | Q(created_at=began, pbx_id=pbx, call__gt=call)
    )


def _oldest(
    channels: QuerySet[Channel], cursor: str, many: int, among: Collection[Subject] | None
) -> list[tuple[datetime, str, str]]:
    """When each of the first calls behind a cursor began, its PBX and id; of all, or `among` these.

    A call begins with the first of its channels, and has few. To group all channels by their calls takes several times
    as long as to look at the first ones. Raises `Problem`.
    """
    behind, found = _behind(cursor), dict[Subject, datetime]()
    rows = channels.filter(behind).order_by("created_at", "pbx_id", "call").values_list("created_at", "pbx_id", "call")
    size = 4 * many if among is None else AMONG  # those among some may be anywhere
    for start in itertools.count(0, size):
        some = list(rows[start : start + size])
        former = channels.exclude(behind).filter(call__in={call for _began, _pbx, call in some})
        # Of these the first channel is not behind the cursor.
        begun = set(former.values_list("pbx_id", "call")) if behind else set()
        for began, pbx, call in some:
            if (pbx, call) not in begun and (among is None or (pbx, call) in among):
                found.setdefault((pbx, call), began)
        if len(found) >= many or len(some) < size:
            break
    return [(began, *subject) for subject, began in found.items()][:many]


def _moment(text: str) -> datetime:
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None or timezone.is_naive(moment):
        raise pages.bad_cursor()
    return moment


@operation(
    "GET",
    "/calls",
    _("List the calls"),
    _("All calls that go on now, the oldest first; or those in a state, on a PBX."),
    response={200: schemas.Calls},
    name="calls",
    tag="calls",
    scope=[SEE],
)
def calls(
    request: ApiRequest,
    response: HttpResponse,
    state: schemas.LiveState | None = None,
    pbx: str = "",
    limit: Limit = LIMIT,
    cursor: Cursor = START,
) -> schemas.Calls:
    need_permission(request, SEE)
    rows = Channel.objects.filter(pbx=pbx) if pbx else Channel.objects.all()
    among = None
    if state is not None:
        group = "" if state == "connected" else state
        among = {subject for subject, its in group_of_each().items() if its == group}
    some = _oldest(rows, cursor, limit + 1, among)
    shown = some[:limit]
    last = (shown[-1][0].isoformat(), *shown[-1][1:]) if len(some) > limit else None
    items = calls_out(calls_with([row[1:] for row in shown]))
    return schemas.Calls(items=items, next=pages.next_page(request, response, last))


@operation(
    "GET",
    "/calls/{pbx}/{segment:call}",
    _("Get a call"),
    _("A call with what has happened in it; also one that has ended, as long as it is remembered."),
    response={200: schemas.CallDetails},
    name="call",
    tag="calls",
    scope=[SEE],
)
def call(request: ApiRequest, pbx: str, call: str) -> schemas.CallDetails:
    need_permission(request, SEE)
    return call_details(pbx, call)


@operation(
    "GET",
    "/me/calls",
    _("List my calls"),
    _("The calls that the phone of the token's owner takes part in."),
    response={200: schemas.Calls},
    name="my_calls",
    tag="me",
    scope=[SEE],
)
def my_calls(request: ApiRequest) -> schemas.Calls:
    need_permission(request, SEE)
    phone = phone_of(profile_of(request.user))
    found = calls_with(calls_of_phone(phone)) if phone else []
    return schemas.Calls(items=calls_out(found), next=None)


# Placing one.


class _NewCallForm(forms.Form):
    """What the fields of `NewCall` mean."""

    number = Number(max_length=limits.NUMBER, error_messages={"required": _("Enter the number to call.")})
    reference = forms.RegexField(
        r"\A[^\x00-\x1f\x7f]*\Z",
        max_length=limits.REFERENCE,
        required=False,
        error_messages={"invalid": _("A reference is a single line, without control characters.")},
    )


def remember(owner: User, pbx: str, call: str, number: str, reference: str = "") -> PlacedCall:
    """Keep a call that was placed for its owner; one that is kept already stays as it is."""
    kept = {"reference": reference, "owner_id": owner.pk, "number": number}
    return PlacedCall.objects.get_or_create(pbx=pbx, call=call, defaults=kept)[0]


def placed_for(owner: User, pbx: str, call: str) -> PlacedCall:
    """The call that was placed for this owner. Raises `Problem` where there is none, or it is another's."""
    found = PlacedCall.objects.filter(pbx=pbx, call=call, owner_id=owner.pk).first()
    if found is None:
        raise Problem(NOT_FOUND, gettext("No such call was placed for you, or it is no longer remembered."))
    return found


def own_call(placed: PlacedCall) -> schemas.OwnCall:
    """A call that was placed for its owner, and how it goes."""
    details = call_details(placed.pbx, placed.call)
    return schemas.OwnCall(**dict(details), number=placed.number, progress=progress_of(details))


@operation(
    "GET",
    "/me/calls/{pbx}/{segment:call}",
    _("Get a call of mine"),
    _("A call that was placed for the token's owner, and how it goes. It takes no scope to see calls."),
    response={200: schemas.OwnCall},
    name="my_call",
    tag="me",
    scope=asking.scopes_of(originate),
)
def my_call(request: ApiRequest, pbx: str, call: str) -> schemas.OwnCall:
    for name in asking.scopes_of(originate):
        need_permission(request, name)
    return own_call(placed_for(request.user, pbx, call))


def _place(request: ApiRequest, response: HttpResponse, body: schemas.NewCall) -> Status:
    asking.may(request, originate)
    meant = asking.meant(_NewCallForm, body)
    if not originate.rule.allows(request.user, None):
        raise Problem(FORBIDDEN)
    reference = meant["reference"]
    try:
        pbx, wanted = wanted_call(request.user, meant["number"], reference)
    except NotReady as reason:
        raise Problem(NOT_CONNECTED if isinstance(reason, NoPBX) else NOT_READY, str(reason)) from None
    outcome = asking.outcome_of(request, originate, pbx, wanted, gone=unknown_number(wanted))
    placed = remember(request.user, pbx.name, outcome.data["call"], wanted.number, reference)
    response.headers["Location"] = reverse("api-call", args=[placed.pbx, placed.call])
    return Status(201, placed_out(placed))


for _path, _name, _tag in (("/calls", "place_call", "calls"), ("/me/calls", "place_my_call", "me")):
    operation(
        "POST",
        _path,
        _("Call a number"),
        _("The phone of the token's owner rings first; once it is answered, the number is dialled."),
        response={201: schemas.CallDetails},
        name=_name,
        tag=_tag,
        scope=asking.scopes_of(originate),
        problems=ASKED,
        body=_CALL_EXAMPLE,
    )(_place)


# Transfers.

_FLOWS = {"attended": transfers.consult, "blind": blind, "recall": recalls.transfer_with_recall}


@operation(
    "POST",
    "/calls/{pbx}/{segment:call}/transfers",
    _("Transfer a call"),
    _("One end of a call goes to a number. What can still be changed has an address then; a blind transfer has none."),
    response={201: schemas.Transfer, 204: None},
    name="transfers",
    tag="transfers",
    scope=asking.scopes_of(transfers.consult),
    problems=ASKED,
    body={"channel": "1732451234.13", "to": "102", "flow": "attended"},
)
def transfer(request: ApiRequest, response: HttpResponse, pbx: str, call: str, body: schemas.NewTransfer) -> Status:
    verb = _FLOWS[body.flow]
    row = asking.found(request, verb, pbx, body.channel, {"call": call})
    outcome = asking.outcome_of(request, verb, row, {"to": body.to})
    if not outcome.data:
        return Status(204, None)
    code = outcome.data["transfer"]
    response.headers["Location"] = reverse("api-transfer", args=[pbx, code])
    state: Transfer.State = Transfer.State.SENT if body.flow == "recall" else Transfer.State.RINGING
    made = schemas.Transfer(
        pbx=pbx, id=code, call=call, channel=row.uniqueid, number=body.to, state=state, started_at=timezone.now()
    )
    return Status(201, made)


@operation(
    "GET",
    "/transfers/{pbx}/{segment:transfer}",
    _("Get a transfer"),
    _("Somebody on hold, or on the way to a number. It is gone once it is over."),
    response={200: schemas.Transfer},
    name="transfer",
    tag="transfers",
    scope=[SEE],
)
def transfer_details(request: ApiRequest, pbx: str, transfer: str) -> schemas.Transfer:
    need_permission(request, SEE)
    row = Transfer.objects.filter(pbx=pbx, code=transfer).first()
    if row is None:
        raise Problem(NOT_FOUND, transfers.TRANSFER.gone)
    return transfer_out(row)

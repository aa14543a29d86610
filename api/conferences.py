"""Conferences that run, and who is in them."""

from typing import Any

from django import forms
from django.db.models import Count, Q
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from ninja import Status

from accounts.identity import viewer_of
from calls.control import Number
from conferences.forms import Person
from conferences.fragments import IS_VOICE
from conferences.invitations import commands
from conferences.invitations.commands import INVITATION
from conferences.invitations.directory import names_of
from conferences.invitations.models import Invitation
from conferences.models import Conference, Participant
from conferences.rooms.models import has_rooms, may_see, permission_for
from conferences.targets import CONFERENCE, PARTICIPANT, Place
from engine import limits
from engine.live.fragments import Subject
from engine.mirror.commands import Outcome
from engine.mirror.models import PBX
from engine.mirror.sanitize import clean
from engine.mirror.verbs import Verb

from . import asking, pages, schemas
from .operations import ASKED, need, operation
from .pages import LIMIT, START, Cursor, Limit
from .problems import FORBIDDEN, NOT_FOUND, Problem
from .tokens import ApiRequest

SEE = "conferences.see_conferences"


def conference_out(row: Conference, participants: int) -> schemas.Conference:
    return schemas.Conference(
        pbx=row.pbx_id,
        name=row.name,
        locked=row.locked,
        muted=row.muted,
        recording=row.recording,
        lecture=row.lecture,
        started_at=row.started_at,
        participants=participants,
    )


def participants_out(pbx: str, rows: list[Participant]) -> list[schemas.Participant]:
    """Queries the database three times."""
    names = names_of(pbx, (row.caller_number for row in rows))
    return [participant_out(row, names.get(row.caller_number, "")) for row in rows]


def participant_out(row: Participant, directory_name: str) -> schemas.Participant:
    return schemas.Participant(
        id=row.uniqueid,
        channel=row.channel,
        name=row.label,
        number=row.caller_number,
        directory_name=directory_name,
        admin=row.admin,
        leader=row.marked,
        waiting=row.waiting,
        muted=row.muted,
        talking=row.talking,
        speaker=row.speaker,
        hand_at=row.hand_at,
        joined_at=row.joined_at,
    )


def invitation_out(row: Invitation) -> schemas.Invitation:
    return schemas.Invitation(id=row.code, name=row.name, number=row.number, state=row.state, invited_at=row.invited_at)


@operation(
    "GET",
    "/conferences",
    _("List the conferences"),
    _("All conferences that run; for a moderator of rooms who may not see all, those in these rooms."),
    response={200: schemas.Conferences},
    name="conferences",
    tag="conferences",
    scope=[SEE],
)
def conferences(
    request: ApiRequest, response: HttpResponse, pbx: str = "", limit: Limit = LIMIT, cursor: Cursor = START
) -> schemas.Conferences:
    need(request, SEE)
    rows = Conference.objects.order_by("pbx_id", "name")
    if not request.user.has_perm(SEE):
        permissions = viewer_of(request.user, "").permissions
        if not has_rooms(permissions):
            raise Problem(FORBIDDEN)
        mine = [row.pk for row in rows if permission_for(row.pbx_id, row.name) in permissions]
        rows = rows.filter(pk__in=mine)
    if pbx:
        rows = rows.filter(pbx=pbx)
    if position := pages.read(cursor, 2):
        rows = rows.filter(Q(pbx_id__gt=position[0]) | Q(pbx_id=position[0], name__gt=position[1]))
    some = list(rows[: limit + 1])
    shown = some[:limit]
    people = Participant.objects.filter(conference__in=[row.name for row in shown]).exclude(IS_VOICE).order_by()
    counts: dict[Subject, int] = {
        (on, name): count for on, name, count in people.values_list("pbx_id", "conference").annotate(count=Count("pk"))
    }
    last = (shown[-1].pbx_id, shown[-1].name) if len(some) > limit else None
    items = [conference_out(row, counts.get((row.pbx_id, row.name), 0)) for row in shown]
    return schemas.Conferences(items=items, next=pages.next_page(request, response, last))


@operation(
    "GET",
    "/conferences/{pbx}/{segment:conference}",
    _("Get a conference"),
    _("A conference with who is in it, and who is called in."),
    response={200: schemas.ConferenceDetails},
    name="conference",
    tag="conferences",
    scope=[SEE],
)
def conference(request: ApiRequest, pbx: str, conference: str) -> schemas.ConferenceDetails:
    need(request, SEE)
    if not may_see(request.user, pbx, conference):
        raise Problem(FORBIDDEN)
    row = Conference.objects.filter(pbx=pbx, name=conference).first()
    if row is None:
        raise Problem(NOT_FOUND, CONFERENCE.gone)
    people = list(Participant.objects.filter(pbx=pbx, conference=conference).exclude(IS_VOICE))
    invitations = Invitation.objects.filter(pbx=pbx, conference=conference)
    return schemas.ConferenceDetails(
        **dict(conference_out(row, len(people))),
        people=participants_out(pbx, people),
        invitations=list(map(invitation_out, invitations)),
    )


@operation(
    "GET",
    "/conferences/{pbx}/{segment:conference}/participants/{segment:participant}",
    _("Get a participant"),
    _("Somebody in a conference. They are gone once they have left."),
    response={200: schemas.Participant},
    name="participant",
    tag="conferences",
    scope=[SEE],
)
def participant(request: ApiRequest, pbx: str, conference: str, participant: str) -> schemas.Participant:
    need(request, SEE)
    if not may_see(request.user, pbx, conference):
        raise Problem(FORBIDDEN)
    row = Participant.objects.filter(pbx=pbx, conference=conference, uniqueid=participant).exclude(IS_VOICE).first()
    if row is None:
        raise Problem(NOT_FOUND, PARTICIPANT.gone)
    return participants_out(pbx, [row])[0]


@operation(
    "GET",
    "/conferences/{pbx}/{segment:conference}/invitations/{segment:invitation}",
    _("Get an invitation"),
    _("Somebody who is called into a conference, and what becomes of it. It is gone once they have joined."),
    response={200: schemas.Invitation},
    name="invitation",
    tag="conferences",
    scope=[SEE],
)
def invitation(request: ApiRequest, pbx: str, conference: str, invitation: str) -> schemas.Invitation:
    need(request, SEE)
    if not may_see(request.user, pbx, conference):
        raise Problem(FORBIDDEN)
    row = Invitation.objects.filter(pbx=pbx, conference=conference, code=invitation).first()
    if row is None:
        raise Problem(NOT_FOUND, INVITATION.gone)
    return invitation_out(row)


# Calling people in.


class _NewInvitationForm(forms.Form):
    """What the fields of `NewInvitation` mean."""

    number = Number(max_length=limits.NUMBER, error_messages={"required": _("Enter the number to call.")})
    name = forms.CharField(max_length=limits.NAME, required=False)


def _place_for(request: ApiRequest, verb: Verb[Place, Any], pbx: str, conference: str) -> Place:
    """Where somebody is called into. Raises `Problem`."""
    asking.may(request, verb)
    place = Place(pbx, conference)
    if not verb.rule.allows(request.user, place):
        raise Problem(FORBIDDEN)
    if not PBX.objects.filter(pk=pbx).exists():
        raise Problem(NOT_FOUND, gettext("There is no PBX of this name."))
    return place


def _made(response: HttpResponse, place: Place, number: str, name: str, outcome: Outcome) -> Status:
    """The answer with the address of an invitation that was made."""
    code = outcome.data["invitation"]
    response.headers["Location"] = reverse("api-invitation", args=[place.pbx, place.name, code])
    state = Invitation.State.WAITING
    made = schemas.Invitation(id=code, name=name, number=number, state=state, invited_at=timezone.now())
    return Status(201, made)


@operation(
    "POST",
    "/conferences/{pbx}/{segment:conference}/invitations",
    _("Invite somebody"),
    _("A number is called into a conference, which need not run yet, as the owner of the token would dial it."),
    response={201: schemas.Invitation},
    name="invite",
    tag="conferences",
    scope=asking.scopes_of(commands.invite),
    also=commands.invite.rule.also,
    problems=ASKED,
    body={"number": "103", "name": "Carla"},
)
def invite(
    request: ApiRequest, response: HttpResponse, pbx: str, conference: str, body: schemas.NewInvitation
) -> Status:
    place = _place_for(request, commands.invite, pbx, conference)
    meant = asking.meant(_NewInvitationForm, body)
    person = Person(meant["number"], clean(meant["name"], limits.NAME))

    def asked() -> commands.Asked:
        profile = commands.ready_to_dial(request.user, place)
        return commands.invitation_of(request.user, profile, place, person, via=f"{request.token}")

    outcome = asking.carry_out(asked, str(INVITATION.gone))
    return _made(response, place, person.number, person.name, outcome)


@operation(
    "POST",
    "/conferences/{pbx}/{segment:conference}/participants/{segment:participant}/call-back",
    _("Call a participant back"),
    _("Somebody who is or was in a conference is called into it again; whoever still is in it, is hung up first."),
    response={201: schemas.Invitation},
    name="call_back",
    tag="conferences",
    scope=asking.scopes_of(commands.call_back),
    also=commands.call_back.rule.also,
    problems=ASKED,
)
def call_back(request: ApiRequest, response: HttpResponse, pbx: str, conference: str, participant: str) -> Status:
    place = _place_for(request, commands.call_back, pbx, conference)
    row = commands.stay_of(place, participant)
    if row is None:
        raise Problem(NOT_FOUND, commands.GONE)
    outcome = asking.carry_out(
        lambda: commands.back(request.user, place, row, via=f"{request.token}"), str(INVITATION.gone)
    )
    return _made(response, place, row.caller_number, row.caller_name, outcome)

"""Conferences that run, and who is in them."""

from django.db.models import Count, Q
from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _

from accounts.identity import viewer_of
from conferences.fragments import IS_VOICE
from conferences.invitations.models import Invitation
from conferences.models import Conference, Participant
from conferences.rooms.models import has_rooms, may_see, permission_for
from conferences.targets import CONFERENCE
from engine.live.fragments import Subject

from . import pages, schemas
from .operations import need, operation
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


def participant_out(row: Participant) -> schemas.Participant:
    return schemas.Participant(
        id=row.uniqueid,
        channel=row.channel,
        name=row.label,
        number=row.caller_number,
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
        people=list(map(participant_out, people)),
        invitations=list(map(invitation_out, invitations)),
    )

"""In whose name a token asks, and the PBXs."""

from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.identity import pbx_of, profile_of
from calls.models import CampOn
from engine.mirror.models import PBX

from . import schemas
from .operations import operation
from .problems import NOT_FOUND, Problem
from .tokens import ApiRequest


@operation(
    "GET",
    "/me",
    _("Get the user and the token"),
    _("In whose name the token asks, what it may, and the user's phone."),
    response={200: schemas.Me},
    name="me",
    tag="me",
)
def me(request: ApiRequest) -> schemas.Me:
    user, token, profile = request.user, request.token, profile_of(request.user)
    pbx = pbx_of(profile)
    phone = None
    if profile.endpoint:
        phone = schemas.Phone(
            pbx=pbx.name if pbx else "",
            endpoint=profile.endpoint,
            extension=profile.extension,
            dial_context=profile.dial_context,
        )
    return schemas.Me(
        user=user.get_username(),
        phone=phone,
        token=schemas.TokenDetails(
            id=token.public_id,
            name=token.name,
            scopes=[scope for scope in token.scopes if user.has_perm(scope)],
            expires_at=token.expires_at,
        ),
        camp_ons=[
            schemas.CampOn(pbx=row.pbx_id, id=row.code, number=row.number, started_at=row.started_at)
            for row in CampOn.objects.filter(user_id=user.pk)
        ],
    )


def pbx_out(row: PBX) -> schemas.PBX:
    link: Any = row.link
    return schemas.PBX(name=row.name, is_up=row.is_up, link=link, since=row.link_since, why=row.why)


@operation(
    "GET",
    "/pbxs",
    _("List the PBXs"),
    _("All PBXs, and whether the panel is connected to each."),
    response={200: schemas.PBXs},
    name="pbxs",
    tag="pbxs",
)
def pbxs(request: ApiRequest) -> schemas.PBXs:
    return schemas.PBXs(items=[pbx_out(row) for row in PBX.objects.all()])


@operation(
    "GET",
    "/pbxs/{pbx}",
    _("Get a PBX"),
    _("A PBX, and whether the panel is connected to it."),
    response={200: schemas.PBX},
    name="pbx",
    tag="pbxs",
)
def pbx(request: ApiRequest, pbx: str) -> schemas.PBX:
    row = PBX.objects.filter(pk=pbx).first()
    if row is None:
        raise Problem(NOT_FOUND, gettext("There is no PBX of this name."))
    return pbx_out(row)

"""Tokens: how they are made, and whether the one that a request carries works.

A token is written `pbxp_<public id>_<secret>`, so that whoever finds one knows what it is. (Of such a form secret
scanners look for it.)
"""

import hashlib
import re
import secrets
import time
from dataclasses import dataclass, replace

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Case, F, Value, When
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _

from accounts.backends import PanelBackend
from accounts.identity import viewer_of
from engine.live.fragments import Viewer

from .addresses import is_within, origin_of
from .models import Bearer, Token, lines
from .problems import ADDRESS, ORIGIN, TOKEN_INVALID, TOKEN_MISSING, TOO_MANY, Problem

PREFIX = "pbxp_"
_WRITTEN = re.compile(rf"{PREFIX}([0-9a-f]{{12}})_([0-9a-f]{{64}})")
# The time in which so many requests are taken as the setting API_REQUESTS says, in seconds.
WINDOW = 60


class ApiRequest(HttpRequest):
    """A request with a token that works; its user is the owner."""

    token: Token
    user: Bearer


def make(owner: User, made_by: User, **fields: object) -> tuple[Token, str]:
    """A new token, and how it is written: known now, and never again. `fields` are those of `Token`."""
    public_id, secret = secrets.token_hex(6), secrets.token_hex(32)
    token = Token.objects.create(
        public_id=public_id, hash=_hash(secret), owner_id=owner.pk, made_by_id=made_by.pk, **fields
    )
    return token, f"{PREFIX}{public_id}_{secret}"


def _hash(secret: str) -> str:
    """Of a random secret of 256 bits a plain hash is enough: nobody can try them all."""
    return hashlib.sha256(secret.encode()).hexdigest()


def token_of(request: HttpRequest) -> Token:
    """The token that a request carries, of an owner who may still be there. Raises `Problem`."""
    scheme, _space, written = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise Problem(TOKEN_MISSING, headers={"WWW-Authenticate": "Bearer"})
    found = _WRITTEN.fullmatch(written.strip())
    token = Token.objects.select_related("owner__demo").filter(public_id=found[1]).first() if found else None
    if found is None or token is None or not constant_time_compare(token.hash, _hash(found[2])):
        raise _invalid(_("There is no such token."))
    if token.revoked_at is not None:
        raise _invalid(_("The token was revoked."))
    if token.has_expired:
        raise _invalid(_("The token has expired."))
    if not PanelBackend().user_can_authenticate(token.owner):
        raise _invalid(_("The owner of the token may not log in."))
    if token.addresses and not is_within(request.META.get("REMOTE_ADDR", ""), lines(token.addresses)):
        raise Problem(ADDRESS)
    if not is_of_page_allowed(request, token):
        raise Problem(ORIGIN)
    token.owner.scopes = frozenset(token.scopes)
    return token


def viewer_of_request(request: HttpRequest) -> Viewer | None:
    """Who asks by a token, and what they may see by it; None where it does not work. Queries the database."""
    try:
        token = token_of(request)
    except Problem:
        return None
    viewer = viewer_of(token.owner, language="")
    return replace(viewer, permissions=viewer.permissions & token.owner.scopes)


def _invalid(sentence: str) -> Problem:
    return Problem(TOKEN_INVALID, sentence, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})


def is_of_page_allowed(request: HttpRequest, token: Token) -> bool:
    """Whether it comes from a page that the token allows; of a token that allows none, from no page."""
    origin = request.headers.get("Origin", "")
    return (origin_of(origin) or origin) in (lines(token.origins) or [""])


@dataclass(frozen=True, slots=True)
class Rate:
    """How many requests a token has left, and in how many seconds it has all of them again."""

    left: int
    seconds: int

    @property
    def headers(self) -> dict[str, str]:
        """As the IETF's draft "RateLimit header fields for HTTP" writes them."""
        return {
            "RateLimit-Policy": f'"default";q={settings.API_REQUESTS};w={WINDOW}',
            "RateLimit": f'"default";r={max(self.left, 0)};t={self.seconds}',
        }

    def check(self) -> None:
        """Raises `Problem` where it has none left."""
        if self.left < 0:
            sentence = _("At most %(most)d requests a minute are taken of one token.") % {"most": settings.API_REQUESTS}
            raise Problem(TOO_MANY, sentence, headers={"Retry-After": str(self.seconds)})


def count(token: Token) -> Rate:
    """Count a request of a token, in the database: a token has the same for all processes."""
    now = time.time()
    minute = int(now // WINDOW * WINDOW)
    rows, is_same = Token.objects.filter(pk=token.pk), When(minute=minute, then=F("requests") + 1)
    # Once in a window, too, when it was last used.
    used_at = Case(When(minute=minute, then=F("last_used_at")), default=Value(timezone.now()))
    rows.update(requests=Case(is_same, default=Value(1)), last_used_at=used_at, minute=minute)
    used = rows.values_list("requests", flat=True).first() or 0
    return Rate(settings.API_REQUESTS - used, int(minute + WINDOW - now) + 1)

"""The same thing asked twice is done once: the answer to a request with an `Idempotency-Key` is kept for a day.

See the IETF's draft "The Idempotency-Key HTTP Header Field". The key is claimed in the database before anything is
asked of the PBX, so it holds for all processes.
"""

import hashlib
import re
from collections.abc import Callable
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _

from engine import limits

from .models import KeptAnswer, PlacedCall
from .problems import (
    BAD_INPUT,
    LOST,
    MALFORMED,
    NOT_CONNECTED,
    OTHER_BODY,
    TOO_LATE,
    UNDER_WAY,
    Problem,
    ProblemResponse,
    bad_input,
)
from .tokens import ApiRequest

HEADER = "Idempotency-Key"
KEPT = timedelta(hours=24)
# Whoever has not answered by then does not any more: longer than any command may take.
AT_LONGEST = timedelta(minutes=1)
_KEY = re.compile(rf"[\x21-\x7e]{{1,{limits.KEY}}}")
# Where nothing was asked of the PBX: the same key may be used once that is mended.
_NOTHING_ASKED = frozenset(kind.slug for kind in (MALFORMED, BAD_INPUT, NOT_CONNECTED, TOO_LATE))
_HEADERS = ("Content-Type", "Location")


def once(request: ApiRequest, view: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    """The answer of `view`, or the one that was given before to a request with the same key. Raises `Problem`.

    Where nothing was asked of the PBX, the key is free again.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return view()
    if not _KEY.fullmatch(key):
        raise bad_input(HEADER, _("A key has 1 to %(most)d characters of ASCII, and no blanks.") % {"most": limits.KEY})
    asked = hashlib.sha256(f"{request.method} {request.path}\n".encode() + request.body).hexdigest()
    mine = _claim(request, key, asked)
    if mine is None:
        return _answer_before(request, key, asked)
    try:
        response = view()
    except BaseException:
        KeptAnswer.objects.filter(pk=mine.pk).update(until=timezone.now())
        raise
    nothing_asked = isinstance(response, ProblemResponse) and response.kind.slug in _NOTHING_ASKED
    if nothing_asked or not isinstance(response, HttpResponse):
        mine.delete()
        return response
    mine.status, mine.body = response.status_code, response.content.decode()
    mine.headers = {name: response.headers[name] for name in _HEADERS if name in response.headers}
    mine.save(update_fields=["status", "headers", "body"])
    return response


def _claim(request: ApiRequest, key: str, asked: str) -> KeptAnswer | None:
    """What says that the request is under way; None where another one has the key."""
    now = timezone.now()
    forget(now - KEPT)
    try:
        with transaction.atomic():
            return KeptAnswer.objects.create(token=request.token, key=key, request=asked, until=now + AT_LONGEST)
    except IntegrityError:
        return None


def _answer_before(request: ApiRequest, key: str, asked: str) -> HttpResponse:
    found = KeptAnswer.objects.filter(token=request.token, key=key).first()
    if found is None:  # the other has just found the PBX away
        raise Problem(UNDER_WAY, headers={"Retry-After": "1"})
    if found.request != asked:
        raise Problem(OTHER_BODY)
    if found.status is not None:
        return HttpResponse(found.body, status=found.status, headers={**found.headers, "Idempotent-Replayed": "true"})
    if found.until > timezone.now():
        raise Problem(UNDER_WAY, headers={"Retry-After": "1"})
    raise Problem(LOST)


def forget(before: object) -> None:
    """Delete what was kept before this time."""
    KeptAnswer.objects.filter(at__lt=before).delete()
    PlacedCall.objects.filter(at__lt=before).delete()

"""Lists in parts: a cursor says behind which row the next part begins, so nothing is missed or told twice when rows
come and go meanwhile.
"""

import base64
import json
from collections.abc import Sequence
from typing import Annotated
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import Query
from pydantic import Field

from .problems import Problem, bad_input

MOST, USUAL = 100, 50
Limit = Annotated[int, Field(ge=1, le=MOST, description="How many at most.")]
Cursor = Annotated[str, Field(max_length=1000, description="Where the part begins, from the `next` of the one before.")]
LIMIT, START = Query(USUAL), Query("")


def written(position: Sequence[str]) -> str:
    """The cursor of what comes behind this row; `position` is what the list is sorted by."""
    return base64.urlsafe_b64encode(json.dumps(list(position)).encode()).decode().rstrip("=")


def read(cursor: str, length: int) -> list[str]:
    """The position that a cursor stands for, of so many texts; none for the beginning. Raises `Problem`."""
    if not cursor:
        return []
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        found = None
    if not isinstance(found, list) or len(found) != length or not all(isinstance(text, str) for text in found):
        raise bad_cursor()
    if any("\0" in text for text in found):
        raise bad_cursor()
    return found


def bad_cursor() -> Problem:
    return bad_input("cursor", _("This is no cursor of this list: begin without one."))


def next_page(request: HttpRequest, response: HttpResponse, position: Sequence[str] | None) -> str | None:
    """The address of the next part, which is also linked in the header (RFC 8288); None behind the last."""
    if position is None:
        return None
    asked = {name: value for name, value in request.GET.items() if name != "cursor"}
    address = f"{request.path}?{urlencode({**asked, 'cursor': written(position)})}"
    response.headers["Link"] = f'<{address}>; rel="next"'
    return address

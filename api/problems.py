"""What went wrong, as RFC 9457 writes it: a stable type, a sentence for people, and what to do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.http import JsonResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from pydantic import BaseModel

from engine.mirror.commands import Outcome, Status
from engine.mirror.verbs import Label
from web import toasts

CONTENT_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem; its type is the address of the page that explains it."""

    slug: str
    status: int
    title: Label
    what_to_do: Label

    @property
    def type(self) -> str:
        return reverse("problem", args=[self.slug])


kinds: dict[str, Kind] = {}
"""Every kind, by its slug."""


def _kind(slug: str, status: int, title: Label, what_to_do: Label) -> Kind:
    return kinds.setdefault(slug, Kind(slug, status, title, what_to_do))


MALFORMED = _kind(
    "malformed", 400, _("The request cannot be read"), _("Send JSON in UTF-8, and an address without null characters.")
)
TOKEN_MISSING = _kind(
    "token-missing", 401, _("No token"), _("Send the header “Authorization: Bearer” with a token of the panel.")
)
TOKEN_INVALID = _kind(
    "token-invalid", 401, _("The token does not work"), _("Make a new token, or have its owner make one.")
)
ADDRESS = _kind(
    "address-not-allowed",
    403,
    _("The token may not be used from this address"),
    _("Ask from an address that the token allows, or make a token that allows this one."),
)
ORIGIN = _kind(
    "origin-not-allowed",
    403,
    _("The token may not be used by this page"),
    _("Use a token that allows the origin of the page."),
)
SCOPE = _kind(
    "scope-missing", 403, _("The token does not have the scope"), _("Make a token that has the scope as well.")
)
FORBIDDEN = _kind(
    "not-allowed",
    403,
    _("The owner of the token may not do that"),
    _("Ask an administrator for the permission, or for a dial policy that allows it."),
)
NOT_FOUND = _kind("not-found", 404, _("There is no such thing"), _("Get the list, and use an id of it."))
METHOD = _kind(
    "method-not-allowed",
    405,
    _("This address does not take this method"),
    _("See the header “Allow” for what it takes."),
)
UNDER_WAY = _kind(
    "under-way",
    409,
    _("The first request with this key is still under way"),
    _("Wait a little, then send the same request again."),
)
LOST = _kind(
    "outcome-lost",
    409,
    _("What became of the first request with this key is not known"),
    _("See whether it took effect. To try again, use another key."),
)
NOT_POSSIBLE = _kind(
    "not-possible", 409, _("That is not possible now"), _("Get the thing as it is now, and see what is possible.")
)
REFUSED = _kind("refused", 409, _("The PBX refused"), _("See the answer of the PBX in the detail."))
NOT_READY = _kind("not-ready", 409, _("Something is missing first"), _("Do first what the detail says, in the panel."))
TOO_SLOW = _kind("too-slow", 408, _("The request took too long to come"), _("Send it again."))
TOO_LARGE = _kind("too-large", 413, _("The request is too large"), _("Send less at a time."))
BAD_INPUT = _kind(
    "bad-input", 422, _("Some of what was sent cannot be meant"), _("Correct the fields that “errors” names.")
)
OTHER_BODY = _kind(
    "key-of-another-request",
    422,
    _("This key was used for another request"),
    _("Use a new key for each thing that is asked."),
)
TOO_MANY = _kind("too-many-requests", 429, _("Too many requests"), _("Wait as long as the header “Retry-After” says."))
FAILED = _kind(
    "failed", 500, _("The panel failed"), _("See whether it took effect. The log of the panel says what went wrong.")
)
NOT_CONNECTED = _kind(
    "not-connected",
    503,
    _("The panel is not connected to the PBX"),
    _("Nothing was done. Try again when the PBX is connected; the same key may be used."),
)
NO_ANSWER = _kind(
    "no-answer", 504, _("The PBX did not answer in time"), _("See whether it took effect before you try again.")
)
TOO_LATE = _kind("too-late", 504, _("The PBX could not be reached in time"), _("Nothing was done. Try again."))

_OF_STATUS = {
    Status.REFUSED: REFUSED,
    Status.NOT_PERMITTED: REFUSED,
    Status.NOT_POSSIBLE: NOT_POSSIBLE,
    Status.FAILED: FAILED,
    Status.NOT_CONNECTED: NOT_CONNECTED,
    Status.NO_ANSWER: NO_ANSWER,
    Status.EXPIRED: TOO_LATE,
    Status.FORBIDDEN: FORBIDDEN,
}
# What an answer of another part of the panel is called.
OF_CODE = {400: MALFORMED, 403: FORBIDDEN, 404: NOT_FOUND, 405: METHOD, 408: TOO_SLOW, 413: TOO_LARGE, 500: FAILED}


class FieldError(BaseModel):
    """A field, by its name in the body or the address, and a sentence that says what is wrong with it."""

    field: str
    detail: str


class ProblemDetails(BaseModel):
    """RFC 9457, section 3.1; `errors` and `what_to_do` are ours."""

    type: str
    title: str
    status: int
    detail: str
    what_to_do: str
    errors: list[FieldError] = []


class Problem(Exception):
    """Is answered as problem details. `errors` are pairs of a field and a sentence."""

    def __init__(
        self,
        kind: Kind,
        detail: Label = "",
        errors: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(kind.slug)
        self.kind, self.detail, self.errors, self.headers = kind, detail, errors, headers or {}

    def response(self) -> JsonResponse:
        """The answer, in the active language."""
        details = ProblemDetails(
            type=self.kind.type,
            title=str(self.kind.title),
            status=self.kind.status,
            detail=str(self.detail or self.kind.title),
            what_to_do=str(self.kind.what_to_do),
            errors=[FieldError(field=field, detail=detail) for field, detail in self.errors],
        )
        return JsonResponse(
            details.model_dump(), status=self.kind.status, content_type=CONTENT_TYPE, headers=dict(self.headers)
        )


def bad_input(field: str, sentence: str) -> Problem:
    """About one field."""
    return Problem(BAD_INPUT, sentence, [(field, sentence)])


def of_outcome(outcome: Outcome, gone: str) -> Problem:
    """What became of a command that was not done; `gone` as in `web.toasts.words`."""
    return Problem(_OF_STATUS[outcome.status], toasts.words(outcome, gone))

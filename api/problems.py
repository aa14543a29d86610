"""The problems of the API. What one is says `web.problems`; the stream of events has some of its own."""

from django.utils.translation import gettext_lazy as _

from engine.mirror.commands import Outcome, Status
from web import toasts
from web.problems import (
    BAD_INPUT,
    CONTENT_TYPE,
    Problem,
    ProblemDetails,
    ProblemResponse,
    bad_input,
    declare,
    kinds,
)

__all__ = ["BAD_INPUT", "CONTENT_TYPE", "Problem", "ProblemDetails", "ProblemResponse", "bad_input", "kinds"]

MALFORMED = declare(
    "malformed", 400, _("The request cannot be read"), _("Send JSON in UTF-8, and an address without null characters.")
)
TOKEN_MISSING = declare(
    "token-missing", 401, _("No token"), _("Send the header “Authorization: Bearer” with a token of the panel.")
)
TOKEN_INVALID = declare(
    "token-invalid", 401, _("The token does not work"), _("Make a new token, or have its owner make one.")
)
ADDRESS = declare(
    "address-not-allowed",
    403,
    _("The token may not be used from this address"),
    _("Ask from an address that the token allows, or make a token that allows this one."),
)
ORIGIN = declare(
    "origin-not-allowed",
    403,
    _("The token may not be used by this page"),
    _("Use a token that allows the origin of the page."),
)
SCOPE = declare(
    "scope-missing", 403, _("The token does not have the scope"), _("Make a token that has the scope as well.")
)
FORBIDDEN = declare(
    "not-allowed",
    403,
    _("The owner of the token may not do that"),
    _("Ask an administrator for the permission, or for a dial policy that allows it."),
)
NOT_FOUND = declare("not-found", 404, _("There is no such thing"), _("Get the list, and use an id of it."))
METHOD = declare(
    "method-not-allowed",
    405,
    _("This address does not take this method"),
    _("See the header “Allow” for what it takes."),
)
UNDER_WAY = declare(
    "under-way",
    409,
    _("The first request with this key is still under way"),
    _("Wait a little, then send the same request again."),
)
LOST = declare(
    "outcome-lost",
    409,
    _("What became of the first request with this key is not known"),
    _("See whether it took effect. To try again, use another key."),
)
NOT_POSSIBLE = declare(
    "not-possible", 409, _("That is not possible now"), _("Get the thing as it is now, and see what is possible.")
)
REFUSED = declare("refused", 409, _("The PBX refused"), _("See the answer of the PBX in the detail."))
NOT_READY = declare(
    "not-ready", 409, _("Something is missing first"), _("Do first what the detail says, in the panel.")
)
TOO_SLOW = declare("too-slow", 408, _("The request took too long to come"), _("Send it again."))
TOO_LARGE = declare("too-large", 413, _("The request is too large"), _("Send less at a time."))
OTHER_BODY = declare(
    "key-of-another-request",
    422,
    _("This key was used for another request"),
    _("Use a new key for each thing that is asked."),
)
TOO_MANY = declare(
    "too-many-requests", 429, _("Too many requests"), _("Wait as long as the header “Retry-After” says.")
)
FAILED = declare(
    "failed", 500, _("The panel failed"), _("See whether it took effect. The log of the panel says what went wrong.")
)
NOT_CONNECTED = declare(
    "not-connected",
    503,
    _("The panel is not connected to the PBX"),
    _("Nothing was done. Try again when the PBX is connected; the same key may be used."),
)
NO_ANSWER = declare(
    "no-answer", 504, _("The PBX did not answer in time"), _("See whether it took effect before you try again.")
)
TOO_LATE = declare("too-late", 504, _("The PBX could not be reached in time"), _("Nothing was done. Try again."))

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


def of_outcome(outcome: Outcome, gone: str) -> Problem:
    """What became of a command that was not done; `gone` as in `web.toasts.words`."""
    return Problem(_OF_STATUS[outcome.status], toasts.words(outcome, gone))

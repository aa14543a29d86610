"""What a view answers to a button: nothing where the effect will show by itself, else a toast in words."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from engine.live.fragments import Toast
from engine.mirror.answers import in_words
from engine.mirror.commands import Outcome, Status

_CODES = {
    Status.REFUSED: 409,
    Status.NOT_PERMITTED: 409,
    Status.NOT_POSSIBLE: 409,
    Status.FAILED: 500,
    Status.NOT_CONNECTED: 503,
    Status.NO_ANSWER: 504,
    Status.EXPIRED: 504,
    Status.FORBIDDEN: 403,
}

# How Asterisk says that whom a command was about is not there any more.
_GONE = (
    "no such channel",
    "no such module",
    "no conference by that name",
    "no channel by that name",
    "channel not found",
    "no active conferences",
    "extension does not exist",
)


def toast(request: HttpRequest, level: str, text: str, status: int = 200) -> HttpResponse:
    """A toast (`level`: success, info, warning or danger) with an HTTP status."""
    return said(Toast(level, text), status)


def said(toast: Toast, status: int = 200) -> HttpResponse:
    """A toast with an HTTP status."""
    return HttpResponse(toast.html, status=status)


def refused(request: HttpRequest, text: str, status: int = 400) -> HttpResponse:
    """Says that a request was not taken: as a toast for a button, whatever its answer would replace; else as a page."""
    if not request.headers.get("HX-Request"):
        return render(request, "refused.html", {"text": text}, status=status)
    response = toast(request, "danger", text, status)
    response.headers["HX-Retarget"], response.headers["HX-Reswap"] = "#toasts", "beforeend"
    return response


def answer(request: HttpRequest, outcome: Outcome, *, gone: str) -> HttpResponse:
    """What became of a command. `gone` is said where Asterisk no longer knows whom it was about."""
    if outcome.status in (Status.DONE, Status.REPEATED):
        return HttpResponse(status=204)
    level = "warning" if outcome.status is Status.NOT_POSSIBLE else "danger"
    return toast(request, level, words(outcome, gone), code(outcome))


def code(outcome: Outcome) -> int:
    """The HTTP status of what became of a command."""
    return _CODES.get(outcome.status, 200)


def words(outcome: Outcome, gone: str) -> str:
    if outcome.status is Status.NOT_CONNECTED:
        nothing = _("The panel is not connected to the PBX, so nothing was done. Try again when it is.")
        told = {"sentence": nothing, "why": in_words(outcome.text)}
        return _("%(sentence)s (%(why)s)") % told if outcome.text else nothing
    if outcome.status is Status.EXPIRED:
        return _("The PBX could not be reached in time, so nothing was done. Try again.")
    if outcome.status is Status.NO_ANSWER:
        return _("The PBX did not answer in time. Check whether it took effect before you try again.")
    if outcome.status is Status.FAILED:
        return _("The panel failed while it did that; its log says why. Check whether it took effect.")
    if outcome.status is Status.FORBIDDEN:
        return outcome.text
    if outcome.status is Status.NOT_POSSIBLE:
        return in_words(outcome.text)
    if outcome.text.lower().startswith(_GONE):
        return gone
    if outcome.status is Status.NOT_PERMITTED:
        return _("The PBX does not permit the panel to do that: its manager user lacks a privilege.")
    return _("The PBX refused: %(answer)s") % {"answer": in_words(outcome.text)}

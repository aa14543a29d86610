"""The page of extension states: hints, presences and devices, live; and one of them queried anew."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.identity import user_of
from engine import limits
from engine.mirror.commands import Outcome, Status
from engine.mirror.models import PBX
from engine.mirror.sanitize import clean
from extensions.fragments import MOST, PRESENCES, board, look_of
from extensions.models import Extension
from web import toasts

from ..pages import on_pbx, page
from .commands import Asked, ask_state


@require_safe
@on_pbx("see_states")
def states(request: HttpRequest, pbx: PBX) -> HttpResponse:
    """GET: what is mirrored; the page keeps it live by itself."""
    extensions = Extension.objects.filter(pbx=pbx)
    context = {
        "live_view": "states",
        "view_key": pbx.name,
        "q": request.GET.get("q", ""),
        "board": board(pbx.name),
        "left_off": max(0, extensions.count() - MOST),
        "contexts": list(extensions.order_by("context").values_list("context", flat=True).distinct()),
    }
    return page(request, pbx, "states", context)


@require_POST
@on_pbx("see_states")
def ask(request: HttpRequest, pbx: PBX) -> HttpResponse:
    """POST: the state of one `extension` in a `context`, or of a `presentity`, as Asterisk says now."""
    if "presentity" in request.POST:
        return _ask_presence(request, pbx)
    extension, context = request.POST.get("extension", "").strip(), request.POST.get("context", "").strip()
    if not extension or not context:
        return _refusal(request, _("Enter an extension and its context, such as 101 and internal."), 400)
    if too_long := limits.complaint(max(extension, context, key=len), limits.ADDRESS):
        return _refusal(request, too_long, 400)
    outcome = _run(request, pbx, Asked(extension, context))
    if not outcome.done:
        return _refusal(request, _words(outcome), toasts.code(outcome))
    reply = outcome.reply
    name, code = f"{extension}@{context}", reply.get("Status")
    if not code.isdecimal():
        no_hint = _("It has no hint in this context, so Asterisk does not know its state.")
        answer: dict[str, Any] = {"look": {"css": "", "icon": "circle-x", "words": [no_hint]}}
    else:
        answer = {"look": look_of(int(code)), "text": clean(reply.get("StatusText"), 80), "hint": reply.get("Hint")}
    return render(request, "system/states/_answer.html", {"name": name, **answer})


def _ask_presence(request: HttpRequest, pbx: PBX) -> HttpResponse:
    presentity = request.POST["presentity"].strip()
    if not presentity:
        return _refusal(request, _("Enter a presence, such as CustomPresence:101."), 400)
    if too_long := limits.complaint(presentity, limits.ADDRESS):
        return _refusal(request, too_long, 400)
    outcome = _run(request, pbx, Asked(presentity=presentity))
    if not outcome.done:
        return _refusal(request, _words(outcome), toasts.code(outcome))
    reply = outcome.reply
    state = reply.get("State")
    icon, word = PRESENCES.get(state, ("info-circle", state))
    text = " ".join(filter(None, (clean(reply.get("Subtype"), 80), clean(reply.get("PresenceMessage"), 200))))
    look = {"css": "", "icon": icon, "words": [word]}
    return render(request, "system/states/_answer.html", {"name": presentity, "look": look, "text": text})


def _run(request: HttpRequest, pbx: PBX, asked: Asked) -> Outcome:
    if any(set(text) & set("\r\n\0") for text in (asked.extension, asked.context, asked.presentity)):
        return Outcome(Status.FORBIDDEN, _("It cannot contain line breaks."))
    return ask_state.ask(user_of(request), pbx, asked)


def _words(outcome: Outcome) -> str:
    if "invalid provider" in outcome.text.lower():
        return _("Asterisk has no source for this presence. Write it as CustomPresence:101.")
    return toasts.words(outcome, "")


def _refusal(request: HttpRequest, text: str, status: int) -> HttpResponse:
    return render(request, "system/config/_failure.html", {"text": text}, status=status)

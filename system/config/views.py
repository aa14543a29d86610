"""The page on which Asterisk's configuration files are read and edited."""

import hashlib
import json
import uuid
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.confirmation import ask, is_confirmed
from accounts.identity import user_of
from engine.mirror.commands import Outcome, Status, look_up
from engine.mirror.models import PBX
from web import toasts

from ..pages import demand, may, on_pbx, page
from . import commands
from .commands import CHANGED, NOT_AS_PROMISED
from .edit import Edit, Plan, Wrong, differences, plan
from .file import (  # fmt: skip
    MODULES,
    NAME,
    NAME_SIZE,
    OTHERS,
    Malformed,
    Reading,
    json_of,
    masked,
    module_of,
    reading_of,
    text_of,
    typed_lines,
    written,
)

# What most have, for where Asterisk does not tell which there are.
USUAL = (
    "asterisk.conf", "confbridge.conf", "extensions.conf", "features.conf", "http.conf", "logger.conf", "manager.conf",
    "modules.conf", "musiconhold.conf", "pjsip.conf", "queues.conf", "res_parking.conf", "rtp.conf", "voicemail.conf",
)  # fmt: skip


@require_safe
@on_pbx("see_config")
def config(request: HttpRequest, pbx: PBX) -> HttpResponse:
    """GET: the files there are; of one, `file`, what is in it."""
    # Who may change a file sees the secrets in it.
    if may(user_of(request), "change_config") and not is_confirmed(request):
        return ask(request)
    file = request.GET.get("file", "").strip()
    context: dict[str, Any] = {"file": file, "usual": USUAL}
    if not file:
        return page(request, pbx, "config", context)
    if not NAME.fullmatch(file):
        context["failure"] = _("Enter the name of a file in Asterisk's own folder, without a path: extensions.conf.")
        return page(request, pbx, "config", context, status=400)
    outcome = commands.read.ask(user_of(request), pbx, commands.File(file))
    if not outcome.done or not outcome.data:
        context["failure"] = _words(outcome, file)
        return page(request, pbx, "config", context)
    reading = reading_of(outcome.data)
    context |= {
        "reading": reading,
        "categories": [_shown(request, file, reading, at) for at in range(len(reading.categories))],
        "may_change": may(user_of(request), "change_config"),
        "may_reload": may(user_of(request), "reload"),
        "module": module_of(file),
        "needs_restart": file in OTHERS,
        "unread": [other for other in reading.included or () if other.categories is None],
    }
    return page(request, pbx, "config", context)


def _words(outcome: Outcome, file: str) -> str:
    text = outcome.text.lower()
    if outcome.status is Status.REFUSED:
        if "not found" in text:
            return _("Asterisk has no file %(file)s in its folder.") % {"file": file}
        if "invalid format" in text:
            return _(
                "Asterisk cannot read %(file)s: it contains something that is not configuration. See the log of "
                "Asterisk."
            ) % {"file": file}
        if "escalated" in text:
            return _("Asterisk does not provide %(file)s: it is not in Asterisk's own folder.") % {"file": file}
        if "save of config failed" in text:
            return _("Asterisk may not write %(file)s, or a file that it includes. Nothing was changed.") % {
                "file": file
            }
    if outcome.done:
        return _("Asterisk returned nothing about %(file)s.") % {"file": file}
    return toasts.words(outcome, "")


def _shown(request: HttpRequest, file: str, reading: Reading, at: int) -> dict[str, Any]:
    """A category as the page shows it: without secrets to those who may not change it."""
    category = reading.categories[at]
    secrets = may(user_of(request), "change_config")

    def lines(of: Iterable[tuple[str, str]]) -> list[str]:
        return [written(line if secrets else masked(file, line)) for line in of]

    return {
        "at": at,
        "category": category,
        "own": lines(category.own),
        "inherited": lines(category.inherited),
        "source": reading.source_of(category),
    }


@require_safe
@on_pbx("see_config")
def files(request: HttpRequest, pbx: PBX) -> HttpResponse:
    """GET: the names of the files that Asterisk has loaded, as links, and as options beside the usual ones."""
    names = look_up(pbx.name, "system.config.files").data or []
    return render(request, "system/config/_files.html", {"pbx": pbx, "names": names, "known": sorted(MODULES)})


@require_safe
@on_pbx("see_config")
def find(request: HttpRequest, pbx: PBX) -> HttpResponse:
    """GET: the files that have a category of which the name holds `category`."""
    text = request.GET.get("category", "").strip()
    context: dict[str, Any] = {"pbx": pbx, "text": text}
    if not text or len(text) > NAME_SIZE:
        context["failure"] = _("Enter the name of a category, or a part of it: 101.")
        return render(request, "system/config/_found.html", context, status=422)
    outcome = commands.find.ask(user_of(request), pbx, commands.Category(text))
    if not outcome.done:
        context["failure"] = toasts.words(outcome, "")
        return render(request, "system/config/_found.html", context, status=toasts.code(outcome))
    return render(request, "system/config/_found.html", {**context, "found": outcome.data})


@require_safe
@on_pbx("change_config", confirmed=True)
def category(request: HttpRequest, pbx: PBX) -> HttpResponse:
    """GET: the category at a place in a `file` of this `digest`, to edit, or as it is shown without `edit`."""
    reading, refusal = _read_again(request, pbx, request.GET)
    if reading is None:
        return refusal
    at = request.GET.get("at", "")
    if not at.isdecimal() or len(at) > 6 or int(at) >= len(reading.categories):
        return toasts.toast(request, "warning", _("There is no such category in the file."), 404)
    file = request.GET["file"]
    context = {"pbx": pbx, "file": file, "may_change": True, "shown": _shown(request, file, reading, int(at))}
    if "edit" not in request.GET:
        return render(request, "system/config/_category.html", context)
    text = text_of(reading.categories[int(at)])
    return render(request, "system/config/_edit.html", {**context, "text": text, "rows": _rows(text)})


def _rows(text: str) -> int:
    return min(24, text.count("\n") + 3)


@require_safe
@on_pbx("change_config", confirmed=True)
def new(request: HttpRequest, pbx: PBX) -> HttpResponse:
    """GET: an empty form for one more category."""
    return render(request, "system/config/_new.html", {"key": uuid.uuid4().hex[:8]})


@require_POST
@on_pbx("change_config", confirmed=True)
def review(request: HttpRequest, pbx: PBX) -> HttpResponse:
    """POST: what would be written, or why it cannot be."""
    reading, refusal = _read_again(request, pbx, request.POST)
    if reading is None:
        return refusal
    return _review(request, pbx, reading)


def _review(request: HttpRequest, pbx: PBX, reading: Reading, notice: str = "", status: int = 200) -> HttpResponse:
    context: dict[str, Any] = {"pbx": pbx, "file": request.POST["file"], "reading": reading, "notice": notice}
    try:
        planned = plan(request.POST["file"], reading, edits_of(reading, request.POST))
    except Wrong as error:
        context["wrong"] = {"title": _title(reading, error.at), "lines": str(error).split("\n")}
        return render(request, "system/config/_review.html", context, status=422)
    context |= {"plan": planned, "reviewed": _seal(planned)}
    return render(request, "system/config/_review.html", context, status=status)


def _title(reading: Reading, at: int | None) -> str:
    return "" if at is None else reading.categories[at].title


@require_POST
@on_pbx("change_config", confirmed=True)
def write(request: HttpRequest, pbx: PBX) -> HttpResponse:
    """POST: write what was `reviewed`; refused where the file, or what was typed, is another by now."""
    user = demand(request, "change_config")
    reading, refusal = _read_again(request, pbx, request.POST)
    if reading is None:
        return refusal
    file = request.POST["file"]
    try:
        planned = plan(file, reading, edits_of(reading, request.POST))
    except Wrong:
        return _review(request, pbx, reading)
    if not planned.updates or request.POST.get("reviewed") != _seal(planned):
        notice = _("What you entered no longer matches what was shown here. Nothing was written: check it again.")
        return _review(request, pbx, reading, notice, 409)
    wanted = commands.Update(
        file,
        reading.digest,
        [list(pair) for pair in planned.updates],
        planned.promise.digest,
        planned.promise.unordered_digest,
    )
    outcome = commands.write.ask(user, pbx, wanted, subject=planned.subject)
    if outcome.text == CHANGED:
        return _changed(request)
    if not outcome.done:
        text = _words(outcome, file)
        return render(request, "system/config/_failure.html", {"text": text}, status=toasts.code(outcome))
    if outcome.text == NOT_AS_PROMISED:
        real = reading_of(outcome.data)
        context = {"file": file, "pbx": pbx, "differences": differences(planned.after, real.categories)}
        return render(request, "system/config/_otherwise.html", context)
    messages.success(request, _("%(file)s was written. It takes effect after a reload.") % {"file": file})
    response = HttpResponse(status=204)
    address = f"{reverse('system-config', args=[pbx.name])}?{_query(file)}#reload"
    response.headers["HX-Trigger"] = json.dumps({"config-written": {"address": address}})
    return response


def _query(file: str) -> str:
    query = QueryDict(mutable=True)
    query["file"] = file
    return query.urlencode()


def _seal(planned: Plan) -> str:
    """The same for the same changes to the same file."""
    return hashlib.sha256(json.dumps([planned.before.digest, planned.updates]).encode()).hexdigest()


def _changed(request: HttpRequest) -> HttpResponse:
    text = _(
        "The file was changed by somebody else since this page showed it, so nothing was written. What you entered "
        "stays here: open the file in another tab, and enter there what is still needed."
    )
    return render(request, "system/config/_failure.html", {"text": text}, status=409)


def _read_again(request: HttpRequest, pbx: PBX, given: QueryDict) -> tuple[Reading | None, HttpResponse]:
    """The file as it is now, if it is still of the `digest` that the page shows; else an answer that says why not."""
    file = given.get("file", "")
    if not NAME.fullmatch(file):
        return None, toasts.toast(request, "warning", _("There is no such file."), 400)
    outcome = look_up(pbx.name, "system.config.read", {"file": file}, timeout=commands.TIMEOUT)
    if not outcome.done or not outcome.data:
        code = 502 if outcome.done else toasts.code(outcome)
        return None, render(request, "system/config/_failure.html", {"text": _words(outcome, file)}, status=code)
    reading = reading_of(outcome.data)
    if reading.digest != given.get("digest"):
        return None, _changed(request)
    return reading, HttpResponse()


def edits_of(reading: Reading, form: QueryDict) -> list[Edit]:
    """What the form asks for: `at` names the categories that are edited, `new` the forms of new ones.

    Raises `Wrong` with the first that cannot be meant.
    """
    edits = []
    for at in dict.fromkeys(form.getlist("at")):
        if not at.isdecimal() or len(at) > 6 or int(at) >= len(reading.categories):
            raise Wrong(None, _("There is no such category in the file."))
        of = reading.categories[int(at)]
        edit = Edit(int(at), form.get(f"name-{at}", of.name).strip(), delete=f"delete-{at}" in form)
        edits.append(edit if edit.delete else _with_lines(edit, form.get(f"lines-{at}", text_of(of))))
    for key in dict.fromkeys(form.getlist("new")):
        name, text = form.get(f"name-{key}", "").strip(), form.get(f"lines-{key}", "")
        if not name and not text.strip():
            continue
        parents = tuple(parent.strip() for parent in form.get(f"parents-{key}", "").split(",") if parent.strip())
        edits.append(_with_lines(Edit(None, name, is_template=f"template-{key}" in form, parents=parents), text))
    return edits


def _with_lines(edit: Edit, text: str) -> Edit:
    try:
        return replace(edit, lines=typed_lines(text))
    except Malformed as error:
        raise Wrong(edit.at, str(error)) from None


@require_safe
@on_pbx("see_config")
def as_json(request: HttpRequest, pbx: PBX) -> HttpResponse:
    """GET: a `file` as `GetConfigJSON` tells of it; a name that is there twice in a category is there twice."""
    if may(user_of(request), "change_config") and not is_confirmed(request):
        return ask(request)
    file = request.GET.get("file", "")
    if not NAME.fullmatch(file):
        return HttpResponse(_("There is no such file."), content_type="text/plain; charset=utf-8", status=400)
    outcome = commands.read_json.ask(user_of(request), pbx, commands.File(file))
    try:
        if not outcome.done:
            raise ValueError(_words(outcome, file))
        shown = json_of(file, outcome.reply.get("JSON"), secrets=may(user_of(request), "change_config"))
    except ValueError as error:
        words = _("Asterisk's answer is not JSON.") if outcome.done else str(error)
        return HttpResponse(words, content_type="text/plain; charset=utf-8", status=502)
    response = HttpResponse(shown, content_type="application/json")
    response.headers["Content-Disposition"] = f'attachment; filename="{file}.json"'
    return response

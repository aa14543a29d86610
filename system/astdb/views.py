"""The page of the AstDB: families and their entries, and changes that can be undone."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.identity import user_of
from engine import limits
from engine.mirror.commands import Outcome, Status
from engine.mirror.models import PBX
from engine.mirror.verbs import Parameters, Verb
from web import toasts

from ..pages import on_pbx, page
from . import commands
from .models import AstDbChange

# How many of the entries that are about to be deleted are named.
_NAMED = 8
# Characters per line of the field for a value, and how many lines it shows at most.
_SIGNS, _LINES = 70, 8


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as the page shows it: within the `family` that is shown. `value` is None once it is deleted."""

    name: str
    value: str | None
    family: str = ""

    @property
    def id(self) -> str:
        return commands.digest(self.name)[:20]

    @property
    def key(self) -> str:
        """The name without the family's."""
        return self.name.removeprefix(f"/{self.family}/" if self.family else "/")

    @property
    def was(self) -> str:
        return commands.digest(self.value)

    @property
    def lines(self) -> int:
        text = self.value or ""
        return min(_LINES, len(text) // _SIGNS + text.count("\n") + 1)


def _change(request: HttpRequest, pbx: PBX, verb: Verb[PBX, Any], parameters: Parameters) -> Outcome:
    """A command that changes something. Where nobody knows whether it did, an older change cannot be undone safely."""
    outcome = verb.ask(user_of(request), pbx, parameters)
    if outcome.status is Status.NO_ANSWER:
        _forget(request, pbx)
    return outcome


def _text(data: Any, name: str) -> str:
    return str(data.get(name, "")).replace("\0", "")


def _families_above(family: str) -> list[tuple[str, str]]:
    """`a/b` → (`a`, `a`), (`a/b`, `b`): each family's name, and how it reads within the one above."""
    parts = family.split("/") if family else []
    return [("/".join(parts[: number + 1]), part) for number, part in enumerate(parts)]


@require_safe
@on_pbx("see_astdb")
def astdb_page(request: HttpRequest, pbx: PBX) -> HttpResponse:
    """GET: the families within `family`, and its entries that hold `q`."""
    family, q = _text(request.GET, "family").removeprefix("/"), _text(request.GET, "q")[: limits.SEARCH]
    refusal = commands.complaint(family)
    if refusal:
        outcome = Outcome(Status.FORBIDDEN, refusal)
    else:
        outcome = commands.browse.ask(user_of(request), pbx, commands.Browse(family, q))
    context: dict[str, Any] = {
        "family": family,
        "q": q,
        "above": _families_above(family),
        "change": _change_of(user_of(request), pbx),
    }
    if not outcome.done:
        return page(request, pbx, "astdb", {**context, "failure": _words(outcome)})
    data = outcome.data
    families = [((f"{family}/" if family else "") + name, name, number) for name, number in data["families"]]
    context |= {
        "entries": [Entry(name, value, family) for name, value in data["entries"]],
        "families": families[: commands.FAMILIES_SHOWN],
        "families_left": max(0, len(families) - commands.FAMILIES_SHOWN),
        "total": data["total"],
        "found": data["found"],
        "shown_at_most": commands.SHOWN,
    }
    return page(request, pbx, "astdb", context)


@require_POST
@on_pbx("change_astdb")
def astdb_put(request: HttpRequest, pbx: PBX) -> HttpResponse:
    """POST: a `value` for the entry `name`, which is to hold what it `was`; or for a new one, of `family` and `key`.

    `view` is the family that is shown.
    """
    name, value = _text(request.POST, "name"), _text(request.POST, "value").rstrip("\r\n")
    is_new = not name
    if is_new:
        family, key = _text(request.POST, "family").removeprefix("/"), _text(request.POST, "key")
        if not family or not key:
            return toasts.toast(request, "warning", _("Enter a family and a key."), 400)
        name = commands.name_of(family, key)
    if complaint := commands.complaint(*commands.parts_of(name), value):
        return toasts.toast(request, "warning", complaint, 400)
    was = _text(request.POST, "was")
    outcome = _change(request, pbx, commands.put, commands.Entry(name, was, value))
    if outcome.status is Status.REFUSED and outcome.text == commands.CHANGED:
        return _changed_meanwhile(request, pbx, name, outcome.data["now"], is_new)
    if not outcome.done:
        return toasts.toast(request, "danger", _words(outcome), toasts.code(outcome))
    _remember(request, pbx, [[name, outcome.data["before"], value]])
    response = toasts.toast(request, "success", _("%(name)s was added.") % {"name": name} if is_new else _("Saved."))
    _show(request, pbx, response, name, value, is_new=is_new)
    if is_new:
        response.headers["HX-Trigger"] = "astdb-added"
    return response


@require_POST
@on_pbx("change_astdb")
def astdb_delete(request: HttpRequest, pbx: PBX) -> HttpResponse:
    """POST: delete the entry `name`, which is to hold what it `was`."""
    name = _text(request.POST, "name")
    if complaint := commands.complaint(*commands.parts_of(name)):
        return toasts.toast(request, "warning", complaint, 400)
    was = _text(request.POST, "was")
    outcome = _change(request, pbx, commands.delete, commands.Entry(name, was))
    if outcome.status is Status.REFUSED and outcome.text == commands.CHANGED:
        return _changed_meanwhile(request, pbx, name, outcome.data["now"], is_new=False)
    if not outcome.done:
        return toasts.toast(request, "danger", _words(outcome), toasts.code(outcome))
    _remember(request, pbx, [[name, outcome.data["before"], None]])
    response = toasts.toast(request, "success", _("%(name)s was deleted.") % {"name": name})
    _show(request, pbx, response, name, None)
    return response


def _changed_meanwhile(request: HttpRequest, pbx: PBX, name: str, now: str | None, is_new: bool) -> HttpResponse:
    """Says what the entry holds now, and lets the user do it anyway; what they typed stays."""
    if now is None:
        text = _("Somebody else has deleted %(name)s meanwhile. Nothing was done; to add it again, save it once more.")
    elif is_new:
        text = _("%(name)s already exists, with the value “%(value)s”. Search for it to change it.")
    else:
        text = _("Somebody else has changed %(name)s meanwhile, to “%(value)s”. Nothing was done; to do it, try again.")
    response = toasts.toast(request, "warning", text % {"name": name, "value": (now or "")[:200]}, 409)
    if not is_new:
        response.write(render_to_string("system/astdb/_was.html", {"entry": Entry(name, now)}))
    return response


def _show(
    request: HttpRequest, pbx: PBX, response: HttpResponse, name: str, value: str | None, *, is_new: bool = False
) -> None:
    """Add to a response what changes on the page: the row, and what can be undone."""
    family = _text(request.POST, "view")
    is_here = name.startswith(f"/{family}/") if family else True
    context = {
        "pbx": pbx,
        "entry": Entry(name, value, family),
        "is_new": is_new,
        "is_here": is_here,
        "family": family,
        "change": _change_of(user_of(request), pbx),
    }
    response.write(render_to_string("system/astdb/_changed.html", context, request))


@require_http_methods(["GET", "HEAD", "POST"])
@on_pbx("change_astdb")
def astdb_tree(request: HttpRequest, pbx: PBX) -> HttpResponse:
    """GET: how many entries a `family` has, and whether to delete them. POST: delete them, if it has that `number`."""
    data = request.POST if request.method == "POST" else request.GET
    family = _text(data, "family").removeprefix("/")
    complaint = commands.complaint(family) if family else _("Enter the name of a family.")
    if complaint:
        return _ask_about_tree(request, pbx, family, complaint)
    number = _text(data, "number")
    if request.method != "POST" or not number.isdecimal() or len(number) > 9:
        return _ask_about_tree(request, pbx, family)
    outcome = _change(request, pbx, commands.delete_tree, commands.Tree(family, int(number)))
    if outcome.status is Status.REFUSED and outcome.text == commands.CHANGED:
        return _ask_about_tree(
            request, pbx, family, _("It has changed meanwhile, so nothing was done. Check it again.")
        )
    deleted = outcome.data["deleted"] if outcome.data else 0
    if deleted:
        entries = outcome.data["entries"]
        if entries is None:
            _forget(request, pbx)
        else:
            _remember(request, pbx, [[name, value, None] for name, value in entries], family)
    if not outcome.done:
        failure = _words(outcome)
        if deleted:
            text = ngettext(
                "Only %(number)s entry was deleted. %(failure)s",
                "Only %(number)s entries were deleted. %(failure)s",
                deleted,
            )
            failure = text % {"number": deleted, "failure": failure}
        return _ask_about_tree(request, pbx, family, failure, toasts.code(outcome))
    text = ngettext(
        "%(family)s was deleted: %(number)s entry.", "%(family)s was deleted: %(number)s entries.", int(number)
    )
    messages.success(request, text % {"family": f"/{family}", "number": number})
    return redirect(_address(pbx, family.rpartition("/")[0]))


def _ask_about_tree(request: HttpRequest, pbx: PBX, family: str, failure: str = "", status: int = 200) -> HttpResponse:
    context: dict[str, Any] = {"family": family, "back": _address(pbx, family), "failure": failure}
    if family and not commands.complaint(family):
        outcome = commands.browse.ask(user_of(request), pbx, commands.Browse(family))
        if outcome.done:
            entries = [Entry(name, value, family) for name, value in outcome.data["entries"] if name != f"/{family}"]
            number = outcome.data["total"]
            context |= {
                "number": number,
                "named": entries[:_NAMED],
                "unnamed": number - min(number, _NAMED),
                "can_be_undone": number <= commands.UNDOABLE,
                "undoable": commands.UNDOABLE,
            }
        else:
            context["failure"] = failure or _words(outcome)
    return page(request, pbx, "astdb", context, status=status, template="system/astdb/tree.html")


@require_POST
@on_pbx("change_astdb")
def astdb_undo(request: HttpRequest, pbx: PBX) -> HttpResponse:
    """POST: undo the `change` that is the user's last."""
    user = user_of(request)
    change = _change_of(user, pbx)
    if change is None or str(change.pk) != request.POST.get("change"):
        text = _("This was not your last change, or it has already been undone. Reload the page to see which was.")
        return toasts.toast(request, "warning", text, 409)
    lost = [name for name, before, _after in change.entries if before is not None and commands.complaint(before)]
    entries = [entry for entry in change.entries if entry[0] not in lost]
    if not entries:
        text = _("This cannot be undone: AMI cannot write the previous value (%(why)s).")
        why = commands.complaint(change.entries[0][1])
        return toasts.toast(request, "danger", text % {"why": why}, 409)
    outcome = commands.undo.ask(user, pbx, commands.Undo(entries, change.family))
    if outcome.status is Status.REFUSED and outcome.text == commands.CHANGED:
        text = _("%(name)s has changed since, so nothing was undone.") % {"name": outcome.data["name"]}
        return toasts.toast(request, "warning", text, 409)
    if not outcome.done:
        return toasts.toast(request, "danger", _words(outcome), toasts.code(outcome))
    change.delete()
    if change.family:
        text = ngettext("%(number)s entry was restored.", "%(number)s entries were restored.", len(entries))
        messages.success(request, text % {"number": len(entries)})
        if lost:
            text = _("These were not, because AMI cannot write their values: %(names)s")
            messages.warning(request, text % {"names": ", ".join(lost[:_NAMED])})
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    name, before, _after = entries[0]
    response = toasts.toast(request, "success", _("%(name)s was restored.") % {"name": name})
    _show(request, pbx, response, name, before)
    return response


def _remember(request: HttpRequest, pbx: PBX, entries: list[list[str | None]], family: str = "") -> None:
    """What a user has done last. A new row, so that what another of their tabs offers to undo is not taken for it."""
    _forget(request, pbx)
    AstDbChange.objects.create(pbx=pbx.name, user=user_of(request), entries=entries, family=family)


def _forget(request: HttpRequest, pbx: PBX) -> None:
    AstDbChange.objects.filter(pbx=pbx.name, user=user_of(request)).delete()


def _change_of(user: User, pbx: PBX) -> AstDbChange | None:
    return AstDbChange.objects.filter(pbx=pbx.name, user=user).first()


def _address(pbx: PBX, family: str) -> str:
    address = reverse("system-astdb", args=[pbx.name])
    return f"{address}?{urlencode({'family': family})}" if family else address


def _words(outcome: Outcome) -> str:
    if outcome.status is Status.REFUSED and "Failed to update" in outcome.text:
        return _(
            "Asterisk could not write it. Older versions accept no more than about 250 bytes of family and key "
            "together."
        )
    if outcome.status is Status.NOT_PERMITTED:
        return _(
            "The PBX does not permit the panel to do that: in manager.conf its user needs the class “system” "
            "(to read, “reporting” is enough)."
        )
    return toasts.words(outcome, _("This entry no longer exists."))

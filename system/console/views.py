"""The page that sends any AMI action."""

import re
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.identity import user_of
from audit.models import SUBJECT_SIZE
from engine.ami.errors import IllegalField
from engine.ami.protocol import Action
from engine.mirror.commands import Outcome, Status, look_up
from engine.mirror.envelopes import Fields
from engine.mirror.models import PBX
from engine.mirror.sanitize import columns
from web import toasts

from ..pages import on_pbx, page
from . import commands

_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
# In the form, before the name of a field that the help tells of.
_PREFIX = "field:"
# How many events of a list are shown as a table, and how many columns it has.
_ROWS, _COLUMNS = 500, 40


class Malformed(ValueError):
    """A form from which no action can be made; the first argument is a sentence that says why."""


@dataclass(frozen=True, slots=True)
class Table:
    """Events of a list, one in each row; `left_off` are too many to be shown."""

    columns: list[str]
    rows: list[list[str]]
    left_off: int


@require_safe
@on_pbx("send_actions", confirmed=True)
def show(request: HttpRequest, pbx: PBX) -> HttpResponse:
    """GET: a form with every action that the panel's manager user may use; `name` chooses one."""
    outcome = look_up(pbx.name, "system.actions")
    context: dict[str, Any] = {"failure": "" if outcome.done else toasts.words(outcome, "")}
    context["actions"] = commands.known(outcome.data or [])
    context["name"] = request.GET.get("name", "")
    if context["name"]:
        context |= _form(pbx, context["name"])
    return page(request, pbx, "action", context)


@require_safe
@on_pbx("send_actions")
def form(request: HttpRequest, pbx: PBX) -> HttpResponse:
    """GET: the fields of the action `name`, and Asterisk's own help for it."""
    return render(request, "system/console/_form.html", {"pbx": pbx, **_form(pbx, request.GET.get("name", ""))})


def _form(pbx: PBX, name: str) -> dict[str, Any]:
    name = name.strip()
    if not _NAME.fullmatch(name):
        return {"name": ""}
    if reason := commands.refusal(name):
        return {"name": name, "refusal": reason}
    outcome = look_up(pbx.name, "system.action_help", {"name": name})
    lines = [columns(line) for line in outcome.data or []]
    is_known = any(line.strip() for line in lines)
    return {
        "name": name,
        "fields": commands.fields_of(lines),
        "help": "\n".join(lines).strip() if outcome.done and is_known else "",
        "no_help": "" if outcome.done else toasts.words(outcome, ""),
    }


@require_POST
@on_pbx("send_actions", confirmed=True)
def send(request: HttpRequest, pbx: PBX) -> HttpResponse:
    """POST: send the action `name` with each `field:…` that is filled in, and with the lines of `more`."""
    try:
        action = _action(request.POST)
    except Malformed as error:
        return _answer(request, {"failure": str(error.args[0])}, 400)
    outcome = commands.send.ask(
        user_of(request),
        pbx,
        commands.AnyAction(action.name, [list(pair) for pair in action.fields]),
        subject=commands.subject(action),
        timeout=commands.timeout_of(action),
    )
    failure = "" if outcome.done else _words(outcome)
    data = outcome.data or {"fields": [], "events": [], "left_off": 0, "outcome": []}
    context = {
        "failure": failure,
        "action": action,
        "response": data["fields"],
        "outcome": data["outcome"],
        "no_outcome": outcome.done and commands.waits_for_outcome(action) and not data["outcome"],
        "table": _table(data["events"], data["left_off"]),
        "raw": _raw([data["fields"], *data["events"], data["outcome"]]),
    }
    return _answer(request, context, 200)


def _action(form: QueryDict) -> Action:
    """Raises `Malformed`."""
    name = form.get("name", "").strip()
    if not _NAME.fullmatch(name):
        raise Malformed(_("Choose an action."))
    if reason := commands.refusal(name):
        raise Malformed(_("%(action)s cannot be sent from here. %(reason)s") % {"action": name, "reason": reason})
    fields = [
        (key.removeprefix(_PREFIX), value)
        for key, values in form.lists()
        if key.startswith(_PREFIX)
        for value in values
        if value
    ]
    for number, line in enumerate(form.get("more", "").splitlines(), 1):
        if not line.strip():
            continue
        key, colon, value = line.partition(":")
        if not colon or not key.strip():
            text = _("Line %(number)s of the further fields is not a field. Write it as Name: value.")
            raise Malformed(text % {"number": number})
        fields.append((key.strip(), value.strip()))
    if any(key.lower() in ("action", "actionid") for key, _value in fields):
        raise Malformed(_("Action and ActionID are set by the panel; leave them out."))
    try:
        action = Action(name, tuple(fields))
    except IllegalField as error:
        raise Malformed(str(error)) from error
    if len(commands.subject(action)) > SUBJECT_SIZE:
        raise Malformed(_("The action is too long to be recorded in full, so it was not sent. Leave fields out."))
    return action


def _words(outcome: Outcome) -> str:
    if outcome.status is Status.REFUSED:
        return _("The PBX refused: %(answer)s") % {"answer": outcome.text}
    return toasts.words(outcome, "")


def _answer(request: HttpRequest, context: dict[str, Any], status: int) -> HttpResponse:
    return render(request, "system/console/_answer.html", context, status=status)


def _table(events: list[Fields], left_off: int) -> Table | None:
    if not events:
        return None
    names = list(dict.fromkeys(key for event in events for key, _value in event if key != "ActionID"))[:_COLUMNS]
    rows = []
    for event in events[:_ROWS]:
        values: dict[str, str] = {}
        for key, value in event:
            values[key] = f"{values[key]}, {value}" if key in values else value
        rows.append([values.get(name, "") for name in names])
    return Table(names, rows, len(events) - len(rows) + left_off)


def _raw(messages: list[Fields]) -> str:
    """As AMI has it: the response, then the events."""
    return "\n\n".join(
        "\n".join(f"{key}: {columns(value)}" for key, value in message) for message in messages if message
    )

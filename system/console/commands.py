"""Any AMI action: those that this manager user may use, their fields, and sending one, with its whole answer."""

import asyncio
import contextlib
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from engine.ami import actions
from engine.ami.protocol import Action, Message
from engine.mirror.commands import Outcome
from engine.mirror.context import CommandContext, outcome_of
from engine.mirror.envelopes import Fields
from engine.mirror.models import PBX
from engine.mirror.registry import lookup
from engine.mirror.verbs import ON_PBX, Parameters, Rule, verb

from ..config.file import masked
from ..masking import is_secret, masked_text

# Actions about the session itself, which the panel opens for one action and closes after it.
_OF_THE_SESSION = _("It concerns the session in which it is sent, and the panel opens a new one for each action.")
REFUSED = dict.fromkeys(("login", "logoff", "challenge", "events", "filter", "waitevent"), _OF_THE_SESSION)
_MASKED = "•••"
# Of a line of `ListCommands`: what the action does, and the privileges of which it takes one.
_LISTED = re.compile(r"(.*?)\s*\(Priv: (.*)\)\s*", re.DOTALL)
# Of Asterisk's help: `Channel: <value>`, or in brackets what may be left out.
_SYNTAX = re.compile(r"(\[?)([A-Za-z0-9_.-]+):\]? <value>")
_MARK_OF_THE_ANSWER = ("Response", "ActionID", "Message")
# What Asterisk's ast_true takes for yes.
_TRUE = ("yes", "true", "y", "t", "1", "on")
# How long an answer may take, in seconds. A call that is originated rings for as long as Asterisk lets it, unless the
# action says less; and its outcome comes a little after that.
TIMEOUT, _RINGS, _AFTER_RINGING = 15.0, 30.0, 3.0
# The classes of the events among which it comes; the second tells that Asterisk has booted.
_ORIGINATE_EVENTS = "call,system"


@dataclass(frozen=True, slots=True)
class Known:
    """An action that Asterisk lists. `privileges` as it writes them, `system,call,all`; empty where it takes none."""

    name: str
    synopsis: str
    privileges: str


@dataclass(frozen=True, slots=True)
class Field:
    """What an action takes by its help; `needed`: it cannot do without."""

    name: str
    needed: bool


def refusal(name: str) -> str:
    """Why an action is not sent from here; empty if it is."""
    return str(REFUSED.get(name.strip().lower(), ""))


def subject(action: Action) -> str:
    """An action as the audit trail records it: with its fields, but without secrets."""
    files = {_value(action, "SrcFilename"), _value(action, "DstFilename")}
    fields = [(key.strip().lower().partition("-"), value) for key, value in action.fields]
    variables = {number: value.strip() for (kind, _separator, number), value in fields if kind == "var"}

    def shown(key: str, value: str) -> str:
        # An `UpdateConfig` sets the variable `Var-000000`, which was `Match-000000`, to `Value-000000`.
        kind, _separator, number = key.strip().lower().partition("-")
        if kind in ("value", "match") and (variable := variables.get(number)):
            is_kept = all(masked(file, (variable, value))[1] == value for file in files)
        else:
            is_kept = not is_secret(key) and key.strip().lower() != "auth"
        return masked_text(value) if is_kept else _MASKED

    return ", ".join((action.name, *(f"{key}: {shown(key, value)}" for key, value in action.fields)))


def known(listed: Iterable[Sequence[str]]) -> list[Known]:
    """The fields of the answer to `ListCommands` → the actions, by name, without those that are refused."""
    found = []
    for name, text in listed:
        match = _LISTED.fullmatch(text)
        if match is None or name in _MARK_OF_THE_ANSWER or refusal(name):
            continue
        privileges = "" if match[2] == "<none>" else match[2]
        found.append(Known(name, match[1], privileges))
    return sorted(found, key=lambda action: action.name.lower())


def fields_of(help_lines: Iterable[str]) -> list[Field]:
    """What an action takes, by the first `[Syntax]` of its help; that of its events comes after."""
    found: list[Field] = []
    is_syntax = False
    for line in help_lines:
        if line.startswith("[") and line.endswith("]") and ":" not in line:
            if is_syntax:
                break
            is_syntax = line == "[Syntax]"
        elif is_syntax and (match := _SYNTAX.match(line.strip())) and match[2] not in ("Action", "ActionID"):
            found.append(Field(match[2], not match[1]))
    return found


@lookup("system.actions")
async def listed(ctx: CommandContext, parameters: Mapping[str, Any]) -> Outcome:
    """`ListCommands`. Data: its fields, name and text of each."""
    answer = await ctx.ask(Action("ListCommands"))
    return Outcome(outcome_of(answer).status, answer.text, [list(pair) for pair in answer.response.pairs()])


@lookup("system.action_help")
async def help_for(ctx: CommandContext, parameters: Mapping[str, Any]) -> Outcome:
    """`manager show command`, of the action `name`. Data: its lines; the manager user needs the class command."""
    answer = await ctx.ask(actions.command(f"manager show command {parameters['name']}"))
    return Outcome(outcome_of(answer).status, answer.text, answer.response.output)


@dataclass(frozen=True, slots=True)
class AnyAction(Parameters):
    """The `name` of an action, and its `fields`."""

    name: str
    fields: Fields


@verb(
    "action",
    _("AMI action"),
    ON_PBX,
    Rule("system.send_actions"),
    parameters=AnyAction,
    actions=None,
    view="system-action-send",
    topic=lambda pbx, wanted: "action",
)
async def send(ctx: CommandContext, pbx: PBX, wanted: AnyAction) -> Outcome:
    """Send an action in a session of its own. Data: that of a `Reply`, and `outcome`.

    An `Originate` that does not wait (`Async`) is answered before anything has happened, and Asterisk tells how it
    ended in an `OriginateResponse`: that is waited for, and is the `outcome` (none where the time was over before).
    """
    action = Action(wanted.name, tuple((key, value) for key, value in wanted.fields))
    if waits_for_outcome(action):
        return await _originate(ctx, action)
    outcome = await ctx.reply_to(action)
    return Outcome(outcome.status, outcome.text, {**outcome.data, "outcome": []})


async def _originate(ctx: CommandContext, action: Action) -> Outcome:
    action_id = uuid.uuid4().hex
    ended: asyncio.Future[Fields] = asyncio.get_running_loop().create_future()

    def on_event(event: Message) -> None:
        if event.name == "OriginateResponse" and event.get("ActionID") == action_id and not ended.done():
            ended.set_result([list(pair) for pair in event.pairs()])

    outcome: Fields = []
    async with ctx.aside(on_event, _ORIGINATE_EVENTS) as session:
        answer = await session.ask(action, timeout=ctx.left, action_id=action_id)
        if answer.ok:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ctx.left):
                    outcome = await ended
    fields = [list(pair) for pair in answer.response.pairs()]
    return Outcome(
        outcome_of(answer).status, answer.text, {"fields": fields, "events": [], "left_off": 0, "outcome": outcome}
    )


def waits_for_outcome(action: Action) -> bool:
    """Whether it is an Originate that Asterisk answers before it has ended."""
    return action.name.lower() == "originate" and _value(action, "Async").lower() in _TRUE


def timeout_of(action: Action) -> float:
    """How long an answer may take, in seconds: an Originate waits until its call is answered, or has failed."""
    if action.name.lower() != "originate":
        return TIMEOUT
    ringing = _value(action, "Timeout")
    seconds = int(ringing[:9]) / 1000 if ringing.isascii() and ringing.isdecimal() else _RINGS
    return min(seconds, _RINGS) + _AFTER_RINGING


def _value(action: Action, key: str) -> str:
    return next((value.strip() for name, value in action.fields if name.lower() == key.lower()), "")

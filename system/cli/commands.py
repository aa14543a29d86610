"""Asterisk's CLI over AMI: a command and what it prints, completion, and what a user may run."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from audit.models import AuditEntry
from engine import limits
from engine.ami import actions
from engine.mirror import sanitize
from engine.mirror.commands import Outcome, Status, look_up
from engine.mirror.completion import completed
from engine.mirror.context import CommandContext
from engine.mirror.models import PBX
from engine.mirror.registry import lookup
from engine.mirror.verbs import ON_PBX, Feature, Parameters, Rule, Weight, verb
from web import toasts

from ..masking import masked_output, masked_text
from . import rules as cli_rules
from .models import CliRules
from .rules import Malformed, Rules

TOPIC = "cli"
# How many lines of an answer are shown at first, and at all.
FIRST_LINES, MOST_LINES = 300, 20_000
# How many commands of the past one can go back to, and how many ways to go on are shown.
REMEMBERED, WAYS_ON = 200, 100
# Not from the configuration: what Asterisk says about an application, or a function.
_HELP = (["core", "show", "application"], ["core", "show", "function"])
_NO_SUCH_COMMAND = "No such command "


@dataclass(frozen=True, slots=True)
class Entry:
    """What the screen shows of one command: what was typed, what Asterisk printed, and what went wrong, in words.

    `question`: it was not run yet, since it changes something; the user is asked first.
    """

    command: str
    lines: Sequence[str] = ()
    rest: Sequence[str] = ()
    left_off: int = 0
    failure: str = ""
    question: bool = False


def rules_of(user: User) -> list[Rules]:
    """Those of the groups of a user. Queries the database."""
    return [row.rules for row in CliRules.objects.filter(group__user=user).order_by("group__name")]


def history_of(user: User) -> list[str]:
    """The commands that the user ran, on any PBX, the newest last; one that was repeated in turn is there once."""
    entries = AuditEntry.objects.filter(user=user, topic=TOPIC).values_list("subject", flat=True)[:REMEMBERED]
    newest_last = list(entries)[::-1]
    return [line for at, line in enumerate(newest_last) if at == 0 or newest_last[at - 1] != line]


@dataclass(frozen=True, slots=True)
class Line(Parameters):
    """What is typed at Asterisk's console."""

    line: str


@verb(
    "cli",
    gettext_lazy("CLI command"),
    ON_PBX,
    Rule("system.use_cli"),
    parameters=Line,
    actions=[actions.command],
    feature=Feature(gettext_noop("the CLI"), Weight.ADMINISTRATIVE),
    timeout=15.0,
    view="system-cli-give",
    describe=lambda pbx, typed: masked_text(typed.line),
    topic=lambda pbx, typed: TOPIC,
)
async def run_line(ctx: CommandContext, pbx: PBX, typed: Line) -> Outcome:
    """`Command`, in a session of its own."""
    return await ctx.reply_to(actions.command(typed.line))


def give(pbx: PBX, user: User, words: Sequence[str]) -> Entry:
    """Have Asterisk run a command, and record it; one that is not allowed is recorded too, but not sent."""
    line = cli_rules.line_of(words)
    outcome = run_line.ask(user, pbx, Line(line), lambda: refusal(user, words))
    # Users whose rules allow a command that shows secrets see them; what everybody may run shows none.
    shows_secrets = not cli_rules.allows((), words) or [word.lower() for word in words[:3]] in _HELP
    return entry_of(line, outcome, shows_secrets=shows_secrets)


def refusal(user: User, words: Sequence[str]) -> str:
    """Why the user may not run this command, and what would permit it; empty if they may."""
    groups = rules_of(user)
    if cli_rules.allows(groups, words):
        return ""
    line = cli_rules.line_of(words)
    if any(rules.refuses(words) for rules in groups):
        return _("A rule of one of your groups refuses “%(command)s”.") % {"command": line}
    if not user.groups.exists():
        return _(
            "You may not run this command. It needs the rule “%(rule)s” for a group that you are in, and you are in "
            "none. Under Administration, add yourself to a group in Users, and add the rule in CLI rules."
        ) % {"rule": line}
    who = _("An administrator can add it")
    if user.has_perm("system.add_clirules"):
        who = _("You can add it")
    return _(
        "You may not run this command. It needs the rule “%(rule)s” for one of your groups. %(who)s under "
        "Administration, CLI rules."
    ) % {"rule": line, "who": who}


def entry_of(line: str, outcome: Outcome, *, shows_secrets: bool = False) -> Entry:
    """What came of a command, for the screen."""
    found = [sanitize.columns(printed) for value in outcome.reply.all("Output") for printed in value.split("\n")]
    if not shows_secrets:
        found = [masked_output(printed) for printed in found]
    shown = found[:MOST_LINES]
    return Entry(
        line, shown[:FIRST_LINES], shown[FIRST_LINES:], len(found) - len(shown), _failure(line, outcome, found)
    )


def _failure(line: str, outcome: Outcome, lines: Sequence[str]) -> str:
    # Before version 16 or so it counted as a success.
    if lines and lines[0].startswith(_NO_SUCH_COMMAND):
        return _("Asterisk does not know this command. Press Tab to see how a command can continue.")
    if outcome.done:
        return ""
    if outcome.status is Status.NO_ANSWER:
        return _("Asterisk did not answer in time. The command may still be running: check before you run it again.")
    if outcome.text == "Command blacklisted":
        return _("Asterisk does not permit this command over AMI, only on its own console.")
    if lines:
        return _("The command failed.")
    return toasts.words(outcome, "")


@dataclass(frozen=True, slots=True)
class Completion:
    """Completion of a command: the line as far as it is certain, and the words that may replace its last one."""

    line: str
    options: Sequence[str] = ()
    left_off: int = 0
    failure: str = ""


def complete(pbx: str, user: User, line: str) -> Completion:
    """How Asterisk would complete a line, limited to what the user may run."""
    if len(line) > limits.COMMAND:
        return Completion(line)
    head, last = _split(line)
    groups = rules_of(user)
    try:
        before = cli_rules.words_of(head) if head.strip() else []
    except Malformed:
        return Completion(line)
    if not cli_rules.may_begin(groups, before):
        return Completion(line)
    outcome = look_up(pbx, "system.complete", {"line": line, "last": last})
    if outcome.status is Status.REFUSED:
        return Completion(line, failure=_("This PBX does not support command completion."))
    if not outcome.done:
        return Completion(line, failure=toasts.words(outcome, ""))
    options = [word for word in outcome.data if cli_rules.may_begin(groups, [*before, word])]
    if not options:
        return Completion(line)
    common = _common(options)
    certain = common if len(common) >= len(last) else last
    completed = head + certain + (" " if len(options) == 1 else "")
    return Completion(completed, options[:WAYS_ON], max(0, len(options) - WAYS_ON))


def _split(line: str) -> tuple[str, str]:
    """A line up to its last word, and that word; empty after a blank."""
    last = re.search(r"[^ \t]*\Z", line)
    at = last.start() if last else len(line)
    return line[:at], line[at:]


def _common(words: Sequence[str]) -> str:
    """What all of these begin with; there is at least one."""
    first, last = min(words), max(words)
    length = next((at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    return first[:length]


@lookup("system.complete")
async def matches(ctx: CommandContext, parameters: Mapping[str, Any]) -> Outcome:
    """Completion of a `line` whose `last` word this is. Data: the words that match."""
    return await completed(ctx, parameters["line"], parameters["last"])

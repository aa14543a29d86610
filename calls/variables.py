"""Variables and functions of a channel, and global ones."""

from dataclasses import dataclass
from functools import partial

from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from engine.ami import actions
from engine.ami.client import Session
from engine.mirror.commands import Outcome
from engine.mirror.context import CommandContext, outcome_of
from engine.mirror.models import PBX
from engine.mirror.verbs import ON_PBX, Builder, Feature, Parameters, Rule, Weight, permission, verb

# Functions whose reading does nothing, reveals no secret and evaluates nothing: for users who may only see variables.
# Of all others there are too many that run a program, write a file, ask another host or read the configuration; and
# CUT and MASTER_CHANNEL evaluate whatever function stands in their argument, VM_INFO tells a mailbox's password.
HARMLESS = frozenset(
    (
        "AOC", "CALLERID", "CALLERPRES", "CDR", "CHANNEL", "CHANNELS", "CONFBRIDGE_INFO", "CONNECTEDLINE",
        "DEVICE_STATE", "DIALGROUP", "DIALPLAN_EXISTS", "EXCEPTION", "EXISTS", "EXTENSION_STATE", "FEATURE", "GLOBAL",
        "GROUP", "GROUP_COUNT", "GROUP_LIST", "GROUP_MATCH_COUNT", "HANGUPCAUSE", "HANGUPCAUSE_KEYS", "HINT",
        "ISNULL", "LEN", "LOCAL", "MIXMONITOR", "PJSIP_AOR", "PJSIP_CONTACT", "PJSIP_DIAL_CONTACTS",
        "PJSIP_ENDPOINT", "PRESENCE_STATE", "QUEUE_EXISTS", "QUEUE_MEMBER", "QUEUE_MEMBER_COUNT", "QUEUE_VARIABLES",
        "QUEUE_WAITING_COUNT", "REDIRECTING", "SHARED", "STACK_PEEK", "STRFTIME", "SYSINFO", "TIMEOUT",
        "TOLOWER", "TOUPPER", "VALID_EXTEN", "VERSION",
    )
)  # fmt: skip
# Which of the others AMI may use only where asterisk.conf has `live_dangerously = yes`.
DANGEROUS = frozenset(
    (
        "CONFBRIDGE", "CURL", "DB", "DB_DELETE", "FILE", "FILE_COUNT_LINE", "FILE_FORMAT",
        "LOCK", "PERIODIC_HOOK", "REALTIME", "REALTIME_DESTROY", "REALTIME_STORE", "SHELL", "STAT", "TRYLOCK",
        "UNLOCK",
    )
)  # fmt: skip
_GLOBAL_BEGINS = "   "


def function_of(name: str) -> str:
    """The function that Asterisk takes a name for: `CHANNEL` of `CHANNEL(state)`; empty for that of a variable."""
    return name.partition("(")[0] if name.endswith(")") and "(" in name else ""


def is_harmless(name: str) -> bool:
    """Whether reading this does no more than return the value of a variable, or of a function that is known to."""
    return function_of(name) in HARMLESS if name.endswith(")") else True


CHANGE = permission("system.access", "change_variables", _("Can set variables"), ("Administrator",))
SEE = "system.see_variables"
VARIABLES = Feature(gettext_noop("variables"), Weight.ADMINISTRATIVE)


@dataclass(frozen=True, slots=True)
class Variable(Parameters):
    """A variable or function by its `name`, of a `channel` or, where that is empty, a global one; and a `value`."""

    channel: str
    name: str = ""
    value: str = ""


def _described(pbx: PBX, wanted: Variable) -> str:
    return " of ".join(part for part in (wanted.name, wanted.channel) if part) or "*"


_verb = partial(
    verb,
    target=ON_PBX,
    parameters=Variable,
    feature=VARIABLES,
    describe=_described,
    topic=lambda pbx, wanted: "variables",
)
_READS: list[Builder] = [actions.getvar, actions.getvar_global]


@_verb(
    "get-variable",
    _("Read a variable"),
    rule=Rule(SEE),
    actions=_READS,
    optional=[actions.command],
    view="system-variables-get",
)
async def get(ctx: CommandContext, pbx: PBX, wanted: Variable) -> Outcome:
    """`Getvar` of `name`, of a `channel` or, where that is empty, a global one.

    Data: `value`, and of a function without a value whether it is `known` (None: Asterisk does not say).
    """
    async with ctx.aside() as session:
        return await _get(ctx, session, wanted.channel, wanted.name)


@_verb(
    "set-variable",
    _("Set a variable"),
    rule=Rule(CHANGE),
    actions=[*_READS, actions.setvar, actions.setvar_global],
    optional=[actions.command],
    view="system-variables-set",
)
async def set_(ctx: CommandContext, pbx: PBX, wanted: Variable) -> Outcome:
    """`Setvar` of `name` to `value`. Data as of `get`: what it is now; of one that was not set, `known` alone."""
    channel, name, value = wanted.channel, wanted.name, wanted.value
    async with ctx.aside() as session:
        action = actions.setvar(channel, name, value) if channel else actions.setvar_global(name, value)
        answer = await session.ask(action, timeout=ctx.left)
        if not answer.ok:
            return Outcome(outcome_of(answer).status, answer.text, {"known": await _is_known(ctx, session, name)})
        if not is_harmless(name):  # reading it may do more than that
            return Outcome(outcome_of(answer).status, answer.text, {"value": value, "known": True})
        return await _get(ctx, session, channel, name)


async def _get(ctx: CommandContext, session: Session, channel: str, name: str) -> Outcome:
    action = actions.getvar(channel, name) if channel else actions.getvar_global(name)
    answer = await session.ask(action, timeout=ctx.left)
    value = answer.response.get("Value")
    known = True if value or not answer.ok else await _is_known(ctx, session, name)
    return Outcome(outcome_of(answer).status, answer.text, {"value": value, "known": known})


async def _is_known(ctx: CommandContext, session: Session, name: str) -> bool | None:
    """Whether Asterisk has this function; of a variable always. None: a manager user who may give no command."""
    function = function_of(name)
    if not function or not function.replace("_", "").isalnum():
        return not function
    answer = await session.ask(actions.command(f"core show function {function}"), timeout=ctx.left)
    if any("No function by that name" in line for line in answer.response.output):
        return False
    return True if answer.response.output else None


@_verb(
    "list-variables",
    _("Read all variables"),
    rule=Rule(SEE),
    actions=[actions.status_with_variables],
    optional=[actions.command],
    view="system-variables-all",
)
async def everything(ctx: CommandContext, pbx: PBX, wanted: Variable) -> Outcome:
    """All variables of a `channel`, or all global ones. Data: name and value of each, by name."""
    channel = wanted.channel
    if not channel:
        outcome = await ctx.reply_to(actions.command("dialplan show globals"))
        return Outcome(outcome.status, outcome.text, globals_in(outcome.reply.all("Output")))
    outcome = await ctx.reply_to(actions.status_with_variables(channel))
    fields = [pair for event in outcome.reply.events for pair in event]
    pairs = [value.partition("=") for key, value in fields if key == "Variable"]
    return Outcome(outcome.status, outcome.text, sorted([name, value] for name, _equals, value in pairs))


def globals_in(lines: list[str]) -> list[list[str]]:
    """What `dialplan show globals` prints → name and value of each, by name. A value may go over several lines."""
    found: list[list[str]] = []
    for line in lines:
        if line.startswith("    -- ") and line.endswith("variable(s)"):
            break
        name, equals, value = line.removeprefix(_GLOBAL_BEGINS).partition("=")
        if line.startswith(_GLOBAL_BEGINS) and equals:
            found.append([name, value])
        elif found:
            found[-1][1] += f"\n{line}"
    if found:
        found[-1][1] = found[-1][1].removesuffix("\n")
    return sorted(found)

"""The present status of a PBX: what only the worker that leads it knows."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from engine.ami import actions
from engine.mirror.commands import Outcome, Status
from engine.mirror.context import CommandContext, outcome_of
from engine.mirror.models import PBX
from engine.mirror.registry import lookup
from engine.mirror.verbs import ON_PBX, Feature, Parameters, Rule, Weight, permission, verb

# Asterisk's own clock, in the form and the time zone in which `CoreStatus` tells of its start.
_NOW = "STRFTIME(,,%Y-%m-%d %H:%M:%S)"
# How many kinds of events are listed by name.
KINDS = 8


@lookup("system.status")
async def status(ctx: CommandContext, parameters: Mapping[str, Any]) -> Outcome:
    """`CoreStatus`, `CoreSettings` and the events of the last minute.

    Data: `version`, `ami`, `started`, `reloaded` (as Asterisk writes them), `up` and `since_reload` (seconds, or None
    where its clock cannot be read), `channels` (now), `processed` (since its start; empty where it does not say),
    `most` (its limit of them; 0 is none), `kinds` (name and number of events in the last seconds, the most frequent
    first; the rest has no name), `unread` (those that were dropped unread), `seconds` (for each, oldest first: how
    many of each named kind, of the rest, and unread).
    """
    core = await ctx.ask(actions.core_status())
    if not core.ok:
        return outcome_of(core)
    settings = (await ctx.ask(actions.core_settings())).response
    now = _moment((await ctx.ask(actions.getvar_global(_NOW))).response.get("Value"))
    answer = core.response
    started = f"{answer.get('CoreStartupDate')} {answer.get('CoreStartupTime')}"
    reloaded = f"{answer.get('CoreReloadDate')} {answer.get('CoreReloadTime')}"
    processed = answer.get("CoreProcessedCalls") or await _processed(ctx)
    data = {
        "version": settings.get("AsteriskVersion"),
        "ami": settings.get("AMIversion"),
        "started": started,
        "reloaded": reloaded,
        "up": _between(started, now),
        "since_reload": _between(reloaded, now),
        "channels": answer.get("CoreCurrentCalls"),
        "processed": processed,
        "most": settings.get("CoreMaxCalls"),
        **heard(list(ctx.event_counts)),
    }
    return Outcome(Status.DONE, data=data)


async def _processed(ctx: CommandContext) -> str:
    """`core show calls`: versions before 20 tell there alone. Empty for a manager user who may give no command."""
    answer = await ctx.ask(actions.command("core show calls"))
    lines = [line for line in answer.response.output if line.endswith(("calls processed", "call processed"))]
    return lines[0].split()[0] if lines else ""


def heard(seconds: list[Counter[str]]) -> dict[str, Any]:
    """Numbers for the chart, out of how many events of which name came in each second."""
    total: Counter[str] = sum(seconds, Counter())
    unread = total.pop("", 0)
    frequent = total.most_common(KINDS)
    rest = total.total() - sum(number for _name, number in frequent)
    kinds = [[name, number] for name, number in frequent] + ([["", rest]] if rest else [])
    names = [name for name, _number in frequent]
    by_kind = [[second[name] for name in names] for second in seconds]
    return {
        "seconds": [
            [*numbers, second.total() - second[""] - sum(numbers), second[""]]
            for second, numbers in zip(seconds, by_kind, strict=True)
        ],
        "kinds": kinds,
        "unread": unread,
    }


RELOAD = permission("system.access", "reload", _("Can have Asterisk reload its modules"), ("Administrator",))
RELOADING = Feature(gettext_noop("reloading modules"), Weight.ADMINISTRATIVE)


@dataclass(frozen=True, slots=True)
class Reload(Parameters):
    """A `module`, such as `res_pjsip.so`; empty for all."""

    module: str


@verb(
    "reload",
    _("Reload"),
    ON_PBX,
    Rule(RELOAD),
    parameters=Reload,
    actions=[actions.reload],
    feature=RELOADING,
    # How long Asterisk may take to read its modules anew, in seconds.
    timeout=20.0,
    view="system-reload",
    describe=lambda pbx, wanted: wanted.module or "*",
)
async def reload(ctx: CommandContext, pbx: PBX, wanted: Reload) -> Outcome:
    """`Reload`, in a session of its own."""
    return await ctx.reply_to(actions.reload(wanted.module))


@lookup("system.modules")
async def modules(ctx: CommandContext, parameters: Mapping[str, Any]) -> Outcome:
    """`module show`: data is the names of what is loaded, `res_pjsip.so`."""
    answer = await ctx.ask(actions.command("module show"))
    lines = [line.split() for line in answer.response.output]
    found = sorted({words[0] for words in lines if words and words[0].endswith(".so")})
    return Outcome(outcome_of(answer).status, answer.text, found)


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _between(begin: str, end: datetime | None) -> int | None:
    moment = _moment(begin)
    return int((end - moment).total_seconds()) if moment and end else None

"""A verb of the tests' own: hanging up a channel by its name, whether the panel knows it or not."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from engine.ami import actions
from engine.mirror import verbs
from engine.mirror.commands import Command, Outcome
from engine.mirror.context import CommandContext, outcome_of
from engine.mirror.models import PBX
from engine.mirror.verbs import ON_PBX, Parameters, Rule, Verb, verb

VERB = "pbx.hangup-by-name"


@dataclass(frozen=True, slots=True)
class Name(Parameters):
    channel: str


async def hang_up(ctx: CommandContext, pbx: PBX, wanted: Name) -> Outcome:
    return outcome_of(await ctx.ask(actions.hangup(wanted.channel), action_id=ctx.command_id))


@contextmanager
def hanging_up_by_name() -> Iterator[Verb[PBX, Name]]:
    """It is declared for this long."""
    declare = verb(
        "hangup-by-name", "Hang up by name", ON_PBX, Rule("calls.hangup_any"), parameters=Name, actions=[actions.hangup]
    )
    declared = declare(hang_up)
    try:
        yield declared
    finally:
        del verbs.verbs[VERB]


def command(channel: str, user_id: int, **options: object) -> Command:
    """The command to hang up the channel of this name."""
    declared = verbs.verbs[VERB]
    return declared.command(user_id, PBX(name="main"), Name(channel), **{"subject": channel, **options})

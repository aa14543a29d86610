"""Completion of a command line, as on Asterisk's console."""

from engine.ami import actions

from .commands import Outcome
from .context import CommandContext, outcome_of

# Ends what Asterisk answers to `_command matchesarray`.
_END = "_EOF_"


async def completed(ctx: CommandContext, line: str, last: str) -> Outcome:
    """What Asterisk's own console does on Tab, for a line and its last word. Data: the words that match.

    By the CLI's internal command `_command matchesarray`, with which `asterisk -r` asks (main/cli.c, main/asterisk.c).
    Raises `AmiError`.
    """
    escaped = [text.replace("\\", "\\\\").replace('"', '\\"') for text in (line, last)]
    answer = await ctx.ask(actions.command('_command matchesarray "{}" "{}"'.format(*escaped)))
    words = " ".join(answer.response.output).split(" ")
    # The first is their common prefix, empty where they have none.
    found = [word for word in words[1:] if word and word != _END] if _END in words else []
    outcome = outcome_of(answer)
    return Outcome(outcome.status, answer.text, sorted(set(found)))

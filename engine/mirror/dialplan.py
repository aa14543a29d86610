"""Dialplan of the panel's own, in a context of its own: steps of several actions that no single action can take."""

import re
from collections.abc import Mapping

from engine.ami import actions

from .commands import Outcome
from .context import CommandContext, first_failure

CONTEXT = "pbxpanel"
# Application and data of each step.
Steps = tuple[tuple[str, str], ...]

lasting: dict[str, Steps] = {}
"""Extensions in which people stay for long, so that a reload of the dialplan must not take their next step away: the
doctor looks for them in extensions.conf. Whoever has such ones adds them.
"""


async def write(ctx: CommandContext, extensions: Mapping[str, Steps]) -> Outcome:
    """`DialplanExtensionAdd` for each step: nobody has to paste anything. A reload of the dialplan takes it away.

    They are sent without waiting for each other's answers: a call is not to be moved later by the way to the PBX and
    back for each step. Returns the first outcome that is not done.
    """
    outcomes = await ctx.run_all(
        actions.dialplan_extension_add(CONTEXT, extension, priority, application, data)
        for extension, steps in extensions.items()
        for priority, (application, data) in enumerate(steps, 1)
    )
    return first_failure(outcomes)


def stanza(extensions: Mapping[str, Steps]) -> str:
    """The same as lines for extensions.conf, where a reload of the dialplan leaves it."""
    lines = [f"[{CONTEXT}]"]
    for extension, steps in extensions.items():
        begins = [f"exten => {extension},1", *([" same => n"] * (len(steps) - 1))]
        lines += [f"{begin},{name}({data})" for begin, (name, data) in zip(begins, steps, strict=True)]
    return "\n".join(lines) + "\n"


def argument(text: str) -> str:
    """A text as an argument of an application: nothing in it ends the argument."""
    return re.sub(r"([\\,\"()])", r"\\\1", text)

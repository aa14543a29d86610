"""Querying the state of one extension, or of one presence, as Asterisk says now."""

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from engine.ami import actions
from engine.mirror.commands import Outcome
from engine.mirror.context import CommandContext
from engine.mirror.models import PBX
from engine.mirror.verbs import ON_PBX, Feature, Parameters, Rule, Weight, verb


@dataclass(frozen=True, slots=True)
class Asked(Parameters):
    """An `extension` in a `context`, or else a `presentity`."""

    extension: str = ""
    context: str = ""
    presentity: str = ""


@verb(
    "ask-state",
    _("Query the state of"),
    ON_PBX,
    Rule("system.see_states"),
    parameters=Asked,
    actions=[actions.extension_state, actions.presence_state],
    feature=Feature(gettext_noop("querying a state"), Weight.ADMINISTRATIVE),
    view="system-states-ask",
    describe=lambda pbx, asked: asked.presentity or f"{asked.extension}@{asked.context}",
    topic=lambda pbx, asked: "states",
)
async def ask_state(ctx: CommandContext, pbx: PBX, asked: Asked) -> Outcome:
    """`ExtensionState` or `PresenceState`, in a session of its own."""
    if asked.presentity:
        return await ctx.reply_to(actions.presence_state(asked.presentity))
    return await ctx.reply_to(actions.extension_state(asked.context, asked.extension))

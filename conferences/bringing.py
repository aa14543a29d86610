"""Calls into a conference: one end, of which the other is let go, or everybody, by dialplan of the panel's own."""

from dataclasses import dataclass

from django import forms
from django.contrib.auth.models import User
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from calls.commands import CHANNEL
from calls.control import CONTROL_ANY, CONTROL_OWN, is_in_my_call, not_possible, partners
from calls.models import Channel, Transfer
from engine.ami import actions
from engine.mirror.commands import Outcome
from engine.mirror.context import CommandContext
from engine.mirror.dialplan import CONTEXT, argument
from engine.mirror.sanitize import shown
from engine.mirror.verbs import Rule, parameter, verb

from .models import Conference, Participant
from .moving import Move, profiles, write_dialplan
from .rooms.models import Room, may_moderate
from .targets import MODERATE, MOVING, TIMEOUT


@dataclass(frozen=True, slots=True)
class Bring(Move):
    """`to` is the name of a conference, which need not run; `who` is `one` end, or `all`."""

    who: str = parameter(
        forms.ChoiceField(
            choices=[("one", ""), ("all", "")],
            error_messages=dict.fromkeys(
                ("required", "invalid_choice"), gettext_lazy("Choose who shall join the conference.")
            ),
        )
    )


def _may_not_bring(user: User, channel: Channel, wanted: Bring) -> str:
    """Whoever brings somebody in must be a moderator there."""
    if may_moderate(user, channel.pbx_id, wanted.to):
        return ""
    return _("You may not moderate the conference %(name)s, so you cannot bring anybody there.") % {
        "name": shown(wanted.to)
    }


class _Rule(Rule[Channel]):
    """Whoever may move the call, and moderates any conference at all."""

    def allows(self, user: User, row: Channel | None) -> bool:
        moderates_any = user.has_perm(MODERATE) or Room.objects.filter(moderators=user.pk).exists()
        return moderates_any and super().allows(user, row)


@verb(
    "to-conference",
    gettext_lazy("Bring into a conference"),
    CHANNEL,
    _Rule(CONTROL_ANY, is_in_my_call, CONTROL_OWN),
    parameters=Bring,
    actions=[actions.dialplan_extension_add, actions.setvar, actions.redirect, actions.redirect_both],
    feature=MOVING,
    timeout=TIMEOUT,
    describe=lambda channel, wanted: f"{channel} ({wanted.who}) → {shown(wanted.to)}",
    refusal=_may_not_bring,
    done=lambda channel, wanted: (
        _("%(who)s is being brought into the conference %(name)s.") % {"who": channel.label, "name": shown(wanted.to)}
    ),
    example={"to": "8002", "who": "one"},
)
async def to_conference(ctx: CommandContext, channel: Channel, wanted: Bring) -> Outcome:
    """`Redirect` to the extension that enters the conference, by the profiles by which others have entered it; of two
    ends both at once, so that neither is let go.
    """
    transfers, conference = ctx.state.table(Transfer), ctx.state.table(Conference).get(wanted.to)
    everybody = [channel, *(partners(ctx.state, channel) if wanted.who == "all" else ())]
    if not all(row.is_up for row in everybody):
        return not_possible(gettext_noop("Only a call that was answered can be brought into a conference."))
    if ctx.state.table(Participant).get(channel.uniqueid) is not None or channel.application == "ConfBridge":
        return not_possible(gettext_noop("They are in a conference already: move them on its page."))
    if any(transfers.where(role, row.uniqueid) for row in everybody for role in ("held", "mine")):
        return not_possible(gettext_noop("Somebody of this call is on hold: bring both together first."))
    if conference is not None and conference.locked:
        return not_possible(gettext_noop("This conference is locked, so nobody can join. Unlock it first."))
    outcome = await write_dialplan(ctx)
    bridge, user, menu = profiles(conference.arguments if conference is not None else "")
    where = f"{argument(wanted.to)},{bridge},{user},{menu}".rstrip(",")
    for row in everybody:
        if outcome.done:
            outcome = await ctx.run(actions.setvar(row.name, "PBXPANEL_CONFERENCE", where))
    # Whoever is left alone by another is let go, so the last two go together.
    while outcome.done and everybody:
        if len(everybody) == 2:
            one, other = everybody
            return await ctx.run(actions.redirect_both(one.name, "move", other.name, "move", CONTEXT))
        outcome = await ctx.run(actions.redirect(everybody.pop().name, CONTEXT, "move"))
    return outcome

"""A caller is sent to the voicemail of a number, where it has one."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from engine.ami import actions
from engine.ami.protocol import Message
from engine.mirror import dialplan
from engine.mirror.commands import Outcome
from engine.mirror.context import CommandContext, outcome_of
from engine.mirror.dialplan import CONTEXT, argument
from engine.mirror.sanitize import exact
from engine.mirror.verbs import Feature, Weight

from .control import Destination, not_possible, not_to_be_moved, to_a_number
from .models import Channel, Transfer
from .transfers import DIALPLAN, forget, set_all

VOICEMAIL = Feature(gettext_noop("transfer to voicemail"), Weight.USEFUL)
# Where mailboxes are that belong to no context of their own.
DEFAULT = "default"


@to_a_number(
    "voicemail",
    gettext_lazy("Transfer to voicemail"),
    actions=[
        actions.voicemail_users_list,
        actions.dialplan_extension_add,
        actions.setvar,
        actions.redirect,
    ],
    feature=VOICEMAIL,
    timeout=10.0,
    done=lambda channel, wanted: (
        _("%(who)s may leave a message for %(number)s.") % {"who": channel.label, "number": wanted.to}
    ),
)
async def to_voicemail(ctx: CommandContext, channel: Channel, wanted: Destination) -> Outcome:
    """`Redirect` of this end to `VoiceMail()` of the number; the other one is let go. The mailbox is that of the dial
    context, else of `default`, else the only other one of that number.
    """
    refused = not_to_be_moved(channel)
    if refused is not None:
        return refused
    answer = await ctx.ask(actions.voicemail_users_list(), is_list=True)
    if answer.is_denied:
        return outcome_of(answer)
    contexts = [_context_of(event) for event in answer.events if exact(event.get("VoiceMailbox")) == wanted.to]
    if not answer.ok:
        return not_possible(gettext_noop("This PBX has no voicemail."))
    if not contexts:
        return not_possible(gettext_noop("There is no voicemail for this number."))
    context = next((name for name in (wanted.context, DEFAULT) if name in contexts), contexts[0])
    if context not in (wanted.context, DEFAULT) and len(contexts) > 1:  # of which company, nobody can tell
        return not_possible(gettext_noop("There is no voicemail for this number."))
    written = await dialplan.write(ctx, DIALPLAN)
    if not written.done:
        return written
    former = ctx.state.table(Transfer).where("held", channel.uniqueid)
    box = argument(f"{wanted.to}@{context}")
    outcome = await set_all(ctx, [(channel, "PBXPANEL_BOX", box)])
    if outcome.done:
        outcome = await ctx.run(actions.redirect(channel.name, CONTEXT, "voicemail"))
    if outcome.done:
        forget(ctx.state, former)
    return outcome


def _context_of(event: Message) -> str:
    return exact(event.get("VMContext"))

"""A transfer with recall: whoever is sent to a number, and is not answered there, comes back to the phone of whoever
asked for it.

Both are dialplan of the panel's own, so it works also when the panel is gone meanwhile; if the phone does not answer
either, the caller hears music, on the board, and is called back again.
"""

import uuid
from dataclasses import replace

from django.conf import settings
from django.contrib.auth.models import User
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from accounts.identity import pbx_of, profile_with_context
from engine.ami import actions
from engine.ami.protocol import CHANNEL_FIELDS, Message
from engine.mirror import dialplan
from engine.mirror.commands import Outcome
from engine.mirror.context import CommandContext
from engine.mirror.dialplan import CONTEXT
from engine.mirror.registry import on, snapshot_step, when_removed
from engine.mirror.sanitize import exact
from engine.mirror.state import State
from engine.mirror.sync import Snapshot

from .control import Destination, not_possible, not_to_be_sent, partners, to_a_number
from .models import Channel, Transfer
from .transfers import DIALPLAN, HOLDING, forget, over, set_all, shown_instead, tell, waits


def _to_my_phone(user: User, channel: Channel, wanted: Destination) -> Destination:
    """It comes back to the user's own phone; to that of the other end where there is none. Raises `NotReady`."""
    profile = profile_with_context(user)
    pbx = pbx_of(profile) if profile.endpoint else None
    back = profile.endpoint if pbx is not None and pbx.name == channel.pbx_id else ""
    return Destination(wanted.to, profile.dial_context, back)


@to_a_number(
    "transfer-recall",
    gettext_lazy("Transfer with recall"),
    actions=[actions.dialplan_extension_add, actions.setvar, actions.redirect, actions.getvar_global],
    feature=HOLDING,
    timeout=10.0,
    prepare=_to_my_phone,
    done=lambda channel, wanted: (
        _("%(who)s is being transferred to %(number)s, and comes back if nobody answers.")
        % {"who": channel.label, "number": wanted.to}
    ),
)
async def transfer_with_recall(ctx: CommandContext, channel: Channel, wanted: Destination) -> Outcome:
    """`Redirect` of this end to the extension that calls the number, and then the phone; the other end is let go. The
    outcome has the code of the `transfer`.
    """
    refused = await not_to_be_sent(ctx, channel, wanted)
    if refused is not None:
        return refused
    phones = [wanted.back, *(other.endpoint for other in partners(ctx.state, channel))]
    back = next((phone for phone in phones if phone not in ("", channel.endpoint)), "")
    if not back:
        return not_possible(gettext_noop("There is no phone to which the call could come back."))
    written = await dialplan.write(ctx, DIALPLAN)
    if not written.done:
        return written
    outcome = await set_all(
        ctx,
        [
            (channel, "PBXPANEL_BACK", back),
            (channel, "PBXPANEL_TARGET", wanted.to),
            (channel, "PBXPANEL_CONTEXT", wanted.context),
            (channel, "PBXPANEL_RINGS", str(settings.RECALL_SECONDS)),
            *shown_instead(channel, wanted.to),
        ],
    )
    if not outcome.done:
        return outcome
    table = ctx.state.table(Transfer)
    former = table.where("held", channel.uniqueid)
    row = table.add(
        uuid.uuid4().hex,
        held=channel.uniqueid,
        call=channel.call,
        number=wanted.to,
        context=wanted.context,
        state=Transfer.State.SENT,
        user_id=ctx.user_id,
        started_at=ctx.state.now(),
    )
    row.leaves = channel.bridge
    outcome = await ctx.run(actions.redirect(channel.name, CONTEXT, "sent"))
    if outcome.done:
        forget(ctx.state, former)
        return replace(outcome, data={"transfer": row.code})
    if table.get(row.code) is row:
        table.remove(row.code)
    return outcome


# What becomes of it.


def _sent(state: State, uniqueid: str) -> list[Transfer]:
    table = state.table(Transfer)
    return [row for row in table.where("held", uniqueid) if not row.mine] if table.rows else []


@on("BridgeEnter", required=CHANNEL_FIELDS)
def somebody_meets(state: State, event: Message) -> None:
    if state.table(Transfer).rows:
        for channel in state.table(Channel).where("bridge", exact(event.get("BridgeUniqueid"))):
            for row in _sent(state, channel.uniqueid):
                review(state, row)


@on("Newexten", "BridgeLeave", required=CHANNEL_FIELDS)
def somebody_is_sent_on(state: State, event: Message) -> None:
    for row in _sent(state, exact(event.get("Uniqueid"))):
        if row.apart and event.name == "Newexten" and event.get("Context") != CONTEXT:
            over(state, row, "elsewhere")
        else:
            review(state, row)


@when_removed(Channel)
def somebody_goes(state: State, channel: Channel) -> None:
    for row in _sent(state, channel.uniqueid):
        over(state, row, "lost")


@snapshot_step
async def find_out(snapshot: Snapshot) -> None:
    """What became of them while nobody listened, by the channels of the previous lists."""
    for row in list(snapshot.state.table(Transfer).rows.values()):
        if not row.mine:
            row.apart = True
            review(snapshot.state, row)


def review(state: State, row: Transfer) -> None:
    """Whether somebody has answered, or the phone is being called, by where the channel is."""
    held = state.table(Channel).get(row.held)
    if held is None:
        over(state, row, "lost")
        return
    # Asterisk tells where it is sent while it still is with the other end, and may tell that it has left that one only
    # when it is further on already, or with the phone again.
    row.on_the_way = row.on_the_way or (held.context == CONTEXT and held.extension == "sent")
    row.apart = row.apart or (row.on_the_way and (not held.bridge or held.bridge != row.leaves))
    if not row.apart:
        pass
    elif others := partners(state, held):
        # The number is reached by a Local channel.
        over(state, row, "completed" if any(other.is_local for other in others) else "answered")
    elif waits(held) and row.state == Transfer.State.SENT:
        state.table(Transfer).change(row, state=Transfer.State.RECALL)
        tell(state, row, "returned")

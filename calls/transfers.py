"""Hold, and transfer with consultation: one end of a call waits with music while the other reaches somebody else.

The panel moves both by dialplan of its own, so nothing depends on keys or on `features.conf`, and what happens when the
target is busy, silent or gone is decided there, whatever has become of the panel meanwhile: whoever asked is back with
the caller. A caller whose other end goes is called back to the phone, and then waits where an operator can fetch them.
"""

import asyncio
import uuid
from collections.abc import Mapping
from functools import partial

from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy, gettext_noop

from engine.ami import actions
from engine.ami.protocol import CHANNEL_FIELDS, Message
from engine.live.fragments import notices
from engine.mirror import dialplan
from engine.mirror.commands import Outcome, Status
from engine.mirror.context import CommandContext
from engine.mirror.dialplan import CONTEXT, Steps
from engine.mirror.registry import job, on, snapshot_step, when_removed
from engine.mirror.sanitize import exact
from engine.mirror.state import State
from engine.mirror.sync import Snapshot
from engine.mirror.verbs import Builder, Feature, Parameters, Rule, Weight, target_of, verb

from .commands import CHANNEL, is_my_channel
from .control import (
    CONTROL_ANY,
    CONTROL_OWN,
    IN_CALLS,
    Destination,
    no_such_number,
    not_possible,
    partners,
    to_a_number,
)
from .fragments import told_of_transfer
from .models import Channel, Transfer

NOTICE = "transfer"
notices[NOTICE] = told_of_transfer
# How long somebody hears music before the phone that put them on hold is called, and how long that rings, in seconds.
MUSIC, CALLED_BACK = 600, 30
# How soon after the end of one call the channels of another have met, in seconds.
PARTING = 1.0
# How long a target rings, in seconds.
RINGS = 60
# Later than any music may have begun: behind it, whoever waited hangs up when the other does.
NEVER = "99999999999"

HOLDING = Feature(gettext_noop("hold, and transfer with consultation"), Weight.USEFUL)

# Extension → its steps. What stands behind the music is for when its time is over; a channel that was taken out of it
# and whose partner hangs up comes there too, and hangs up (`PBXPANEL_SINCE`).
DIALPLAN: Mapping[str, Steps] = {
    "hold": (
        ("Set", "PBXPANEL_SINCE=${EPOCH}"),
        ("MusicOnHold", f",{MUSIC}"),
        ("GotoIf", f"$[${{EPOCH}} - ${{PBXPANEL_SINCE}} < {MUSIC - 5}]?6"),
        ("Dial", f"${{PBXPANEL_BACK}},{CALLED_BACK}"),
        ("GotoIf", '$["${DIALSTATUS}" != "ANSWER"]?1'),
        ("Hangup", ""),
    ),
    "back": (("Goto", "hold,4"),),
    "holding": (("Wait", str(MUSIC - 10)), ("Bridge", "${PBXPANEL_HELD}"), ("Hangup", "")),
    "consult": (
        ("Dial", f"Local/${{PBXPANEL_TARGET}}@${{PBXPANEL_CONTEXT}}/n,{RINGS},g"),
        # Whoever was brought together with the target needs nobody; else back to the caller. A target may be busy so
        # soon that the caller does not hear the music yet.
        ("GotoIf", '$["${PBXPANEL_HELD}" = ""]?7'),
        ("Bridge", "${PBXPANEL_HELD}"),
        ("GotoIf", '$["${BRIDGERESULT}" = "SUCCESS"]?7'),
        ("Wait", "1"),
        ("Bridge", "${PBXPANEL_HELD}"),
        ("Hangup", ""),
    ),
}

# What is sent to write the dialplan, and to move two channels there.
_MOVES: list[Builder] = [actions.dialplan_extension_add, actions.setvar, actions.redirect_both]


def _is_mine(user: User, row: Transfer) -> bool:
    """Whoever asked for it, and whose phone it is. Queries the database."""
    mine = Channel.objects.filter(pbx=row.pbx_id, uniqueid=row.mine).first()
    return row.user_id == user.pk or (mine is not None and is_my_channel(user, mine))


TRANSFER = target_of(
    Transfer,
    "transfer",
    "calls/<str:pbx>/transfers/<segment:key>/",
    gettext_lazy("This is over already: nobody is on hold any more."),
)
_of_transfer = partial(
    verb, target=TRANSFER, rule=Rule(CONTROL_ANY, _is_mine, CONTROL_OWN), feature=HOLDING, timeout=10.0
)


async def _begin(
    ctx: CommandContext, channel: Channel, extension: str, *, number: str = "", context: str = ""
) -> Outcome:
    """Put this end on hold, and send the other to an extension of ours."""
    others, table = partners(ctx.state, channel), ctx.state.table(Transfer)
    if table.where("held", channel.uniqueid):
        return not_possible(gettext_noop("This call is already on hold."))
    if len(others) != 1 or not channel.is_up or not others[0].is_up:
        return not_possible(gettext_noop("Only a call of two who talk can be put on hold."))
    mine = others[0]
    written = await dialplan.write(ctx, DIALPLAN)
    if not written.done:
        return written
    variables = [
        (channel, "PBXPANEL_BACK", mine.endpoint or mine.name),
        (mine, "PBXPANEL_HELD", channel.name),
        (mine, "PBXPANEL_TARGET", number),
        (mine, "PBXPANEL_CONTEXT", context),
    ]
    for row, name, value in variables:
        outcome = await ctx.run(actions.setvar(row.name, name, value))
        if not outcome.done:
            return outcome
    # Known before it is sent: a target that is busy has both back together before Asterisk has answered.
    transfer = table.add(
        uuid.uuid4().hex,
        held=channel.uniqueid,
        mine=mine.uniqueid,
        call=channel.call,
        number=number,
        context=context,
        state=Transfer.State.RINGING if number else Transfer.State.HELD,
        user_id=ctx.user_id,
        started_at=ctx.state.now(),
    )
    outcome = await ctx.run(actions.redirect_both(channel.name, "hold", mine.name, extension, CONTEXT))
    if not outcome.done and table.get(transfer.code) is transfer:
        table.remove(transfer.code)
    return outcome


@verb("hold", gettext_lazy("Hold"), CHANNEL, IN_CALLS, actions=_MOVES, feature=HOLDING, timeout=10.0)
async def hold(ctx: CommandContext, channel: Channel, parameters: Parameters) -> Outcome:
    """This end hears music; the other hears nothing, until it resumes."""
    return await _begin(ctx, channel, "holding")


@to_a_number(
    "consult",
    gettext_lazy("Consult"),
    actions=[*_MOVES, actions.getvar_global],
    feature=HOLDING,
    timeout=10.0,
)
async def consult(ctx: CommandContext, channel: Channel, wanted: Destination) -> Outcome:
    """This end hears music while the other calls the number, which is asked for first."""
    refused = await no_such_number(ctx, wanted)
    if refused is not None:
        return refused
    return await _begin(ctx, channel, "consult", number=wanted.to, context=wanted.context)


def _ends(state: State, row: Transfer) -> tuple[Channel | None, Channel | None]:
    table = state.table(Channel)
    return table.get(row.held), table.get(row.mine)


async def _together(ctx: CommandContext, held: Channel, other: Channel) -> Outcome:
    """Bring them together: from now on whoever was on hold hangs up when the other does."""
    outcome = await ctx.run(actions.setvar(held.name, "PBXPANEL_SINCE", NEVER))
    return await ctx.run(actions.bridge(other.name, held.name)) if outcome.done else outcome


async def _back(ctx: CommandContext, row: Transfer) -> Outcome:
    held, mine = _ends(ctx.state, row)
    if held is None or mine is None:
        return Outcome(Status.REFUSED, TRANSFER.gone_answer)
    return await _together(ctx, held, mine)


_BRIDGES: list[Builder] = [actions.setvar, actions.bridge]


@_of_transfer("resume", gettext_lazy("Resume"), actions=_BRIDGES)
async def resume(ctx: CommandContext, row: Transfer, parameters: Parameters) -> Outcome:
    """`Bridge` of the two."""
    return await _back(ctx, row)


@_of_transfer("cancel", gettext_lazy("Back to the caller"), actions=_BRIDGES)
async def cancel(ctx: CommandContext, row: Transfer, parameters: Parameters) -> Outcome:
    """`Bridge` of the two: the target, ringing or talking, is let go."""
    return await _back(ctx, row)


@_of_transfer(
    "complete",
    gettext_lazy("Complete the transfer"),
    actions=[*_BRIDGES, actions.redirect, actions.hangup, actions.getvar_global],
)
async def complete(ctx: CommandContext, row: Transfer, parameters: Parameters) -> Outcome:
    """`Bridge` of the caller and the target; where that still rings, the caller is sent to it, and my phone let go."""
    held, mine = _ends(ctx.state, row)
    if held is None or mine is None:
        return Outcome(Status.REFUSED, TRANSFER.gone_answer)
    if not row.number:
        return not_possible(gettext_noop("Nobody is being consulted: transfer the caller instead."))
    if held.bridge:
        return not_possible(gettext_noop("The call is still being put on hold. Try again."))
    target = next(iter(partners(ctx.state, mine)), None)
    if target is not None:
        # Where the target goes, the dialplan would bring my phone back to the caller.
        outcome = await ctx.run(actions.setvar(mine.name, "PBXPANEL_HELD", ""))
        return await _together(ctx, held, target) if outcome.done else outcome
    refused = await no_such_number(ctx, Destination(row.number, row.context))
    if refused is not None:
        return refused
    outcome = await ctx.run(actions.redirect(held.name, row.context, row.number))
    if outcome.done:
        _over(ctx.state, row, "completed")
        await ctx.run(actions.hangup(mine.name))
    return outcome


# What becomes of it.


@on("BridgeEnter", required=CHANNEL_FIELDS)
def somebody_meets(state: State, event: Message) -> None:
    rows = state.table(Transfer).rows
    if not rows:
        return
    there = {row.uniqueid for row in state.table(Channel).where("bridge", exact(event.get("BridgeUniqueid")))}
    for row in [row for row in rows.values() if there & {row.held, row.mine}]:
        review(state, row)


@on("BridgeLeave", required=CHANNEL_FIELDS)
def somebody_parts(state: State, event: Message) -> None:
    table, uniqueid = state.table(Transfer), exact(event.get("Uniqueid"))
    if table.rows:
        for row in [*table.where("held", uniqueid), *table.where("mine", uniqueid)]:
            row.apart = True


@when_removed(Channel)
def somebody_goes(state: State, channel: Channel) -> None:
    table = state.table(Transfer)
    if table.rows:
        for row in [*table.where("held", channel.uniqueid), *table.where("mine", channel.uniqueid)]:
            review(state, row)


@snapshot_step
async def find_out(snapshot: Snapshot) -> None:
    """What became of them while nobody listened, by the channels of the previous lists."""
    for row in list(snapshot.state.table(Transfer).rows.values()):
        row.apart = True
        review(snapshot.state, row)


def review(state: State, row: Transfer) -> None:
    """Whether it is over, and how; and what the phone does meanwhile, by where the channels are."""
    held, mine = _ends(state, row)
    if held is None:
        if mine is not None and not mine.bridge:
            state.ask_for_job("transfer-over", mine.uniqueid)
        _over(state, row, "gone")
    elif held.bridge:
        # Of two who are brought together one is there first.
        others = partners(state, held)
        if mine is not None and mine in others:
            if row.apart:
                _over(state, row, "back")
        elif others:
            # The target is reached by a Local channel; anybody else has taken the caller.
            _over(state, row, "completed" if row.number and any(other.is_local for other in others) else "taken")
    elif mine is None:
        state.ask_for_job("transfer-recall", row.code)
    else:
        row.apart = True
        if mine.bridge and row.number:
            state.table(Transfer).change(row, state=Transfer.State.TALKING)


def _over(state: State, row: Transfer, how: str) -> None:
    state.table(Transfer).remove(row.code)
    _tell(state, row, how)


def _tell(state: State, row: Transfer, how: str) -> None:
    held = state.table(Channel).get(row.held)
    who = held.label if held is not None else ""
    state.notices.append((row.user_id, NOTICE, {"how": how, "who": who, "number": row.number, "code": row.code}))


@job("transfer-recall")
async def recall(ctx: CommandContext, code: str) -> None:
    """`Redirect` of somebody on hold whose other end is gone, to the extension that calls its phone back.

    Not at once: whoever is brought together with somebody else loses the phone a moment before.
    """
    await asyncio.sleep(PARTING)
    table = ctx.state.table(Transfer)
    row = table.get(code)
    held = ctx.state.table(Channel).get(row.held) if row is not None else None
    if row is None or held is None or held.bridge or row.state == Transfer.State.RECALL:
        return
    table.change(row, state=Transfer.State.RECALL)
    _tell(ctx.state, row, "recall")
    await dialplan.write(ctx, DIALPLAN)
    await ctx.ask(actions.redirect(held.name, CONTEXT, "back"))


@job("transfer-over")
async def let_go(ctx: CommandContext, uniqueid: str) -> None:
    """`Hangup` of a phone that waits for somebody who is gone; not of one that has met somebody meanwhile."""
    mine = ctx.state.table(Channel).get(uniqueid)
    if mine is not None and not mine.bridge and mine.context == CONTEXT and mine.extension == "holding":
        await ctx.ask(actions.hangup(mine.name))

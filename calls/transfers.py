"""Hold, and transfer with consultation: one end of a call waits with music while the other reaches somebody else.

The panel moves both by dialplan of its own, so nothing depends on keys or on `features.conf`, and what happens when the
target is busy, silent or gone is decided there, whatever has become of the panel meanwhile: whoever asked is back with
the caller. A caller whose other end goes is called back to the phone, and then waits where an operator can fetch them.
What is stored of it follows from what Asterisk says of who is with whom: a worker that takes over sees the same.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial, wraps
from itertools import groupby

from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy, gettext_noop

from engine.ami import actions
from engine.ami.protocol import CHANNEL_FIELDS, Message
from engine.live.fragments import completions, notices
from engine.mirror import dialplan
from engine.mirror.commands import Outcome, Status
from engine.mirror.context import CommandContext, first_failure
from engine.mirror.dialplan import CONTEXT, Steps
from engine.mirror.registry import each_second, first_snapshot_step, job, on, snapshot_step, when_removed
from engine.mirror.sanitize import clean, exact
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
from .fragments import told_of_transfer, with_known
from .models import Channel, Transfer

NOTICE = "transfer"
notices[NOTICE] = told_of_transfer
completions[NOTICE] = with_known
# How long somebody hears music before the phone that put them on hold is called, and how long that rings, in seconds.
MUSIC, CALLED_BACK = 600, 30
# How soon after the end of one call the channels of another have met, in seconds.
PARTING = 1.0
# How many Local channels are looked through, one behind the other.
MOST_LOCAL = 10
# How long a target rings, in seconds.
RINGS = 60
# How soon those who were moved are together, in seconds.
MOVED_WITHIN = 2.0
# When the music began, as whoever was taken out of it is told: later than any may have begun, and they hang up when the
# other does; or long ago, and they are called back.
NEVER, LONG_AGO = "99999999999", "0"

HOLDING = Feature(gettext_noop("hold, and transfer with consultation"), Weight.USEFUL)

# Extension → its steps. What stands behind the music is for when its time is over; a channel that was taken out of it
# and whose partner hangs up comes there too, and hangs up (`PBXPANEL_SINCE`). That reckons in whole seconds, so whoever
# is back within the second is hung up by `Bridge` itself (x).
DIALPLAN: Mapping[str, Steps] = {
    "hold": (
        ("Set", "PBXPANEL_SINCE=${EPOCH}"),
        ("MusicOnHold", f",{MUSIC}"),
        # Where the PBX has no music, it ends at once.
        ("ExecIf", f"$[${{EPOCH}} - ${{PBXPANEL_SINCE}} = 0]?Wait({MUSIC})"),
        ("GotoIf", f"$[${{EPOCH}} - ${{PBXPANEL_SINCE}} < {MUSIC - 5}]?7"),
        ("Dial", f"${{PBXPANEL_BACK}},{CALLED_BACK}"),
        ("GotoIf", '$["${DIALSTATUS}" != "ANSWER"]?1'),
        ("Hangup", ""),
    ),
    "back": (("Goto", "hold,5"),),
    "holding": (("Wait", str(MUSIC - 10)), ("Bridge", "${PBXPANEL_HELD},x"), ("Hangup", "")),
    "consult": (
        ("Dial", f"Local/${{PBXPANEL_TARGET}}@${{PBXPANEL_CONTEXT}}/n,{RINGS},g"),
        # Whoever was brought together with the target needs nobody; else back to the caller. A target may be busy so
        # soon that the caller does not hear the music yet.
        ("GotoIf", '$["${PBXPANEL_HELD}" = ""]?7'),
        ("Bridge", "${PBXPANEL_HELD},x"),
        ("GotoIf", '$["${BRIDGERESULT}" = "SUCCESS"]?7'),
        ("Wait", "1"),
        ("Bridge", "${PBXPANEL_HELD},x"),
        ("Hangup", ""),
    ),
    # With one of the two whom the phone talks to by turns; when that one hangs up, with the other.
    "swap": (("Bridge", "${PBXPANEL_WITH}"), ("Goto", "consult,2")),
    # To a number, and back to the phone where nobody answers.
    "sent": (
        ("Dial", "Local/${PBXPANEL_TARGET}@${PBXPANEL_CONTEXT}/n,${PBXPANEL_RINGS}"),
        ("Goto", "hold,5"),
    ),
    # Of the application of the first step no event tells.
    "voicemail": (("Answer", ""), ("VoiceMail", "${PBXPANEL_BOX},u"), ("Hangup", "")),
    # Into the bridge of the two others. (Asterisk 16 does not tell that it could be done.)
    "join": (
        ("Set", "BRIDGERESULT=SUCCESS"),
        ("BridgeAdd", "${PBXPANEL_WITH}"),
        ("GotoIf", '$["${BRIDGERESULT}" != "SUCCESS"]?hold,5'),
        ("Hangup", ""),
    ),
}
dialplan.lasting.update(DIALPLAN)

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


def phone_behind(state: State, channel: Channel) -> str:
    """What is dialled to reach whoever is at this end: of a Local channel the phone at its other end."""
    near = channel
    for _ in range(MOST_LOCAL):
        half = next(iter(state.table(Channel).where("name", near.other_half)), None) if near.is_local else None
        others = partners(state, half) if half is not None else []
        if len(others) != 1:
            break
        near = others[0]
    # Where no phone is behind it, its own number is.
    return near.endpoint or near.name.rpartition("-")[0]


async def _begin(
    ctx: CommandContext, channel: Channel, extension: str, *, number: str = "", context: str = ""
) -> Outcome:
    """Put this end on hold, and send the other to an extension of ours. The outcome has the code of the `transfer`."""
    others, table = partners(ctx.state, channel), ctx.state.table(Transfer)
    if any(table.where(end, row.uniqueid) for end in ("held", "mine") for row in (channel, *others)):
        return not_possible(gettext_noop("This call is already on hold."))
    if len(others) != 1 or not channel.is_up or not others[0].is_up:
        return not_possible(gettext_noop("Only a call of two who talk can be put on hold."))
    mine = others[0]
    # Known before anything is sent: of two who ask at once one is first, and a target that is busy has both back
    # together before Asterisk has answered.
    row = table.add(
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
    outcome = Outcome(Status.NO_ANSWER)
    try:
        outcome = await _send_apart(ctx, row, channel, mine, extension)
    finally:
        if not outcome.done and table.get(row.code) is row:
            table.remove(row.code)
    return replace(outcome, data={"transfer": row.code}) if outcome.done else outcome


def shown_instead(channel: Channel, number: str) -> list[tuple[Channel, str, str]]:
    """What is set before a channel calls a number: whoever is called would bear the name of whom it was with, where the
    endpoint has none of its own.
    """
    return [(channel, "CONNECTEDLINE(name,i)", ""), (channel, "CONNECTEDLINE(num)", number)]


async def set_all(ctx: CommandContext, variables: Iterable[tuple[Channel, str, str]]) -> Outcome:
    """`Setvar` of each: one channel after the other, until one is gone; those of a channel at once."""
    for name, of_one in groupby(variables, lambda variable: variable[0].name):
        setting = (actions.setvar(name, variable, value) for _row, variable, value in of_one)
        outcome = first_failure(await ctx.run_all(setting))
        if not outcome.done:
            return outcome
    return Outcome(Status.DONE)


async def _send_apart(ctx: CommandContext, row: Transfer, held: Channel, mine: Channel, extension: str) -> Outcome:
    written = await dialplan.write(ctx, DIALPLAN)
    if not written.done:
        return written
    variables = [
        (held, "PBXPANEL_BACK", phone_behind(ctx.state, mine)),
        (mine, "PBXPANEL_HELD", held.name),
        (mine, "PBXPANEL_TARGET", row.number),
        (mine, "PBXPANEL_CONTEXT", row.context),
    ]
    if row.number:
        variables += shown_instead(mine, row.number)
    outcome = await set_all(ctx, variables)
    if not outcome.done:
        return outcome
    if mine not in partners(ctx.state, held):
        return not_possible(gettext_noop("Only a call of two who talk can be put on hold."))
    return await ctx.run(actions.redirect_both(held.name, "hold", mine.name, extension, CONTEXT))


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


def waits(channel: Channel) -> bool:
    """Whether it hears the music of ours."""
    return not channel.bridge and channel.context == CONTEXT and channel.extension == "hold"


async def _together(ctx: CommandContext, held: Channel, other: Channel) -> Outcome:
    """Bring them together: from now on each hangs up when the other does."""
    outcome = await set_all(ctx, [(held, "PBXPANEL_SINCE", NEVER), (other, "PBXPANEL_SINCE", NEVER)])
    return await ctx.run(actions.bridge(other.name, held.name)) if outcome.done else outcome


async def _back(ctx: CommandContext, row: Transfer) -> Outcome:
    held, mine = _ends(ctx.state, row)
    if held is None or mine is None:
        return Outcome(Status.REFUSED, TRANSFER.gone_answer)
    # From now on the caller may go elsewhere, and the dialplan must not fetch them back from there.
    outcome = await ctx.run(actions.setvar(mine.name, "PBXPANEL_HELD", ""))
    return await _together(ctx, held, mine) if outcome.done else outcome


ON_THE_WAY = gettext_noop("The caller is already on the way to the number.")
_BRIDGES: list[Builder] = [actions.setvar, actions.bridge]
Handler = Callable[[CommandContext, Transfer, Parameters], Awaitable[Outcome]]


def one_at_a_time(handler: Handler) -> Handler:
    """Refuse what is asked of somebody on hold while they are being moved: a second `Bridge` would part the two whom
    the first has just brought together, and end the call.
    """

    @wraps(handler)
    async def carry_out(ctx: CommandContext, row: Transfer, parameters: Parameters) -> Outcome:
        if row.moves:
            return not_possible(gettext_noop("This call is just being moved: see what becomes of it."))
        row.moves, before, rows = True, row.state, ctx.state.table(Transfer)
        try:
            outcome = await handler(ctx, row, parameters)
            if outcome.done:
                await ctx.until(lambda: rows.get(row.code) is not row or row.state != before, MOVED_WITHIN)
            return outcome
        finally:
            row.moves = False

    return carry_out


@_of_transfer("resume", gettext_lazy("Resume"), actions=_BRIDGES)
@one_at_a_time
async def resume(ctx: CommandContext, row: Transfer, parameters: Parameters) -> Outcome:
    """`Bridge` of the two."""
    return await _back(ctx, row) if row.mine else not_possible(ON_THE_WAY)


@_of_transfer(
    "cancel",
    gettext_lazy("Back to the caller"),
    actions=[*_BRIDGES, actions.hangup, actions.redirect, actions.dialplan_extension_add],
)
@one_at_a_time
async def cancel(ctx: CommandContext, row: Transfer, parameters: Parameters) -> Outcome:
    """`Bridge` of the two: the target, ringing or talking, is let go. One that waits while the two talk hangs up.
    `Redirect` of one whose phone is gone, or who was sent to a number, to the extension that calls the phone.
    """
    held, mine, target = _three(ctx.state, row)
    if held is not None and mine is None:
        written = await dialplan.write(ctx, DIALPLAN)
        return await ctx.run(actions.redirect(held.name, CONTEXT, "back")) if written.done else written
    if held is None or mine is None or target is None or not waits(target):
        return await _back(ctx, row)
    outcome = await set_all(ctx, [(held, "PBXPANEL_SINCE", NEVER), (mine, "PBXPANEL_HELD", "")])
    return await ctx.run(actions.hangup(target.name)) if outcome.done else outcome


@_of_transfer(
    "complete",
    gettext_lazy("Complete the transfer"),
    actions=[*_BRIDGES, actions.redirect, actions.hangup, actions.getvar_global],
)
@one_at_a_time
async def complete(ctx: CommandContext, row: Transfer, parameters: Parameters) -> Outcome:
    """`Bridge` of the caller and the target; where that still rings, the caller is sent to it, and my phone let go."""
    held, mine, target = _three(ctx.state, row)
    if held is not None and not row.mine:
        return not_possible(ON_THE_WAY)
    if held is None or mine is None:
        return Outcome(Status.REFUSED, TRANSFER.gone_answer)
    if not row.number:
        return not_possible(gettext_noop("Nobody is being consulted: transfer the caller instead."))
    if target is not None:
        # Where both go, the dialplan would bring my phone back to one of them.
        outcome = await set_all(ctx, [(mine, "PBXPANEL_HELD", "")])
        return await _together(ctx, held, target) if outcome.done else outcome
    if held.bridge:
        return not_possible(gettext_noop("The call is still being put on hold. Try again."))
    refused = await no_such_number(ctx, Destination(row.number, row.context))
    if refused is not None:
        return refused
    outcome = await ctx.run(actions.redirect(held.name, row.context, row.number))
    if outcome.done:
        if ctx.state.table(Transfer).get(row.code) is row:
            over(ctx.state, row, "completed")
        await ctx.run(actions.hangup(mine.name))
    return outcome


# The caller and the target by turns, or both.


def _three(state: State, row: Transfer) -> tuple[Channel | None, Channel | None, Channel | None]:
    """Who was put on hold, the phone, and the target if it has answered."""
    table = state.table(Channel)
    return table.get(row.held), table.get(row.mine), table.get(row.target)


def _by_turns(state: State, row: Transfer) -> tuple[Channel, Channel, Channel] | None:
    """The phone, whom it talks to, and who waits meanwhile; None where it is not so."""
    held, mine, target = _three(state, row)
    if held is None or mine is None or target is None:
        return None
    waiting, other = (target, held) if row.state == Transfer.State.SWAPPED else (held, target)
    return (mine, other, waiting) if waits(waiting) and mine in partners(state, other) else None


NOT_BY_TURNS = gettext_noop("The caller and the target must both be there: one on the phone, the other on hold.")


@_of_transfer("swap", gettext_lazy("Swap"), actions=_MOVES)
@one_at_a_time
async def swap(ctx: CommandContext, row: Transfer, parameters: Parameters) -> Outcome:
    """`Redirect` of whom the phone talks to, who hears music from now on, and of the phone, which goes to the other."""
    found = _by_turns(ctx.state, row)
    if found is None:
        return not_possible(NOT_BY_TURNS)
    mine, other, waiting = found
    written = await dialplan.write(ctx, DIALPLAN)
    if not written.done:
        return written
    # The caller is called back where the phone hangs up in either position; the target is not.
    since = LONG_AGO if waiting.uniqueid == row.held else NEVER
    outcome = await set_all(
        ctx,
        [
            (waiting, "PBXPANEL_SINCE", since),
            (other, "PBXPANEL_BACK", phone_behind(ctx.state, mine)),
            (mine, "PBXPANEL_HELD", other.name),
            (mine, "PBXPANEL_WITH", waiting.name),
        ],
    )
    if not outcome.done:
        return outcome
    return await ctx.run(actions.redirect_both(other.name, "hold", mine.name, "swap", CONTEXT))


@_of_transfer("join", gettext_lazy("Join all three"), actions=[*_MOVES, actions.redirect])
@one_at_a_time
async def join(ctx: CommandContext, row: Transfer, parameters: Parameters) -> Outcome:
    """`Redirect` of who waits, into the bridge of the two others (`BridgeAdd`): the call of three ends with the last
    two, whoever they are.
    """
    found = _by_turns(ctx.state, row)
    if found is None:
        return not_possible(NOT_BY_TURNS)
    mine, other, waiting = found
    written = await dialplan.write(ctx, DIALPLAN)
    if not written.done:
        return written
    outcome = await set_all(
        ctx,
        [
            (waiting, "PBXPANEL_WITH", mine.name),
            (other, "PBXPANEL_SINCE", NEVER),
            (mine, "PBXPANEL_HELD", ""),
        ],
    )
    return await ctx.run(actions.redirect(waiting.name, CONTEXT, "join")) if outcome.done else outcome


# What becomes of it.


@on("BridgeEnter", required=CHANNEL_FIELDS)
def somebody_meets(state: State, event: Message) -> None:
    rows = state.table(Transfer).rows
    if not rows:
        return
    there = {row.uniqueid for row in state.table(Channel).where("bridge", exact(event.get("BridgeUniqueid")))}
    for row in [row for row in rows.values() if there & {row.held, row.mine, row.target}]:
        review(state, row)


@on("BridgeLeave", required=CHANNEL_FIELDS)
def somebody_parts(state: State, event: Message) -> None:
    table, uniqueid = state.table(Transfer), exact(event.get("Uniqueid"))
    if table.rows:
        for row in [*table.where("held", uniqueid), *table.where("mine", uniqueid)]:
            row.apart = row.apart or bool(row.mine)


@on("Newexten", required=CHANNEL_FIELDS)
def somebody_is_sent_elsewhere(state: State, event: Message) -> None:
    """Whoever is on hold, into other dialplan than ours."""
    table = state.table(Transfer)
    if table.rows and event.get("Context") != CONTEXT:
        place = (clean(event.get("Exten")), clean(event.get("Context")))
        for row in table.where("held", exact(event.get("Uniqueid"))):
            if row.mine:
                over(state, row, "completed" if place == (row.number, row.context) else "taken")


@when_removed(Channel)
def somebody_goes(state: State, channel: Channel) -> None:
    table = state.table(Transfer)
    if table.rows:
        for field in ("held", "mine", "target"):
            for row in table.where(field, channel.uniqueid):
                review(state, row)


@on("Newexten", required=CHANNEL_FIELDS)
def somebody_is_sent_on(state: State, event: Message) -> None:
    """Whoever hears music of ours from now on, or has the phone called back."""
    table, uniqueid = state.table(Transfer), exact(event.get("Uniqueid"))
    if not table.rows:
        return
    for row in table.where("held", uniqueid):
        if row.state in Transfer.CALLED_BACK and event.get("Context") == CONTEXT:
            now = {"MusicOnHold": Transfer.State.UNANSWERED, "Dial": Transfer.State.RECALL}
            table.change(row, state=now.get(event.get("Application"), row.state))
    for row in [*table.where("held", uniqueid), *table.where("target", uniqueid)]:
        review(state, row)


@snapshot_step
async def find_out(snapshot: Snapshot) -> None:
    """What became of them while nobody listened, by the channels of the previous lists."""
    for row in list(snapshot.state.table(Transfer).rows.values()):
        row.apart = True
        review(snapshot.state, row)


@first_snapshot_step
async def find_forgotten(snapshot: Snapshot) -> None:
    """`Getvar` of `PBXPANEL_HELD`: whoever was put on hold just before a worker ended is in no table yet."""
    state, table = snapshot.state, snapshot.state.table(Transfer)
    for mine in list(state.table(Channel).rows.values()):
        if (
            mine.context != CONTEXT
            or mine.extension not in ("holding", "consult")
            or table.where("mine", mine.uniqueid)
        ):
            continue
        held, number, context = [
            (await snapshot.ask(actions.getvar(mine.name, f"PBXPANEL_{name}"))).response.get("Value")
            for name in ("HELD", "TARGET", "CONTEXT")
        ]
        row = next((row for row in state.table(Channel).where("name", held) if waits(row)), None)
        if row is None or table.where("held", row.uniqueid):
            continue
        found = table.add(
            uuid.uuid4().hex,
            held=row.uniqueid,
            mine=mine.uniqueid,
            call=row.call,
            number=number,
            context=context,
            state=Transfer.State.RINGING if number else Transfer.State.HELD,
            started_at=state.now(),
        )
        found.apart = True
        review(state, found)


def review(state: State, row: Transfer) -> None:
    """Whether it is over, and how; and what the phone does meanwhile, by where the channels are."""
    if not row.mine:
        return  # see `recalls`
    change = partial(state.table(Transfer).change, row)
    held, mine, target = _three(state, row)
    if held is None:
        if mine is not None and not mine.bridge:
            state.ask_for_job("transfer-over", mine.uniqueid)
        over(state, row, "gone")
        return
    # Of those who are brought together one is there first.
    others = partners(state, held)
    if target is not None and target in others:
        over(state, row, "joined" if mine is not None and mine in others else "completed")
    elif mine is not None and mine in others:
        if target is None or partners(state, target):
            if row.apart:
                over(state, row, "back")
        elif waits(target):
            change(state=Transfer.State.SWAPPED)
    elif others:
        # A target that has not been seen is reached by a Local channel; anybody else has taken the caller.
        over(state, row, "completed" if row.number and any(other.is_local for other in others) else "taken")
    elif held.bridge:
        pass
    elif mine is None:
        state.ask_for_job("transfer-recall", row.code)
    else:
        row.apart = True
        with_mine = partners(state, mine)
        if with_mine and row.number:
            change(state=Transfer.State.TALKING, target=with_mine[0].uniqueid)


def over(state: State, row: Transfer, how: str) -> None:
    state.table(Transfer).remove(row.code)
    tell(state, row, how)
    if how in ("back", "taken", "answered"):
        state.ask_for_job("transfer-settled", row.held)
    if how in ("back", "taken") and row.mine:
        state.ask_for_job("transfer-taken", row.mine)
    if row.target:
        state.ask_for_job("transfer-left", row.target)


def forget(state: State, rows: Iterable[Transfer]) -> None:
    """Whoever was on hold, or on the way, was sent elsewhere: a phone that waits for them is let go, and none of its
    dialplan fetches them back.
    """
    table = state.table(Transfer)
    for row in rows:
        if table.get(row.code) is row:
            table.remove(row.code)
        if row.mine:
            state.ask_for_job("transfer-taken", row.mine)
        if row.target:
            state.ask_for_job("transfer-left", row.target)


def tell(state: State, row: Transfer, how: str) -> None:
    held = state.table(Channel).get(row.held)
    who = held.label if held is not None else ""
    # Of several about one transfer the newest stands, also where two happen at one time.
    row.told = max(row.told + 1, int(state.now().timestamp() * 1000))
    said = {"how": how, "who": who, "number": row.number, "code": row.code, "step": row.told}
    state.notices.append((row.user_id, NOTICE, said))


@job("transfer-recall")
async def recall(ctx: CommandContext, code: str) -> None:
    """`Redirect` of somebody on hold whose other end is gone, to the extension that calls its phone back; `Hangup` of a
    target that waited meanwhile.

    Not at once: whoever is brought together with somebody else loses the phone a moment before.
    """
    await asyncio.sleep(PARTING)
    table = ctx.state.table(Transfer)
    row = table.get(code)
    held = ctx.state.table(Channel).get(row.held) if row is not None else None
    if row is None or held is None or held.bridge or row.state in Transfer.CALLED_BACK:
        return
    target = row.target
    table.change(row, state=Transfer.State.RECALL, target="")
    tell(ctx.state, row, "recall")
    if held.application != "Dial":
        await dialplan.write(ctx, DIALPLAN)
        await ctx.ask(actions.redirect(held.name, CONTEXT, "back"))
    await _end(ctx, target)


@job("transfer-over")
async def let_go(ctx: CommandContext, uniqueid: str) -> None:
    """`Hangup` of a phone that waits for somebody who is gone; not of one that has met somebody meanwhile."""
    mine = ctx.state.table(Channel).get(uniqueid)
    if mine is not None and not mine.bridge and mine.context == CONTEXT and mine.extension == "holding":
        await ctx.ask(actions.hangup(mine.name))


@job("transfer-settled")
async def settle(ctx: CommandContext, uniqueid: str) -> None:
    """`Setvar`: whoever was on hold, and is with somebody by other means than ours, hangs up when that one does."""
    held = ctx.state.table(Channel).get(uniqueid)
    if held is not None and held.bridge:
        await ctx.ask(actions.setvar(held.name, "PBXPANEL_SINCE", NEVER))


@job("transfer-left")
async def leave_nobody(ctx: CommandContext, uniqueid: str) -> None:
    """`Hangup` of a target that still waits though all is over; the phone may be on its way to it."""
    await asyncio.sleep(PARTING)
    await _end(ctx, uniqueid)


async def _end(ctx: CommandContext, uniqueid: str) -> None:
    target = ctx.state.table(Channel).get(uniqueid)
    if target is not None and waits(target):
        await ctx.ask(actions.hangup(target.name))


@job("transfer-taken")
async def fetch_nobody(ctx: CommandContext, uniqueid: str) -> None:
    """`Setvar` of a phone whose caller is with somebody else: the dialplan would bring them together again when the
    target goes, or the wait is over. Who only waited is let go.
    """
    mine = ctx.state.table(Channel).get(uniqueid)
    if mine is not None and not ctx.state.table(Transfer).where("mine", uniqueid):
        await ctx.ask(actions.setvar(mine.name, "PBXPANEL_HELD", ""))
        await let_go(ctx, uniqueid)


# The dialplan, while somebody may come to its next step.


@each_second
def somebody_is_on_hold(state: State) -> None:
    if state.table(Transfer).rows:
        state.ask_for_job("transfer-dialplan", "")


@job("transfer-dialplan")
async def write_again(ctx: CommandContext, key: str) -> None:
    """`Getvar` of `DIALPLAN_EXISTS`, of each extension to whose next step somebody may come: a reload takes away all
    that was added, and no event says so.
    """
    # Whoever is at one of the others is sent on to one of these two.
    needed = {"hold", "consult"}
    needed |= {channel.extension for channel in ctx.state.table(Channel).rows.values() if channel.context == CONTEXT}
    asked = [extension for extension in DIALPLAN if extension in needed]
    answers = await asyncio.gather(
        *(ctx.ask(actions.getvar_global(f"DIALPLAN_EXISTS({CONTEXT},{extension},1)")) for extension in asked)
    )
    if any(answer.ok and answer.response.get("Value") == "0" for answer in answers):
        await dialplan.write(ctx, DIALPLAN)

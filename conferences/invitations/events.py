"""Who is called into a conference: the worker dials, some at a time, and follows each call until they have joined."""

import logging
import uuid
from datetime import timedelta

import conferences.snapshot  # noqa: F401  its list of participants comes first: `find_calls` looks into it
from calls.events import own_caller_id
from calls.models import Channel
from calls.placed import new_uniqueids
from engine.ami import actions
from engine.ami.errors import AmiError, IllegalField
from engine.ami.protocol import CHANNEL_FIELDS, Action, Message
from engine.mirror.context import CommandContext
from engine.mirror.dialplan import argument
from engine.mirror.registry import job, on, snapshot_step, when_removed
from engine.mirror.sanitize import exact
from engine.mirror.state import State
from engine.mirror.sync import Snapshot

from ..models import Conference, Participant
from ..moving import profiles
from ..rows import Arrivals
from .models import Invitation

logger = logging.getLogger(__name__)

# How many calls of one conference wait for an answer at a time; how long each does, in seconds.
AT_ONCE = 10
RING_TIMEOUT = 45.0
# How long a call that has failed stays on the page.
KEPT = timedelta(days=1)

STATE = Invitation.State
_DIALLING = (STATE.CALLING, STATE.RINGING)
# What a hangup cause (Q.850) says of a call that failed; of several the first.
CAUSES = {"21": STATE.DECLINED, "17": STATE.BUSY, "19": STATE.NO_ANSWER, "18": STATE.NO_ANSWER}
_RANK = {cause: rank for rank, cause in enumerate([*reversed(CAUSES), Invitation.LEFT], 1)}
# What the `Reason` of an OriginateResponse says, where no cause does.
REASONS = {"5": STATE.BUSY, "3": STATE.NO_ANSWER}


def add(
    state: State,
    conference: str,
    channel: str,
    number: str,
    *,
    name: str = "",
    user_id: int = 0,
    caller_number: str = "",
    caller_name: str = "",
    arguments: str = "",
) -> Invitation | None:
    """Have somebody called into a conference, which need not run; None where they are already being called.

    If a call to them has failed, this is the next try.

    `channel` is what Originate calls. `caller_number` and `caller_name` are what their phone shows, `number` and
    `name` what they are called by. `arguments` are the profiles by which they enter, where not those of the others.
    """
    table = state.table(Invitation)
    values = {
        "number": number,
        "name": name,
        "user_id": user_id,
        "caller_number": caller_number,
        "caller_name": caller_name,
        "arguments": arguments,
    }
    state.ask_for_job("invitations", conference)
    for row in table.where("conference", conference):
        if row.channel == channel:
            if not row.has_ended:
                return None
            table.change(row, state=STATE.WAITING, cause="", **values)
            return row
    return table.add(uuid.uuid4().hex, conference=conference, channel=channel, invited_at=state.now(), **values)


@when_removed(Conference)
def forget_failures(state: State, row: Conference) -> None:
    table = state.table(Invitation)
    for invitation in table.where("conference", row.name):
        if invitation.has_ended:
            table.remove(invitation.code)


# The calls.


@job("invitations")
async def advance(ctx: CommandContext, conference: str) -> None:
    """`Originate` of those who wait for their turn, `Hangup` of those who were cancelled before they had a channel."""
    state, table = ctx.state, ctx.state.table(Invitation)
    rows = sorted(table.where("conference", conference), key=lambda row: row.invited_at)
    for row in rows:
        if row.has_ended and row.invited_at < state.now() - KEPT:
            table.remove(row.code)
        elif row.state == STATE.CANCELLED and (channel := state.table(Channel).get(row.uniqueid)):
            await ctx.ask(actions.hangup(channel.name), timeout=5)
    for row in rows:
        dialling = sum(other.state in _DIALLING for other in table.where("conference", conference))
        if dialling >= AT_ONCE:
            break
        if row.state == STATE.WAITING and table.get(row.code) is row:
            await dial(ctx, row)


async def dial(ctx: CommandContext, row: Invitation) -> None:
    """`Originate` of one who waits: they are called, and enter the conference once they have answered."""
    state = ctx.state
    uniqueids = new_uniqueids(state.now())
    state.table(Invitation).change(row, state=STATE.CALLING, uniqueid=uniqueids[0], cause="", tries=row.tries + 1)
    conference = state.table(Conference).get(row.conference)
    arguments = row.arguments or (conference.arguments if conference else "")
    entry = ",".join(profiles(arguments)).rstrip(",")
    # No event reports the data of an application that we run.
    state.memory(Arrivals)[uniqueids[0]] = {"arguments": entry}
    try:
        action = originate(row, entry, uniqueids)
        if not is_number(row):
            action = await own_caller_id(ctx, action, row.channel, row.number)
        answer = await ctx.ask(action, action_id=uniqueids[0], timeout=5)
    except IllegalField as error:
        logger.warning("%s: nobody can be called into %r: %s", state.pbx, row.conference, error)
        fail(state, row)
        return
    except AmiError:  # whether they are being called is not known
        fail(state, row)
        raise
    if not answer.ok:
        logger.warning("%s: nobody could be called into %s: %s", state.pbx, row.conference, answer.text)
        fail(state, row)


def is_number(row: Invitation) -> bool:
    """Whether it is dialled in the dialplan, rather than a phone that we know."""
    return row.channel.startswith("Local/")


def originate(row: Invitation, entry: str, uniqueids: tuple[str, str]) -> Action:
    """What calls them: each side shows the other. A phone that we know says itself who it is."""
    variables = [("CONNECTEDLINE(num)", row.caller_number), ("CONNECTEDLINE(name)", row.caller_name)]
    if is_number(row):
        variables += [("CALLERID(num)", row.number), ("CALLERID(name)", row.name)]
    return actions.originate_application(
        row.channel,
        "ConfBridge",
        f"{argument(row.conference)},{entry}".rstrip(","),
        timeout=RING_TIMEOUT,
        uniqueids=uniqueids if is_number(row) else (uniqueids[0], ""),
        variables=[(name, argument(value)) for name, value in variables if value],
    )


def of_call(state: State, linkedid: str) -> list[Invitation]:
    """The invitation, if any, whose latest try this call is."""
    table = state.table(Invitation)
    return table.where("uniqueid", linkedid) if table.rows and linkedid else []


def answered(state: State, row: Invitation) -> None:
    if row.state in _DIALLING:
        state.table(Invitation).change(row, state=STATE.ANSWERED)
        state.ask_for_job("invitations", row.conference)


def fail(state: State, row: Invitation, outcome: Invitation.State = STATE.FAILED) -> None:
    """The call is over, and they have not joined; its causes say more than the outcome."""
    if row.state in Invitation.UNDER_WAY:
        state.memory(Arrivals).pop(row.uniqueid, None)
        state.table(Invitation).change(row, state=CAUSES.get(row.cause, outcome))
        state.ask_for_job("invitations", row.conference)


def note_cause(state: State, row: Invitation, cause: str) -> None:
    """Keep the cause that says most. Some come when the call is already over."""
    if _RANK.get(cause, 0) <= _RANK.get(row.cause, 0):
        return
    table = state.table(Invitation)
    table.change(row, cause=cause)
    if cause in CAUSES and row.has_ended and row.state != STATE.CANCELLED:
        table.change(row, state=CAUSES[cause])


@on("Newchannel", required=CHANNEL_FIELDS)
def begins(state: State, event: Message) -> None:
    for row in of_call(state, exact(event.get("Uniqueid"))):
        if row.state == STATE.CANCELLED:
            state.ask_for_job("invitations", row.conference)


@on("Newstate", required=CHANNEL_FIELDS)
def rings_or_answers(state: State, event: Message) -> None:
    for row in of_call(state, exact(event.get("Linkedid"))):
        channel_state = event.get("ChannelStateDesc")
        if channel_state == "Ringing" and row.state == STATE.CALLING:
            state.table(Invitation).change(row, state=STATE.RINGING)
        elif channel_state == "Up" and exact(event.get("Uniqueid")) == row.uniqueid:
            answered(state, row)


@on("DialEnd")
def is_not_answered(state: State, event: Message) -> None:
    """A dialplan that gives up earlier than we do: the causes would say that it was congested."""
    if event.get("DialStatus") == "NOANSWER":
        for row in of_call(state, exact(event.get("DestLinkedid"))):
            note_cause(state, row, "19")


@on("OriginateResponse")
def is_over_or_answered(state: State, event: Message) -> None:
    for row in of_call(state, exact(event.get("ActionID"))):
        if event.get("Response") == "Success":
            answered(state, row)
        else:
            fail(state, row, REASONS.get(event.get("Reason"), STATE.FAILED))


@on("Hangup", required=CHANNEL_FIELDS)
def hangs_up(state: State, event: Message) -> None:
    for row in of_call(state, exact(event.get("Linkedid"))):
        if row.state != STATE.ANSWERED:
            note_cause(state, row, event.get("Cause"))
        elif exact(event.get("Uniqueid")) == row.uniqueid:
            note_cause(state, row, Invitation.LEFT)
            fail(state, row)


@on("ConfbridgeJoin", required=CHANNEL_FIELDS)
def joins(state: State, event: Message) -> None:
    for row in of_call(state, exact(event.get("Uniqueid"))):
        if row.state == STATE.CANCELLED:
            state.ask_for_job("invitations", row.conference)
        else:
            state.table(Invitation).remove(row.code)
            state.ask_for_job("invitations", row.conference)


@snapshot_step
async def find_calls(snapshot: Snapshot) -> None:
    """What became of calls while nobody listened, by the channels and participants of the previous lists."""
    state = snapshot.state
    table = state.table(Invitation)
    for row in list(table.rows.values()):
        if row.state in Invitation.UNDER_WAY:
            _find_call(state, row)
        elif row.state == STATE.WAITING and row.conference not in state.table(Conference).rows:
            # Nobody is called late, into a conference that is over.
            table.change(row, state=STATE.FAILED)
        state.ask_for_job("invitations", row.conference)


def _find_call(state: State, row: Invitation) -> None:
    channel = state.table(Channel).get(row.uniqueid)
    if channel is None:
        fail(state, row)
    elif state.table(Participant).get(row.uniqueid) is not None:
        state.table(Invitation).remove(row.code)
    elif channel.is_up:
        answered(state, row)
    elif any(leg.state == "Ringing" for leg in state.table(Channel).where("linkedid", row.uniqueid)):
        state.table(Invitation).change(row, state=STATE.RINGING)

"""How the ladder of a call is written: which event is a step of what happened, and when a call is over.

Each step is one row, written once. What happened while nobody listened is not known, and is said so.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from engine.ami.protocol import CHANNEL_FIELDS, Message
from engine.mirror import dialplan
from engine.mirror.commands import Outcome
from engine.mirror.context import CommandContext
from engine.mirror.registry import each_second, first_snapshot_step, on, when_added, when_removed
from engine.mirror.sanitize import clean, exact
from engine.mirror.state import State
from engine.mirror.sync import Snapshot
from engine.mirror.verbs import Verb, witnesses

from .. import event_types, placed

# What these fold is folded before.
from .. import events as _before  # noqa: F401
from ..call import ALONE_IN, party_of
from ..events import PARKEE_FIELDS, regrouped
from ..models import Bridge, Channel, ParkedCall, Transfer
from .models import KEPT_STEPS, CallRecord, CallStep

Kind = CallStep.Kind

# Of two who meet so soon after one has answered, the answer says it.
ANSWER_SAYS_IT = timedelta(seconds=1.5)
# How soon those who are with somebody who hangs up are let go.
FOLLOWS_WITHIN = timedelta(seconds=1)
# For how long what follows is put down to what a user has asked.
ASKED_LATELY = timedelta(seconds=5)
# How many calls that have gone on in another one are remembered.
JOINED_KNOWN = 500
# Those who are with each other are named up to so many.
NAMED = 6
# Applications that dial: who answers there is told by the phones.
DIALLING = frozenset(("Dial", "Queue", "FollowMe", "AppDial", "AppQueue", "Bridge", "Pickup", "PickupChan"))
# Where a step says where in the dialplan somebody is.
PLACES = frozenset((*ALONE_IN, "ConfBridge"))
# Verbs that the events they cause, or a step of their own, tell; and those that no colleague need read of.
TOLD_OTHERWISE = frozenset((
    "hangup", "reject", "park", "hold", "consult", "resume", "cancel", "retrieve", "pickup", "takeover", "transfer",
    "complete", "record", "stop-record", "pause-record", "resume-record", "listen", "whisper", "barge", "keypad",
    "get-variable", "set-variable", "list-variables",
))  # fmt: skip

DEST_FIELDS = frozenset(f"Dest{name}" for name in CHANNEL_FIELDS)
TARGET_FIELDS = frozenset((*CHANNEL_FIELDS, *(f"Target{name}" for name in CHANNEL_FIELDS)))
TRANSFERER_FIELDS = frozenset(f"Transferer{name}" for name in CHANNEL_FIELDS)
ORIG_TRANSFERER_FIELDS = frozenset(f"OrigTransferer{name}" for name in CHANNEL_FIELDS)


@dataclass(slots=True)
class Leg:
    """What was seen of one channel."""

    dialled: bool = False
    # The channel that it was dialled for; empty for one that was originated.
    dialled_for: str = ""
    # The step of its dial, which is one with that of its ringing where both come within a tick.
    step: str = ""
    # How that dial ended, `DIALSTATUS`.
    status: str = ""
    # Somebody else has answered in its place.
    is_picked_up: bool = False
    holds: bool = False
    place: str = ""
    # With whom it was last: unique ids.
    met: tuple[str, ...] = ()
    # Whoever is at it has hung up.
    hung_up: bool = False


@dataclass(slots=True)
class Ladder:
    """What is remembered of the calls of one PBX beside their rows."""

    legs: dict[str, Leg] = field(default_factory=dict)
    # The channel that left last: its hang-up tells why.
    gone: tuple[Channel, Leg] | None = None
    # Calls whose last channel has gone; a hang-up told of it, or nothing did.
    left: set[str] = field(default_factory=set)
    # Calls that were known before the link came up again.
    before: set[str] = field(default_factory=set)
    # Call → what a user last asked about it: when, the verb, who, and of which channel (empty: of all).
    asked: dict[str, tuple[datetime, str, int, str]] = field(default_factory=dict)
    # Calls that have gone on in another one, the last of them: one may be a call of its own again.
    joined: dict[str, CallRecord] = field(default_factory=dict)
    # Of the last step.
    serial: int = 0

    def leg(self, channel: Channel) -> Leg:
        return self.legs.setdefault(channel.uniqueid, Leg())


def microseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond


def label(channel: Channel | None) -> str:
    return party_of(channel).full_label[:200] if channel is not None else ""


def record_of(state: State, call: str, began: datetime) -> CallRecord:
    """The record of a call that somebody is in."""
    table = state.table(CallRecord)
    record = table.get(call)
    if record is not None and record.ended_at is None:
        return record
    former = record or state.memory(Ladder).joined.pop(call, None)
    if record is not None:  # its end is not written yet
        table.closed.discard(call)
        table.change(record, ended_at=None, goes_on_in="")
    elif former is None:
        record = table.add(call, started_at=began)
    else:
        record = table.add(
            call,
            started_at=former.started_at,
            is_whole=former.is_whole,
            reference=former.reference,
        )
        record.steps, record.answered_at = former.steps, former.answered_at
    return record


def add_step(
    state: State,
    channel: Channel,
    kind: str,
    *,
    who: str | None = None,
    other: str = "",
    detail: str = "",
    user_id: int = 0,
    at: datetime | None = None,
) -> str:
    """Write a step of the call of this channel; its key."""
    record = record_of(state, channel.call, channel.created_at)
    name = label(channel) if who is None else who
    return _write(state, record, kind, who=name, other=other, detail=detail, user_id=user_id, at=at)


def _write(state: State, record: CallRecord, kind: str, *, at: datetime | None = None, **values: Any) -> str:
    record.steps += 1
    if record.steps > KEPT_STEPS:
        return ""
    memory, steps, now = state.memory(Ladder), state.table(CallStep), state.now()
    memory.serial = max(memory.serial + 1, microseconds(now))
    key, when = str(memory.serial), at or now
    order = memory.serial if at is None else microseconds(at)
    steps.add(key, call=record.key, kind=kind, at=when, order=order, **values)
    steps.closed.add(key)
    return key


def asked_by(state: State, channel: Channel, *verbs: str, all_of_it: bool = False) -> int:
    """The user who has lately asked one of these verbs about a channel, or (`all_of_it`) its call; 0 for nobody."""
    at, verb, user_id, uniqueid = state.memory(Ladder).asked.get(channel.call, (None, "", 0, ""))
    if at is None or verb not in verbs or state.now() - at > ASKED_LATELY:
        return 0
    return user_id if all_of_it or uniqueid in ("", channel.uniqueid) else 0


def channel_of(state: State, uniqueid: str) -> Channel | None:
    return state.table(Channel).get(exact(uniqueid))


# The beginning and the end of a call.


@when_added(Channel)
def channel_comes(state: State, channel: Channel) -> None:
    record_of(state, channel.call, channel.created_at)


def goes_on_in(state: State, channel: Channel, former: str) -> None:
    """A channel left its call for another one; with the last, that call goes on there."""
    record_of(state, channel.call, channel.created_at)
    records = state.table(CallRecord)
    record = records.get(former)
    if record is None or state.table(Channel).where("call", former):
        return
    if not record.steps:
        records.remove(former)
        return
    add_step(state, channel, Kind.JOINED, other=former)
    at = max(state.now(), record.started_at)
    event_types.ends(state, record, at, known=True, goes_on_in=channel.call)
    records.close(record, goes_on_in=channel.call, ended_at=at)
    joined = state.memory(Ladder).joined
    joined[former] = record
    while len(joined) > JOINED_KNOWN:
        del joined[next(iter(joined))]


regrouped.append(goes_on_in)


@when_removed(Channel)
def channel_goes(state: State, channel: Channel) -> None:
    memory = state.memory(Ladder)
    memory.gone = (channel, memory.legs.pop(channel.uniqueid, Leg()))
    event_types.leaves(state, channel)
    if not state.table(Channel).where("call", channel.call):
        memory.left.add(channel.call)


@on("Hangup", required=CHANNEL_FIELDS)
def hung_up(state: State, event: Message) -> None:
    memory = state.memory(Ladder)
    if memory.gone is None or memory.gone[0].uniqueid != exact(event.get("Uniqueid")):
        return
    (channel, leg), memory.gone = memory.gone, None
    if not channel.is_local:
        cause = clean(event.get("Cause"), 5)
        was_called = leg.dialled or channel.state == "Ringing"
        by = 0 if leg.hung_up else asked_by(state, channel, "hangup", "reject")
        if channel.answered_at is None and was_called:
            if not leg.is_picked_up:
                add_step(state, channel, Kind.FAILED, detail=f"{leg.status} {cause}", user_id=by)
                event_types.fails(state, channel, leg.status, cause)
        else:
            if leg.hung_up or by or not _follows(state, channel, cause):
                add_step(state, channel, Kind.LEFT, detail=f"{'self' if leg.hung_up else 'pbx'} {cause}", user_id=by)
            event_types.hangs_up(state, channel, cause)
    _end(state, channel.call, state.now())


def _follows(state: State, channel: Channel, cause: str) -> bool:
    """Whether it only ends because another one of the call has just hung up, which says it."""
    record = state.table(CallRecord).get(channel.call)
    at = record.hung_up_at if record is not None else None
    return at is not None and state.now() - at <= FOLLOWS_WITHIN and cause in ("", "0", "16")


def _end(state: State, call: str, at: datetime, *, known: bool = True) -> None:
    """The call is over, if nobody is in it any more; `known` says whether somebody listened."""
    state.memory(Ladder).left.discard(call)
    records = state.table(CallRecord)
    record = records.get(call)
    if record is not None and not state.table(Channel).where("call", call):
        at = max(at, record.started_at)
        event_types.ends(state, record, at, known=known)
        records.close(record, ended_at=at)


def _lose(state: State, call: str, at: datetime) -> None:
    """It was found to be over, and nothing told how."""
    record = state.table(CallRecord).get(call)
    if record is not None and not state.table(Channel).where("call", call):
        _write(state, record, Kind.LOST, at=max(at, record.started_at))
    _end(state, call, at, known=False)


@each_second
def find_lost(state: State) -> None:
    memory = state.memory(Ladder)
    for call in list(memory.left):
        _lose(state, call, state.now())
    if memory.asked:
        oldest = state.now() - ASKED_LATELY
        memory.asked = {call: asked for call, asked in memory.asked.items() if asked[0] >= oldest}


@on("FullyBooted")
def link_comes_up(state: State, event: Message) -> None:
    state.memory(Ladder).before = set(state.table(CallRecord).rows)


@first_snapshot_step
async def say_what_was_missed(snapshot: Snapshot) -> None:
    """Of each call that was known before, that nobody listened meanwhile, or that it is over. Asks for nothing."""
    state = snapshot.state
    memory, since = state.memory(Ladder), state.last_contact
    records = state.table(CallRecord)
    for record in list(records.rows.values()):
        channels = state.table(Channel).where("call", record.key)
        if not channels:
            _lose(state, record.key, since or state.now())
            continue
        if record.answered_at is None:
            # Nobody has heard when; as of each channel the best guess is told.
            reached = [row for row in channels if row.bridge or row.application in PLACES]
            answers = [row.answered_at for row in reached if row.answered_at is not None]
            record.answered_at = min(answers, default=None)
        if record.key in memory.before:
            _write(state, record, Kind.GAP, detail=str(microseconds(since) // 1000) if since else "")
    memory.before = set()


# Dialling and answering.


@on("Newchannel", required=CHANNEL_FIELDS)
def call_begins(state: State, event: Message) -> None:
    channel = channel_of(state, event.get("Uniqueid"))
    if channel is None or channel.uniqueid != channel.linkedid or channel.name.endswith(";2"):
        return
    record = record_of(state, channel.call, channel.created_at)
    if record.steps:
        return
    mine = state.memory(placed.PlacedCalls).calls.get(channel.uniqueid)
    reference = mine.reference if mine is not None else record.reference
    state.table(CallRecord).change(record, is_whole=True, reference=reference)
    if mine is not None:
        state.table(CallRecord).change(record, reference=mine.reference)
        add_step(
            state, channel, Kind.BEGAN, other=mine.number, detail=mine.purpose.name, user_id=mine.user_id
        )  # fmt: skip
    else:
        add_step(state, channel, Kind.BEGAN, other=channel.extension if channel.extension not in ("s", "h") else "")


@on("DialBegin", required=DEST_FIELDS)
def dialled(state: State, event: Message) -> None:
    channel = channel_of(state, event.get("DestUniqueid"))
    if channel is None or channel.is_local:
        return
    leg = state.memory(Ladder).leg(channel)
    leg.dialled, leg.dialled_for = True, exact(event.get("Uniqueid"))
    if not leg.step:  # it may ring already
        leg.step = add_step(state, channel, Kind.DIALLED)


@on("Newstate", required=CHANNEL_FIELDS)
def rings_or_answers(state: State, event: Message) -> None:
    channel = channel_of(state, event.get("Uniqueid"))
    if channel is None or channel.is_local:
        return
    leg, record = state.memory(Ladder).leg(channel), record_of(state, channel.call, channel.created_at)
    if channel.state == "Ringing":
        table = state.table(CallStep)
        unwritten = table.get(leg.step)
        if unwritten is not None:
            table.change(unwritten, kind=Kind.RANG)
        else:
            leg.step = add_step(state, channel, Kind.RANG)
        leg.dialled = True
        event_types.rings(state, record, channel)
    elif channel.state == "Up":
        if leg.dialled:
            add_step(state, channel, Kind.ANSWERED)
            event_types.answers(state, record, channel, somebody=bool(leg.dialled_for))
        elif channel.application not in DIALLING:
            add_step(state, channel, Kind.TAKEN)
            event_types.connects(state, record)


@on("DialEnd", required=DEST_FIELDS)
def dial_ends(state: State, event: Message) -> None:
    """The hang-up that follows tells the cause too."""
    channel = channel_of(state, event.get("DestUniqueid"))
    if channel is not None:
        state.memory(Ladder).leg(channel).status = clean(event.get("DialStatus"), 40)


@on("Pickup", required=TARGET_FIELDS)
def picked_up(state: State, event: Message) -> None:
    channel = channel_of(state, event.get("Uniqueid"))
    target = channel_of(state, event.get("TargetUniqueid"))
    if channel is None or target is None:
        return
    state.memory(Ladder).leg(target).is_picked_up = True
    add_step(state, target, Kind.PICKED_UP, who=label(channel), other=label(target))
    event_types.answers(state, record_of(state, target.call, target.created_at), channel, somebody=True)


@on("HangupRequest", required=CHANNEL_FIELDS)
def hangs_up(state: State, event: Message) -> None:
    """The far side has hung up. Without it the PBX does (`SoftHangupRequest`, which comes for most channels)."""
    channel = channel_of(state, event.get("Uniqueid"))
    # That of a Local channel is only its other half.
    if channel is not None and not channel.is_local:
        state.memory(Ladder).leg(channel).hung_up = True
        record_of(state, channel.call, channel.created_at).hung_up_at = state.now()


# Who is with whom, and where.


@on("Newexten", required=CHANNEL_FIELDS)
def reaches(state: State, event: Message) -> None:
    application = event.get("Application")
    if application not in PLACES and application != "Answer":
        return
    channel = channel_of(state, event.get("Uniqueid"))
    if channel is None or channel.is_local:
        return
    if channel.is_up:
        event_types.connects(state, record_of(state, channel.call, channel.created_at))
    if channel.context == dialplan.CONTEXT or application not in PLACES:
        return
    leg, name = state.memory(Ladder).leg(channel), ""
    if application in ("Queue", "ConfBridge"):
        # Of a conference it is what Asterisk is queried for.
        name = (clean if application == "Queue" else exact)(event.get("AppData").partition(",")[0])
    place = f"{ALONE_IN.get(application, application)}{name}"
    if leg.place != place:
        leg.place = place
        add_step(state, channel, Kind.REACHED, other=name, detail=application)


@on("BridgeEnter", required=CHANNEL_FIELDS)
def meets(state: State, event: Message) -> None:
    channel = channel_of(state, event.get("Uniqueid"))
    if channel is None:
        return
    people = together(state, channel)
    if len(people) < 2:
        return
    event_types.connects(state, record_of(state, channel.call, channel.created_at))
    people.sort(key=lambda person: person.age)
    met = tuple(person.uniqueid for person in people)
    legs = [state.memory(Ladder).leg(person) for person in people]
    if all(leg.met == met for leg in legs):
        return
    oldest = state.now() - ANSWER_SAYS_IT
    has_just_answered = any(
        leg.dialled_for and not leg.met and person.answered_at is not None and person.answered_at >= oldest
        for leg, person in zip(legs, people, strict=True)
    )
    for leg in legs:
        leg.met = met
    if not has_just_answered or len({person.call for person in people}) > 1:
        first, *others = people
        add_step(state, first, Kind.MET, other=", ".join(map(label, others))[:200])


def together(state: State, channel: Channel) -> list[Channel]:
    """Those who hear each other in the bridge of this channel, and in those that Local channels connect with it; nobody
    where these are many.
    """
    channels, bridges = state.table(Channel), state.table(Bridge)
    people: list[Channel] = []
    found, seen = [channel.bridge], {"", channel.bridge}
    while found:
        uniqueid = found.pop()
        bridge = bridges.get(uniqueid)
        if not uniqueid or bridge is None or not bridge.is_talk:
            continue
        for other in channels.where("bridge", uniqueid):
            if not other.is_local:
                people.append(other)
            for half in channels.where("name", other.other_half) if other.is_local else ():
                if half.bridge not in seen:
                    seen.add(half.bridge)
                    found.append(half.bridge)
        if len(people) > NAMED:
            return []
    return people


# Hold, transfer, parking, recording.


@on("Hold", "Unhold", required=CHANNEL_FIELDS)
def holds(state: State, event: Message) -> None:
    channel = channel_of(state, event.get("Uniqueid"))
    if channel is None or channel.is_local:
        return
    leg, begins = state.memory(Ladder).leg(channel), event.name == "Hold"
    if leg.holds != begins:
        leg.holds = begins
        add_step(state, channel, Kind.HELD if begins else Kind.RESUMED, detail="phone")
        tell = event_types.holds if begins else event_types.resumes
        tell(state, record_of(state, channel.call, channel.created_at), channel)


@when_added(Transfer)
def put_on_hold(state: State, row: Transfer) -> None:
    held, mine = state.table(Channel).get(row.held), state.table(Channel).get(row.mine)
    # Who is only sent on, and comes back where nobody answers, is told of by the verb.
    if held is None or not row.mine:
        return
    if row.number:
        add_step(state, held, Kind.CONSULTED, who=label(mine), other=row.number, user_id=row.user_id)
    else:
        add_step(state, held, Kind.HELD, user_id=row.user_id)
    event_types.holds(state, record_of(state, held.call, held.created_at), mine)


@when_removed(Transfer)
def off_hold(state: State, row: Transfer) -> None:
    """Back with the phone that asked for it, if they are; who else is with them is told when they meet."""
    held, mine = state.table(Channel).get(row.held), state.table(Channel).get(row.mine)
    if held is not None and mine is not None and held.bridge and held.bridge == mine.bridge:
        add_step(state, held, Kind.RESUMED, user_id=asked_by(state, held, "resume", "cancel", all_of_it=True))
        event_types.resumes(state, record_of(state, held.call, held.created_at), mine)


@on("BlindTransfer", required=TRANSFERER_FIELDS)
def blindly_transferred(state: State, event: Message) -> None:
    transferer = channel_of(state, event.get("TransfererUniqueid"))
    if transferer is None or event.get("Result") != "Success":
        return
    transferee = channel_of(state, event.get("TransfereeUniqueid"))
    extension = clean(event.get("Extension"))
    who, by = label(transferee), label(transferer)[:80]
    about = transferee or transferer
    add_step(state, about, Kind.TRANSFERRED, who=who, other=extension, detail=by)
    record = record_of(state, about.call, about.created_at)
    event_types.transfers(state, record, transferee, number=extension, by=transferer, attended=False)


@on("AttendedTransfer", required=ORIG_TRANSFERER_FIELDS)
def transferred(state: State, event: Message) -> None:
    transferer = channel_of(state, event.get("OrigTransfererUniqueid"))
    if transferer is None or event.get("Result") != "Success":
        return
    transferee = channel_of(state, event.get("TransfereeUniqueid"))
    who, by = label(transferee), label(transferer)[:80]
    # Asterisk does not always name the target; then it is whom the transferer was with.
    target = channel_of(state, event.get("TransferTargetUniqueid"))
    name, number = (clean(event.get(f"SecondTransfererConnectedLine{part}")) for part in ("Name", "Num"))
    if target is not None:
        party = party_of(target)
        name, number = party.name, party.number
    about = transferee or transferer
    add_step(state, about, Kind.TRANSFERRED, who=who, other=f"{name} {number}".strip()[:200], detail=by)
    record = record_of(state, about.call, about.created_at)
    event_types.transfers(state, record, transferee, name=name, number=number, by=transferer, attended=True)


@when_added(ParkedCall)
def parked(state: State, row: ParkedCall) -> None:
    channel = state.table(Channel).get(row.uniqueid)
    if channel is not None:
        user_id = asked_by(state, channel, "park", all_of_it=True)
        # Also a list tells since when.
        add_step(state, channel, Kind.PARKED, other=row.space, user_id=user_id, at=row.parked_at)


@on("UnParkedCall", "ParkedCallTimeOut", required=PARKEE_FIELDS)
def no_longer_parked(state: State, event: Message) -> None:
    channel = channel_of(state, event.get("ParkeeUniqueid"))
    if channel is None:
        return
    if event.name == "UnParkedCall":
        add_step(state, channel, Kind.RETRIEVED, other=label(channel_of(state, event.get("RetrieverUniqueid"))))
    else:
        add_step(state, channel, Kind.TIMED_OUT)


@on("MixMonitorStart", "MixMonitorStop", "MixMonitorMute", required=CHANNEL_FIELDS)
def recorded(state: State, event: Message) -> None:
    channel = channel_of(state, event.get("Uniqueid"))
    if channel is None:
        return
    kind = {"MixMonitorStart": Kind.RECORDED, "MixMonitorStop": Kind.UNRECORDED}.get(event.name)
    if kind is None:
        kind = Kind.PAUSED if event.get("State") == "1" else Kind.RECORDED
    user_id = asked_by(state, channel, "record", "stop-record", "pause-record", "resume-record", all_of_it=True)
    add_step(state, channel, kind, user_id=user_id)


# What users of the panel have asked.


def asked(ctx: CommandContext, verb: Verb[Any, Any], row: Any, parameters: Any) -> Callable[[Outcome], None]:
    """Remember who asks something about a call; what is done, and no event will tell, is a step."""
    state, at = ctx.state, ctx.state.now()
    channel = row
    if isinstance(row, Transfer):
        channel = state.table(Channel).get(row.held)
    elif verb.target.name == "call":
        channel = row.channels[0]
    if not isinstance(channel, Channel) or not ctx.user_id:
        return lambda outcome: None
    state.memory(Ladder).asked[channel.call] = (at, verb.name, ctx.user_id, channel.uniqueid if channel is row else "")
    number = row.number if isinstance(row, Transfer) else str(getattr(parameters, "to", ""))[:200]

    def tell(outcome: Outcome) -> None:
        if not outcome.done:
            return
        if verb.name in ("transfer", "transfer-recall", "complete"):
            add_step(state, channel, Kind.TRANSFERRED, other=number, user_id=ctx.user_id, at=at)
            record = record_of(state, channel.call, channel.created_at)
            event_types.transfers(state, record, channel, number=number, attended=verb.name == "complete")
        elif verb.name not in TOLD_OTHERWISE:
            add_step(state, channel, Kind.ASKED, other=number, detail=verb.name, user_id=ctx.user_id, at=at)

    return tell


witnesses.append(asked)

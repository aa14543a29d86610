"""Which AMI event changes a channel, a bridge or a parked call, and how.

Nearly every event about a channel has a whole snapshot of it (main/manager_channels.c), so one function folds
them all; the others report the one thing that a snapshot lacks.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from engine.ami import actions
from engine.ami.protocol import BRIDGE_FIELDS, CHANNEL_FIELDS, Action, Message
from engine.mirror.context import CommandContext
from engine.mirror.registry import first_snapshot_step, on, refreshes, snapshot_step
from engine.mirror.sanitize import clean, clean_name, duration, exact, unaccented
from engine.mirror.state import State
from engine.mirror.sync import Snapshot

from . import placed
from .models import Bridge, Channel, ParkedCall, age_of, endpoint_of
from .records.models import CallRecord

# How many calls are asked about at a time: Asterisk answers 10,000 such questions a second, a third one by one.
ASKED_AT_ONCE = 50
# The largest number of seconds that is stored.
MAX_TIMEOUT = 2**31 - 1


@dataclass(slots=True)
class OldHolds:
    """Channels that held a call when the link came up again, and had no event since."""

    uniqueids: set[str] = field(default_factory=set)


_TOLD = (
    "Channel", "Linkedid", "ChannelStateDesc", "CallerIDNum", "CallerIDName", "ConnectedLineNum", "ConnectedLineName",
    "AccountCode", "Context", "Exten",
)  # fmt: skip
_NAMED = ("caller_number", "caller_name", "connected_number", "connected_name", "account_code", "extension")


def fold_snapshot(state: State, event: Message) -> Channel | None:
    """Make the channel's row equal to the snapshot in this event. None for a channel that has hung up."""
    uniqueid = exact(event.get("Uniqueid"))
    if not uniqueid or state.has_tombstone(uniqueid):
        return None
    table = state.table(Channel)
    row = table.get(uniqueid)
    told = event.pick(_TOLD)
    if row is not None and row.fingerprint == told:
        return row  # many events are about something else and repeat the same snapshot
    channel, linkedid, channel_state, number, name, connected_number, connected_name, account, context, extension = told
    channel, linkedid = exact(channel), exact(linkedid) or uniqueid
    values: dict[str, Any] = {
        "linkedid": linkedid,
        "name": channel,
        "endpoint": endpoint_of(channel),
        "state": clean(channel_state, 32),
        "caller_number": clean(number),
        "caller_name": clean_name(name),
        "connected_number": clean(connected_number),
        "connected_name": clean_name(connected_name),
        "account_code": clean(account),
        "context": clean(context),
        "extension": clean(extension),
    }
    values["folded"] = folded(values[name] for name in _NAMED)
    former = row.linkedid if row is not None else linkedid
    call = linkedid
    if row is None or former != linkedid:
        call = next((other.call for other in table.where("linkedid", linkedid)), linkedid)
    if values["state"] == "Up" and (row is None or row.answered_at is None):
        values["answered_at"] = state.now()
    if row is None:
        row = table.add(uniqueid, created_at=state.now(), call=call, **values)
    else:
        table.change(row, **values)
        if former != linkedid:
            change_call(state, row, call)
    row.fingerprint = told
    join_halves(state, row, former)
    return row


def folded(texts: Iterable[str]) -> str:
    """Of these texts those that have accents, without them."""
    return "\n".join(unaccented(text) for text in texts if not text.isascii() and unaccented(text) != text.lower())


def join_halves(state: State, row: Channel, former: str) -> None:
    """Where this half of a Local channel and the other bear different linkedids (or did so), group both calls anew.

    `former` is the linkedid that the row had before.
    """
    if not row.is_local:
        return
    for other in state.table(Channel).where("name", row.other_half):
        if {former, row.linkedid} != {other.linkedid}:
            regroup(state, {former, row.linkedid, other.linkedid})


# Called with the state, a channel, and the call that it has left for the one that it belongs to now.
regrouped: list[Callable[[State, Channel, str], None]] = []


def change_call(state: State, row: Channel, call: str) -> None:
    """The channel belongs to this call from now on."""
    former = row.call
    if former != call:
        state.table(Channel).change(row, call=call)
        for hook in regrouped:
            hook(state, row, former)


def regroup(state: State, linkedids: set[str]) -> None:
    """Say of each channel of these linkedids, and of those joined to them, which call it belongs to.

    Asterisk gives one linkedid to all channels of a bridge, but does not carry it through a Local channel to what
    is behind it: two people who talk through one may bear different ones. They are one call, the older one.
    """
    table, left = state.table(Channel), set(linkedids)
    while left:
        members, joined = dict[str, list[Channel]](), {left.pop()}
        while joined:
            linkedid = joined.pop()
            members[linkedid] = table.where("linkedid", linkedid)
            halves = (half for row in members[linkedid] for half in table.where("name", row.other_half))
            joined |= {half.linkedid for half in halves} - members.keys()
        left -= members.keys()
        ages = (_age_of_call(state, linkedid, rows) for linkedid, rows in members.items() if rows)
        _seconds, _serial, call = min(ages, default=(0, 0, ""))
        for rows in members.values():
            for row in rows:
                change_call(state, row, call)


def _age_of_call(state: State, linkedid: str, rows: list[Channel]) -> tuple[int, int, str]:
    """Its record knows it from its first channel on, which may have gone."""
    record = state.table(CallRecord).get(linkedid)
    return age_of(linkedid, record.started_at if record else min(row.created_at for row in rows))


@on("Newchannel", "Newstate", "NewCallerid", "NewConnectedLine", "NewAccountCode", required=CHANNEL_FIELDS)
def snapshot_only(state: State, event: Message) -> None:
    fold_snapshot(state, event)


@on("Newexten", required=CHANNEL_FIELDS)
def application_begins(state: State, event: Message) -> None:
    row = fold_snapshot(state, event)
    if row is None:
        return
    application = clean(event.get("Application"))
    state.table(Channel).change(row, application=application, application_data=clean(event.get("AppData")))
    step = application.lower()
    if step == "playtones":
        step = event.get("AppData").lower()
    if tone := _TONES_OF.get(step):
        hear(state, row, tone)
    elif row.hears and step not in _LEAVES_TONE:
        state.table(Channel).change(row, hears="")
    placed.runs(state, row.uniqueid, application)
    if application == "Dial" and row.is_up:
        # For a phone that cannot be reached no dial begins, so none ends.
        state.request("dial-status", row.uniqueid)


@on("FullyBooted")
def link_comes_up(state: State, event: Message) -> None:
    state.memory(OldHolds).uniqueids = {row.uniqueid for row in state.table(Channel).rows.values() if row.on_hold}


@on("Hold", "Unhold", required=CHANNEL_FIELDS)
def hold(state: State, event: Message) -> None:
    row = fold_snapshot(state, event)
    if row is not None:
        state.memory(OldHolds).uniqueids.discard(row.uniqueid)
        state.table(Channel).change(row, on_hold=event.name == "Hold")


@on("BridgeEnter", required=CHANNEL_FIELDS)
def enters_bridge(state: State, event: Message) -> None:
    bridge = fold_bridge(state, event)
    row = fold_snapshot(state, event)
    if row is None:
        return
    table, entered = state.table(Channel), exact(event.get("BridgeUniqueid"))
    # It may have left another bridge while we were not listening.
    table.change(row, bridge=entered, on_hold=row.on_hold and row.bridge in ("", entered), hears="")
    # The channels of two calls that meet in a bridge of this kind get one linkedid, and no event says so. (In a
    # conference all keep their own.)
    is_call = bridge is not None and bridge.kind == "basic"
    if is_call and len({other.linkedid for other in table.where("bridge", row.bridge)}) > 1:
        state.request("bridge", row.bridge)


@on("BridgeLeave", required=CHANNEL_FIELDS)
def leaves_bridge(state: State, event: Message) -> None:
    row = fold_snapshot(state, event)
    if row is not None:
        # A list may already have said where it went next; no list says who is on hold.
        bridge = "" if row.bridge == exact(event.get("BridgeUniqueid")) else row.bridge
        state.table(Channel).change(row, bridge=bridge, on_hold=False)


@on("Rename")
def renamed(state: State, event: Message) -> None:
    row = state.table(Channel).get(exact(event.get("Uniqueid")))
    if row is not None and row.name == exact(event.get("Channel")):
        name = exact(event.get("Newname"))
        state.table(Channel).change(row, name=name, endpoint=endpoint_of(name))
        join_halves(state, row, row.linkedid)


@on("Hangup", required=CHANNEL_FIELDS)
def hung_up(state: State, event: Message) -> None:
    uniqueid = exact(event.get("Uniqueid"))
    state.add_tombstone(uniqueid)
    state.memory(OldHolds).uniqueids.discard(uniqueid)
    state.table(ParkedCall).remove(uniqueid)
    table = state.table(Channel)
    row = table.get(uniqueid)
    table.remove(uniqueid)
    if row is not None and row.is_local:
        for other in table.where("name", row.other_half):
            if other.linkedid != row.linkedid:
                regroup(state, {row.linkedid, other.linkedid})


# What somebody hears with whom nobody is. Of a dial that ended without an answer, and of the tone that Asterisk gives
# by itself when the dialplan has no further step, no event tells; the variable that Dial() sets does.

# Application of the dialplan, or what Playtones() is given, in lower case → the tone.
_TONES_OF = {
    "ringing": Channel.Tone.RINGING,
    "ring": Channel.Tone.RINGING,
    "busy": Channel.Tone.BUSY,
    "congestion": Channel.Tone.CONGESTION,
}
# Applications that let a tone go on.
_LEAVES_TONE = frozenset((
    "wait", "set", "noop", "goto", "gotoif", "gotoiftime", "execif", "gosub", "gosubif", "return", "macro", "macroexit",
    "verbose", "log", "userevent",
))  # fmt: skip
# `DIALSTATUS` → the tone that is given where there is no further step.
_TONES_AFTER = {
    "BUSY": Channel.Tone.BUSY,
    "CONGESTION": Channel.Tone.CONGESTION,
    "CHANUNAVAIL": Channel.Tone.CONGESTION,
}


def hear(state: State, row: Channel, tone: str) -> None:
    """The channel hears this tone from now on."""
    state.table(Channel).change(row, hears=tone)
    placed.hears(state, row.uniqueid, tone)


@on("DialEnd", required=CHANNEL_FIELDS)
def dial_ended(state: State, event: Message) -> None:
    """One of those who are dialled no longer is; of several, others may be."""
    row = state.table(Channel).get(exact(event.get("Uniqueid")))
    if row is not None and row.is_up and not row.bridge and event.get("DialStatus") != "ANSWER":
        state.request("dial-status", row.uniqueid)


def is_being_dialled(state: State, row: Channel) -> bool:
    """Whether somebody is being dialled for this channel, so that an event will report how that ends."""
    legs = state.table(Channel).where("linkedid", row.linkedid)
    return any(leg is not row and not leg.is_up for leg in legs)


@refreshes("dial-status")
async def ask_how_a_dial_ended(snapshot: Snapshot, uniqueid: str) -> None:
    """`Getvar` of `DIALSTATUS`, which is empty while somebody is still being dialled."""
    state = snapshot.state
    row = state.table(Channel).get(uniqueid)
    if row is None or row.bridge:
        return
    answer = await snapshot.ask(actions.getvar(row.name, "DIALSTATUS"))
    status = answer.response.get("Value") if answer.ok else ""
    if state.table(Channel).get(uniqueid) is not row or row.bridge:
        return
    if not status:
        if answer.ok and row.application == "Dial" and not is_being_dialled(state, row):
            # Dial() has not yet come so far, or is about to say it: no event tells when.
            state.request("dial-status", uniqueid)
        return
    if row.application == "Dial" and (tone := _TONES_AFTER.get(status)):
        hear(state, row, tone)
    placed.dial_ended(state, uniqueid, status)


# Bridges.


def fold_bridge(state: State, event: Message) -> Bridge | None:
    """The bridge that this event is about; it is added where it is not known yet. None for one that has ended."""
    uniqueid = exact(event.get("BridgeUniqueid"))
    if not uniqueid or state.has_tombstone(uniqueid):
        return None
    table = state.table(Bridge)
    return table.get(uniqueid) or table.add(
        uniqueid,
        kind=clean(event.get("BridgeType")),
        technology=clean(event.get("BridgeTechnology")),
        creator=clean(event.get("BridgeCreator")),
        # Of a conference it is what Asterisk is queried for.
        name=(exact if event.get("BridgeCreator") == "ConfBridge" else clean)(event.get("BridgeName")),
    )


@on("BridgeCreate", required=BRIDGE_FIELDS)
def bridge_begins(state: State, event: Message) -> None:
    fold_bridge(state, event)


@on("BridgeDestroy", required=BRIDGE_FIELDS)
def bridge_ends(state: State, event: Message) -> None:
    uniqueid = exact(event.get("BridgeUniqueid"))
    state.add_tombstone(uniqueid)
    state.table(Bridge).remove(uniqueid)


@refreshes("bridge")
async def read_bridge(snapshot: Snapshot, uniqueid: str) -> None:
    """`BridgeInfo`: the channels of one bridge, each with its linkedid as it is now."""
    await snapshot.list(actions.bridge_info(uniqueid), partial(snapshot_only, snapshot.state))


# Parking.

PARKEE_FIELDS = frozenset(f"Parkee{name}" for name in CHANNEL_FIELDS)


def fold_parked(state: State, event: Message) -> ParkedCall | None:
    """Make the row of a parked call equal to what this event says. None for a channel that has hung up."""
    uniqueid = exact(event.get("ParkeeUniqueid"))
    if not uniqueid or state.has_tombstone(uniqueid):
        return None
    table = state.table(ParkedCall)
    left, since = _number(event.get("ParkingTimeout")), _number(event.get("ParkingDuration"))
    values: dict[str, Any] = {
        "lot": clean(event.get("Parkinglot")),
        "space": clean(event.get("ParkingSpace")),
        # An event says how long the call may wait in all, a list how long it still may.
        "timeout": min(left + since, MAX_TIMEOUT) if left else 0,
        "parked_by": clean(event.get("ParkerDialString")),
    }
    row = table.get(uniqueid)
    if row is None:
        return table.add(uniqueid, parked_at=state.now() - timedelta(seconds=min(since, MAX_TIMEOUT)), **values)
    table.change(row, **values)
    return row


@on("ParkedCall", required=PARKEE_FIELDS)
def parked(state: State, event: Message) -> None:
    fold_parked(state, event)


@on("UnParkedCall", "ParkedCallTimeOut", "ParkedCallGiveUp", required=PARKEE_FIELDS)
def no_longer_parked(state: State, event: Message) -> None:
    state.table(ParkedCall).remove(exact(event.get("ParkeeUniqueid")))


@on("ParkedCallSwap", required=PARKEE_FIELDS)
def takes_parking_space(state: State, event: Message) -> None:
    """Another channel stands for the caller from now on, as when a Local channel steps aside."""
    row, table = fold_parked(state, event), state.table(ParkedCall)
    for other in list(table.rows.values()):
        if row is not None and other is not row and (other.lot, other.space) == (row.lot, row.space):
            table.remove(other.uniqueid)


async def own_caller_id(ctx: CommandContext, action: Action, phone: str, extension: str) -> Action:
    """Where the endpoint has no caller ID of its own, the operator's extension stands in for it.

    A call dialled by hand then presents what the phone itself sends; an originated one would be anonymous.
    """
    technology, _separator, endpoint = phone.partition("/")
    if technology != "PJSIP" or not extension:
        return action
    answer = await ctx.ask(actions.pjsip_show_endpoint(endpoint), is_list=True, timeout=2)
    details = next((event for event in answer.events if event.name == "EndpointDetail"), None)
    if details is None or clean(details.get("Callerid")):
        return action
    return Action(action.name, (*action.fields, ("Variable", f"CALLERID(num)={extension}")))


@snapshot_step
async def list_bridges(snapshot: Snapshot) -> None:
    """`BridgeList`: what kind of bridge each is."""
    state, named, known = snapshot.state, set[str](), snapshot.known(Bridge)

    def fold(event: Message) -> None:
        row = fold_bridge(state, event)
        if row is not None:
            named.add(row.uniqueid)
            state.table(Bridge).change(row, technology=clean(event.get("BridgeTechnology")))

    answer = await snapshot.list(actions.bridge_list(), fold)
    if answer.ok:
        snapshot.sweep(Bridge, known, named)


@snapshot_step
async def list_channels(snapshot: Snapshot) -> None:
    """`CoreShowChannels`: every live channel, each with its application, duration and bridge."""
    state, named = snapshot.state, set[str]()
    table = state.table(Channel)
    known = snapshot.known(Channel)

    def fold(event: Message) -> None:
        uniqueid = exact(event.get("Uniqueid"))
        is_new = table.get(uniqueid) is None
        row = fold_snapshot(state, event)
        if row is None:
            return
        named.add(uniqueid)
        values: dict[str, Any] = {
            "application": clean(event.get("Application")),
            "application_data": clean(event.get("ApplicationData")),
            "bridge": exact(event.get("BridgeId")),
        }
        if is_new:
            values["created_at"] = state.now() - duration(event.get("Duration"))
            # Nobody knows any more when it was answered; that it has been up so long is the best guess.
            values["answered_at"] = values["created_at"] if row.is_up else None
        elif uniqueid in state.memory(OldHolds).uniqueids and row.bridge not in ("", values["bridge"]):
            values["on_hold"] = False  # it has left the call that it held, while we were not listening
        table.change(row, **values)

    answer = await snapshot.list(actions.core_show_channels(), fold)
    if answer.ok:  # a list that was refused names nobody, and does not say who is gone
        snapshot.sweep(Channel, known, named)
        regroup(state, {row.linkedid for row in table.rows.values() if row.call != row.linkedid})


@first_snapshot_step
async def ask_who_holds(snapshot: Snapshot) -> None:
    """`CHANNEL(onhold)` of both channels of each call of two: whether the other one holds it, which no list says."""
    channels, bridges = snapshot.state.table(Channel), snapshot.state.table(Bridge)

    async def ask(held: Channel, holder: Channel) -> None:
        def fold(response: Message) -> None:
            together = channels.where("bridge", held.bridge) if held.bridge else []
            are_still_two = {row.uniqueid for row in together} == {held.uniqueid, holder.uniqueid}
            if response.name != "Error" and are_still_two:
                channels.change(holder, on_hold=response.get("Value") == "1")

        await snapshot.ask(actions.getvar(held.name, "CHANNEL(onhold)"), on_item=fold)

    pairs = [channels.where("bridge", row.uniqueid) for row in bridges.rows.values() if row.kind == "basic"]
    pairs = [pair for pair in pairs if len(pair) == 2]
    for start in range(0, len(pairs), ASKED_AT_ONCE):
        some = pairs[start : start + ASKED_AT_ONCE]
        await asyncio.gather(*(ask(held, holder) for one, two in some for held, holder in ((one, two), (two, one))))


@snapshot_step
async def list_parked_calls(snapshot: Snapshot) -> None:
    """`ParkedCalls`: who is parked where, on all parking lots."""
    state, named, known = snapshot.state, set[str](), snapshot.known(ParkedCall)

    def fold(event: Message) -> None:
        row = fold_parked(state, event)
        if row is not None:
            named.add(row.uniqueid)

    answer = await snapshot.list(actions.parked_calls(), fold)
    if answer.ok:
        snapshot.sweep(ParkedCall, known, named)


def _number(text: str) -> int:
    return int(text[:18]) if text.isdecimal() else 0

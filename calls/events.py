"""Which AMI event changes a channel, and how.

Nearly every event about a channel bears a whole snapshot of it (main/manager_channels.c), so one function folds
them all; the others say the one thing that a snapshot lacks.
"""

from collections.abc import Mapping
from typing import Any

from pbxpanel.ami import actions
from pbxpanel.ami.client import Session
from pbxpanel.ami.protocol import Action, Message
from pbxpanel.mirror.registry import follows, on, prepares, snapshot_step
from pbxpanel.mirror.state import State
from pbxpanel.mirror.sync import Snapshot
from pbxpanel.mirror.text import clean, duration

from .models import Channel, endpoint_of

# Hangup causes (ITU-T Q.850) of a phone that was reached and did not take the call.
BUSY_CAUSES = ("17", "21")
REMEMBERED_CAUSES = 1000


def fold_snapshot(state: State, event: Message) -> Channel | None:
    """Make the channel's row equal to the snapshot in this event. None for a channel that has hung up."""
    uniqueid = clean(event.get("Uniqueid"))
    if not uniqueid or state.is_buried(uniqueid):
        return None
    table = state.table(Channel)
    name = clean(event.get("Channel"))
    values: dict[str, Any] = {
        "linkedid": clean(event.get("Linkedid")) or uniqueid,
        "name": name,
        "endpoint": endpoint_of(name),
        "state": clean(event.get("ChannelStateDesc"), 32),
        "caller_number": clean(event.get("CallerIDNum")),
        "caller_name": clean(event.get("CallerIDName")),
        "connected_number": clean(event.get("ConnectedLineNum")),
        "connected_name": clean(event.get("ConnectedLineName")),
        "account_code": clean(event.get("AccountCode")),
        "context": clean(event.get("Context")),
        "extension": clean(event.get("Exten")),
    }
    row = table.get(uniqueid)
    if row is None:
        return table.add(
            uniqueid, created_at=state.now(), answered_at=state.now() if values["state"] == "Up" else None, **values
        )
    if values["state"] == "Up" and row.answered_at is None:
        values["answered_at"] = state.now()
    table.change(row, **values)
    return row


@on("Newchannel", "Newstate", "NewCallerid", "NewConnectedLine", "NewAccountCode")
def snapshot(state: State, event: Message) -> None:
    fold_snapshot(state, event)


@on("Newexten")
def application_begins(state: State, event: Message) -> None:
    row = fold_snapshot(state, event)
    if row is not None:
        state.table(Channel).change(
            row, application=clean(event.get("Application")), application_data=clean(event.get("AppData"))
        )


@on("Hold", "Unhold")
def hold(state: State, event: Message) -> None:
    row = fold_snapshot(state, event)
    if row is not None:
        state.table(Channel).change(row, on_hold=event.name == "Hold")


@on("BridgeEnter")
def enters_bridge(state: State, event: Message) -> None:
    row = fold_snapshot(state, event)
    if row is not None:
        state.table(Channel).change(row, bridge=clean(event.get("BridgeUniqueid")))


@on("BridgeLeave")
def leaves_bridge(state: State, event: Message) -> None:
    row = fold_snapshot(state, event)
    if row is not None:
        # A list may have told already where it went next; of holding no list tells.
        bridge = "" if row.bridge == clean(event.get("BridgeUniqueid")) else row.bridge
        state.table(Channel).change(row, bridge=bridge, on_hold=False)


@on("Newchannel")
def forget_cause(state: State, event: Message) -> None:
    state.hangup_causes.pop(endpoint_of(clean(event.get("Channel"))), None)


@on("Rename")
def renamed(state: State, event: Message) -> None:
    row = state.table(Channel).get(clean(event.get("Uniqueid")))
    if row is not None:
        name = clean(event.get("Newname"))
        state.table(Channel).change(row, name=name, endpoint=endpoint_of(name))


@on("Hangup")
def hung_up(state: State, event: Message) -> None:
    uniqueid = clean(event.get("Uniqueid"))
    if event.get("Cause") in BUSY_CAUSES:
        if len(state.hangup_causes) >= REMEMBERED_CAUSES:
            state.hangup_causes.clear()  # some lines name each channel by the number it dials
        state.hangup_causes[endpoint_of(clean(event.get("Channel")))] = event.get("Cause")
    state.bury(uniqueid)
    state.table(Channel).remove(uniqueid)


@prepares("originate")
async def own_caller_id(session: Session, action: Action, parameters: Mapping[str, Any]) -> Action:
    """Where the endpoint has no caller ID of its own, the operator's extension stands in for it.

    A call dialled by hand presents what the phone says of itself, then; an originated one would be anonymous.
    """
    technology, _separator, endpoint = str(parameters["endpoint"]).partition("/")
    if technology != "PJSIP" or not parameters["extension"]:
        return action
    answer = await session.ask_list(actions.pjsip_show_endpoint(endpoint), timeout=2)
    details = next((event for event in answer.events if event.name == "EndpointDetail"), None)
    if details is None or clean(details.get("Callerid")):
        return action
    return Action(action.name, (*action.fields, ("Variable", f"CALLERID(num)={parameters['extension']}")))


@follows("originate")
def how_it_ended(state: State, event: Message, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """OriginateResponse tells no busy phone from one that cannot be reached; the cause of its hangup does."""
    outcome = {
        "number": parameters["number"],
        "answered": event.get("Response") == "Success",
        "reason": event.get("Reason"),
    }
    if outcome["reason"] == "0" and state.hangup_causes.get(str(parameters["endpoint"])) in BUSY_CAUSES:
        outcome["reason"] = "5"
    return outcome


@snapshot_step
async def list_channels(snapshot: Snapshot) -> None:
    """`CoreShowChannels`: every live channel, each with its application, duration and bridge."""
    state, named = snapshot.state, set[str]()
    table = state.table(Channel)
    known = snapshot.known(Channel)

    def fold(event: Message) -> None:
        uniqueid = clean(event.get("Uniqueid"))
        is_new = table.get(uniqueid) is None
        row = fold_snapshot(state, event)
        if row is None:
            return
        named.add(uniqueid)
        values: dict[str, Any] = {
            "application": clean(event.get("Application")),
            "application_data": clean(event.get("ApplicationData")),
            "bridge": clean(event.get("BridgeId")),
        }
        if row.bridge and row.bridge != values["bridge"]:
            values["on_hold"] = False
        if is_new:
            values["created_at"] = state.now() - duration(event.get("Duration"))
            # When it was answered nobody can tell any more; that it has been up so long is the best guess.
            values["answered_at"] = values["created_at"] if row.is_up else None
        table.change(row, **values)

    answer = await snapshot.list(actions.core_show_channels(), fold)
    if answer.ok:  # a list that was refused names nobody, and says nothing of who is gone
        snapshot.sweep(Channel, known, named)

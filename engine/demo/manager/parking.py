"""Actions about parked calls."""

from typing import TYPE_CHECKING

from ..model import PARKING_LOT
from ..switch.parking import PARKING_SECONDS, SPACES
from .messages import ActionFields
from .registry import Refused, answers

if TYPE_CHECKING:
    from .session import ManagerSession


@answers("Park", "Park a channel.", "call,all")
def park(session: "ManagerSession", action: ActionFields) -> None:
    """Where there is a parker, it is answered before it is tried."""
    if not action.get("Channel"):
        raise Refused("Channel not specified")
    channel = session.channel(action, "Channel", f"Channel does not exist: {action.get('Channel')}")
    timeout, parker = action.get("Timeout"), action.get("TimeoutChannel") or action.get("AnnounceChannel")
    lot, is_full = action.get("Parkinglot"), len(session.switch.parked) == len(SPACES)
    if parker not in session.switch.channels and (lot not in ("", PARKING_LOT) or is_full):
        raise Refused("Park action failed")
    session.respond("Success", ("Message", "Park successful"))
    if lot in ("", PARKING_LOT):
        seconds = int(timeout) / 1000 if timeout.isdecimal() and len(timeout) < 12 else PARKING_SECONDS
        session.dialplan.park(channel, seconds, parker)


@answers("ParkedCalls", "List parked calls.", "call,all")
def parked_calls(session: "ManagerSession", action: ActionFields) -> None:
    items = [parked.fields(session.switch.now()) for parked in session.switch.parked.values()]
    total = [("Total", str(len(items)))]
    session.send_list("Parked calls will follow", "ParkedCall", items, "ParkedCallsComplete", total)


@answers("Parkinglots", "Get a list of parking lots", "call,all")
def parking_lots(session: "ManagerSession", action: ActionFields) -> None:
    first, last = str(SPACES[0]), str(SPACES[-1])
    lot = [("Name", PARKING_LOT), ("StartSpace", first), ("StopSpace", last), ("Timeout", str(PARKING_SECONDS))]
    session.send_list("Parking lots will follow", "Parkinglot", [lot], "ParkinglotsComplete")

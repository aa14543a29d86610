"""Actions about parked calls."""

from typing import TYPE_CHECKING

from ..switch.parking import PARKING_SECONDS
from .messages import ActionFields
from .registry import answers

if TYPE_CHECKING:
    from .session import ManagerSession


@answers("Park", "Park a channel.", "call,all")
def park(session: "ManagerSession", action: ActionFields) -> None:
    channel = session.channel(action, "Channel", "Channel does not exist")
    timeout = action.get("Timeout")
    session.respond("Success", ("Message", "Park successful"))
    session.switch.park(channel, int(timeout) // 1000 if timeout.isdecimal() else PARKING_SECONDS)


@answers("ParkedCalls", "List parked calls.", "call,all")
def parked_calls(session: "ManagerSession", action: ActionFields) -> None:
    items = [parked.fields(session.switch.now()) for parked in session.switch.parked.values()]
    total = [("Total", str(len(items)))]
    session.send_list("Parked calls will follow", "ParkedCall", items, "ParkedCallsComplete", total)

"""Actions about channels: which there are, and hanging them up or sending them elsewhere."""

from typing import TYPE_CHECKING

from .. import cli, functions
from ..model import BUSY, NO_CAUSE, NORMAL, UNKNOWN, Channel, Fields
from .messages import ActionFields, is_yes
from .registry import Refused, answers

if TYPE_CHECKING:
    from .session import ManagerSession

# What can be pressed, and for how long where nothing is said, in milliseconds.
_KEYS = frozenset("0123456789*#ABCDabcd")
_TONE = 100


@answers("CoreShowChannels", "List currently active channels.", "system,reporting,all")
def core_show_channels(session: "ManagerSession", action: ActionFields) -> None:
    now = session.switch.now()
    items = [
        [
            *channel.fields(),
            ("Application", channel.application),
            ("ApplicationData", channel.application_data),
            ("Duration", cli.duration(now - channel.created_at)),
            ("BridgeId", channel.bridge.id if channel.bridge else ""),
        ]
        for channel in session.switch.channels.values()
    ]
    session.send_list("Channels will follow", "CoreShowChannel", items, "CoreShowChannelsComplete")


@answers("Status", "List channel status.", "system,call,reporting,all")
def status(session: "ManagerSession", action: ActionFields) -> None:
    """Of one channel, or of all."""
    channels = list(session.switch.channels.values())
    if action.get("Channel"):
        channels = [session.channel(action, "Channel", "No such channel")]
    now, names = session.switch.now(), [name for name in action.get("Variables").split(",") if name]
    items = [_status(channel, now) for channel in channels]
    for channel, fields in zip(channels, items, strict=True):
        variables = dict(reversed(channel.variables.items())) if is_yes(action.get("AllVariables")) else {}
        variables |= {name: functions.read_of(channel, name, session.dialplan) or "(null)" for name in names}
        fields += [("Variable", f"{name}={value}") for name, value in variables.items()]
    number = [("Items", str(len(items)))]
    session.send_list("Channel status will follow", "Status", items, "StatusComplete", number)


def _status(channel: Channel, now: float) -> Fields:
    """One item of Status, without variables."""
    form = "slin" if channel.is_local else "ulaw"
    return [
        ("Privilege", "Call"),
        *channel.fields(),
        ("Type", channel.name.partition("/")[0]),
        ("DNID", ""),
        ("EffectiveConnectedLineNum", channel.connected.number or UNKNOWN),
        ("EffectiveConnectedLineName", channel.connected.name or UNKNOWN),
        ("TimeToHangup", "0"),
        ("BridgeID", channel.bridge.id if channel.bridge else ""),
        ("Application", channel.application),
        ("Data", channel.application_data),
        ("Nativeformats", f"({form})"),
        ("Readformat", form),
        ("Readtrans", ""),
        ("Writeformat", form),
        ("Writetrans", ""),
        ("Callgroup", "0"),
        ("Pickupgroup", "0"),
        ("Seconds", str(int(now - channel.created_at))),
    ]


@answers("Hangup", "Hangup channel.", "system,call,all")
def hangup(session: "ManagerSession", action: ActionFields) -> None:
    if not action.get("Channel"):
        raise Refused("No channel specified")
    channel = session.channel(action, "Channel", "No such channel")
    session.respond("Success", ("Message", "Channel Hungup"))
    given = action.get("Cause")
    cause = int(given) if given.isdecimal() else NORMAL if channel.was_bridged else NO_CAUSE
    if cause == BUSY and channel.dialled_by is not None:
        session.dialplan.reject(channel)
    elif channel.doomed:
        session.switch.end_dialplan(channel, cause)
    else:
        session.switch.hang_up(channel, cause)


@answers("Redirect", "Redirect (transfer) a call.", "call,all")
def redirect(session: "ManagerSession", action: ActionFields) -> None:
    """To an extension that is not there too: the channel hangs up then."""
    for field in ("Channel", "Context", "Exten", "Priority"):
        if not action.get(field):
            raise Refused(f"{field} not specified")
    channel = session.channel(action, "Channel", f"Channel does not exist: {action.get('Channel')}")
    place = action.get("Exten"), action.get("Context")
    if not action.get("ExtraChannel"):
        session.respond("Success", ("Message", "Redirect successful"))
        session.dialplan.redirect(channel, *place)
        return
    # Without a context of its own the other one goes to the same place.
    elsewhere = bool(action.get("ExtraContext"))
    for field in ("ExtraExten", "ExtraPriority"):
        if elsewhere and not action.get(field):
            raise Refused(f"{field} not specified")
    text = f"ExtraChannel does not exist: {action.get('ExtraChannel')}"
    extra = session.channel(action, "ExtraChannel", text)
    extra_place = (action.get("ExtraExten"), action.get("ExtraContext")) if elsewhere else place
    session.respond("Success", ("Message", "Dual Redirect successful"))
    session.dialplan.redirect_both(channel, extra, (place, extra_place))


@answers("PlayDTMF", "Play DTMF signal on a specific channel.", "call,all")
def play_dtmf(session: "ManagerSession", action: ActionFields) -> None:
    """Only the other half of a Local channel tells what it has heard; a telephone does not."""
    channel = session.channel(action, "Channel", "Channel not found")
    digit, duration = action.get("Digit"), action.get("Duration")
    if not digit:
        raise Refused("No digit specified")
    if duration and not duration.isdecimal():
        raise Refused("Could not convert Duration parameter")
    session.respond("Success", ("Message", "DTMF successfully queued"))
    if channel.twin is not None and digit[0] in _KEYS:
        session.dialplan.press(channel.twin, digit[0], int(duration or _TONE))

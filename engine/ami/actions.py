"""One small builder for each AMI action that the panel uses: typed arguments in, an `Action` out.

Every builder raises `IllegalField` when an argument holds a line break. `sends` states the action's name, the
privileges of which the manager user needs one, and whether the action changes anything; the doctor, the stanza for
manager.conf and the guard of what may only read know it from there. The actions are described on Asterisk's pages
"AMI Actions", and the privileges are those that Asterisk 16 and 22 name in `ListCommands`.
"""

from collections.abc import Callable, Iterable
from typing import ParamSpec

from .protocol import Action

P = ParamSpec("P")

# Action → the privileges of which one is enough; none where every manager user may send it.
PRIVILEGES: dict[str, tuple[str, ...]] = {}
# The actions that change nothing on the PBX.
READING: set[str] = set()
# Which action each builder makes.
_BUILT_BY: dict[Callable[..., Action], str] = {}


def sends(name: str, *privileges: str, changes: bool = False) -> Callable[[Callable[P, Action]], Callable[P, Action]]:
    """Declare which action a builder makes, which privileges permit it, and whether it changes anything."""

    def declare(builder: Callable[P, Action]) -> Callable[P, Action]:
        if PRIVILEGES.setdefault(name, privileges) != privileges:
            raise TypeError(f"Two builders of {name} name different privileges.")
        if not changes:
            READING.add(name)
        _BUILT_BY[builder] = name
        return builder

    return declare


def action_of(builder: Callable[..., Action]) -> str:
    """The name of the action that a builder makes."""
    return _BUILT_BY[builder]


@sends("Ping")
def ping() -> Action:
    """`Ping`: answers `Pong`; used to check that the link is alive."""
    return Action("Ping")


@sends("Challenge")
def challenge() -> Action:
    """`Challenge`: asks for the text to hash the secret with."""
    return Action("Challenge", (("AuthType", "MD5"),))


@sends("Login")
def login_md5(username: str, key: str, events: str) -> Action:
    """`Login` with the MD5 of challenge and secret, in hex; `events` is an event mask such as `call,system`."""
    return Action("Login", (("AuthType", "MD5"), ("Username", username), ("Key", key), ("Events", events)))


@sends("Login")
def login_plain(username: str, secret: str, events: str) -> Action:
    """`Login` with the secret itself, for a server that offers no challenge."""
    return Action("Login", (("Username", username), ("Secret", secret), ("Events", events)))


@sends("Events")
def event_mask(events: str) -> Action:
    """`Events`: from now on events of this mask, for a session whose `Login` did not set it."""
    return Action("Events", (("EventMask", events),))


@sends("Filter", "system")
def filter_out(event: str) -> Action:
    """`Filter`: asks Asterisk not to send us events of this name. The form that every version knows."""
    return Action("Filter", (("Operation", "Add"), ("Filter", f"!Event: {event}")))


@sends("ListCommands")
def list_commands() -> Action:
    """`ListCommands`: the actions that this user may use, each with its privileges."""
    return Action("ListCommands")


@sends("UserEvent", "user", changes=True)
def user_event(name: str, fields: Iterable[tuple[str, str]] = ()) -> Action:
    """`UserEvent`: Asterisk sends an event of this name, with these fields, to everybody."""
    return Action("UserEvent", (("UserEvent", name), *fields))


@sends("CoreSettings", "system", "reporting")
def core_settings() -> Action:
    """`CoreSettings`: versions of Asterisk and of AMI."""
    return Action("CoreSettings")


@sends("CoreStatus", "system", "reporting")
def core_status() -> Action:
    """`CoreStatus`: when Asterisk started and last reloaded, and how many calls there are."""
    return Action("CoreStatus")


@sends("Reload", "system", "config", changes=True)
def reload(module: str = "") -> Action:
    """`Reload`: of one module, such as `chan_pjsip` or `features`; of all without."""
    return Action("Reload", (("Module", module),) if module else ())


@sends("CoreShowChannels", "system", "reporting")
def core_show_channels() -> Action:
    """`CoreShowChannels`: a list of `CoreShowChannel` events."""
    return Action("CoreShowChannels")


@sends("BridgeList")
def bridge_list() -> Action:
    """`BridgeList`: a list of `BridgeListItem` events."""
    return Action("BridgeList")


@sends("BridgeInfo")
def bridge_info(uniqueid: str) -> Action:
    """`BridgeInfo`: the channels of one bridge, a list of `BridgeInfoChannel` events."""
    return Action("BridgeInfo", (("BridgeUniqueid", uniqueid),))


@sends("ParkedCalls", "call")
def parked_calls() -> Action:
    """`ParkedCalls`: a list of `ParkedCall` events, of all parking lots."""
    return Action("ParkedCalls")


@sends("Parkinglots", "call")
def parking_lots() -> Action:
    """`Parkinglots`: a list of `Parkinglot` events, each with the first and the last space."""
    return Action("Parkinglots")


@sends("ExtensionStateList", "call", "reporting")
def extension_state_list() -> Action:
    """`ExtensionStateList`: a list of `ExtensionStatus` events, one for each hint."""
    return Action("ExtensionStateList")


@sends("DeviceStateList", "call", "reporting")
def device_state_list() -> Action:
    """`DeviceStateList`: a list of `DeviceStateChange` events."""
    return Action("DeviceStateList")


@sends("Getvar", "call", "reporting")
def getvar(channel: str, variable: str) -> Action:
    """`Getvar`: the value of a variable, or of a function such as `CHANNEL(onhold)`, of a channel."""
    return Action("Getvar", (("Channel", channel), ("Variable", variable)))


@sends("Getvar", "call", "reporting")
def getvar_global(variable: str) -> Action:
    """`Getvar` of no channel: of a global variable, or of a function that needs none."""
    return Action("Getvar", (("Variable", variable),))


@sends("Setvar", "call", changes=True)
def setvar(channel: str, variable: str, value: str) -> Action:
    """`Setvar`: sets a variable of a channel."""
    return Action("Setvar", (("Channel", channel), ("Variable", variable), ("Value", value)))


@sends("Command", "command", changes=True)
def command(line: str) -> Action:
    """`Command`: runs one line of the CLI; the answer's `output` is what it printed."""
    return Action("Command", (("Command", line),))


@sends("Hangup", "system", "call", changes=True)
def hangup(channel: str, cause: str = "16") -> Action:
    """`Hangup` of one channel, by its name, with a cause of Q.850: 16 is normal clearing, 17 busy."""
    return Action("Hangup", (("Channel", channel), ("Cause", cause)))


@sends("Originate", "originate", changes=True)
def originate(
    channel: str,
    context: str,
    extension: str,
    *,
    timeout: float,
    uniqueids: tuple[str, str] = ("", ""),
    variables: Iterable[tuple[str, str]] = (),
    caller_id: str = "",
) -> Action:
    """`Originate`, asynchronous: calls `channel`; once it answers, it dials `extension` in `context`.

    `timeout` is how long the channel may ring, in seconds. `caller_id` is what the first leg shows. `uniqueids` are
    what the channel, and the other half of a Local one, are to have. The answer says only that Asterisk has begun; the
    outcome is an `OriginateResponse` event with the same ActionID.
    """
    fields = [("Channel", channel), ("Context", context), ("Exten", extension), ("Priority", "1")]
    return _originate(fields, timeout, uniqueids, variables, caller_id)


def _originate(
    fields: list[tuple[str, str]],
    timeout: float,
    uniqueids: tuple[str, str],
    variables: Iterable[tuple[str, str]],
    caller_id: str,
) -> Action:
    fields += [("Async", "true"), ("Timeout", str(round(timeout * 1000)))]
    fields += [(name, value) for name, value in zip(("ChannelId", "OtherChannelId"), uniqueids, strict=True) if value]
    if caller_id:
        fields.append(("CallerID", caller_id))
    fields += [("Variable", f"{name}={value}") for name, value in variables]
    return Action("Originate", tuple(fields))


@sends("PJSIPShowEndpoints", "system")
def pjsip_show_endpoints() -> Action:
    """`PJSIPShowEndpoints`: a list of `EndpointList` events. With no endpoint the answer is an error."""
    return Action("PJSIPShowEndpoints")


@sends("SIPpeers", "system", "reporting")
def sip_peers() -> Action:
    """`SIPpeers`, where chan_sip is loaded: a list of `PeerEntry` events."""
    return Action("SIPpeers")


@sends("IAXpeerlist", "system", "reporting")
def iax_peer_list() -> Action:
    """`IAXpeerlist`, where chan_iax2 is loaded: a list of `PeerEntry` events."""
    return Action("IAXpeerlist")


@sends("DAHDIShowChannels")
def dahdi_show_channels() -> Action:
    """`DAHDIShowChannels`, where chan_dahdi is loaded: a list of events of the same name."""
    return Action("DAHDIShowChannels")


@sends("PJSIPShowEndpoint", "system")
def pjsip_show_endpoint(endpoint: str) -> Action:
    """`PJSIPShowEndpoint`: a list; its `EndpointDetail` has the endpoint's settings."""
    return Action("PJSIPShowEndpoint", (("Endpoint", endpoint),))


@sends("ConfbridgeListRooms", "reporting")
def confbridge_list_rooms() -> Action:
    """`ConfbridgeListRooms`. With no conference the answer is an error, `No active conferences.`"""
    return Action("ConfbridgeListRooms")


@sends("ConfbridgeList", "reporting")
def confbridge_list(conference: str) -> Action:
    """`ConfbridgeList`: the participants of one conference."""
    return Action("ConfbridgeList", (("Conference", conference),))


@sends("ConfbridgeMute", "call", changes=True)
def confbridge_mute(conference: str, channel: str) -> Action:
    """`ConfbridgeMute` of one participant, by the name of their channel."""
    return Action("ConfbridgeMute", (("Conference", conference), ("Channel", channel)))


@sends("ConfbridgeUnmute", "call", changes=True)
def confbridge_unmute(conference: str, channel: str) -> Action:
    """`ConfbridgeUnmute` of one participant, by the name of their channel."""
    return Action("ConfbridgeUnmute", (("Conference", conference), ("Channel", channel)))


@sends("ConfbridgeKick", "call", changes=True)
def confbridge_kick(conference: str, channel: str) -> Action:
    """`ConfbridgeKick` of one participant, by the name of their channel."""
    return Action("ConfbridgeKick", (("Conference", conference), ("Channel", channel)))


@sends("ConfbridgeLock", "call", changes=True)
def confbridge_lock(conference: str) -> Action:
    """`ConfbridgeLock`: nobody but admins may join any more."""
    return Action("ConfbridgeLock", (("Conference", conference),))


@sends("ConfbridgeUnlock", "call", changes=True)
def confbridge_unlock(conference: str) -> Action:
    """`ConfbridgeUnlock`: everybody may join again."""
    return Action("ConfbridgeUnlock", (("Conference", conference),))


# For `ConfbridgeMute`, `ConfbridgeUnmute` and `ConfbridgeKick` instead of a channel: everybody, admins too.
ALL = "all"


@sends("ConfbridgeStartRecord", "system", changes=True)
def confbridge_start_record(conference: str, file: str) -> Action:
    """`ConfbridgeStartRecord`: `file` is its name in the spool's monitor folder, with the format's ending."""
    return Action("ConfbridgeStartRecord", (("Conference", conference), ("RecordFile", file)))


@sends("ConfbridgeStopRecord", "system", changes=True)
def confbridge_stop_record(conference: str) -> Action:
    """`ConfbridgeStopRecord`: the file is closed."""
    return Action("ConfbridgeStopRecord", (("Conference", conference),))


@sends("ConfbridgeSetSingleVideoSrc", "call", changes=True)
def confbridge_set_single_video_source(conference: str, channel: str) -> Action:
    """`ConfbridgeSetSingleVideoSrc`: everybody sees the video of this participant."""
    return Action("ConfbridgeSetSingleVideoSrc", (("Conference", conference), ("Channel", channel)))


@sends("Redirect", "call", changes=True)
def redirect(channel: str, context: str, extension: str) -> Action:
    """`Redirect` of one channel to the first priority of an extension."""
    return Action("Redirect", (("Channel", channel), ("Context", context), ("Exten", extension), ("Priority", "1")))


@sends("Redirect", "call", changes=True)
def redirect_both(channel: str, extension: str, other: str, other_extension: str, context: str) -> Action:
    """`Redirect` of two channels that are together, each to an extension of a context, so that neither is let go."""
    fields = [("Channel", channel), ("Context", context), ("Exten", extension), ("Priority", "1")]
    fields += [("ExtraChannel", other), ("ExtraContext", context), ("ExtraExten", other_extension)]
    return Action("Redirect", (*fields, ("ExtraPriority", "1")))


@sends("Bridge", "call", changes=True)
def bridge(channel: str, other: str) -> Action:
    """`Bridge`: brings two channels together, wherever each is; whoever was with them is let go."""
    return Action("Bridge", (("Channel1", channel), ("Channel2", other), ("Tone", "no")))


@sends("Park", "call", changes=True)
def park(channel: str, parker: str) -> Action:
    """`Park` of one channel, for another that is with it: that hears the space, and has the call back in the end."""
    return Action("Park", (("Channel", channel), ("TimeoutChannel", parker)))


@sends("PJSIPNotify", "system", changes=True)
def pjsip_notify(channel: str, event: str) -> Action:
    """`PJSIPNotify` within the dialog of a channel, such as `Event: talk`, at which many telephones take the call."""
    return Action("PJSIPNotify", (("Channel", channel), ("Variable", f"Event={event}")))


@sends("VoicemailUsersList", "call", "reporting")
def voicemail_users_list() -> Action:
    """`VoicemailUsersList`: a list of `VoicemailUserEntry` events. With no mailbox the answer is an error."""
    return Action("VoicemailUsersList")


@sends("PlayDTMF", "call", changes=True)
def play_dtmf(channel: str, digit: str, milliseconds: int) -> Action:
    """`PlayDTMF`: a channel hears the tone of one key."""
    return Action("PlayDTMF", (("Channel", channel), ("Digit", digit), ("Duration", str(milliseconds))))


@sends("MuteAudio", "system", changes=True)
def mute_audio(channel: str, direction: str, *, muted: bool) -> Action:
    """`MuteAudio` of a channel: `in` is what comes from it, `out` what goes to it; `all`. No event tells of it."""
    fields = (("Channel", channel), ("Direction", direction), ("State", "on" if muted else "off"))
    return Action("MuteAudio", fields)


@sends("DialplanExtensionAdd", "system", changes=True)
def dialplan_extension_add(context: str, extension: str, priority: int, application: str, data: str) -> Action:
    """`DialplanExtensionAdd`: a step of dialplan, replacing an existing one; until the next reload."""
    fields = [("Context", context), ("Extension", extension), ("Priority", str(priority))]
    fields += [("Application", application), ("ApplicationData", data), ("Replace", "yes")]
    return Action("DialplanExtensionAdd", tuple(fields))


@sends("Originate", "originate", changes=True)
def originate_application(
    channel: str,
    application: str,
    data: str,
    *,
    timeout: float,
    uniqueids: tuple[str, str] = ("", ""),
    variables: Iterable[tuple[str, str]] = (),
    caller_id: str = "",
) -> Action:
    """`Originate`, asynchronous: calls `channel`; once it answers, it runs an application.

    Otherwise as `originate`.
    """
    return _originate(
        [("Channel", channel), ("Application", application), ("Data", data)], timeout, uniqueids, variables, caller_id
    )


# Of `GetConfig` and its like: templates are left out otherwise.
_TEMPLATES = ("Filter", "TEMPLATES=include")


@sends("GetConfig", "system", "config")
def get_config(file: str, category: str = "") -> Action:
    """`GetConfig`: all categories of a file, or one, with what they inherit and include."""
    return Action("GetConfig", (("Filename", file), *((("Category", category),) if category else ()), _TEMPLATES))


@sends("GetConfigJSON", "system", "config")
def get_config_json(file: str) -> Action:
    """`GetConfigJSON`: the same as one line of JSON, in which names may be there twice."""
    return Action("GetConfigJSON", (("Filename", file), _TEMPLATES))


@sends("ListCategories", "config")
def list_categories(file: str) -> Action:
    """`ListCategories`: the names of a file's categories, `Category-000000: general`."""
    return Action("ListCategories", (("Filename", file),))


@sends("UpdateConfig", "config", changes=True)
def update_config(file: str, updates: Iterable[tuple[str, str]]) -> Action:
    """`UpdateConfig`: `updates` are fields such as `Action-000000`. What a category inherits stays inherited.

    Asterisk reads the first 128 lines of an action, and drops the others unread.
    """
    fields = [("SrcFilename", file), ("DstFilename", file), ("PreserveEffectiveContext", "no"), *updates]
    return Action("UpdateConfig", tuple(fields))


@sends("ExtensionState", "call", "reporting")
def extension_state(context: str, extension: str) -> Action:
    """`ExtensionState`: of one extension, queried anew. `Status: -1` where it has no hint."""
    return Action("ExtensionState", (("Context", context), ("Exten", extension)))


@sends("PresenceState", "call", "reporting")
def presence_state(provider: str) -> Action:
    """`PresenceState` of one provider, such as `CustomPresence:101`."""
    return Action("PresenceState", (("Provider", provider),))


@sends("PresenceStateList", "call", "reporting")
def presence_state_list() -> Action:
    """`PresenceStateList`: a list of `PresenceStateChange` events."""
    return Action("PresenceStateList")


@sends("DBGet", "system", "reporting")
def db_get(family: str, key: str) -> Action:
    """`DBGet`: a list of one `DBGetResponse`. Asterisk 16 cuts a value after 255 bytes."""
    return Action("DBGet", (("Family", family), ("Key", key)))


@sends("DBGetTree", "system", "reporting")
def db_get_tree(family: str = "", key: str = "") -> Action:
    """`DBGetTree`: a list of `DBGetTreeResponse`, of the whole AstDB where no family is given.

    Their `Key` is `/family/key`. Family and key are matched as by SQL's LIKE: in either case, `_` and `%` stand
    for others; and the entry of just that name is among them.
    """
    return Action("DBGetTree", tuple((name, text) for name, text in (("Family", family), ("Key", key)) if text))


@sends("DBPut", "system", changes=True)
def db_put(family: str, key: str, value: str) -> Action:
    """`DBPut`. Spaces at the beginning of each text are lost."""
    return Action("DBPut", (("Family", family), ("Key", key), ("Val", value)))


@sends("DBDel", "system", changes=True)
def db_del(family: str, key: str) -> Action:
    """`DBDel`: deletes one entry."""
    return Action("DBDel", (("Family", family), ("Key", key)))


@sends("DBDelTree", "system", changes=True)
def db_del_tree(family: str) -> Action:
    """`DBDelTree`: everything that `db_get_tree` finds."""
    return Action("DBDelTree", (("Family", family),))


@sends("Setvar", "call", changes=True)
def setvar_global(variable: str, value: str) -> Action:
    """`Setvar` of no channel: sets a global variable, or a function that needs no channel."""
    return Action("Setvar", (("Variable", variable), ("Value", value)))


@sends("Status", "system", "call", "reporting")
def status_with_variables(channel: str) -> Action:
    """`Status` of one channel: a list; its event has a `Variable` for each, `NAME=value`."""
    return Action("Status", (("Channel", channel), ("AllVariables", "true")))


@sends("Status", "system", "call", "reporting")
def status_with(variables: Iterable[str]) -> Action:
    """`Status` of all channels: a list; its events have a `Variable` for each, `NAME=(null)` where it is not set."""
    return Action("Status", (("Variables", ",".join(variables)),))


@sends("Command", "command", changes=True)
def list_mix_monitors(channel: str) -> Action:
    """`Command` (`mixmonitor list`): the recordings of a channel whose name is one word."""
    return command(f"mixmonitor list {channel}")


@sends("MixMonitor", "system", changes=True)
def mix_monitor(channel: str, file: str, options: str) -> Action:
    """`MixMonitor`: `file` is its name in the spool's monitor folder, with the format's ending."""
    return Action("MixMonitor", (("Channel", channel), ("File", file), ("Options", options)))


@sends("StopMixMonitor", "system", "call", changes=True)
def stop_mix_monitor(channel: str, recording: str = "") -> Action:
    """`StopMixMonitor` of the recording with this MixMonitorID; of the latest without."""
    fields = (("Channel", channel), ("MixMonitorID", recording))
    return Action("StopMixMonitor", tuple(pair for pair in fields if pair[1]))


@sends("MixMonitorMute", "system", "call", changes=True)
def mix_monitor_mute(channel: str, direction: str, *, muted: bool) -> Action:
    """`MixMonitorMute` of all recordings of a channel.

    `direction`: `read` is what comes from the channel, `write` what goes to it; `both`.
    """
    fields = (("Channel", channel), ("Direction", direction), ("State", "1" if muted else "0"))
    return Action("MixMonitorMute", fields)


@sends("Monitor", "call", changes=True)
def monitor(channel: str, file: str, extension: str) -> Action:
    """`Monitor`, up to Asterisk 20: `file` without its ending. The two sides are mixed when it ends."""
    return Action("Monitor", (("Channel", channel), ("File", file), ("Format", extension), ("Mix", "1")))


@sends("StopMonitor", "call", changes=True)
def stop_monitor(channel: str) -> Action:
    """`StopMonitor`, up to Asterisk 20. Answers that it has stopped where nothing ran, too."""
    return Action("StopMonitor", (("Channel", channel),))


@sends("ChangeMonitor", "call", changes=True)
def change_monitor(channel: str, file: str) -> Action:
    """`ChangeMonitor`, up to Asterisk 20: the recording gets another file name."""
    return Action("ChangeMonitor", (("Channel", channel), ("File", file)))


@sends("PauseMonitor", "call", changes=True)
def pause_monitor(channel: str) -> Action:
    """`PauseMonitor`, up to Asterisk 20: nothing is recorded until `UnpauseMonitor`."""
    return Action("PauseMonitor", (("Channel", channel),))


@sends("UnpauseMonitor", "call", changes=True)
def unpause_monitor(channel: str) -> Action:
    """`UnpauseMonitor`, up to Asterisk 20: recording goes on."""
    return Action("UnpauseMonitor", (("Channel", channel),))

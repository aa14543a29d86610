"""One small builder for each AMI action that the panel uses: typed arguments in, an `Action` out.

Every builder raises `IllegalField` when an argument holds a line break. The actions are described on
Asterisk's pages "AMI Actions"; the privilege each one needs of the manager user is named with it.
"""

from collections.abc import Iterable

from .protocol import Action


def ping() -> Action:
    """`Ping` (no privilege): answers `Pong`; used to see that the link lives."""
    return Action("Ping")


def challenge() -> Action:
    """`Challenge` (no privilege): asks for the text to hash the secret with."""
    return Action("Challenge", (("AuthType", "MD5"),))


def login_md5(username: str, key: str, events: str) -> Action:
    """`Login` with the MD5 of challenge and secret, in hex; `events` is an event mask such as `call,system`."""
    return Action("Login", (("AuthType", "MD5"), ("Username", username), ("Key", key), ("Events", events)))


def login_plain(username: str, secret: str, events: str) -> Action:
    """`Login` with the secret itself, for a server that offers no challenge."""
    return Action("Login", (("Username", username), ("Secret", secret), ("Events", events)))


def event_mask(events: str) -> Action:
    """`Events` (no privilege): from now on events of this mask, for a session that no `Login` has told it."""
    return Action("Events", (("EventMask", events),))


def filter_out(event: str) -> Action:
    """`Filter` (system): asks Asterisk not to send us events of this name. The form that every version knows."""
    return Action("Filter", (("Operation", "Add"), ("Filter", f"!Event: {event}")))


def list_commands() -> Action:
    """`ListCommands` (no privilege): the actions that this user may use, each with its privileges."""
    return Action("ListCommands")


def user_event(name: str, fields: Iterable[tuple[str, str]] = ()) -> Action:
    """`UserEvent` (user): Asterisk sends an event of this name, with these fields, to everybody."""
    return Action("UserEvent", (("UserEvent", name), *fields))


def core_settings() -> Action:
    """`CoreSettings` (system, reporting): versions of Asterisk and of AMI."""
    return Action("CoreSettings")


def core_status() -> Action:
    """`CoreStatus` (system, reporting): when Asterisk started and last reloaded, and how many calls there are."""
    return Action("CoreStatus")


def reload(module: str = "") -> Action:
    """`Reload` (system, config, reporting): of one module, such as `chan_pjsip` or `features`; of all without."""
    return Action("Reload", (("Module", module),) if module else ())


def core_show_channels() -> Action:
    """`CoreShowChannels` (system, reporting): a list of `CoreShowChannel` events."""
    return Action("CoreShowChannels")


def bridge_list() -> Action:
    """`BridgeList` (no privilege): a list of `BridgeListItem` events."""
    return Action("BridgeList")


def bridge_info(uniqueid: str) -> Action:
    """`BridgeInfo` (no privilege): the channels of one bridge, a list of `BridgeInfoChannel` events."""
    return Action("BridgeInfo", (("BridgeUniqueid", uniqueid),))


def parked_calls() -> Action:
    """`ParkedCalls` (call): a list of `ParkedCall` events, of all parking lots."""
    return Action("ParkedCalls")


def extension_state_list() -> Action:
    """`ExtensionStateList` (call, reporting): a list of `ExtensionStatus` events, one for each hint."""
    return Action("ExtensionStateList")


def device_state_list() -> Action:
    """`DeviceStateList` (call, reporting): a list of `DeviceStateChange` events."""
    return Action("DeviceStateList")


def getvar(channel: str, variable: str) -> Action:
    """`Getvar` (call, reporting): the value of a variable, or of a function such as `CHANNEL(onhold)`, of a channel."""
    return Action("Getvar", (("Channel", channel), ("Variable", variable)))


def getvar_global(variable: str) -> Action:
    """`Getvar` (call, reporting) of no channel: of a global variable, or of a function that needs none."""
    return Action("Getvar", (("Variable", variable),))


def setvar(channel: str, variable: str, value: str) -> Action:
    """`Setvar` (call): sets a variable of a channel."""
    return Action("Setvar", (("Channel", channel), ("Variable", variable), ("Value", value)))


def command(line: str) -> Action:
    """`Command` (command): runs one line of the CLI; the answer's `output` is what it printed."""
    return Action("Command", (("Command", line),))


def hangup(channel: str) -> Action:
    """`Hangup` (system, call) of one channel, by its name, with the cause 16, normal clearing."""
    return Action("Hangup", (("Channel", channel), ("Cause", "16")))


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
    """`Originate` (originate), asynchronous: calls `channel`; once it answers, it dials `extension` in `context`.

    `timeout` is how long the channel may ring, in seconds. `caller_id` is what the first leg shows. `uniqueids` are
    what the channel, and the other half of a Local one, are to bear. The answer says only that Asterisk has begun; the
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


def pjsip_show_endpoints() -> Action:
    """`PJSIPShowEndpoints` (system): a list of `EndpointList` events. With no endpoint the answer is an error."""
    return Action("PJSIPShowEndpoints")


def sip_peers() -> Action:
    """`SIPpeers` (system, reporting), where chan_sip is loaded: a list of `PeerEntry` events."""
    return Action("SIPpeers")


def iax_peer_list() -> Action:
    """`IAXpeerlist` (system, reporting), where chan_iax2 is loaded: a list of `PeerEntry` events."""
    return Action("IAXpeerlist")


def dahdi_show_channels() -> Action:
    """`DAHDIShowChannels` (no privilege), where chan_dahdi is loaded: a list of events of the same name."""
    return Action("DAHDIShowChannels")


def pjsip_show_endpoint(endpoint: str) -> Action:
    """`PJSIPShowEndpoint` (system): a list; its `EndpointDetail` has the endpoint's settings."""
    return Action("PJSIPShowEndpoint", (("Endpoint", endpoint),))


def confbridge_list_rooms() -> Action:
    """`ConfbridgeListRooms` (reporting). With no conference the answer is an error, `No active conferences.`"""
    return Action("ConfbridgeListRooms")


def confbridge_list(conference: str) -> Action:
    """`ConfbridgeList` (reporting): the participants of one conference."""
    return Action("ConfbridgeList", (("Conference", conference),))


def confbridge_mute(conference: str, channel: str) -> Action:
    """`ConfbridgeMute` (call) of one participant, by the name of his channel."""
    return Action("ConfbridgeMute", (("Conference", conference), ("Channel", channel)))


def confbridge_unmute(conference: str, channel: str) -> Action:
    """`ConfbridgeUnmute` (call) of one participant, by the name of his channel."""
    return Action("ConfbridgeUnmute", (("Conference", conference), ("Channel", channel)))


def confbridge_kick(conference: str, channel: str) -> Action:
    """`ConfbridgeKick` (call) of one participant, by the name of his channel."""
    return Action("ConfbridgeKick", (("Conference", conference), ("Channel", channel)))


def confbridge_lock(conference: str) -> Action:
    """`ConfbridgeLock` (call): nobody but admins may join any more."""
    return Action("ConfbridgeLock", (("Conference", conference),))


def confbridge_unlock(conference: str) -> Action:
    """`ConfbridgeUnlock` (call): everybody may join again."""
    return Action("ConfbridgeUnlock", (("Conference", conference),))


# Of `ConfbridgeMute`, `ConfbridgeUnmute` and `ConfbridgeKick` in the place of a channel: everybody, admins too.
ALL = "all"


def confbridge_start_record(conference: str, file: str) -> Action:
    """`ConfbridgeStartRecord` (system): `file` is its name in the spool's monitor folder, with the format's ending."""
    return Action("ConfbridgeStartRecord", (("Conference", conference), ("RecordFile", file)))


def confbridge_stop_record(conference: str) -> Action:
    """`ConfbridgeStopRecord` (system)."""
    return Action("ConfbridgeStopRecord", (("Conference", conference),))


def confbridge_set_single_video_source(conference: str, channel: str) -> Action:
    """`ConfbridgeSetSingleVideoSrc` (call): everybody sees the video of this participant."""
    return Action("ConfbridgeSetSingleVideoSrc", (("Conference", conference), ("Channel", channel)))


def redirect(channel: str, context: str, extension: str) -> Action:
    """`Redirect` (call) of one channel to the first priority of an extension."""
    return Action("Redirect", (("Channel", channel), ("Context", context), ("Exten", extension), ("Priority", "1")))


def dialplan_extension_add(context: str, extension: str, priority: int, application: str, data: str) -> Action:
    """`DialplanExtensionAdd` (system): a step of dialplan, in the place of one that is there; until the next reload."""
    fields = [("Context", context), ("Extension", extension), ("Priority", str(priority))]
    fields += [("Application", application), ("ApplicationData", data), ("Replace", "yes")]
    return Action("DialplanExtensionAdd", tuple(fields))


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
    """`Originate` (originate), asynchronous: calls `channel`; once it answers, it runs an application.

    Else as `originate`.
    """
    return _originate(
        [("Channel", channel), ("Application", application), ("Data", data)], timeout, uniqueids, variables, caller_id
    )


# Of `GetConfig` and its like: templates are left out otherwise.
_TEMPLATES = ("Filter", "TEMPLATES=include")


def get_config(file: str, category: str = "") -> Action:
    """`GetConfig` (system, config): all categories of a file, or one, with what they inherit and include."""
    return Action("GetConfig", (("Filename", file), *((("Category", category),) if category else ()), _TEMPLATES))


def get_config_json(file: str) -> Action:
    """`GetConfigJSON` (system, config): the same as one line of JSON, in which names may be there twice."""
    return Action("GetConfigJSON", (("Filename", file), _TEMPLATES))


def list_categories(file: str) -> Action:
    """`ListCategories` (config): the names of a file's categories, `Category-000000: general`."""
    return Action("ListCategories", (("Filename", file),))


def update_config(file: str, updates: Iterable[tuple[str, str]]) -> Action:
    """`UpdateConfig` (config): `updates` are fields such as `Action-000000`. What a category inherits stays inherited.

    Asterisk takes the first 128 lines of an action, and drops the others unseen.
    """
    fields = [("SrcFilename", file), ("DstFilename", file), ("PreserveEffectiveContext", "no"), *updates]
    return Action("UpdateConfig", tuple(fields))


def extension_state(context: str, extension: str) -> Action:
    """`ExtensionState` (call, reporting): of one extension, asked anew. `Status: -1` where it has no hint."""
    return Action("ExtensionState", (("Context", context), ("Exten", extension)))


def presence_state(provider: str) -> Action:
    """`PresenceState` (call, reporting) of one provider, such as `CustomPresence:101`."""
    return Action("PresenceState", (("Provider", provider),))


def presence_state_list() -> Action:
    """`PresenceStateList` (call, reporting): a list of `PresenceStateChange` events."""
    return Action("PresenceStateList")


def db_get(family: str, key: str) -> Action:
    """`DBGet` (system, reporting): a list of one `DBGetResponse`. Asterisk 16 cuts a value after 255 bytes."""
    return Action("DBGet", (("Family", family), ("Key", key)))


def db_get_tree(family: str = "", key: str = "") -> Action:
    """`DBGetTree` (system, reporting): a list of `DBGetTreeResponse`, of the whole AstDB where no family is given.

    Their `Key` is `/family/key`. Family and key are looked for as by SQL's LIKE: in either case, `_` and `%` stand
    for others; and the entry of just that name is among them.
    """
    return Action("DBGetTree", tuple((name, text) for name, text in (("Family", family), ("Key", key)) if text))


def db_put(family: str, key: str, value: str) -> Action:
    """`DBPut` (system). Spaces at the beginning of each text are lost."""
    return Action("DBPut", (("Family", family), ("Key", key), ("Val", value)))


def db_del(family: str, key: str) -> Action:
    """`DBDel` (system)."""
    return Action("DBDel", (("Family", family), ("Key", key)))


def db_del_tree(family: str) -> Action:
    """`DBDelTree` (system): everything that `db_get_tree` finds."""
    return Action("DBDelTree", (("Family", family),))


def setvar_global(variable: str, value: str) -> Action:
    """`Setvar` (call) of no channel: sets a global variable, or a function that needs no channel."""
    return Action("Setvar", (("Variable", variable), ("Value", value)))


def status_with_variables(channel: str) -> Action:
    """`Status` (system, call, reporting) of one channel: a list; its event has a `Variable` for each, `NAME=value`."""
    return Action("Status", (("Channel", channel), ("AllVariables", "true")))


def mix_monitor(channel: str, file: str, options: str) -> Action:
    """`MixMonitor` (system): `file` is its name in the spool's monitor folder, with the format's ending."""
    return Action("MixMonitor", (("Channel", channel), ("File", file), ("Options", options)))


def stop_mix_monitor(channel: str, recording: str = "") -> Action:
    """`StopMixMonitor` (system, call) of the recording with this MixMonitorID; of the latest without."""
    fields = (("Channel", channel), ("MixMonitorID", recording))
    return Action("StopMixMonitor", tuple(pair for pair in fields if pair[1]))


def mix_monitor_mute(channel: str, direction: str, *, muted: bool) -> Action:
    """`MixMonitorMute` (system, call) of all recordings of a channel.

    `direction`: `read` is what comes from the channel, `write` what goes to it; `both`.
    """
    fields = (("Channel", channel), ("Direction", direction), ("State", "1" if muted else "0"))
    return Action("MixMonitorMute", fields)


def monitor(channel: str, file: str, extension: str) -> Action:
    """`Monitor` (call), up to Asterisk 20: `file` without its ending. The two sides are mixed when it ends."""
    return Action("Monitor", (("Channel", channel), ("File", file), ("Format", extension), ("Mix", "1")))


def stop_monitor(channel: str) -> Action:
    """`StopMonitor` (call), up to Asterisk 20. Answers that it has stopped where nothing ran, too."""
    return Action("StopMonitor", (("Channel", channel),))


def change_monitor(channel: str, file: str) -> Action:
    """`ChangeMonitor` (call), up to Asterisk 20: what is recorded goes by another name."""
    return Action("ChangeMonitor", (("Channel", channel), ("File", file)))


def pause_monitor(channel: str) -> Action:
    """`PauseMonitor` (call), up to Asterisk 20."""
    return Action("PauseMonitor", (("Channel", channel),))


def unpause_monitor(channel: str) -> Action:
    """`UnpauseMonitor` (call), up to Asterisk 20."""
    return Action("UnpauseMonitor", (("Channel", channel),))

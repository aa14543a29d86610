"""One AMI session of the demo without a socket: bytes in, answers out, and which events it wants.

The answers have the words and the order of Asterisk 22 (main/manager.c, apps/app_confbridge.c).
"""

import functools
import hashlib
import hmac
import logging
import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from . import cli, functions
from .astdb import AstDb
from .configuration import Category, Configuration, fields_of, json_of
from .configuration import Refused as CannotBeWritten
from .dialplan import ANSWERED, Dialplan, Originate
from .expressions import arguments
from .model import NO_CAUSE, NOBODY, NORMAL, PARKING_SECONDS, UNKNOWN, Channel, Conference, Fields, Member, Party, yes
from .model import IllegalTransition as Impossible
from .states import PRESENCE_PROVIDER, PRESENCES, Presence

logger = logging.getLogger(__name__)

GREETING = b"Asterisk Call Manager/11.0.0\r\n"
AMI_VERSION, ASTERISK_VERSION = "11.0.0", "22.10.1"
# Whoever guesses secrets has to wait for each answer.
FAILED_LOGIN_SECONDS = 1.0
# The longest action that is taken, in bytes.
MAX_ACTION = 64 * 1024

_EVENT_CLASSES = {
    "Newexten": "dialplan", "FullyBooted": "system", "Reload": "system", "DTMFBegin": "dtmf", "DTMFEnd": "dtmf",
    "UserEvent": "user",
}  # fmt: skip
_CLASSES = frozenset(
    {"system", "call", "log", "verbose", "command", "agent", "user", "config", "dtmf", "reporting", "cdr"}
    | {"dialplan", "originate", "agi", "cc", "aoc", "test", "security", "message"}
)
_WITHOUT_LOGIN = ("login", "logoff", "challenge")
# Items of lists that bear the ActionID last.
_WITH_ID_LAST = ("ParkedCall", "DBGetResponse", "DBGetTreeResponse", "Status")
# How reading a file anew went (include/asterisk/module.h).
_RELOADED, _NOT_FOUND = "0", "2"
# A device's state as PJSIPShowEndpoints says it (main/devicestate.c, ast_devstate2str).
_DEVICE_WORDS = {
    "NOT_INUSE": "Not in use", "INUSE": "In use", "BUSY": "Busy", "INVALID": "Invalid", "UNAVAILABLE": "Unavailable",
    "RINGING": "Ringing", "RINGINUSE": "Ring+Inuse", "ONHOLD": "On Hold",
}  # fmt: skip
_SETTING = re.compile(r"(CONNECTEDLINE|CALLERID)\((num|name)(?:,i)?\)=(.*)")
_PRESENCE = re.compile(rf"PRESENCE_STATE\(({PRESENCE_PROVIDER}.+)\)")
_CALLER_ID = re.compile(r'\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^<"]*?))\s*(?:<(?P<number>[^>]*)>)?\s*')
_PHONE_NUMBER = re.compile(r"[0-9*#+]+")


@dataclass(frozen=True, slots=True)
class Event:
    """An event as it goes to every session: encoded once."""

    name: str
    kind: str
    raw: bytes


def event(name: str, fields: Fields) -> Event:
    """Encode an event of the switch."""
    kind = _EVENT_CLASSES.get(name, "call")
    return Event(name, kind, encode([("Event", name), ("Privilege", f"{kind},all"), *fields]))


def encode(fields: Fields) -> bytes:
    """One message. A line break within a value becomes a space, so that no value can add lines of its own."""
    lines = [f"{key}: {value}" for key, value in fields]
    text = "\r\n".join(line.replace("\r", " ").replace("\n", " ") for line in lines)
    return text.encode("utf-8", "replace") + b"\r\n\r\n"


class ActionFields:
    """The fields of an action. Their names may be written in any case."""

    def __init__(self, text: str) -> None:
        self._pairs = [
            (key.strip().lower(), value.lstrip(" "))
            for key, separator, value in (line.partition(":") for line in text.split("\r\n"))
            if separator
        ]

    def get(self, key: str) -> str:
        return next((value for name, value in self._pairs if name == key.lower()), "")

    def all(self, key: str) -> list[str]:
        return [value for name, value in self._pairs if name == key.lower()]

    @property
    def first_line(self) -> str:
        return self._pairs[0][1] if self._pairs else ""


def parse_caller_id(text: str) -> Party:
    """`"Zoë" <4711>`, `4711` or `Zoë` → number and name (main/callerid.c, ast_callerid_parse)."""
    match = _CALLER_ID.fullmatch(text)
    if match is None:
        return NOBODY
    name = re.sub(r"\\(.)", r"\1", match["quoted"]) if match["quoted"] is not None else match["bare"]
    if match["number"] is not None:
        return Party(match["number"], name)
    return Party(name, "") if _PHONE_NUMBER.fullmatch(name) else Party("", name)


class Refused(Exception):
    """An action that is answered with an error; the text is Asterisk's."""


class ManagerSession:
    """One client. `send` takes the bytes for it, `close` ends it.

    `announce` hands an event to every session, `later` calls back after so many seconds.
    """

    def __init__(
        self,
        dialplan: Dialplan,
        astdb: AstDb,
        configuration: Configuration,
        credentials: tuple[str, str],
        started_at: float,
        *,
        send: Callable[[bytes], None],
        close: Callable[[], None],
        announce: Callable[[str, Fields], None],
        later: Callable[[float, Callable[[], None]], None],
    ) -> None:
        self._dialplan, self._switch = dialplan, dialplan.switch
        self._astdb, self._configuration = astdb, configuration
        self._username, self._secret = credentials
        self._started_at = started_at
        self._send, self._close, self._announce = send, close, announce
        self._later = later
        self._buffer = bytearray()
        self._challenge = ""
        self._logged_in = False
        self._mask: frozenset[str] = _CLASSES
        self._wanted: list[re.Pattern[str]] = []
        self._unwanted: list[re.Pattern[str]] = []
        self._action_id = ""
        send(GREETING)

    def take_event(self, event: Event) -> None:
        """Pass an event on, if this session has logged in and wants it."""
        if self._logged_in and event.kind in self._mask and self._lets_through(event.raw):
            self._send(event.raw)

    def receive(self, data: bytes) -> None:
        """Take what was read and answer the actions that are now whole."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            text = self._buffer[:end].decode("utf-8", "replace").lstrip("\r\n")
            del self._buffer[: end + 4]
            if text:
                self._act(ActionFields(text))
        if len(self._buffer) > MAX_ACTION:
            self._close()

    def _act(self, action: ActionFields) -> None:
        self._action_id = action.get("ActionID")
        name = action.get("Action")
        answer = _ANSWERS.get(name.lower())
        try:
            if not name:
                raise Refused("Missing action in request")
            if not self._logged_in and name.lower() not in _WITHOUT_LOGIN:
                raise Refused("Permission denied")
            if answer is None:
                raise Refused(f"Invalid/unknown command: {name}. Use Action: ListCommands to show available commands.")
            answer.run(self, action)
        except Refused as refusal:
            self._respond("Error", ("Message", str(refusal)))
        except Impossible as reason:
            # Asterisk has said by then that it will, and does what it can.
            logger.info("%s of the demo: %s", name, reason)

    def _respond(self, response: str, *fields: tuple[str, str], action_id: str | None = None) -> None:
        self._send(encode([("Response", response), *_id_field(self._action_id, action_id), *fields]))

    def _list(self, message: str, item: str, items: list[Fields], complete: str, ending: Fields | None = None) -> None:
        """A list: the response, an event for each item, and the one that ends it (with `ending`)."""
        self._respond("Success", ("EventList", "start"), ("Message", message))
        own = _id_field(self._action_id)
        for fields in items:
            placed = [*fields, *own] if item in _WITH_ID_LAST else [*own, *fields]
            self._send(encode([("Event", item), *placed]))
        count = ("ListItems", str(len(items)))
        self._send(encode([("Event", complete), *own, ("EventList", "Complete"), count, *(ending or [])]))

    def _lets_through(self, raw: bytes) -> bool:
        if not self._wanted and not self._unwanted:
            return True
        text = raw.decode("utf-8", "replace")
        if any(pattern.search(text) for pattern in self._unwanted):
            return False
        return not self._wanted or any(pattern.search(text) for pattern in self._wanted)

    # The session.

    def answer_challenge(self, action: ActionFields) -> None:
        if action.get("AuthType").upper() != "MD5":
            raise Refused("Must specify AuthType")
        self._challenge = str(random.SystemRandom().randrange(10**8, 10**9))
        self._respond("Success", ("Challenge", self._challenge))

    def answer_login(self, action: ActionFields) -> None:
        if self._logged_in:
            self._respond("Success", ("Message", "Already authenticated"))
            return
        if action.get("AuthType").upper() == "MD5":
            text = f"{self._challenge}{self._secret}".encode()
            expected, given = hashlib.md5(text, usedforsecurity=False).hexdigest(), action.get("Key")
            right = bool(self._challenge) and hmac.compare_digest(expected.encode(), given.encode())
        else:
            right = hmac.compare_digest(self._secret.encode(), action.get("Secret").encode())
        if not right or action.get("Username") != self._username:
            self._later(FAILED_LOGIN_SECONDS, functools.partial(self._refuse_login, self._action_id))
            return
        self._logged_in = True
        mask = _parse_mask(action.get("Events"))
        self._mask = _CLASSES if mask is None else mask
        self._respond("Success", ("Message", "Authentication accepted"))
        moments = (("Uptime", self._started_at), ("LastReload", self._configuration.read_at))
        past = [(name, str(int(self._switch.now() - moment))) for name, moment in moments]
        booted = [*past, ("Status", "Fully Booted")]
        self.take_event(event("FullyBooted", booted))

    def _refuse_login(self, action_id: str) -> None:
        self._respond("Error", ("Message", "Authentication failed"), action_id=action_id)
        self._close()

    def answer_logoff(self, action: ActionFields) -> None:
        self._respond("Goodbye", ("Message", "Thanks for all the fish."))
        self._close()

    def answer_ping(self, action: ActionFields) -> None:
        self._respond("Success", ("Ping", "Pong"), ("Timestamp", f"{time.time():.6f}"))

    def answer_events(self, action: ActionFields) -> None:
        mask = _parse_mask(action.get("EventMask"))
        if mask is None:
            raise Refused("Invalid event mask")
        self._mask = mask
        self._respond("Success", ("Events", "On" if mask else "Off"))

    def answer_filter(self, action: ActionFields) -> None:
        if action.get("Operation").lower() != "add":
            raise Refused("Unknown operation")
        text = action.get("Filter")
        try:
            pattern = re.compile(text.removeprefix("!"))
        except re.error:
            pattern = None
        if not text or pattern is None:
            raise Refused("Filter was formatted incorrectly.  Check the syntax of the filter given.")
        (self._unwanted if text.startswith("!") else self._wanted).append(pattern)
        self._respond("Success", ("Message", "Success"))

    def answer_list_commands(self, action: ActionFields) -> None:
        commands = sorted(_ANSWERS.values(), key=lambda answer: answer.name)
        described = [(answer.name, f"{answer.synopsis}  (Priv: {answer.privilege})") for answer in commands]
        self._respond("Success", *described)

    # Who is busy.

    def answer_extension_states(self, action: ActionFields) -> None:
        hints = self._switch.states.hints()
        self._list("Extension Statuses will follow", "ExtensionStatus", hints, "ExtensionStateListComplete")

    def answer_extension_state(self, action: ActionFields) -> None:
        extension = action.get("Exten")
        if not extension:
            raise Refused("Extension not specified")
        fields = self._switch.states.hint_fields(extension, action.get("Context") or "default")
        self._respond("Success", ("Message", "Extension Status"), *fields)

    def answer_device_states(self, action: ActionFields) -> None:
        devices = self._switch.states.devices.items()
        items: list[Fields] = [[("Device", device), ("State", state)] for device, state in devices]
        self._list("Device State Changes will follow", "DeviceStateChange", items, "DeviceStateListComplete")

    def answer_presence_states(self, action: ActionFields) -> None:
        presences = self._switch.states.presences.items()
        items = [[("Presentity", presentity), *presence.fields()] for presentity, presence in presences]
        self._list("Presence State Changes will follow", "PresenceStateChange", items, "PresenceStateListComplete")

    def answer_presence_state(self, action: ActionFields) -> None:
        provider = action.get("Provider")
        if not provider:
            raise Refused("No provider specified")
        if not provider.startswith(PRESENCE_PROVIDER):
            raise Refused(f"Invalid provider {provider} or provider in invalid state")
        presence = self._switch.states.presences.get(provider, Presence())
        message = presence.message
        self._respond(
            "Success",
            ("Message", "Presence State"),
            ("State", presence.state),
            *([("Subtype", presence.subtype)] if presence.subtype else ()),
            *([("Message", message), ("PresenceMessage", message)] if message else ()),
        )

    def answer_endpoints(self, action: ActionFields) -> None:
        devices = self._switch.states.devices
        names = [device.removeprefix("PJSIP/") for device in devices if device.startswith("PJSIP/")]
        items = [self._endpoint(name) for name in sorted(names)]
        message = "A listing of Endpoints follows, presented as EndpointList events"
        self._list(message, "EndpointList", items, "EndpointListComplete")

    def _endpoint(self, name: str) -> Fields:
        """What the list says of an endpoint; an aor of the same name is all that it has."""
        channels = sum(channel.endpoint == f"PJSIP/{name}" for channel in self._switch.channels.values())
        state = self._switch.states.devices[f"PJSIP/{name}"]
        return [
            ("ObjectType", "endpoint"),
            ("ObjectName", name),
            ("Transport", ""),
            ("Aor", name),
            ("Auths", ""),
            ("OutboundAuths", ""),
            ("Contacts", ""),
            ("DeviceState", _DEVICE_WORDS.get(state, "Unknown")),
            ("ActiveChannels", str(channels) if channels else ""),
        ]

    # The PBX.

    def answer_core_settings(self, action: ActionFields) -> None:
        self._respond(
            "Success",
            ("AMIversion", AMI_VERSION),
            ("AsteriskVersion", ASTERISK_VERSION),
            ("SystemName", ""),
            ("CoreMaxCalls", "0"),
            ("CoreMaxLoadAvg", "0.000000"),
            ("CoreRunUser", ""),
            ("CoreRunGroup", ""),
            ("CoreMaxFilehandles", "0"),
            ("CoreRealTimeEnabled", "No"),
            ("CoreCDRenabled", "Yes"),
            ("CoreHTTPenabled", "Yes"),
            ("SoundsSearchCustomDir", "No"),
        )

    def answer_core_status(self, action: ActionFields) -> None:
        started, reloaded = map(time.localtime, (self._started_at, self._configuration.read_at))
        self._respond(
            "Success",
            ("CoreStartupDate", time.strftime("%Y-%m-%d", started)),
            ("CoreStartupTime", time.strftime("%H:%M:%S", started)),
            ("CoreReloadDate", time.strftime("%Y-%m-%d", reloaded)),
            ("CoreReloadTime", time.strftime("%H:%M:%S", reloaded)),
            ("CoreCurrentCalls", str(cli.active_calls(self._switch))),
            ("CoreProcessedCalls", str(self._switch.calls_processed)),
        )

    def answer_core_show_channels(self, action: ActionFields) -> None:
        now = self._switch.now()
        items = [
            [
                *channel.fields(),
                ("Application", channel.application),
                ("ApplicationData", channel.application_data),
                ("Duration", cli.duration(now - channel.created_at)),
                ("BridgeId", channel.bridge.id if channel.bridge else ""),
            ]
            for channel in self._switch.channels.values()
        ]
        self._list("Channels will follow", "CoreShowChannel", items, "CoreShowChannelsComplete")

    def answer_status(self, action: ActionFields) -> None:
        """Of one channel, or of all."""
        channels = list(self._switch.channels.values())
        if action.get("Channel"):
            channels = [self._channel(action, "Channel", "No such channel")]
        with_variables = _is_yes(action.get("AllVariables"))
        items = [_status(channel, self._switch.now(), with_variables) for channel in channels]
        number = [("Items", str(len(items)))]
        self._list("Channel status will follow", "Status", items, "StatusComplete", number)

    def answer_bridge_list(self, action: ActionFields) -> None:
        items = [bridge.fields() for bridge in self._switch.bridges.values()]
        self._list("Bridge listing will follow", "BridgeListItem", items, "BridgeListComplete")

    def answer_bridge_info(self, action: ActionFields) -> None:
        name = action.get("BridgeUniqueid")
        if not name:
            raise Refused("BridgeUniqueid must be provided")
        bridge = self._switch.bridges.get(name)
        if bridge is None:
            raise Refused("Specified BridgeUniqueid not found")
        items = [channel.fields() for channel in bridge.channels]
        message = "Bridge channel listing will follow"
        self._list(message, "BridgeInfoChannel", items, "BridgeInfoComplete", bridge.fields())

    def answer_parked_calls(self, action: ActionFields) -> None:
        items = [parked.fields(self._switch.now()) for parked in self._switch.parked.values()]
        total = [("Total", str(len(items)))]
        self._list("Parked calls will follow", "ParkedCall", items, "ParkedCallsComplete", total)

    def answer_command(self, action: ActionFields) -> None:
        line = action.get("Command").strip()
        if not line:
            raise Refused("No command provided")
        output = cli.run(line, self._dialplan, self._configuration, self._started_at, ASTERISK_VERSION)
        response = "Success" if output is not None else "Error"
        lines = output if output is not None else cli.failure(line)
        follows = ("Message", "Command output follows")
        self._respond(response, follows, *(("Output", text) for text in lines or [""]))

    def answer_hangup(self, action: ActionFields) -> None:
        name = action.get("Channel")
        if not name:
            raise Refused("No channel specified")
        channel = self._switch.channels.get(name)
        if channel is None:
            raise Refused("No such channel")
        self._respond("Success", ("Message", "Channel Hungup"))
        given = action.get("Cause")
        cause = int(given) if given.isdecimal() else NORMAL if channel.bridge else NO_CAUSE
        self._switch.hang_up(channel, cause)

    def answer_bridge(self, action: ActionFields) -> None:
        first, second = (self._channel(action, key, f"Channel{number} does not exists") for key, number in _BRIDGED)
        self._respond("Success", ("Message", "Channels have been bridged"))
        self._switch.bridge(first, second)

    def answer_redirect(self, action: ActionFields) -> None:
        """To an extension that is not there too: the channel hangs up then."""
        for field in ("Channel", "Context", "Exten", "Priority"):
            if not action.get(field):
                raise Refused(f"{field} not specified")
        channel = self._channel(action, "Channel", f"Channel does not exist: {action.get('Channel')}")
        self._respond("Success", ("Message", "Redirect successful"))
        self._dialplan.redirect(channel, action.get("Exten"), action.get("Context"))

    def answer_blind_transfer(self, action: ActionFields) -> None:
        channel = self._channel(action, "Channel", "Channel does not exist")
        extension = action.get("Exten")
        if not self._dialplan.exists(extension):
            raise Refused("Extension does not exist.")
        self._respond("Success", ("Message", "Transfer succeeded"))
        self._dialplan.transfer(channel, extension)

    def answer_getvar(self, action: ActionFields) -> None:
        """Of a channel, or a global one without; of a recorder, its file."""
        variable = action.get("Variable")
        if not variable:
            raise Refused("No variable specified")
        hidden = self._switch.hidden(action.get("Channel")) if action.get("Channel") else []
        if hidden:
            value = hidden[0].file if variable == "MIXMONITOR_FILENAME" else ""
        elif action.get("Channel"):
            channel = self._channel(action, "Channel", "No such channel")
            value = functions.read_of(channel, variable, self._dialplan)
        else:
            value = functions.read(variable, self._dialplan)
        self._respond("Success", ("Variable", variable), ("Value", value))

    def answer_setvar(self, action: ActionFields) -> None:
        variable = action.get("Variable")
        if not variable:
            raise Refused("No variable specified")
        if action.get("Channel"):
            channel = self._channel(action, "Channel", "No such channel")
            self._dialplan.assign(channel, variable, action.get("Value"))
        elif match := _PRESENCE.fullmatch(variable):
            presence = Presence(*[*action.get("Value").split(","), "", ""][:3])
            if presence.state not in PRESENCES:
                raise Refused("Variable not set")
            self._switch.states.set_presence(match[1], presence)
        elif not functions.write(variable, action.get("Value"), self._dialplan):
            raise Refused("Variable not set")
        self._respond("Success", ("Message", "Variable Set"))

    def answer_extension_add(self, action: ActionFields) -> None:
        context, extension, priority, application = (
            action.get(key) for key in ("Context", "Extension", "Priority", "Application")
        )
        if not (context and extension and priority and application):
            needed = "Context, Extension, Priority, and Application must be defined for DialplanExtensionAdd."
            raise Refused(needed)
        replace = _is_yes(action.get("Replace"))
        if priority == "hint":
            is_added = self._switch.states.add_hint(extension, context, application, replace=replace, is_told=True)
        elif priority.isdecimal() and int(priority) > 0:
            step = (application, action.get("ApplicationData"))
            is_added = self._dialplan.add(context, extension, int(priority), step, replace=replace)
        else:
            raise Refused("The priority specified was invalid.")
        if not is_added:
            raise Refused("That extension and priority already exist at that context")
        self._respond("Success", ("Message", "Added requested extension"))

    def answer_park(self, action: ActionFields) -> None:
        channel = self._channel(action, "Channel", "Channel does not exist")
        timeout = action.get("Timeout")
        self._respond("Success", ("Message", "Park successful"))
        self._switch.park(channel, int(timeout) // 1000 if timeout.isdecimal() else PARKING_SECONDS)

    def _channel(self, action: ActionFields, key: str, complaint: str) -> Channel:
        channel = self._switch.channels.get(action.get(key))
        if channel is None:
            raise Refused(complaint)
        return channel

    def answer_originate(self, action: ActionFields) -> None:
        request = self._parse_originate(action)
        action_id = self._action_id
        is_async = _is_yes(action.get("Async"))
        queued = ("Message", "Originate successfully queued")

        def outcome(reason: int, channel: Channel | None) -> None:
            if is_async:
                self._announce("OriginateResponse", _originate_response(action_id, request, reason, channel))
            elif reason == ANSWERED:
                self._respond("Success", queued, action_id=action_id)
            else:
                self._respond("Error", ("Message", "Originate failed"), action_id=action_id)

        if is_async:
            self._respond("Success", queued)
        self._dialplan.originate(request, outcome)

    def _parse_originate(self, action: ActionFields) -> Originate:
        channel, extension, context = (action.get(key) for key in ("Channel", "Exten", "Context"))
        application, priority, timeout = (action.get(key) for key in ("Application", "Priority", "Timeout"))
        if not channel:
            raise Refused("Channel not specified")
        if priority and not priority.isdecimal():
            raise Refused("Invalid priority")
        if timeout and not timeout.isdecimal():
            raise Refused("Invalid timeout")
        if "/" not in channel:
            raise Refused("Invalid channel")
        if not application:
            if not (extension and context and priority):
                raise Refused("Originate with 'Exten' requires 'Context' and 'Priority'")
            if priority != "1" or not self._dialplan.exists(extension, context):
                raise Refused("Extension does not exist.")
        # A comma in a line begins another variable.
        assigned = [text for line in action.all("Variable") for text in arguments(line)]
        settings = tuple(filter(None, map(_parse_setting, assigned)))
        pairs = (text.partition("=") for text in assigned if _parse_setting(text) is None)
        variables = tuple((name, value) for name, equals, value in pairs if name and equals)
        return Originate(
            channel=channel,
            extension="" if application else extension,
            context=context,
            application=application,
            application_data=action.get("Data"),
            timeout=int(timeout) / 1000 if timeout else 30.0,
            caller=parse_caller_id(action.get("CallerID")),
            settings=settings,
            variables=variables,
            account_code=action.get("Account"),
            uniqueids=(action.get("ChannelId"), action.get("OtherChannelId")),
        )

    # The AstDB.

    def answer_db_get(self, action: ActionFields) -> None:
        family, key = self._db_name(action, ".")
        value = self._astdb.get(family, key)
        if value is None:
            raise Refused("Database entry not found")
        item = [("Family", family), ("Key", key), ("Val", value)]
        self._list("Result will follow", "DBGetResponse", [item], "DBGetComplete")

    def answer_db_get_tree(self, action: ActionFields) -> None:
        entries = self._astdb.tree(action.get("Family"), action.get("Key"))
        items = [[("Key", name), ("Val", value)] for name, value in entries]
        self._list("Result will follow", "DBGetTreeResponse", items, "DBGetTreeComplete")

    def answer_db_put(self, action: ActionFields) -> None:
        self._astdb.put(*self._db_name(action), action.get("Val"))
        self._respond("Success", ("Message", "Updated database successfully"))

    def answer_db_del(self, action: ActionFields) -> None:
        if not self._astdb.delete(*self._db_name(action, ".")):
            raise Refused("Database entry could not be deleted")
        self._respond("Success", ("Message", "Key deleted successfully"))

    def answer_db_del_tree(self, action: ActionFields) -> None:
        if not action.get("Family"):
            raise Refused("No family specified.")
        if not self._astdb.delete_tree(action.get("Family"), action.get("Key")):
            raise Refused("Database entry not found")
        self._respond("Success", ("Message", "Key tree deleted successfully"))

    def _db_name(self, action: ActionFields, full_stop: str = "") -> tuple[str, str]:
        """Family and key. Of the refusals, only that of DBPut has no full stop."""
        for field in ("Family", "Key"):
            if not action.get(field):
                raise Refused(f"No {field.lower()} specified{full_stop}")
        return action.get("Family"), action.get("Key")

    # Configuration files.

    def answer_reload(self, action: ActionFields) -> None:
        module = action.get("Module")
        is_known = not module or f"{module.removesuffix('.so')}.so" in cli.MODULES
        if not module:
            self._configuration.read_at = self._switch.now()
        if module.removesuffix(".so") in ("", "pbx_config"):
            self._dialplan.variables.update(self._configuration.variables)
        status = _RELOADED if is_known else _NOT_FOUND
        self._announce("Reload", [("Module", module or "All"), ("Status", status)])
        if not is_known:
            raise Refused("No such module")
        self._respond("Success", ("Message", "Module Reloaded"))

    def answer_get_config(self, action: ActionFields) -> None:
        categories = self._categories(action, "Config file not found")
        self._respond("Success", *(fields_of(categories) or [("No categories found", "")]))

    def answer_get_config_json(self, action: ActionFields) -> None:
        self._respond("Success", ("JSON", json_of(self._categories(action, "File requires escalated privileges"))))

    def answer_list_categories(self, action: ActionFields) -> None:
        names = [category.name for category in self._categories(action, "Config file not found")]
        fields = [(f"Category-{number:06}", name) for number, name in enumerate(names)]
        self._respond("Success", *(fields or [("Error", "no categories found")]))

    def _categories(self, action: ActionFields, complaint: str) -> list[Category]:
        file = action.get("Filename")
        if not file:
            raise Refused("Filename not specified")
        try:
            return self._configuration.read(file, action.get("Category"), action.get("Filter"))
        except KeyError:
            raise Refused(complaint) from None

    def answer_update_config(self, action: ActionFields) -> None:
        source, target = action.get("SrcFilename"), action.get("DstFilename")
        if not (source and target):
            raise Refused("Filename not specified")
        parts = ("Action", "Cat", "Var", "Value", "Match", "Line", "Options")
        steps: list[dict[str, str]] = []
        while action.get(f"Action-{len(steps):06}"):
            steps.append({part: action.get(f"{part}-{len(steps):06}") for part in parts})
        try:
            self._configuration.update(source, target, steps)
        except KeyError:
            raise Refused("File requires escalated privileges") from None
        except CannotBeWritten as reason:
            raise Refused(str(reason)) from None
        self._respond("Success")

    # Conferences.

    def answer_list_rooms(self, action: ActionFields) -> None:
        if not self._switch.conferences:
            raise Refused("No active conferences.")
        items = [
            [
                ("Conference", conference.name),
                ("Parties", str(len(conference.members))),
                ("Marked", str(sum(member.marked for member in conference.members))),
                ("Locked", yes(conference.locked)),
                ("Muted", "No"),
            ]
            for conference in self._switch.conferences.values()
        ]
        message = "Confbridge conferences will follow"
        self._list(message, "ConfbridgeListRooms", items, "ConfbridgeListRoomsComplete")

    def answer_list_members(self, action: ActionFields) -> None:
        conference = self._conference(action)
        now = self._switch.now()
        items = [
            [
                ("Conference", conference.name),
                ("Admin", yes(member.admin)),
                ("MarkedUser", yes(member.marked)),
                ("WaitMarked", yes(member.wait_marked)),
                ("EndMarked", "No"),
                ("EndMarkedAny", "No"),
                ("Waiting", yes(member.waiting)),
                ("Muted", yes(member.muted)),
                ("Talking", yes(member.talking)),
                ("AnsweredTime", str(int(now - (member.channel.answered_at or now)))),
                *member.channel.fields(),
            ]
            for member in conference.members
        ]
        self._list("Confbridge user list will follow", "ConfbridgeList", items, "ConfbridgeListComplete")

    def answer_mute(self, action: ActionFields) -> None:
        self._mute(action, True)

    def answer_unmute(self, action: ActionFields) -> None:
        self._mute(action, False)

    def _mute(self, action: ActionFields, muted: bool) -> None:
        if action.get("Conference") and not action.get("Channel"):
            raise Refused("No channel name provided.")
        members = self._chosen(action, self._conference(action))
        self._respond("Success", ("Message", "User muted" if muted else "User unmuted"))
        for member in members:
            self._switch.mute(member, muted)

    def answer_kick(self, action: ActionFields) -> None:
        members = self._chosen(action, self._conference(action))
        everybody = action.get("Channel").lower() == "all"
        self._respond("Success", ("Message", "All participants kicked" if everybody else "User kicked"))
        for member in members:
            self._switch.kick(member)

    def answer_lock(self, action: ActionFields) -> None:
        self._switch.lock(self._conference(action), True)
        self._respond("Success", ("Message", "Conference locked"))

    def answer_unlock(self, action: ActionFields) -> None:
        self._switch.lock(self._conference(action), False)
        self._respond("Success", ("Message", "Conference unlocked"))

    def answer_start_record(self, action: ActionFields) -> None:
        conference = self._conference(action)
        if conference.recording:
            raise Refused("Conference is already being recorded.")
        self._respond("Success", ("Message", "Conference Recording Started."))
        self._switch.record(conference, True, action.get("RecordFile"))

    def answer_stop_record(self, action: ActionFields) -> None:
        conference = self._conference(action)
        if not conference.recording:
            raise Refused("Internal error while stopping recording.")
        self._respond("Success", ("Message", "Conference Recording Stopped."))
        self._switch.record(conference, False)

    def answer_set_video_source(self, action: ActionFields) -> None:
        name = action.get("Channel")
        if action.get("Conference") and not name:
            raise Refused("No channel name provided.")
        conference = self._conference(action)
        member = next((member for member in conference.members if member.channel.name == name), None)
        if member is None:
            raise Refused("No channel by that name found in conference.")
        self._respond("Success", ("Message", "Conference single video source set."))
        self._switch.show_video_of(member)

    def _conference(self, action: ActionFields) -> Conference:
        name = action.get("Conference")
        if not name:
            raise Refused("No Conference name provided.")
        if not self._switch.conferences:
            raise Refused("No active conferences.")
        conference = self._switch.conferences.get(name)
        if conference is None:
            raise Refused("No Conference by that name found.")
        return conference

    def _chosen(self, action: ActionFields, conference: Conference) -> list[Member]:
        """The members an action is about: one by his channel, `all`, or `participants`, who are no admins."""
        name = action.get("Channel")
        if name.lower() == "all":
            return list(conference.members)
        if name.lower() == "participants":
            return [member for member in conference.members if not member.admin]
        chosen = [member for member in conference.members if member.channel.name == name]
        if not chosen:
            raise Refused("No Channel by that name found in Conference.")
        return chosen


_BRIDGED = (("Channel1", 1), ("Channel2", 2))


def _id_field(own: str, other: str | None = None) -> Fields:
    action_id = own if other is None else other
    return [("ActionID", action_id)] if action_id else []


def _parse_setting(variable: str) -> tuple[str, Party] | None:
    """`CONNECTEDLINE(num,i)=102` or `CALLERID(name)=Ben`; None for any other variable, of which no event tells."""
    match = _SETTING.fullmatch(variable)
    if match is None:
        return None
    return match[1], Party("", match[3]) if match[2] == "name" else Party(match[3], "")


def _status(channel: Channel, now: float, with_variables: bool) -> Fields:
    """One item of Status."""
    form = "slin" if channel.is_local else "ulaw"
    variables = reversed(channel.variables.items()) if with_variables else ()
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
        *(("Variable", f"{name}={value}") for name, value in variables),
    ]


def _originate_response(action_id: str, request: Originate, reason: int, channel: Channel | None) -> Fields:
    where = (
        [("Application", request.application), ("Data", request.application_data)]
        if request.application
        else [("Context", request.context), ("Exten", request.extension)]
    )
    return [
        *_id_field(action_id),
        ("Response", "Failure" if channel is None else "Success"),
        ("Channel", request.channel if channel is None else channel.name),
        *where,
        ("Reason", str(reason)),
        ("Uniqueid", request.uniqueids[0] or UNKNOWN if channel is None else channel.uniqueid),
        ("CallerIDNum", request.caller.number or UNKNOWN),
        ("CallerIDName", request.caller.name or UNKNOWN),
    ]


def _is_yes(text: str) -> bool:
    """main/utils.c, ast_true."""
    return text.lower() in ("true", "yes", "1", "on", "y", "t")


def _parse_mask(text: str) -> frozenset[str] | None:
    """An event mask → the classes it names; None where it is empty."""
    words = {word.strip().lower() for word in text.split(",") if word.strip()}
    if not words:
        return None
    if words & {"on", "all", "yes", "true", "1"}:
        return _CLASSES
    return frozenset(words & _CLASSES)


@dataclass(frozen=True, slots=True)
class _Answer:
    """One action: its name, what ListCommands says of it, and who answers it."""

    name: str
    synopsis: str
    privilege: str
    run: Callable[[ManagerSession, ActionFields], None]


_ANSWERS = {
    name.lower(): _Answer(name, synopsis, privilege, run)
    for name, synopsis, privilege, run in (
        (
            "BlindTransfer",
            "Blind transfer channel(s) to the given destination",
            "call,all",
            ManagerSession.answer_blind_transfer,
        ),
        ("Bridge", "Bridge two channels already in the PBX.", "call,all", ManagerSession.answer_bridge),
        (
            "BridgeInfo",
            "Get information about a bridge.",
            "<none>",
            ManagerSession.answer_bridge_info,
        ),
        (
            "BridgeList",
            "Get a list of bridges in the system.",
            "<none>",
            ManagerSession.answer_bridge_list,
        ),
        ("Challenge", "Generate Challenge for MD5 Auth.", "<none>", ManagerSession.answer_challenge),
        ("Command", "Execute Asterisk CLI Command.", "command,all", ManagerSession.answer_command),
        ("ConfbridgeKick", "Kick a Confbridge user.", "call,all", ManagerSession.answer_kick),
        (
            "ConfbridgeList",
            "List participants in a conference.",
            "reporting,all",
            ManagerSession.answer_list_members,
        ),
        ("ConfbridgeListRooms", "List active conferences.", "reporting,all", ManagerSession.answer_list_rooms),
        ("ConfbridgeLock", "Lock a Confbridge conference.", "call,all", ManagerSession.answer_lock),
        ("ConfbridgeMute", "Mute a Confbridge user.", "call,all", ManagerSession.answer_mute),
        (
            "ConfbridgeSetSingleVideoSrc",
            "Set a conference user as the single video source distributed to all other participants.",
            "call,all",
            ManagerSession.answer_set_video_source,
        ),
        (
            "ConfbridgeStartRecord",
            "Start recording a Confbridge conference.",
            "system,all",
            ManagerSession.answer_start_record,
        ),
        (
            "ConfbridgeStopRecord",
            "Stop recording a Confbridge conference.",
            "system,all",
            ManagerSession.answer_stop_record,
        ),
        ("ConfbridgeUnlock", "Unlock a Confbridge conference.", "call,all", ManagerSession.answer_unlock),
        ("ConfbridgeUnmute", "Unmute a Confbridge user.", "call,all", ManagerSession.answer_unmute),
        (
            "CoreSettings",
            "Show PBX core settings (version etc).",
            "system,reporting,all",
            ManagerSession.answer_core_settings,
        ),
        (
            "CoreShowChannels",
            "List currently active channels.",
            "system,reporting,all",
            ManagerSession.answer_core_show_channels,
        ),
        (
            "CoreStatus",
            "Show PBX core status variables.",
            "system,reporting,all",
            ManagerSession.answer_core_status,
        ),
        ("DBDel", "Delete DB entry.", "system,all", ManagerSession.answer_db_del),
        ("DBDelTree", "Delete DB Tree.", "system,all", ManagerSession.answer_db_del_tree),
        ("DBGet", "Get DB Entry.", "system,reporting,all", ManagerSession.answer_db_get),
        (
            "DBGetTree",
            "Get DB entries, optionally at a particular family/key",
            "system,reporting,all",
            ManagerSession.answer_db_get_tree,
        ),
        ("DBPut", "Put DB entry.", "system,all", ManagerSession.answer_db_put),
        (
            "DeviceStateList",
            "List the current known device states.",
            "call,reporting,all",
            ManagerSession.answer_device_states,
        ),
        (
            "DialplanExtensionAdd",
            "Add an extension to the dialplan",
            "system,all",
            ManagerSession.answer_extension_add,
        ),
        ("Events", "Control Event Flow.", "<none>", ManagerSession.answer_events),
        ("ExtensionState", "Check Extension Status.", "call,reporting,all", ManagerSession.answer_extension_state),
        (
            "ExtensionStateList",
            "List the current known extension states.",
            "call,reporting,all",
            ManagerSession.answer_extension_states,
        ),
        (
            "Filter",
            "Dynamically add filters for the current manager session.",
            "system,all",
            ManagerSession.answer_filter,
        ),
        ("GetConfig", "Retrieve configuration.", "system,config,all", ManagerSession.answer_get_config),
        (
            "GetConfigJSON",
            "Retrieve configuration (JSON format).",
            "system,config,all",
            ManagerSession.answer_get_config_json,
        ),
        ("Getvar", "Gets a channel variable or function value.", "call,reporting,all", ManagerSession.answer_getvar),
        ("Hangup", "Hangup channel.", "system,call,all", ManagerSession.answer_hangup),
        (
            "ListCategories",
            "List categories in configuration file.",
            "config,all",
            ManagerSession.answer_list_categories,
        ),
        ("ListCommands", "List available manager commands.", "<none>", ManagerSession.answer_list_commands),
        ("Login", "Login Manager.", "<none>", ManagerSession.answer_login),
        ("Logoff", "Logoff Manager.", "<none>", ManagerSession.answer_logoff),
        ("Originate", "Originate a call.", "originate,all", ManagerSession.answer_originate),
        ("PJSIPShowEndpoints", "Lists PJSIP endpoints.", "system,all", ManagerSession.answer_endpoints),
        ("Park", "Park a channel.", "call,all", ManagerSession.answer_park),
        ("ParkedCalls", "List parked calls.", "call,all", ManagerSession.answer_parked_calls),
        ("Ping", "Keepalive command.", "<none>", ManagerSession.answer_ping),
        ("PresenceState", "Check Presence State", "call,reporting,all", ManagerSession.answer_presence_state),
        (
            "PresenceStateList",
            "List the current known presence states.",
            "call,reporting,all",
            ManagerSession.answer_presence_states,
        ),
        ("Redirect", "Redirect (transfer) a call.", "call,all", ManagerSession.answer_redirect),
        ("Reload", "Send a reload event.", "system,config,all", ManagerSession.answer_reload),
        ("Setvar", "Sets a channel variable or function value.", "call,all", ManagerSession.answer_setvar),
        ("Status", "List channel status.", "system,call,reporting,all", ManagerSession.answer_status),
        ("UpdateConfig", "Update basic configuration.", "config,all", ManagerSession.answer_update_config),
    )
}

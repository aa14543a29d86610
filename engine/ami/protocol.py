"""AMI with no socket and no clock in it: feed it bytes, get messages; hand it actions, get bytes.

The wire format is described on Asterisk's page "AMI v2 Specification" and made by main/manager.c: lines of
`Key: value` that end with CR LF, an empty line after each message, and one greeting line before the first.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from .errors import IllegalField, MessageTooLarge, NotAmi, gettext_noop

_END = b"\r\n\r\n"
_END_COMMAND = b"--END COMMAND--"
_ACTION_ID = b"\r\nActionID: "
_GREETING = b"Asterisk Call Manager/"
_GREETING_LIMIT = 256

_BEFORE_NUMBER = ("Channel", "ChannelState", "ChannelStateDesc", "CallerIDNum")
_AFTER_NUMBER = (
    "CallerIDName", "ConnectedLineNum", "ConnectedLineName", "Language", "AccountCode", "Context", "Exten", "Priority",
    "Uniqueid", "Linkedid",
)  # fmt: skip
CHANNEL_FIELDS = frozenset((*_BEFORE_NUMBER, *_AFTER_NUMBER))
"""What every event about a channel says of it (main/manager_channels.c)."""
BRIDGE_FIELDS = frozenset(
    (
        "BridgeUniqueid", "BridgeType", "BridgeTechnology", "BridgeCreator", "BridgeName", "BridgeNumChannels",
        "BridgeVideoSourceMode",
    )
)  # fmt: skip
"""What every event about a bridge or a conference says of its bridge (main/manager_bridges.c)."""
_SNAPSHOT = tuple(f"\r\n{key}: ".encode() for key in ("ChannelStateDesc", "CallerIDNum", *_AFTER_NUMBER))
# So long may a torn event grow until it is taken for none.
_TORN_LIMIT = 8192
# So many layouts are remembered for one event, and of so many events. What does not fit is parsed field by field.
_LAYOUTS_LIMIT, _NAMES_LIMIT = 4, 500


class Layout:
    """The keys of an event in the order in which Asterisk writes them, which is the same each time.

    An event is read by it at one go where every value is a single line, as all are that no caller has tampered with.
    """

    __slots__ = ("_bears", "_numbers", "keys", "match", "numbers")

    def __init__(self, keys: tuple[str, ...]) -> None:
        self.keys = keys
        self.match = re.compile("\r\n".join(f"{re.escape(key)}: ([^\r\n]*)" for key in keys)).fullmatch
        # Key → number of its group.
        self.numbers = {key: number for number, key in enumerate(keys, 1)}
        self._numbers: dict[tuple[str, ...], tuple[int, ...]] = {}
        self._bears: dict[frozenset[str], bool] = {}

    def numbers_of(self, keys: tuple[str, ...]) -> tuple[int, ...]:
        """The numbers of these keys' groups; none where one is missing."""
        found = self._numbers.get(keys)
        if found is None:
            found = tuple(self.numbers[key] for key in keys) if self.has_fields(frozenset(keys)) else ()
            self._numbers[keys] = found
        return found

    def has_fields(self, keys: frozenset[str]) -> bool:
        """Whether it has all of these keys."""
        found = self._bears.get(keys)
        if found is None:
            found = self._bears[keys] = self.numbers.keys() >= keys
        return found


class Message:
    """One event or response, parsed only when a field is asked for.

    `name` is the event's name (`Newchannel`) or, for a response, its first value (`Success`, `Error`,
    `Goodbye`, `Follows`). Bytes that are not UTF-8 show as U+FFFD.
    """

    __slots__ = ("_fields", "_found", "_layout", "is_event", "name", "raw")
    # By the layout, where there is one.
    _found: re.Match[str]

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._fields: dict[str, str] | None = None
        self._layout: Layout | None = None
        head, _, value = raw.partition(b"\r\n")[0].partition(b":")
        self.is_event = head == b"Event"
        self.name = value.strip().decode("utf-8", "replace")

    @classmethod
    def laid_out(cls, raw: bytes, layout: Layout, found: re.Match[str]) -> "Message":
        """An event that matched this layout, whose first key is `Event`."""
        message = cls.__new__(cls)
        message.raw, message.is_event, message.name = raw, True, found[1]
        message._fields, message._layout, message._found = None, layout, found
        return message

    @property
    def fields(self) -> dict[str, str]:
        """Key → value, in the order received; of a repeated key the first value (see `all`).

        Where a caller chose what looks like fields (see `_is_torn`), those count that Asterisk wrote.
        """
        if self._fields is None and self._layout is not None:
            self._fields = dict(zip(self._layout.keys, self._found.groups(), strict=True))
        elif self._fields is None:
            lines = self.raw.decode("utf-8", "replace").split("\r\n")
            try:
                # Asterisk writes each line so; what does not fit, or is there twice, is read with more care.
                self._fields = dict([line.split(": ", 1) for line in lines])
            except ValueError:
                self._fields = {}
            if len(self._fields) != len(lines) or ":" in "".join(self._fields):
                pairs = list(self.pairs())
                self._fields = dict(pairs)
                if len(self._fields) != len(pairs):
                    self._fields = _without_repetitions(pairs)
        return self._fields

    def get(self, key: str, default: str = "") -> str:
        """The first value of `key`, or `default` where the message has no such line."""
        if self._layout is not None:
            number = self._layout.numbers.get(key)
            return default if number is None else self._found[number]
        return self.fields.get(key, default)

    def pick(self, keys: tuple[str, ...]) -> tuple[str, ...]:
        """The values of these keys, of which there are at least two; empty ones for those that it has not."""
        if self._layout is not None and (numbers := self._layout.numbers_of(keys)):
            values: tuple[str, ...] = self._found.group(*numbers)
            return values
        fields = self.fields
        return tuple([fields.get(key, "") for key in keys])

    def has_fields(self, keys: frozenset[str]) -> bool:
        """Whether it has all of these keys."""
        if self._layout is not None:
            return self._layout.has_fields(keys)
        return self.fields.keys() >= keys

    def all(self, key: str) -> list[str]:
        """Every value of a key that may be repeated (`Variable`, `ChanVariable`, `Output`)."""
        return [value for name, value in self.pairs() if name == key]

    @property
    def output(self) -> list[str]:
        """The lines that a `Command` printed, whichever form this Asterisk uses.

        Since Asterisk 14 each line is an `Output:` field; before, they stood bare before `--END COMMAND--`.
        """
        if self.name != "Follows":
            return self.all("Output")
        text = self.raw.decode("utf-8", "replace").replace("\r\n", "\n")
        text = text.partition(_END_COMMAND.decode())[0]
        lines = text.split("\n")[1:]
        while lines and lines[0].startswith(("Privilege: ", "ActionID: ", "Message: ")):
            lines.pop(0)
        if lines and not lines[-1]:
            lines.pop()
        return lines

    def pairs(self) -> Iterable[tuple[str, str]]:
        """Every field, in the order received, repeated ones too, even those that a caller chose."""
        for line in self.raw.decode("utf-8", "replace").split("\r\n"):
            key, separator, value = line.partition(":")
            if separator:
                yield key, value.removeprefix(" ")

    def __repr__(self) -> str:
        return f"<{'Event' if self.is_event else 'Response'} {self.name} {self.fields}>"


def _without_repetitions(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Of a key that is repeated, the value that no caller chose: texts of theirs are their number, which stands before
    most of a channel's snapshot, others within it, and what an application is called with, which stands after it.
    """
    keys = [key for key, _value in pairs]
    number = keys.index("CallerIDNum") if "CallerIDNum" in keys else len(pairs)
    end = next((at for at in range(number, len(pairs)) if _is_called_with(keys, at)), len(pairs))
    before, within, after = pairs[: number + 1], pairs[number + 1 : end], pairs[end:]
    return {**dict(reversed(after)), **dict(within), **dict(reversed(before))}


def _is_called_with(keys: list[str], at: int) -> bool:
    return (
        keys[at] in ("AppData", "ApplicationData")
        and keys[at - 1] == "Application"
        and CHANNEL_FIELDS.issubset(keys[:at])
    )


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to ask of Asterisk: its name, and its fields in order (a key may be repeated).

    Raises `IllegalField` at once where a key or a value holds CR, LF or NUL, since these would let a value
    add headers of its own, or half a surrogate pair, which is no text; and where a key is empty or holds a colon.
    """

    name: str
    fields: tuple[tuple[str, str], ...] = field(default=())

    def __post_init__(self) -> None:
        for key, value in (("Action", self.name), *self.fields):
            if not key or ":" in key or _has_line_break(key) or _has_surrogate(key):
                raise IllegalField(
                    gettext_noop("“%(key)s” cannot be the name of a field of an AMI action."), key=repr(key)
                )
            _check_value(key, value)

    def encode(self, action_id: str) -> bytes:
        """The bytes to send; `action_id` comes back as `ActionID` in all that answers this action."""
        _check_value("ActionID", action_id)
        lines = [f"Action: {self.name}", f"ActionID: {action_id}"]
        lines += [f"{key}: {value}" for key, value in self.fields]
        return "\r\n".join([*lines, "", ""]).encode()


def _check_value(key: str, value: str) -> None:
    if _has_line_break(value):
        raise IllegalField(gettext_noop("The field %(key)s must be a single line: it contains a line break."), key=key)
    if _has_surrogate(value):
        raise IllegalField(gettext_noop("The field %(key)s contains half a character, which cannot be sent."), key=key)


def _has_line_break(text: str) -> bool:
    return "\r" in text or "\n" in text or "\0" in text


def _has_surrogate(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)


class Protocol:
    """Cuts a stream of bytes into messages, however the network cut it into reads.

    `max_message` is the limit in bytes for one message (the longest in practice is the answer to `Command`).
    `wanted` names the events to keep; any other is dropped unparsed, unless it bears an ActionID and so
    answers something we asked. None keeps all. `greeting=False` for AMI over HTTP, which sends none.
    """

    def __init__(
        self, *, max_message: int = 16 * 2**20, wanted: Iterable[str] | None = None, greeting: bool = True
    ) -> None:
        self.max_message = max_message
        self.greeting: str | None = None if greeting else ""
        self.dropped = 0
        self._wanted = None if wanted is None else frozenset(name.encode() for name in wanted)
        self._buffer = bytearray()
        self._searched = 0
        self._command: list[bytes] = []
        self._command_size = 0
        self._torn = b""
        # By the name that follows `Event: `.
        self._layouts: dict[bytes, list[Layout]] = {}

    def receive(self, data: bytes) -> list[Message]:
        """Take what was read, return the messages that are now whole, in order.

        Raises `NotAmi` when the greeting is another program's, `MessageTooLarge` when a message passes the
        limit. After either the stream is out of step: close it.
        """
        buffer = self._buffer
        buffer += data
        if self.greeting is None and not self._read_greeting():
            return []
        end = buffer.rfind(_END, max(0, self._searched - 3))
        if end < 0:
            self._searched = len(buffer)
            self._check_size(len(buffer) + self._command_size)
            return []
        while buffer.endswith(b"\r\n", 0, end):
            end -= 2  # one empty line too many belongs to what follows, wherever the network cut
        chunks = bytes(buffer[:end]).split(_END)
        del buffer[: end + 4]
        self._searched = len(buffer)
        messages = self._messages(chunks)
        self._check_size(len(buffer) + self._command_size)
        return messages

    def _read_greeting(self) -> bool:
        line, separator, _ = self._buffer.partition(b"\r\n")
        # As long as the line goes on, a beginning that fits is good enough.
        expected = _GREETING if separator else _GREETING[: len(line)]
        if line[: len(_GREETING)] != expected or len(line) > _GREETING_LIMIT:
            heard = bytes(line[:40]).decode("utf-8", "replace").strip()
            raise NotAmi(
                gettext_noop("This is not Asterisk's manager interface: its greeting is “%(heard)s”."), heard=heard
            )
        if not separator:
            return False
        self.greeting = line.decode("utf-8", "replace")
        del self._buffer[: len(line) + 2]
        return True

    def _messages(self, chunks: list[bytes]) -> list[Message]:
        messages: list[Message] = []
        for chunk in chunks:
            if chunk.startswith(b"Event: ") and not self._torn and not self._command:
                if event := self._event(chunk):
                    messages.append(event)
                continue
            if self._torn:
                chunk = self._torn + _END + chunk
                self._torn = b""
            elif not self._command:
                chunk = chunk.lstrip(b"\r\n")  # some TestEvents are followed by an empty line too many
            if self._command or chunk.startswith(b"Response: Follows"):
                # The old form of a Command's answer may hold empty lines; it ends with a mark of its own.
                self._command.append(chunk)
                self._command_size += len(chunk) + len(_END)
                if not chunk.rstrip().endswith(_END_COMMAND):
                    self._check_size(self._command_size)
                    continue
                chunk = _END.join(self._command)
                self._command, self._command_size = [], 0
            elif chunk.startswith(b"Event: "):
                if event := self._event(chunk):
                    messages.append(event)
                continue
            self._check_size(len(chunk))
            if chunk:
                messages.append(Message(chunk))
        return messages

    def _event(self, chunk: bytes) -> Message | None:
        """None for one that nobody wants, and for one of which the rest is still to come."""
        line_end = chunk.find(b"\r\n", 7)
        name = chunk[7:line_end] if line_end > 0 else chunk[7:]
        if self._wanted is not None and name not in self._wanted and _ACTION_ID not in chunk:
            self.dropped += 1
            return None
        self._check_size(len(chunk))
        layouts = self._layouts.get(name)
        if layouts:
            text = chunk.decode("utf-8", "replace")
            for layout in layouts:
                # Which of its keys an event has, and in which order, says whether it is torn: what fits is not.
                if found := layout.match(text):
                    return Message.laid_out(chunk, layout, found)
        message = Message(chunk)
        if not _is_torn(chunk):
            self._learn(name, message)
        elif len(chunk) < _TORN_LIMIT:
            self._torn = chunk
            return None
        return message

    def _learn(self, name: bytes, message: Message) -> None:
        layouts = self._layouts.get(name, [])
        if len(layouts) >= _LAYOUTS_LIMIT or (not layouts and len(self._layouts) >= _NAMES_LIMIT):
            return
        fields = message.fields
        lines = [f"{key}: {value}" for key, value in fields.items()]
        if "\r\n".join(lines).encode() == message.raw and fields["Event"] == message.name:
            self._layouts[name] = [*layouts, Layout(tuple(fields))]

    def _check_size(self, size: int) -> None:
        if size > self.max_message:
            raise MessageTooLarge(
                gettext_noop("Asterisk sent a message of more than %(limit)s bytes."), limit=self.max_message
            )


def _is_torn(chunk: bytes) -> bool:
    """Whether a channel's snapshot in this event has begun and not ended.

    Asterisk sends a caller's number as it came (in SIP as `%0d%0a`), so an empty line in it tears the event, and
    what stands behind it looks like an event of its own. A number of the usual 79 bytes is too short to hold the
    rest of a snapshot as well.
    """
    at = 0
    for number, key in enumerate(_SNAPSHOT):
        at = chunk.find(key, at)
        if at < 0:
            return number > 1
    return False

"""Takes out of an AMI session what is nobody else's business, and leaves it playable.

The same number, name or word becomes the same pseudonym throughout one recording, and no two become one, so that
whatever belonged together does so still. What is not known to be harmless is masked.
"""

import random
import re
from collections.abc import Iterable

from engine.ami.protocol import CHANNEL_FIELDS

# Their values are Asterisk's own: ids, states, counts. Also with a prefix such as Dest or Parkee.
_OF_ASTERISK = """
Action Event Privilege EventList ListItems Uniqueid Linkedid ChannelState ChannelStateDesc Priority Language
BridgeUniqueid BridgeId BridgeType BridgeTechnology BridgeCreator BridgeNumChannels BridgeVideoSourceMode
Application Duration Cause Cause-txt TechCause Status StatusText State Admin MarkedUser Marked WaitMarked
EndMarked Waiting Muted Talking TalkingStatus AnsweredTime Parties Locked DialStatus Timestamp AMIversion
AsteriskVersion Uptime LastReload Direction DurationMs ParkingTimeout ParkingDuration Reason Events EventMask
AuthType Ping CoreMaxCalls CoreMaxLoadAvg CoreMaxFilehandles CoreRealTimeEnabled CoreCDRenabled CoreHTTPenabled
Operation SoundsSearchCustomDir Response
"""
_HARMLESS = frozenset(_OF_ASTERISK.split())
_PREFIXED = re.compile(
    r"(?:Dest|Parkee|Parker|Orig|Transferer|Transferee|LocalOne|LocalTwo|Source|Target|Old|Swap)?(.+)"
)
_HARMLESS_VALUE = re.compile(r"[A-Za-z0-9 _.,:;/()<>%+~-]{0,80}")
_UNIQUEID = re.compile(r"(?:(?P<system>.+)-)?(?P<id>\d+\.\d+)")
# They are never written, not even as a pseudonym.
_SECRET = frozenset(
    (
        "Secret", "Key", "Challenge", "Username", "Password", "AccountID", "SessionID", "ReceivedChallenge",
        "ReceivedHash", "ExpectedResponse",
    )
)  # fmt: skip
# Keys that were pressed may be a PIN.
_PRESSED = frozenset(("Digit", "Begin", "End"))
_PEOPLE = ("CallerIDName", "ConnectedLineName")
_NOBODY = ("", "<unknown>", "<no name>")
# How the panel's own questions are numbered; those of others may hold anything.
_OWN_ID = re.compile(r"[0-9a-f]{8}-[0-9]+")
_OF_EVERY_USER_EVENT = CHANNEL_FIELDS | {"Event", "Privilege", "ActionID"}

# Words that a panel reads, or that are Asterisk's: technologies and kinds of devices, the panel's own dialplan and
# user events, answers, applications.
_WORDS = """
PJSIP SIP IAX DAHDI Local CBAnn CBRec Announcer Recorder Surrogate AsyncGoto Message Custom confbridge Queue
MeetMe voice pbxpanel sound move aside PanelHand PanelSaid toggle raise lower SUCCESS FAILED PBXPANEL_CONFERENCE
PBXPANEL_SOUND PBXPANEL_USER CHANNEL onhold MIXMONITOR_FILENAME core waitfullybooted show channels concise
PBXPANEL_SILENT PBXPANEL_MUTED mixmonitor list
wav unknown none Authentication accepted Success Error Permission denied No active conferences Conference by
that name found such channel Channels will follow Command output follows Bridge listing Extension Statuses Parked calls
Device State Changes Invalid or variable Variable Set yes no on off Up Down Ring Ringing Busy Event VarSet RTCPSent
RTCPReceived ChannelTalkingStart ChannelTalkingStop DTMFBegin DND CF CFB CFU
"""
_KNOWN_WORDS = frozenset(_WORDS.split())
_CHANNEL = re.compile(r"(?<!\w)([A-Za-z][A-Za-z0-9]*)/([^\s,!&]+?)-([0-9a-f]{8})(;[12])?(?![0-9A-Za-z])")
_PART = re.compile(r"[0-9]+|[A-Za-z_\u0080-\U0010ffff]+")


class Mask:
    """One recording's pseudonyms. They are drawn at random: nothing leads back from one."""

    def __init__(self) -> None:
        self._random = random.SystemRandom()
        self._numbers: dict[str, str] = {}
        self._drawn: set[str] = set()
        self._words: dict[str, str] = {}
        self._people: dict[str, str] = {}
        self._names: set[str] = set()

    def line(self, line: str, *, free: bool = False) -> str:
        """One line of a message, `Key: value`; in a `free` one a dialplan of the user's own chose key and value."""
        key, separator, value = line.partition(":")
        if not separator:
            return self.text(line)
        value = value.removeprefix(" ")
        masked = self.text(value) if free and key not in _OF_EVERY_USER_EVENT else self.value(key, value)
        return f"{self._key(key)}: {masked}"

    def value(self, key: str, value: str) -> str:
        """The value of a field of this name."""
        if key in _SECRET:
            return "masked"
        if key == "ActionID" and _OWN_ID.fullmatch(value):
            return value
        if key in _PRESSED and len(value) <= 1:
            return "0"
        if key.endswith(_PEOPLE):
            return self.person(value)
        found = _PREFIXED.fullmatch(key)
        name = found[1] if found and found[1] in _HARMLESS else key
        if name in ("Uniqueid", "Linkedid"):
            return self._uniqueid(value)
        if name in _HARMLESS and _HARMLESS_VALUE.fullmatch(value):
            return value
        return self.text(value)

    def person(self, name: str) -> str:
        """Somebody's name."""
        if name in _NOBODY:
            return name
        self._names.update(name.split())
        return self._people.setdefault(name, f"Person {len(self._people) + 1}")

    def text(self, text: str) -> str:
        """Any text: names of channels keep their shape, numbers become numbers of the same length, words words."""
        pieces, end = [], 0
        for found in _CHANNEL.finditer(text):
            pieces.append(self._parts(text[end : found.start()]))
            technology, name, suffix, half = found.groups(default="")
            pieces.append(f"{self._parts(technology)}/{self._parts(name)}-{suffix}{half}")
            end = found.end()
        return "".join([*pieces, self._parts(text[end:])])

    def _parts(self, text: str) -> str:
        return _PART.sub(lambda found: self._part(found[0]), text)

    def _part(self, part: str) -> str:
        if part[0] in "0123456789":
            return self._number(part)
        if part in _KNOWN_WORDS:
            return part
        # One letter may be an option or a special extension; it tells nothing.
        return part if len(part) == 1 and part.isascii() else self._word(part)

    def _word(self, word: str) -> str:
        return self._words.setdefault(word, f"w{len(self._words) + 1}")

    def _number(self, digits: str) -> str:
        if digits not in self._numbers:
            size = len(digits)
            taken = sum(len(number) == size for number in self._drawn) if size < 4 else 0
            while True:
                drawn = "".join(self._random.choices("0123456789", k=size))
                if drawn not in self._drawn and (drawn != digits or taken == 10**size - 1):
                    break
            self._drawn.add(drawn)
            self._numbers[digits] = drawn
        return self._numbers[digits]

    def _uniqueid(self, value: str) -> str:
        """`1732451234.12`, behind the system's name where it has one, or what an Originate gave to its channel."""
        found = _UNIQUEID.fullmatch(value)
        if found is None:
            return self.text(value)
        return f"{self.text(found['system'])}-{found['id']}" if found["system"] else found["id"]

    def _key(self, key: str) -> str:
        """The names of fields are Asterisk's, but those of a variable within, and those of user events."""
        name, bracket, inner = key.partition("(")
        if bracket:
            return f"{name}({self.text(inner)}"
        known = re.fullmatch(r"[A-Za-z][A-Za-z-]*[0-9]?", key) and key not in self._names
        return key if known else self.text(key)


def masked_lines(mask: Mask, raw: bytes) -> list[str]:
    """A message as it came → its lines, masked. What a caller's number holds of line breaks is left out."""
    text = raw.decode("utf-8", "replace")
    lines = [_printable(line) for line in text.split("\r\n")]
    free = lines[0] in ("Event: UserEvent", "Action: UserEvent")
    return [mask.line(line, free=free) for line in lines if line]


def _printable(line: str) -> str:
    return "".join(character if character.isprintable() else "\ufffd" for character in line)


def fields_of(lines: Iterable[str]) -> list[tuple[str, str]]:
    """Lines of a message → its fields."""
    pairs = (line.partition(":") for line in lines)
    return [(key, value.removeprefix(" ")) for key, separator, value in pairs if separator]

"""What a switch said over AMI, made comparable: ids and times replaced, events sorted by channel and by participant.

Events of one channel come in a certain order; those of different channels interleave as threads will have it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise

from tests.lab.ami import Message

Lines = list[str]

# With this the name of a teller begins of whose states some can be left out.
STATE_OF = "state of "

# What no two runs have in common, or what a thread of Asterisk may have changed just before or after.
_ANY = {
    "ActionID", "Timestamp", "Challenge", "AsteriskVersion", "CoreStartupDate", "CoreStartupTime", "CoreReloadDate",
    "CoreReloadTime", "Uptime", "LastReload", "Duration", "AnsweredTime", "BridgeNumChannels", "BridgeTechnology",
    "ParkingTimeout", "ParkingDuration", "Seconds",
}  # fmt: skip
# Devices of channels, of what stands in for one that is moved, and of queues: of the first Asterisk tells twice or
# after they are gone, the demo has none of them.
_OTHER_DEVICES = ("Local/", "CBAnn/", "Surrogate/", "Queue:")
_CHANNEL_NAME = re.compile(r"(PJSIP/[^-\s!]+|(?:Local|CBAnn|CBRec)/[^-\s!]+)-[0-9a-f]{8}")
_UNIQUEID = re.compile(r"\b\d{10}\.\d+\b")
_BRIDGE = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
# Where Asterisk puts a recording, and the time in its name.
_RECORDING = re.compile(r"/\S+/monitor/(\S+)-\d{10}(\.\w+)")
# Where it puts one of a channel, and the recording's id.
_FOLDER, _RECORDING_ID = re.compile(r"/\S*/monitor/"), re.compile(r"\b0x[0-9a-f]{6,16}\b")
# The PBX's clock, which two do not read in the same second.
_CLOCK = re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\b")
# When somebody was put on hold, in seconds.
_SINCE = re.compile(r"(?<=PBXPANEL_SINCE=)\d{10}\b")
# `!seconds!` of a channel in `core show channels concise`.
_CONCISE_SECONDS = re.compile(r"(?<=!3!)\d+(?=!)")


class Names:
    """Numbers channels and bridges in the order in which a session first hears of them."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[str, str]] = defaultdict(dict)

    def hear(self, message: Message) -> None:
        """A Newchannel event settles the number of a channel's name and of its uniqueid."""
        if message.get("Event") == "Newchannel":
            self.plain(message["Channel"])
            self.plain(message["Uniqueid"])

    def hear_bridges(self, messages: list[Message]) -> None:
        """Bridges are numbered by the first channel of those that enter each, then by when somebody did: those that
        begin at once come in any order, and so do those who enter at once.
        """
        lowest: dict[str, int] = {}
        for message in messages:
            if message.get("Event") == "BridgeEnter":
                bridge, channel = message["BridgeUniqueid"], int(self._number("channel", message["Channel"]))
                lowest[bridge] = min(channel, lowest.get(bridge, channel))
        for bridge in sorted(lowest, key=lowest.__getitem__):
            self.plain(bridge)

    def plain(self, text: str) -> str:
        """The text with every id replaced."""
        text = _CLOCK.sub("<clock>", text)
        text = _RECORDING.sub(r"<folder>/\1-<time>\2", text)
        text = _FOLDER.sub("<folder>/", text)
        text = _RECORDING_ID.sub(lambda found: f"<recording {self._number('recording', found[0])}>", text)
        text = _CHANNEL_NAME.sub(lambda found: f"{found[1]}-#{self._number('channel', found[0])}", text)
        text = _UNIQUEID.sub(lambda found: f"<uniqueid {self._number('uniqueid', found[0])}>", text)
        text = _BRIDGE.sub(lambda found: f"<bridge {self._number('bridge', found[0])}>", text)
        text = _SINCE.sub("<seconds>", text)
        return _CONCISE_SECONDS.sub("<seconds>", text)

    def _number(self, kind: str, value: str) -> str:
        seen = self._seen[kind]
        return seen.setdefault(value, str(len(seen) + 1))


def tell(messages: Iterable[Message], events: frozenset[str], names: Names) -> dict[str, Lines]:
    """Messages → for each channel, participant, conference and question, in order: what was said.

    `events` are those to compare; the items of lists belong to their answers and are sorted.
    """
    told: dict[str, Lines] = defaultdict(list)
    messages = list(messages)
    for message in messages:
        names.hear(message)
    names.hear_bridges(messages)
    for message in messages:
        if message.get("Device", "").startswith(_OTHER_DEVICES):
            continue
        if "Response" in message and "Event" not in message:
            told["answers"] += block(message, names)
        elif "ActionID" in message and message["Event"] != "OriginateResponse":
            told[f"items of {message['ActionID']}"] += ["", *block(message, names)]
        elif message["Event"] in events:
            told[_teller(message, names)] += block(message, names)
    return dict(_sorted_items(told))


def _teller(message: Message, names: Names) -> str:
    event = message["Event"]
    if event == "OriginateResponse":
        return "outcome of Originate"
    if event == "DeviceStateChange":
        return f"{STATE_OF}device {message['Device']}"
    if event == "ExtensionStatus":
        return f"{STATE_OF}hint {message['Exten']}@{message['Context']}"
    if event == "PresenceStateChange":
        return f"presence {message['Presentity']}"
    if event == "PresenceStatus":
        return f"presence of {message['Exten']}@{message['Context']}"
    if event.startswith("Confbridge"):
        who = names.plain(message["Channel"]) if "Channel" in message else "begin and end"
        # On a busy machine, whoever is muted can fall silent before an event says so.
        talks = " talks" if event == "ConfbridgeTalking" else ""
        return f"conference {message['Conference']}, {who}{talks}"
    if "ParkeeChannel" in message:
        return f"parked {names.plain(message['ParkeeChannel'])}"
    if "Channel" in message:
        return names.plain(message["Channel"])
    if "SpyerChannel" in message:
        return f"listener {names.plain(message['SpyerChannel'])}"
    return names.plain(message["BridgeUniqueid"]) if "BridgeUniqueid" in message else "system"


def _sorted_items(told: dict[str, Lines]) -> Iterable[tuple[str, Lines]]:
    lists = 0
    for teller, lines in told.items():
        if teller.startswith("items of "):
            lists += 1
            items = "\n".join(lines).split("\n\n")
            yield f"list {lists}", "\n".join(sorted(item.strip("\n") for item in items)).split("\n")
        else:
            yield teller, lines


def block(message: Message, names: Names) -> Lines:
    """One message, its fields in the order received."""
    # After some events Asterisk sends one empty line too many.
    (first, name), *rest = ((key, value) for key, value in message.items() if key)
    lines = [f"{first}: {name}"]
    for key, value in rest:
        if key == "Output":
            # In no certain order.
            lines += sorted(f"    Output: {names.plain(line)}" for line in sorted(value.split("\n")))
        else:
            # Of the answer to Park, Asterisk ends a line with one line feed too many.
            is_any = key in _ANY or (name, key) == ("DeviceStateListComplete", "ListItems")
            lines.append(f"    {key}: {'<any>' if is_any else names.plain(value).strip()}")
    return lines


def states_of(lines: Lines) -> list[Lines]:
    """The lines of one teller → those of each of its events."""
    begins = [number for number, line in enumerate(lines) if not line.startswith(" ")]
    return [lines[begin:end] for begin, end in pairwise([*begins, len(lines)])]


def agrees(expected: list[Lines], said: list[Lines], before: list[Lines]) -> bool:
    """Whether the states that Asterisk has told are those that the demo has told, but for some left out on the way.

    A thread of Asterisk looks at a device some time after it has changed, and another at the hint after that: of a
    telephone that rings and answers at once, they may see only that it is in use. The last state is always
    told, unless it is the one of `before`: of a telephone that rings and is given up at once they may see nothing.
    """
    rest = iter(said)
    return all(state in rest for state in expected) and (expected or before)[-1:] == said[-1:]

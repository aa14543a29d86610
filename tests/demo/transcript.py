"""What a switch said over AMI, made comparable: ids and times replaced, events sorted by channel and by participant.

Events of one channel come in a certain order; those of different channels interleave as threads will have it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from tests.lab.ami import Message

Lines = list[str]

# What no two runs have in common, or what a thread of Asterisk may have changed just before or after.
_ANY = {
    "ActionID", "Timestamp", "Challenge", "AsteriskVersion", "CoreStartupDate", "CoreStartupTime", "CoreReloadDate",
    "CoreReloadTime", "Uptime", "LastReload", "Duration", "AnsweredTime", "BridgeNumChannels", "BridgeTechnology",
    "ParkingTimeout", "ParkingDuration",
}  # fmt: skip
_CHANNEL_NAME = re.compile(r"(PJSIP/[^-\s!]+|(?:Local|CBAnn|CBRec)/[^-\s!]+)-[0-9a-f]{8}")
_UNIQUEID = re.compile(r"\b\d{10}\.\d+\b")
_BRIDGE = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
# Where Asterisk puts a recording, and the time in its name.
_RECORDING = re.compile(r"/\S+/monitor/(\S+)-\d{10}(\.\w+)")
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

    def plain(self, text: str) -> str:
        """The text with every id replaced."""
        text = _RECORDING.sub(r"<folder>/\1-<time>\2", text)
        text = _CHANNEL_NAME.sub(lambda found: f"{found[1]}-#{self._number('channel', found[0])}", text)
        text = _UNIQUEID.sub(lambda found: f"<uniqueid {self._number('uniqueid', found[0])}>", text)
        text = _BRIDGE.sub(lambda found: f"<bridge {self._number('bridge', found[0])}>", text)
        return _CONCISE_SECONDS.sub("<seconds>", text)

    def _number(self, kind: str, value: str) -> str:
        seen = self._seen[kind]
        return seen.setdefault(value, str(len(seen) + 1))


def tell(messages: Iterable[Message], events: frozenset[str], names: Names) -> dict[str, Lines]:
    """Messages → for each channel, participant, conference and question, in order: what was said.

    `events` are those to compare; the items of lists belong to their answers and are sorted.
    """
    told: dict[str, Lines] = defaultdict(list)
    for message in messages:
        names.hear(message)
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
    if event.startswith("Confbridge"):
        who = names.plain(message["Channel"]) if "Channel" in message else "begin and end"
        # On a busy machine, whoever is muted can fall silent before it is said that he is.
        talks = " talks" if event == "ConfbridgeTalking" else ""
        return f"conference {message['Conference']}, {who}{talks}"
    if "ParkeeChannel" in message:
        return f"parked {names.plain(message['ParkeeChannel'])}"
    if "Channel" in message:
        return names.plain(message["Channel"])
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
            lines.append(f"    {key}: {'<any>' if key in _ANY else names.plain(value).strip()}")
    return lines

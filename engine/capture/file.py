"""The file of a recording: text that can be read, searched and cut before it is sent.

# PBX Panel AMI recording 1         the format and its version; lines that begin with # are remarks
# Asterisk Call Manager/11.0.0
> 0.004                             an action that the panel sent, 4 ms after the session began
Action: CoreShowChannels
ActionID: 1
                                    an empty line ends each message
< 0.006                             a response or an event that Asterisk sent
Response: Success

= 0.120 up                          the first snapshot had been taken
= 60.000 end                        the recording ended
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TextIO

FIRST_LINE = "# PBX Panel AMI recording 1"
SENT, RECEIVED, MARK = ">", "<", "="
_HEAD = re.compile(r"([<>=]) (\d+\.\d+)(?: (\w+))?")


class Malformed(ValueError):
    """A file that is no recording; the text says in which line and why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A message, `SENT` or `RECEIVED`, or a `MARK`; `at` is in seconds since the session began."""

    kind: str
    at: float
    lines: tuple[str, ...] = ()
    mark: str = ""

    def get(self, key: str) -> str:
        """The first value of this key."""
        head = f"{key}: "
        return next((line.removeprefix(head) for line in self.lines if line.startswith(head)), "")


class Writer:
    """Writes entries as they come, so that a recording that is broken off is one all the same."""

    def __init__(self, file: TextIO, remarks: Iterable[str]) -> None:
        self._file = file
        file.write("\n".join([FIRST_LINE, *(f"# {remark}" for remark in remarks), "", ""]))

    def write(self, entry: Entry) -> None:
        head = f"{entry.kind} {entry.at:.3f}" + (f" {entry.mark}" if entry.mark else "")
        self._file.write("\n".join([head, *entry.lines, "", ""]))
        self._file.flush()


def read(file: TextIO) -> list[Entry]:
    """All entries of a recording. Raises `Malformed`."""
    lines = file.read().split("\n")
    if not lines or lines[0].strip() != FIRST_LINE:
        raise Malformed(f"it does not begin with “{FIRST_LINE}”")
    entries: list[Entry] = []
    number = 1
    while number < len(lines):
        line = lines[number].rstrip("\r")
        number += 1
        if not line or line.startswith("#"):
            continue
        head = _HEAD.fullmatch(line)
        if head is None:
            raise Malformed(f"line {number} is neither a remark nor the head of a message: “{line[:60]}”")
        body = []
        while number < len(lines) and (line := lines[number].rstrip("\r")):
            body.append(line)
            number += 1
        entries.append(Entry(head[1], float(head[2]), tuple(body), head[3] or ""))
    return entries

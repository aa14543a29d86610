"""What real Asterisks said, recorded (see tests/lab/record.py), and ways to feed it to a parser."""

from collections.abc import Iterable
from functools import cache
from itertools import pairwise
from pathlib import Path

from engine.ami.protocol import Message, Protocol

FILES = sorted((Path(__file__).parents[2] / "corpus").glob("*.ami"))


@cache
def stream(file: Path) -> bytes:
    return file.read_bytes()


@cache
def messages(file: Path) -> tuple[Message, ...]:
    """All messages of a recording, read at once."""
    return tuple(Protocol().receive(stream(file)))


def pieces(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    """The stream, cut at these places."""
    edges = [0, *sorted(cuts), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


def read(protocol: Protocol, reads: Iterable[bytes]) -> list[Message]:
    """All messages that come of these reads."""
    return [message for data in reads for message in protocol.receive(data)]

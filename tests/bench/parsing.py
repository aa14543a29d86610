"""Parsing, bytes to fields on one core, beside panoramisk, pyst2, asterisk-ami, a dict for each, and splitting alone.

200,000 messages as a busy Asterisk 22 sends them without any filter, and 100,000 as it sends them to the panel, read in
pieces of 64 KiB. The peers come from PyPI, each in a process of the bench's own environment, and run their own code
from the read to the event's fields.
"""

import json
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import median

from engine.ami.protocol import Protocol

from .figure import Figure, at_least
from .traffic import Recording, panels_own, reads, record

ROOT = Path(__file__).resolve().parent.parent.parent
PEERS_PYTHON = ROOT / "var" / "bench-venv" / "bin" / "python"
PEERS = ("panoramisk", "pyst2", "asterisk-ami")
MESSAGES, ROUNDS = 200_000, 3


def peer(name: str, path: Path) -> float:
    """Messages a second of a peer over the bytes in this file."""
    if not PEERS_PYTHON.exists():
        raise FileNotFoundError(f"{PEERS_PYTHON} is missing: `make bench` makes it from tests/bench/requirements.txt")
    command = [str(PEERS_PYTHON), str(Path(__file__).with_name("peers.py")), name, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stderr[-2000:]}")
    answer = json.loads(done.stdout)
    expected = path.read_bytes().count(b"\r\n\r\n")
    assert answer["messages"] == expected, f"{name} read {answer['messages']} of {expected} messages"
    return float(answer["messages"] / answer["seconds"])


def figures() -> list[Figure]:
    import django

    django.setup()
    from engine.mirror import registry

    wanted = {*registry.handlers, "FullyBooted", "OriginateResponse"}
    everything, filtered = record(1000, MESSAGES), record(1000, MESSAGES // 2, link=panels_own())
    rates = _rates(everything, wanted, PEERS)
    among_all, filtered_rates = rates["late"], _rates(filtered, wanted, PEERS[:1])
    base, naive, ours = rates["panoramisk"], rates["naive"], filtered_rates["late"]
    unit = "messages/s"
    return [
        Figure("parsing what the panel asks for", ours, unit, ours / filtered_rates["panoramisk"],
               at_least(3, "× panoramisk")),
        Figure("parsing what the panel asks for, beside a dict", ours, unit, ours / filtered_rates["naive"],
               at_least(1, "× a dict for each")),
        Figure("parsing what the panel reads among all events", among_all, unit, among_all / base,
               at_least(3, "× panoramisk")),
        Figure("parsing every field of all", rates["whole"], unit, rates["whole"] / base),
        *(Figure(f"  {name}", rates[name], unit, rates[name] / base) for name in PEERS),
        Figure("  a dict for each message", naive, unit, naive / base),
        Figure("  splitting alone", rates["split"], unit, rates["split"] / base),
    ]  # fmt: skip


def _rates(recording: Recording, wanted: set[str], peers: tuple[str, ...]) -> dict[str, float]:
    """Messages a second of each contestant, taking turns; the median of some rounds."""
    (data,), (counts,) = recording.parts, recording.counts
    pieces = reads(data)
    ours: dict[str, Callable[[], None]] = {
        "late": lambda: _late(pieces, wanted, counts),
        "whole": lambda: _whole(pieces, counts),
        "naive": lambda: _naive(pieces, counts),
        "split": lambda: _split(pieces, counts),
    }
    rates: dict[str, list[float]] = {name: [] for name in (*ours, *peers)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "messages.ami"
        path.write_bytes(data)
        for number in range(ROUNDS):
            for name, function in ours.items():
                rates[name].append(_rate(function, counts.total()))
            for name in peers if number == 0 else peers[:1]:  # the others have no goal, and take long
                rates[name].append(peer(name, path))
    return {name: median(found) for name, found in rates.items()}


def _rate(function: Callable[[], None], messages: int) -> float:
    started = time.perf_counter()
    function()
    return messages / (time.perf_counter() - started)


def _late(pieces: list[bytes], wanted: set[str], counts: Counter[str]) -> None:
    """As the panel does it: all fields of the events it folds, the others dropped by their names."""
    protocol = Protocol(greeting=False, wanted=wanted)
    kept = Counter[str]()
    for piece in pieces:
        for message in protocol.receive(piece):
            kept[message.name] += bool(message.fields)
    assert kept == Counter({name: number for name, number in counts.items() if name in wanted})
    assert kept.total() + protocol.dropped == counts.total()


def _whole(pieces: list[bytes], counts: Counter[str]) -> None:
    protocol = Protocol(greeting=False)
    read = sum(bool(message.fields) for piece in pieces for message in protocol.receive(piece))
    assert read == counts.total()


def _naive(pieces: list[bytes], counts: Counter[str]) -> None:
    buffer, read = b"", 0
    for piece in pieces:
        *messages, buffer = (buffer + piece).split(b"\r\n\r\n")
        for message in messages:
            read += bool(dict(line.partition(": ")[::2] for line in message.decode("utf-8", "replace").split("\r\n")))
    assert read == counts.total()


def _split(pieces: list[bytes], counts: Counter[str]) -> None:
    buffer, read = b"", 0
    for piece in pieces:
        *messages, buffer = (buffer + piece).split(b"\r\n\r\n")
        read += len(messages)
    assert read == counts.total()

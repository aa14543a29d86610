"""What is heard at a channel: Asterisk records what it sends there, and the tones in it are told apart by frequency."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterable
from pathlib import Path

from .asterisk import Asterisk

RATE = 8000
# How much is listened to, in seconds, and how much of the loudest possible a tone is at least.
LENGTH, LEAST = 0.5, 0.02

_numbers = itertools.count(1)


def tones(asterisk: Asterisk, channel: str, frequencies: Iterable[int], timeout: float = 5.0) -> set[int]:
    """Which of these tones (in Hz) the channel hears now. Raises TimeoutError for one that is sent nothing at all."""
    name = f"ear-{next(_numbers)}"
    heard = asterisk.folder / f"spool/monitor/{name}-heard.wav"
    asterisk.cli(f"mixmonitor start {channel} {name}.wav,t({name}-heard.wav)")
    try:
        deadline = time.monotonic() + timeout
        while not (samples := _samples(heard)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{channel} is sent no sound")
            time.sleep(0.05)
    finally:
        asterisk.cli(f"mixmonitor stop {channel}")
    return {frequency for frequency in frequencies if _loudness(samples, frequency) > LEAST}


def _samples(file: Path) -> list[int]:
    """The last part of a recording that still goes on; empty until there is that much."""
    if not file.exists():
        return []
    # Asterisk writes the length into the header only when the file is closed.
    data, wanted = file.read_bytes()[44:], 2 * int(LENGTH * RATE)
    last = data[len(data) - wanted :] if len(data) >= wanted else b""
    return [int.from_bytes(last[at : at + 2], "little", signed=True) for at in range(0, len(last) - 1, 2)]


def _loudness(samples: list[int], frequency: int) -> float:
    """How loud one frequency is: 1 for the loudest sine wave there is."""
    step = 2 * math.pi * frequency / RATE
    real = sum(sample * math.cos(step * at) for at, sample in enumerate(samples))
    imaginary = sum(sample * math.sin(step * at) for at, sample in enumerate(samples))
    return 2 * math.hypot(real, imaginary) / len(samples) / 32768

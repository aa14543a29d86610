"""The parts of `make soak`: each runs a batch of its cases, by their numbers, and returns what it has counted."""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# Raises where a case has found something; the traceback is what is reported.
Run = Callable[[int, int], Counter[str]]

# How many MiB a process may grow after its first batches.
GROWTH = 32
WARM_UP = 10


@dataclass(frozen=True)
class Part:
    """`run(first, count)` runs the cases from a number on; `count` of them, unless somebody says else."""

    run: Run
    count: int
    batch: int


PARTS: dict[str, Part] = {}


def part(*, count: int, batch: int) -> Callable[[Run], Run]:
    """Register a part under its function's name."""

    def register(run: Run) -> Run:
        PARTS[run.__name__] = Part(run, count, batch)
        return run

    return register


@part(count=10_000, batch=100)
def histories(first: int, count: int) -> Counter[str]:
    """The mirror against the model of a PBX."""
    from tests.engine.mirror.test_histories import play_histories

    play_histories(count, number=first)
    return Counter()


@part(count=1_000_000, batch=1000)
def fuzz(first: int, count: int) -> Counter[str]:
    """Damaged byte streams; the memory of a process must stay as it is."""
    from tests.engine.ami.fuzz import Fuzz

    running = Fuzz()
    for number in range(first, first + count):
        try:
            running.run(number)
        except Exception as error:
            error.add_note(f"stream {number}")
            raise
    _resident.append(int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20)
    if len(_resident) > WARM_UP and _resident[-1] > _resident[WARM_UP] + GROWTH:
        raise AssertionError(
            f"memory grows: {_resident[WARM_UP]} MiB, after {len(_resident)} batches {_resident[-1]} MiB"
        )
    return running.counts


# MiB of this process after each batch of `fuzz`.
_resident: list[int] = []

"""What one event costs where 10,000 channels are live, beside 100: parsed, folded, committed in SQLite and drawn.

The same things happen to 100 channels in both; the other 9,900 stand. Each size has a process and a database of its
own, and they take turns: the ratio is the median of the turns' ratios, since the machine's own speed changes.
"""

import multiprocessing
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from operator import itemgetter
from pathlib import Path
from statistics import median

from . import replay
from .figure import Figure, Goal, at_most
from .replay import Replay
from .traffic import panels_own, record

BUSY, IDLE, EVENTS, ROUNDS = 100, 9_900, 800, 20

_played: Replay


def begin(folder: str, idle: int) -> None:
    """In the process of one size."""
    global _played
    replay.prepare(Path(folder))
    _played = Replay(record(BUSY, EVENTS * ROUNDS, idle=idle, parts=ROUNDS, link=panels_own()))


def play(number: int) -> tuple[float, float]:
    """Seconds for each event of one part: without drawing, and for drawing."""
    seconds = _played.play(_played.recording.parts[number])
    events = _played.recording.counts[number].total()
    return (seconds.all - seconds.draw) / events, seconds.draw / events


def check() -> None:
    _played.check()


def figures() -> list[Figure]:
    seen: dict[int, list[tuple[float, float]]] = {0: [], IDLE: []}
    spawn = multiprocessing.get_context("spawn")
    with ExitStack() as stack:
        processes = {}
        for idle in seen:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            process = ProcessPoolExecutor(1, mp_context=spawn, initializer=begin, initargs=(folder, idle))
            processes[idle] = stack.enter_context(process)
        for number in range(ROUNDS):
            for idle in (0, IDLE) if number % 2 else (IDLE, 0):
                seen[idle].append(processes[idle].submit(play, number).result())
        for process in processes.values():
            process.submit(check).result()
    turns = list(zip(seen[0], seen[IDLE], strict=True))[1:]  # the first one warms up

    def figure(name: str, of: Callable[[tuple[float, float]], float], goal: Goal | None = None) -> Figure:
        cost, ratio = median(of(many) for _few, many in turns), median(of(many) / of(few) for few, many in turns)
        return Figure(name, cost * 1e6, "µs", ratio, goal)

    return [
        figure("one event at 10,000 channels, beside 100", sum, at_most(1.2, "× at 100")),
        figure("  of it up to the commit", itemgetter(0)),
        figure("  of it drawing", itemgetter(1)),
    ]

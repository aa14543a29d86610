"""What one event costs where the directory has 50,000 contacts, beside none: parsed, folded, committed and drawn.

The same things happen in both: callers from outside, of whom the directory knows each or nobody. Each has a process and
a database of its own, and they take turns: the ratio is the median of the turns' ratios, since the machine's own speed
changes.
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

CONTACTS, CHANNELS, EVENTS, ROUNDS = 50_000, 100, 800, 30

_played: Replay


def begin(folder: str, contacts: int) -> None:
    """In the process of one directory."""
    global _played
    replay.prepare(Path(folder))
    _played = Replay(record(CHANNELS, EVENTS * ROUNDS, link=panels_own(), parts=ROUNDS))
    from extensions.people.models import NOTHING, Person, put

    numbers = range(contacts)
    put((Person(), {**NOTHING, "name": f"Contact {one}", "outside": [f"+49 30 {one:07}"]}) for one in numbers)


def play(number: int) -> tuple[float, float]:
    """Seconds for each event of one part: without drawing, and for drawing."""
    seconds = _played.play(_played.recording.parts[number])
    events = _played.recording.counts[number].total()
    return (seconds.all - seconds.draw) / events, seconds.draw / events


def check(contacts: int) -> None:
    """What is in the database is true, and callers are named where the directory knows them."""
    _played.check()
    from calls.call import calls_with
    from calls.models import Channel

    callers = Channel.objects.filter(caller_number__startswith="+4930").order_by()
    named = [party for call in calls_with(callers.values_list("pbx_id", "call")) for party in call.parties]
    assert any(party.directory_name for party in named) is bool(contacts), named[:3]


def figures() -> list[Figure]:
    seen: dict[int, list[tuple[float, float]]] = {0: [], CONTACTS: []}
    spawn = multiprocessing.get_context("spawn")
    with ExitStack() as stack:
        processes = {}
        for contacts in seen:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            process = ProcessPoolExecutor(1, mp_context=spawn, initializer=begin, initargs=(folder, contacts))
            processes[contacts] = stack.enter_context(process)
        for number in range(ROUNDS):
            for contacts in (0, CONTACTS) if number % 2 else (CONTACTS, 0):
                seen[contacts].append(processes[contacts].submit(play, number).result())
        for contacts, process in processes.items():
            process.submit(check, contacts).result()
    turns = list(zip(seen[0], seen[CONTACTS], strict=True))[1:]  # the first one warms up

    def figure(name: str, of: Callable[[tuple[float, float]], float], goal: Goal | None = None) -> Figure:
        cost, ratio = median(of(many) for _none, many in turns), median(of(many) / of(none) for none, many in turns)
        return Figure(name, cost * 1e6, "µs", ratio, goal)

    return [
        figure("one event with 50,000 contacts, beside none", sum, at_most(1.05, "× without")),
        figure("  of it up to the commit", itemgetter(0)),
        figure("  of it drawing", itemgetter(1)),
    ]

"""What the event log costs: the whole way in with it, beside the same without it (`EVENT_LOG_DAYS=0`), on SQLite.

As `ingest`: a demo PBX in another process sends what it has said, as fast as the worker reads it, until the last row
is committed. Two workers, of which one tells nobody anything, get the same bytes by turns. The figure is the processor
time that each has taken in all rounds; how long it took, which depends on what else the machine does, stands beside it
as the median of the rounds. Then the same in one thread without a socket: parse, fold and commit.
"""

import contextlib
import tempfile
from pathlib import Path
from statistics import median

from . import replay
from .child import Child, processor_time
from .figure import Figure, at_most
from .ingest import CHANNELS, EVENTS
from .replay import Replay
from .traffic import panels_own, record

ROUNDS, PARTS = 12, 16
MOST = 0.15


def figures() -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        replay.prepare(folder)
        without, with_it, slower = _workers(folder)
        alone = _alone()
    more = with_it / without - 1
    return [
        Figure("the whole way in, with the event log", with_it * 1e6, "µs of processor an event"),
        Figure("  without it", without * 1e6, "µs of processor an event"),
        Figure("  more with it", more * 100, "%", max(more, 0.0), at_most(MOST, "× that without")),
        Figure("  longer with it", slower * 100, "%"),
        Figure("  longer with it, one thread", alone * 100, "%"),
    ]


def _workers(folder: Path) -> tuple[float, float, float]:
    """Seconds of the processor for each event, without and with the log; and by how much longer it takes with it."""
    link, used, events, slower = panels_own(), [0.0, 0.0], 0, []
    with contextlib.ExitStack() as stack:
        pbx = stack.enter_context(Child("pbx", str(CHANNELS)))
        workers = []
        for days in ("0", "3"):
            environment = {
                "AMI_URL": pbx.ready["url"], "DATABASE_URL": f"sqlite:///{folder}/{days}.sqlite3", "REDIS_URL": "",
                "EVENT_LOG_DAYS": days,
                # How tables of names lie in memory differs otherwise: 2 % of the processor time either way.
                "PYTHONHASHSEED": "0",
            }  # fmt: skip
            workers.append(stack.enter_context(Child("mirroring", str(CHANNELS), environment=environment)))
        for number in range(ROUNDS):
            prepared = pbx.ask(
                "prepare", events=EVENTS, path=str(folder / "blast.ami"),
                mask=sorted(link.mask or ()), unwanted=sorted(link.unwanted),
            )  # fmt: skip
            events += prepared["events"]
            took = [0.0, 0.0]
            for client in (0, 1) if number % 2 else (1, 0):
                worker = workers[client]
                before = processor_time(worker.process.pid)
                worker.ask("begin", uniqueid=prepared["last"])
                sent = pbx.ask("blast", client=client)
                assert not sent["closing"], "the PBX has lost its reader"
                took[client] = worker.ask("committed")["at"] - sent["started"]
                used[client] += processor_time(worker.process.pid) - before
                worker.ask("rest")
            slower.append(took[1] / took[0] - 1)
    return used[0] / events, used[1] / events, median(slower)


def _alone() -> float:
    """By how much longer it takes in one thread to parse, fold and commit, by turns; the median."""
    from django.test import override_settings

    recording = record(CHANNELS, EVENTS * PARTS // 4, parts=PARTS, link=panels_own())
    played, took = Replay(recording), dict[int, list[float]]({0: [], 3: []})
    for number, part in enumerate(recording.parts):
        days = (0, 3, 3, 0)[number % 4]
        with override_settings(EVENT_LOG_DAYS=days):
            seconds = played.play(part, draw=False)
        events = recording.counts[number].total()
        took[days].append((seconds.parse + seconds.fold + seconds.write) / events)
    played.check()
    return median(took[3]) / median(took[0]) - 1

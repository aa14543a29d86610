"""What the event log costs: the whole way in with it, beside the same without it (`EVENT_LOG_DAYS=0`), on SQLite.

As `ingest`: a demo PBX in another process sends what it has said, as fast as the worker reads it, until the last row
is committed. Two workers, of which one tells nobody anything, get the same bytes by turns. The figure is by how much
more processor time the one takes than the other, the median of the rounds; by how much longer, which depends on what
else the machine does, stands beside it. Then the same in one thread without a socket: parse, fold and commit.
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

ROUNDS, PARTS = 16, 16
MOST = 0.15


def figures() -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        replay.prepare(folder)
        rounds = _workers(folder)
        alone = _alone()
    more = median(used[1] / used[0] - 1 for used, _took in rounds)
    slower = median(took[1] / took[0] - 1 for _used, took in rounds)
    return [
        Figure(
            "the whole way in, with the event log", median(used[1] for used, _ in rounds), "µs of processor an event"
        ),
        Figure("  without it", median(used[0] for used, _ in rounds), "µs of processor an event"),
        Figure("  more with it", more * 100, "%", max(more, 0.0), at_most(MOST, "× that without")),
        Figure("  longer with it", slower * 100, "%"),
        Figure("  longer with it, one thread", alone * 100, "%"),
    ]


def _workers(folder: Path) -> list[tuple[list[float], list[float]]]:
    """Of each round, without and with the log: µs of the processor for each event, and seconds that it took in all."""
    link, rounds = panels_own(), []
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
            used, took = [0.0, 0.0], [0.0, 0.0]
            for client in (0, 1) if number % 2 else (1, 0):
                worker = workers[client]
                before = processor_time(worker.process.pid)
                worker.ask("begin", uniqueid=prepared["last"])
                sent = pbx.ask("blast", client=client)
                assert not sent["closing"], "the PBX has lost its reader"
                took[client] = worker.ask("committed")["at"] - sent["started"]
                used[client] = (processor_time(worker.process.pid) - before) * 1e6 / prepared["events"]
                worker.ask("rest")
            rounds.append((used, took))
    return rounds


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

"""What the event log costs: the whole way in with it, beside the same without it (`EVENT_LOG_DAYS=0`), on SQLite.

As `ingest`: a demo PBX in another process sends what it has said, as fast as the worker reads it; the time is from the
first byte to the commit of the last row. Two workers, of which one tells nobody anything, get the same bytes by turns;
the figure is the median of the rounds' ratios. Then the same in one thread without a socket, fold and commit alone.
"""

import contextlib
import tempfile
from pathlib import Path
from statistics import median

from . import replay
from .child import Child
from .figure import Figure, at_most
from .ingest import CHANNELS, EVENTS
from .replay import Replay
from .traffic import panels_own, record

ROUNDS, PARTS = 15, 12
MOST = 0.15


def figures() -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        replay.prepare(folder)
        rates = _rates(folder)
        slower = median(without / with_it for without, with_it in rates) - 1
        alone = _alone()
    return [
        Figure("the whole way in, with the event log", median(rate for _without, rate in rates), "events/s"),
        Figure("  without it", median(rate for rate, _with in rates), "events/s"),
        Figure("  more time with it", slower * 100, "%", max(slower, 0.0), at_most(MOST, "× that without")),
        Figure("  more time, one thread, to the commit", alone * 100, "%"),
    ]


def _rates(folder: Path) -> list[tuple[float, float]]:
    """Events a second without and with the log, of each round."""
    link, rates = panels_own(), []
    with contextlib.ExitStack() as stack:
        pbx = stack.enter_context(Child("pbx", str(CHANNELS)))
        workers = []
        for days in ("0", "3"):
            environment = {
                "AMI_URL": pbx.ready["url"], "DATABASE_URL": f"sqlite:///{folder}/{days}.sqlite3", "REDIS_URL": "",
                "EVENT_LOG_DAYS": days,
            }  # fmt: skip
            workers.append(stack.enter_context(Child("mirroring", str(CHANNELS), environment=environment)))
        for number in range(ROUNDS):
            prepared = pbx.ask(
                "prepare", events=EVENTS, path=str(folder / "blast.ami"),
                mask=sorted(link.mask or ()), unwanted=sorted(link.unwanted),
            )  # fmt: skip
            found = [0.0, 0.0]
            for client in (0, 1) if number % 2 else (1, 0):
                workers[client].ask("begin", uniqueid=prepared["last"])
                sent = pbx.ask("blast", client=client)
                assert not sent["closing"], "the PBX has lost its reader"
                found[client] = prepared["events"] / (workers[client].ask("committed")["at"] - sent["started"])
                workers[client].ask("rest")
            rates.append((found[0], found[1]))
    return rates


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

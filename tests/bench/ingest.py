"""The whole way in: bytes on a socket, folded, committed as rows, 1,000 live channels; beside panoramisk's parsing.

A demo PBX in another process sends what it has said, as fast as the panel's worker reads it; the time is from the first
byte to the commit of the last row. SQLite (WAL, in a file) and a real PostgreSQL get the same bytes in turn, and
panoramisk parses them from a file just before and just after, since the machine's own speed changes: the ratio is the
median of the rounds' ratios. Twice: as Asterisk sends it with the panel's own filters, and without any. What is
in the database then must be what the PBX knows of itself. `--profile` prints where the time goes.
"""

import contextlib
import cProfile
import io
import os
import pstats
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from tests.servers import running_postgresql

from . import replay
from .child import Child
from .figure import Figure, at_least
from .parsing import peer
from .replay import Replay, Seconds
from .traffic import EVERYTHING, Link, panels_own, record

CHANNELS, EVENTS, ROUNDS = 1000, 20_000, 9


def figures() -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        replay.prepare(folder)
        figures = []
        with running_postgresql() as postgresql:
            for words, link in (("with the panel's filters", panels_own()), ("without a filter", EVERYTHING)):
                databases = {
                    "SQLite": f"sqlite:///{folder}/{link is EVERYTHING}.sqlite3",
                    "PostgreSQL": postgresql.database(),
                }
                rates = _rates(link, databases, folder)
                for name, goal in (("SQLite", 1), ("PostgreSQL", 0.7)):
                    rate, ratio = (median(column) for column in zip(*rates[name], strict=True))
                    figures.append(
                        Figure(f"the whole way in, {name}, {words}", rate, "events/s", ratio,
                               at_least(goal, "× panoramisk"))
                    )  # fmt: skip
                base = median(rate for rate, _ratio in rates["panoramisk"])
                figures.append(Figure(f"  panoramisk parses alone, {words}", base, "events/s", 1.0))
        return figures + _steps()


def _rates(link: Link, databases: dict[str, str], folder: Path) -> dict[str, list[tuple[float, float]]]:
    """Events a second and how many times those of panoramisk that is, of each round, for each of them."""
    rates: dict[str, list[tuple[float, float]]] = {name: [] for name in (*databases, "panoramisk")}
    with contextlib.ExitStack() as stack:
        pbx = stack.enter_context(Child("pbx", str(CHANNELS)))
        workers = {}
        for name, url in databases.items():
            environment = {"AMI_URL": pbx.ready["url"], "DATABASE_URL": url, "REDIS_URL": ""}
            workers[name] = stack.enter_context(Child("mirroring", str(CHANNELS), environment=environment))
        clients = {name: number for number, name in enumerate(workers)}
        for number in range(ROUNDS):
            path = folder / "blast.ami"
            prepared = pbx.ask(
                "prepare", events=EVENTS, path=str(path),
                mask=None if link.mask is None else sorted(link.mask), unwanted=sorted(link.unwanted),
            )  # fmt: skip
            events = prepared["events"]
            base = peer("panoramisk", path)
            for name, worker in sorted(workers.items(), reverse=number % 2 == 1):
                worker.ask("begin", uniqueid=prepared["last"])
                sent = pbx.ask("blast", client=clients[name])
                assert not sent["closing"], f"{name}: the PBX has lost its reader"
                rate = events / (worker.ask("committed")["at"] - sent["started"])
                _compare(worker.ask("rows"), prepared, name)
                worker.ask("rest")
                before, base = base, peer("panoramisk", path)
                rates[name].append((rate, rate / ((before + base) / 2)))
                rates["panoramisk"].append((base, 1.0))
    return rates


def _compare(rows: dict[str, Any], expected: dict[str, Any], where: str) -> None:
    for kind in ("channels", "people"):
        wrong = {key for key in rows[kind] | expected[kind] if rows[kind].get(key) != expected[kind].get(key)}
        examples = [(key, rows[kind].get(key), expected[kind].get(key)) for key in sorted(wrong)[:3]]
        assert not wrong, f"{where}: {len(wrong)} {kind} are wrong: {examples}"


def _steps() -> list[Figure]:
    """Where the time goes: the same in one thread, step by step, four reads to a tick."""
    recording = record(CHANNELS, EVENTS, parts=1, link=panels_own())
    played, (part,), events = Replay(recording), recording.parts, recording.counts[0].total()
    seconds = played.play(part)
    played.check()
    return [Figure(f"  one thread: {words}", events / taken, "events/s") for words, taken in _sums(seconds)]


def _sums(seconds: Seconds) -> list[tuple[str, float]]:
    parse, fold, write = seconds.parse, seconds.fold, seconds.write
    return [
        ("parse", parse),
        ("parse and fold", parse + fold),
        ("parse, fold and commit", parse + fold + write),
        ("parse, fold, commit and draw", seconds.all),
    ]


def profile() -> str:
    """The hot path in one thread: each step's share, and the functions that take most time of their own.

    Once up to the commit, and once with drawing, which would hide all the rest.
    """
    with tempfile.TemporaryDirectory() as name:
        replay.prepare(Path(name))
        recording = record(CHANNELS, EVENTS, parts=3, link=panels_own())
        played = Replay(recording)
        seconds = played.play(recording.parts[0])
        texts = [
            _profile_of(played, recording.parts[1], draw=False),
            _profile_of(played, recording.parts[2], draw=True),
        ]
        played.check()
    events = recording.counts[0].total()
    lines = [f"{events:,} events; µs an event, without the profiler:"]
    for step in ("parse", "fold", "write", "draw"):
        lines.append(f"  {step:<6} {getattr(seconds, step) / events * 1e6:6.1f}")
    return "\n".join([*lines, *texts]).replace(os.getcwd() + "/", "")


def _profile_of(played: Replay, data: bytes, *, draw: bool) -> str:
    profiler = cProfile.Profile()
    profiler.enable()
    played.play(data, draw=draw)
    profiler.disable()
    text = io.StringIO()
    pstats.Stats(profiler, stream=text).sort_stats("tottime").print_stats(25)
    return f"\n{'With' if draw else 'Without'} drawing:\n{text.getvalue()}"

"""500 readers of the stream of events at 20 events a second, beside as many sockets of the board at 20 rows a second.

Two Daphne processes, as web processes of an installation are: one has the readers, the other the sockets of the page of
calls. By turns an event of a call is written into the log, by this process as a worker would, and the one is told of
it; or a row of 2 KB is published to the other. The figure is what each process has used of the processor, until the
last reader or socket had the last of it.
"""

import contextlib
import json
import sqlite3
import time
from contextlib import ExitStack

from tests.lab.asterisk import free_port
from tests.panel import Panel

from .child import Child, processor_time
from .figure import Figure, at_most
from .installation import cookie, installation

READERS, RATE, SECONDS, ROUNDS = 500, 20, 5, 6
MOST = 1.2
_PBX = (
    "INSERT INTO mirror_pbx (name, address, demo, link, link_since, reason, reason_parameters, version, leader, "
    "seen_at, metrics) VALUES ('bench', '', 0, 'up', '2026-01-01', '', '{}', '', '', '2099-01-01', '[]')"
)
_EVENT = (
    "INSERT INTO eventlog_event (pbx, number, type, subject, at, reference, data) "
    "VALUES ('bench', ?, 'call.answered', '1.1', '2026-01-01', '', ?)"
)


class Side:
    """A web process, and those who look at it; the seconds of the processor that it has used for them."""

    def __init__(self, stack: ExitStack, panel: Panel, session: str) -> None:
        port = free_port()
        self.process = panel.spawn(
            "-m", "daphne", "--port", str(port), "--bind", "127.0.0.1", "tests.bench.fanout_site:application"
        )
        panel.wait_until_served(port)
        self.clients, self.everybody = stack.enter_context(Child("sockets")), {"port": port, "cookie": session}
        self.clients.ask("open", group="control", path="/bench/control/", count=1, board=False, **self.everybody)
        self.used = 0.0

    def open(self) -> None:
        raise NotImplementedError

    def send(self, number: int) -> None:
        raise NotImplementedError

    def wait_for(self, number: int) -> None:
        raise NotImplementedError

    def take_turn(self, numbers: range) -> float:
        """Send these, at the rate; what that has used."""
        before, started = processor_time(self.process.pid), time.monotonic()
        for count, number in enumerate(numbers):
            time.sleep(max(0.0, started + count / RATE - time.monotonic()))
            self.send(number)
        self.wait_for(numbers[-1])
        return processor_time(self.process.pid) - before


class Stream(Side):
    """Readers of the stream."""

    def __init__(self, stack: ExitStack, panel: Panel, session: str) -> None:
        super().__init__(stack, panel, session)
        path = panel.folder / "panel.sqlite3"
        self._database = stack.enter_context(contextlib.closing(sqlite3.connect(path, timeout=20)))
        self._data = _example()
        self._database.execute(_PBX)
        self._database.commit()

    def open(self) -> None:
        self.clients.ask("stream", count=READERS, **self.everybody)

    def send(self, number: int) -> None:
        self._database.execute(_EVENT, (number, self._data))
        self._database.commit()
        self.clients.ask("say", group="control", text="log event")

    def wait_for(self, number: int) -> None:
        counts = self.clients.ask("streamed", count=number)
        assert set(counts) == {number}, f"of {number} events the readers had from {min(counts)} to {max(counts)}"


def _example() -> str:
    """What an event of a call has, as JSON."""
    import django

    django.setup()
    from eventlog.declarations import event_types

    return json.dumps(event_types["call.answered"].example)


class Board(Side):
    """Sockets of the page of calls."""

    def open(self) -> None:
        path = "/ws/?view=calls&key=&lang=en"
        self.clients.ask("open", group="board", path=path, count=READERS, board=True, **self.everybody)

    def send(self, number: int) -> None:
        self.clients.ask("say", group="control", text=f"hub row-{number}")

    def wait_for(self, number: int) -> None:
        self.clients.ask("times", group="board", mark=f"row-{number}")


def figures() -> list[Figure]:
    with ExitStack() as stack:
        panel = stack.enter_context(installation({"AMI_URL": "ami://nobody:x@127.0.0.1:9"}))
        session = cookie(panel, "anna")
        stream, board = Stream(stack, panel, session), Board(stack, panel, session)
        for side in (stream, board):
            side.open()
        for turn in range(ROUNDS + 1):
            numbers = range(turn * RATE * SECONDS + 1, (turn + 1) * RATE * SECONDS + 1)
            for side in (stream, board) if turn % 2 else (board, stream):
                used = side.take_turn(numbers)
                side.used += used if turn else 0.0  # the first warms up
        assert "Traceback" not in panel.log, panel.log[-2000:]
    sent = ROUNDS * RATE * SECONDS
    return [
        Figure(
            f"{READERS} readers of the stream, {RATE} events a second",
            stream.used / sent * 1000,
            "ms of processor an event",
            stream.used / board.used,
            at_most(MOST, "× sockets"),
        ),
        Figure(f"  {READERS} sockets of the board, as many rows", board.used / sent * 1000, "ms of processor", 1.0),
    ]

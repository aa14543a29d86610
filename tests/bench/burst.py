"""A burst of 1,000 originates on a real Asterisk 22: when the board equals `core show channels`.

All are asked for at once, each a Local channel of two halves. Another AMI session notes when the last event came; the
panel's database is looked at all the while, and the time is from that event until it is right. Asterisk drops a session
that does not read: the link must be the same.
"""

import threading
import time

from tests.lab.ami import Ami
from tests.lab.asterisk import Asterisk
from tests.panel import Panel
from tests.processes.test_restarts import seen_by_asterisk

from .figure import Figure, at_most
from .installation import installation, rows, wait_until_up

CALLS = 1000
# Nothing more comes after so long a silence, in seconds.
SILENCE = 3.0

Board = frozenset[tuple[str, ...]]


class Watch:
    """Reads the board of a panel again and again, and remembers since when it has been as it is."""

    def __init__(self, panel: Panel) -> None:
        self.board: Board = frozenset()
        self.since = time.monotonic()
        self._panel, self._ended = panel, threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(0.02):
            board: Board = frozenset(rows(self._panel, "SELECT uniqueid, name, state, bridge FROM calls_channel"))
            if board != self.board:
                self.board, self.since = board, time.monotonic()


def figures() -> list[Figure]:
    with Asterisk("22") as asterisk, installation({"AMI_URL": asterisk.ami_url}) as panel:
        panel.start()
        wait_until_up(panel, 0)
        link = rows(panel, "SELECT link, link_since FROM mirror_pbx")
        with asterisk.ami(timeout=60) as listener, asterisk.ami(timeout=60) as session:
            session.action("Events", EventMask="off")
            watch = Watch(panel)
            try:
                began, seen = time.monotonic(), len(listener.messages)
                for _ in range(CALLS):
                    session.send("Originate", Channel="Local/602@internal", Application="Wait", Data="3600",
                                 Async="true")  # fmt: skip
                last = _last_event(listener)
                events = sum("Event" in message for message in listener.messages[seen:])
                channels, _people = seen_by_asterisk(session)
                deadline = time.monotonic() + 60
                while watch.board != channels:
                    assert time.monotonic() < deadline, f"{len(watch.board)} of {len(channels)} channels on the board"
                    time.sleep(0.05)
            finally:
                watch.stop()
        assert len(channels) == 2 * CALLS, f"Asterisk has {len(channels)} channels"
        assert rows(panel, "SELECT link, link_since FROM mirror_pbx") == link, "Asterisk dropped the panel"
        assert "drift healed" not in panel.log
    return [
        Figure("board equals Asterisk after 1,000 originates", max(0.0, watch.since - last), "s after the last event",
               None, at_most(1, "s")),
        Figure("  the burst itself", events / (last - began), "events/s"),
    ]  # fmt: skip


def _last_event(listener: Ami) -> float:
    """When the last event came, once there has been silence."""
    last = time.monotonic()
    while time.monotonic() - last < SILENCE:
        before = len(listener.raw)
        listener.listen(0.02)
        if len(listener.raw) != before:
            last = time.monotonic()
    return last

"""Calls on a real Asterisk that come and go all the time."""

import collections
import contextlib
import itertools
import threading
import time
from collections.abc import Iterator

from tests.lab.asterisk import Asterisk

ROOM = "8001"


class Load:
    """Each `pause` seconds a call begins, the oldest one ends, and somebody in a conference is muted or unmuted."""

    def __init__(self, asterisk: Asterisk, pause: float = 0.1, standing: int = 8) -> None:
        self.asterisk, self.pause, self.standing = asterisk, pause, standing
        self.begun = 0
        self._ending = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        for _ in range(3):
            self.asterisk.cli(f"channel originate Local/{ROOM}@internal application Wait 600")
        self._thread.start()

    def stop(self) -> None:
        self._ending.set()
        self._thread.join(30)
        assert not self._thread.is_alive()
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            self._work()
        except Exception as error:  # raised anew by `stop`
            self._failure = error

    def _work(self) -> None:
        calls: collections.deque[str] = collections.deque()
        with self.asterisk.ami(timeout=30) as ami:
            ami.action("Events", EventMask="off")
            stamp = int(time.time() * 1000)
            for number in itertools.count():
                if self._ending.wait(self.pause):
                    return
                calls.append(f"load-{stamp}-{number}")
                ami.action(
                    "Originate", Channel="Local/602@internal", Application="Wait", Data="600", Async="true",
                    ChannelId=calls[-1],
                )  # fmt: skip
                self.begun += 1
                if len(calls) > self.standing:
                    ami.action("Hangup", Channel=calls.popleft())
                if number % 5 == 0:
                    verb = "ConfbridgeMute" if number % 10 else "ConfbridgeUnmute"
                    ami.action(verb, Conference=ROOM, Channel="all")


@contextlib.contextmanager
def load_on(asterisk: Asterisk) -> Iterator[Load]:
    """The load while this lasts; what stands then stays."""
    load = Load(asterisk)
    load.start()
    try:
        yield load
    finally:
        load.stop()

"""How long it takes from a click until it is heard: the request, the worker, a real Asterisk 22 with telephones.

Anna's telephone, 101, talks to a caller. Each verb is asked of the panel as its page does, and another AMI session
notes when Asterisk says that it is so: music begins, both are in one bridge again, the recording runs. What is heard
follows within a packet of 20 ms.
"""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from statistics import median

import httpx

from tests.lab.ami import Ami, Message
from tests.lab.asterisk import Asterisk
from tests.lab.phones import Caller, Phone
from tests.panel import Panel

from .figure import Figure
from .installation import cookie, installation, rows, wait_until_up

TIMES = 15


class Listener:
    """Notes what comes by a session of its own, and when."""

    def __init__(self, session: Ami) -> None:
        self._session = session
        self._seen: list[tuple[float, Message]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def after(self, at: float, wanted: Mapping[str, str]) -> float:
        """When the first event that has these values came after this moment, by the monotonic clock."""
        deadline = at + 20
        while time.monotonic() < deadline:
            for seen, message in list(self._seen):
                if seen >= at and all(message.get(name) == value for name, value in wanted.items()):
                    return seen
            time.sleep(0.001)
        raise TimeoutError(f"{dict(wanted)} never came")

    def _run(self) -> None:
        known = 0
        while not self._ended.is_set():
            self._session.listen(0.002)
            now, messages = time.monotonic(), self._session.messages
            self._seen += [(now, message) for message in messages[known:]]
            known = len(messages)


def figures() -> list[Figure]:
    with ExitStack() as stack:
        asterisk = stack.enter_context(Asterisk("22"))
        panel = stack.enter_context(installation({"AMI_URL": asterisk.ami_url}))
        session = cookie(panel, "anna")
        panel.start()
        wait_until_up(panel, 0)
        stack.enter_context(Phone(asterisk, "101"))
        listener = Listener(stack.enter_context(asterisk.ami()))
        stack.callback(listener.stop)
        stack.enter_context(Caller(asterisk, "101"))
        wait_until_up(panel, 2)
        time.sleep(1)
        client = stack.enter_context(httpx.Client(base_url=panel.url, headers={"Cookie": session}, timeout=20))
        token = client.get("/calls/").cookies["csrftoken"]
        client.headers.update({"Cookie": f"{session}; csrftoken={token}", "X-CSRFToken": token})
        people = {name.partition("-")[0]: (uniqueid, name) for uniqueid, name in _channels(panel)}
        (caller, name), (mine, _) = people["PJSIP/outside"], people["PJSIP/101"]

        def took(path: str, wanted: Mapping[str, str], data: Mapping[str, str]) -> float:
            began = time.monotonic()
            answers: list[httpx.Response] = []
            asks = threading.Thread(target=lambda: answers.append(client.post(path, data=dict(data))))
            asks.start()
            heard = listener.after(began, wanted) - began
            asks.join()
            assert answers[0].status_code < 400, answers[0].text
            return heard * 1000

        def of(uniqueid: str, verb: str, wanted: Mapping[str, str], **data: str) -> float:
            return took(f"/calls/main/channels/{uniqueid}/{verb}/", wanted, data)

        found: dict[str, list[float]] = {}
        for _ in range(TIMES):
            found.setdefault("hold: the caller hears music", []).append(
                of(caller, "hold", {"Event": "MusicOnHoldStart", "Uniqueid": caller})
            )
            _until(lambda: rows(panel, "SELECT state FROM calls_transfer") == [("held",)])
            ((code,),) = rows(panel, "SELECT code FROM calls_transfer")
            found.setdefault("resume: both hear each other", []).append(
                took(f"/calls/main/transfers/{code}/resume/", {"Event": "BridgeEnter", "Uniqueid": caller}, {})
            )
            _until(lambda: not rows(panel, "SELECT code FROM calls_transfer"))
            found.setdefault("record: the recording runs", []).append(
                of(mine, "record", {"Event": "MixMonitorStart", "Uniqueid": mine})
            )
            _until(lambda: rows(panel, f"SELECT recorded FROM calls_channel WHERE uniqueid = '{mine}'") != [("",)])
            found.setdefault("stop recording: it has ended", []).append(
                of(mine, "stop-record", {"Event": "MixMonitorStop", "Uniqueid": mine})
            )
            _until(lambda: rows(panel, f"SELECT recorded FROM calls_channel WHERE uniqueid = '{mine}'") == [("",)])
        found["park: the caller hears music"] = [of(caller, "park", {"Event": "MusicOnHoldStart", "Uniqueid": caller})]
        assert name in asterisk.channels()
    return [Figure(f"click to ear, {what}", median(times), "ms") for what, times in found.items()]


def _channels(panel: Panel) -> list[tuple[str, str]]:
    return [(uniqueid, name) for uniqueid, name in rows(panel, "SELECT uniqueid, name FROM calls_channel")]


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)

"""Workers and the database killed, receivers that fail: each event arrives, in order for each call, under one id."""

import contextlib
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import PhoneFactory
from tests.panel import Panel
from tests.servers import PostgreSQL, Redis
from tests.waiting import until
from tests.webhooks.receiver import OK, Answer, Got, Receiver, receiving
from tests.webhooks.test_live import made

pytestmark = pytest.mark.timeout(300)

KILLS, PHONES = 6, ("101", "102", "103", "104", "105")
WANTED = "SELECT number FROM eventlog_event WHERE type IN ('call.ringing', 'call.answered', 'call.ended')"


class Moody:
    """A receiver that is slow, fails, and sends elsewhere, each now and then; `elsewhere` must never be asked."""

    def __init__(self, elsewhere: str) -> None:
        self._chance, self._elsewhere = random.Random(7), elsewhere

    def __call__(self, got: Got) -> Answer:
        kind = self._chance.random()
        if kind < 0.1:
            time.sleep(0.3)
        elif kind < 0.3:
            return 503, {}, b"busy"
        elif kind < 0.4:
            return 302, {"Location": self._elsewhere}, b""
        return OK


class Site:
    """Two workers for a real Asterisk, of which one leads, on a PostgreSQL."""

    def __init__(self, panel: Panel, postgresql: PostgreSQL, url: str) -> None:
        self.panel, self.postgresql, self.url = panel, postgresql, url
        self.workers = [panel.spawn("manage.py", "amiworker") for _ in range(2)]
        until(lambda: self.rows("SELECT 1 FROM mirror_pbx WHERE link = 'up'"), 60, panel.log[-2000:])

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the database answers, once it does."""
        deadline = time.monotonic() + 30
        while True:
            try:
                with psycopg.connect(self.url, autocommit=True) as connection:
                    cursor = connection.execute(query)
                    return cursor.fetchall() if cursor.description else []
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, self.panel.log[-2000:]

    def kill_a_worker(self, number: int) -> None:
        """And start another in its place."""
        worker = self.workers[number % 2]
        worker.kill()
        worker.wait()
        self.panel.processes.remove(worker)
        self.workers[number % 2] = self.panel.spawn("manage.py", "amiworker")

    def hurry(self) -> None:
        """What is to be tried again is tried now."""
        self.rows("UPDATE webhooks_delivery SET next_at = now() WHERE state = 'waiting' AND next_at > now()")

    def has_delivered(self, receiver: Receiver) -> bool:
        self.hurry()
        return len(self.rows(WANTED)) == len(self.rows("SELECT 1 FROM webhooks_delivery WHERE state = 'done'"))


@pytest.fixture
def site(
    asterisk22: Asterisk, postgresql: PostgreSQL, redis_server: Redis, tmp_path: Path
) -> Iterator[tuple[Site, Receiver, Receiver]]:
    url = postgresql.database()
    environment = {
        "AMI_URL": asterisk22.ami_url, "DATABASE_URL": url, "REDIS_URL": redis_server.url,
        "WEBHOOK_NETWORKS": "127.0.0.0/8",
    }  # fmt: skip
    panel = Panel(tmp_path, environment)
    with contextlib.ExitStack() as stack:
        stack.callback(panel.stop)
        elsewhere = stack.enter_context(receiving())
        receiver = stack.enter_context(receiving(Moody(elsewhere.url)))
        panel.prepare()
        made(panel, receiver.url)
        yield Site(panel, postgresql, url), receiver, elsewhere


def test_nothing_is_lost_and_nothing_overtakes_in_its_call_whatever_dies(
    asterisk22: Asterisk, phone_factory: PhoneFactory, site: tuple[Site, Receiver, Receiver]
) -> None:
    here, receiver, elsewhere = site
    for phone in PHONES:
        phone_factory(asterisk22, phone)
    for kill in range(KILLS):
        enough = len(receiver.got) + len(PHONES)

        def is_on_its_way(enough: int = enough) -> bool:
            here.hurry()
            return len(receiver.got) > enough

        for phone in PHONES:
            asterisk22.cli(f"channel originate Local/{phone}@internal application Wait 600")
        until(is_on_its_way, 60, here.panel.log[-3000:])
        if kill % 3 == 0:
            here.kill_a_worker(kill // 3)
        elif kill % 3 == 1:
            here.postgresql.kill()
            here.postgresql.start()
        else:
            receiver.stop()
            here.kill_a_worker(kill)
            receiver.start()
        asterisk22.cli("channel request hangup all")
    until(lambda: not asterisk22.channels(), 60)
    until(lambda: here.rows("SELECT 1 FROM mirror_pbx WHERE link = 'up'"), 60, here.panel.log[-2000:])
    until(lambda: not here.rows("SELECT 1 FROM calls_channel"), 60, here.panel.log[-2000:])
    until(lambda: here.has_delivered(receiver), 90, here.panel.log[-3000:])

    told = here.rows("SELECT number, subject FROM eventlog_event ORDER BY number")
    assert [number for number, _call in told] == list(range(1, len(told) + 1))
    assert elsewhere.got == []
    assert "a companion of the mirror failed" not in here.panel.log
    # Each at least once, under one id, which no other has.
    ids: dict[int, set[str]] = {}
    for got in receiver.got:
        ids.setdefault(got.number, set()).add(got.id)
    assert set(ids) == {number for (number,) in here.rows(WANTED)}
    assert all(len(found) == 1 for found in ids.values())
    assert len(set.union(*ids.values())) == len(ids)
    # In order for each call: none comes before one that was not answered yet.
    for call in {call for _number, call in told}:
        numbers = [got.number for got in receiver.got if got.told["data"]["id"] == call]
        assert numbers == sorted(numbers), call
    repeated = len(receiver.got) - len(ids)
    print(f"{len(ids)} events arrived; {repeated} tries beside")
    assert repeated

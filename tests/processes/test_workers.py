"""Two workers for one PBX: one leads, the other takes over when it dies, and no command is done twice."""

import contextlib
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from playwright.sync_api import expect

from tests.lab.asterisk import Asterisk
from tests.panel import Panel, Visit
from tests.servers import PostgreSQL, Redis
from tests.waiting import until

pytestmark = pytest.mark.timeout(300)

# The other takes over at the latest this long after the leader has died, in seconds. What is promised is 5 s; that is
# measured and told, and asserted with room for a busy machine.
TAKEN_OVER_WITHIN = 12.0


class Pair:
    """Two workers, one web process, and what the database says of who leads."""

    def __init__(self, panel: Panel, database_url: str) -> None:
        self.panel = panel
        self.connection = psycopg.connect(database_url, autocommit=True)
        self.workers: list[subprocess.Popen[bytes]] = []
        self.spawn_worker()
        self.wait_for_leader()
        self.spawn_worker()
        panel.spawn("manage.py", "serve", "--port", str(panel.port))
        panel.wait_until_served()

    def spawn_worker(self) -> None:
        self.workers.append(self.panel.spawn("manage.py", "amiworker"))

    @property
    def leader(self) -> str:
        """Who leads with the link up; empty when nobody does."""
        row = self.connection.execute("SELECT leader FROM mirror_pbx WHERE link = 'up'").fetchone()
        return str(row[0]) if row else ""

    def wait_for_leader(self, other_than: str = "") -> float:
        """How long it took until somebody (else) leads, in seconds."""
        return until(lambda: self.leader not in ("", other_than), 30, self.panel.log[-2000:])

    def wait_until_one_stands_by(self) -> None:
        """Wait until one has tried in vain to lead, and tries again."""
        tries: set[tuple[int, object]] = set()

        def tried() -> bool:
            rows = self.connection.execute("SELECT pid, query_start, query FROM pg_stat_activity").fetchall()
            tries.update((pid, at) for pid, at, query in rows if '"leader" = ' in (query or "").partition("WHERE")[0])
            return len(tries) >= 3  # the first may be that of the leader

        until(tried, 60, self.panel.log[-2000:])

    def value(self, query: str) -> Any:
        """The first value of the first row."""
        row = self.connection.execute(query).fetchone()
        assert row
        return row[0]

    def count(self, table: str) -> int:
        return int(self.value(f"SELECT count(*) FROM {table}"))


@contextlib.contextmanager
def running_pair(asterisk: Asterisk, postgresql: PostgreSQL, redis: Redis, folder: Path) -> Iterator[Pair]:
    url = postgresql.database()
    panel = Panel(folder, {"AMI_URL": asterisk.ami_url, "DATABASE_URL": url, "REDIS_URL": redis.url})
    panel.prepare()
    pair = None
    try:
        pair = Pair(panel, url)
        yield pair
    finally:
        panel.stop()
        if pair is not None:
            pair.connection.close()


@pytest.fixture
def pair(asterisk22: Asterisk, postgresql: PostgreSQL, redis_server: Redis, tmp_path: Path) -> Iterator[Pair]:
    with running_pair(asterisk22, postgresql, redis_server, tmp_path) as pair:
        yield pair


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM])
def test_the_other_takes_over_soon(pair: Pair, asterisk22: Asterisk, how: signal.Signals) -> None:
    asterisk22.cli("channel originate Local/602@internal application Wait 600")
    until(lambda: pair.count("calls_channel") == 2, 10, "the call does not show")
    first = pair.leader
    pair.workers[0].send_signal(how)
    took = pair.wait_for_leader(other_than=first)
    print(f"{how.name}: taken over after {took:.1f} s")
    assert took < TAKEN_OVER_WITHIN
    assert pair.count("calls_channel") == 2
    asterisk22.cli("channel request hangup all")
    until(lambda: pair.count("calls_channel") == 0, 10, "the new leader does not see the call end")
    if how is signal.SIGSTOP:
        # The former leader wakes, and must neither write nor act any more.
        second = pair.leader
        pair.workers[0].send_signal(signal.SIGCONT)
        until(lambda: "another worker leads now" in pair.panel.log, 10, pair.panel.log[-2000:])
        assert pair.leader == second
        assert pair.workers[0].poll() is None


def test_a_worker_that_comes_back_stands_by_and_can_lead_again(pair: Pair) -> None:
    first = pair.leader
    pair.workers[0].kill()
    pair.wait_for_leader(other_than=first)
    second = pair.leader
    pair.spawn_worker()
    pair.wait_until_one_stands_by()
    assert pair.leader == second
    pair.workers[1].kill()
    assert pair.wait_for_leader(other_than=second) < TAKEN_OVER_WITHIN
    assert pair.leader != first


def test_clicks_while_the_leader_dies_are_done_once_or_refused(pair: Pair, asterisk22: Asterisk, visit: Visit) -> None:
    """One click is one call, at most: counted by Asterisk itself."""
    page = visit(pair.panel, "anna", "/calls/")
    ids = [f"{number:032x}" for number in range(200)]
    token = page.evaluate("JSON.parse(document.body.getAttribute('hx-headers:inherited'))['X-CSRFToken']")

    def click(command_id: str) -> int:
        answer = page.request.post(
            f"{pair.panel.url}/calls/dial/",
            form={"number": "602", "command_id": command_id},
            headers={"X-CSRFToken": token, "HX-Request": "true", "Referer": pair.panel.url},
        )
        return answer.status

    pair.connection.execute("UPDATE accounts_dialpolicy SET calls_per_minute = 1000")
    asterisk22.cli("core set verbose 0")
    before = calls_processed(asterisk22)
    answers = []
    for number, command_id in enumerate(ids):
        if number == 10:
            pair.workers[0].kill()
        answers.append(click(command_id))
        if number % 4 == 0:
            click(command_id)  # a second click on the same form
        if number > 10 and answers[-1] == 200 and pair.leader:
            break
    assert answers[0] == answers[-1] == 200, (answers, pair.panel.log[-2000:])
    taken = pair.connection.execute(
        "SELECT count(*), count(DISTINCT command_id) FROM audit_auditentry WHERE claimed"
    ).fetchone()
    assert taken
    assert taken[0] == taken[1]
    assert calls_processed(asterisk22) - before <= len(answers)
    expect(page.locator("html")).to_have_attribute("data-live", "")


def test_two_who_are_given_the_same_command_do_it_once(pair: Pair) -> None:
    """Both workers claim it in the database; one gets it."""
    pair.connection.execute(
        "INSERT INTO audit_auditentry "
        "(command_id, at, username, via, pbx, verb, subject, topic, status, answer, claimed) "
        "VALUES ('c1', now(), 'anna', '', 'main', 'hangup', '', '', '', '', false)"
    )
    claim = "from engine.mirror import commands; print(commands.auditors[0].claim('c1'))"
    with ThreadPoolExecutor(2) as pool:
        said = list(pool.map(lambda _: pair.panel.manage("shell", "--no-imports", "-c", claim).strip(), range(2)))
    assert sorted(said) == ["False", "True"]


def calls_processed(asterisk: Asterisk) -> int:
    (line,) = (line for line in asterisk.cli("core show calls").splitlines() if "calls processed" in line)
    return int(line.split()[0])

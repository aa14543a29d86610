"""PostgreSQL and Redis killed, stalled and started again under load: no process ends, and then all is right."""

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Page

from tests.lab.asterisk import Asterisk
from tests.panel import Panel, Visit
from tests.servers import PostgreSQL, Redis, Server, running_postgresql, running_redis

from . import truth
from .load import ROOM, load_on
from .proxy import Proxy
from .truth import Truth

pytestmark = pytest.mark.timeout(180)

# What a page shows: the rows, without what differs by itself from one moment to the next.
_ROWS = """() => [...document.querySelectorAll(".call, .participant")].map((row) => {
    const twin = row.cloneNode(true);
    for (const clock of twin.querySelectorAll("time")) clock.remove();
    return [row.id, twin.className, twin.textContent.replace(/\\s+/g, " ").trim()];
})"""


class Installation:
    """A worker and a web process with PostgreSQL and Redis, each by way of a proxy, on a real Asterisk."""

    def __init__(
        self, asterisk: Asterisk, postgresql: PostgreSQL, redis: Redis, ways: dict[Server, Proxy], folder: Path
    ) -> None:
        self.asterisk, self.postgresql, self.redis, self._ways = asterisk, postgresql, redis, ways
        self.direct = postgresql.database()
        self.panel = Panel(
            folder,
            {
                "AMI_URL": asterisk.ami_url,
                "DATABASE_URL": self.direct.replace(str(postgresql.port), str(ways[postgresql].port)),
                "REDIS_URL": redis.url.replace(str(redis.port), str(ways[redis].port)),
            },
        )
        self.panel.prepare()
        self.worker = self._spawn_worker()
        self.web = self._spawn_web()
        self.panel.wait_until_served()

    def _spawn_worker(self) -> subprocess.Popen[bytes]:
        return self.panel.spawn("manage.py", "amiworker")

    def _spawn_web(self) -> subprocess.Popen[bytes]:
        return self.panel.spawn(
            "-m", "daphne", "-b", "127.0.0.1", "-p", str(self.panel.port), "pbxpanel.asgi:application"
        )

    def way_to(self, server: Server) -> Proxy:
        return self._ways[server]

    def kill(self, *servers: Server) -> None:
        for server in servers:
            server.kill()
            self.way_to(server).refuse()

    def start(self, *servers: Server) -> None:
        for server in servers:
            server.start()
            self.way_to(server).mend()

    def restart_worker(self) -> None:
        self.panel.end(self.worker)
        self.worker = self._spawn_worker()

    def restart_web(self) -> None:
        self.panel.end(self.web)
        self.web = self._spawn_web()

    def nothing_ended(self) -> None:
        assert self.worker.poll() is None, self.panel.log[-5000:]
        assert self.web.poll() is None, self.panel.log[-5000:]

    def rows(self) -> Truth:
        """What the database says, asked by a connection of our own."""
        with psycopg.connect(self.direct) as connection:
            channels = connection.execute("SELECT uniqueid, name, state FROM calls_channel").fetchall()
            people = connection.execute("SELECT conference, channel, muted, admin FROM conferences_participant")
            return Truth(
                {uniqueid: (name, state) for uniqueid, name, state in channels},
                {(room, channel): (muted, admin) for room, channel, muted, admin in people.fetchall()},
            )

    def is_right(self, *pages: Page, seconds: float = 30.0) -> None:
        """Wait until the database equals Asterisk, and each open page equals one that is fetched now."""
        deadline = time.monotonic() + seconds
        while (rows := self.rows()) != (real := truth.of_asterisk(self.asterisk)):
            assert time.monotonic() < deadline, f"the database: {rows}\nAsterisk: {real}\n{self.panel.log[-5000:]}"
            time.sleep(0.1)
        for page in pages:
            while (shown := page.evaluate(_ROWS)) != (fresh := self._fresh(page)):
                assert time.monotonic() < deadline, f"{page.url} shows {_differing(shown, fresh)}"
                page.wait_for_timeout(100)
        self.nothing_ended()

    def _fresh(self, page: Page) -> Any:
        """The rows of this page as the server renders it now, in a tab of its own."""
        other = page.context.new_page()
        try:
            other.goto(page.url, wait_until="domcontentloaded")
            return other.evaluate(_ROWS)
        finally:
            other.close()


def _differing(shown: list[Any], fresh: list[Any]) -> str:
    more = [row for row in shown if row not in fresh]
    less = [row for row in fresh if row not in shown]
    return f"{more}, and lacks {less}, or has another order: {[row[0] for row in shown]} {[row[0] for row in fresh]}"


@pytest.fixture(scope="module")
def _installation(_asterisk22: Asterisk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with contextlib.ExitStack() as stack:
        postgresql = stack.enter_context(running_postgresql())
        redis = stack.enter_context(running_redis(tmp_path_factory.mktemp("redis")))
        ways: dict[Server, Proxy] = {server: stack.enter_context(Proxy(server.port)) for server in (postgresql, redis)}
        _asterisk22.start()
        installation = Installation(_asterisk22, postgresql, redis, ways, tmp_path_factory.mktemp("panel"))
        stack.callback(installation.panel.stop)
        yield installation


@pytest.fixture
def installation(asterisk22: Asterisk, _installation: Installation) -> Installation:
    """One for all tests of this file: each leaves it whole."""
    return _installation


@pytest.fixture
def pages(installation: Installation, visit: Visit) -> Iterator[list[Page]]:
    """Open pages of the calls and of a conference; they may complain of what is broken on purpose."""
    pages = [visit(installation.panel, "anna", path) for path in ("/calls/", f"/conferences/main/{ROOM}/")]
    yield pages
    for page in pages:
        page.complaints.clear()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("killed", "started"),
    [
        (["redis"], ["redis"]),
        (["postgresql"], ["postgresql"]),
        (["redis", "postgresql"], ["redis", "postgresql"]),
        (["postgresql", "redis"], ["redis", "postgresql"]),
    ],
    ids=lambda names: "+".join(names),
)
def test_servers_killed_under_load_are_back_and_all_is_right(
    installation: Installation, pages: list[Page], killed: list[str], started: list[str]
) -> None:
    with load_on(installation.asterisk) as load:
        pages[0].wait_for_selector(".call")
        for name in killed:
            installation.kill(getattr(installation, name))
            pages[0].wait_for_timeout(1500)
        before = load.begun
        pages[0].wait_for_timeout(1500)
        assert load.begun > before
        installation.nothing_ended()
        for name in started:
            installation.start(getattr(installation, name))
            pages[0].wait_for_timeout(500)
    installation.is_right(*pages)


@pytest.mark.parametrize("process", ["worker", "web"])
@pytest.mark.parametrize("away", ["redis", "postgresql"])
def test_a_process_started_while_a_server_is_away_waits_for_it(
    installation: Installation, pages: list[Page], away: str, process: str
) -> None:
    with load_on(installation.asterisk):
        server = getattr(installation, away)
        installation.kill(server)
        getattr(installation, f"restart_{process}")()
        pages[0].wait_for_timeout(4000)
        installation.nothing_ended()
        installation.start(server)
        installation.panel.wait_until_served()
    installation.is_right(*pages)


def test_a_redis_that_is_back_before_anybody_could_notice_is_noticed(
    installation: Installation, pages: list[Page]
) -> None:
    """It has forgotten who listens."""
    for _ in range(3):
        installation.redis.kill()
        installation.redis.start()
        pages[0].wait_for_timeout(500)
    with load_on(installation.asterisk):
        pages[0].wait_for_timeout(1000)
    installation.is_right(*pages, seconds=12)


@pytest.mark.parametrize("stalled", ["redis", "postgresql"])
def test_a_server_that_stalls_holds_nothing_up_for_longer(
    installation: Installation, pages: list[Page], stalled: str
) -> None:
    way = installation.way_to(getattr(installation, stalled))
    with load_on(installation.asterisk):
        pages[0].wait_for_timeout(500)
        way.stall()
        pages[0].wait_for_timeout(6000)
        way.mend()
    installation.is_right(*pages)
    # The link to Asterisk has never suffered.
    assert "Asterisk closed the connection" not in installation.panel.log


def test_while_redis_stalls_the_database_is_kept_up_to_date(installation: Installation, pages: list[Page]) -> None:
    installation.way_to(installation.redis).stall()
    try:
        pages[0].wait_for_timeout(500)
        installation.asterisk.cli("channel originate Local/603@internal application Wait 600")
        installation.is_right(seconds=10)
    finally:
        installation.way_to(installation.redis).mend()
    installation.is_right(*pages)

"""PostgreSQL and Redis killed, stalled and started again under load: no process ends, and then all is right."""

import contextlib
import json
import re
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis
from playwright.sync_api import Browser, Page, expect

from tests.lab.asterisk import Asterisk
from tests.panel import Panel, come_in, hang_up
from tests.servers import PostgreSQL, Redis, Server, running_postgresql, running_redis
from tests.waiting import until

from . import truth
from .load import ROOM, load_on
from .page import differing, fresh, rows
from .proxy import Proxy
from .truth import Truth

pytestmark = pytest.mark.timeout(180)


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
        return self.panel.spawn("manage.py", "serve", "--port", str(self.panel.port))

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

    def make_whole(self) -> None:
        for server, way in self._ways.items():
            if server.process.poll() is not None:
                server.start()
            way.mend()
        if self.worker.poll() is not None:
            self.restart_worker()
        if self.web.poll() is not None:
            self.restart_web()
            self.panel.wait_until_served()

    def restart_worker(self) -> None:
        self.panel.end(self.worker)
        self.worker = self._spawn_worker()

    def restart_web(self) -> None:
        self.panel.end(self.web)
        self.web = self._spawn_web()

    def nothing_ended(self) -> None:
        assert self.worker.poll() is None, self.panel.log[-5000:]
        assert self.web.poll() is None, self.panel.log[-5000:]

    def health(self, *what: str) -> list[object]:
        """What the web process says of these; nothing as long as it does not serve."""
        try:
            with urllib.request.urlopen(f"{self.panel.url}/healthz", timeout=20) as answer:
                said = json.load(answer)
        except urllib.error.HTTPError as error:
            said = json.load(error)
        except OSError:
            return []
        return [said[name] for name in what]

    def truth(self) -> Truth:
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
        while (ours := self.truth()) != (real := truth.of_asterisk(self.asterisk)):
            assert time.monotonic() < deadline, f"the database: {ours}\nAsterisk: {real}\n{self.panel.log[-5000:]}"
            time.sleep(0.1)
        for page in pages:
            while (shown := rows(page)) != (expected := fresh(page)):
                assert time.monotonic() < deadline, f"{page.url} {differing(shown, expected)}"
                page.wait_for_timeout(100)
        self.nothing_ended()


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
def installation(asterisk22: Asterisk, _installation: Installation) -> Iterator[Installation]:
    """One for all tests of this file; what a test that failed has left broken is made whole."""
    yield _installation
    _installation.make_whole()


@pytest.fixture(scope="module")
def _pages(_installation: Installation, browser: Browser) -> Iterator[list[Page]]:
    context = browser.new_context(locale="en")
    calls, conference = come_in(context, _installation.panel, "anna", "/calls/?state=conference"), context.new_page()
    conference.goto(f"{_installation.panel.url}/conferences/main/{ROOM}/")
    conference.wait_for_selector("html[data-live]")
    yield [calls, conference]
    context.close()


@pytest.fixture
def pages(installation: Installation, _pages: list[Page]) -> list[Page]:
    """Open pages of the calls and of a conference. They stay open, whatever the tests break, and are never reloaded."""
    for page in _pages:
        says_nothing(page)
    return _pages


LAYER_AWAY = "Live updates are interrupted."
DATABASE_AWAY = "The panel's database cannot be reached."


def says(page: Page, *words: str) -> None:
    """The page says one of these in its banner, and its buttons are disabled."""
    expect(page.locator("#trouble, #offline:not([hidden])").first).to_contain_text(
        re.compile("|".join(map(re.escape, words))), timeout=20_000
    )
    expect(page.locator("[data-action]:not(:disabled)")).to_have_count(0)


def says_nothing(page: Page) -> None:
    expect(page.locator("#trouble, #offline:not([hidden]), #links [role=alert]")).to_have_count(0, timeout=20_000)


def hangup_of_a_call(page: Page) -> str:
    """The address of a button, as soon as there is one: the call may be over, and the button gone, a moment later."""
    return str(page.locator(".call [data-action=hangup]").first.get_attribute("hx-post"))


def post(page: Page, address: str) -> float:
    """Press a button that the page has disabled; how long the answer took, which is a toast."""
    page.locator("#toasts").evaluate("toasts => toasts.replaceChildren()")
    started = time.monotonic()
    page.evaluate("address => htmx.ajax('POST', address, {target: '#toasts', swap: 'beforeend'})", address)
    page.wait_for_selector(".panel-toast", timeout=20_000)
    return time.monotonic() - started


@pytest.mark.parametrize("killed", [["redis"], ["postgresql"], ["redis", "postgresql"]], ids="+".join)
def test_servers_killed_under_load_are_told_and_when_they_are_back_all_is_right(
    installation: Installation, pages: list[Page], killed: list[str]
) -> None:
    servers = [getattr(installation, name) for name in killed]
    words = {"redis": LAYER_AWAY, "postgresql": DATABASE_AWAY}
    with load_on(installation.asterisk) as load:
        address = hangup_of_a_call(pages[0])
        installation.kill(*servers)
        for page in pages:
            says(page, *(words[name] for name in killed))
        if "postgresql" in killed:
            answer = pages[0].request.get(pages[0].url)
            assert answer.status == 503
            assert "database cannot be reached" in answer.text()
            post(pages[0], address)
            expect(pages[0].locator(".panel-toast")).to_contain_text("database cannot be reached, so this could not be")
        begun = load.begun
        until(lambda: load.begun >= begun + 10, 60, "the load does not go on")
        installation.nothing_ended()
        installation.start(*servers)
        for page in pages:
            says_nothing(page)
    installation.is_right(*pages)


@pytest.mark.parametrize("order", [["redis", "postgresql"], ["postgresql", "redis"]], ids=" then ".join)
def test_processes_started_while_both_servers_are_away_wait_for_them(
    installation: Installation, pages: list[Page], order: list[str]
) -> None:
    with load_on(installation.asterisk):
        installation.kill(installation.postgresql, installation.redis)
        before = len(installation.panel.log)
        installation.restart_worker()
        installation.restart_web()
        until(lambda: installation.health("database", "layer") == ["failed", "failed"], 60, "nobody says what is away")
        until(
            lambda: "The database failed" in installation.panel.log[before:], 60, "the worker does not say what is away"
        )
        for name in order:
            installation.nothing_ended()
            installation.start(getattr(installation, name))
            what = {"redis": "layer", "postgresql": "database"}[name]
            until(lambda what=what: installation.health(what) == ["ok"], 60, f"nobody sees that {name} is back")  # type: ignore[misc]
        installation.panel.wait_until_served()
    installation.is_right(*pages)


def test_a_redis_that_is_back_before_anybody_could_notice_is_noticed(
    installation: Installation, pages: list[Page]
) -> None:
    """It has forgotten who listens."""
    for _ in range(3):
        installation.redis.kill()
        installation.redis.start()
        with redis.Redis(port=installation.redis.port) as client:
            until(lambda: len(client.client_list()) > 2, 60, "the processes do not connect anew")
    installation.asterisk.cli(f"channel originate Local/{ROOM}@internal application Wait 600")
    installation.is_right(*pages, seconds=15)


def test_while_redis_stalls_the_database_is_kept_up_to_date(installation: Installation, pages: list[Page]) -> None:
    way = installation.way_to(installation.redis)
    way.stall()
    try:
        with load_on(installation.asterisk):
            says(pages[0], LAYER_AWAY)
        installation.is_right()
    finally:
        way.mend()
    installation.is_right(*pages)


def test_a_database_that_stalls_costs_the_link_to_asterisk_nothing(
    installation: Installation, pages: list[Page]
) -> None:
    way = installation.way_to(installation.postgresql)
    before = installation.panel.log.count("the link is up")
    with load_on(installation.asterisk) as load:
        way.stall()
        begun = load.begun
        until(lambda: load.begun >= begun + 45, 60, "the load does not go on")  # ten a second: longer than the lease
        way.mend()
    installation.is_right(*pages)
    assert installation.panel.log.count("the link is up") == before


@pytest.mark.parametrize("fault", ["killed", "stalled"])
def test_a_hangup_while_redis_is_away_is_refused_in_words_and_never_comes_late(
    installation: Installation, pages: list[Page], fault: str
) -> None:
    page = pages[0]
    expect(page.locator(".call")).to_have_count(0)
    installation.asterisk.cli(f"channel originate Local/{ROOM}@internal application Wait 600")
    address = hangup_of_a_call(page)
    channels = installation.asterisk.channels()
    if fault == "killed":
        installation.kill(installation.redis)
    else:
        installation.way_to(installation.redis).stall()
    took = post(page, address)
    expect(page.locator(".panel-toast")).to_contain_text("not connected to the PBX, so nothing was done")
    # At once, where it is known at once; else when the command's time and the grace after it are over.
    assert took < (4 if fault == "killed" else 20)
    if fault == "killed":
        installation.start(installation.redis)
    else:
        installation.way_to(installation.redis).mend()
    says_nothing(page)
    # One that is given now, for another call, arrives, and what was given before would have come before it.
    first = page.locator(".call").get_attribute("id")
    installation.asterisk.cli(f"channel originate Local/{ROOM}@internal application Wait 600")
    expect(page.locator(".call")).to_have_count(2)
    hang_up(page.locator(f".call:not(#{first})"))
    expect(page.locator(f".call:not(#{first})")).to_have_count(0)
    assert installation.asterisk.channels() == channels
    hang_up(page.locator(".call"))
    expect(page.locator(".call")).to_have_count(0)
    installation.is_right(*pages)

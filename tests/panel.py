"""A whole panel for the tests: real processes on a database of their own, and a real Chromium to look at it."""

import contextlib
import fcntl
import os
import shutil
import sqlite3
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.utils.crypto import get_random_string
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

from tests.lab.asterisk import Asterisk, free_port, make_certificates
from tests.servers import postgresql_program, running_haproxy, running_postgresql, running_redis
from tests.shell import Shell

# How many web processes serve the panels that tests share. With more than one they stand behind a proxy, with a worker
# of its own, PostgreSQL and Redis; one is what `make run` starts.
PROCESSES = int(os.environ.get("PANEL_PROCESSES", "1"))

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = "/usr/bin/chromium"
# The same without what it needs for windows of its own: a context costs a fifth of the work. It is for the tests; what
# is measured is measured in the whole one.
HEADLESS_CHROMIUM = "/usr/bin/chromium-headless-shell"
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
PASSWORD = "a-password-of-the-tests"
# What Chromium itself says of what a page does on purpose: it asks for what may be gone, and tries to ring before
# anything was clicked (then it says in words that it cannot).
EXPECTED = ("Failed to load resource", "The AudioContext was not allowed to start")

# What a page is to show comes at once, or a little later where the machine is busy.
expect.set_options(timeout=20_000)

_MIGRATE = """
from django.core.management import call_command
call_command("migrate", verbosity=0)
"""
# Makes the people of the tests inside the panel's own database.
_PEOPLE = f"""
from django.contrib.auth.models import Group, User
from accounts.models import DialPolicy, Profile
# Tests call by the same few people, one after another.
DialPolicy.objects.update(calls_per_minute=1000)
for name, group, phone in (
    ("anna", "Administrator", "101"), ("ben", "Operator", "102"), ("mona", "Moderator", "103"), ("vic", "Viewer", ""),
    ("silent", "Operator", "104"), ("busy", "Operator", "105"), ("nowhere", "Operator", "109"),
    ("ghost", "Operator", "199"), ("phoneless", "Operator", ""),
):
    user = User.objects.create_user(name, password={PASSWORD!r})
    user.groups.add(Group.objects.get(name=group))
    if phone:
        Profile.objects.create(user=user, extension=phone, endpoint="PJSIP/" + phone, dial_context="internal")
User.objects.create_user("nobody", password={PASSWORD!r})
User.objects.create_superuser("chief", password={PASSWORD!r})
"""


class Panel:
    """One installation: its database in `folder`, and as many processes as a test starts."""

    # A folder of all processes of this run of pytest; none outside of one.
    shared: Path | None = None

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in ("AMI_URL", "REDIS_URL", "DEBUG")},
            "SECRET_KEY": "only-for-the-tests-" * 3,
            "HTTPS": "no",
            "DATABASE_URL": f"sqlite:///{folder}/panel.sqlite3",
            "DJANGO_ALLOW_ASYNC_UNSAFE": "",
            **environment,
        }
        self.processes: list[subprocess.Popen[bytes]] = []
        self._shell: Shell | None = None
        # Who has signed the certificate of the proxy before it, where that speaks TLS.
        self.authority: Path | None = None
        self._log = (folder / "panel.log").open("ab")

    @property
    def log(self) -> str:
        return (self.folder / "panel.log").read_text(errors="replace")

    def manage(self, *arguments: str) -> str:
        """Run a management command to its end; its output."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def shell(self, code: str) -> str:
        """Run code with the models of the installation; what it prints."""
        if self._shell is None:
            self._shell = Shell(self.environment)
        return self._shell.run(code)

    def session_of(self, username: str) -> str:
        """The key of a new session of a user, as if they had just logged in."""
        # Benches have no Django yet when they import this module.
        from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
        from django.contrib.auth.models import User
        from django.contrib.sessions.backends.db import SessionStore
        from django.test import override_settings

        with self._database() as (execute, mark):
            find = f"SELECT id, password FROM auth_user WHERE username = {mark}"
            user_id, password = execute(find, [username]).fetchone()
            with override_settings(SECRET_KEY=self.environment["SECRET_KEY"]):
                session = {
                    SESSION_KEY: str(user_id),
                    BACKEND_SESSION_KEY: "accounts.backends.PanelBackend",
                    HASH_SESSION_KEY: User(password=password).get_session_auth_hash(),
                    "password_confirmed_at": int(time.time()),
                }
                data = SessionStore().encode(session)
            key, expires = get_random_string(32), datetime.now(UTC) + timedelta(hours=12)
            columns, values = "session_key, session_data, expire_date", f"{mark}, {mark}, {mark}"
            execute(f"INSERT INTO django_session ({columns}) VALUES ({values})", [key, data, expires.isoformat(" ")])
        return key

    @contextlib.contextmanager
    def _database(self) -> Iterator[tuple[Callable[..., Any], str]]:
        """The database without Django: what executes a statement, and how a parameter is written there."""
        url = self.environment["DATABASE_URL"]
        if url.startswith("postgresql:"):
            with psycopg.connect(url) as postgresql:
                yield postgresql.execute, "%s"
        else:
            with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=30)) as sqlite, sqlite:
                yield sqlite.execute, "?"

    def _collect_static(self) -> None:
        """Collect the static files, into the folder that all panels of this machine share: once in a run."""
        with (ROOT / "var/static.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            collected = (Panel.shared or self.folder) / "static.collected"
            if not collected.exists():
                self.manage("collectstatic", "--noinput", "--verbosity", "0")
                collected.touch()

    def prepare(self) -> None:
        """Collect the static files, migrate, and make the people of the tests: a database is filled once in a run, and
        copied.
        """
        self._collect_static()
        database, url = self.folder / "panel.sqlite3", self.environment["DATABASE_URL"]
        if Panel.shared is None:
            self._fill()
            return
        is_sqlite = url == f"sqlite:///{database}"
        assert is_sqlite or url.startswith("postgresql:"), url
        kept = Panel.shared / ("panel.sqlite3" if is_sqlite else "panel.sql")
        with kept.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not kept.exists():
                self._fill()
                if is_sqlite:
                    with contextlib.closing(sqlite3.connect(database)) as source:
                        source.execute("VACUUM INTO ?", [str(kept)])
                else:
                    postgresql_program("pg_dump", url, "--no-owner", f"--file={kept}")
                return
        if is_sqlite:
            shutil.copyfile(kept, database)
        else:
            postgresql_program(
                "psql", url, "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", f"--file={kept}"
            )

    def _fill(self) -> None:
        self.shell(_MIGRATE)
        self.shell(_PEOPLE)

    def spawn(self, *command: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a process of the installation, with this in its environment besides; it ends with the test."""
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT, env={**self.environment, **environment}, stdout=self._log, stderr=self._log,
        )  # fmt: skip
        self.processes.append(process)
        return process

    def start(self) -> None:
        """Start the panel as `make run` does."""
        self.spawn("manage.py", "runpanel", "--port", str(self.port))
        self.wait_until_served()

    def spawn_web(self, port: int) -> subprocess.Popen[bytes]:
        """Start one web process, which believes the proxy before it."""
        return self.spawn("manage.py", "serve", "--proxy-headers", "--port", str(port))

    def wait_until_served(self, port: int | None = None) -> None:
        address = self.url if port is None else f"http://127.0.0.1:{port}"
        # What a proxy says: a web process that is told of HTTPS sends everybody else there.
        headers = {"X-Forwarded-Proto": "https"} if self.authority else {}
        request = urllib.request.Request(f"{address}/login/", headers=headers)
        context = ssl.create_default_context(cafile=self.authority)
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(request, timeout=5, context=context).close()
                return
            except OSError:
                assert time.monotonic() < deadline, self.log
                assert all(process.poll() is None for process in self.processes), self.log
                time.sleep(0.1)

    def stop(self) -> None:
        if self._shell is not None:
            self._shell.stop()
            self._shell = None
        for process in reversed(self.processes):
            process.terminate()
        for process in list(self.processes):
            self.end(process)

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """End one process of the installation, in order."""
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self.processes.remove(process)


@pytest.fixture(scope="session", autouse=True)
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    base = tmp_path_factory.getbasetemp()
    Panel.shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


Visit = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A real Chromium. Where there is none the test skips loudly, and fails in CI."""
    if not Path(HEADLESS_CHROMIUM).exists():
        sentence = f"NOT TESTED IN A BROWSER: {HEADLESS_CHROMIUM} is missing (apt-get install chromium-headless-shell)."
        if os.environ.get("CI"):
            pytest.fail(sentence, pytrace=False)
        pytest.skip(sentence)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=HEADLESS_CHROMIUM, args=CHROMIUM_ARGUMENTS)
        yield chromium
        chromium.close()


class Cluster:
    """A panel of several processes: workers, and web processes behind a proxy; the panel's address is the proxy's.

    With `tls` the proxy is asked over HTTPS alone, by HTTP/2 or HTTP/1.1.
    """

    def __init__(
        self, panel: Panel, web_processes: int, workers: int, stack: contextlib.ExitStack, *, tls: bool = False
    ) -> None:
        self.panel = panel
        certificate = self._certificate() if tls else None
        panel.prepare()
        stack.callback(panel.stop)
        self.workers = [panel.spawn("manage.py", "amiworker") for _ in range(workers)]
        self.ports = [free_port() for _ in range(web_processes)]
        self.webs = [panel.spawn_web(port) for port in self.ports]
        for port in self.ports:
            panel.wait_until_served(port)
        self.proxy = stack.enter_context(running_haproxy(panel.folder, self.ports, panel.port, certificate))
        panel.wait_until_served()

    def _certificate(self) -> Path:
        """A certificate with its key, as HAProxy reads it; from here on the panel is one over HTTPS."""
        folder = self.panel.folder / "tls"
        folder.mkdir()
        make_certificates(folder)
        certificate = folder / "panel.pem"
        certificate.write_text((folder / "server.pem").read_text() + (folder / "server.key").read_text())
        self.panel.authority = folder / "ca.pem"
        self.panel.environment["HTTPS"] = "yes"
        self.panel.url = f"https://127.0.0.1:{self.panel.port}"
        return certificate


@contextlib.contextmanager
def running_cluster(
    folder: Path, ami_url: str, web_processes: int, *, workers: int = 1, tls: bool = False
) -> Iterator[Cluster]:
    """A panel of several processes on servers of its own."""
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(running_postgresql()).database()
        redis = stack.enter_context(running_redis(folder))
        panel = Panel(folder, {"AMI_URL": ami_url, "DATABASE_URL": database, "REDIS_URL": redis.url})
        yield Cluster(panel, web_processes, workers, stack, tls=tls)


def _installation(asterisk: Asterisk, folder: Path) -> Iterator[Panel]:
    if PROCESSES > 1:
        with running_cluster(folder, asterisk.ami_url, PROCESSES) as cluster:
            yield cluster.panel
        return
    panel = Panel(folder, {"AMI_URL": asterisk.ami_url})
    panel.prepare()
    panel.start()
    try:
        yield panel
    finally:
        panel.stop()


@pytest.fixture(scope="session")
def _panel22(_asterisk22: Asterisk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Panel]:
    yield from _installation(_asterisk22, tmp_path_factory.mktemp("panel22"))


@pytest.fixture(scope="session")
def _panel16(_asterisk16: Asterisk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Panel]:
    yield from _installation(_asterisk16, tmp_path_factory.mktemp("panel16"))


@pytest.fixture
def panel(asterisk: Asterisk, request: pytest.FixtureRequest) -> Panel:
    """A panel on the Asterisk of the fixture `asterisk`, shared by all tests of that version."""
    shared: Panel = request.getfixturevalue(f"_panel{asterisk.version}")
    return shared


@pytest.fixture
def panel22(asterisk22: Asterisk, _panel22: Panel) -> Panel:
    """A panel on Asterisk 22, shared."""
    return _panel22


def hang_up(card: Locator) -> None:
    """Press the button that ends the call of a card, which is none of one's own, and say yes to its question."""
    card.locator("[data-action=hangup]").first.click()
    card.page.locator("#question").get_by_role("button", name="Yes").click()


def come_in(context: BrowserContext, panel: Panel, username: str, path: str = "/") -> Page:
    """A new page, logged in, on that path, with its socket open; what its console complains of is in `complaints`.

    The session is there already: to log in by the form takes two pages and a slow hash of a password.
    """
    context.add_cookies([{"name": "sessionid", "value": panel.session_of(username), "url": panel.url}])
    page = context.new_page()
    page.set_default_timeout(30_000)
    complaints: list[str] = []
    page.complaints = complaints  # type: ignore[attr-defined]
    page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{panel.url}{path}")
    page.wait_for_selector("html[data-live]")
    return page


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """`visit(panel, "anna", "/calls/")`: a browser of their own, logged in, on that page with its socket open.

    Whatever the page's console complains of fails the test, unless `page.complaints` was emptied.
    """
    with contextlib.ExitStack() as stack:
        pages: list[Any] = []

        def visit(panel: Panel, username: str, path: str = "/", **options: Any) -> Page:
            context: BrowserContext = browser.new_context(locale=options.pop("locale", "en"), **options)
            stack.callback(context.close)
            context.grant_permissions(["clipboard-write"])  # as a browser with a window gives it to what was clicked
            page = come_in(context, panel, username, path)
            pages.append(page)
            return page

        yield visit
        for page in pages:
            unexpected = [text for text in page.complaints if not any(words in text for words in EXPECTED)]
            assert not unexpected

"""No secret of an installation is in a log, on a page, in its database or in what Redis holds."""

import html
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from playwright.sync_api import expect

from tests.lab.asterisk import Asterisk, free_port
from tests.lab.fixtures import PhoneFactory
from tests.panel import PASSWORD, Panel, Visit
from tests.servers import PostgreSQL, Redis
from tests.waiting import until

pytestmark = pytest.mark.timeout(300)

SECRETS = {
    "the secret key": "k3y-" + "Zq8vT2mW" * 7,
    "the password of PostgreSQL": "pg-Xw7LrJ4u",
    "the password of Redis": "rd-Bn5QcY9e",
    "the wrong secret of a manager user": "ami-Hs6GtK2d",
    "the password of a user": PASSWORD,
    "a wrong password": "wrong-Vf3PzM8a",
}
_PEOPLE = """
from django.contrib.auth.models import User
User.objects.filter(username="anna").update(is_staff=True, is_superuser=True)
"""
PAGES = [
    "/", "/calls/", "/conferences/", "/profile/", "/audit/", "/no/such/page/", "/healthz", "/metrics", "/admin/",
    "/admin/mirror/pbx/", "/admin/mirror/pbx/main/change/", "/admin/mirror/pbx/refused/change/",
    "/admin/mirror/pbx/untrusted/change/", "/admin/audit/auditentry/", "/admin/axes/accessattempt/",
    "/admin/axes/accesslog/", "/admin/auth/user/1/change/",
]  # fmt: skip


@pytest.fixture
def installation(asterisk22: Asterisk, postgresql: PostgreSQL, redis_server: Redis, tmp_path: Path) -> Iterator[Panel]:
    """Worker and web process; besides a link that works, links that fail in every way."""
    client = redis.Redis(port=redis_server.port)
    client.config_set("requirepass", SECRETS["the password of Redis"])
    good, wrong = asterisk22.secret, SECRETS["the wrong secret of a manager user"]
    host = f"127.0.0.1:{asterisk22.ami_port}"
    links = {
        "main": asterisk22.ami_url,
        "refused": f"ami://panel:{wrong}@{host}",
        "unreachable": f"ami://panel:{good}@127.0.0.1:{free_port()}",
        "unresolved": f"ami://panel:{good}@no.such.host.invalid",
        "untrusted": f"amis://panel:{good}@127.0.0.1:{asterisk22.amis_port}",
        "nottls": f"amis://panel:{good}@{host}?ca={asterisk22.ca_file}",
        "webrefused": f"ami+http://panel:{wrong}@127.0.0.1:{asterisk22.http_port}/rawman",
        "webdenied": f"ami+http://panel:{wrong}@127.0.0.1:{asterisk22.http_port}/arawman",
        "webdigest": asterisk22.url("https", path="arawman"),
        "pinned": f"amis://panel:{good}@127.0.0.1:{asterisk22.amis_port}?fingerprint={'ab' * 32}",
        "noca": f"amis://panel:{good}@{host}?ca=/no/such/file.pem",
    }
    panel = Panel(
        tmp_path,
        {
            "SECRET_KEY": SECRETS["the secret key"],
            "AMI_URL": " ".join(f"{name}={url}" for name, url in links.items()),
            "DATABASE_URL": postgresql.database().replace("panel@", f"panel:{SECRETS['the password of PostgreSQL']}@"),
            "REDIS_URL": f"redis://:{SECRETS['the password of Redis']}@127.0.0.1:{redis_server.port}/0",
        },
    )
    panel.prepare()
    panel.shell(_PEOPLE)
    panel.spawn("manage.py", "amiworker")
    panel.spawn("manage.py", "serve", "--port", str(panel.port))
    try:
        panel.wait_until_served()
        yield panel
    finally:
        panel.stop()


def dump(postgresql: PostgreSQL, url: str) -> str:
    """The text of all tables."""
    program = postgresql.binaries / "pg_dump"
    done = subprocess.run([str(program), "--data-only", url], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_no_secret_is_in_a_log_on_a_page_or_in_the_database(
    asterisk22: Asterisk,
    installation: Panel,
    postgresql: PostgreSQL,
    redis_server: Redis,
    visit: Visit,
    phone_factory: PhoneFactory,
) -> None:
    phone_factory(asterisk22, "101")
    page = visit(installation, "anna")
    for name, words in (
        ("refused", "refuses the login"), ("unreachable", "refuses the connection"), ("untrusted", "not trusted"),
        ("nottls", "TLS"), ("noca", "does not exist"), ("unresolved", "cannot be resolved"),
        ("main", "Asterisk 22"), ("webrefused", "refuses the login"), ("webdenied", "refuses the login"),
        ("webdigest", "HTTPS"), ("pinned", "is not the pinned one"),
    ):  # fmt: skip
        expect(page.locator(f"#pbx-{name}-link")).to_contain_text(words, timeout=30_000)
    page.fill("#dial-number", "602")
    page.press("#dial-number", "Enter")
    expect(page.locator(".panel-toast").first).to_contain_text("602")
    seen = {}
    for path in PAGES:
        page.goto(f"{installation.url}{path}")
        seen[path] = html.unescape(page.content())
    stranger = page.context.browser
    assert stranger is not None
    tab = stranger.new_page()
    for _ in range(6):
        tab.goto(f"{installation.url}/login/?next=/calls/")
        tab.fill("#id_username", "ben")
        tab.fill("#id_password", SECRETS["a wrong password"])
        tab.click("main button[type=submit]")
    seen["locked"] = tab.content()
    assert "Try again in" in seen["locked"]
    tab.close()
    # What a process says that cannot reach its database or Redis.
    for variables in (
        {"DATABASE_URL": f"postgresql://panel:{SECRETS['the password of PostgreSQL']}@127.0.0.1:1/panel"},
        {"DATABASE_URL": f"postgresql://panel:{SECRETS['the password of PostgreSQL']}@no.such.host.invalid/panel"},
        {"REDIS_URL": f"redis://:{SECRETS['the password of Redis']}-no@127.0.0.1:{redis_server.port}/0"},
        {"REDIS_URL": f"redis://:{SECRETS['the password of Redis']}@127.0.0.1:1/0"},
    ):
        before = len(installation.log)
        # A worker that stands by asks nothing of Redis.
        words = "The database failed" if "DATABASE_URL" in variables else "Running worker"
        broken = Panel(installation.folder, {**installation.environment, **variables})
        broken.spawn("manage.py", "serve", "--port", str(broken.port))
        broken.wait_until_served()
        broken.spawn("manage.py", "amiworker")
        for path in ("/calls/", "/healthz", "/metrics"):
            seen[f"{path} of {variables}"] = page.context.request.get(f"{broken.url}{path}").text()
        until(lambda: words in installation.log[before:], 60, f"the worker does not say “{words}”")  # noqa: B023
        broken.stop()
    page.complaints.clear()  # type: ignore[attr-defined]
    secrets = {**SECRETS, "the secret of the manager user": asterisk22.secret}
    client = redis.Redis(port=redis_server.port, password=SECRETS["the password of Redis"])
    held = " ".join(f"{key!r} {client.dump(key)!r}" for key in client.scan_iter())
    places = {"log": installation.log, "database": dump(postgresql, installation.environment["DATABASE_URL"])}
    places |= {"redis": held, **seen}
    assert "anna" in places["database"]
    # All of that has failed, and was logged.
    for words in ("refuses the login", "not trusted", "Connection refused", "no.such.host", "Locking out",
                  "OperationalError", "invalid username-password"):  # fmt: skip
        assert words in places["log"]
    found = [(what, where) for what, secret in secrets.items() for where, text in places.items() if secret in text]
    assert found == []

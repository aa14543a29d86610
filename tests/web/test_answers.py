"""What every answer carries, whatever it is about, asked of a real Daphne as it serves people; and in Chromium."""

import base64
import copy
import html
import http.client
import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from tests.lab.asterisk import free_port
from tests.panel import PASSWORD, Panel, Visit

# Makes somebody who sees every page.
_PEOPLE = """
from django.contrib.auth.models import User
User.objects.filter(username="anna").update(is_staff=True, is_superuser=True)
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Panel]:
    """A panel on the demo PBX."""
    panel = Panel(tmp_path_factory.mktemp("served"), {})
    panel.prepare()
    panel.shell(_PEOPLE)
    panel.start()
    try:
        yield panel
    finally:
        panel.stop()


def ask(panel: Panel, method: str, path: str, body: str = "", **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", panel.port, timeout=30)
    if body:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    connection.request(method, path, body=body or None, headers=headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


@pytest.mark.parametrize(
    ("status", "method", "path", "headers"),
    [
        (200, "GET", "/login/", {}),
        (200, "GET", "/admin/login/", {}),
        (200, "GET", "/static/panel.css", {}),
        (200, "GET", "/static/admin/css/base.css", {}),
        (302, "GET", "/calls/", {}),
        (301, "GET", "/calls", {}),
        (400, "GET", "/login/", {"Host": "elsewhere.example"}),
        (400, "GET", "/login/?x=%00", {}),
        (403, "POST", "/login/", {}),
        (404, "GET", "/no/such/page/", {}),
        (404, "GET", "/static/no/such.css", {}),
    ],
)
def test_every_answer_has_a_policy_and_is_framed_by_nobody(
    served: Panel, status: int, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = ask(served, method, path, "a=b" if method == "POST" else "", **headers)
    assert answer.status == status
    policy = str(answer.headers["Content-Security-Policy"])
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff" or "/static/" in path
    assert answer.headers["Referrer-Policy"] == "same-origin" or "/static/" in path


def test_the_script_of_the_button_is_for_pages_of_others_and_is_soon_asked_for_again(served: Panel) -> None:
    """By its plain name, since those pages know no other; it may change with the panel."""
    answer = ask(served, "GET", "/static/click-to-call.js", Origin="https://crm.example.org")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/javascript")
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cache-Control"] == "max-age=60, public"
    other = ask(served, "GET", "/static/panel.js")
    assert "Cross-Origin-Resource-Policy" not in other.headers


def test_the_application_that_a_browser_can_install_has_its_icons(served: Panel) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    connection.request("GET", "/manifest.webmanifest")
    found = json.loads(connection.getresponse().read())
    connection.close()
    assert len(found["icons"]) == 3
    for icon in found["icons"]:
        answer = ask(served, "GET", icon["src"])
        assert (answer.status, answer.headers["Content-Type"]) == (200, icon["type"])


def test_an_answer_that_failed_has_a_policy_and_tells_nothing(served: Panel, tmp_path: Path) -> None:
    """A second process whose database is away."""
    broken = Panel(tmp_path, {})
    broken.environment["DATABASE_URL"] = "postgresql://panel:Tr0ub4dor@127.0.0.1:1/panel"
    broken.spawn("manage.py", "serve", "--port", str(broken.port))
    try:
        broken.wait_until_served()
        connection = http.client.HTTPConnection("127.0.0.1", broken.port, timeout=30)
        connection.request("GET", "/calls/", headers={"Cookie": f"sessionid={'x' * 32}"})
        answer = connection.getresponse()
        page = answer.read().decode()
        assert answer.status == 503
        assert "default-src 'self'" in str(answer.headers["Content-Security-Policy"])
        assert "database cannot be reached" in html.unescape(page)
        for words in ("Tr0ub4dor", "Traceback", "127.0.0.1:1", str(settings.BASE_DIR)):
            assert words not in page
        assert "Tr0ub4dor" not in broken.log
        assert "Traceback" in broken.log
    finally:
        broken.stop()


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 403),
        ("null", 403),
        ("https://example.org", 403),
        ("http://127.0.0.1.example.org", 403),
        ("http://example.org/127.0.0.1", 403),
        ("http://127.0.0.1", 403),
        ("http://127.0.0.1:1", 403),
        ("SELF", 101),
    ],
)
def test_a_page_of_another_site_cannot_open_the_socket(served: Panel, origin: str | None, status: int) -> None:
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(secrets.token_bytes(16)).decode(),
    }
    if origin is not None:
        headers["Origin"] = origin.replace("SELF", served.url)
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    connection.request("GET", "/ws/?view=calls&lang=en", headers=headers)
    assert connection.getresponse().status == status
    connection.close()


def log_in(panel: Panel, name: str, password: str, address: str) -> int:
    """Try to log in as if a proxy said that it comes from this address; the status of the answer."""
    forwarded = {"X-Forwarded-For": address}
    cookie = str(ask(panel, "GET", "/login/", **forwarded).headers["Set-Cookie"]).partition(";")[0]
    token = cookie.partition("=")[2]
    headers = {"Cookie": cookie, "X-CSRFToken": token, **forwarded}
    return ask(panel, "POST", "/login/", f"username={name}&password={password}", **headers).status


def test_a_lock_is_for_the_address_that_the_server_was_told_to_believe(served: Panel) -> None:
    proxied = copy.copy(served)
    proxied.port = free_port()
    proxied.url = f"http://127.0.0.1:{proxied.port}"
    proxied.spawn("manage.py", "serve", "--proxy-headers", "--port", str(proxied.port))
    proxied.wait_until_served()
    assert [log_in(proxied, "mona", "wrong", "192.0.2.1") for _ in range(6)] == [200] * 4 + [429] * 2
    assert log_in(proxied, "mona", PASSWORD, "192.0.2.1") == 429
    assert log_in(proxied, "mona", PASSWORD, "192.0.2.2") == 302
    # Without the option what a client claims is nothing: all come from here.
    assert [log_in(served, "ben", "wrong", f"192.0.2.{number}") for number in range(6)] == [200] * 4 + [429] * 2


# In a browser.

PAGES = [
    "/", "/calls/", "/conferences/", "/integrations/", "/calls/new/?number=102", "/profile/", "/audit/",
    "/no/such/page/", "/conferences/demo/nowhere/",
    "/admin/", "/admin/password_change/", "/admin/auth/user/add/", "/admin/auth/group/add/",
    "/admin/auth/user/1/change/", "/admin/auth/user/1/password/", "/admin/auth/user/1/delete/",
    "/admin/auth/user/1/history/", "/admin/auth/group/2/change/", "/admin/mirror/pbx/demo/change/",
]  # fmt: skip
MODELS = [
    "auth/user", "auth/group", "mirror/pbx", "calls/channel", "conferences/conference", "conferences/participant",
    "audit/auditentry", "axes/accessattempt", "axes/accesslog",
]  # fmt: skip

_REPORT = """
document.addEventListener("securitypolicyviolation", event => console.error(
    `CSP: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber} ${event.sample}`));
"""


def test_no_page_breaks_the_policy(served: Panel, visit: Visit) -> None:
    page = visit(served, "anna")
    page.context.add_init_script(_REPORT)
    seen: dict[str, list[str]] = {}
    for path in [*PAGES, *(f"/admin/{model}/" for model in MODELS)]:
        answer = page.goto(f"{served.url}{path}")
        assert answer is not None
        assert answer.status == (404 if "/no/" in path else 200), path
        page.wait_for_timeout(100)
        complaints = [text for text in page.complaints if "Failed to load resource" not in text]  # type: ignore[attr-defined]
        page.complaints.clear()  # type: ignore[attr-defined]
        assert page.locator("h1, .empty-state").count(), path
        seen[path] = complaints
    assert {path: complaints for path, complaints in seen.items() if complaints} == {}


def test_the_policy_would_stop_what_is_not_ours(served: Panel, visit: Visit) -> None:
    """The test above is worth something: a script, a style and a handler that are put in complain, and do not run."""
    page = visit(served, "anna")
    page.context.add_init_script(_REPORT)
    page.goto(f"{served.url}/calls/")
    page.evaluate(
        """() => { document.body.insertAdjacentHTML("beforeend", '<img src="/no" onerror="window.ran = 1">');
                   document.body.append(Object.assign(document.createElement("style"), {textContent: "p {}"}));
                   document.body.append(Object.assign(document.createElement("script"), {text: "window.ran = 1"})); }"""
    )
    page.wait_for_timeout(500)
    directives = {text.split()[1] for text in page.complaints if text.startswith("CSP: ")}  # type: ignore[attr-defined]
    page.complaints.clear()  # type: ignore[attr-defined]
    assert {"script-src-attr", "script-src-elem", "style-src-elem"} <= directives
    assert page.evaluate("() => window.ran") is None


@pytest.mark.parametrize("path", ["/login/", "/admin/login/"])
def test_the_locked_page_breaks_no_policy_and_says_when_to_try_again(served: Panel, visit: Visit, path: str) -> None:
    page = visit(served, "vic")
    page.context.clear_cookies()
    page.context.add_init_script(_REPORT)
    name = f"nobody-of-{path.strip('/').replace('/', '-')}"
    for _ in range(5):
        page.goto(f"{served.url}{path}")
        page.fill("#id_username", name)
        page.fill("#id_password", "wrong")
        page.click("[type=submit]")
    assert "Try again in 10 minutes" in page.locator("[role=alert]").inner_text()
    assert page.locator("#id_username").input_value() == name
    assert page.locator("main.login form.card").count() == 1

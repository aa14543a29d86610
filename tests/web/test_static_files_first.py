"""A static file is served before Django's chain, just as the chain would serve it."""

import os
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from asgiref.testing import ApplicationCommunicator
from django.core.handlers.asgi import ASGIHandler
from pytest_django.fixtures import Settings

from web.static_files import StaticFilesFirst

# Django says so of each file that WhiteNoise gives it: one of the reasons to go before it.
pytestmark = pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume synchronous iterators")

FILE = "/static/panel.css"
TEXT, COMPRESSED = b"a { color: red }\n" * 100, b"compressed"


@pytest.fixture(autouse=True)
def collected(tmp_path: Path, settings: Settings) -> None:
    """Two files, and one of them compressed as well."""
    for name, data in (("panel.css", TEXT), ("panel.css.gz", COMPRESSED), ("click-to-call.js", TEXT)):
        (tmp_path / name).write_bytes(data)
        os.utime(tmp_path / name, (1_700_000_000, 1_700_000_000))
    settings.STATIC_ROOT = tmp_path


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Chain:
    """Django's, which tells how often it was asked."""

    def __init__(self) -> None:
        self.handler, self.asked = ASGIHandler(), 0

    async def __call__(self, *scope_receive_send: Any) -> None:
        self.asked += 1
        await self.handler(*scope_receive_send)


async def ask(application: Any, method: str, path: str, headers: dict[str, str], scheme: str) -> Answer:
    asked = [(name.encode(), value.encode()) for name, value in ({"host": "localhost"} | headers).items()]
    asking = {"method": method, "path": path, "scheme": scheme, "query_string": b"", "headers": asked}
    communicator: Any = ApplicationCommunicator(application, {"type": "http", **asking})  # type: ignore[no-untyped-call]
    await communicator.send_input({"type": "http.request"})
    start, body, more = await communicator.receive_output(10), b"", True
    while more:
        message = await communicator.receive_output(10)
        body, more = body + message.get("body", b""), message.get("more_body", False)
    await communicator.wait()
    return Answer(start["status"], {name.lower().decode(): value.decode() for name, value in start["headers"]}, body)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "body"),
    [
        ("GET", FILE, {}, 200, TEXT),
        ("GET", FILE, {"accept-encoding": "gzip, br"}, 200, COMPRESSED),
        ("GET", FILE, {"range": "bytes=2-6"}, 206, TEXT[2:7]),
        ("GET", FILE, {"range": "bytes=99999-"}, 416, b""),
        ("GET", FILE, {"if-none-match": '"6553f100-6a4"'}, 304, b""),
        ("GET", FILE, {"if-modified-since": "Tue, 14 Nov 2023 22:13:20 GMT"}, 304, b""),
        ("HEAD", FILE, {}, 200, b""),
        ("POST", FILE, {}, 405, b""),
        ("GET", "/static/click-to-call.js", {"origin": "https://crm.example.org"}, 200, TEXT),
        ("GET", FILE, {"host": "elsewhere.example"}, 200, TEXT),
    ],
)
async def test_a_file_is_served_as_by_django_and_without_it(
    method: str, path: str, headers: dict[str, str], status: int, body: bytes, scheme: str
) -> None:
    chain = Chain()
    answer = await ask(StaticFilesFirst(chain), method, path, headers, scheme)
    assert (answer.status, answer.body, chain.asked) == (status, body, 0)
    assert answer == await ask(chain, method, path, headers, scheme)
    assert "content-security-policy" in answer.headers


@pytest.mark.parametrize("path", ["/static/", "/static/no/such.css", "/static/../panel.css", "/healthz", "/panel.css"])
@pytest.mark.django_db
async def test_whatever_is_no_file_is_djangos(path: str) -> None:
    chain = Chain()
    answer = await ask(StaticFilesFirst(chain), "GET", path, {}, "http")
    assert chain.asked == 1
    assert TEXT not in answer.body


async def test_whoever_comes_by_plain_http_is_sent_to_https_where_that_is_served(settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    application = StaticFilesFirst(Chain())
    assert (await ask(application, "GET", FILE, {}, "https")).status == 200
    answer = await ask(application, "GET", FILE, {}, "http")
    assert (answer.status, answer.headers["location"]) == (301, f"https://localhost{FILE}")


async def test_while_one_develops_a_file_is_as_it_is_now(settings: Settings, tmp_path: Path) -> None:
    settings.DEBUG = True
    chain = Chain()
    application = StaticFilesFirst(chain)
    for text in (b"a {}", b"b {}"):
        (tmp_path / "panel.css").write_bytes(text)
        assert (await ask(application, "GET", FILE, {}, "http")).body == text
    assert chain.asked == 2

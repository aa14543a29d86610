"""What a web process reads of a request before it knows who asks, seen on real processes."""

import contextlib
import html
import re
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest

from engine import limits
from tests.lab.asterisk import free_port
from tests.panel import Panel

MB = 2**20
# More than was said to have filled the memory; of what a process may grow by, answering it, this is a small part.
FLOOD, GROWTH = 300 * MB, 32 * MB
HEAD = b"POST /login/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
# A web process whose time limits are short.
IMPATIENT = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "pbxpanel.settings"
from engine import limits
limits.REQUEST_TIME, limits.DRAIN_TIME = 1.5, 1.0
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", "serve", "--port", sys.argv[1]])
"""


class Web:
    """A process that serves, and what it takes of memory."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process, self.port = process, port

    @property
    def most_memory(self) -> int:
        """The most that it ever held, in bytes."""
        with open(f"/proc/{self.process.pid}/status") as status:
            found = re.search(r"VmHWM:\s*(\d+) kB", status.read())
        assert found is not None
        return int(found[1]) * 1024

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Panel]:
    panel = Panel(tmp_path_factory.mktemp("serving"), {})
    panel.prepare()
    try:
        yield panel
    finally:
        panel.stop()


@pytest.fixture(scope="module", params=["serve", "runpanel"])
def web(request: pytest.FixtureRequest, installation: Panel) -> Web:
    """Each way there is to serve."""
    port = free_port()
    process = installation.spawn("manage.py", request.param, "--port", str(port))
    installation.wait_until_served(port)
    return Web(process, port)


def answer_of(connection: socket.socket) -> str:
    """All that is answered until the other side has said all it has to say."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65536):
            received += part
    return html.unescape(received.decode())


def pour(connection: socket.socket, piece: bytes, number: int) -> int:
    """Send a piece so many times, or until the other side takes no more; how many went."""
    for sent in range(number):
        try:
            connection.sendall(piece)
        except (ConnectionResetError, BrokenPipeError):
            return sent
    return number


def test_a_flood_that_is_announced_is_refused_in_words_at_its_head(web: Web) -> None:
    before = web.most_memory
    with web.connect() as connection:
        connection.sendall(HEAD + f"Content-Length: {FLOOD}\r\n\r\n".encode())
        answer = answer_of(connection)
    assert answer.startswith("HTTP/1.1 413 ")
    assert "at most 1 MiB is accepted at a time" in answer
    assert web.most_memory - before < GROWTH


def test_a_program_that_floods_the_api_is_told_so_by_a_problem(web: Web) -> None:
    with web.connect() as connection:
        head = HEAD.replace(b"/login/", b"/api/v1/calls")
        connection.sendall(head + f"Content-Length: {FLOOD}\r\n\r\n".encode())
        answer = answer_of(connection)
    assert answer.startswith("HTTP/1.1 413 ")
    assert "Content-Type: application/problem+json" in answer
    assert '"type": "/api/v1/problems/too-large"' in answer
    assert "at most 1 MiB is accepted at a time" in answer


def test_who_sends_a_flood_all_the_same_gets_the_answer_and_takes_no_memory(web: Web) -> None:
    before = web.most_memory
    with web.connect() as connection:
        connection.sendall(HEAD + f"Content-Length: {FLOOD}\r\n\r\n".encode())
        connection.sendall(b"x" * MB)
        head = connection.recv(12)
        pour(connection, b"x" * MB, FLOOD // MB - 1)
    assert head == b"HTTP/1.1 413"
    assert web.most_memory - before < GROWTH


def test_a_flood_in_chunks_which_announces_nothing_is_refused_where_it_passes_the_limit(web: Web) -> None:
    before = web.most_memory
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    with web.connect() as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        pour(connection, chunk, limits.BODY // 0x10000)
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(20)
        pour(connection, chunk, 1)
        head = connection.recv(12)
        pour(connection, chunk, (FLOOD - limits.BODY) // 0x10000)
    assert head == b"HTTP/1.1 413"
    assert web.most_memory - before < GROWTH


def test_one_chunk_that_is_as_large_as_it_says_takes_no_memory_either(web: Web) -> None:
    before = web.most_memory
    with web.connect() as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + f"{FLOOD:x}\r\n".encode())
        pour(connection, b"x" * MB, FLOOD // MB)
    assert web.most_memory - before < GROWTH


def test_who_waits_for_a_word_before_the_body_is_refused_without_one(web: Web) -> None:
    with web.connect() as connection:
        connection.sendall(HEAD + f"Content-Length: {limits.BODY + 1}\r\nExpect: 100-continue\r\n\r\n".encode())
        assert answer_of(connection).startswith("HTTP/1.1 413 ")


def test_a_body_of_just_the_limit_is_read_and_reaches_the_page(web: Web) -> None:
    with web.connect() as connection:
        head = f"Content-Length: {limits.BODY}\r\nConnection: close\r\n\r\n".encode()
        connection.sendall(HEAD + head + b"x" * limits.BODY)
        # Django's answer to a form without its token.
        assert answer_of(connection).startswith("HTTP/1.1 403 ")


def test_many_lines_before_the_body_are_refused_and_take_no_memory(web: Web) -> None:
    before = web.most_memory
    with web.connect() as connection:
        connection.sendall(b"GET /login/ HTTP/1.1\r\nHost: localhost\r\n")
        sent = pour(connection, b"X-Line: " + b"x" * 1000 + b"\r\n", 100_000)
    assert sent < 100_000
    with web.connect() as connection:
        connection.sendall(b"GET /login/ HTTP/1.1\r\nHost: localhost\r\n" + b"X-A: b\r\n" * 600 + b"\r\n")
        assert answer_of(connection).startswith("HTTP/1.1 400 ")
    assert web.most_memory - before < GROWTH


def test_the_answer_is_in_the_language_of_whoever_asks_and_a_toast_for_a_button(web: Web) -> None:
    too_long = f"Content-Length: {limits.BODY + 1}\r\n\r\n".encode()
    with web.connect() as connection:
        connection.sendall(HEAD + b"Cookie: django_language=zh-hans\r\n" + too_long)
        assert '<html lang="zh-hans">' in answer_of(connection)
    with web.connect() as connection:
        connection.sendall(HEAD + b"HX-Request: true\r\n" + too_long)
        answer = answer_of(connection)
    assert '<div class="panel-toast is-danger"' in answer
    assert "<html" not in answer


def test_the_connection_of_one_who_was_refused_ends(web: Web) -> None:
    with web.connect() as connection:
        connection.sendall(HEAD + f"Content-Length: {FLOOD}\r\n\r\n".encode())
        answer_of(connection)
        began = time.monotonic()
        while pour(connection, b"x", 1) and time.monotonic() - began < limits.DRAIN_TIME + 10:
            time.sleep(0.1)
    assert time.monotonic() - began < limits.DRAIN_TIME + 10


def test_others_are_served_while_somebody_floods(web: Web, installation: Panel) -> None:
    with web.connect() as connection:
        connection.sendall(HEAD + f"Content-Length: {FLOOD}\r\n\r\n".encode() + b"x" * MB)
        installation.wait_until_served(web.port)


@pytest.fixture(scope="module")
def impatient(installation: Panel) -> Web:
    port = free_port()
    process = installation.spawn("-c", IMPATIENT, str(port))
    installation.wait_until_served(port)
    return Web(process, port)


@pytest.mark.parametrize(
    ("begin", "drop"),
    [
        (HEAD + b"Content-Length: 1000\r\n\r\n", b"x"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"POST /login/ HTTP/1.1\r\nHost: localhost\r\n", b"X-A: b\r\n"),
        (b"POST /", b"x"),
    ],
    ids=["body", "chunks", "lines", "first-line"],
)
def test_a_request_that_trickles_in_is_refused_in_words_when_its_time_is_over(
    begin: bytes, drop: bytes, impatient: Web
) -> None:
    """Twisted's own time limit starts anew with every byte."""
    began = time.monotonic()
    with impatient.connect() as connection:
        connection.sendall(begin)
        connection.settimeout(0.2)
        answer = b""
        while not answer and time.monotonic() - began < 15:
            connection.sendall(drop)
            with contextlib.suppress(TimeoutError):
                answer = connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"seconds to arrive, so nothing was done" in answer


def test_a_connection_that_is_kept_open_has_its_time_for_each_request(impatient: Web) -> None:
    with impatient.connect() as connection:
        for _request in range(3):
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 ")
            time.sleep(0.8)

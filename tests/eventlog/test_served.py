"""The stream on real processes: what a server makes of it, of who goes away and of who does not read."""

import json
import random
import re
import socket
import sqlite3
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from engine import limits
from tests.lab.asterisk import free_port
from tests.panel import Panel
from tests.waiting import until

pytestmark = pytest.mark.timeout(180)

LOG_IN = """
from django.contrib.auth.models import User
from django.test import Client
client = Client()
client.force_login(User.objects.get(username="anna"))
print("session " + client.cookies["sessionid"].value)
"""
# A web process that soon lets go who reads nothing.
IMPATIENT = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "pbxpanel.settings"
from engine import limits
limits.STALLED = 2.0
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", "serve", "--port", sys.argv[1]])
"""
# So many events, of some 1,500 characters each.
MANY = 20_000


class Web:
    """A process that serves, and the session of somebody who may see everything."""

    def __init__(self, folder: Path, port: int, pid: int, session: str) -> None:
        self.folder, self.port, self.pid, self.session = folder, port, pid, session

    def stream(self, query: str = "") -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        request = f"GET /api/v1/events?{query} HTTP/1.1\r\nHost: localhost\r\nCookie: sessionid={self.session}\r\n\r\n"
        connection.sendall(request.encode())
        return connection

    @property
    def readers(self) -> float:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics") as answer:
            found = re.search(r'^panel_sockets\{view="event stream"\} (\S+)$', answer.read().decode(), re.MULTILINE)
        return float(found[1]) if found else 0.0

    @property
    def memory(self) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmRSS:\s*(\d+) kB", status)
        assert found is not None
        return int(found[1]) * 1024

    @property
    def last(self) -> int:
        """The number of the last event that was written."""
        with closing(sqlite3.connect(self.folder / "panel.sqlite3", timeout=20)) as database:
            found: int = database.execute("SELECT max(number) FROM eventlog_event WHERE pbx = 'quiet'").fetchone()[0]
        return found

    def write(self, number: int) -> None:
        """So many events into the log, as a former worker may have left them; the PBX is none that leads."""
        data = json.dumps({"id": "1.1", "name": "x" * 1400})
        with closing(sqlite3.connect(self.folder / "panel.sqlite3", timeout=20)) as database:
            last = database.execute("SELECT max(number) FROM eventlog_event WHERE pbx = 'quiet'").fetchone()[0] or 0
            database.execute(
                "INSERT OR IGNORE INTO mirror_pbx (name, address, demo, link, link_since, reason, reason_parameters, "
                "version, leader, seen_at, metrics) "
                "VALUES ('quiet', '', 0, 'down', '2026-01-01', '', '{}', '', '', '2026-01-01', '[]')"
            )
            rows = [
                ("quiet", last + count, "call.ringing", "1.1", "2026-01-01", "", data) for count in range(1, number + 1)
            ]
            database.executemany(
                "INSERT INTO eventlog_event (pbx, number, type, subject, at, reference, data) VALUES (?,?,?,?,?,?,?)",
                rows,
            )
            database.commit()


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Panel]:
    panel = Panel(tmp_path_factory.mktemp("stream"), {})
    panel.prepare()
    try:
        yield panel
    finally:
        panel.stop()


@pytest.fixture(scope="module")
def web(installation: Panel) -> Web:
    port = free_port()
    session = installation.shell(LOG_IN).rpartition("session ")[2].strip()
    process = installation.spawn("-c", IMPATIENT, str(port))
    installation.wait_until_served(port)
    return Web(installation.folder, port, process.pid, session)


def read_until(connection: socket.socket, words: str) -> str:
    text = b""
    while words.encode() not in text:
        part = connection.recv(2**20)
        assert part, text[-500:]
        text += part
    return text.decode()


def test_what_is_in_the_log_is_streamed_and_the_stream_ends_with_who_reads_it(web: Web) -> None:
    web.write(300)
    with web.stream("after=quiet:290") as connection:
        text = read_until(connection, "id: quiet:300\n")
        assert re.findall(r"^id: quiet:(\d+)$", text, re.MULTILINE) == [str(number) for number in range(290, 301)]
        assert "Content-Type: text/event-stream" in text
        until(lambda: web.readers == 1)
    until(lambda: web.readers == 0, what="Nobody has noticed that the reader has gone.")


class Writing(threading.Thread):
    """Somebody writes the log, as fast as the database takes it, until it is stopped."""

    def __init__(self, web: Web) -> None:
        super().__init__(daemon=True)
        self.web, self.stopped = web, threading.Event()

    def run(self) -> None:
        while not self.stopped.is_set():
            self.web.write(20)


def numbers_in(text: bytes) -> list[int]:
    """The numbers of the events that have come whole."""
    whole = re.sub(rb"\r\n[0-9a-f]+\r\n", b"", text).rpartition(b"\n\n")[0]
    return [int(number) for number in re.findall(rb"^id: quiet:(\d+)\nevent: call", whole, re.MULTILINE)]


def test_connections_that_are_cut_fifty_times_under_load_miss_nothing_and_repeat_nothing(web: Web) -> None:
    chance, writing, told = random.Random(17), Writing(web), list[int]()
    web.write(1)
    at = first = web.last
    writing.start()
    try:
        for _cut in range(50):
            wanted, text = chance.randint(1, 4000), b""
            with web.stream(f"after=quiet:{at}") as connection:
                while len(text) < wanted or b"\nevent: call" not in text:
                    part = connection.recv(chance.randint(1, 2**16))
                    assert part, text[-500:]
                    text += part
            told += numbers_in(text)
            at = told[-1] if told else first
    finally:
        writing.stopped.set()
        writing.join()
    last = web.last
    with web.stream(f"after=quiet:{at}") as connection:
        text = read_until(connection, f"id: quiet:{last}\n").encode()
        while numbers_in(text)[-1:] != [last] and at < last:
            text += connection.recv(2**20)
    told += numbers_in(text)
    assert told == list(range(first + 1, last + 1))
    assert len(told) > 500


def test_who_does_not_read_costs_little_and_is_let_go_at_last(web: Web) -> None:
    web.write(MANY)
    # As many who read: each thread has a connection to SQLite, which keeps a cache; that is not what is measured.
    quick = [web.stream("after=quiet:0") for _ in range(5)]
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda connection: read_until(connection, f"id: quiet:{MANY}\n"), quick))
    for connection in quick:
        connection.close()
    until(lambda: web.readers == 0)
    before = web.memory
    slow = [web.stream("after=quiet:0") for _ in range(5)]
    try:
        until(lambda: web.readers == 5)
        until(lambda: web.readers == 0, 30, "Who reads nothing was not let go.")
        assert web.memory - before < 20 * 2**20, "of 5 times 30 MB"
    finally:
        for connection in slow:
            connection.close()


def test_who_reads_slowly_gets_everything(web: Web) -> None:
    assert limits.STALLED > 1
    web.write(2000)
    with closing(sqlite3.connect(web.folder / "panel.sqlite3")) as database:
        last = database.execute("SELECT max(number) FROM eventlog_event WHERE pbx = 'quiet'").fetchone()[0]
    connection = web.stream(f"after=quiet:{last - 2000}")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**16)
    with connection:
        text = b""
        for _ in range(3):
            time.sleep(1)
            text += connection.recv(2**16)
        text += read_until(connection, f"id: quiet:{last}\n").encode()
    found = re.findall(rb"^id: quiet:(\d+)$", re.sub(rb"\r\n[0-9a-f]+\r\n", b"", text), re.MULTILINE)
    assert [int(number) for number in found] == list(range(last - 2000, last + 1))

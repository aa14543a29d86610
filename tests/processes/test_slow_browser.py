"""Browsers that do not read: they cost bounded memory, and see the truth when they read again."""

import asyncio
import base64
import contextlib
import os
import re
import socket
import sqlite3
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from engine.demo import DemoPbx, load
from engine.mirror.models import dom_id
from tests.panel import Panel, Visit
from tests.waiting import until

pytestmark = pytest.mark.timeout(300)

SOCKETS = 8
MEMBERS = 20
# Opcodes of RFC 6455.
TEXT, PING, PONG = 1, 9, 10
COUNT_MESSAGES = """() => {
    window.messages = 0;
    addEventListener("htmx:ws:before:message:incoming", () => { window.messages += 1; });
}"""


class BusyPbx:
    """A demo PBX with one conference of people who all begin and stop talking ten times a second."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.url = ""
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._ready.wait(10)

    def _run(self) -> None:
        self.loop.run_until_complete(self._live())

    async def _live(self) -> None:
        self.pbx = pbx = DemoPbx(seed=3, lively=False)
        address = await pbx.start()
        self.url = f"ami://{address.username}:{address.secret}@{address.host}:{address.port}"
        self.members = load.fill_conference(pbx.switch, "8001", MEMBERS)
        self.busy, self.ended = True, asyncio.Event()
        self._ready.set()
        talking = False
        while not self.ended.is_set():
            await asyncio.sleep(0.05)
            if self.busy:
                talking = not talking
                for member in self.members:
                    pbx.switch.speak(member, talking)
                pbx.catch_up()
        await pbx.stop()

    def rest(self) -> None:
        """From now on every third talks, and nothing changes any more."""
        self.busy = False
        for number, member in enumerate(self.members):
            self.pbx.switch.speak(member, number % 3 == 0)
        self.pbx.catch_up()

    @property
    def talking_at_rest(self) -> set[str]:
        """The ids of those who talk then, on the page."""
        return {dom_id("participant", "main", member.channel.uniqueid) for member in self.members[::3]}

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.ended.set)
        self._thread.join(10)


@pytest.fixture
def pbx() -> Iterator[BusyPbx]:
    pbx = BusyPbx()
    try:
        yield pbx
    finally:
        pbx.stop()


class RawSocket:
    """A WebSocket with small buffers, on which nothing is read unless a test asks."""

    def __init__(self, panel: Panel, cookie: str) -> None:
        self.connection = socket.socket()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.connection.connect(("127.0.0.1", panel.port))
        self.connection.settimeout(10)
        key = base64.b64encode(os.urandom(16)).decode()
        self.connection.sendall(
            f"GET /ws/?view=conference&key=main/8001&lang=en HTTP/1.1\r\nHost: 127.0.0.1:{panel.port}\r\n"
            f"Origin: {panel.url}\r\nCookie: {cookie}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += self.connection.recv(1)
        assert answer.startswith(b"HTTP/1.1 101"), answer

    def receive(self) -> str:
        """The next text message."""
        while True:
            first, second = self._read(2)
            size = second & 127
            if size == 126:
                (size,) = struct.unpack("!H", self._read(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", self._read(8))
            body = self._read(size)
            if first & 15 == TEXT:
                return body.decode()
            assert first & 15 == PING, f"opcode {first & 15}"
            self._send(PONG, body)

    def say(self, text: str) -> None:
        self._send(TEXT, text.encode())

    def _send(self, opcode: int, body: bytes) -> None:
        """One short frame."""
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(body))
        self.connection.sendall(bytes([0x80 | opcode, 0x80 | len(body)]) + mask + masked)

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self.connection.recv(size - len(data))
            assert piece, "closed"
            data += piece
        return data


def resident(pid: int) -> int:
    """Bytes of memory that a process holds."""
    (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


def talking_now(panel: Panel) -> set[str]:
    """The ids of those who talk, by the panel's database."""
    with contextlib.closing(sqlite3.connect(panel.folder / "panel.sqlite3", timeout=20)) as database:
        rows = database.execute("SELECT uniqueid FROM conferences_participant WHERE talking")
        return {dom_id("participant", "main", uniqueid) for (uniqueid,) in rows}


def overflown(page: Page, panel: Panel) -> int:
    """How often what waited for somebody was given up for a fresh board."""
    text = page.request.get(f"{panel.url}/metrics").text()
    found = re.search(r'^panel_gaps_healed_total\{why="queue"\} ([\d.]+)', text, re.MULTILINE)
    return int(float(found[1])) if found else 0


def cookie_of(page: Page) -> str:
    return "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in page.context.cookies())


def test_browsers_that_do_not_read_cost_bounded_memory_and_catch_up(pbx: BusyPbx, tmp_path: Path, visit: Visit) -> None:
    panel = Panel(tmp_path, {"AMI_URL": pbx.url})
    panel.prepare()
    panel.start()
    try:
        page = visit(panel, "anna", "/conferences/main/8001/")
        pid = panel.processes[0].pid
        page.evaluate(COUNT_MESSAGES)
        page.wait_for_function("() => window.messages >= 30")  # all that is made once has been made
        before = resident(pid)
        sockets = [RawSocket(panel, cookie_of(page)) for _ in range(SOCKETS)]
        started = time.monotonic()
        # Until no more waits for any of them than may; but Daphne ends one that has answered no ping for 50 s.
        until(lambda: overflown(page, panel) >= SOCKETS or time.monotonic() - started > 40, 60, "no answer")
        assert overflown(page, panel) > 0
        growth = resident(pid) - before
        took = time.monotonic() - started
        print(f"{SOCKETS} sockets that did not read for {took:.0f} s: {growth / 2**20:.0f} MiB more")
        assert growth < SOCKETS * 1.25 * 2**20
        pbx.loop.call_soon_threadsafe(pbx.rest)
        talking = pbx.talking_at_rest
        until(lambda: talking_now(panel) == talking, 60, "the database does not have who talks")
        for raw in sockets[:3]:
            count, started = 0, time.monotonic()
            while who_talks(raw.receive()) != talking:
                count += 1
                raw.say(f"read {count}")
            print(f"up to date after {count + 1} messages, {time.monotonic() - started:.2f} s")
        for raw in sockets:
            raw.connection.close()
    finally:
        panel.stop()


def who_talks(message: str) -> set[str] | None:
    """The ids of those who talk on a whole board; None for any other message."""
    shown = re.findall(r'<li class="[^"]*"\s+id="(participant-main-[\w-]+)"[^>]*\sdata-talking-since="(\d*)"', message)
    if len(shown) < MEMBERS:
        return None
    return {name for name, since in shown if since}

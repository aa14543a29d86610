"""A TCP proxy on loopback that fails on demand: it stands between the panel and a real server."""

import contextlib
import select
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType

# How soon a fault that was asked for takes effect at the latest, in seconds.
STEP = 0.02
# Small, so that a reader that stops is soon felt by the server that writes.
RECEIVE_BUFFER = 32 * 1024


class Proxy:
    """Passes bytes between whoever connects to `port` and 127.0.0.1:`target`, until a test makes it fail.

    A fault holds for all connections, also new ones, until `mend`; `cut`, `half_open` and `insert` are for those of
    this moment. It is in force when the method returns. With `after=n` it begins once n more bytes of the server
    have been passed on. `cut_next` and `stall_next` hold, for each connection to come, after how many bytes.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.accepted = 0
        self.cut_next: deque[int] = deque()
        self.stall_next: deque[int] = deque()
        self._lock = threading.Lock()
        self._links: set[_Link] = set()
        self._listener: socket.socket | None = None
        self._closing = False
        self._threads: list[threading.Thread] = []
        # What the links look at, each time before they pass something on.
        self.stalled = False
        self.deaf = False
        self.bytewise = False
        self._listener = self._listen(0)
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept)

    def __enter__(self) -> "Proxy":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End everything; returns when all threads have."""
        self._closing = True
        self.refuse()
        self.cut()
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive(), "a thread of the proxy does not end"

    # The faults.

    def cut(self, after: int = 0, *, reset: bool = False) -> None:
        """End the connections of now, towards both sides: with a FIN, or with `reset` with an RST."""
        for link in self._now():
            link.cut_after(after, reset)
        self._settle()

    def stall(self, after: int = 0) -> None:
        """Take what comes and pass nothing on, in either direction; new connections are taken and stall too."""
        if after:
            for link in self._now():
                link.stall_after(after)
        else:
            self.stalled = True
        self._settle()

    def half_open(self) -> None:
        """The server is gone and the client is not told: from here on its connection is silent for good."""
        for link in self._now():
            link.server_lost = True
        self._settle()

    def refuse(self) -> None:
        """Refuse new connections; those there are stay."""
        with self._lock:
            listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()

    def trickle(self) -> None:
        """Pass on one byte at a time, each in a packet of its own."""
        self.bytewise = True
        self._settle()

    def stop_reading(self) -> None:
        """Read no more from the server, as a client that cannot keep up; the other direction goes on."""
        self.deaf = True
        self._settle()

    def insert(self, garbage: bytes) -> None:
        """Send these bytes to the client, between two reads: in the middle of a message, where one is under way."""
        for link in self._now():
            link.garbage += garbage
        self._settle()

    def mend(self) -> None:
        """Pass everything on again. What was cut or half-open stays so; new connections are as they should be."""
        with self._lock:
            if self._listener is None and not self._closing:
                self._listener = self._listen(self.port)
        self.stalled = self.deaf = self.bytewise = False
        for link in self._now():
            link.stall_after(-1)

    @property
    def connections(self) -> frozenset[object]:
        """Those that are open now. One whose client has given up is closed, and what it sent last is lost."""
        return frozenset(self._now())

    # The machinery.

    def _now(self) -> list["_Link"]:
        with self._lock:
            return list(self._links)

    def _settle(self) -> None:
        """Wait until each connection has seen what it is to do."""
        seen = {link: link.rounds for link in self._now()}
        deadline = time.monotonic() + 2  # one that is blocked in a write sees it later
        while time.monotonic() < deadline:
            if all(link.rounds >= rounds + 2 or link not in self._links for link, rounds in seen.items()):
                return
            time.sleep(STEP / 4)

    def _listen(self, port: int) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", port), backlog=64)
        listener.settimeout(STEP)
        return listener

    def _start(self, run: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=run, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        pause = threading.Event()
        while not self._closing:
            listener = self._listener
            if listener is None:
                pause.wait(STEP)
                continue
            try:
                client, _ = listener.accept()
            except OSError:  # nobody came, or it was closed meanwhile
                continue
            self.accepted += 1
            self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        server = socket.socket()
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        try:
            server.connect(("127.0.0.1", self.target))
        except OSError:  # the server is away: so it shows to the client
            client.close()
            server.close()
            return
        link = _Link(self, client, server)
        if self.cut_next:
            link.cut_after(self.cut_next.popleft(), reset=False)
        if self.stall_next:
            link.stall_after(self.stall_next.popleft())
        with self._lock:
            self._links.add(link)
        try:
            if not self._closing:
                link.run()
        finally:
            with self._lock:
                self._links.discard(link)
            link.close()


class _Link:
    """One connection through the proxy. Its own thread runs it; the faults are asked for by other threads."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self.proxy, self.client, self.server = proxy, client, server
        for side in (client, server):
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._passed = 0
        self._cut_at = -1
        self._reset = False
        self._stall_at = -1
        self.rounds = 0
        self.server_lost = False
        self.garbage = b""

    def cut_after(self, more: int, reset: bool) -> None:
        self._reset, self._cut_at = reset, self._passed + more

    def stall_after(self, more: int) -> None:
        self._stall_at = self._passed + more if more >= 0 else -1

    def run(self) -> None:
        """Pass on until one side ends, or a fault does it."""
        with contextlib.suppress(ConnectionError):
            while not self._is_cut:
                self.rounds += 1
                if self.server_lost:
                    self.server.close()
                    if not self._silence():
                        return
                elif self.proxy.stalled or 0 <= self._stall_at <= self._passed:
                    if not self._silence():
                        return
                elif not self._pass_on():
                    return

    @property
    def _is_cut(self) -> bool:
        return 0 <= self._cut_at <= self._passed

    def _silence(self) -> bool:
        """Wait a moment; False when the client has given up: what it sent last is lost with it."""
        poll = select.poll()
        poll.register(self.client, select.POLLRDHUP)
        return not poll.poll(STEP * 1000)

    def _pass_on(self) -> bool:
        """What is there now; False when a side has ended."""
        if self.garbage:
            garbage, self.garbage = self.garbage, b""
            self._send(self.client, garbage)
        sources = [self.client] if self.proxy.deaf else [self.client, self.server]
        ready, _, _ = select.select(sources, [], [], STEP)
        if self.client in ready:
            data = self.client.recv(65536)
            if not data:
                return False
            self._send(self.server, data)
        if self.server in ready:
            data = self.server.recv(self._at_most())
            if not data:
                return False
            self._send(self.client, data)
            self._passed += len(data)
        return True

    def _at_most(self) -> int:
        limits = [at - self._passed for at in (self._cut_at, self._stall_at) if at > self._passed]
        return min([65536, *limits])

    def _send(self, sink: socket.socket, data: bytes) -> None:
        if self.proxy.bytewise:
            for number in range(len(data)):
                sink.sendall(data[number : number + 1])
        else:
            sink.sendall(data)

    def close(self) -> None:
        for side in (self.client, self.server):
            if self._reset:
                side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            side.close()

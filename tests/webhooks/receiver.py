"""A receiver of webhooks: a real HTTP server, which answers as it is told to."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook as Verifier


@dataclass
class Got:
    """One request."""

    path: str
    headers: Mapping[str, str]
    body: str
    at: float = field(default_factory=time.time)

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def told(self) -> Any:
        return json.loads(self.body)

    @property
    def number(self) -> int:
        number: int = self.told["number"]
        return number

    def is_signed_by(self, secret: str) -> bool:
        """Whether the library that receivers use takes it."""
        try:
            Verifier(secret).verify(self.body, dict(self.headers))
        except Exception:
            return False
        return True


# What is answered to a request: status, headers, body.
Answer = tuple[int, Mapping[str, str], bytes]
OK: Answer = (200, {}, b"thanks")


class Receiver:
    """`answer` says what is answered; what came is in `got`, in the order in which it came, and was answered in
    `answered`.
    """

    def __init__(self, port: int = 0, answer: Callable[[Got], Answer] = lambda got: OK) -> None:
        self.got: list[Got] = []
        self.answered: list[Got] = []
        self.answer = answer
        # How many were answered at the same time, at most.
        self.most = 0
        self._now = 0
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self.port = port
        self.start()

    def start(self) -> None:
        """Listen; at the same port as before."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                receiver._take(self)

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, request: object, client_address: object) -> None:
                pass  # whoever has asked is gone

        self._server = Server(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def _take(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers["Content-Length"])
        body = handler.rfile.read(length)
        if len(body) < length:
            handler.close_connection = True
            return  # whoever has sent it was killed in the middle
        got = Got(handler.path, {name.lower(): value for name, value in handler.headers.items()}, body.decode())
        with self._lock:
            self.got.append(got)
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            status, headers, content = self.answer(got)
        finally:
            with self._lock:
                self._now -= 1
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        with self._lock:
            self.answered.append(got)
        handler.wfile.write(content)


@contextmanager
def receiving(answer: Callable[[Got], Answer] = lambda got: OK) -> Iterator[Receiver]:
    receiver = Receiver(answer=answer)
    try:
        yield receiver
    finally:
        receiver.stop()

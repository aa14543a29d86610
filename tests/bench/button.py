"""What a browser does to a panel, as far as a button needs it: the login form, pages and presses, by HTTP alone."""

import socket
import time
from collections.abc import Mapping
from http.client import HTTPResponse
from http.cookies import SimpleCookie
from urllib.parse import urlencode

from tests.panel import Panel


class Browser:
    """Somebody who has logged in. Of the panel it knows addresses and names of fields, and nothing else."""

    def __init__(self, panel: Panel, username: str, password: str) -> None:
        self._panel = panel
        self._cookies: SimpleCookie = SimpleCookie()
        self._socket: socket.socket | None = None
        self.get("/login/")
        form = {"csrfmiddlewaretoken": self._token, "username": username, "password": password, "next": ""}
        status, _sent, text = self._exchange("POST", "/login/", form, {})
        assert status == 302, text[-2000:]

    def get(self, path: str) -> str:
        status, _sent, text = self._exchange("GET", path, {}, {})
        assert status == 200, f"{path}: {status} {text[-2000:]}"
        return text

    def press(self, path: str, fields: Mapping[str, str]) -> int:
        """Press a button and wait for the answer; when it was sent, by the machine's own clock."""
        headers = {"HX-Request": "true", "X-CSRFToken": self._token}
        status, sent, text = self._exchange("POST", path, fields, headers)
        assert status in (200, 204), f"{path}: {status} {text[-2000:]}"
        return sent

    def hang_up(self) -> None:
        """Close the connection; the next request opens another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    @property
    def _token(self) -> str:
        return self._cookies["csrftoken"].value

    def _exchange(
        self, method: str, path: str, fields: Mapping[str, str], headers: Mapping[str, str]
    ) -> tuple[int, int, str]:
        """Status, when the request was sent, and the text of the answer."""
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._panel.port), timeout=30)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        body = urlencode(fields).encode()
        everything = {
            "Host": f"127.0.0.1:{self._panel.port}",
            "Accept-Language": "en",
            "Cookie": "; ".join(f"{name}={morsel.value}" for name, morsel in self._cookies.items()),
            **headers,
        }
        if method == "POST":
            everything["Origin"] = self._panel.url
            everything["Content-Type"] = "application/x-www-form-urlencoded"
            everything["Content-Length"] = str(len(body))
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in everything.items())]
        request = "\r\n".join([*lines, "", ""]).encode() + body
        sent = time.monotonic_ns()
        self._socket.sendall(request)
        with HTTPResponse(self._socket, method=method) as response:
            response.begin()
            text = response.read().decode()
        for cookie in response.headers.get_all("Set-Cookie", []):
            self._cookies.load(cookie)
        return response.status, sent, text

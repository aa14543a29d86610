"""A tiny blocking AMI client of the lab's own, so that the lab never leans on the code it is there to test."""

from __future__ import annotations

import itertools
import socket
import time
from collections.abc import Callable

Message = dict[str, str]


class Ami:
    """One logged-in session. Keeps every byte and every message it received.

    Args:
        port: AMI port on 127.0.0.1.
        user, secret: a user of manager.conf.
        timeout: the longest wait for any one thing, in seconds.
    """

    def __init__(self, port: int, user: str, secret: str, timeout: float = 10.0) -> None:
        self.timeout = timeout
        self.raw = bytearray()
        self.messages: list[Message] = []
        self._parsed = 0
        self._ids = itertools.count(1)
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        try:
            self._read_until(lambda: b"\r\n" in self.raw)
            self._parsed = self.raw.index(b"\r\n") + 2
            answer = self.action("Login", Username=user, Secret=secret)
            if answer.get("Response") != "Success":
                raise ConnectionError(f"AMI login refused: {answer.get('Message')}")
        except BaseException:
            self._socket.close()
            raise

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Ami:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def send(self, action: str, *variables: str, **fields: str) -> str:
        """Send an action without waiting for its answer; returns its ActionID."""
        action_id = f"lab-{next(self._ids)}"
        lines = [f"Action: {action}", f"ActionID: {action_id}"]
        lines += [f"{name}: {value}" for name, value in fields.items()]
        lines += [f"Variable: {variable}" for variable in variables]
        self._socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        return action_id

    def action(self, action: str, *variables: str, **fields: str) -> Message:
        """Send an action and wait for its response (not for the events that may follow)."""
        seen = len(self.messages)
        action_id = self.send(action, *variables, **fields)
        return self.wait(lambda m: "Response" in m and m.get("ActionID") == action_id, since=seen)

    def listing(self, action: str, **fields: str) -> list[Message]:
        """Send a list action; returns the response and its events, the completing one last."""
        seen = len(self.messages)
        answer = self.action(action, **fields)
        action_id = answer["ActionID"]
        if answer["Response"] == "Success":
            self.wait(lambda m: m.get("EventList") == "Complete" and m.get("ActionID") == action_id, since=seen)
        return [message for message in self.messages[seen:] if message.get("ActionID") == action_id]

    def event(self, name: str, since: int = 0, **fields: str) -> Message:
        """Wait for an event whose fields have these values; events from message number ``since`` on count."""
        wanted = {"Event": name, **fields}
        return self.wait(lambda m: all(m.get(key) == value for key, value in wanted.items()), since=since)

    def number_of(self, message: Message) -> int:
        """Where a message is among those that came."""
        return next(number for number, other in enumerate(self.messages) if other is message)

    def wait(self, matches: Callable[[Message], bool], since: int = 0) -> Message:
        """The first message from number ``since`` on that matches; TimeoutError if none comes in time."""
        position = since
        found: Message | None = None

        def arrived() -> bool:
            nonlocal position, found
            self._parse()
            while found is None and position < len(self.messages):
                if matches(self.messages[position]):
                    found = self.messages[position]
                position += 1
            return found is not None

        self._read_until(arrived)
        assert found is not None
        return found

    def listen(self, seconds: float) -> None:
        """Take in what comes during this time."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self._receive(left)
        self._parse()

    def _read_until(self, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + self.timeout
        while not done():
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("nothing that was waited for came over AMI")
            self._receive(left)

    def _receive(self, seconds: float) -> None:
        self._socket.settimeout(seconds)
        try:
            received = self._socket.recv(65536)
        except TimeoutError:
            return
        if not received:
            raise ConnectionError("Asterisk closed the AMI connection")
        self.raw += received

    def _parse(self) -> None:
        while (end := self.raw.find(b"\r\n\r\n", self._parsed)) >= 0:
            text = self.raw[self._parsed : end].decode("utf-8", "replace")
            self._parsed = end + 4
            message: Message = {}
            for line in text.split("\r\n"):
                name, _, value = line.partition(":")
                value = value.removeprefix(" ")
                message[name] = f"{message[name]}\n{value}" if name in message else value
            self.messages.append(message)

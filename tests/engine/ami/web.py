"""A peer on loopback that offers AMI over HTTP as Asterisk does, until a test tells it to fail."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from engine.ami.transports import Address

from .server import HOST, SECRET

Form = dict[str, str]

WAITED = "Response: Success\r\nMessage: Waiting for Event completed.\r\n\r\n"
NO_MORE = "Event: WaitEventComplete\r\n\r\n"


@dataclass
class Request:
    line: str
    headers: Form
    form: Form
    writer: asyncio.StreamWriter

    @property
    def action(self) -> str:
        return self.form.get("Action", "")

    def says(self, *lines: str, response: str = "Success") -> str:
        """A message that answers it."""
        action_id = [f"ActionID: {self.form['ActionID']}"] if "ActionID" in self.form else []
        return "\r\n".join([f"Response: {response}", *action_id, *lines, "", ""])

    def item(self, event: str, *lines: str) -> str:
        """An event that belongs to its answer."""
        return "\r\n".join([f"Event: {event}", f"ActionID: {self.form['ActionID']}", *lines, "", ""])

    def send(self, body: str, status: str = "200 OK", kind: str = "text/plain", *headers: str, more: int = 0) -> None:
        """Answer; `more` bytes are promised besides and do not come."""
        lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body.encode()) + more}"]
        self.writer.write("\r\n".join([*lines, *headers, "", body]).encode())


Script = Callable[[Request], Awaitable[bool]]


@dataclass
class Web:
    """What it has been asked, and what it is to say. `script` answers a request first; False leaves it to the rest."""

    script: Script
    session: str = "0badcafe"
    mark: str = "1234"
    requests: list[Request] = field(default_factory=list)
    events: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    errors: list[BaseException] = field(default_factory=list)
    address: Address = field(init=False)

    @property
    def asked(self) -> list[str]:
        """The actions so far, without those of every session."""
        usual = ("Challenge", "Login", "WaitEvent", "Logoff", "Ping")
        return [request.action for request in self.requests if request.action not in usual]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await _read(reader, writer):
                self.requests.append(request)
                if not await self.script(request):
                    await self._answer(request)
                await writer.drain()
        except AssertionError as error:
            self.errors.append(error)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _answer(self, request: Request) -> None:
        body = request.says()
        if request.action == "Challenge":
            body = request.says(f"Challenge: {self.mark}")
        elif request.action == "Login":
            body += "Event: FullyBooted\r\nStatus: Fully Booted\r\n\r\n"
        elif request.action == "WaitEvent":
            body = WAITED + "".join(self.events.get_nowait() for _ in range(self.events.qsize())) + NO_MORE
        cookie = f'Set-Cookie: mansession_id="{self.session}"; Version=1; Max-Age=60'
        request.send(body, "200 OK", "text/plain", cookie)


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request | None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    line, *rest = head.removesuffix("\r\n\r\n").split("\r\n")
    headers = {key.lower(): value for key, value in (each.split(": ", 1) for each in rest)}
    body = (await reader.readexactly(int(headers["content-length"]))).decode()
    # Nothing of an action, least of all a secret, stands where a proxy or a log keeps it.
    assert re.fullmatch(r"POST /a?rawman HTTP/1\.1", line), line
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    return Request(line, headers, dict(parse_qsl(body, keep_blank_values=True)), writer)


async def usual(request: Request) -> bool:
    return False


@contextlib.asynccontextmanager
async def web(script: Script = usual, *, path: str = "/rawman") -> AsyncIterator[Web]:
    """Serves until the end; an assertion that failed within it fails the test."""
    served = Web(script)
    tasks = set[asyncio.Task[None]]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        await served.serve(reader, writer)
        tasks.discard(task)

    listener = await asyncio.start_server(serve, HOST, 0)
    port = listener.sockets[0].getsockname()[1]
    served.address = Address("ami+http", HOST, port, "panel", SECRET, path=path)
    try:
        yield served
    finally:
        listener.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for error in served.errors:
        raise error

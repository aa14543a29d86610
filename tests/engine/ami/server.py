"""A peer on loopback that says what a test tells it to say: a manager interface, or something else."""

import asyncio
import contextlib
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import pairwise

from engine.ami.transports import Address

HOST = "127.0.0.1"
SECRET = "s3cret: with ümlaut"
NONCE = "840415273"
GREETING = b"Asterisk Call Manager/11.0.0\r\n"

Fields = dict[str, str]


class Peer:
    """One connection, from the server's side."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        self.reader, self.writer, self.number = reader, writer, number

    def say(self, *lines: str) -> None:
        """One message, of these lines."""
        self.writer.write("\r\n".join([*lines, "", ""]).encode())

    def answer(self, action: Fields, *lines: str, response: str = "Success") -> None:
        self.say(f"Response: {response}", f"ActionID: {action['ActionID']}", *lines)

    def item(self, action: Fields, event: str, *lines: str) -> None:
        """An event that belongs to the answer of an action."""
        self.say(f"Event: {event}", f"ActionID: {action['ActionID']}", *lines)

    async def action(self) -> Fields:
        """The next action the client sends."""
        text = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        return dict(line.split(": ", 1) for line in text.split("\r\n") if line)

    async def expect(self, name: str) -> Fields:
        action = await self.action()
        assert action["Action"] == name
        return action

    async def login(self) -> Fields:
        """Greet, offer a challenge, accept whatever comes, and say that all is booted. The login's fields."""
        self.writer.write(GREETING)
        self.answer(await self.expect("Challenge"), f"Challenge: {NONCE}")
        login = await self.expect("Login")
        self.answer(login, "Message: Authentication accepted")
        self.say("Event: FullyBooted", "Status: Fully Booted")
        return login

    async def refuse_login(self) -> None:
        self.writer.write(GREETING)
        self.answer(await self.expect("Challenge"), f"Challenge: {NONCE}")
        self.answer(await self.expect("Login"), "Message: Authentication failed", response="Error")

    async def pong(self) -> None:
        """Answer pings until the client leaves."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                self.answer(await self.expect("Ping"), "Ping: Pong")

    async def gone(self) -> None:
        """Say nothing until the client leaves."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(4096):
                pass


Script = Callable[[Peer], Awaitable[None]]


class Server:
    """Where it listens, and when who came. A script that fails fails the test."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.came_at: list[float] = []
        self.errors: list[BaseException] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self.address: Address

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        self.came_at.append(time.monotonic())
        try:
            await self.script(Peer(reader, writer, len(self.came_at)))
            await writer.drain()
        except AssertionError as error:
            self.errors.append(error)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the client, or the test, left before the script had ended
        finally:
            self.tasks.discard(task)
            writer.close()

    @property
    def gaps(self) -> list[float]:
        """The times between one connection and the next."""
        return [after - before for before, after in pairwise(self.came_at)]


@contextlib.asynccontextmanager
async def serving(script: Script) -> AsyncIterator[Server]:
    """A server that plays `script` for each client, then closes the connection."""
    server = Server(script)
    listener = await asyncio.start_server(server.serve, HOST, 0)
    port = listener.sockets[0].getsockname()[1]
    server.address = Address("ami", HOST, port, "panel", SECRET)
    try:
        yield server
    finally:
        listener.close()
        for task in list(server.tasks):
            task.cancel()
        await asyncio.gather(*server.tasks, return_exceptions=True)
    for error in server.errors:
        raise error


def md5_key() -> str:
    return hashlib.md5(NONCE.encode() + SECRET.encode()).hexdigest()

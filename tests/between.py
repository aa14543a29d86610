"""A port between a client and a server on loopback: what is sent comes there as a real network would bring it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

HOST = "127.0.0.1"
PassOn = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def between(target: int, there: PassOn, back: PassOn) -> AsyncIterator[int]:
    """The port; each of the two passes on what comes, to the port `target` and from it, and then closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        their_reader, their_writer = await asyncio.open_connection(HOST, target)
        with contextlib.suppress(ConnectionError):
            await asyncio.gather(there(reader, their_writer), back(their_reader, writer))

    async with await asyncio.start_server(serve, HOST, 0) as server:
        yield server.sockets[0].getsockname()[1]

"""A receiver of webhooks in a process of its own, which answers after a time: `python -m tests.bench.receiver SECONDS`.

`late` says of each event by how many seconds after it was written into the log it came.
"""

import asyncio
import json
import sys
import time
from datetime import datetime
from typing import Any

from .child import serve

late: dict[int, float] = {}


async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection, on which one request comes after another."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            fields = dict(line.split(b": ", 1) for line in head.lower().splitlines()[1:] if line)
            told = json.loads(await reader.readexactly(int(fields[b"content-length"])))
            came = time.time() - datetime.fromisoformat(told["timestamp"]).timestamp()
            late.setdefault(told["number"], came)
            await asyncio.sleep(float(sys.argv[1]))
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()  # whoever has sent it has gone


async def lateness(asked: dict[str, Any]) -> list[float]:
    return list(late.values())


async def main() -> None:
    server = await asyncio.start_server(receive, "127.0.0.1")
    await serve(server.sockets[0].getsockname()[1], {"late": lateness})


if __name__ == "__main__":
    asyncio.run(main())

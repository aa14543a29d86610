"""What a process does that works until it is told to end."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any


def run_until_told(work: Coroutine[Any, Any, Any]) -> bool:
    """Run this in an event loop of its own; SIGTERM or SIGINT cancels it, also where the process was started with them
    ignored. True: it ended by itself; False: it was told to. What it raises is raised. For the main thread alone.
    """
    told = False

    async def run() -> None:
        task = asyncio.create_task(work)

        def tell() -> None:
            nonlocal told
            told = True
            task.cancel()

        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, tell)
        await task

    try:
        asyncio.run(run())
    except asyncio.CancelledError:
        if not told:
            raise
        return False
    return True

"""Waiting for what has no event of its own: for a condition, with a limit, and never for a time."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from asgiref.sync import sync_to_async


def until(condition: Callable[[], object], seconds: float = 20.0, what: str = "It did not happen in time.") -> float:
    """Wait until something holds; how long that took, in seconds. `what` is said where it does not."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds, what
        time.sleep(0.02)
    return time.monotonic() - started


async def until_async(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """The same in an event loop, of what is in memory. Raises `TimeoutError`."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 (what it waits for has no event)
            await asyncio.sleep(0.01)


async def until_stored(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    """The same of what is in the database, or elsewhere; its value. Raises `TimeoutError`."""
    async with asyncio.timeout(seconds):
        while not (value := await sync_to_async(condition)()):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return value

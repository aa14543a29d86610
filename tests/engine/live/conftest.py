"""What tests of pages that are shown in part have in common."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from channels.layers import channel_layers

from engine.live.hub import Hub


@pytest.fixture
async def fresh_hub() -> AsyncIterator[None]:
    """A layer of its own, and a hub that ends with the test."""
    channel_layers.backends.clear()
    yield
    task = Hub.here()._task
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    channel_layers.backends.clear()


@pytest.fixture
def in_turn(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Called with a module: what it reads from the database is read at once, between two turns of the loop."""

    def at_once(function: Any, **options: Any) -> Any:
        async def run(*arguments: Any) -> Any:
            await asyncio.sleep(0)
            found = function(*arguments)
            await asyncio.sleep(0)
            return found

        return run

    return lambda module: monkeypatch.setattr(module, "in_thread", at_once)

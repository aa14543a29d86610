"""Threads that ask the database keep their connections. (What comes of one that breaks is in `tests/faults`.)"""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.db.backends.signals import connection_created

from engine.database import in_thread

pytestmark = pytest.mark.django_db(transaction=True)


def answer() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 42")
        return int(cursor.fetchone()[0])


@pytest.fixture
async def opened() -> AsyncIterator[list[Any]]:
    """The connections that were opened; there is one thread that opens any."""
    connections: list[Any] = []

    def note(connection: Any, **_signal: Any) -> None:
        connections.append(connection)

    with ThreadPoolExecutor(1) as pool:
        asyncio.get_running_loop().set_default_executor(pool)
        connection_created.connect(note)
        yield connections
        connection_created.disconnect(note)


async def test_a_thread_opens_one_connection_however_often_it_asks(opened: list[Any]) -> None:
    assert [await in_thread(answer)() for _ in range(5)] == [42] * 5
    assert len(opened) == 1

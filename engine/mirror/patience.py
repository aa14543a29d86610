"""Waiting for a database that is away."""

import asyncio
import logging
from collections.abc import Callable
from typing import TypeVar

from django.db import DatabaseError, InterfaceError

from engine.database import in_thread

logger = logging.getLogger(__name__)

T = TypeVar("T")

# What Django raises when a database is away; the second where its connection has been closed already.
DATABASE_FAILURES = (DatabaseError, InterfaceError)
# How long until it is asked again, in seconds.
RETRY = 0.5


async def patiently(ask: Callable[[], T]) -> T:
    """What the database answers to this; as long as it fails, it is asked again."""
    failed = False
    while True:
        try:
            answer: T = await in_thread(ask)()
            return answer
        except DATABASE_FAILURES as error:
            if not failed:
                logger.error("The database failed, trying again: %s", error)
            failed = True
            await asyncio.sleep(RETRY)

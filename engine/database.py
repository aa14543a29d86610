"""The database, off the event loop."""

from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import SyncToAsync
from django.db import close_old_connections, connections

P = ParamSpec("P")
T = TypeVar("T")


class _KeepingConnections(SyncToAsync):
    """As Channels' `database_sync_to_async`, which opens a connection for each call and closes it again.

    The threads are those of the event loop's pool, which are few and stay. One that is broken is found so before the
    next call, and PostgreSQL's is asked for a sign of life first (`CONN_HEALTH_CHECKS`).
    """

    def thread_handler(self, loop: Any, *args: Any, **kwargs: Any) -> Any:
        close_old_connections()
        try:
            return super().thread_handler(loop, *args, **kwargs)  # type: ignore[no-untyped-call]
        finally:
            for connection in connections.all(initialized_only=True):
                connection.close_at = None


def in_thread(function: Callable[P, T]) -> Callable[P, Awaitable[T]]:
    """A function that asks the database → what runs it in a thread, side by side with others."""
    return _KeepingConnections(function, thread_sensitive=False)

"""A panel for a bench: as tests have it, and with a session to come in by."""

import contextlib
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django

from tests.panel import Panel


@contextmanager
def installation(environment: Mapping[str, str]) -> Iterator[Panel]:
    """A panel with an empty SQLite and the people of the tests; nothing of it runs yet."""
    with tempfile.TemporaryDirectory() as folder:
        panel = Panel(Path(folder), {"REDIS_URL": "", **environment})
        panel.prepare()
        try:
            yield panel
        finally:
            panel.stop()


def cookie(panel: Panel, user: str) -> str:
    """A session of this user, as the header has it."""
    django.setup()
    return f"sessionid={panel.session_of(user)}"


def rows(panel: Panel, query: str) -> list[tuple[Any, ...]]:
    """What the panel's SQLite answers."""
    with contextlib.closing(sqlite3.connect(panel.folder / "panel.sqlite3", timeout=20)) as database:
        return database.execute(query).fetchall()


def wait_until_up(panel: Panel, channels: int) -> None:
    """Until the link is up and so many channels are on the board."""
    deadline = time.monotonic() + 90
    while rows(panel, "SELECT link FROM mirror_pbx") != [("up",)] or rows(
        panel, "SELECT count(*) FROM calls_channel"
    ) != [(channels,)]:
        assert time.monotonic() < deadline, panel.log[-2000:]
        time.sleep(0.1)

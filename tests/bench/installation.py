"""A panel for a bench: as tests have it, without DEBUG, and with a session to come in by."""

import contextlib
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.panel import Panel

_SESSION = """
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
user = User.objects.get(username={user!r})
session = SessionStore()
session[SESSION_KEY] = str(user.pk)
session[BACKEND_SESSION_KEY] = "accounts.backends.PanelBackend"
session[HASH_SESSION_KEY] = user.get_session_auth_hash()
session.create()
print(session.session_key)
"""


@contextmanager
def installation(environment: Mapping[str, str]) -> Iterator[Panel]:
    """A panel with an empty SQLite and the people of the tests; nothing of it runs yet."""
    with tempfile.TemporaryDirectory() as folder:
        own = {"DEBUG": "no", "SECRET_KEY": "only-for-the-benches-" * 3, "REDIS_URL": ""}
        panel = Panel(Path(folder), {**own, **environment})
        panel.prepare()
        try:
            yield panel
        finally:
            panel.stop()


def cookie(panel: Panel, user: str) -> str:
    """A session of this user, as the header has it."""
    output = panel.shell(_SESSION.format(user=user))
    return f"sessionid={output.split()[-1]}"


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

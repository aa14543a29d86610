"""A filled database of each release so far is taken over; one from before the first is refused in a sentence."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kinds import runs_a_program
from tests.panel import Panel
from tests.pbxpanel.test_settings import manage
from tests.waiting import until

# The check ends the process with 1 where something is left to migrate.
MIGRATE = """
from django.core.management import call_command
call_command("migrate")
call_command("migrate", "--check")
"""
DUMPS = sorted((Path(__file__).parent / "dumps").glob("*.sql"))


def rows_of(database: Path) -> dict[str, int]:
    """Table → how many rows it has; of migrations, sessions and permissions there may be more than before."""
    with sqlite3.connect(database) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        own = [name for name in tables if not name.startswith(("sqlite_", "django_", "auth_permission", "auth_group_"))]
        return {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in own}


def link_of(database: Path) -> str:
    """How the link to the demo PBX is, as the worker writes it; empty before it does."""
    with sqlite3.connect(database) as connection:
        found = connection.execute("SELECT link FROM mirror_pbx WHERE name = 'demo'").fetchone()
    return str(found[0]) if found else ""


@pytest.fixture(params=DUMPS, ids=lambda path: path.stem)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "panel.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.executescript(request.param.read_text(encoding="utf-8"))
    return path


def test_a_dump_has_a_row_of_everything(database: Path) -> None:
    # Not filled: logins, which axes writes; what a superuser gives to one user alone; the log of the administration.
    empty = {name for name, count in rows_of(database).items() if not count}
    assert {name for name in empty if not name.startswith("axes_")} == {"auth_user_user_permissions"}


@runs_a_program
def test_a_database_of_a_former_release_is_taken_over_whole(database: Path) -> None:
    before = rows_of(database)
    done = manage("shell", "--no-imports", "-c", MIGRATE, DATABASE_URL=f"sqlite:///{database}")
    assert done.returncode == 0, done.stderr
    after = rows_of(database)
    assert {name: after.get(name) for name in before} == before


@pytest.fixture
def installation(database: Path, tmp_path: Path) -> Iterator[Panel]:
    """A panel of this release that is started on the database."""
    panel = Panel(tmp_path, {"DATABASE_URL": f"sqlite:///{database}"})
    panel.manage("migrate", "--verbosity", "0")
    panel.start()
    yield panel
    panel.stop()


def test_a_panel_serves_from_a_database_of_a_former_release(database: Path, installation: Panel) -> None:
    until(lambda: link_of(database) == "up", what="The demo PBX is not mirrored into it.")
    assert "Traceback" not in installation.log


@runs_a_program
def test_a_database_from_before_the_first_release_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "panel.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE django_migrations (id integer PRIMARY KEY, app text, name text, applied datetime)"
        )
        connection.execute("INSERT INTO django_migrations VALUES (1, 'operators', '0010_whose_phone', '2026-11-01')")
    done = manage("migrate", DATABASE_URL=f"sqlite:///{path}")
    assert done.returncode == 1
    assert "was made by a version of the panel from before its first release" in done.stderr
    assert "Traceback" not in done.stderr

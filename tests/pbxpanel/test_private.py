"""The panel's own files are readable by its user alone, also those that were there before."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from pbxpanel import checks
from pbxpanel.private import open_to_others
from tests.kinds import runs_a_program

ROOT = Path(__file__).resolve().parents[2]
# Holds a connection to the database open, which has been written to, and tells the modes of its files.
LOOK = """
import os
from pathlib import Path
from django.db import connection
connection.cursor().execute("CREATE TABLE probe (id integer)")
for path in sorted(Path(os.environ["FOLDER"]).iterdir()):
    print(path.name, oct(path.stat().st_mode & 0o777))
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def manage(*arguments: str, **environment: str) -> str:
    """Run a management command as a shell does whose files are readable by everybody."""
    done = subprocess.run(
        ["/bin/sh", "-c", 'umask 022; exec "$@"', "sh", sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**os.environ, "SECRET_KEY": "only-for-the-tests", "DEBUG": "yes", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("is_there", [False, True])
@runs_a_program
def test_a_database_is_for_its_user_alone_wherever_it_is(is_there: bool, tmp_path: Path) -> None:
    database = tmp_path / "panel.sqlite3"
    if is_there:
        database.touch()
        database.chmod(0o644)
    environment = {"DATABASE_URL": f"sqlite:///{database}", "FOLDER": str(tmp_path)}
    printed = manage("shell", "--no-imports", "-c", LOOK, **environment)
    names = ("panel.sqlite3", "panel.sqlite3-shm", "panel.sqlite3-wal")
    assert printed.splitlines() == [f"{name} 0o600" for name in names]


@runs_a_program
def test_what_lies_beside_it_since_before_is_closed_too(tmp_path: Path) -> None:
    for name in ("panel.sqlite3", "panel.sqlite3-wal", "panel.sqlite3-shm"):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(0o666)
    manage("check", DATABASE_URL=f"sqlite:///{tmp_path}/panel.sqlite3")
    assert {mode(path) for path in tmp_path.iterdir()} == {0o600}


@runs_a_program
def test_the_panels_own_folder_is_for_its_user_alone(tmp_path: Path) -> None:
    # Not the folder of this tree: another test's panel may be started in it at this moment.
    var = tmp_path / "var"
    (tmp_path / "elsewhere.py").write_text(
        f"from pathlib import Path\nfrom pbxpanel.settings import *\nVAR_DIR = Path({str(var)!r})\n"
    )
    var.mkdir()
    var.chmod(0o755)
    for name in ("probe", "secret_key"):
        (var / name).touch()
        (var / name).chmod(0o644)
    manage("check", DJANGO_SETTINGS_MODULE="elsewhere", PYTHONPATH=str(tmp_path))
    assert mode(var) == 0o700
    assert mode(var / "probe") == 0o600
    assert mode(var / "secret_key") == 0o600


def test_a_file_that_goes_while_it_is_looked_at_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    is_file = Path.is_file

    def is_file_and_goes(path: Path) -> bool:
        found = is_file(path)
        if path.name.endswith("-wal"):
            path.unlink(missing_ok=True)
        return found

    tmp_path.chmod(0o700)
    for name in ("panel.sqlite3", "panel.sqlite3-wal"):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(0o644)
    monkeypatch.setattr(Path, "is_file", is_file_and_goes)
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": tmp_path / "panel.sqlite3"}
    assert open_to_others(tmp_path, database) == [tmp_path / "panel.sqlite3"]


def test_what_cannot_be_closed_since_it_is_of_another_user_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "VAR_DIR", tmp_path)
    monkeypatch.setattr(settings, "DATABASES", {"default": {"ENGINE": "django.db.backends.postgresql"}})
    tmp_path.chmod(0o700)
    assert checks.own_files_are_private() == []
    tmp_path.chmod(0o750)
    (warning,) = checks.own_files_are_private()
    assert warning.id == "pbxpanel.W002"
    assert warning.hint is not None
    assert f"chmod go= {tmp_path}" in warning.hint

"""The panel's own files are for its user alone: its database holds sessions and every call, its key signs them."""

import contextlib
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

# What a mode grants to others than the owner.
_OTHERS = 0o077


def keep_private(folder: Path, database: Mapping[str, Any]) -> None:
    """Whatever is written from here on is for this user alone; and so is what was there before."""
    os.umask(_OTHERS)
    for path, status in _open(folder, database):
        if status.st_uid == os.geteuid():
            with contextlib.suppress(FileNotFoundError):
                path.chmod(stat.S_IMODE(status.st_mode) & 0o700)


def open_to_others(folder: Path, database: Mapping[str, Any]) -> list[Path]:
    """The folder, and files in it and of the database, which others may read or write."""
    return [path for path, _ in _open(folder, database)]


def _open(folder: Path, database: Mapping[str, Any]) -> Iterator[tuple[Path, os.stat_result]]:
    for path in _own(folder, database):
        try:
            status = path.stat()
        except FileNotFoundError:
            continue  # SQLite takes its files beside the database away when nobody has it open
        if status.st_mode & _OTHERS:
            yield path, status


def _own(folder: Path, database: Mapping[str, Any]) -> Iterator[Path]:
    if folder.is_dir():
        yield folder
        yield from (path for path in folder.iterdir() if path.is_file() and not path.is_symlink())
    if database["ENGINE"].endswith("sqlite3"):
        name = Path(database["NAME"])
        files = [name, *(name.with_name(f"{name.name}-{ending}") for ending in ("wal", "shm", "journal"))]
        yield from (path for path in files if path.is_file() and path.parent != folder)

"""The tests' own database: where it lives, and what it begins with."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management.commands import flush
from django.db import connection
from django.db.models import Model
from pytest_django.plugin import DjangoDbBlocker

from accounts.models import DialPolicy
from system.cli.models import CliRules

# What the migrations put into an empty database, in an order in which it can be written again.
BEGINNING: tuple[type[Model], ...] = (ContentType, Permission, Group, Group.permissions.through, DialPolicy, CliRules)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests have SQLite in a file: threads that share one in memory lock each other out, without waiting."""
    database = settings.DATABASES["default"]
    if "sqlite" in database["ENGINE"]:
        database.setdefault("TEST", {})["NAME"] = str(tmp_path_factory.mktemp("database") / "test.sqlite3")


@pytest.fixture(scope="session")
def migrated(django_db_modify_db_settings: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[IO[str] | None]:
    """Held by the one process of this run that migrates: the others wait, and take a copy of what it has made."""
    test = settings.DATABASES["default"].get("TEST", {})
    if "PYTEST_XDIST_WORKER" not in os.environ or not test.get("NAME"):
        yield None
        return
    kept = tmp_path_factory.getbasetemp().parent / "migrated.sqlite3"
    with kept.with_suffix(".lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if kept.exists():
            shutil.copyfile(kept, test["NAME"])
            test["MIGRATE"] = False
            turn.close()
        yield turn


@pytest.fixture(scope="session")
def django_db_keepdb(migrated: IO[str] | None) -> bool:
    """Whether there is a migrated database already, which is taken as it is."""
    return migrated is not None and migrated.closed


@pytest.fixture(scope="session")
def django_db_setup(
    django_db_setup: None, migrated: IO[str] | None, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """The database of the migrations, which has their rows again after each test that has flushed it.

    A flush ends with the signal of a migration, by which each app looks for what it has to make. That takes 0.1 s, and
    does not bring the groups.
    """
    if migrated is not None and not migrated.closed:
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute("VACUUM INTO %s", [str(Path(migrated.name).with_suffix(".sqlite3"))])
        migrated.close()
    with django_db_blocker.unblock():
        begun = [(model, list(model._default_manager.all())) for model in BEGINNING]

    def write(*_: Any, **__: Any) -> None:
        for model, rows in begun:
            model._default_manager.bulk_create(rows)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flush, "emit_post_migrate_signal", write)
        yield

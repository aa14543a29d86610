"""The tests' own database: where it lives, and what it begins with."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management.commands import flush
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
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The database of the migrations, which has their rows again after each test that has flushed it.

    A flush ends with the signal of a migration, by which each app looks for what it has to make. That takes 0.1 s, and
    does not bring the groups.
    """
    with django_db_blocker.unblock():
        begun = [(model, list(model._default_manager.all())) for model in BEGINNING]

    def write(*_: Any, **__: Any) -> None:
        for model, rows in begun:
            model._default_manager.bulk_create(rows)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flush, "emit_post_migrate_signal", write)
        yield

"""The tests' own database: where it lives, and what it begins with."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.db.models import Model
from django.db.models.signals import post_migrate
from pytest_django.plugin import DjangoDbBlocker

from operators.models import DialPolicy
from system.models import CliRules

# What the migrations put into an empty database besides the groups and their permissions.
RULES: tuple[type[Model], ...] = (DialPolicy, CliRules)

PermissionKey = tuple[str, str, str]


@pytest.fixture(scope="session")
def django_db_modify_db_settings(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests have SQLite in a file: threads that share one in memory lock each other out, without waiting."""
    database = settings.DATABASES["default"]
    if "sqlite" in database["ENGINE"]:
        database.setdefault("TEST", {})["NAME"] = str(tmp_path_factory.mktemp("database") / "test.sqlite3")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """The database of the migrations, which gets the groups of the migrations back whenever a test has flushed it."""
    with django_db_blocker.unblock():
        begun = Beginning.read()
    last = [app for app in apps.get_app_configs() if app.models_module is not None][-1]

    def give_back(**_: Any) -> None:
        if not Group.objects.exists():
            begun.write()

    # A flush ends with this signal, for each app, as a migration does: after the last one all permissions are there.
    post_migrate.connect(give_back, sender=last, weak=False)


@dataclass
class Beginning:
    """The groups that an installation begins with, what each may do, and the rules that bind it."""

    groups: dict[Group, set[PermissionKey]]
    rules: dict[type[Model], list[Model]]

    @classmethod
    def read(cls) -> "Beginning":
        return cls(
            {group: set(_keys(group.permissions)) for group in Group.objects.all()},
            {model: list(model._default_manager.all()) for model in RULES},
        )

    def write(self) -> None:
        """Into a database that has been flushed."""
        ids = dict(zip(_keys(Permission.objects), Permission.objects.values_list("pk", flat=True), strict=True))
        Group.objects.bulk_create(self.groups)
        granted = Group.permissions.through
        granted._default_manager.bulk_create(
            granted(group_id=group.pk, permission_id=ids[key]) for group, keys in self.groups.items() for key in keys
        )
        for model, rows in self.rules.items():
            model._default_manager.bulk_create(rows)


def _keys(permissions: Any) -> Iterable[PermissionKey]:
    keys: Iterable[PermissionKey] = permissions.values_list(
        "content_type__app_label", "content_type__model", "codename"
    )
    return keys

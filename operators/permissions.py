"""For migrations: permissions given to groups."""

from collections.abc import Iterable
from typing import Any


def grant(apps: Any, group: Any, permissions: Iterable[tuple[str, str, str]]) -> None:
    """Give a group these permissions, each as app label, model and codename; `apps` as the migration was given it.

    Django makes permissions only after all migrations; those it finds then it leaves as they are.
    """
    for app_label, model, codename in permissions:
        content_type, _ = apps.get_model("contenttypes", "ContentType").objects.get_or_create(
            app_label=app_label, model=model
        )
        permission, _ = apps.get_model("auth", "Permission").objects.get_or_create(
            content_type=content_type,
            codename=codename,
            defaults={"name": _title(apps, app_label, model, codename)},
        )
        group.permissions.add(permission)


def _title(apps: Any, app_label: str, model: str, codename: str) -> str:
    own = dict(apps.get_model(app_label, model)._meta.permissions)
    return str(own.get(codename, f"Can {codename.replace('_', ' ')}"))

"""For migrations: permissions given to groups; and the names under which permissions are shown."""

from collections.abc import Iterable
from typing import Any

from django.apps import AppConfig
from django.contrib.auth import get_permission_codename
from django.contrib.auth.models import Permission
from django.db.models import Model


def grant(apps: Any, group: Any, permissions: Iterable[tuple[str, str, str]]) -> None:
    """Give a group these permissions, each as app label, model and codename; `apps` as the migration was given it.

    Django creates permissions only after all migrations, and leaves existing ones as they are.
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


def name_as_declared(app_config: AppConfig, using: str, **options: Any) -> None:
    """After `migrate`: name the permissions of an app as its models do by now. Django leaves existing ones."""
    names = {
        (model._meta.model_name, codename): name
        for model in app_config.get_models()
        for codename, name in _names_of(model).items()
    }
    found = Permission.objects.using(using).filter(content_type__app_label=app_config.label)
    for permission in found.select_related("content_type"):
        name = names.get((permission.content_type.model, permission.codename), permission.name)
        if name != permission.name:
            permission.name = name
            permission.save(update_fields=["name"])


def _names_of(model: type[Model]) -> dict[str, str]:
    """Codename → name of each permission of a model, as Django makes them."""
    options = model._meta
    usual = {
        get_permission_codename(verb, options): f"Can {verb} {options.verbose_name_raw}"
        for verb in options.default_permissions
    }
    return {**usual, **{str(codename): str(name) for codename, name in options.permissions}}

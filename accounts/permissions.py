"""Permissions: given to groups by migrations, or declared with verbs; and the names under which they are shown."""

from collections.abc import Iterable
from typing import Any

from django.apps import AppConfig
from django.contrib.auth import get_permission_codename
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model

from engine.mirror import verbs


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


def make_declared(using: str, **options: Any) -> None:
    """After `migrate`: make the permissions that verbs declare, and give each that is new to its groups. One that was
    there before stays with whoever has it by now.
    """
    groups = {group.name: group for group in Group.objects.using(using).all()}
    for declared in verbs.permissions.values():
        app_label, _dot, model = declared.model.partition(".")
        content_type, _made = ContentType.objects.using(using).get_or_create(app_label=app_label, model=model)
        permission, is_new = Permission.objects.using(using).get_or_create(
            content_type=content_type, codename=declared.codename, defaults={"name": str(declared.name)}
        )
        if is_new:
            for name in declared.groups:
                if name in groups:
                    groups[name].permissions.add(permission)


def name_as_declared(app_config: AppConfig, using: str, **options: Any) -> None:
    """After `migrate`: name the permissions of an app as its models do by now. Django leaves existing ones."""
    names = {
        (model._meta.model_name, codename): name
        for model in app_config.get_models()
        for codename, name in _names_of(model).items()
    }
    names |= {
        (declared.model.partition(".")[2], declared.codename): str(declared.name)
        for declared in verbs.permissions.values()
        if declared.model.startswith(f"{app_config.label}.")
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

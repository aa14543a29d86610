"""Administrators may look at what is mirrored of bridges, parked calls, extensions and devices."""

from django.db import migrations

VIEWED = [("calls", "bridge"), ("calls", "parkedcall"), ("extensions", "extension"), ("extensions", "device")]


def grant(apps, schema_editor):
    group, _ = apps.get_model("auth", "Group").objects.get_or_create(name="Administrator")
    for app_label, model in VIEWED:
        # Django makes permissions only after all migrations; those it finds then it leaves as they are.
        content_type, _ = apps.get_model("contenttypes", "ContentType").objects.get_or_create(
            app_label=app_label, model=model
        )
        permission, _ = apps.get_model("auth", "Permission").objects.get_or_create(
            content_type=content_type, codename=f"view_{model}", defaults={"name": f"Can view {model}"}
        )
        group.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [
        ("extensions", "0001_initial"),
        ("calls", "0002_bridges_and_parked_calls"),
        ("operators", "0002_groups"),
    ]

    operations = [migrations.RunPython(grant, migrations.RunPython.noop)]

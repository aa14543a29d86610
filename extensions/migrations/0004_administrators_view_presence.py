"""Administrators may look at what is mirrored of presences."""

from django.db import migrations

from operators.permissions import grant


def let_administrators_view(apps, schema_editor):
    group, _ = apps.get_model("auth", "Group").objects.get_or_create(name="Administrator")
    grant(apps, group, [("extensions", "presence", "view_presence")])


class Migration(migrations.Migration):
    dependencies = [("extensions", "0003_presence"), ("operators", "0002_groups")]

    operations = [migrations.RunPython(let_administrators_view, migrations.RunPython.noop)]

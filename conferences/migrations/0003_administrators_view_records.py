"""Administrators may look at what is kept of conferences in the admin."""

from django.db import migrations

from operators.permissions import grant

VIEWED = [
    ("conferences", "conferencerecord", "view_conferencerecord"),
    ("conferences", "attendance", "view_attendance"),
]


def let_administrators_view(apps, schema_editor):
    group, _ = apps.get_model("auth", "Group").objects.get_or_create(name="Administrator")
    grant(apps, group, VIEWED)


class Migration(migrations.Migration):
    dependencies = [("conferences", "0002_moderation"), ("operators", "0002_groups")]

    operations = [migrations.RunPython(let_administrators_view, migrations.RunPython.noop)]

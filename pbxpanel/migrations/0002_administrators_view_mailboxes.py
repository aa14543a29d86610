"""Administrators view mailboxes in the administration, as they view all else that is mirrored."""

from django.db import migrations

from accounts.permissions import grant


def permit(apps, schema_editor):
    for group in apps.get_model("auth", "Group").objects.filter(name="Administrator"):
        grant(apps, group, [("extensions", "mailbox", "view_mailbox")])


class Migration(migrations.Migration):
    dependencies = [("pbxpanel", "0001_groups"), ("extensions", "0002_mailbox")]

    operations = [migrations.RunPython(permit, migrations.RunPython.noop)]

"""Moderators and administrators plan rooms; administrators find them in the administration too."""

from django.db import migrations

from operators.permissions import grant

_PLAN = [("conferences", "conference", "plan_rooms")]
_ADMINISTER = [("conferences", "room", f"{verb}_room") for verb in ("add", "change", "delete", "view")]

GROUPS = {"Moderator": _PLAN, "Administrator": _PLAN + _ADMINISTER}


def grant_planning(apps, schema_editor):
    group_model = apps.get_model("auth", "Group")
    for name, permissions in GROUPS.items():
        # An administrator may have taken the group away.
        group = group_model.objects.filter(name=name).first()
        if group is not None:
            grant(apps, group, permissions)


class Migration(migrations.Migration):
    dependencies = [
        ("conferences", "0003_administrators_view_records"),
        ("operators", "0002_groups"),
    ]

    operations = [migrations.RunPython(grant_planning, migrations.RunPython.noop)]

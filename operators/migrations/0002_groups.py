"""The groups that an installation begins with; an administrator may change them afterwards."""

from django.db import migrations

from operators.permissions import grant

_SEE = [("calls", "channel", "see_calls"), ("conferences", "conference", "see_conferences")]
_CALL = [("calls", "channel", "originate"), ("calls", "channel", "hangup_own")]
_MODERATE = [("conferences", "conference", "moderate")]
_HANG_UP_ANY = [("calls", "channel", "hangup_any")]
_ADMINISTER = [
    ("operators", "auditentry", "view_auditentry"),
    ("mirror", "pbx", "view_pbx"),
    ("calls", "channel", "view_channel"),
    ("conferences", "conference", "view_conference"),
    ("conferences", "participant", "view_participant"),
    *[("operators", "profile", f"{verb}_profile") for verb in ("add", "change", "delete", "view")],
    *[("auth", "user", f"{verb}_user") for verb in ("add", "change", "delete", "view")],
    *[("auth", "group", f"{verb}_group") for verb in ("add", "change", "delete", "view")],
]

GROUPS = {
    "Viewer": _SEE,
    "Operator": _SEE + _CALL + _HANG_UP_ANY,
    "Moderator": _SEE + _CALL + _MODERATE,
    "Administrator": _SEE + _CALL + _HANG_UP_ANY + _MODERATE + _ADMINISTER,
}


def make_groups(apps, schema_editor):
    group_model = apps.get_model("auth", "Group")
    for name, permissions in GROUPS.items():
        group, _ = group_model.objects.get_or_create(name=name)
        grant(apps, group, permissions)


class Migration(migrations.Migration):
    dependencies = [
        ("operators", "0001_initial"),
        ("calls", "0001_initial"),
        ("conferences", "0001_initial"),
        ("mirror", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(make_groups, migrations.RunPython.noop)]

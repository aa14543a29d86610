"""The groups that an installation begins with, and what each may do; an administrator may change them afterwards."""

from django.db import migrations

from accounts.permissions import grant


def _all_of(app_label, model, *verbs):
    """The permissions that Django makes for a model."""
    return [(app_label, model, f"{verb}_{model}") for verb in verbs or ("add", "change", "delete", "view")]


_SEE = [("calls", "channel", "see_calls"), ("conferences", "conference", "see_conferences")]
_CALL = [("calls", "channel", "originate"), ("calls", "channel", "hangup_own")]
_HANG_UP_ANY = [("calls", "channel", "hangup_any")]
_MODERATE = [("conferences", "conference", "moderate"), ("conferences", "conference", "plan_rooms")]
_LOOK_INTO = [
    ("system", "access", codename)
    for codename in ("see_pbx", "see_variables", "see_states", "see_events", "use_doctor")
]
_OPERATE = [
    ("system", "access", codename)
    for codename in (
        "reload", "use_cli", "see_astdb", "change_astdb", "see_config", "change_config", "change_variables",
        "record_calls", "send_actions",
    )
]  # fmt: skip
_ADMINISTER = [
    *_all_of("audit", "auditentry", "view"),
    *_all_of("mirror", "pbx", "view"),
    *_all_of("calls", "channel", "view"),
    *_all_of("calls", "bridge", "view"),
    *_all_of("calls", "parkedcall", "view"),
    *_all_of("extensions", "extension", "view"),
    *_all_of("extensions", "device", "view"),
    *_all_of("extensions", "presence", "view"),
    *_all_of("conferences", "conference", "view"),
    *_all_of("conferences", "participant", "view"),
    *_all_of("conferences", "conferencerecord", "view"),
    *_all_of("conferences", "attendance", "view"),
    *_all_of("conferences", "room"),
    *_all_of("accounts", "profile"),
    *_all_of("accounts", "dialpolicy"),
    *_all_of("accounts", "sharedphone"),
    *_all_of("system", "clirules"),
    *_all_of("auth", "user"),
    *_all_of("auth", "group"),
    *_all_of("axes", "accessattempt", "view", "delete"),
    *_all_of("axes", "accesslog", "view"),
]
GROUPS = {
    "Viewer": _SEE,
    "Operator": _SEE + _CALL + _HANG_UP_ANY,
    "Moderator": _SEE + _CALL + _MODERATE,
    "Integrator": _LOOK_INTO,
    "Administrator": _SEE + _CALL + _HANG_UP_ANY + _MODERATE + _LOOK_INTO + _OPERATE + _ADMINISTER,
}

# Any number may be dialled, but by a phone alone: Local/ reaches whatever the dialplan has.
POLICY = {
    "allowed": ".",
    "phones": "PJSIP/*\nSIP/*\nIAX2/*\nDAHDI/*",
    "contexts": "*",
    "caller_ids": "X\nXX\nXXX\nXXXX\nXXXXX\nXXXXXX",
    "calls_per_minute": 10,
}


def make_groups(apps, schema_editor):
    policies = apps.get_model("accounts", "DialPolicy").objects
    for name, permissions in GROUPS.items():
        group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=name)
        grant(apps, group, permissions)
        if _CALL[0] in permissions:
            policies.get_or_create(group=group, defaults=POLICY)


class Migration(migrations.Migration):
    initial = True
    dependencies = [
        ("accounts", "0001_initial"),
        ("audit", "0001_initial"),
        ("calls", "0001_initial"),
        ("conferences", "0001_initial"),
        ("extensions", "0001_initial"),
        ("mirror", "0001_initial"),
        ("system", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("axes", "0010_accessattemptexpiration"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(make_groups, migrations.RunPython.noop)]

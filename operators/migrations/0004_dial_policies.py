"""A dial policy for each group that may place calls, and for administrators the right to change them and to unlock."""

from django.db import migrations

from operators.permissions import grant

# What everybody could dial before there were policies, but for phones that are none: Local/ reaches any number.
POLICY = {
    "allowed": ".",
    "phones": "PJSIP/*\nSIP/*\nIAX2/*\nDAHDI/*",
    "contexts": "*",
    "caller_ids": "X\nXX\nXXX\nXXXX\nXXXXX\nXXXXXX",
    "calls_per_minute": 10,
}
ADMINISTER = [
    *[("operators", "dialpolicy", f"{verb}_dialpolicy") for verb in ("add", "change", "delete", "view")],
    ("axes", "accessattempt", "view_accessattempt"),
    ("axes", "accessattempt", "delete_accessattempt"),
    ("axes", "accesslog", "view_accesslog"),
]


def give_policies(apps, schema_editor):
    groups = apps.get_model("auth", "Group").objects
    policies = apps.get_model("operators", "DialPolicy").objects
    for group in groups.filter(permissions__codename="originate", permissions__content_type__app_label="calls"):
        policies.get_or_create(group=group, defaults=POLICY)
    for administrators in groups.filter(name="Administrator"):
        grant(apps, administrators, ADMINISTER)


class Migration(migrations.Migration):
    dependencies = [
        ("operators", "0003_dial_policy"),
        ("axes", "0010_accessattemptexpiration"),
    ]

    operations = [migrations.RunPython(give_policies, migrations.RunPython.noop)]

"""Which commands of the CLI the members of a group may give; administrators write these rules."""

import django.db.models.deletion
from django.db import migrations, models

import system.models
from operators.permissions import grant

VERBS = ("add", "change", "delete", "view")


def grant_rules(apps, schema_editor):
    # An administrator may have taken the group away.
    group = apps.get_model("auth", "Group").objects.filter(name="Administrator").first()
    if group is not None:
        grant(apps, group, [("system", "clirules", f"{verb}_clirules") for verb in VERBS])


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("system", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="CliRules",
            fields=[
                (
                    "group",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="cli_rules",
                        serialize=False,
                        to="auth.group",
                        verbose_name="group",
                    ),
                ),
                (
                    "allowed",
                    models.TextField(
                        blank=True,
                        help_text="One on each line, written as the command is. “*” as the last word stands for any more words, within a word for any text: “module reload *” allows module reload res_pjsip.so. Just “*” allows everything. Members need the permission to use the CLI as well. What follows a semicolon is a note.",
                        validators=[system.models.check_rules],
                        verbose_name="commands allowed",
                    ),
                ),
                (
                    "refused",
                    models.TextField(
                        blank=True,
                        help_text="Refused although they are allowed above, by another group or to everybody, such as “core show channel *”.",
                        validators=[system.models.check_rules],
                        verbose_name="commands refused",
                    ),
                ),
            ],
            options={
                "verbose_name": "rules for the CLI",
                "verbose_name_plural": "rules for the CLI",
            },
        ),
        migrations.RunPython(grant_rules, migrations.RunPython.noop),
    ]

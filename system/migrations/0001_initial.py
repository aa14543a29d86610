"""The permissions of the system pages: administrators have all, integrators those that change nothing."""

from django.db import migrations, models

from operators.permissions import grant

_LOOK = ["see_pbx", "see_variables", "see_states", "see_events", "use_doctor"]
_ALL = [*_LOOK, "reload", "use_cli", "see_astdb", "change_astdb", "see_config", "change_config", "change_variables"]
_ALL += ["record_calls", "send_actions"]

GROUPS = {"Integrator": _LOOK, "Administrator": _ALL}


def grant_access(apps, schema_editor):
    groups = apps.get_model("auth", "Group").objects
    groups.get_or_create(name="Integrator")
    for name, codenames in GROUPS.items():
        # An administrator may have taken the group away.
        group = groups.filter(name=name).first()
        if group is not None:
            grant(apps, group, [("system", "access", codename) for codename in codenames])


class Migration(migrations.Migration):
    initial = True

    dependencies = [("operators", "0002_groups")]

    operations = [
        migrations.CreateModel(
            name="Access",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"))
            ],
            options={
                "verbose_name": "access to the system pages",
                "managed": False,
                "default_permissions": (),
                "permissions": (
                    ("see_pbx", "Can see how a PBX is"),
                    ("reload", "Can have Asterisk reload its modules"),
                    ("use_cli", "Can use the commands of Asterisk's CLI that his groups are allowed"),
                    ("see_astdb", "Can browse the AstDB"),
                    ("change_astdb", "Can change the AstDB"),
                    ("see_config", "Can read Asterisk's configuration"),
                    ("change_config", "Can edit Asterisk's configuration"),
                    ("see_variables", "Can read variables"),
                    ("change_variables", "Can set variables"),
                    ("see_states", "Can see extension states, presence and hints"),
                    ("record_calls", "Can record calls"),
                    ("see_events", "Can watch the stream of AMI events"),
                    ("send_actions", "Can send any AMI action"),
                    ("use_doctor", "Can have a connection examined"),
                ),
            },
        ),
        migrations.RunPython(grant_access, migrations.RunPython.noop),
    ]

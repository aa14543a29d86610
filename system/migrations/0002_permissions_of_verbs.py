from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("system", "0001_initial"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="access",
            options={
                "default_permissions": (),
                "managed": False,
                "permissions": (
                    ("see_pbx", "Can see how a PBX is"),
                    ("use_cli", "Can use the CLI commands that their groups allow"),
                    ("see_astdb", "Can browse the AstDB"),
                    ("see_config", "Can read Asterisk's configuration"),
                    ("see_variables", "Can read variables"),
                    ("see_states", "Can see extension states, presence and hints"),
                    ("record_calls", "Can record calls"),
                    ("see_events", "Can watch the stream of AMI events"),
                    ("send_actions", "Can send any AMI action"),
                    ("use_doctor", "Can have a connection examined"),
                ),
                "verbose_name": "access to the system pages",
            },
        ),
    ]

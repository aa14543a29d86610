from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("calls", "0001_initial"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="channel",
            options={
                "default_permissions": ("view",),
                "ordering": ["created_at", "uniqueid"],
                "permissions": [("see_calls", "Can see calls")],
                "verbose_name": "channel",
                "verbose_name_plural": "channels",
            },
        ),
    ]

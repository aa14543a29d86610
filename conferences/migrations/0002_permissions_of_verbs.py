from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("conferences", "0001_initial"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="conference",
            options={
                "default_permissions": ("view",),
                "ordering": ["started_at", "name"],
                "permissions": [("see_conferences", "Can see all conferences"), ("plan_rooms", "Can plan rooms")],
                "verbose_name": "conference",
                "verbose_name_plural": "conferences",
            },
        ),
    ]

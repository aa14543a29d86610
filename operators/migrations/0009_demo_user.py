"""A demo user bears a mark of its own. Whoever has the name and the password that everybody knows is one."""

import django.db.models.deletion
from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.db import migrations, models


def mark_demo_users(apps, schema_editor):
    users, marks = apps.get_model("auth", "User").objects, apps.get_model("operators", "DemoUser").objects
    for user in users.filter(username="demo"):
        if check_password("demo", user.password):
            marks.create(user=user)


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("operators", "0008_auditentry_subject"),
    ]

    operations = [
        migrations.CreateModel(
            name="DemoUser",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="demo",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                )
            ],
            options={"verbose_name": "demo user", "verbose_name_plural": "demo users", "default_permissions": ()},
        ),
        migrations.RunPython(mark_demo_users, migrations.RunPython.noop),
    ]

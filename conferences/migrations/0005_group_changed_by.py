"""Each group remembers who last changed its numbers; of those there are, it is taken to be the owner."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import F


def take_owners(apps, schema_editor):
    apps.get_model("conferences", "InviteGroup").objects.update(changed_by=F("owner"))


class Migration(migrations.Migration):
    dependencies = [
        ("conferences", "0004_planners"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="invitegroup",
            name="changed_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="changed by",
            ),
        ),
        migrations.RunPython(take_owners, migrations.RunPython.noop),
    ]

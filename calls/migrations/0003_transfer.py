import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("calls", "0002_permissions_of_verbs"),
        ("mirror", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Transfer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.CharField(max_length=32, verbose_name="code")),
                ("held", models.CharField(max_length=150, verbose_name="on hold")),
                ("mine", models.CharField(max_length=150, verbose_name="phone")),
                ("call", models.CharField(max_length=150, verbose_name="call")),
                ("number", models.CharField(blank=True, max_length=150, verbose_name="number")),
                ("context", models.CharField(blank=True, max_length=80, verbose_name="context")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("held", "on hold"),
                            ("ringing", "ringing"),
                            ("talking", "talking"),
                            ("recall", "called back"),
                        ],
                        default="held",
                        max_length=16,
                        verbose_name="state",
                    ),
                ),
                ("user_id", models.PositiveIntegerField(default=0, verbose_name="asked by")),
                ("started_at", models.DateTimeField(verbose_name="since")),
                (
                    "pbx",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="mirror.pbx", verbose_name="PBX"),
                ),
            ],
            options={
                "verbose_name": "transfer",
                "verbose_name_plural": "transfers",
                "ordering": ["started_at", "code"],
                "abstract": False,
                "default_permissions": ("view",),
                "constraints": [models.UniqueConstraint(fields=("pbx", "code"), name="one_transfer_for_each_code")],
            },
        ),
    ]

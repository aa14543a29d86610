from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("calls", "0004_records"),
    ]

    operations = [
        migrations.AddField(
            model_name="channel",
            name="muted",
            field=models.CharField(
                blank=True,
                choices=[("in", "muted"), ("out", "hears nothing"), ("all", "muted, hears nothing")],
                max_length=3,
                verbose_name="muted",
            ),
        ),
        migrations.AddField(
            model_name="channel",
            name="recorded",
            field=models.CharField(
                blank=True,
                choices=[("on", "Recorded"), ("part", "Recorded, one side silent"), ("paused", "Recording paused")],
                max_length=10,
                verbose_name="recorded",
            ),
        ),
        migrations.AddField(
            model_name="channel",
            name="recording_file",
            field=models.CharField(blank=True, max_length=255, verbose_name="recording file"),
        ),
    ]

"""Whose phone is whose: phones that are shared, proofs, and a policy's free choice.

A phone that an administrator has set stays. Any other its user entered when nobody looked whose it was: they are asked
to prove it. Of several who had one phone, whoever logged in last keeps it, and all may take it.
"""

import json

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

import operators.models
from operators.permissions import grant

ADMINISTER = [("operators", "sharedphone", f"{verb}_sharedphone") for verb in ("add", "change", "delete", "view")]


def sort_phones(apps, schema_editor):
    proofs, shared = (apps.get_model("operators", name).objects for name in ("PhoneProof", "SharedPhone"))
    first = apps.get_model("mirror", "PBX").objects.order_by("name").values_list("name", flat=True).first()
    kept = set_by_administrators(apps)
    of_phone = {}
    for profile in apps.get_model("operators", "Profile").objects.exclude(endpoint="").select_related("user"):
        pbx = profile.pbx_id or first
        if profile.user_id in kept:
            profile.pbx_id = pbx
            profile.save(update_fields=["pbx"])
            of_phone.setdefault((pbx, profile.endpoint), []).append(profile)
            continue
        proofs.create(
            user=profile.user, pbx_id=pbx, extension=profile.extension, endpoint=profile.endpoint,
            dial_context=profile.dial_context, state="open",
        )  # fmt: skip
        profile.endpoint = ""
        profile.save(update_fields=["endpoint"])
    for (pbx, endpoint), profiles in of_phone.items():
        if len(profiles) == 1 or pbx is None:
            continue
        phone = shared.create(pbx_id=pbx, endpoint=endpoint)
        phone.users.set([profile.user for profile in profiles])
        *others, _last = sorted(
            profiles, key=lambda profile: (profile.user.last_login is not None, profile.user.last_login)
        )
        for profile in others:
            profile.endpoint = ""
            profile.save(update_fields=["endpoint"])


def set_by_administrators(apps):
    """The ids of users whose phone an administrator has set, or who are administrators themselves."""
    users, entries = apps.get_model("auth", "User").objects, apps.get_model("admin", "LogEntry").objects
    may_set = Q(codename="change_profile", content_type__app_label="operators")
    permissions = apps.get_model("auth", "Permission").objects.filter(may_set)
    administrators = Q(is_superuser=True) | Q(user_permissions__in=permissions) | Q(groups__permissions__in=permissions)
    found = set(users.filter(administrators).values_list("pk", flat=True))
    written = entries.filter(
        content_type__app_label="auth", content_type__model="user", change_message__contains="profile"
    )
    for user_id, message in written.values_list("object_id", "change_message"):
        if user_id.isdecimal() and any(map(names_phone, changes_in(message))):
            found.add(int(user_id))
    return found


def changes_in(message):
    """What Django's administration keeps of a change; older entries are plain text."""
    try:
        found = json.loads(message)
    except ValueError:
        return []
    return found if isinstance(found, list) else []


def names_phone(change):
    added, changed = change.get("added", {}), change.get("changed", {})
    return added.get("name") == "profile" or (changed.get("name") == "profile" and "Phone" in changed.get("fields", ()))


def let_administrators_share(apps, schema_editor):
    for group in apps.get_model("auth", "Group").objects.filter(name="Administrator"):
        grant(apps, group, ADMINISTER)


class Migration(migrations.Migration):
    dependencies = [
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("mirror", "0003_round_trip"),
        ("operators", "0009_demo_user"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="dialpolicy",
            name="free_choice",
            field=models.BooleanField(
                default=False,
                help_text="A member may enter any of these phones that is nobody's, without proof that it is theirs.",
                verbose_name="free choice",
            ),
        ),
        migrations.AlterField(
            model_name="dialpolicy",
            name="caller_ids",
            field=models.TextField(
                blank=True,
                help_text="The extensions a member may enter as theirs, and so show to whom they call; patterns as above.",
                validators=[operators.models.check_numbers],
                verbose_name="caller IDs",
            ),
        ),
        migrations.AlterField(
            model_name="dialpolicy",
            name="phones",
            field=models.TextField(
                blank=True,
                help_text="What a member may have as their phone, one on each line: PJSIP/101, or with wildcards PJSIP/1?? or PJSIP/*. Whose phone is whose is another question: an administrator says so, or a code is keyed in there.",
                validators=[operators.models.check_phones],
                verbose_name="phones",
            ),
        ),
        migrations.AlterField(
            model_name="profile",
            name="endpoint",
            field=models.CharField(
                blank=True,
                help_text="The channel that rings my phone, such as PJSIP/101.",
                max_length=80,
                validators=[operators.models.check_phone],
                verbose_name="phone",
            ),
        ),
        migrations.CreateModel(
            name="PhoneProof",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("extension", models.CharField(blank=True, max_length=40, verbose_name="extension")),
                ("endpoint", models.CharField(max_length=80, verbose_name="phone")),
                ("dial_context", models.CharField(blank=True, max_length=80, verbose_name="dial context")),
                ("command_id", models.CharField(blank=True, db_index=True, max_length=64, verbose_name="command")),
                ("code", models.CharField(blank=True, max_length=8, verbose_name="code")),
                ("tries_left", models.PositiveSmallIntegerField(default=0, verbose_name="tries left")),
                ("until", models.DateTimeField(blank=True, null=True, verbose_name="until")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "not proven yet"),
                            ("ringing", "ringing"),
                            ("proven", "proven"),
                            ("wrong", "the code was wrong too often"),
                            ("no answer", "nobody answered"),
                            ("busy", "busy, or the call was declined"),
                            ("unreachable", "could not be reached"),
                            ("hung up", "hung up before the code was keyed in"),
                            ("late", "the code was not keyed in in time"),
                            ("taken", "somebody else's by now"),
                        ],
                        default="open",
                        max_length=16,
                        verbose_name="state",
                    ),
                ),
                (
                    "pbx",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="mirror.pbx",
                        verbose_name="PBX",
                    ),
                ),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="phone_proof",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "proof of a phone",
                "verbose_name_plural": "proofs of phones",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="SharedPhone",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "endpoint",
                    models.CharField(
                        help_text="The channel that rings it, such as PJSIP/101.",
                        max_length=80,
                        validators=[operators.models.check_phone],
                        verbose_name="phone",
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        blank=True, help_text="Where it stands, such as Reception.", max_length=80, verbose_name="name"
                    ),
                ),
                (
                    "extension",
                    models.CharField(
                        blank=True,
                        help_text="Its number, such as 101. Empty: each keeps their own.",
                        max_length=40,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\A[\\w.@*#+-]*\\Z", "Use letters, digits and . _ - only."
                            )
                        ],
                        verbose_name="extension",
                    ),
                ),
                (
                    "pbx",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="mirror.pbx",
                        verbose_name="PBX",
                    ),
                ),
                (
                    "users",
                    models.ManyToManyField(
                        help_text="Who may take it, under “My phone”. Whoever has it then has it no more.",
                        related_name="shared_phones",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="users",
                    ),
                ),
            ],
            options={
                "verbose_name": "shared phone",
                "verbose_name_plural": "shared phones",
                "ordering": ["pbx", "endpoint"],
                "constraints": [
                    models.UniqueConstraint(fields=("pbx", "endpoint"), name="one_shared_phone_for_each_endpoint")
                ],
            },
        ),
        migrations.RunPython(sort_phones, migrations.RunPython.noop),
        migrations.RunPython(let_administrators_share, migrations.RunPython.noop),
    ]

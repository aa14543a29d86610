"""A filled database as SQL, for `test_upgrade.py`: `python -m tests.pbxpanel.dump > tests/pbxpanel/dumps/<date>.sql`.

A dump is made once, of what a release writes, and is never made anew: it stands for the installations of its time.
"""

import os
import sqlite3
import sys
import tempfile
from pathlib import Path

import django


def fill() -> None:
    """A row of each model at least, with text as the phone network and people send it."""
    from django.contrib.auth.models import Group, User
    from django.utils import timezone

    from accounts.models import DemoUser, DialPolicy, PhoneProof, Profile, SharedPhone
    from audit.models import AuditEntry
    from conferences.invitations.models import InviteGroup, InviteMember
    from engine.mirror.models import PBX
    from system.astdb.models import AstDbChange
    from system.cli.models import CliRules
    from tests.access import people

    people.a_small_pbx()
    anna = people.person("Administrator", "anna", staff=True)
    ben = people.person("Operator", "李雷", "PJSIP/105")
    Profile.objects.filter(user=ben).update(pbx=PBX.objects.get(), extension="105")
    room = people.room("8009", anna, pk=1, name="Zürich", lecture=True, record=True, greeting="beep", lock_after=5)
    room.invite_groups.set(InviteGroup.objects.all())
    people.channel("4.1", "PJSIP/106", name="SIP/<b>&amp;'\"-00000001", caller_name="Zoë \u202e <script>")
    InviteMember.objects.create(group=InviteGroup.objects.get(), name="Ben", number="102")
    AuditEntry.objects.create(
        command_id="0" * 32, user=anna, username="anna", pbx="main", verb="hangup", subject="PJSIP/101-1",
        claimed=True, status="done", answer="Channel Hungup",
    )  # fmt: skip
    SharedPhone.objects.create(pbx_id="main", endpoint="PJSIP/107", name="Reception").users.add(anna, ben)
    PhoneProof.objects.create(user=ben, pbx_id="main", endpoint="PJSIP/107", state="no answer", until=timezone.now())
    DialPolicy.objects.filter(group__name="Operator").update(refused="00.\n0900!", free_choice=True)
    CliRules.objects.create(group=Group.objects.get(name="Operator"), allowed="core show *")
    AstDbChange.objects.create(pbx="main", user=anna, entries=[["/f/k", None, "v"]])
    DemoUser.objects.create(user=User.objects.create_user("demo"))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "panel.sqlite3"
        os.environ |= {"DATABASE_URL": f"sqlite:///{database}", "SECRET_KEY": "only-for-the-dump", "DEBUG": "yes"}
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pbxpanel.settings")
        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        fill()
        with sqlite3.connect(database) as connection:
            sys.stdout.writelines(f"{line}\n" for line in connection.iterdump())


if __name__ == "__main__":
    main()

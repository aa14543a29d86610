"""`manage.py import_ldap`: read people from the LDAP server now."""

from typing import Any

from django.core.management import BaseCommand, CommandError

from extensions.people.models import LdapRun
from extensions.people.sources import ldap


class Command(BaseCommand):
    help = (
        "Read people from the LDAP server that the environment names (LDAP_URL, …), and import them. "
        "Says what came of it; exit status 1 if they could not be read: then nothing was changed."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        row = ldap.run()
        if row.outcome == LdapRun.Outcome.FAILED:
            raise CommandError(f"{ldap.words(row)} ({row.detail})" if row.detail else ldap.words(row))
        self.stdout.write(ldap.words(row))
        for where, sentence in row.refused:
            self.stdout.write(f"{where}: {sentence}")

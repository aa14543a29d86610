"""`manage.py amidoctor`: find what is wrong with the connection to a PBX, and say what to do."""

import json
import textwrap
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import BaseCommand, CommandError
from django.db import DatabaseError
from django.utils.translation import gettext as _

from engine.ami.transports import Address
from system.doctor import people
from system.doctor.engine import examine
from system.doctor.examination import Wanted
from system.doctor.report import AFTER_A_CHANGE, Report, Result, Status

_MARKS = {Status.OK: "✓", Status.WARNING: "!", Status.PROBLEM: "✗", Status.SKIPPED: "–"}
_WIDTH = 100


class Command(BaseCommand):
    help = (
        "Find what is wrong with the connection to a PBX, in the order in which it goes wrong, and say what to do. "
        "Exit status: 0 well (there may be warnings), 1 problems, 2 wrong usage. It needs no running panel, and the "
        "database only for --user and --everybody."
    )
    # It must work while other things do not.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("pbx", nargs="*", help="names of the PBXs in AMI_URL (default: all)")
        parser.add_argument("--url", help="examine this address instead, written as in AMI_URL")
        parser.add_argument("--user", help="examine the phone, the context and the dial policies of this user, too")
        parser.add_argument("--everybody", action="store_true", help="examine the phone and the context of every user")
        parser.add_argument("--number", default="", help="a number that should be reachable")
        parser.add_argument("--phone", default="", help="a phone, such as PJSIP/101, in the place of the user's")
        parser.add_argument("--context", default="", help="a dial context in the place of the user's")
        parser.add_argument("--call", action="store_true", help="let the phone ring")
        parser.add_argument("--timeout", type=float, default=5.0, help="seconds for each step (default: %(default)g)")
        parser.add_argument("--ring", type=float, default=20.0, help="seconds to let it ring (default: %(default)g)")
        parser.add_argument("--json", action="store_true", help="print what was found as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        reports = []
        for name, address in self._addresses(options).items():
            wanted = self._wanted(name, options)
            reports.append(examine(address, name, wanted, patience=options["timeout"], ringing=options["ring"]))
        if options["json"]:
            self.stdout.write(json.dumps([report.as_dict() for report in reports], ensure_ascii=False, indent=2))
        else:
            for report in reports:
                self._print(report)
        if not all(report.is_well for report in reports):
            raise SystemExit(1)

    def _addresses(self, options: dict[str, Any]) -> dict[str, Address]:
        if options["url"]:
            if options["pbx"]:
                raise CommandError("Give names of PBXs or --url, not both.", returncode=2)
            try:
                return {"": Address.parse(options["url"])}
            except ValueError as error:
                raise CommandError(f"--url is wrong: {error}.", returncode=2) from None
        known: dict[str, Address] = settings.AMI_ADDRESSES
        if not known:
            raise CommandError(
                "AMI_URL is not set, so the panel shows its demo PBX and there is nothing to examine. "
                "Give an address: --url ami://user:secret@host:5038",
                returncode=2,
            )
        for name in options["pbx"]:
            if name not in known:
                raise CommandError(f"AMI_URL names no PBX “{name}”, but {', '.join(known)}.", returncode=2)
        return {name: known[name] for name in options["pbx"] or known}

    def _wanted(self, pbx: str, options: dict[str, Any]) -> Wanted:
        wanted = Wanted(number=options["number"], call=options["call"])
        if options["everybody"]:
            if any(options[name] for name in ("user", "phone", "context", "number", "call")):
                raise CommandError("Give --everybody, or one user, phone, context or number.", returncode=2)
            if not pbx:
                raise CommandError("--everybody needs a PBX of AMI_URL, whose users the panel knows.", returncode=2)
            try:
                wanted.people = people.everybody(pbx)
            except DatabaseError as error:
                raise CommandError(f"The database cannot be asked for --everybody ({error}).", returncode=2) from None
        elif options["user"]:
            try:
                user = User.objects.filter(username=options["user"]).first()
            except DatabaseError as error:
                raise CommandError(
                    f"The database cannot be asked for --user ({error}); give --phone and --context instead.",
                    returncode=2,
                ) from None
            if user is None:
                raise CommandError(f"There is no user “{options['user']}”.", returncode=2)
            if pbx and (elsewhere := people.is_elsewhere(user, pbx)):
                self.stderr.write(elsewhere)
            wanted = people.wanted_of(user, options["number"], call=options["call"])
        elif options["number"] and not options["context"]:
            raise CommandError("--number needs --user, or --context: the context in which it is dialled.", returncode=2)
        elif options["call"] and not options["phone"]:
            raise CommandError("--call needs --user or --phone: whose phone is to ring.", returncode=2)
        wanted.phone = options["phone"] or wanted.phone
        wanted.context = options["context"] or wanted.context
        return wanted

    def _print(self, report: Report) -> None:
        title = f"{report.pbx}: {report.address}" if report.pbx else report.address
        self.stdout.write(f"{title}\n\n")
        styles = {
            Status.OK: self.style.SUCCESS,
            Status.WARNING: self.style.WARNING,
            Status.PROBLEM: self.style.ERROR,
            Status.SKIPPED: self.style.HTTP_NOT_MODIFIED,
        }
        for result in report.results:
            if result.finding.facts.get("after"):
                continue  # one failure says why all the rest was not tried
            self.stdout.write(f"  {styles[result.status](_MARKS[result.status])} {result.title}")
            self._print_texts(result)
        untried = [str(result.title) for result in report.results if result.finding.facts.get("after")]
        if untried:
            text = _("Not checked after that: %(checks)s.") % {"checks": ", ".join(untried)}
            self.stdout.write(f"\n{_wrapped(text, '  – ', '    ')}")
        self.stdout.write(f"\n{self._summary(report)}\n")
        if report.extensions:
            self.stdout.write(_("What the panel needs in extensions.conf:"))
            self.stdout.write(f"\n{textwrap.indent(report.extensions, '    ')}")
        if report.stanza:
            self.stdout.write(_("What the panel needs in manager.conf, and no more:"))
            self.stdout.write(f"\n{textwrap.indent(report.stanza, '    ')}")
            self.stdout.write(_wrapped(str(AFTER_A_CHANGE), "", ""))

    def _print_texts(self, result: Result) -> None:
        for text in result.finding.seen:
            self.stdout.write(_wrapped(str(text), "      ", "      "))
        for text in result.finding.advice:
            self.stdout.write(_wrapped(str(text), "      → ", "        "))

    def _summary(self, report: Report) -> str:
        if report.problems:
            names = ", ".join(str(result.title) for result in report.problems)
            return self.style.ERROR(_("Something is wrong: %(checks)s.") % {"checks": names})
        if report.warnings:
            names = ", ".join(str(result.title) for result in report.warnings)
            return self.style.WARNING(_("It works; something could be better: %(checks)s.") % {"checks": names})
        if report.unasked:
            names = ", ".join(str(result.title) for result in report.unasked)
            return self.style.WARNING(
                _("Nothing wrong was found. Could not be queried: %(checks)s.") % {"checks": names}
            )
        return self.style.SUCCESS(_("All is well."))


def _wrapped(text: str, first: str, next: str) -> str:
    return textwrap.fill(
        text, _WIDTH, initial_indent=first, subsequent_indent=next, break_long_words=False, break_on_hyphens=False
    )

"""People from an LDAP server, such as Active Directory: read, and made lines of an import. Nothing is written there."""

import base64
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .. import cells, importing, photos
from ..csv_file import LINES, Line
from ..models import LdapEntry, LdapRun, Person
from .numbers import sorted_out
from .rows import table

# How long all of the reading may take, in seconds.
TIME_LIMIT = 120.0
# How long that may take with the import, in seconds.
RUN_LIMIT = 600.0
# The people of either an Active Directory, but for accounts that are disabled, or any other server.
FILTER = (
    "(|(objectClass=inetOrgPerson)"
    "(&(objectCategory=person)(objectClass=user)(!(userAccountControl:1.2.840.113556.1.4.803:=2))))"
)
# Field → the attributes that may hold it, the likeliest first; of numbers all count.
ATTRIBUTES: Mapping[str, Sequence[str]] = {
    "name": ("displayName", "cn"),
    "department": ("department", "ou"),
    "title": ("title",),
    "email": ("mail",),
    "extension": ("ipPhone",),
    "mobile": ("mobile",),
    "outside": ("telephoneNumber", "otherTelephone"),
    "photo": ("thumbnailPhoto", "jpegPhoto"),
}
_NUMBERS = ("extension", "outside", "mobile")
FAILURES: Mapping[str, Promise] = {
    "url": gettext_lazy("LDAP is not set up: LDAP_URL and LDAP_BASE say where people are."),
    "library": gettext_lazy(
        "The LDAP library is not installed. Have an administrator of the server install requirements-ldap.txt."
    ),
    "login": gettext_lazy("The LDAP server refused the login: check LDAP_BIND_DN and LDAP_PASSWORD."),
    "silent": gettext_lazy("The LDAP server did not answer in time."),
    "base": gettext_lazy("The LDAP server has nothing at LDAP_BASE: check how it is written."),
    "limit": gettext_lazy("There are more entries than can be read: narrow LDAP_FILTER, or raise the server's limit."),
    "connection": gettext_lazy("The LDAP server cannot be reached, or its certificate cannot be trusted (LDAP_CA)."),
    "nobody": gettext_lazy("The LDAP server told of nobody: check LDAP_BASE and LDAP_FILTER."),
    "other": gettext_lazy("The LDAP server refused what was asked: check LDAP_FILTER."),
    "broken": gettext_lazy("It ended before it was done; the log of the panel says why."),
}


class Failed(Exception):
    """It could not be read; one of `FAILURES`, and what the library says."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


@dataclass(slots=True)
class Told:
    """What an entry tells: by field as it is typed, and the first photo as it is there."""

    key: str
    cells: dict[str, str]
    photo: bytes = b""
    line: Line = field(default_factory=lambda: Line(0, {}, {}))

    @property
    def kept(self) -> dict[str, str]:
        """What is remembered of it."""
        return {**self.cells, "photo": hashlib.sha256(self.photo).hexdigest() if self.photo else ""}


# Reading.


def read() -> list[Told]:
    """All that the server tells. Raises `Failed`, also where the server is silent."""
    if not settings.LDAP_URL or not settings.LDAP_BASE:
        raise Failed("url")
    attributes = {**ATTRIBUTES, **settings.LDAP_ATTRIBUTES}
    wanted = {
        "url": settings.LDAP_URL, "starttls": settings.LDAP_STARTTLS, "ca": settings.LDAP_CA,
        "user": settings.LDAP_BIND_DN, "password": settings.LDAP_PASSWORD, "base": settings.LDAP_BASE,
        "filter": settings.LDAP_FILTER or FILTER, "most": LINES,
        "attributes": sorted({name for names in attributes.values() for name in names}),
    }  # fmt: skip
    told = _run(wanted)
    if "reason" in told:
        raise Failed(told["reason"], told["detail"])
    return [_told(entry, attributes) for entry in told["entries"]]


def _run(wanted: Mapping[str, Any]) -> dict[str, Any]:
    command = [sys.executable, "-m", f"{__package__}.ldap_reader"]
    try:
        done = subprocess.run(  # noqa: S603 (it is ours)
            command, input=json.dumps(wanted), capture_output=True, text=True, timeout=TIME_LIMIT, check=False,
            cwd=settings.BASE_DIR,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise Failed("silent") from None
    if done.returncode:
        raise Failed("broken", done.stderr.strip().rpartition("\n")[2])
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _told(entry: Mapping[str, Any], attributes: Mapping[str, Sequence[str]]) -> Told:
    def values(name: str) -> list[str]:
        return [value for attribute in attributes.get(name, ()) for value in entry.get(attribute.lower(), [])]

    found = {name: texts[0] for name in attributes if name not in (*_NUMBERS, "photo") and (texts := values(name))}
    numbers = [(number, name == "mobile") for name in _NUMBERS for number in dict.fromkeys(values(name))]
    photo = base64.b64decode(next(iter(values("photo")), ""))
    return Told(entry["key"], {**found, **sorted_out(numbers)}, photo)


# Importing.


def run() -> LdapRun:
    """Read people and import them; what came of it, which is kept too. Of a failure nothing is changed."""
    begin(timezone.now())
    try:
        told = read()
        if not told:
            raise Failed("nobody")
        with transaction.atomic():
            counts, refused = _import(told, timezone.now())
    except Failed as failure:
        return failed(failure.reason, failure.detail)
    except BaseException:
        failed("broken")
        raise
    row = LdapRun.objects.get(pk=1)
    row.outcome, row.reason, row.detail = LdapRun.Outcome.DONE, "", ""
    row.counts, row.refused, row.done_at = counts, refused, timezone.now()
    row.save()
    return row


# How it is noted that it was asked for, and that nobody has begun.
_ASKED = {"at": None, "outcome": LdapRun.Outcome.RUNNING}


def begin(last: datetime | None) -> bool:
    """Note that it begins, if somebody has asked for that, or it has not begun since `last`; False where it is not
    to begin, or somebody else's to do.
    """
    LdapRun.objects.get_or_create(pk=1)
    due = Q(**_ASKED) if last is None else Q(at=None) | Q(at__lt=last)
    rows = LdapRun.objects.filter(due, pk=1)
    return rows.exists() and bool(rows.update(at=timezone.now(), outcome=LdapRun.Outcome.RUNNING))


def ask() -> None:
    """Have a worker read it now, unless it is being read."""
    row, _is_new = LdapRun.objects.get_or_create(pk=1)
    if not is_under_way(row):
        LdapRun.objects.filter(pk=1, at=row.at, outcome=row.outcome).update(**_ASKED)


def is_under_way(row: LdapRun) -> bool:
    """Whether it is being read, or is to be; one that was never heard of again is not."""
    lately = timezone.now() - timedelta(seconds=RUN_LIMIT)
    return row.outcome == LdapRun.Outcome.RUNNING and (row.at is None or row.at > lately)


def failed(reason: str, detail: str = "") -> LdapRun:
    """Note that it has failed."""
    row, _is_new = LdapRun.objects.get_or_create(pk=1)
    row.outcome, row.reason, row.detail = LdapRun.Outcome.FAILED, reason, detail[:500]
    row.save(update_fields=["outcome", "reason", "detail"])
    return row


def _import(told: Iterable[Told], now: datetime) -> tuple[dict[str, int], list[list[str]]]:
    """Do what they tell; how many of each, and what was refused. Raises `Failed`."""
    entries = {entry.key: entry for entry in LdapEntry.objects.all()}
    people = {person.pk: person for person in importing.people_of(entry.person_id for entry in entries.values())}
    by_number = {}
    for number, one in enumerate(told, 1):
        entry = entries.get(one.key)
        one.line = _line(number, one, entry, people.get(entry.person_id) if entry else None)
        by_number[number] = one
    plan = importing.plan_for(table([one.line for one in by_number.values()]))
    importing.do(plan)
    steps = plan.added + plan.changed + plan.unchanged
    known = [(step.person, by_number[step.line.number]) for step in steps]
    LdapEntry.objects.bulk_create(
        [LdapEntry(person=person, key=one.key, told=one.kept, gone_at=None) for person, one in known],
        batch_size=500, update_conflicts=True, unique_fields=["person"], update_fields=["key", "told", "gone_at"],
    )  # fmt: skip
    # Somebody may be told of by another key than before.
    present, told_of = {one.key for one in by_number.values()}, {person.pk for person, _one in known}
    gone = [entry.pk for key, entry in entries.items() if key not in present and entry.pk not in told_of]
    for start in range(0, len(gone), 500):
        LdapEntry.objects.filter(pk__in=gone[start : start + 500], gone_at=None).update(gone_at=now)
    counts = {name: len(getattr(plan, name)) for name in ("added", "changed", "unchanged", "refused")}
    counts["gone"] = LdapEntry.objects.exclude(gone_at=None).count()
    return counts, [list(pair) for pair in plan.told_refusals[:20]]


def _line(number: int, told: Told, entry: LdapEntry | None, person: Person | None) -> Line:
    """What an entry says; and that what it has said before, and nobody has changed since, is no more."""
    line = Line(number, dict(told.cells), {}, label=told.cells.get("name", told.key)[:80])
    is_new_photo = told.photo and (entry is None or entry.told.get("photo") != told.kept["photo"])
    if is_new_photo:
        _warning, image = photos.taken([told.photo], photos.Budget())
        line = replace(line, photo=image)
    if entry is None or person is None:
        return line
    values = person.values()
    for name, former in entry.told.items():
        if name in values and name not in line.cells and name != "name":
            line.cells.update({name: ""} if values[name] == _value(name, former) else {})
    return replace(line, person=person.pk)


def _value(name: str, typed: str) -> Any:
    """What was kept of it; None where that could not be."""
    said, _refused = cells.values_in({name: typed})
    return said.get(name)


# Telling.


def words(row: LdapRun) -> str:
    """What came of it, in a sentence."""
    if row.outcome == LdapRun.Outcome.FAILED:
        return str(FAILURES.get(row.reason, FAILURES["broken"]))
    if row.outcome == LdapRun.Outcome.RUNNING and row.at is None:
        return _("A worker that leads a PBX begins to read it within seconds.")
    if row.outcome == LdapRun.Outcome.RUNNING:
        return _("LDAP is being read.")
    if not row.outcome:
        return _("It was not read yet.")
    sentence = _("%(added)s added, %(changed)s changed, %(unchanged)s unchanged, %(refused)s refused; %(gone)s gone.")
    return str(sentence % row.counts)

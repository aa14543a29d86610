"""An import of shared people from a CSV file: what it would change, that it is done, and undone."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from . import cells
from .csv_file import Line, Table, table_of
from .models import FIELDS, LABELS, NOTHING, PeopleImport, Person, claim_of, pbx_names, put


@dataclass(slots=True)
class Step:
    """What becomes of one line."""

    line: Line
    person: Person
    values: dict[str, Any]
    before: dict[str, Any] | None = None
    # Of what the file says otherwise, what was edited by hand.
    kept: list[str] = field(default_factory=list)

    @property
    def changes(self) -> list[tuple[str, str, str]]:
        """Field, before, after."""
        before = self.before or NOTHING
        return [
            (name, cells.typed_for(name, before[name]), cells.typed_for(name, self.values[name]))
            for name in FIELDS
            if before[name] != self.values[name]
        ]

    @property
    def told(self) -> list[tuple[object, str, str]]:
        """The same, in words."""
        return [(LABELS[name], before, after) for name, before, after in self.changes]

    @property
    def kept_words(self) -> str:
        return str(_(", ")).join(str(LABELS[name]) for name in self.kept)


@dataclass(slots=True)
class Plan:
    """What an import would do."""

    table: Table
    added: list[Step] = field(default_factory=list)
    changed: list[Step] = field(default_factory=list)
    unchanged: list[Step] = field(default_factory=list)
    # Line and sentence.
    refused: list[tuple[int, str]] = field(default_factory=list)

    @property
    def digest(self) -> str:
        """By which it is known again."""
        steps = [
            (step.line.number, step.person.pk, step.changes, step.line.extra) for step in self.added + self.changed
        ]
        return hashlib.sha256(json.dumps(steps, sort_keys=True).encode()).hexdigest()


class _Known:
    """The shared people, by what a line may name them."""

    def __init__(self) -> None:
        people = Person.objects.filter(owner=None).prefetch_related("numbers", "phones")
        self.values = {person: person.values() for person in people}
        self.by_email: dict[str, list[Person]] = {}
        self.by_claim: dict[str, Person] = {}
        self.by_name: dict[str, list[Person]] = {}
        self.pbxs = set(pbx_names())
        for person, values in self.values.items():
            self._note(person, values)

    def _note(self, person: Person, values: Mapping[str, Any]) -> None:
        if values["email"]:
            self.by_email.setdefault(values["email"].lower(), []).append(person)
        self.by_name.setdefault(values["name"], []).append(person)
        for extension in values["extension"]:
            self.by_claim[claim_of(values["pbx"], extension)] = person

    def holder(self, pbx: str, extension: str) -> Person | None:
        """Whose extension it is: see `models.holder_of`."""
        pbxs = {pbx, ""} if pbx else {"", *self.pbxs}
        return next((found for name in pbxs if (found := self.by_claim.get(claim_of(name, extension)))), None)

    def meant_by(self, values: Mapping[str, Any]) -> Person | None:
        """Whom a line is about: by e-mail, else by extension, else by name. Raises `ValueError` with a sentence."""
        email, name = values.get("email", "").lower(), values["name"]
        for found, words in ((self.by_email.get(email, []), email), (self._holders(values), name)):
            if len(found) == 1:
                return found[0]
            if found:
                raise ValueError(_("Several people are meant: %(what)s.") % {"what": words})
        named = [
            person
            for person in self.by_name.get(name, [])
            # Another of the same name, by what else is known.
            if not (email and self.values[person]["email"])
            and not (values.get("extension") and self.values[person]["extension"])
        ]
        if len(named) > 1:
            raise ValueError(_("Several people are called %(name)s: add their e-mail or extension.") % {"name": name})
        return named[0] if named else None

    def _holders(self, values: Mapping[str, Any]) -> list[Person]:
        held = (self.holder(values.get("pbx", ""), extension) for extension in values.get("extension", []))
        return list(dict.fromkeys(person for person in held if person is not None))


def plan_of(text: str) -> Plan:
    """What importing a file would change now. Reads the database three times. Raises `csv_file.Unreadable`."""
    plan, known = Plan(table_of(text)), _Known()
    # What lines before have said: person → line, and claim → line.
    seen: dict[Person, int] = {}
    claims: dict[str, int] = {}
    for line in plan.table.lines:
        try:
            step = _step(line, known, seen, claims)
        except ValueError as reason:
            plan.refused.append((line.number, str(reason)))
            continue
        told = step.before is not None and (step.changes or any(
            step.person.extra.get(head) != cell for head, cell in line.extra.items()
        ))  # fmt: skip
        (plan.added if step.before is None else plan.changed if told else plan.unchanged).append(step)
    _refuse_what_collides(plan, known)
    return plan


def _step(line: Line, known: _Known, seen: dict[Person, int], claims: dict[str, int]) -> Step:
    """What becomes of a line. Raises `ValueError` with a sentence."""
    if line.is_too_long:
        raise ValueError(_("It has more cells than the first line has columns."))
    said, refused = cells.values_in({"name": "", **line.cells})
    if refused:
        raise ValueError(" ".join(refused.values()))
    if said.get("pbx") and said["pbx"] not in known.pbxs:
        raise ValueError(_("No PBX is called %(name)s.") % {"name": said["pbx"]})
    person = known.meant_by(said)
    if person is not None and person in seen:
        raise ValueError(_("It is about the same person as line %(line)s.") % {"line": seen[person]})
    for extension in said.get("extension", []):
        claim = claim_of(said.get("pbx", ""), extension)
        if claim in claims:
            sentence = _("Line %(line)s has the extension %(extension)s too: one extension is one person's.")
            raise ValueError(sentence % {"line": claims[claim], "extension": extension})
        claims[claim] = line.number
    if person is None:
        return Step(line, Person(), {**NOTHING, **said})
    seen[person] = line.number
    before = known.values[person]
    kept = [name for name in said if name in person.by_hand and said[name] != before[name]]
    values = {**before, **{name: value for name, value in said.items() if name not in kept}}
    return Step(line, person, values, before, kept)


def _refuse_what_collides(plan: Plan, known: _Known) -> None:
    """An extension that somebody has who keeps it: what is edited by hand is kept, and it may have been claimed for
    another PBX.
    """
    holders: dict[str, Step | Person] = {}
    steps = plan.added + plan.changed + plan.unchanged
    changing = {step.person for step in steps if step.before is not None}
    for claim, person in known.by_claim.items():
        if person not in changing:
            holders[claim] = person
    for group in (plan.unchanged, plan.changed, plan.added):
        for step in list(group):
            own = [claim_of(step.values["pbx"], extension) for extension in step.values["extension"]]
            taken = [claim for claim in own if claim in holders]
            if taken:
                group.remove(step)
                sentence = _("Somebody else has the extension %(extension)s: one extension is one person's.")
                plan.refused.append((step.line.number, sentence % {"extension": taken[0].partition("/")[2]}))
                if step.before is not None:
                    own = [claim_of(step.before["pbx"], extension) for extension in step.before["extension"]]
            holders.update(dict.fromkeys(own, step))
    plan.refused.sort()


class Changed(Exception):
    """What was shown is not what would be done now."""


def carry_out(kept: PeopleImport, digest: str) -> Plan:
    """Do what was shown. Raises `Changed` where that would be something else by now, and `IntegrityError`."""
    with transaction.atomic():
        kept = PeopleImport.objects.select_for_update().get(pk=kept.pk)
        plan = plan_of(kept.text)
        if kept.state != PeopleImport.State.SHOWN or plan.digest != digest:
            raise Changed
        steps = plan.added + plan.changed
        for step in steps:
            step.person.extra = {**step.person.extra, **step.line.extra}
        put((step.person, step.values) for step in steps)
        kept.undo = {
            "added": {str(step.person.pk): step.values for step in plan.added},
            "changed": {
                str(step.person.pk): {name: [step.before[name], step.values[name]] for name, _old, _new in step.changes}
                for step in plan.changed
                if step.before is not None
            },
        }
        kept.state = PeopleImport.State.DONE
        kept.text = ""
        kept.save()
    return plan


def last_done() -> PeopleImport | None:
    """The import that can be undone: the last one, unless it was."""
    last = PeopleImport.objects.exclude(state=PeopleImport.State.SHOWN).first()
    return last if last is not None and last.state == PeopleImport.State.DONE else None


def undo(kept: PeopleImport) -> tuple[int, int]:
    """Take back what an import has done, except what was changed since: how many were deleted, how many changed.

    Raises `Changed` where it is not the last one, and `IntegrityError` where an extension was given to somebody else.
    """
    with transaction.atomic():
        last = last_done()
        if last is None or last.pk != kept.pk:
            raise Changed
        added, changed = last.undo["added"], last.undo["changed"]
        people = _people_of([*added, *changed])
        gone = [person for person in people if added.get(str(person.pk)) == person.values()]
        for start in range(0, len(gone), 500):
            Person.objects.filter(pk__in=[person.pk for person in gone[start : start + 500]]).delete()
        back = []
        for person in people:
            values = person.values()
            fields = changed.get(str(person.pk), {})
            former = {name: old for name, (old, new) in fields.items() if values[name] == new}
            if former:
                back.append((person, {**values, **former}))
        put(back)
        last.state, last.undo = PeopleImport.State.UNDONE, {}
        last.save()
    return len(gone), len(back)


def _people_of(keys: Iterable[str]) -> list[Person]:
    keys = list(keys)
    found: list[Person] = []
    for start in range(0, len(keys), 500):
        some = Person.objects.filter(pk__in=keys[start : start + 500])
        found += some.prefetch_related("numbers", "phones")
    return found


def show(user: User, file: str, text: str) -> PeopleImport:
    """Keep a file until its import is done. What its user has looked at before and not done is dropped."""
    PeopleImport.objects.filter(by=user, state=PeopleImport.State.SHOWN).delete()
    return PeopleImport.objects.create(by=user, file=file[:100], text=text)

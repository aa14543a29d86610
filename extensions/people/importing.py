"""An import of shared people, from a CSV file or from elsewhere: what it would change, that it is done, and undone."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from . import cells, csv_file, photos
from .csv_file import Line, Table
from .models import FIELDS, LABELS, LISTS, NOTHING, PeopleImport, Person, PersonPhoto, claim_of, pbx_names, put
from .sources import rows


@dataclass(slots=True)
class Step:
    """What becomes of one line."""

    line: Line
    person: Person
    values: dict[str, Any]
    before: dict[str, Any] | None = None
    # Of what the file says otherwise, what was edited by hand.
    kept: list[str] = field(default_factory=list)
    # Empty where none is given, or one that was given by hand is kept.
    photo: bytes = b""

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
        changes: list[tuple[object, str, str]] = [(LABELS[name], before, after) for name, before, after in self.changes]
        if self.has_new_photo:
            changes.append((_("photo"), "", _("another one")))
        return changes

    @property
    def has_new_photo(self) -> bool:
        """Whether it gives a photo that the person has not."""
        return bool(self.photo) and photos.digest_of(self.photo) != self.person.photo

    @property
    def new_extra(self) -> dict[str, list[str | None]]:
        """What columns of other names hold now (None: nothing), and will hold, where that differs."""
        extra = self.person.extra
        return {head: [extra.get(head), cell] for head, cell in self.line.extra.items() if extra.get(head) != cell}

    @property
    def is_change(self) -> bool:
        return bool(self.changes or self.new_extra or self.has_new_photo)

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
    def told_refusals(self) -> list[tuple[str, str]]:
        """The same, in words."""
        names = {line.number: line.where for line in self.table.lines}
        return [(names[number], sentence) for number, sentence in self.refused]

    @property
    def digest(self) -> str:
        """By which it is known again."""
        steps = [
            (step.line.number, step.person.pk, step.changes, step.line.extra, photos.digest_of(step.photo))
            for step in self.added + self.changed
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
        self.by_key = {person.pk: person for person in self.values}
        self.with_own_photo = set(PersonPhoto.objects.filter(by_hand=True).values_list("person", flat=True))
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

    def meant_by(self, values: Mapping[str, Any], *, first: str = "email") -> Person | None:
        """Whom a line is about: by e-mail, else by extension (the other way round where that is `first`), else by name.
        Raises `ValueError` with a sentence.
        """
        email, name = values.get("email", "").lower(), values["name"]
        ways = [(self.by_email.get(email, []), email), (self._holders(values), name)]
        for found, words in ways if first == "email" else reversed(ways):
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


def plan_of(text: str, kind: str = PeopleImport.Kind.CSV) -> Plan:
    """What importing a file would change now. Reads the database four times. Raises `csv_file.Unreadable`."""
    return plan_for(csv_file.table_of(text) if kind == PeopleImport.Kind.CSV else rows.table_of(text))


def plan_for(table: Table) -> Plan:
    """What importing these lines would change now."""
    plan, known = Plan(table), _Known()
    # What lines before have said: whom they are about, and claim → line.
    seen: dict[Person, Step] = {}
    claims: dict[str, Line] = {}
    for line in plan.table.lines:
        try:
            _step(line, known, seen, claims, plan)
        except ValueError as reason:
            plan.refused.append((line.number, str(reason)))
    for step in seen.values():
        (plan.changed if step.is_change else plan.unchanged).append(step)
    _refuse_what_collides(plan, known)
    return plan


def _step(line: Line, known: _Known, seen: dict[Person, Step], claims: dict[str, Line], plan: Plan) -> None:
    """Note what becomes of a line. Raises `ValueError` with a sentence."""
    said = _said(line, known)
    person = known.by_key.get(line.person) or known.meant_by(said, first="extension" if line.adds else "email")
    if person is not None and person in seen and not line.adds:
        sentence = _("It is about the same person as line %(line)s.") % {"line": seen[person].line.number}
        if seen[person].line.label:
            sentence = _("It is about the same person as: %(other)s.") % {"other": seen[person].line.label}
        raise ValueError(sentence)
    for extension in said.get("extension", []):
        claim = claim_of(said.get("pbx", ""), extension)
        if claim in claims:
            sentence = _("%(where)s has the extension %(extension)s too: one extension is one person's.")
            raise ValueError(sentence % {"where": claims[claim].where, "extension": extension})
        claims[claim] = line
    if person is None:
        plan.added.append(Step(line, Person(), {**NOTHING, **said}, photo=line.photo))
        return
    before = seen[person].values if person in seen else known.values[person]
    if line.adds:
        said = {name: _joined(before[name], value) if name in LISTS else value for name, value in said.items()}
    kept = [name for name in said if name in person.by_hand and said[name] != before[name]]
    values = {**before, **{name: value for name, value in said.items() if name not in kept}}
    photo = b"" if person.pk in known.with_own_photo else line.photo
    if person in seen:
        seen[person].values = {**values, "name": before["name"]}
    else:
        seen[person] = Step(line, person, values, before, kept, photo)


def _said(line: Line, known: _Known) -> dict[str, Any]:
    """What a line says of each field. Raises `ValueError` with a sentence."""
    if line.problem:
        raise ValueError(line.problem)
    said, refused = cells.values_in({"name": "", **line.cells})
    if refused:
        raise ValueError(" ".join(refused.values()))
    if said.get("pbx") and said["pbx"] not in known.pbxs:
        raise ValueError(_("No PBX is called %(name)s.") % {"name": said["pbx"]})
    return said


def _joined(before: list[str], more: list[str]) -> list[str]:
    return list(dict.fromkeys([*before, *more]))


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
        plan = plan_of(kept.text, kept.kind)
        if kept.state != PeopleImport.State.SHOWN or plan.digest != digest:
            raise Changed
        kept.undo = do(plan)
        kept.state = PeopleImport.State.DONE
        kept.text = ""
        kept.save()
    return plan


def do(plan: Plan) -> dict[str, Any]:
    """Do what is planned, in a transaction of the caller's; what is needed to undo it. Raises `IntegrityError`."""
    steps = plan.added + plan.changed
    new_extra = [(step, step.new_extra) for step in plan.changed]
    for step in steps:
        step.person.extra = {**step.person.extra, **step.line.extra}
    put((step.person, step.values) for step in steps)
    pictures = {step.person: step.photo for step in steps if step.has_new_photo}
    former = photos.of_all(pictures)
    photos.keep_all(pictures)
    return {
        "added": {str(step.person.pk): step.values for step in plan.added},
        "changed": {
            str(step.person.pk): {name: [step.before[name], step.values[name]] for name, _old, _new in step.changes}
            for step in plan.changed
            if step.before is not None
        },
        "extra": {str(step.person.pk): extra for step, extra in new_extra if extra},
        "photos": {str(person.pk): [photos.as_text(former.get(person.pk, b"")), person.photo] for person in pictures},
    }


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
        done = {"extra": {}, "photos": {}, **last.undo}
        people = people_of({**done["added"], **done["changed"], **done["extra"], **done["photos"]})
        gone = {person for person in people if _is_as_added(person, done)}
        keys = [person.pk for person in gone]
        for start in range(0, len(keys), 500):
            Person.objects.filter(pk__in=keys[start : start + 500]).delete()
        back = _change_back([person for person in people if person not in gone], done)
        last.state, last.undo = PeopleImport.State.UNDONE, {}
        last.save()
    return len(gone), back


def _is_as_added(person: Person, done: Mapping[str, Any]) -> bool:
    photo = done["photos"].get(str(person.pk), ["", ""])[1]
    return bool(done["added"].get(str(person.pk)) == person.values() and photo == person.photo)


def _change_back(people: Iterable[Person], done: Mapping[str, Any]) -> int:
    """Give people back what an import has changed, and nobody since; how many had something."""
    back: dict[Person, dict[str, Any]] = {}
    pictures: dict[Person, bytes] = {}
    for person in people:
        key, values = str(person.pk), person.values()
        fields, heads = done["changed"].get(key, {}), done["extra"].get(key, {})
        former = {name: old for name, (old, new) in fields.items() if values[name] == new}
        cells = {head: old for head, (old, new) in heads.items() if person.extra.get(head) == new}
        photo, digest = done["photos"].get(key, ["", ""])
        if former or cells:
            extra = {**person.extra, **cells}
            person.extra = {head: cell for head, cell in extra.items() if cell is not None}
            back[person] = {**values, **former}
        if digest and digest == person.photo:
            pictures[person] = photos.from_text(photo)
    put(back.items())
    photos.keep_all(pictures)
    return len(back.keys() | pictures.keys())


def people_of(keys: Iterable[str | int]) -> list[Person]:
    """The people with these keys, with their numbers and phones. Queries the database thrice for each 500."""
    keys = list(keys)
    found: list[Person] = []
    for start in range(0, len(keys), 500):
        some = Person.objects.filter(pk__in=keys[start : start + 500])
        found += some.prefetch_related("numbers", "phones")
    return found


def show(user: User, file: str, text: str, kind: str = PeopleImport.Kind.CSV) -> PeopleImport:
    """Keep a file, or what was read elsewhere, until its import is done. What its user has looked at before and not
    done is dropped.
    """
    PeopleImport.objects.filter(by=user, state=PeopleImport.State.SHOWN).delete()
    return PeopleImport.objects.create(by=user, kind=kind, file=file[:100], text=text)

"""Whom to call: a line of numbers, and saved groups of people."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from calls.forms import diallable
from engine import limits
from engine.mirror.sanitize import clean

from .invitations.models import InviteGroup, InviteMember

MOST_PEOPLE = limits.PEOPLE
_NUMBER = r"([+(]*[\d*#][\d\s()/.*#\u2010-\u2015-]*)"
_IN_BRACKETS = re.compile(r"(.*)<([^<>]*)>")
_NUMBER_FIRST = re.compile(rf"{_NUMBER}(?:[\s:]+(\D.*))?")
_NUMBER_LAST = re.compile(rf"(\D+?)[\s:]+{_NUMBER}")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody to call: the number as it is dialled, the name, if it is known, and the groups it was taken from."""

    number: str
    name: str = ""
    groups: tuple[InviteGroup, ...] = ()

    def __str__(self) -> str:
        return f"{self.name} <{self.number}>" if self.name else self.number


def person_of(text: str) -> Person:
    """`Name <number>`, `number name`, `name number` or a number alone → whom to call. Raises `ValidationError`."""
    # Before it is parsed, which takes long for a long one.
    if too_long := limits.complaint(text, limits.PERSON):
        raise forms.ValidationError(too_long)
    text = unicodedata.normalize("NFKC", text).strip()
    if found := _NUMBER_FIRST.fullmatch(text):
        number, name = found.groups(default="")
    elif found := _IN_BRACKETS.fullmatch(text) or _NUMBER_LAST.fullmatch(text):
        name, number = found.groups()
    else:
        name, number = "", text
    return Person(diallable(number.strip()), clean(name.strip(" \t\"'“”,;:"), limits.NAME))


def people_of(texts: Iterable[str]) -> tuple[list[Person], list[tuple[str, str]]]:
    """Whom to call, each number once; and what is not a number, with a sentence that says so."""
    people: dict[str, Person] = {}
    wrong = []
    for _at, text, found in _read(texts):
        if isinstance(found, Person):
            people.setdefault(found.number, found)
        else:
            wrong.append((text, found))
    return list(people.values()), wrong


def _read(texts: Iterable[str]) -> Iterator[tuple[int, str, Person | str]]:
    """Each text that is not blank, its number (the first is 1), and whom it names or why it names nobody."""
    for at, text in enumerate(texts, 1):
        if text.strip():
            try:
                yield at, text.strip(), person_of(text)
            except forms.ValidationError as error:
                yield at, text.strip(), str(error.message)


class PeopleField(forms.CharField):
    """People to call, a line for each, found by name while one is typed. Its value is the same text, as `person_of`
    reads it. Every line that is wrong is named.
    """

    default_error_messages = {"too_many": gettext_lazy("At most %(most)d people can be called at a time.")}

    def __init__(self, **options: Any) -> None:
        widget = forms.Textarea({"class": "form-control", "rows": 12, "spellcheck": "false"})
        super().__init__(**{"max_length": limits.PEOPLE * limits.PERSON, "widget": widget, **options})

    def clean(self, value: Any) -> str:
        lines = str(super().clean(value)).splitlines()
        people: dict[str, Person] = {}
        errors = []
        if sum(bool(line.strip()) for line in lines) > MOST_PEOPLE:
            raise forms.ValidationError(self.error_messages["too_many"], params={"most": MOST_PEOPLE})
        for at, _text, found in _read(lines):
            if not isinstance(found, Person):
                errors.append(_("Line %(at)d: %(why)s") % {"at": at, "why": found})
            elif found.number in people:
                errors.append(_("Line %(at)d: %(number)s is already listed.") % {"at": at, "number": found.number})
            else:
                people[found.number] = found
        if errors:
            raise forms.ValidationError(errors)
        return "\n".join(map(str, people.values()))


def finds_people(field: forms.Field, id: str) -> None:
    """People are offered while one types into a field, in the list of this id."""
    offers = {"data-find": reverse("people-find"), "aria-controls": id, "aria-autocomplete": "list"}
    field.widget.attrs.update(offers)


class GroupForm(forms.ModelForm):
    """A saved group: its name, and a line for each of its people."""

    people = PeopleField(
        label=gettext_lazy("People"),
        error_messages={"too_many": gettext_lazy("A group can have at most %(most)d people.")},
    )

    class Meta:
        model = InviteGroup
        fields = ["name"]
        widgets = {"name": forms.TextInput({"class": "form-control"})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        finds_people(self.fields["people"], "group-found")
        if self.instance.pk:
            members = (Person(member.number, member.name) for member in self.instance.members.all())
            self.initial["people"] = "\n".join(map(str, members))

    @property
    def found(self) -> list[Person]:
        """Who is in it, once it is valid."""
        people, _wrong = people_of(self.cleaned_data["people"].splitlines())
        return people

    @property
    def has_other_numbers(self) -> bool:
        """Whether its numbers are not those that it had."""
        former = self.instance.members.values_list("number", flat=True) if self.instance.pk else ()
        return {person.number for person in self.found} != set(former)

    def save(self, commit: bool = True) -> InviteGroup:
        """Write the group and its people, who replace those it had."""
        group: InviteGroup = super().save(commit)
        group.members.all().delete()
        InviteMember.objects.bulk_create(
            InviteMember(group=group, name=person.name, number=person.number) for person in self.found
        )
        return group

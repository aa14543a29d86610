"""The form by which a message is taken."""

import re
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from engine import limits
from engine.mirror.sanitize import clean

from ..people.models import Person, PersonNumber, numbers_for
from .models import TEXT
from .taking import cleaned_text, possible_for, unreachable

_INPUT = {"class": "form-control", "autocomplete": "off"}
_SWITCH = {"class": "form-check-input"}
_WITH_NUMBER = re.compile(r"(.*\S)\s*<([^<>]+)>")


def typed_for(person: Person, user: User) -> str:
    """How the box names somebody to a user: `Ben Beta <102>`, so that who is called the same is another."""
    numbers = numbers_for(user, person)
    return f"{person.name} <{numbers[0].number}>" if numbers else person.name


class OneLine(forms.CharField):
    """A text as it came over the phone network, or was typed: without what cannot be seen."""

    def __init__(self, most: int, **options: Any) -> None:
        attributes = {**_INPUT, **options.pop("attributes", {})}
        super().__init__(required=False, widget=forms.TextInput(attributes), **options)
        self.most = most

    def clean(self, value: Any) -> str:
        text = clean(" ".join(super().clean(value).split()), limits.FIELD)
        if complaint := limits.complaint(text, self.most):
            raise ValidationError(complaint)
        return text


class CalledForm(forms.Form):
    """What a message says: who called, and what they want."""

    caller_name = OneLine(limits.NAME, label=gettext_lazy("Who called"))
    caller_number = OneLine(limits.NUMBER, label=gettext_lazy("Number"), attributes={"inputmode": "tel"})
    text = forms.CharField(
        label=gettext_lazy("Message"), required=False, strip=False,
        widget=forms.Textarea({"class": "form-control", "rows": 4, "maxlength": TEXT}),
    )  # fmt: skip
    call_back = forms.BooleanField(
        label=gettext_lazy("Please call back"), required=False, widget=forms.CheckboxInput(_SWITCH)
    )
    urgent = forms.BooleanField(label=gettext_lazy("Urgent"), required=False, widget=forms.CheckboxInput(_SWITCH))

    def clean_text(self) -> str:
        return cleaned_text(self.cleaned_data["text"])

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        told = (cleaned.get(name, "x") for name in ("caller_name", "caller_number", "text"))
        if not any(told):
            self.add_error("text", _("Say who called, or what about."))
        return cleaned


class MessageForm(CalledForm):
    """The same, and for whom: `for` is a name, a number, or both as the box writes them."""

    to = forms.CharField(
        label=gettext_lazy("For"), max_length=limits.PERSON,
        error_messages={"required": gettext_lazy("Say for whom the message is.")},
        widget=forms.TextInput(
            {
                **_INPUT, "role": "combobox", "aria-expanded": "false", "aria-controls": "to-found",
                "aria-autocomplete": "list", "spellcheck": "false", "autocapitalize": "off", "data-find-stays": True,
            }
        ),
    )  # fmt: skip
    # Whom a link has meant, as long as the box says so.
    person = forms.IntegerField(required=False, widget=forms.HiddenInput)

    field_order = ["to", "person", "caller_name", "caller_number", "text", "call_back", "urgent"]

    def __init__(self, user: User, *arguments: Any, **options: Any) -> None:
        self.possible: QuerySet[Person] = possible_for(user)
        super().__init__(*arguments, **options)
        self.fields["to"].widget.attrs["data-find"] = reverse("message-find")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if cleaned.get("to"):
            try:
                cleaned["for"] = self._meant(" ".join(cleaned["to"].split()), cleaned.get("person"))
            except ValidationError as error:
                self.add_error("to", error)
        return cleaned

    def _meant(self, typed: str, pk: int | None) -> Person:
        """Whoever is meant, and can be reached. Raises `ValidationError`."""
        found = self._named(typed)
        if len(found) > 1:
            found = [person for person in found if person.pk == pk]
        if not found:
            raise ValidationError(
                _("“%(typed)s” is nobody in the directory, or more than one person: choose somebody from the list.")
                % {"typed": typed}
            )
        if why := unreachable(found[0]):
            raise ValidationError(why)
        return found[0]

    def _named(self, typed: str) -> list[Person]:
        parts = _WITH_NUMBER.fullmatch(typed)
        name, number = (parts[1], parts[2]) if parts else (typed, "")
        people = self.possible.select_related("user")
        if number:
            having = PersonNumber.objects.filter(number=number).values("person")
            return list(people.filter(name__iexact=name, pk__in=having)[:10])
        having = PersonNumber.objects.filter(number=typed, kind="extension").values("person")
        return list(people.filter(name__iexact=typed)[:10]) or list(people.filter(pk__in=having)[:10])

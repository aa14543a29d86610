"""The form of a person, or of a contact of one's own."""

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from . import cells
from .models import FIELDS, NOTHING, Person, holder_of, pbx_names, put

_INPUT = {"class": "form-control", "autocomplete": "off"}


class CellField(forms.CharField):
    """One of `FIELDS`, as it is typed; what is kept of it."""

    def __init__(self, name: str, **options: Any) -> None:
        options.setdefault("widget", forms.TextInput({**_INPUT, **options.pop("attributes", {})}))
        super().__init__(**options)
        self.name = name

    def clean(self, value: Any) -> Any:
        return cells.value_in(self.name, super().clean(value))


class PersonForm(forms.Form):
    """Whoever saves it has edited by hand what differs. Errors are shown at their field."""

    name = CellField("name", label=_("Name"), error_messages={"required": _("Enter a name.")})
    department = CellField("department", label=_("Department"), required=False, attributes={"list": "departments"})
    title = CellField("title", label=_("Title"), required=False)
    extension = CellField(
        "extension", label=_("Extension"), required=False, attributes={"inputmode": "tel"},
        help_text=_("Such as 101. Of each field with numbers several, with commas between."),
    )  # fmt: skip
    mobile = CellField("mobile", label=_("Mobile"), required=False, attributes={"inputmode": "tel"})
    outside = CellField("outside", label=_("Outside lines"), required=False, attributes={"inputmode": "tel"})
    email = CellField("email", label=_("E-mail"), required=False, attributes={"inputmode": "email"})
    phones = CellField(
        "phones", label=_("Phones"), required=False, attributes={"spellcheck": "false"},
        help_text=_("As Asterisk calls them, such as PJSIP/101. They tell whether the person is busy."),
    )  # fmt: skip
    pbx = forms.ChoiceField(label=_("PBX"), required=False, widget=forms.Select({"class": "form-select"}))
    user = forms.ModelChoiceField(
        User.objects.none(), label=_("User of the panel"), required=False, empty_label=_("none"),
        widget=forms.Select({"class": "form-select"}),
    )  # fmt: skip
    tags = CellField("tags", label=_("Tags"), required=False)
    note = CellField("note", label=_("Note"), required=False)
    hidden = forms.BooleanField(
        label=_("Hidden"), required=False, widget=forms.CheckboxInput({"class": "form-check-input"}),
        help_text=_("Only whoever manages people sees them."),
    )  # fmt: skip

    def __init__(self, data: Any, person: Person) -> None:
        self.person, self.before = person, person.values() if person.pk else {}
        initial = {name: value if name == "hidden" else cells.typed_for(name, value) for name, value in
                   self.before.items()}  # fmt: skip
        super().__init__(data, initial={**initial, "user": person.user_id})
        if person.owner_id is not None:
            for name in ("phones", "pbx", "user", "hidden"):
                del self.fields[name]
            return
        names = pbx_names()
        if person.pbx and person.pbx not in names:
            names.append(person.pbx)
        self.fields["pbx"].choices = [("", _("any")), *((name, name) for name in names)]  # type: ignore[attr-defined]
        free = User.objects.filter(is_active=True, person=None) | User.objects.filter(person__pk=person.pk or 0)
        self.fields["user"].queryset = free.order_by("username")  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.person.owner_id is None:
            for extension in cleaned.get("extension", []):
                holder = holder_of(cleaned.get("pbx", ""), extension, self.person.pk)
                if holder is not None:
                    self.add_error("extension", held(extension, holder.name))
        return cleaned

    def save(self) -> Person:
        """Raises `ValidationError` where somebody else was given the same extension at the same moment."""
        person, cleaned = self.person, self.cleaned_data
        values = {name: cleaned.get(name, NOTHING[name]) for name in FIELDS}
        before = {**NOTHING, **self.before}
        edited = {name for name in FIELDS if values[name] != before[name]}
        person.by_hand = [name for name in FIELDS if name in edited or name in person.by_hand]
        if "user" in self.fields:
            person.user = cleaned["user"]
        try:
            with transaction.atomic():
                put([(person, values)])
        except IntegrityError as error:
            raise ValidationError(_("Somebody else was given this extension just now. Save again.")) from error
        return person


def held(extension: str, name: str) -> ValidationError:
    """That an extension is somebody's."""
    return ValidationError(
        _("%(name)s has the extension %(extension)s already: one extension is one person's."),
        params={"name": name, "extension": extension},
    )

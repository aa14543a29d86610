"""The form in which a room is planned."""

import re
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from engine.mirror.models import PBX

from ..forms import PeopleField, finds_people
from ..moving import SOUND
from .models import Room

# What can be dialled, and be the name of an extension: one that begins with an underscore would be a pattern.
_NUMBER = re.compile(r"[A-Za-z0-9.*#+-][\w.*#+-]*", re.ASCII)


class RoomForm(forms.ModelForm):
    """A plan. Errors are shown at their field."""

    pbx = forms.ChoiceField(label=_("PBX"), widget=forms.Select({"class": "form-select"}))
    people = PeopleField(label=_("people who are called in at the start"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = list(PBX.objects.values_list("name", flat=True))
        # A plan outlives a PBX that is taken away for a while.
        if self.instance.pbx and self.instance.pbx not in names:
            names.append(self.instance.pbx)
        self.fields["pbx"].choices = [(name, name) for name in names]  # type: ignore[attr-defined]
        moderators = Q(is_active=True)
        if self.instance.pk:
            moderators |= Q(rooms=self.instance.pk)
        people = self.fields["moderators"]
        people.queryset = User.objects.filter(moderators).distinct().order_by("username")  # type: ignore[attr-defined]
        people.label_from_instance = _label_of  # type: ignore[attr-defined]
        self.fields["lock_after"].widget.attrs["min"] = 1
        self.fields["people"].widget.attrs["rows"] = 4
        finds_people(self.fields["people"], "room-found")

    def clean_number(self) -> str:
        number = str(self.cleaned_data["number"])
        if not _NUMBER.fullmatch(number):
            raise forms.ValidationError(
                _("Use only letters, digits and . _ - + * #; a name that begins with _ would be a pattern.")
            )
        return number

    def clean_name(self) -> str:
        return " ".join(self.cleaned_data["name"].split())

    def clean_lock_after(self) -> int | None:
        """Locking at once would lock everybody out."""
        return self.cleaned_data["lock_after"] or None

    def clean_greeting(self) -> str:
        sound = str(self.cleaned_data["greeting"])
        if sound and not SOUND.fullmatch(sound):
            raise forms.ValidationError(
                _("Enter the name of a sound, such as beep or custom/welcome: only letters, digits and . _ - /.")
            )
        return sound

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        pbx, number = cleaned.get("pbx"), cleaned.get("number")
        if pbx and number and Room.objects.filter(pbx=pbx, number=number).exclude(pk=self.instance.pk).exists():
            self.add_error("number", _("There is already a plan for this room."))
        return cleaned

    class Meta:
        model = Room
        fields = [
            "name", "number", "pbx", "moderators", "people", "invite_groups", "lecture", "record", "lock_after",
            "greeting",
        ]  # fmt: skip
        widgets = {
            "number": forms.TextInput({"class": "form-control", "autocomplete": "off"}),
            "name": forms.TextInput({"class": "form-control", "autocomplete": "off"}),
            "moderators": forms.CheckboxSelectMultiple({"class": "form-check-input"}),
            "invite_groups": forms.CheckboxSelectMultiple({"class": "form-check-input"}),
            "lecture": forms.CheckboxInput({"class": "form-check-input"}),
            "record": forms.CheckboxInput({"class": "form-check-input"}),
            "lock_after": forms.NumberInput({"class": "form-control", "inputmode": "numeric"}),
            "greeting": forms.TextInput({"class": "form-control", "autocomplete": "off", "spellcheck": "false"}),
        }
        help_texts = {
            "number": _("The name that your dialplan passes to ConfBridge(), such as 8001."),
            "name": _("What people call it, such as Board meeting."),
            "moderators": _("They can see and moderate this room, whatever other permissions they have."),
            "invite_groups": _(
                "Only those whom your dial policy, and that of whoever wrote the numbers down, allow to be called."
            ),
            "lecture": _("Everybody except admins and chosen speakers stays muted."),
            "lock_after": _("Nobody else can join after that. Empty: never."),
            "greeting": _("A sound to play once somebody has joined, such as custom/welcome. Empty: none."),
        }


def _label_of(user: User) -> str:
    name = user.get_full_name()
    return f"{name} ({user.get_username()})" if name else user.get_username()

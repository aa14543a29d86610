"""The forms about people."""

from typing import Any

from django import forms
from django.contrib.auth.models import User

from . import dialling
from .models import Profile
from .policy import Call, Part

# Which field holds what a dial policy allows.
_FIELDS = {Part.PHONE: "endpoint", Part.CONTEXT: "dial_context", Part.CALLER_ID: "extension"}


class ProfileForm(forms.ModelForm):
    """My phone; only one that the user's dial policies allow him. They are asked again with each call."""

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        wanted = Call(**{part.value: cleaned.get(field, "") for part, field in _FIELDS.items()})
        if refused := dialling.refused_phone(self.user, wanted):
            part, why = refused
            self.add_error(_FIELDS[part], why)
        return cleaned

    class Meta:
        model = Profile
        fields = ["pbx", "extension", "endpoint", "dial_context"]
        widgets = {
            "pbx": forms.Select({"class": "form-select"}),
            "extension": forms.TextInput({"class": "form-control"}),
            "endpoint": forms.TextInput({"class": "form-control"}),
            "dial_context": forms.TextInput({"class": "form-control"}),
        }

"""The forms about people."""

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.contrib.auth.models import User
from django.http import HttpRequest

from . import dialling, lockout
from .models import Profile
from .policy import Call, Part

# Which field holds what a dial policy allows.
_FIELDS = {Part.PHONE: "endpoint", Part.CONTEXT: "dial_context", Part.CALLER_ID: "extension"}


class LoginForm(AuthenticationForm):
    """A name and its password, checked when it is their turn."""

    def clean(self) -> dict[str, Any]:
        username, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if username is None or not password:
            return super().clean()
        assert self.request is not None  # noqa: S101  of a view that logs in
        try:
            with lockout.turn(self.request, username):
                return super().clean()
        except lockout.Refused:
            raise self.get_invalid_login_error() from None


class PasswordForm(PasswordChangeForm):
    """My new password, and the one before it, which is checked as at the login."""

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request
        for field in self.fields.values():
            field.widget.attrs["class"] = "form-control"

    def clean_old_password(self) -> str:
        password: str = self.cleaned_data["old_password"]
        try:
            right = lockout.is_password(self.request, self.user, password)
        except lockout.Refused:
            right = False
        if not right:
            raise forms.ValidationError(self.error_messages["password_incorrect"], code="password_incorrect")
        return password


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

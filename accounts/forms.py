"""The forms about users."""

import difflib
from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils.translation import gettext as _

from engine.mirror.models import PBX
from web import toasts

from . import dialling, lockout, phones
from .models import NAME, Profile, SharedPhone, check_phone
from .policy import Call, Part

# Which field holds what a dial policy allows.
_FIELDS = {Part.PHONE: "endpoint", Part.CONTEXT: "dial_context", Part.CALLER_ID: "extension"}


class LoginForm(AuthenticationForm):
    """A name and its password, checked when it is its turn."""

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
    """My new password, and the old one, which is checked as at the login."""

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request
        for field in self.fields.values():
            field.widget.attrs["class"] = "form-control"

    def clean_old_password(self) -> str:
        password: str = self.cleaned_data["old_password"]
        if not lockout.is_password(self.request, self.user, password):
            raise forms.ValidationError(self.error_messages["password_incorrect"], code="password_incorrect")
        return password


class ProfileForm(forms.ModelForm):
    """My phone; only one that the PBX has, that is nobody else's, and that the user's dial policies allow.

    They are asked again with each call. It is not saved by itself: `needs_proof` says whether it is to be proven first.
    """

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user, self.needs_proof = user, False
        # Checked before the dial policies: what cannot be a name is refused as such.
        self.fields["endpoint"].validators.append(check_phone)
        for name in ("extension", "dial_context"):
            self.fields[name].validators.append(NAME)
        self.former = {name: getattr(self.instance, name) for name in ("pbx_id", "endpoint", "dial_context")}

    @property
    def values(self) -> dict[str, Any]:
        """The fields of the profile, once they are valid."""
        names = ("pbx_id", "extension", "endpoint", "dial_context")
        return {name: getattr(self.instance, name) for name in names}

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        wanted = Call(**{part.value: cleaned.get(field, "") for part, field in _FIELDS.items()})
        if part := dialling.refused_part(self.user, wanted):
            self.add_error(_FIELDS[part], self._refusal(part, wanted))
        if not self.errors:
            self._check(phones.pbx_name(cleaned["pbx"] and cleaned["pbx"].pk), wanted)
        return cleaned

    def _refusal(self, part: Part, wanted: Call) -> str:
        if not dialling.policies_of(self.user):
            return dialling.sentence([], part, wanted)
        text = {
            Part.PHONE: _(
                "Your dial policies do not allow the phone %(text)s. Choose another, or ask an administrator."
            ),
            Part.CONTEXT: _(
                "Your dial policies do not allow the context “%(text)s”. Choose another, or ask an administrator."
            ),
            Part.CALLER_ID: _(
                "Your dial policies do not allow the extension %(text)s. Enter your own, or ask an administrator."
            ),
        }[part]
        return text % {"text": getattr(wanted, part.value)}

    def _check(self, pbx: str, wanted: Call) -> None:
        """What only the PBX and the other profiles show."""
        is_another = bool(wanted.phone) and (
            (pbx, wanted.phone) != (phones.pbx_name(self.former["pbx_id"]), self.former["endpoint"])
        )
        has_moved = pbx != phones.pbx_name(self.former["pbx_id"])
        context = wanted.context if wanted.context != self.former["dial_context"] or has_moved else ""
        if is_another or context:
            for field, why in what_is_missing(pbx, wanted.phone if is_another else "", context).items():
                self.add_error(field, why)
        if is_another and "endpoint" not in self.errors:
            shared = phones.shared_phone(pbx, wanted.phone)
            if why := whose(self.user, pbx, wanted.phone, shared):
                self.add_error("endpoint", why)
            self.needs_proof = shared is None and not dialling.may_choose(self.user, wanted.phone)

    class Meta:
        model = Profile
        fields = ["pbx", "endpoint", "extension", "dial_context"]
        widgets = {
            "pbx": forms.Select({"class": "form-select"}),
            "extension": forms.TextInput({"class": "form-control", "autocomplete": "off"}),
            "endpoint": forms.TextInput(
                {"class": "form-control", "list": "phone-endpoints", "autocomplete": "off", "spellcheck": "false"}
            ),
            "dial_context": forms.TextInput(
                {"class": "form-control", "list": "phone-contexts", "autocomplete": "off", "spellcheck": "false"}
            ),
        }


class IncomingForm(forms.ModelForm):
    """What an incoming call does in my browser, and whether my phone answers by itself."""

    class Meta:
        model = Profile
        fields = ["ring_tone", "notifies", "caller_link", "opens_caller_link", "answers_itself"]
        widgets = {
            "ring_tone": forms.Select({"class": "form-select"}),
            "notifies": forms.CheckboxInput({"class": "form-check-input"}),
            "caller_link": forms.TextInput({"class": "form-control", "autocomplete": "off", "spellcheck": "false"}),
            "opens_caller_link": forms.CheckboxInput({"class": "form-check-input"}),
            "answers_itself": forms.CheckboxInput({"class": "form-check-input"}),
        }


def what_is_missing(pbx: str, endpoint: str, context: str) -> dict[str, str]:
    """Field → why the PBX has no such phone or context, or why that cannot be checked; empty fields are not."""
    field = "endpoint" if endpoint else "dial_context"
    if not pbx:
        return {field: _("There is no PBX yet: is the worker running?")}
    outcome, stock = phones.stock_of(pbx, context)
    if not outcome.done:
        return {field: _("It cannot be checked whether the PBX has it. %(why)s") % {"why": toasts.words(outcome, "")}}
    found = {}
    if endpoint and endpoint not in stock.endpoints:
        found["endpoint"] = _no_such_phone(pbx, endpoint, stock)
    if stock.has_context is False:
        text = _("The dialplan of the PBX %(pbx)s has no context “%(context)s”.")
        found["dial_context"] = text % {"pbx": pbx, "context": context}
    return found


def _no_such_phone(pbx: str, endpoint: str, stock: phones.Stock) -> str:
    text = _("The PBX %(pbx)s has no phone %(phone)s.") % {"pbx": pbx, "phone": endpoint}
    if similar := difflib.get_close_matches(endpoint, stock.endpoints, 3):
        text += " " + _("Did you mean %(phones)s?") % {"phones": ", ".join(similar)}
    return text


def whose(user: User, pbx: str, endpoint: str, shared: SharedPhone | None) -> str:
    """Why a phone cannot become the user's, since it is others'; empty where it can."""
    if shared is not None:
        if shared.users.contains(user):
            return ""
        return _("%(phone)s is shared by others. An administrator can share it with you, too.") % {"phone": endpoint}
    if others := phones.others_with(user.pk, pbx, endpoint):
        text = _("%(phone)s is the phone of %(who)s. An administrator can change that, or let several people share it.")
        return text % {"phone": endpoint, "who": others[0].get_username()}
    return ""


class PhoneAdminForm(forms.ModelForm):
    """A phone as an administrator sets it: one that the PBX has, as far as that can be asked."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "endpoint" in self.fields:  # else it can only be viewed
            self.fields["endpoint"].validators.append(check_phone)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        endpoint = cleaned.get("endpoint")
        if endpoint and not cleaned.get("pbx"):
            cleaned["pbx"] = PBX.objects.first()
        name = cleaned["pbx"].pk if cleaned.get("pbx") else ""
        if endpoint and name and {"endpoint", "pbx"} & set(self.changed_data):
            outcome, stock = phones.stock_of(name)
            if outcome.done and endpoint not in stock.endpoints:
                self.add_error("endpoint", _no_such_phone(name, endpoint, stock))
            elif why := self.why_not(name, endpoint):
                self.add_error("endpoint", why)
        return cleaned

    def why_not(self, pbx: str, endpoint: str) -> str:
        """Why this cannot be set, since the phone is others'."""
        raise NotImplementedError


class ProfileAdminForm(PhoneAdminForm):
    """The phone of one user."""

    def why_not(self, pbx: str, endpoint: str) -> str:
        user = self.instance.user if self.instance.user_id else User()
        shared = phones.shared_phone(pbx, endpoint)
        if shared is not None and (user.pk is None or not shared.users.contains(user)):
            return _("%(phone)s is a shared phone: add the user there.") % {"phone": endpoint}
        if shared is None and (others := phones.others_with(user.pk, pbx, endpoint)):
            text = _("%(phone)s is the phone of %(who)s. Take it from there first, or add it to the shared phones.")
            return text % {"phone": endpoint, "who": others[0].get_username()}
        return ""

    def save(self, commit: bool = True) -> Profile:
        """A shared phone then belongs to nobody else."""
        profile: Profile = super().save(commit)
        if commit and profile.endpoint:
            phones.take_from_others(profile.user, phones.pbx_name(profile.pbx_id), profile.endpoint)
        return profile


class SharedPhoneForm(PhoneAdminForm):
    """A phone of several."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        pbx, endpoint, users = cleaned.get("pbx"), cleaned.get("endpoint"), cleaned.get("users")
        if pbx and endpoint and users is not None:
            for holder in phones.others_with(None, pbx.pk, endpoint):
                if holder not in users:
                    text = _("%(phone)s is the phone of %(who)s: choose them too, or take it from them first.")
                    self.add_error("users", text % {"phone": endpoint, "who": holder.get_username()})
        return cleaned

    def why_not(self, pbx: str, endpoint: str) -> str:
        return ""

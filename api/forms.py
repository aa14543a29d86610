"""The form by which a token is made."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import demo
from conferences.rooms.models import Room
from conferences.targets import MODERATE

from . import conferences, operations, service  # noqa: F401  the service knows all scopes
from .addresses import origin_of
from .models import Token, check_origins, lines

LASTS = [
    ("30", gettext_lazy("30 days")),
    ("90", gettext_lazy("90 days")),
    ("365", gettext_lazy("one year")),
    ("", gettext_lazy("until it is revoked")),
]


def scopes_for(user: User) -> list[str]:
    """The scopes that a token of this user can have: no more than they may themselves."""
    may = {scope for scope in operations.scopes if user.has_perm(scope)}
    if Room.objects.filter(moderators=user.pk).exists():
        may |= {MODERATE, conferences.SEE}
    return sorted(may)


def _choices(scopes: Iterable[str]) -> list[tuple[str, str]]:
    return [(scope, f"{operations.label_of(scope)} ({scope})") for scope in scopes]


class TokenForm(forms.ModelForm):
    """A token of one's own."""

    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("scopes"),
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("What a program may with the token. Choose only what it needs."),
        error_messages={"required": gettext_lazy("Choose at least one scope.")},
    )
    lasts = forms.ChoiceField(label=gettext_lazy("works for"), choices=LASTS, required=False, initial="90")

    class Meta:
        model = Token
        fields = ["name", "scopes", "lasts", "origins", "addresses"]
        widgets = {"origins": forms.Textarea({"rows": 2}), "addresses": forms.Textarea({"rows": 2})}

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        for name, given in self.fields.items():
            looks = {"scopes": "form-check-input", "lasts": "form-select", "for_user": "form-select"}
            given.widget.attrs["class"] = looks.get(name, "form-control")
        field = self.fields["scopes"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101  for the types
        field.choices = _choices(self.offered())

    def offered(self) -> list[str]:
        return scopes_for(self.user)

    def clean_origins(self) -> str:
        """As browsers write them."""
        check_origins(self.cleaned_data["origins"])
        return "\n".join(origin_of(line) for line in lines(self.cleaned_data["origins"]))

    @property
    def values(self) -> dict[str, Any]:
        """The fields of the token."""
        names = ("name", "scopes", "origins", "addresses")
        days = self.cleaned_data["lasts"]
        expires_at = timezone.now() + timedelta(days=int(days)) if days else None
        return {**{name: self.cleaned_data[name] for name in names}, "expires_at": expires_at}

    @property
    def owner(self) -> User:
        """In whose name the token asks."""
        return self.user


class TokenForForm(TokenForm):
    """A token that an administrator makes for a machine, or for somebody else."""

    for_user = forms.ModelChoiceField(
        label=gettext_lazy("owner"),
        queryset=User.objects.none(),
        help_text=gettext_lazy(
            "The user in whose name it asks: their permissions, dial policy and phone count. Make one for each machine."
        ),
    )
    field_order = ["for_user"]

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, user=user, **kwargs)
        field = self.fields["for_user"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101  for the types
        field.queryset = User.objects.filter(demo.admitted(), is_active=True).order_by("username")

    def offered(self) -> list[str]:
        return sorted(operations.scopes)

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        owner, scopes = given.get("for_user"), given.get("scopes", [])
        if owner is None:
            return given
        if owner.is_superuser and not self.user.is_superuser:
            self.add_error("for_user", _("Only a superuser may make a token for a superuser."))
        if beyond := sorted(set(scopes) - set(scopes_for(owner))):
            text = _("%(owner)s may not do that: %(scopes)s") % {"owner": owner, "scopes": ", ".join(beyond)}
            self.add_error("scopes", text)
        return given

    @property
    def owner(self) -> User:
        found: User = self.cleaned_data["for_user"]
        return found

"""The origin that an administrator allows, and the number that is confirmed before it is called."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from calls.forms import DialForm
from engine import limits

from ..addresses import origin_of
from ..models import AllowedOrigin, check_origin


class OriginForm(forms.Form):
    """The origin of a page, as browsers write it."""

    origin = forms.CharField(
        label=gettext_lazy("Origin of the page"),
        max_length=limits.ORIGIN,
        error_messages={"required": gettext_lazy("Enter the origin of the page, such as https://crm.example.org.")},
        widget=forms.TextInput(
            {
                "class": "form-control",
                "placeholder": "https://crm.example.org",
                "autocomplete": "off",
                "inputmode": "url",
            }
        ),
    )

    def clean_origin(self) -> str:
        check_origin(self.cleaned_data["origin"])
        origin = origin_of(self.cleaned_data["origin"])
        if AllowedOrigin.objects.filter(origin=origin).exists():
            raise forms.ValidationError(_("%(origin)s is allowed already.") % {"origin": origin})
        return origin


class NewCallForm(DialForm):
    """The same as the dial box."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        number = self.fields["number"].widget
        number.attrs |= {"class": "form-control", "autocomplete": "off", "inputmode": "tel", "type": "tel"}
        self.fields["command_id"].widget = forms.HiddenInput()

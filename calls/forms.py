"""The dial box."""

from django import forms
from django.utils.translation import gettext_lazy as _

from engine import limits

from .numbers import number_in


def diallable(typed: str) -> str:
    """The same, or `ValidationError` with a sentence for whoever typed it."""
    number = number_in(typed)
    if not number:
        raise forms.ValidationError(
            _("“%(typed)s” is not a number: use digits, * and #, with a + only in front.") % {"typed": typed}
        )
    return number


class DialForm(forms.Form):
    """A number to call. `command_id` makes a form one call, however often it is sent."""

    number = forms.CharField(
        max_length=limits.NUMBER, strip=True, error_messages={"required": _("Enter the number to call.")}
    )
    command_id = forms.RegexField(r"\A[0-9a-f]{32}\Z")

    def clean_number(self) -> str:
        typed = self.cleaned_data["number"]
        if "\n" in typed or "\r" in typed:
            raise forms.ValidationError(_("A number must be a single line."))
        return diallable(typed)

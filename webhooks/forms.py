"""The form by which a webhook is made and changed."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from engine.limits import ADDRESS, CONFERENCE, NAME, NAMED
from engine.mirror.models import PBX
from eventlog.declarations import event_types
from eventlog.telling import is_told

from . import addresses
from .models import Webhook


class Lines(forms.CharField):
    """A list of texts, one a line; each no longer than `longest`."""

    def __init__(self, *, longest: int, **options: Any) -> None:
        super().__init__(required=False, widget=forms.Textarea({"rows": 2, "class": "form-control"}), **options)
        self.longest = longest

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        return list(
            dict.fromkeys(line.strip() for line in (super().to_python(value) or "").splitlines() if line.strip())
        )

    def validate(self, value: Any) -> None:
        if len(value) > NAMED:
            raise forms.ValidationError(_("Name at most %(most)d.") % {"most": NAMED})
        if any(len(line) > self.longest for line in value):
            raise forms.ValidationError(_("A line has at most %(most)d characters.") % {"most": self.longest})

    def run_validators(self, value: Any) -> None:
        """Those of a text do not fit a list."""


class WebhookForm(forms.ModelForm):
    """Where to, what, and in which form."""

    types = forms.MultipleChoiceField(
        label=gettext_lazy("events"),
        widget=forms.CheckboxSelectMultiple({"class": "form-check-input"}),
        error_messages={"required": gettext_lazy("Choose at least one kind of event.")},
    )
    pbxs = forms.MultipleChoiceField(
        label=gettext_lazy("PBXs"),
        required=False,
        widget=forms.CheckboxSelectMultiple({"class": "form-check-input"}),
        help_text=gettext_lazy("None chosen: of all."),
    )
    extensions = Lines(
        label=gettext_lazy("extensions"),
        longest=ADDRESS,
        help_text=gettext_lazy("Numbers or names of telephones, one a line: only what is about one of them."),
    )
    conferences = Lines(
        label=gettext_lazy("conferences"),
        longest=CONFERENCE,
        help_text=gettext_lazy("Names of conferences, one a line: only what is about one of them."),
    )

    class Meta:
        model = Webhook
        fields = ["name", "url", "types", "pbxs", "extensions", "conferences", "format"]
        widgets = {
            "name": forms.TextInput({"class": "form-control", "autocomplete": "off"}),
            "url": forms.URLInput({"class": "form-control", "autocomplete": "off", "placeholder": "https://"}),
            "format": forms.Select({"class": "form-select"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].max_length = NAME  # type: ignore[attr-defined]
        pbxs = list(PBX.objects.values_list("name", flat=True))
        # One that was taken away for a while is not forgotten.
        pbxs += [name for name in self.instance.pbxs if name not in pbxs]
        self._offer("types", self._meanings())
        self._offer("pbxs", {name: name for name in pbxs})

    def _offer(self, name: str, choices: Mapping[str, str]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101  for the types
        field.choices = list(choices.items())

    def _meanings(self) -> dict[str, str]:
        """The types that are told here, and those that are chosen already."""
        chosen = self.instance.types
        offered = [found for found in event_types.values() if is_told(found) or found.name in chosen]
        return {found.name: f"{found.name}: {_(found.meaning)}" for found in offered}

    def clean_url(self) -> str:
        url = str(self.cleaned_data["url"])
        try:
            addresses.check(url)
        except addresses.BadAddress as error:
            raise forms.ValidationError(str(error)) from None
        return url

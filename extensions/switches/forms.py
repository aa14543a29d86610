"""The form of a switch."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from engine.mirror.models import PBX

from .models import Switch

_INPUT = {"class": "form-control", "autocomplete": "off", "spellcheck": "false"}


class SwitchForm(forms.ModelForm):
    """Errors are shown at their field."""

    pbx = forms.ChoiceField(label=_("PBX"), widget=forms.Select({"class": "form-select"}))

    class Meta:
        model = Switch
        fields = ["pbx", "name", "entry", "on_value", "off_value", "device", "on_word", "off_word"]
        help_texts = {
            "entry": _("Family and key, such as DAYNIGHT/C0. It says whether the switch is on."),
            "off_value": _("Empty: the entry is deleted."),
            "device": _("Such as Custom:NIGHT, for lamps of telephones; without an entry it says whether it is on."),
            "on_word": _("Such as night service."),
            "off_word": _("Such as day."),
        }
        error_messages = {"name": {"required": _("Enter a name.")}}

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        names = list(PBX.objects.values_list("name", flat=True))
        if self.instance.pbx and self.instance.pbx not in names:
            names.append(self.instance.pbx)
        self.fields["pbx"].choices = [(name, name) for name in names]  # type: ignore[attr-defined]
        for name, field in self.fields.items():
            if name != "pbx":
                field.widget.attrs.update(_INPUT)

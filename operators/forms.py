"""The forms about people."""

from django import forms

from .models import Profile


class ProfileForm(forms.ModelForm):
    """My phone."""

    class Meta:
        model = Profile
        fields = ["pbx", "extension", "endpoint", "dial_context"]
        widgets = {
            "pbx": forms.Select({"class": "form-select"}),
            "extension": forms.TextInput({"class": "form-control"}),
            "endpoint": forms.TextInput({"class": "form-control"}),
            "dial_context": forms.TextInput({"class": "form-control"}),
        }

"""The forms about people."""

from django import forms

from .models import Profile


class ProfileForm(forms.ModelForm):
    """My phone."""

    class Meta:
        model = Profile
        fields = ["pbx", "extension", "endpoint", "dial_context"]

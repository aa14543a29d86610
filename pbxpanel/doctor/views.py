"""The doctor's page."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from operators.people import user_of
from pbxpanel.mirror import commands
from pbxpanel.mirror.commands import Command, Outcome
from pbxpanel.mirror.commands import Status as CommandStatus

from . import people
from .engine import examine
from .patient import Wanted
from .report import AFTER_A_CHANGE, Report

PERMISSION = "system.use_doctor"


class DoctorForm(forms.Form):
    """What is to be examined: a PBX, and perhaps whose calls."""

    pbx = forms.ChoiceField(label=gettext_lazy("PBX"), widget=forms.Select({"class": "form-select"}))
    user = forms.ModelChoiceField(
        User.objects.filter(is_active=True).order_by("username"),
        label=gettext_lazy("User"),
        required=False,
        empty_label=gettext_lazy("nobody: the connection alone"),
        help_text=gettext_lazy("Whose phone, context and dial policies are looked at, too."),
        widget=forms.Select({"class": "form-select"}),
    )
    number = forms.CharField(
        label=gettext_lazy("Number"),
        required=False,
        max_length=80,
        help_text=gettext_lazy("One that this user should reach, as it is dialled."),
        widget=forms.TextInput({"class": "form-control", "inputmode": "tel", "autocomplete": "off"}),
    )
    call = forms.BooleanField(
        label=gettext_lazy("Let this user's phone ring"),
        required=False,
        widget=forms.CheckboxInput({"class": "form-check-input"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["pbx"].choices = [(name, name) for name in settings.AMI_ADDRESSES]  # type: ignore[attr-defined]

    @property
    def has_pbx(self) -> bool:
        """Whether there is any PBX to examine: the demo PBX has no address."""
        return bool(settings.AMI_ADDRESSES)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not cleaned.get("user") and (cleaned.get("number") or cleaned.get("call")):
            self.add_error("user", _("Choose whose phone and context it is about."))
        return cleaned


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(PERMISSION, raise_exception=True)
def doctor(request: HttpRequest) -> HttpResponse:
    """GET: the form. POST: examine `pbx`, with `user`, `number` and `call`; takes seconds, and as long as it rings."""
    asker = user_of(request)
    form = DoctorForm(request.POST if request.method == "POST" else None)
    context: dict[str, Any] = {"form": form, "after_a_change": AFTER_A_CHANGE}
    if form.is_bound and form.is_valid():
        context |= _examine(asker, **form.cleaned_data)
    template = "system/_doctor_report.html" if request.headers.get("HX-Request") else "system/doctor.html"
    return render(request, template, context, status=422 if form.errors else 200)


def _examine(asker: User, pbx: str, user: User | None, number: str, call: bool) -> dict[str, Any]:
    """It stands in the audit trail, as whatever else is asked of a PBX."""
    subject = " ".join(filter(None, (user.get_username() if user else pbx, number, "☎" if call else "")))
    command = Command(pbx, None, "examine", subject, asker.pk)
    (auditor,) = commands.auditors
    auditor.begin(command)
    wanted = people.wanted_of(user, number, call=call) if user else Wanted()
    report = examine(settings.AMI_ADDRESSES[pbx], pbx, wanted)
    auditor.end(command.id, Outcome(CommandStatus.DONE, _in_short(report)))
    return {"report": report, "elsewhere": people.is_elsewhere(user, pbx) if user else ""}


def _in_short(report: Report) -> str:
    return ", ".join(f"{result.id}: {result.status}" for result in (*report.problems, *report.warnings)) or "ok"

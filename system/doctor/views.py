"""The doctor's page."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from accounts import dialling
from accounts.identity import user_of
from engine import limits
from engine.ami.transports import Address
from engine.mirror.commands import Outcome, auditors
from engine.mirror.commands import Status as CommandStatus
from engine.mirror.models import PBX
from system.doctor import people
from system.doctor.engine import examine
from system.doctor.examination import Wanted
from system.doctor.report import AFTER_A_CHANGE, Report

from ..pages import may, on_pbx, page
from . import commands


class DoctorForm(forms.Form):
    """Whose calls are examined, besides what concerns all."""

    user = forms.ModelChoiceField(
        User.objects.filter(is_active=True).order_by("username"),
        label=gettext_lazy("User"),
        required=False,
        empty_label=gettext_lazy("everybody, in short"),
        help_text=gettext_lazy(
            "Of everybody: whether phone and dial context exist. Of one user: why not, the dial policies and a number."
        ),
        widget=forms.Select({"class": "form-select"}),
    )
    number = forms.CharField(
        label=gettext_lazy("Number"),
        required=False,
        max_length=limits.NUMBER,
        help_text=gettext_lazy("A number that this user should reach, as it is dialled."),
        widget=forms.TextInput({"class": "form-control", "inputmode": "tel", "autocomplete": "off"}),
    )
    call = forms.BooleanField(
        label=gettext_lazy("Let this user's phone ring"),
        required=False,
        widget=forms.CheckboxInput({"class": "form-check-input"}),
    )

    def __init__(self, asker: User, data: QueryDict | None) -> None:
        super().__init__(data)
        self.asker = asker

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not cleaned.get("user") and (cleaned.get("number") or cleaned.get("call")):
            self.add_error("user", _("Choose whose phone and context to check."))
        if (
            cleaned.get("call")
            and cleaned.get("user") not in (None, self.asker)
            and not may(self.asker, "send_actions")
        ):
            self.add_error(
                "call", _("Without the permission to send any action, you may only let your own phone ring.")
            )
        return cleaned


@require_http_methods(["GET", "HEAD", "POST"])
@on_pbx("use_doctor")
def doctor(request: HttpRequest, pbx: PBX) -> HttpResponse:
    """GET: the form. POST: examine it, with `user`, `number` and `call`; takes seconds, and as long as it rings."""
    address = settings.AMI_ADDRESSES.get(pbx.name)
    form = DoctorForm(user_of(request), request.POST if request.method == "POST" else None)
    context: dict[str, Any] = {"form": form, "has_address": address is not None, "after_a_change": AFTER_A_CHANGE}
    if form.is_bound and form.is_valid():
        if address is None:
            form.add_error(None, _("AMI_URL of this process does not name this PBX."))
        else:
            context |= _examine(user_of(request), address, pbx, form, **form.cleaned_data)
    status = 422 if form.errors else 200
    if request.headers.get("HX-Request"):
        return render(request, "system/doctor/_report.html", context, status=status)
    return page(request, pbx, "doctor", context, status=status)


def _examine(
    asker: User, address: Address, pbx: PBX, form: DoctorForm, user: User | None, number: str, call: bool
) -> dict[str, Any]:
    """It is in the audit trail, as everything that is asked of a PBX; where a phone is to ring, as a call."""
    subject = " ".join(filter(None, (user.get_username() if user else pbx.name, number, "☎" if call else "")))
    verb = commands.examine_phone if call else commands.examine
    command = verb.command(asker.pk, pbx, subject=subject)
    (auditor,) = auditors
    auditor.begin(command)
    if call and (why := dialling.too_many(asker)):
        auditor.end(command.id, Outcome(CommandStatus.FORBIDDEN, why))
        form.add_error("call", why)
        return {}
    wanted = people.wanted_of(user, number, call=call) if user else Wanted(people=people.everybody(pbx.name))
    report = examine(address, pbx.name, wanted)
    auditor.end(command.id, Outcome(CommandStatus.DONE, _in_short(report)))
    return {"report": report, "elsewhere": people.is_elsewhere(user, pbx.name) if user else ""}


def _in_short(report: Report) -> str:
    return ", ".join(f"{result.id}: {result.status}" for result in (*report.problems, *report.warnings)) or "ok"

"""The password, asked for again before what gives a shell on the PBX: an unattended screen must not be enough.

A log-in counts as the first time. Nothing that was typed is lost: a button is asked in a dialog, and then does what it
was to do; a form that was sent is sent again; a page comes after the question.
"""

import json
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from engine import limits
from web import toasts

from . import lockout
from .identity import user_of

# How long it holds, in seconds.
VALID = 15 * 60
_AT = "password_confirmed_at"
# Where a form that is sent again has the password, beside its own fields.
_FIELD = "confirm_password"


class PasswordForm(forms.Form):
    """The password of the user who is logged in."""

    password = forms.CharField(
        label=gettext_lazy("Password"),
        max_length=limits.PASSWORD,
        strip=False,
        error_messages={"required": gettext_lazy("Enter your password.")},
    )

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request

    def clean_password(self) -> str:
        """Checked as at the login, so that guessing is counted, slowed down and ends as there."""
        password: str = self.cleaned_data["password"]
        if not lockout.is_password(self.request, user_of(self.request), password):
            raise forms.ValidationError(_("This is not your password."))
        return password


@receiver(user_logged_in)
def logged_in(sender: object, request: HttpRequest, user: User, **_: Any) -> None:
    confirm(request)


def confirm(request: HttpRequest) -> None:
    request.session[_AT] = int(time.time())


def is_confirmed(request: HttpRequest) -> bool:
    """Whether the password was given within the last quarter of an hour."""
    at = request.session.get(_AT)
    return isinstance(at, int) and 0 <= time.time() - at < VALID


def ask(request: HttpRequest) -> HttpResponse:
    """What is answered instead of something that takes a confirmation."""
    if request.headers.get("HX-Request"):
        trigger = json.dumps({"confirm-password": {}})
        return HttpResponse(status=403, headers={"HX-Trigger": trigger, "HX-Reswap": "none"})
    if request.method == "POST":
        return _ask_before_a_form(request, PasswordForm(request=request))
    return redirect(f"{reverse('confirm')}?{urlencode({'next': request.get_full_path()})}")


def _ask_before_a_form(request: HttpRequest, form: PasswordForm) -> HttpResponse:
    """The question, with all that was sent: it is sent again, to where it was sent, together with the password."""
    fields = [(name, value) for name, values in request.POST.lists() for value in values]
    kept = [(name, value) for name, value in fields if name not in ("csrfmiddlewaretoken", _FIELD)]
    context = {"form": form, "kept": kept, "address": request.get_full_path(), "field": _FIELD}
    return render(request, "accounts/confirm.html", context, status=403)


def password_confirmed(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """For a view that takes a confirmation; whether somebody may open it at all is asked before."""

    @wraps(view)
    def checked(request: HttpRequest, *arguments: Any, **parameters: Any) -> HttpResponseBase:
        if not is_confirmed(request):
            if request.method != "POST" or _FIELD not in request.POST:
                return ask(request)
            form = PasswordForm({"password": request.POST[_FIELD]}, request=request)
            if not form.is_valid():
                return _ask_before_a_form(request, form)
            confirm(request)
        return view(request, *arguments, **parameters)

    return checked


class ConfirmedAdmin(admin.ModelAdmin):
    """Of people and what they may: whoever makes an administrator of somebody else needs no password of this one."""

    @method_decorator(password_confirmed)
    def changeform_view(self, *arguments: Any, **parameters: Any) -> HttpResponse:
        return super().changeform_view(*arguments, **parameters)

    @method_decorator(password_confirmed)
    def delete_view(self, *arguments: Any, **parameters: Any) -> HttpResponse:
        return super().delete_view(*arguments, **parameters)

    def changelist_view(self, request: HttpRequest, *arguments: Any, **parameters: Any) -> HttpResponse:
        """Its actions, such as deleting several, are forms as well."""
        if request.method == "POST":
            return self._changed_list(request, *arguments, **parameters)
        return super().changelist_view(request, *arguments, **parameters)

    @method_decorator(password_confirmed)
    def _changed_list(self, *arguments: Any, **parameters: Any) -> HttpResponse:
        return super().changelist_view(*arguments, **parameters)


@require_http_methods(["GET", "HEAD", "POST"])
def confirm_page(request: HttpRequest) -> HttpResponse:
    """GET: asks for the password. POST: takes it, and goes on to `next`; a dialog goes on by itself."""
    asks_to = request.POST.get("next") or request.GET.get("next", "")
    is_own = url_has_allowed_host_and_scheme(asks_to, {request.get_host()}, require_https=request.is_secure())
    following = asks_to if is_own else reverse("home")
    form = PasswordForm(request.POST if request.method == "POST" else None, request=request)
    if form.is_bound and form.is_valid():
        confirm(request)
        if request.headers.get("HX-Request"):
            return HttpResponse(status=204, headers={"HX-Trigger": json.dumps({"password-confirmed": {}})})
        return redirect(following)
    if form.is_bound and request.headers.get("HX-Request"):
        return toasts.toast(request, "danger", str(form.errors["password"][0]), 422)
    context = {"form": form, "kept": [("next", following)], "address": reverse("confirm"), "field": "password"}
    return render(request, "accounts/confirm.html", context, status=422 if form.is_bound else 200)

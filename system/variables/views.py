"""The page of variables: reading and setting those of a channel, and global ones."""

from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.confirmation import ask, is_confirmed
from accounts.identity import user_of
from calls import variables as commands
from calls.models import Channel
from calls.variables import Variable
from engine import limits
from engine.mirror.commands import Outcome, Status
from engine.mirror.models import PBX
from web import toasts

from ..pages import may, on_pbx, page

# How many live channels are offered to choose from.
_OFFERED = 500


def _refusal(user: User, name: str) -> str:
    """Why this user may not read a variable or function; empty if they may."""
    if commands.is_harmless(name) or may(user, "change_variables"):
        return ""
    return _(
        "Reading %(function)s needs the permission to set variables: such functions may do something, or reveal "
        "secrets. Without it you can read variables, and functions such as CHANNEL and CALLERID."
    ) % {"function": commands.function_of(name) or name}


@require_safe
@on_pbx("see_variables")
def variables_page(request: HttpRequest, pbx: PBX) -> HttpResponse:
    """GET: the form, with a `channel` if the address names one."""
    context = {"channels": _channels(pbx), "channel": request.GET.get("channel", "").replace("\0", "")[:200]}
    return page(request, pbx, "variables", context)


@require_safe
@on_pbx("see_variables")
def channels(request: HttpRequest, pbx: PBX) -> HttpResponse:
    """GET: the live channels, as options of a list."""
    return render(request, "system/variables/_channels.html", {"channels": _channels(pbx)})


def _channels(pbx: PBX) -> list[Channel]:
    return list(Channel.objects.filter(pbx=pbx)[:_OFFERED])


@require_POST
@on_pbx("see_variables")
def get(request: HttpRequest, pbx: PBX) -> HttpResponse:
    """POST: read the variable or function `name`, of a `channel` or, without, a global one."""
    user, channel, name = user_of(request), _text(request, "channel"), _text(request, "name")
    if complaint := _complaint(name, channel):
        return toasts.toast(request, "warning", complaint, 400)
    # SHELL(…) does what it says when it is read.
    if not commands.is_harmless(name) and may(user, "change_variables") and not is_confirmed(request):
        return ask(request)
    outcome = commands.get.ask(user, pbx, Variable(channel, name), lambda: _refusal(user, name))
    if not outcome.done:
        return toasts.toast(request, "danger", _words(outcome, name), toasts.code(outcome))
    return _result(request, channel, name, outcome.data)


@require_POST
@on_pbx("change_variables", confirmed=True)
def set_(request: HttpRequest, pbx: PBX) -> HttpResponse:
    """POST: set the variable or function `name` to `value`."""
    channel, name, value = _text(request, "channel"), _text(request, "name"), request.POST.get("value", "")
    if complaint := _complaint(name, channel, value):
        return toasts.toast(request, "warning", complaint, 400)
    outcome = commands.set_.ask(user_of(request), pbx, Variable(channel, name, value))
    if not outcome.done:
        return toasts.toast(request, "danger", _words(outcome, name), toasts.code(outcome))
    return _result(request, channel, name, outcome.data, was_set=True)


@require_POST
@on_pbx("see_variables")
def everything(request: HttpRequest, pbx: PBX) -> HttpResponse:
    """POST: all variables of a `channel`, or all global ones."""
    channel = _text(request, "channel")
    if complaint := _complaint("*", channel):
        return toasts.toast(request, "warning", complaint, 400)
    outcome = commands.everything.ask(user_of(request), pbx, Variable(channel))
    if not outcome.done:
        return toasts.toast(request, "danger", _words(outcome, ""), toasts.code(outcome))
    context = {"channel": channel, "variables": outcome.data}
    return render(request, "system/variables/_all.html", context)


def _text(request: HttpRequest, name: str) -> str:
    return request.POST.get(name, "").strip(" ")


def _complaint(name: str, *others: str) -> str:
    """Why this cannot be sent; empty if it can."""
    if not name:
        return _("Enter the name of a variable, or a function such as CHANNEL(state).")
    for text in (name, *others):
        if "\r" in text or "\n" in text or "\0" in text:
            return _("Write it in one line: AMI cannot write line breaks to a variable.")
        if len(text.encode("utf-8", "replace")) > limits.VARIABLE:
            return _("That is too long: AMI accepts at most %(number)s bytes.") % {"number": limits.VARIABLE}
    return ""


def _result(
    request: HttpRequest, channel: str, name: str, data: dict[str, Any], *, was_set: bool = False
) -> HttpResponse:
    function = commands.function_of(name)
    context = {
        "channel": channel,
        "name": name,
        "function": function,
        "value": data["value"],
        "was_set": was_set,
        "is_unknown": data["known"] is False,
        "is_dangerous": function in commands.DANGEROUS and not data["value"],
    }
    return render(request, "system/variables/_result.html", context)


def _words(outcome: Outcome, name: str) -> str:
    function = commands.function_of(name) or name
    text = outcome.text.lower() if outcome.status is Status.REFUSED else ""
    if "access forbidden" in text:
        return _(
            "The PBX does not let the panel use %(function)s, which can run programs: its user in manager.conf would "
            "need the class “system”."
        ) % {"function": function}
    if "variable not set" in text:
        if outcome.data and outcome.data["known"] is False:
            return _("Asterisk has no function %(function)s.") % {"function": function}
        if function in commands.DANGEROUS:
            return _dangerous(function)
        return _("Asterisk did not set %(name)s: it cannot be set, or not to this value, or not on this channel.") % {
            "name": name
        }
    gone = _("There is no such channel: it has been hung up, or its name is misspelled.")
    return toasts.words(outcome, gone)


def _dangerous(function: str) -> str:
    return _(
        "Asterisk does not let AMI use %(function)s: it can do harm, and asterisk.conf does not have "
        "“live_dangerously = yes”."
    ) % {"function": function}

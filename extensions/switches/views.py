"""The pages of switches: how they are, and for administrators which there are."""

from collections.abc import Collection

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from engine.mirror.commands import look_up

from .commands import MANAGE, SEE
from .forms import SwitchForm
from .fragments import board
from .models import Switch


@require_safe
@permission_required(SEE, raise_exception=True)
def switches(request: HttpRequest) -> HttpResponse:
    """GET: every switch, and whether it is on; the page keeps it live by itself."""
    context = {"live_view": "switches", "board": board()}
    return render(request, "extensions/switches/switches.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(MANAGE, raise_exception=True)
def new(request: HttpRequest) -> HttpResponse:
    """GET, POST: name another switch."""
    return _edit(request, Switch())


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(MANAGE, raise_exception=True)
def switch(request: HttpRequest, pk: int) -> HttpResponse:
    """GET, POST: what a switch is."""
    return _edit(request, get_object_or_404(Switch, pk=pk))


def _edit(request: HttpRequest, switch: Switch) -> HttpResponse:
    title, is_saved, former = switch.name, switch.pk is not None, switch.pbx
    form = SwitchForm(request.POST if request.method == "POST" else None, instance=switch)
    if request.method == "POST" and form.is_valid():
        saved = form.save()
        _tell(saved.pk, {saved.pbx, former} - {""})
        messages.success(request, _("%(name)s was saved.") % {"name": saved.name})
        return redirect("switches")
    context = {"form": form, "title": title, "switch": switch if is_saved else None}
    return render(request, "extensions/switches/switch.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(MANAGE, raise_exception=True)
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """GET asks, POST deletes it from the panel; the PBX stays as it is."""
    switch = get_object_or_404(Switch, pk=pk)
    if request.method != "POST":
        return render(request, "extensions/switches/switch_delete.html", {"switch": switch})
    switch.delete()
    _tell(pk, {switch.pbx})
    messages.success(request, _("%(name)s was deleted.") % {"name": switch.name})
    return redirect("switches")


def _tell(pk: int, pbxs: Collection[str]) -> None:
    """Have the PBXs of a switch, as it was and as it is, read and drawn anew, on every page that is open."""
    for pbx in pbxs:
        look_up(pbx, "extensions.switches", {"key": pk})

"""The pages on which rooms are planned."""

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.identity import user_of
from engine.mirror.models import PBX

from ..fragments import SEE
from .forms import RoomForm
from .models import Room
from .snippets import snippets_of

PLAN = "conferences.plan_rooms"


@require_safe
@permission_required(PLAN, raise_exception=True)
def rooms(request: HttpRequest) -> HttpResponse:
    """GET: every room that is planned."""
    user = user_of(request)
    planned = list(Room.objects.prefetch_related("moderators", "invite_groups"))
    sees_all = user.has_perm(SEE)
    context = {
        "rooms": [(room, sees_all or user in room.moderators.all()) for room in planned],
        "several_pbxs": len({room.pbx for room in planned} | set(PBX.objects.values_list("name", flat=True))) > 1,
    }
    return render(request, "conferences/rooms/rooms.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(PLAN, raise_exception=True)
def new(request: HttpRequest) -> HttpResponse:
    """GET, POST: plan another room."""
    return _edit(request, Room())


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(PLAN, raise_exception=True)
def room(request: HttpRequest, pk: int) -> HttpResponse:
    """GET, POST: what is planned of a room, and what to paste into Asterisk's configuration."""
    return _edit(request, get_object_or_404(Room, pk=pk))


def _edit(request: HttpRequest, planned: Room) -> HttpResponse:
    user = user_of(request)
    title, is_saved = str(planned), planned.pk is not None
    form = RoomForm(request.POST or None, instance=planned)
    if request.method == "POST" and form.is_valid():
        form.instance.planned_by = user
        saved = form.save()
        messages.success(request, _("Saved. It takes effect the next time the conference starts."))
        return redirect("room", saved.pk)
    context = {
        "form": form,
        "title": title,
        "room": planned if is_saved else None,
        # What was typed may be unfit for a dialplan.
        "snippets": snippets_of(Room.objects.get(pk=planned.pk)) if is_saved else [],
        "may_see": is_saved and (user.has_perm(SEE) or planned.moderators.contains(user)),
    }
    return render(request, "conferences/rooms/room.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(PLAN, raise_exception=True)
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """GET asks, POST deletes the plan. A running conference goes on."""
    planned = get_object_or_404(Room, pk=pk)
    if request.method != "POST":
        return render(request, "conferences/rooms/room_delete.html", {"room": planned})
    planned.delete()
    messages.success(request, _("The plan for %(room)s was deleted.") % {"room": planned})
    return redirect("rooms")

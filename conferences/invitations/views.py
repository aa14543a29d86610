"""Calling people into a conference, and the groups of people who are called together."""

import json
import re

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import dialling
from accounts.identity import profile_with_phone, user_of
from accounts.models import Profile
from engine.mirror.commands import Outcome, Status, run
from engine.mirror.models import PBX
from engine.mirror.verbs import NotReady
from web import toasts

from ..forms import MOST_PEOPLE, GroupForm, Person, people_of
from ..models import Participant
from ..rooms.models import Room
from ..targets import Place
from .commands import (
    GONE,
    OF_PLACES,
    back,
    invitation_of,
    own_phone,
    ready_to_call,
    ready_to_dial,
    stay_of,
    writers_of,
)
from .models import Invitation, InviteGroup

# What separates the people in the box.
_BETWEEN = re.compile(r"[\r\n,;，；、]+")


@require_POST
@login_required
def invite(request: HttpRequest, pbx: str, name: str) -> HttpResponse:
    """POST `numbers`, `group`: each of them is called. Those who cannot be are reported, and stay in the box."""
    user, place = _who_may(request, pbx, name)
    texts = _BETWEEN.split(request.POST.get("numbers", ""))
    too_many = _("At most %(most)d people can be called at a time.") % {"most": MOST_PEOPLE}
    if sum(bool(text.strip()) for text in texts) > MOST_PEOPLE:
        return toasts.toast(request, "warning", too_many, 409)
    typed, wrong = people_of(texts)
    group = request.POST.get("group", "")
    members = _members(group) if group else []
    if not typed and not members and not wrong:
        text = _("This group is empty.") if group else _("Enter a number, or choose a group.")
        return toasts.toast(request, "warning", text, 400)
    people = {person.number: person for person in [*members, *typed]}
    present = _present(pbx, name)
    absent = {number: person for number, person in people.items() if number not in present}
    # A typed number is called, even if somebody with that number is here.
    absent |= {person.number: people[person.number] for person in typed}
    try:
        profile = ready_to_dial(user, place)
        if len(absent) > MOST_PEOPLE:
            raise NotReady(too_many)
    except NotReady as error:
        return toasts.toast(request, "warning", str(error), 409)
    told = [why for _text, why in wrong]
    left = [text for text, _why in wrong]
    others, calls, is_for_later = list(absent.values()), 0, False
    writers = writers_of(others)
    while others:
        person = others.pop(0)
        outcome = run(*invitation_of(user, profile, place, person))
        if outcome.status is Status.NOT_CONNECTED:
            return toasts.answer(request, outcome, gone="")
        calls += outcome.done
        if not outcome.done:
            told.append(_words(outcome, person.number))
            left += [str(one) for one in typed if one is person]
        if outcome.status is Status.FORBIDDEN and dialling.pause(user, writers):
            is_for_later = bool(person.groups) or any(other.groups for other in others)
            break
    if others:
        text = ngettext("%(n)d more was not called either.", "%(n)d more were not called either.", len(others))
        told.append(text % {"n": len(others)})
        left += [str(one) for one in typed if one in others]
    here, group = len(people) - len(absent), group if is_for_later else ""
    return _told(request, told, left, here, any_called=calls > 0, group=group)


def _told(
    request: HttpRequest, told: list[str], left: list[str], here: int, *, any_called: bool, group: str
) -> HttpResponse:
    """What did not work, in one toast; the response says what stays in the box, and whether a group stays chosen."""
    if here:
        text = ngettext(
            "%(n)d of the group is already here, or being called.",
            "%(n)d of the group are already here, or being called.",
            here,
        )
        told.append(text % {"n": here})
    response = HttpResponse(status=204)
    if told:
        refused = not any_called and not here
        level = "danger" if refused else "info" if here and len(told) == 1 else "warning"
        response = toasts.toast(request, level, "\n".join(told), 422 if refused else 200)
    response.headers["HX-Trigger"] = json.dumps({"invited": {"value": ", ".join(left), "group": group}})
    return response


def _words(outcome: Outcome, number: str) -> str:
    text = toasts.words(outcome, gone="")
    return text if number in text else _("%(what)s: %(why)s") % {"what": number, "why": text}


def _members(group: str) -> list[Person]:
    if not group.isdecimal() or len(group) >= 10:
        raise Http404
    found = get_object_or_404(InviteGroup.objects.select_related("changed_by"), pk=int(group))
    return [Person(member.number, member.name, (found,)) for member in found.members.all()]


def _present(pbx: str, name: str) -> set[str]:
    """The numbers of those who are in the conference, or are being called into it."""
    present = Participant.objects.filter(pbx=pbx, conference=name).order_by()
    called = Invitation.objects.filter(pbx=pbx, conference=name).exclude(state__in=Invitation.ENDED).order_by()
    return {
        *present.values_list("caller_number", flat=True),
        *called.values_list("number", flat=True),
    }


@require_POST
@login_required
def call_me_in(request: HttpRequest, pbx: str, name: str) -> HttpResponse:
    """POST: my own phone is called."""
    user, place = _who_may(request, pbx, name)
    try:
        profile = _my_phone(user, place)
    except NotReady as error:
        return toasts.toast(request, "warning", str(error), 409)
    return _answer(request, own_phone(user, profile, place))


@require_POST
@login_required
def call_back(request: HttpRequest, pbx: str, name: str, uniqueid: str) -> HttpResponse:
    """POST: one who is in the conference is hung up and called again; so is one who has left it."""
    user, place = _who_may(request, pbx, name)
    row = stay_of(place, uniqueid)
    if row is None:
        return toasts.toast(request, "info", str(GONE), 404)
    try:
        asked = back(user, place, row)
    except NotReady as error:
        return toasts.toast(request, "warning", str(error), 409)
    return _answer(request, run(*asked))


def _answer(request: HttpRequest, outcome: Outcome) -> HttpResponse:
    return toasts.answer(request, outcome, gone=_("This invitation no longer exists."))


def _who_may(request: HttpRequest, pbx: str, name: str) -> tuple[User, Place]:
    """Raises `PermissionDenied`, and `Http404` where there is no such PBX."""
    user, place = user_of(request), Place(pbx, name)
    if not OF_PLACES.allows(user, place):
        raise PermissionDenied
    get_object_or_404(PBX, pk=pbx)
    return user, place


def _my_phone(user: User, place: Place) -> Profile:
    """The profile of a user whose own phone is to be called into a conference. Raises `NotReady`."""
    ready_to_call(user, place)
    elsewhere = _("Your phone is on a different PBX than this conference. Change it under “My phone”.")
    return profile_with_phone(user, place.pbx, elsewhere)


# Groups.


def may_have_groups(user: User) -> bool:
    """Whether the user may see the groups and make their own: whoever moderates anything may."""
    is_moderator = user.has_perm("conferences.moderate") or user.has_perm("conferences.plan_rooms")
    return is_moderator or (user.is_active and Room.objects.filter(moderators=user.pk).exists())


def may_edit(user: User, group: InviteGroup) -> bool:
    return user.has_perm("conferences.plan_rooms") or (group.owner_id == user.pk and may_have_groups(user))


def _grouper(request: HttpRequest) -> User:
    """Raises `PermissionDenied`."""
    user = user_of(request)
    if not may_have_groups(user):
        raise PermissionDenied
    return user


def _group_of(request: HttpRequest, pk: int) -> InviteGroup:
    """Raises `PermissionDenied`, also where there is none: who may not change it need not learn that."""
    user = _grouper(request)
    found = InviteGroup.objects.filter(pk=pk).first()
    if found is None and user.has_perm("conferences.plan_rooms"):
        raise Http404
    if found is None or not may_edit(user, found):
        raise PermissionDenied
    return found


@require_safe
@login_required
def groups(request: HttpRequest) -> HttpResponse:
    """GET: all groups, with a link to those that the user may change."""
    user = _grouper(request)
    rows = [
        {"group": group, "count": group.count, "may_edit": may_edit(user, group)}
        for group in InviteGroup.objects.select_related("owner").annotate(count=Count("members"))
    ]
    return render(request, "conferences/invitations/groups.html", {"rows": rows})


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def group_new(request: HttpRequest) -> HttpResponse:
    """GET, POST: a new group, which belongs to its creator."""
    return _edit(request, InviteGroup(owner=_grouper(request)))


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def group(request: HttpRequest, pk: int) -> HttpResponse:
    """GET, POST: one group; errors are reported line by line, and nothing typed is lost."""
    return _edit(request, _group_of(request, pk))


def _edit(request: HttpRequest, row: InviteGroup) -> HttpResponse:
    form = GroupForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        if form.has_other_numbers or not dialling.may_call(row.changed_by):
            row.changed_by = user_of(request)
        with transaction.atomic():
            saved = form.save()
        count = len(form.found)
        text = ngettext("Saved: “%(name)s” with %(n)d person.", "Saved: “%(name)s” with %(n)d people.", count)
        messages.success(request, text % {"name": saved.name, "n": count})
        return redirect("groups")
    name = InviteGroup.objects.get(pk=row.pk).name if row.pk else ""
    context = {"form": form, "group": row, "name": name}
    return render(request, "conferences/invitations/group.html", context, status=422 if form.errors else 200)


@require_POST
@login_required
def group_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """POST: delete a group."""
    found = _group_of(request, pk)
    found.delete()
    messages.success(request, _("Deleted: “%(name)s”.") % {"name": found.name})
    return redirect("groups")

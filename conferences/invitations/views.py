"""Calling people into a conference, and the groups of people who are called together."""

import json
import re

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import dialling
from accounts.identity import pbx_of, profile_of, user_of
from accounts.models import Profile
from calls.forms import diallable
from engine.mirror.commands import Outcome, Status
from engine.mirror.models import PBX
from web import toasts

from ..forms import MOST_PEOPLE, GroupForm, Person, people_of
from ..models import Conference, Participant
from ..records.models import Attendance
from ..requests import can_be_asked_for
from ..rooms.models import Room, may_invite, may_moderate
from . import requests
from .events import CALLED_ALREADY
from .models import Invitation, InviteGroup

# What separates the people in the box.
_BETWEEN = re.compile(r"[\r\n,;，；、]+")


class NotReady(Exception):
    """Nobody can be called yet; the sentence says what is missing."""


@require_POST
@login_required
def invite(request: HttpRequest, pbx: str, name: str) -> HttpResponse:
    """POST `numbers`, `group`: each of them is called. Those who cannot be are reported, and stay in the box."""
    user = _who_may(request, pbx, name)
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
        profile = _ready(user, pbx, name)
        if len(absent) > MOST_PEOPLE:
            raise NotReady(too_many)
    except NotReady as error:
        return toasts.toast(request, "warning", str(error), 409)
    told = [why for _text, why in wrong]
    left = [text for text, _why in wrong]
    others, calls, is_for_later = list(absent.values()), 0, False
    writers = requests.writers_of(others)
    while others:
        person = others.pop(0)
        outcome = requests.invite(user, profile, pbx, name, person)
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
    text = _(outcome.text) if outcome.text == CALLED_ALREADY.text else toasts.words(outcome, gone="")
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
    user = _who_may(request, pbx, name)
    try:
        profile = _ready(user, pbx, name, phone=True)
    except NotReady as error:
        return toasts.toast(request, "warning", str(error), 409)
    return _answer(request, requests.call_me_in(user, profile, pbx, name))


@require_POST
@login_required
def call_back(request: HttpRequest, pbx: str, name: str, uniqueid: str) -> HttpResponse:
    """POST: one who is in the conference is hung up and called again; so is one who has left it."""
    user = _who_may(request, pbx, name)
    row = Participant.objects.filter(pbx=pbx, conference=name, uniqueid=uniqueid).first() or _stay(pbx, name, uniqueid)
    if row is None:
        return toasts.toast(request, "info", _("It is no longer known who that was."), 404)
    try:
        profile = _ready(user, pbx, name)
        number = diallable(row.caller_number)
    except NotReady as error:
        return toasts.toast(request, "warning", str(error), 409)
    except ValidationError:
        return toasts.toast(request, "warning", _("Their number is not known, so they cannot be called back."), 409)
    person = Person(number, row.caller_name if row.caller_name != number else "")
    return _answer(request, requests.call_back(user, profile, pbx, name, person, row.uniqueid))


def _stay(pbx: str, name: str, uniqueid: str) -> Attendance | None:
    """The latest stay of a channel in a conference of this name that is over."""
    records = Attendance.objects.filter(pbx=pbx, uniqueid=uniqueid, key__startswith=f"{uniqueid}/{name}/")
    return records.order_by("-joined_at").first()


@require_POST
@login_required
def invitation(request: HttpRequest, pbx: str, code: str, verb: str) -> HttpResponse:
    """POST: `retry`, `cancel` or `dismiss`."""
    if verb not in ("retry", "cancel", "dismiss"):
        raise Http404
    row = Invitation.objects.filter(pbx=pbx, code=code).first()
    user = user_of(request)
    may = may_invite if verb == "retry" else may_moderate
    if not (may(user, pbx, row.conference) if row else user.has_perm("conferences.moderate")):
        raise PermissionDenied
    if row is None:
        return toasts.toast(request, "info", _("This invitation no longer exists."), 404)
    if verb != "retry":
        return _answer(request, requests.about(user, row, f"{verb}-invitation"))
    try:
        profile = _ready(user, pbx, row.conference, dials=row.channel.startswith("Local/"))
    except NotReady as error:
        return toasts.toast(request, "warning", str(error), 409)
    return _answer(request, requests.retry(user, profile, row))


def _answer(request: HttpRequest, outcome: Outcome) -> HttpResponse:
    if outcome.text == CALLED_ALREADY.text:
        return toasts.toast(request, "warning", _(outcome.text), 409)
    return toasts.answer(request, outcome, gone=_("This invitation no longer exists."))


def _who_may(request: HttpRequest, pbx: str, name: str) -> User:
    """Raises `PermissionDenied`."""
    user = user_of(request)
    if not may_invite(user, pbx, name):
        raise PermissionDenied
    return user


def _ready(user: User, pbx: str, name: str, *, phone: bool = False, dials: bool = True) -> Profile:
    """The profile by which somebody calls people into this conference. Raises `NotReady`.

    `phone`: their own phone is called; else, where the user `dials`, numbers of their context.
    """
    get_object_or_404(PBX, pk=pbx)
    profile = profile_of(user)
    mine = pbx_of(profile)
    if not can_be_asked_for(name):
        raise NotReady(_("Nobody can be called into a conference with this name."))
    if Conference.objects.filter(pbx=pbx, name=name, locked=True).exists():
        raise NotReady(_("This conference is locked, so nobody can join. Unlock it first."))
    if phone and not profile.endpoint:
        raise NotReady(_("Your phone is not set up yet. Set it up under “My phone” first."))
    if phone and (mine is None or mine.name != pbx):
        raise NotReady(_("Your phone is on a different PBX than this conference. Change it under “My phone”."))
    if dials and not phone and not profile.dial_context:
        raise NotReady(_("You have no dial context yet. Enter one under “My phone” first."))
    return profile


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

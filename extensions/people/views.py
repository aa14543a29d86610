"""The pages of people: the wall, the directory, a person, what is found while somebody types; import and export."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.identity import user_of

from ..messages.models import TAKE
from . import csv_file, importing
from .finding import found_by, matching
from .forms import PersonForm
from .fragments import MOST, board, on_the_wall, tiles_of
from .models import CALL, MANAGE, SEE, PeopleImport, Person, may_change, seen_by

_ON_A_PAGE = 50
# So many lines of each kind are shown before an import.
_SHOWN = 200
View = Callable[..., HttpResponse]


def _for_whoever_finds(view: View) -> View:
    """Whoever sees people, or has contacts of their own."""

    @login_required
    @wraps(view)
    def guarded(request: HttpRequest, *arguments: Any, **parameters: Any) -> HttpResponse:
        user = user_of(request)
        if not any(user.has_perm(name) for name in (SEE, MANAGE, CALL)):
            raise PermissionDenied
        return view(request, *arguments, **parameters)

    return guarded


@require_safe
@permission_required(SEE, raise_exception=True)
def wall(request: HttpRequest) -> HttpResponse:
    """GET: everybody of the house who has a phone, and whether they are busy; the page keeps it live by itself."""
    context = {"live_view": "people", "board": board(), "left_off": max(0, on_the_wall().count() - MOST)}
    return render(request, "extensions/people/wall.html", context)


@require_safe
@_for_whoever_finds
def directory(request: HttpRequest) -> HttpResponse:
    """GET: people and one's own contacts, by name; `q` searches, `page` counts from 1."""
    user, q = user_of(request), request.GET.get("q", "")
    people = matching(seen_by(user), q).select_related("user").prefetch_related("numbers", "phones")
    page = Paginator(people, _ON_A_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "q": q, "rows": [(tile, may_change(user, tile.person)) for tile in tiles_of([*page])]}
    return render(request, "extensions/people/directory.html", {**context, **_abilities(user)})


def _abilities(user: User) -> dict[str, bool]:
    return {
        "may_manage": user.has_perm(MANAGE),
        "may_call": user.has_perm(CALL),
        "may_see": user.has_perm(SEE),
        "may_take": user.has_perm(TAKE),
    }


@require_safe
@_for_whoever_finds
def find(request: HttpRequest) -> HttpResponse:
    """GET: whom `q` may mean, as the options of a list."""
    tiles = tiles_of(found_by(user_of(request), request.GET.get("q", "")))
    return render(request, "extensions/people/_found.html", {"tiles": [tile for tile in tiles if tile.number]})


@require_safe
@_for_whoever_finds
def menu(request: HttpRequest, pk: int) -> HttpResponse:
    """GET: what can be done about a person, for the menu of their tile."""
    user = user_of(request)
    person = get_object_or_404(seen_by(user), pk=pk)
    context = {"person": person, "may_change": may_change(user, person), **_abilities(user)}
    return render(request, "extensions/people/_menu.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(MANAGE, raise_exception=True)
def new(request: HttpRequest) -> HttpResponse:
    """GET, POST: add somebody."""
    return _edit(request, Person())


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(CALL, raise_exception=True)
def new_contact(request: HttpRequest) -> HttpResponse:
    """GET, POST: add a contact of one's own."""
    return _edit(request, Person(owner=user_of(request)))


@require_http_methods(["GET", "HEAD", "POST"])
@_for_whoever_finds
def person(request: HttpRequest, pk: int) -> HttpResponse:
    """GET, POST: what is kept of a person."""
    return _edit(request, _mine(request, pk))


def _mine(request: HttpRequest, pk: int) -> Person:
    """Somebody whom the user may change; 404 for whom they do not see, 403 for others."""
    user = user_of(request)
    found = get_object_or_404(seen_by(user), pk=pk)
    if not may_change(user, found):
        raise PermissionDenied
    return found


def _edit(request: HttpRequest, person: Person) -> HttpResponse:
    title, is_saved = person.name, person.pk is not None
    form = PersonForm(request.POST if request.method == "POST" else None, person)
    if request.method == "POST" and form.is_valid():
        try:
            form.save()
        except ValidationError as error:
            form.add_error("extension", error)
        else:
            messages.success(request, _("%(name)s was saved.") % {"name": person.name})
            return redirect("directory")
    departments = Person.objects.filter(owner=None).exclude(department="").order_by("department")
    context = {
        "form": form,
        "title": title,
        "person": person if is_saved else None,
        "is_contact": person.owner_id is not None,
        "departments": departments.values_list("department", flat=True).distinct()[:200],
    }
    return render(request, "extensions/people/person.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@_for_whoever_finds
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """GET asks, POST deletes a person."""
    person = _mine(request, pk)
    if request.method != "POST":
        return render(request, "extensions/people/person_delete.html", {"person": person})
    person.delete()
    messages.success(request, _("%(name)s was deleted.") % {"name": person.name})
    return redirect("directory")


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(MANAGE, raise_exception=True)
def import_file(request: HttpRequest) -> HttpResponse:
    """GET asks for a CSV `file` and its `encoding` (empty: the likely one), POST shows what it would change."""
    if request.method != "POST":
        return _import_page(request, "", 200)
    file = request.FILES.get("file")
    if file is None:
        return _import_page(request, _("Choose a CSV file first."), 422)
    try:
        text, _encoding = csv_file.text_of(file.read(), request.POST.get("encoding", ""))
        csv_file.table_of(text)
    except csv_file.Unreadable as reason:
        return _import_page(request, str(reason), 422)
    return redirect("people-import-shown", importing.show(user_of(request), file.name or "", text).pk)


def _import_page(request: HttpRequest, refusal: str, status: int) -> HttpResponse:
    context = {"refusal": refusal, "last": importing.last_done(), "lines": csv_file.LINES}
    return render(request, "extensions/people/import.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(MANAGE, raise_exception=True)
def import_shown(request: HttpRequest, pk: int) -> HttpResponse:
    """GET: what a file would change; POST with the `digest` of that: it is done."""
    kept = get_object_or_404(PeopleImport, pk=pk, by=user_of(request), state=PeopleImport.State.SHOWN)
    refusal = ""
    if request.method == "POST":
        try:
            plan = importing.carry_out(kept, request.POST.get("digest", ""))
        except importing.Changed:
            refusal = _("Nothing was imported: people have changed meanwhile. See what would change now.")
        except IntegrityError:
            refusal = _("Nothing was imported: an extension would have become that of two people.")
        else:
            sentence = _("%(added)s added, %(changed)s changed, %(refused)s refused.")
            counts = {"added": len(plan.added), "changed": len(plan.changed), "refused": len(plan.refused)}
            messages.success(request, sentence % counts)
            return redirect("directory")
    plan = importing.plan_of(kept.text)
    context = {"kept": kept, "plan": plan, "refusal": refusal, "most": _SHOWN, "some": f":{_SHOWN}"}
    return render(request, "extensions/people/import_shown.html", context, status=409 if refusal else 200)


@require_POST
@permission_required(MANAGE, raise_exception=True)
def import_undo(request: HttpRequest, pk: int) -> HttpResponse:
    """POST: the last import is taken back."""
    kept = get_object_or_404(PeopleImport, pk=pk)
    try:
        deleted, restored = importing.undo(kept)
    except importing.Changed:
        return _import_page(request, _("Only the last import can be undone, and only once."), 409)
    except IntegrityError:
        words = _("Nothing was undone: an extension that somebody had before is another person's by now.")
        return _import_page(request, words, 409)
    counted = ngettext("%(count)s person was deleted", "%(count)s people were deleted", deleted) % {"count": deleted}
    messages.success(request, _("%(deleted)s, %(restored)s changed back.") % {"deleted": counted, "restored": restored})
    return redirect("directory")


@require_safe
@permission_required(MANAGE, raise_exception=True)
def export(request: HttpRequest) -> HttpResponse:
    """GET: all shared people as a CSV file, which can be imported again."""
    people = Person.objects.filter(owner=None).prefetch_related("numbers", "phones")
    response = HttpResponse(csv_file.written(people), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="people.csv"'
    return response

"""The pages of people: the wall, the directory, a person, what is found while somebody types; import and export."""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import content_disposition_header
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import cache_control
from django.views.decorators.http import etag, require_http_methods, require_POST, require_safe

from accounts.identity import user_of, viewer_of
from engine import limits
from web import toasts

from ..messages.models import TAKE
from . import csv_file, importing, photos, visibility
from .finding import found_by, matching
from .forms import PersonForm
from .fragments import MOST, board, by_in, menu_parts, on_the_wall, tiles_of
from .models import (
    CALL,
    MANAGE,
    SEE,
    Department,
    LdapEntry,
    LdapRun,
    PeopleImport,
    Person,
    may_change,
    numbers_for,
    pbx_names,
    seen_by,
)
from .names import laid_over
from .own import FAVOURITES, arrange, favourites_of, set_favourite
from .sources import ldap, rows, vcards
from .sources import pbx as pbx_source

_ON_A_PAGE = 50
# So many lines of each kind are shown before an import.
_SHOWN = 200
# In which a browser keeps by what the wall is.
_BY_COOKIE = "wall-by"
View = Callable[..., HttpResponseBase]


def _for_whoever_finds(view: View) -> View:
    """Whoever sees people, or has contacts of their own."""

    @login_required
    @wraps(view)
    def guarded(request: HttpRequest, *arguments: Any, **parameters: Any) -> HttpResponseBase:
        user = user_of(request)
        if not any(user.has_perm(name) for name in (SEE, MANAGE, CALL)):
            raise PermissionDenied
        return view(request, *arguments, **parameters)

    return guarded


@require_safe
@permission_required(SEE, raise_exception=True)
def wall(request: HttpRequest) -> HttpResponse:
    """GET: everybody of the house who has a phone, and whether they are busy; the page keeps it live by itself. By what
    they stand, `by` says, which is kept in the browser (one of `BY`).
    """
    user = user_of(request)
    permissions = viewer_of(user, "").permissions
    by = by_in(request.GET.get("by", request.COOKIES.get(_BY_COOKIE, "")))
    context = {
        "live_view": "people",
        "view_key": by,
        "by": by,
        "board": board(user.pk, permissions, by),
        "left_off": max(0, on_the_wall(permissions).count() - MOST),
    }
    response = render(request, "extensions/people/wall.html", context)
    if "by" in request.GET:
        secure = settings.SESSION_COOKIE_SECURE
        response.set_cookie(_BY_COOKIE, by, timedelta(days=365), secure=secure, httponly=True, samesite="Lax")
    return response


@require_safe
@_for_whoever_finds
def directory(request: HttpRequest) -> HttpResponse:
    """GET: people and one's own contacts, by name; `q` searches, `page` counts from 1. With `gone`, whoever manages
    people sees those of whom LDAP tells no more.
    """
    user, q = user_of(request), request.GET.get("q", "")
    may_manage, is_gone = user.has_perm(MANAGE), "gone" in request.GET
    people = matching(seen_by(user), q, user).select_related("user", "ldap").prefetch_related("numbers", "phones")
    if may_manage and is_gone:
        people = people.exclude(ldap__gone_at=None)
    page = Paginator(people, _ON_A_PAGE).get_page(request.GET.get("page"))
    context: dict[str, Any] = {
        "page": page,
        "q": q,
        "rows": [(tile, may_change(user, tile.person)) for tile in tiles_of([*page], user)],
    }
    if may_manage:
        context |= {"pbx_names": pbx_names(), "ldap": _ldap(), "is_gone": is_gone}
    return render(request, "extensions/people/directory.html", {**context, **_abilities(user)})


def _ldap() -> dict[str, Any] | None:
    """What came of reading LDAP; None where it is not read."""
    run = LdapRun.objects.filter(pk=1).first() or LdapRun()
    if not run.outcome and not settings.LDAP_URL:
        return None
    return {
        "run": run,
        "words": ldap.words(run),
        "is_under_way": ldap.is_under_way(run),
        "is_set_up": bool(settings.LDAP_URL),
        "gone": LdapEntry.objects.exclude(gone_at=None).count(),
    }


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(MANAGE, raise_exception=True)
def ldap_run(request: HttpRequest) -> HttpResponse:
    """GET: what came of reading LDAP, which a page asks for while it is read; POST: it is read now, and the same."""
    if not settings.LDAP_URL:
        raise Http404
    if request.method == "POST":
        ldap.ask()
    return render(request, "extensions/people/_ldap.html", {"ldap": _ldap(), "is_told": True})


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
    user = user_of(request)
    tiles = tiles_of(found_by(user, request.GET.get("q", "")), user)
    return render(request, "extensions/people/_found.html", {"tiles": [tile for tile in tiles if tile.number]})


@require_safe
@_for_whoever_finds
def names(request: HttpRequest) -> HttpResponse:
    """GET: the names that this user sees and not everybody, by what numbers are known again, as JSON."""
    return JsonResponse(laid_over(user_of(request)))


@require_safe
@_for_whoever_finds
def menu(request: HttpRequest, pk: int) -> HttpResponse:
    """GET: what can be done about a person, for the menu of their tile."""
    user = user_of(request)
    person = get_object_or_404(seen_by(user).prefetch_related("numbers", "phones"), pk=pk)
    (tile,) = tiles_of([person], user)
    context = {
        "person": person,
        "numbers": tile.numbers,
        "may_change": may_change(user, person),
        "parts": [part for offers in menu_parts if (part := offers(user, tile))],
        "is_favourite": person.pk in favourites_of(user.pk),
        **_abilities(user),
    }
    return render(request, "extensions/people/_menu.html", context)


@require_POST
@permission_required(SEE, raise_exception=True)
def favourite(request: HttpRequest, pk: int) -> HttpResponse:
    """POST `on` (`yes` or `no`): somebody stands first on my wall, or no longer does."""
    user, is_one = user_of(request), request.POST.get("on") == "yes"
    person = get_object_or_404(seen_by(user).filter(owner=None), pk=pk)
    if not set_favourite(user, person, is_one):
        text = _("At most %(most)s people can be your favourites. Take the star from somebody first.")
        return toasts.toast(request, "warning", text % {"most": FAVOURITES}, 409)
    text = _("%(name)s is one of your favourites.") if is_one else _("%(name)s is no longer one of your favourites.")
    return toasts.toast(request, "success", text % {"name": person.name})


@require_POST
@permission_required(SEE, raise_exception=True)
def favourites(request: HttpRequest) -> HttpResponse:
    """POST `order`: the ids of my favourites as I want them, with commas between."""
    typed = request.POST.get("order", "")
    keys = [limits.key_in(key) for key in typed.split(",") if key]
    if len(keys) > FAVOURITES or not all(keys):
        return toasts.toast(request, "warning", _("This order cannot be kept. Reload the page, and try again."), 400)
    arrange(user_of(request), keys)
    return HttpResponse(status=204)


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


def _edit(request: HttpRequest, person: Person, photo_refusal: str = "") -> HttpResponse:
    title, is_saved = person.name, person.pk is not None
    is_sent = request.method == "POST" and not photo_refusal
    form = PersonForm(request.POST if is_sent else None, person)
    if is_sent and form.is_valid():
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
        "photo_refusal": photo_refusal,
    }
    status = 422 if form.errors or photo_refusal else 200
    return render(request, "extensions/people/person.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@_for_whoever_finds
def photo(request: HttpRequest, pk: int) -> HttpResponseBase:
    """GET: the photo of whoever may be seen; POST: another `photo`."""
    if request.method == "POST":
        return _take_photo(request, _mine(request, pk))
    found = get_object_or_404(seen_by(user_of(request)).exclude(photo=""), pk=pk)
    return _photo_of(request, pk, found.photo)


def _take_photo(request: HttpRequest, person: Person) -> HttpResponse:
    file = request.FILES.get("photo")
    if file is None:
        return _edit(request, person, _("Choose a picture first."))
    try:
        image = photos.drawn(file.read(photos.BYTES + 1))
    except photos.NoPicture as reason:
        return _edit(request, person, str(reason))
    with transaction.atomic():
        photos.keep(person, image, by_hand=True)
    messages.success(request, _("The photo of %(name)s was saved.") % {"name": person.name})
    return redirect("person", person.pk)


# A browser asks again within the hour at most; the address of another photo is another one.
@cache_control(private=True, max_age=3600)
@etag(lambda request, pk, digest: f'"{digest}"')
def _photo_of(request: HttpRequest, pk: int, digest: str) -> HttpResponse:
    return HttpResponse(photos.of(Person(pk=pk)), content_type=photos.TYPE)


@require_POST
@_for_whoever_finds
def photo_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """POST: a person has no photo any more."""
    person = _mine(request, pk)
    with transaction.atomic():
        photos.keep(person, b"", by_hand=True)
    messages.success(request, _("The photo of %(name)s was removed.") % {"name": person.name})
    return redirect("person", pk)


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
    """GET asks for a `file`, CSV or vCards, and its `encoding` (empty: the likely one); POST shows what changes."""
    if request.method != "POST":
        return _import_page(request, "", 200)
    file = request.FILES.get("file")
    if file is None:
        return _import_page(request, _("Choose a file first."), 422)
    kind, content = PeopleImport.Kind.CSV, file.read()
    try:
        text, _encoding = csv_file.text_of(content, request.POST.get("encoding", ""))
        if vcards.is_one(content):
            kind, text = PeopleImport.Kind.VCARD, rows.text_of(vcards.lines_of(text))
        else:
            csv_file.table_of(text)
    except csv_file.Unreadable as reason:
        return _import_page(request, str(reason), 422)
    return redirect("people-import-shown", importing.show(user_of(request), file.name or "", text, kind).pk)


@require_POST
@permission_required(MANAGE, raise_exception=True)
def import_pbx(request: HttpRequest, pbx: str) -> HttpResponse:
    """POST: read whom a PBX knows; show what importing them would change."""
    names = pbx_names()
    if pbx not in names:
        raise Http404
    outcome = pbx_source.look(pbx)
    if not outcome.done:
        return _import_page(request, toasts.words(outcome, ""), toasts.code(outcome))
    lines = pbx_source.lines_of(outcome.data, pbx if len(names) > 1 else "")
    denied = ", ".join(str(pbx_source.SOURCES[source]) for source in outcome.data["denied"])
    if denied:
        sentence = _("Of %(pbx)s these could not be read, since its manager user lacks a privilege: %(sources)s.")
        messages.warning(request, sentence % {"pbx": pbx, "sources": denied})
    if not lines:
        sentence = _("%(pbx)s knows nobody by name: neither its hints, phones and mailboxes nor its AstDB hold a name.")
        return _import_page(request, sentence % {"pbx": pbx}, 422)
    kept = importing.show(user_of(request), pbx, rows.text_of(lines), PeopleImport.Kind.PBX)
    return redirect("people-import-shown", kept.pk)


def _import_page(request: HttpRequest, refusal: str, status: int) -> HttpResponse:
    context = {"refusal": refusal, "last": importing.last_done(), "lines": csv_file.LINES, "pbx_names": pbx_names()}
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
    plan = importing.plan_of(kept.text, kept.kind)
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


@require_safe
@_for_whoever_finds
def export_vcards(request: HttpRequest) -> HttpResponse:
    """GET: all whom one may see, as vCards."""
    user = user_of(request)
    return _vcards(user, seen_by(user), "people.vcf")


@require_safe
@_for_whoever_finds
def export_vcard(request: HttpRequest, pk: int) -> HttpResponse:
    """GET: somebody whom one may see, as a vCard."""
    user = user_of(request)
    person = get_object_or_404(seen_by(user), pk=pk)
    return _vcards(user, Person.objects.filter(pk=pk), f"{slugify(person.name, allow_unicode=True) or 'person'}.vcf")


def _vcards(user: User, people: QuerySet[Person], file: str) -> HttpResponse:
    found = list(people.prefetch_related("numbers", "phones"))
    pictures = photos.of_all(person for person in found if person.photo)
    content = vcards.written((person, numbers_for(user, person), pictures.get(person.pk, b"")) for person in found)
    headers = {"Content-Disposition": content_disposition_header(as_attachment=True, filename=file)}
    return HttpResponse(content, content_type=vcards.TYPE, headers=headers)


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(MANAGE, raise_exception=True)
def departments(request: HttpRequest) -> HttpResponse:
    """GET: who sees the people of each department; `page` counts from 1. POST, with pairs of `key` and `visible_to`,
    has it changed.
    """
    known, refusal = visibility.lines(), ""
    if request.method == "POST":
        keys, wanted = request.POST.getlist("key"), request.POST.getlist("visible_to")
        try:
            changed = visibility.change(dict(zip(keys, wanted, strict=True)), known)
        except ValueError:
            refusal = _("Nothing was saved: choose for each department who sees its people.")
        else:
            sentence = ngettext("%(count)s department was changed.", "%(count)s departments were changed.", changed)
            messages.success(request, sentence % {"count": changed})
            return redirect(request.get_full_path())
    page = Paginator(known, _ON_A_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "choices": Department.VisibleTo.choices, "refusal": refusal}
    return render(request, "extensions/people/departments.html", context, status=422 if refusal else 200)

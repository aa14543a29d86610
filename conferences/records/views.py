"""The list of conference records, the page of one, and its CSV files."""

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.identity import user_of
from conferences.invitations.directory import give_names
from conferences.records.models import ConferenceRecord
from conferences.rooms.models import Room, may_see
from engine.mirror.models import PBX

from .export import acts_csv, file_name, people_csv
from .report import Report, lines, matching, report_of, visible_to
from .timeline import timeline_of

_ON_A_PAGE = 50


@require_safe
@login_required
def records(request: HttpRequest) -> HttpResponse:
    """GET: the newest first; `q` searches, `page` counts from 1."""
    found, words = visible_to(user_of(request)), request.GET.get("q", "").strip()
    page = Paginator(matching(found, words) if words else found, _ON_A_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "lines": lines(page), "q": words, "several": PBX.objects.count() > 1}
    return render(request, "conferences/records/records.html", context)


@require_safe
@login_required
def record(request: HttpRequest, pk: int) -> HttpResponse:
    """GET: facts, timeline, participants and acts of one; of a running conference, so far."""
    report = _report(request, pk)
    give_names(report.record.pbx, [person.attendance for person in report.people])
    room = Room.objects.filter(pbx=report.record.pbx, number=report.record.name).first()
    context = {
        "report": report,
        "record": report.record,
        "room": room.name if room else "",
        "timeline": timeline_of(report),
        "several": PBX.objects.count() > 1,
    }
    return render(request, "conferences/records/record.html", context)


@require_safe
@login_required
def record_csv(request: HttpRequest, pk: int) -> HttpResponse:
    """GET: its participants, for a spreadsheet."""
    report = _report(request, pk)
    return _file(people_csv(report), file_name(report))


@require_safe
@login_required
def record_acts_csv(request: HttpRequest, pk: int) -> HttpResponse:
    """GET: its moderation acts, for a spreadsheet."""
    report = _report(request, pk)
    return _file(acts_csv(report), file_name(report, "-acts"))


def _report(request: HttpRequest, pk: int) -> Report:
    """Raises `PermissionDenied` for who may not see it, also where there is none, and `Http404`."""
    user, row = user_of(request), ConferenceRecord.objects.filter(pk=pk).first()
    if not (may_see(user, row.pbx, row.name) if row else user.has_perm("conferences.see_conferences")):
        raise PermissionDenied
    if row is None:
        raise Http404
    return report_of(row, timezone.now())


def _file(text: str, name: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return HttpResponse(text, content_type="text/csv; charset=utf-8", headers=headers)

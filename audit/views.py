"""The audit trail's page."""

from functools import reduce
from operator import or_

from django.contrib.auth.decorators import permission_required
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from .models import AuditEntry


@require_safe
@permission_required("audit.view_auditentry", raise_exception=True)
def audit_trail(request: HttpRequest) -> HttpResponse:
    """GET: who did what, on whom, and what Asterisk answered; `q` searches, `page` counts from 1."""
    words = request.GET.get("q", "").strip()
    entries = AuditEntry.objects.all()
    if words:
        fields = ("username", "via", "subject", "verb")
        entries = entries.filter(reduce(or_, (Q((f"{name}__icontains", words)) for name in fields)))
    page = Paginator(entries, 50).get_page(request.GET.get("page"))
    return render(request, "audit/audit_trail.html", {"page": page, "q": words})

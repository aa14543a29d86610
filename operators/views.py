"""My phone, and the audit trail."""

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from .forms import ProfileForm
from .models import AuditEntry
from .people import profile_of, user_of


@permission_required("calls.originate", raise_exception=True)
def profile(request: HttpRequest) -> HttpResponse:
    """GET, POST: which phone rings when I call from the panel."""
    user = user_of(request)
    form = ProfileForm(request.POST or None, instance=profile_of(user), user=user)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("Saved. Your phone is %(phone)s.") % {"phone": form.instance.endpoint or "—"})
        return redirect("profile")
    return render(request, "operators/profile.html", {"form": form}, status=422 if form.errors else 200)


@require_safe
@permission_required("operators.view_auditentry", raise_exception=True)
def audit_trail(request: HttpRequest) -> HttpResponse:
    """GET: who did what, on whom, and what Asterisk answered; `q` searches, `page` counts from 1."""
    words = request.GET.get("q", "").strip()
    entries = AuditEntry.objects.all()
    if words:
        entries = entries.filter(Q(username__icontains=words) | Q(subject__icontains=words) | Q(verb__icontains=words))
    page = Paginator(entries, 50).get_page(request.GET.get("page"))
    return render(request, "operators/audit_trail.html", {"page": page, "q": words})

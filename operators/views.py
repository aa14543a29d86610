"""My phone, my password, and the audit trail."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.views import PasswordChangeView
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from .forms import PasswordForm, ProfileForm
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


class PasswordView(PasswordChangeView):
    """GET, POST, everybody: a new password of my own. It ends what else is logged in with the one before."""

    form_class = PasswordForm
    template_name = "operators/password.html"
    success_url = reverse_lazy("password")

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "request": self.request}

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        messages.success(
            self.request, _("Your password is changed. Wherever else you were logged in, you no longer are.")
        )
        return super().form_valid(form)

    def form_invalid(self, form: PasswordChangeForm) -> HttpResponse:
        return self.render_to_response(self.get_context_data(form=form), status=422)


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

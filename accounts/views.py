"""My phone, my password, and the audit trail."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.models import User
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from engine.mirror.models import PBX
from web import toasts

from . import phones, proofs
from .forms import IncomingForm, PasswordForm, ProfileForm
from .identity import profile_of, user_of
from .models import PhoneProof, SharedPhone

# So many phones, and so many contexts, are offered; any other can be typed.
MOST_OFFERED = 2000


@permission_required("calls.originate", raise_exception=True)
def profile(request: HttpRequest) -> HttpResponse:
    """GET, POST: which phone rings when I call from the panel. One that nobody has given me is to be proven first."""
    user = user_of(request)
    proof = PhoneProof.objects.filter(user=user).exclude(state=PhoneProof.State.PROVEN).first()
    wished = {}
    if proof is not None:
        wished = {name: getattr(proof, name) for name in ("extension", "endpoint", "dial_context")}
        wished["pbx"] = proof.pbx_id
    form = ProfileForm(request.POST or None, instance=profile_of(user), initial=wished, user=user)
    if request.method == "POST" and form.is_valid() and _is_saved(request, user, form):
        return redirect("profile")
    return _profile_page(request, user, form, IncomingForm(instance=profile_of(user)))


def _profile_page(request: HttpRequest, user: User, form: ProfileForm, incoming: IncomingForm) -> HttpResponse:
    context = {
        "form": form,
        "incoming": incoming,
        "proof": PhoneProof.objects.filter(user=user).exclude(state=PhoneProof.State.PROVEN).first(),
        "profile": profile_of(user),
        "shared": [(phone, _holder_of(phone)) for phone in SharedPhone.objects.filter(users=user)],
    }
    return render(request, "accounts/profile.html", context, status=422 if form.errors or incoming.errors else 200)


@require_POST
@permission_required("calls.originate", raise_exception=True)
def incoming(request: HttpRequest) -> HttpResponse:
    """POST: what an incoming call does in my browser, and whether my phone answers by itself."""
    user = user_of(request)
    form = IncomingForm(request.POST, instance=profile_of(user))
    if form.is_valid():
        form.save()
        messages.success(request, _("Saved."))
        return redirect("profile")
    return _profile_page(request, user, ProfileForm(instance=profile_of(user), user=user), form)


def _is_saved(request: HttpRequest, user: User, form: ProfileForm) -> bool:
    """Save what is valid, or have the phone ring to prove it. False, with an error in the form, where it cannot."""
    if form.needs_proof:
        outcome = proofs.begin_proof(user, form.values)
        if not outcome.done:
            form.add_error(None, toasts.words(outcome, _("There is no such phone.")))
        return outcome.done
    with transaction.atomic():
        phones.give(user, form.values, "chosen")
        PhoneProof.objects.filter(user=user).delete()
    messages.success(request, _("Saved. Your phone is %(phone)s.") % {"phone": form.instance.endpoint or "—"})
    return True


@require_safe
@permission_required("calls.originate", raise_exception=True)
def phone_proof(request: HttpRequest) -> HttpResponse:
    """GET: how it is going with the code that is to be keyed in; when that is over, the page is loaded anew."""
    proof = PhoneProof.objects.filter(user=user_of(request)).first()
    if proof is not None and proof.is_under_way:
        return render(request, "accounts/_phone_proof.html", {"proof": proof})
    if proof is not None and proof.state == PhoneProof.State.PROVEN:
        messages.success(request, _("Proven. Your phone is %(phone)s.") % {"phone": proof.endpoint})
    response = HttpResponse(status=204)
    response.headers["HX-Refresh"] = "true"
    return response


@require_safe
@permission_required("calls.originate", raise_exception=True)
def phone_offers(request: HttpRequest) -> HttpResponse:
    """GET `pbx`: the phones and contexts that a PBX has, to choose from."""
    name = request.GET.get("pbx", "")
    pbx = get_object_or_404(PBX, pk=name).name if name else phones.pbx_name(None)
    outcome, stock = phones.stock_of(pbx)
    context = {
        "pbx": pbx,
        "why": "" if outcome.done else toasts.words(outcome, ""),
        "endpoints": list(stock.endpoints)[:MOST_OFFERED],
        "contexts": list(stock.contexts)[:MOST_OFFERED],
        "stock": stock,
    }
    return render(request, "accounts/_phone_offers.html", context)


@require_POST
@permission_required("calls.originate", raise_exception=True)
def take_shared_phone(request: HttpRequest, pk: int) -> HttpResponse:
    """POST: a phone that I share with others is mine from now on, and theirs no more."""
    user = user_of(request)
    phone = get_object_or_404(SharedPhone, pk=pk)
    if not phone.users.contains(user):
        raise PermissionDenied
    own = profile_of(user)
    values = {
        "pbx_id": phone.pbx_id,
        "endpoint": phone.endpoint,
        "extension": phone.extension or own.extension,
        "dial_context": own.dial_context,
    }
    phones.give(user, values, "taken over")
    messages.success(request, _("%(phone)s is your phone now.") % {"phone": phone})
    return redirect("profile")


@require_POST
@permission_required("calls.originate", raise_exception=True)
def give_back_phone(request: HttpRequest) -> HttpResponse:
    """POST: my phone is mine no more."""
    user = user_of(request)
    own = profile_of(user)
    values = {"pbx_id": own.pbx_id, "endpoint": "", "extension": own.extension, "dial_context": own.dial_context}
    phones.give(user, values, "given back")
    messages.success(request, _("You have no phone now."))
    return redirect("profile")


def _holder_of(phone: SharedPhone) -> User | None:
    return next(iter(phones.others_with(None, phone.pbx_id, phone.endpoint)), None)


class PasswordView(PasswordChangeView):
    """GET, POST, everybody: a new password of my own. It ends what else is logged in with the one before."""

    form_class = PasswordForm
    template_name = "accounts/password.html"
    success_url = reverse_lazy("password")

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "request": self.request}

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        messages.success(self.request, _("Your password was changed. Everywhere else, you have been logged out."))
        return super().form_valid(form)

    def form_invalid(self, form: PasswordChangeForm) -> HttpResponse:
        return self.render_to_response(self.get_context_data(form=form), status=422)

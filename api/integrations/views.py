"""The page *Integrations*, the pages that may have the button, and the panel as an application of the browser."""

import json

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required, permission_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.confirmation import password_confirmed
from accounts.identity import user_of
from calls.commands import ORIGINATE
from engine.live.hub import look_at_people

from ..models import MANAGE, AllowedOrigin
from .forms import OriginForm

SCRIPT = "click-to-call.js"


@require_safe
@permission_required(ORIGINATE, raise_exception=True)
def integrations(request: HttpRequest) -> HttpResponse:
    """GET: how calls are placed from elsewhere, to copy and to try."""
    return _page(request, OriginForm())


@require_POST
@permission_required(MANAGE, raise_exception=True)
@password_confirmed
def allow_origin(request: HttpRequest) -> HttpResponse:
    """POST `origin`: pages of it may ask their users."""
    form = OriginForm(request.POST)
    if not form.is_valid():
        return _page(request, form, 422)
    page = AllowedOrigin.objects.create(origin=form.cleaned_data["origin"], made_by=user_of(request))
    messages.success(request, _("Pages of %(origin)s may ask their users now.") % {"origin": page.origin})
    return redirect("integrations")


@require_POST
@permission_required(MANAGE, raise_exception=True)
def forbid_origin(request: HttpRequest, pk: int) -> HttpResponse:
    """POST: its pages may ask no more, and the tokens that they have end."""
    page = get_object_or_404(AllowedOrigin, pk=pk)
    owners = list(page.tokens.values_list("owner", flat=True).distinct())
    page.delete()
    look_at_people(owners)
    messages.success(request, _("Pages of %(origin)s may place no more calls.") % {"origin": page.origin})
    return redirect("integrations")


def _page(request: HttpRequest, form: OriginForm, status: int = 200) -> HttpResponse:
    new_call = request.build_absolute_uri(reverse("new-call"))
    context = {
        "form": form,
        "pages": AllowedOrigin.objects.all() if user_of(request).has_perm(MANAGE) else None,
        "snippets": _snippets(request.build_absolute_uri(f"/static/{SCRIPT}"), new_call),
        "new_call": new_call,
        "bookmarklet": _bookmarklet(new_call),
    }
    return render(request, "api/integrations/integrations.html", context, status=status)


def _snippets(script: str, new_call: str) -> dict[str, str]:
    """What is to be copied."""
    examples = '<a href="tel:+4930123456">+49 30 123456</a>\n<button data-call="102">Ben</button>'
    return {
        "button": f'<script src="{script}" defer></script>\n{examples}',
        "in_page": f'<script src="{script}" data-in-page defer></script>\n{examples}',
        "address": f"{new_call}?number={{number}}",
    }


def _bookmarklet(new_call: str) -> str:
    """Opens the window for the text that is selected on a page, or for a number that it asks for."""
    question = json.dumps(_("Number to call"), ensure_ascii=False)
    return (
        "javascript:(()=>{"
        f"const n=getSelection().toString().trim()||prompt({question});"
        f"if(n)open('{new_call}?number='+encodeURIComponent(n.slice(0,200)),'_blank','popup,width=440,height=640')"
        "})()"
    )


@require_safe
@login_not_required
def manifest(request: HttpRequest) -> HttpResponse:
    """GET: the panel as an application that a browser can install, and that takes `tel:` links.

    Source: https://www.w3.org/TR/appmanifest/
    """
    sizes = [("icon.svg", "any", "image/svg+xml")]
    sizes += [(f"icon-{size}.png", f"{size}x{size}", "image/png") for size in (192, 512)]
    content = {
        "id": "/",
        "name": "PBX Panel",
        "short_name": "PBX Panel",
        "description": _("Calls and conferences of an Asterisk PBX."),
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "background_color": "#ffffff",
        "theme_color": "#066fd1",
        "icons": [{"src": static(name), "sizes": size, "type": kind} for name, size, kind in sizes],
        "protocol_handlers": [{"protocol": "tel", "url": f"{reverse('new-call')}?number=%s"}],
    }
    return JsonResponse(content, content_type="application/manifest+json")

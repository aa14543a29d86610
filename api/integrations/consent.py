"""A page of an allowed origin asks a user, once in a window of the panel, whether it may place calls in their name.

Who agrees makes a token for it: of that origin alone, for a while, and for no more than calls of one's own. It goes to
the page by `postMessage`, which a browser delivers to that origin and no other. So this page has to know its opener,
and is the only one without `Cross-Origin-Opener-Policy`: the log-in, too, is on it where it is needed.
Source: https://html.spec.whatwg.org/multipage/browsers.html#cross-origin-opener-policies
"""

import re
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.forms import LoginForm
from accounts.identity import profile_of
from calls.commands import HANG_UP_OWN, ORIGINATE
from engine import limits
from engine.live.hub import look_at_people

from .. import tokens
from ..addresses import origin_of
from ..models import AllowedOrigin, Token

LASTS = timedelta(hours=12)
# To place a call, to see how it goes, and to end it: of what others do it tells nothing.
SCOPES = [ORIGINATE, HANG_UP_OWN]
# What the page names its question by, to know the answer again.
_STATE = re.compile(r"[\w-]{1,64}", re.ASCII)


def knows_its_opener(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """For the page that answers to the page that has opened it. Nothing else may be so."""

    @wraps(view)
    def answered(request: HttpRequest, *arguments: Any, **parameters: Any) -> HttpResponseBase:
        response = view(request, *arguments, **parameters)
        response.headers["Cross-Origin-Opener-Policy"] = "unsafe-none"
        return response

    return answered


@require_http_methods(["GET", "POST"])
@login_not_required
@knows_its_opener
def agree(request: HttpRequest) -> HttpResponseBase:
    """GET `origin`, `state`, `number`: asks the user, who logs in first where they are not; a page of an origin that is
    not allowed gets the window that dials. POST: makes the token, and hands it to the page. 403 for who may not call.
    """
    page = AllowedOrigin.objects.filter(origin=origin_of(request.GET.get("origin", ""))).first()
    number = request.GET.get("number", "")[: limits.NUMBER]
    if page is None and request.method == "POST":
        raise PermissionDenied
    if page is None:
        return redirect(f"{reverse('new-call')}?{urlencode({'number': number})}")
    if not isinstance(request.user, User):
        return _logged_in(request)
    if not request.user.has_perm(ORIGINATE):
        raise PermissionDenied
    state = request.GET.get("state", "")
    context = {
        "page": page,
        "number": number,
        "state": state if _STATE.fullmatch(state) else "",
        "has_phone": bool(profile_of(request.user).endpoint),
        "hours": int(LASTS.total_seconds() // 3600),
    }
    if request.method == "POST":
        context["written"] = give_token(request.user, page)
    return render(request, "api/integrations/agree.html", context)


def _logged_in(request: HttpRequest) -> HttpResponseBase:
    """The log-in, which comes back here."""
    view = LoginView.as_view(authentication_form=LoginForm, redirect_field_name="", next_page=request.get_full_path())
    response: HttpResponseBase = view(request)
    return response


def give_token(owner: User, page: AllowedOrigin) -> str:
    """A token of this user's for this page, as it is written; one from before works no more."""
    with transaction.atomic():
        Token.objects.filter(owner_id=owner.pk, page=page, revoked_at=None).update(revoked_at=timezone.now())
        _token, written = tokens.make(
            owner,
            owner,
            name=(_("Button on %(page)s") % {"page": page.origin})[: limits.NAME],
            scopes=SCOPES,
            origins=page.origin,
            page=page,
            expires_at=timezone.now() + LASTS,
        )
    look_at_people([owner.pk])
    return written

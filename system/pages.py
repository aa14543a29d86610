"""The system pages: which there are, who may open each, and what their views have in common."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.confirmation import password_confirmed
from accounts.identity import user_of
from engine.mirror.models import PBX


@dataclass(frozen=True, slots=True)
class SystemPage:
    """One page. `name` is that of its URL (`system-cli`), `permission` what it takes to open it.

    `folder` holds its code, in system/, and its templates, in templates/system/.
    """

    name: str
    folder: str
    permission: str
    title: Promise
    icon: str


SYSTEM_PAGES = (
    SystemPage("pbx", "status", "see_pbx", _("PBX"), "server-2"),
    SystemPage("cli", "cli", "use_cli", _("CLI"), "terminal-2"),
    SystemPage("astdb", "astdb", "see_astdb", _("AstDB"), "database"),
    SystemPage("config", "config", "see_config", _("Configuration"), "file-settings"),
    SystemPage("variables", "variables", "see_variables", _("Variables"), "variable"),
    SystemPage("states", "states", "see_states", _("Extension states"), "device-landline-phone"),
    SystemPage("recording", "recordings", "record_calls", _("Recording"), "player-record"),
    SystemPage("events", "events", "see_events", _("Events"), "activity"),
    SystemPage("action", "console", "send_actions", _("Any action"), "send"),
    SystemPage("doctor", "doctor", "use_doctor", _("Doctor"), "stethoscope"),
)
BY_NAME = {part.name: part for part in SYSTEM_PAGES}


def may(user: User, permission: str) -> bool:
    """Whether the user has one of the permissions of `system.Access`."""
    return user.has_perm(f"system.{permission}")


def demand(request: HttpRequest, permission: str) -> User:
    """The user who asks, if they may. Raises `PermissionDenied`."""
    user = user_of(request)
    if not may(user, permission):
        raise PermissionDenied
    return user


def on_pbx(
    permission: str, *, confirmed: bool = False
) -> Callable[[Callable[..., HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """For a view of `request, pbx, …`: who lacks the permission is refused, then the PBX is looked up by its name.

    `confirmed`: who has it gives the password again, if that is long ago, since what the view does may give a shell on
    the PBX.
    """

    def decorate(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        guarded = password_confirmed(view) if confirmed else view

        @login_required
        @wraps(view)
        def checked(request: HttpRequest, pbx: str, *arguments: Any, **parameters: Any) -> HttpResponseBase:
            demand(request, permission)
            return guarded(request, get_object_or_404(PBX, pk=pbx), *arguments, **parameters)

        return checked

    return decorate


def page(
    request: HttpRequest,
    pbx: PBX,
    part: str,
    context: Mapping[str, Any] | None = None,
    *,
    status: int = 200,
    template: str = "",
) -> HttpResponse:
    """The page of a part: `templates/system/<folder>/<part>.html`, or another template."""
    user = user_of(request)
    shown = {
        "pbx": pbx,
        "part": BY_NAME[part],
        "parts": [other for other in SYSTEM_PAGES if may(user, other.permission)],
        "several_pbxs": PBX.objects.count() > 1,
        **(context or {}),
    }
    return render(request, template or f"system/{BY_NAME[part].folder}/{part}.html", shown, status=status)

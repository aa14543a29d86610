"""What every page of the panel needs: whose it is, what he may do, and how the links are."""

import time
import uuid
from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from pbxpanel.mirror.models import PBX

from .people import profile_of

# Permission → the class on the page's body without which its buttons are hidden.
_ABILITIES = {
    "calls.originate": "may-originate",
    "calls.hangup_own": "may-hangup-own",
    "calls.hangup_any": "may-hangup-any",
    "conferences.moderate": "may-moderate",
}


def panel(request: HttpRequest) -> dict[str, Any]:
    """Template variables: `profile`, `pbxs`, `abilities` (classes for the body), `server_time` (ms),
    and `command_id`, which makes the dial box of this page one call.
    """
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {}
    return {
        "profile": SimpleLazyObject(lambda: profile_of(user)),
        "pbxs": SimpleLazyObject(lambda: list(PBX.objects.all())),
        "abilities": " ".join(css for name, css in _ABILITIES.items() if user.has_perm(name)),
        "server_time": int(time.time() * 1000),
        "command_id": uuid.uuid4().hex,
    }

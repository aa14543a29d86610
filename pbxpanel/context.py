"""What the templates of every page need: the user, what they may do, how the links are, how much goes on."""

import time
import uuid
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.identity import phone_among, profile_of
from calls import my_phone
from calls.fragments import SEE
from calls.fragments import count as count_calls
from conferences.models import Conference
from conferences.rooms.models import Room
from engine.mirror.models import PBX
from engine.mirror.verbs import permissions
from extensions.messages.taking import unread
from extensions.models import Mailbox
from extensions.presence import fragments as presence
from extensions.presence.commands import SET_OWN


def abilities_of(user: User) -> str:
    """A class for the page's body for each permission of a verb that the user has: `may-hangup-any`. The buttons of
    rows that are pushed to everybody are hidden without it.
    """
    # One by one they would be asked for in each backend, some sixty times on every page.
    held = permissions.keys() if user.is_superuser else user.get_all_permissions()
    return " ".join(
        f"may-{declared.codename.replace('_', '-')}" for name, declared in permissions.items() if name in held
    )


def panel(request: HttpRequest) -> dict[str, Any]:
    """Template variables, each computed when a template asks for it.

    `profile`; `phone`; `my_phone`, the inside of its bar; `my_presence`; `pbxs`; `abilities`, classes for the body;
    `server_time` in ms; `command_id`, which makes the dial box of this page one call; `recall_seconds`, of a transfer
    with recall; `with_voicemail`, the PBXs that have mailboxes; `count_calls` and `count_conferences`;
    `count_messages`, those that are unread; `has_rooms`, whether they moderate any; `may_administer`, whether
    Administration opens.
    """
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {}
    profile: Any = SimpleLazyObject(lambda: profile_of(user))
    pbxs: Any = SimpleLazyObject(lambda: list(PBX.objects.all()))
    phone = SimpleLazyObject(lambda: phone_among(profile, (pbx.name for pbx in pbxs)))
    return {
        "profile": profile,
        "phone": phone,
        "my_phone": lambda: my_phone.drawn_for(str(phone)) if user.has_perm(SEE) else "",
        "my_presence": SimpleLazyObject(lambda: presence.drawn_for(user.pk) if user.has_perm(SET_OWN) else ""),
        "pbxs": pbxs,
        "abilities": abilities_of(user),
        "server_time": int(time.time() * 1000),
        "command_id": uuid.uuid4().hex,
        "count_calls": count_calls,
        "count_conferences": Conference.objects.count,
        "count_messages": lambda: unread([user.pk]).get(user.pk, 0),
        "recall_seconds": settings.RECALL_SECONDS,
        "with_voicemail": lambda: Mailbox.objects.order_by("pbx").values_list("pbx", flat=True).distinct(),
        "may_administer": SimpleLazyObject(lambda: admin.site.has_permission(request)),
        "has_rooms": SimpleLazyObject(lambda: Room.objects.filter(moderators=user.pk).exists()),
    }

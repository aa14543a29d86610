"""How lists of messages are drawn, and the page on which they are live."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import identity
from engine.live import fragments
from engine.live.fragments import LivePage, Toast, Viewer

from ..people.models import CALL
from .models import READ, TAKE, Message
from .taking import NOTICE, unread

# The lists of a user, as their addresses name them.
TO_ME, TAKEN = "to-me", "taken"
ON_A_PAGE = 30

# The count in the navigation of every page.
identity.own_counts["messages"] = (READ, unread)


def box_of(user: User, box: str) -> Any:
    """The messages in a list of a user: for them, or taken by them."""
    whose = {"addressee": user} if box == TO_ME else {"by": user}
    return Message.objects.filter(**whose).select_related("by", "addressee")


def context_of(user: User, box: str, page: str) -> dict[str, Any]:
    """What a list is drawn from. Queries the database."""
    found = Paginator(box_of(user, box), ON_A_PAGE).get_page(page)
    soon = timezone.now() + timedelta(seconds=1)
    mailing = any(one.mail == Message.Mail.WAITING and one.next_at and one.next_at <= soon for one in found)
    return {
        "box": box,
        "page": found,
        "user": user,
        "may_call": user.has_perm(CALL),
        "may_take": user.has_perm(TAKE),
        "on_its_way": box == TAKEN and mailing,
    }


def _board(viewer: Viewer, key: str) -> Mapping[str, str]:
    user = User.objects.get(pk=viewer.user_id)
    if not user.has_perm(READ):
        return {"messages": ""}
    return {"messages": render_to_string("extensions/messages/_list.html", context_of(user, TO_ME, "")).strip()}


def told_of_message(parameters: Mapping[str, Any]) -> Toast:
    """A toast of a message for whoever reads it; of an urgent one it says so, and stays longer."""
    who, urgent = {"who": parameters["who"]}, parameters["urgent"]
    if who["who"]:
        said = _("An urgent message for you from %(who)s") if urgent else _("A message for you from %(who)s")
    else:
        said = _("An urgent message for you") if urgent else _("A message for you")
    text = said % who
    if parameters["text"]:
        text = _("%(what)s: %(value)s") % {"what": text, "value": parameters["text"]}
    address = f"{reverse('messages')}#message-{parameters['pk']}"
    return Toast("warning" if urgent else "info", text, seconds=60 if urgent else 12, address=address)


fragments.notices[NOTICE] = told_of_message
fragments.live_pages["messages"] = LivePage("messages", frozenset(), {}, _board)

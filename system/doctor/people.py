"""Whose calls are examined: a user of the panel, by their profile and their dial policies."""

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from accounts import dialling
from accounts.identity import pbx_of, profile_of
from accounts.policy import Call

from .examination import Wanted


def wanted_of(user: User, number: str = "", *, call: bool = False) -> Wanted:
    """Their phone and context; the number only if they may dial it. Queries the database."""
    profile = profile_of(user)
    wished = Call(phone=profile.endpoint, context=profile.dial_context, caller_id=profile.extension, number=number)
    refused = dialling.refused_part(user, wished)
    return Wanted(
        phone=profile.endpoint,
        context=profile.dial_context,
        number=number,
        user=user.get_username(),
        refusal=dialling.sentence(dialling.policies_of(user), refused, wished) if refused else "",
        # A phone that they may not have would dial somebody else.
        call=call and dialling.refused_part(user, Call(phone=profile.endpoint)) is None,
    )


def is_elsewhere(user: User, pbx: str) -> str:
    """A sentence where the user's phone is on another PBX than this one; else nothing."""
    own = pbx_of(profile_of(user))
    if own is None or own.name == pbx:
        return ""
    return _("The phone of %(user)s is on %(pbx)s.") % {"user": user.get_username(), "pbx": own.name}

"""Whose calls are examined: a user of the panel, by their profile and their dial policies."""

import functools
from typing import Any

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from accounts import dialling
from accounts.demo import admitted
from accounts.identity import pbx_of, profile_of, users_with
from accounts.models import Profile
from accounts.policy import Call
from engine.mirror.models import PBX
from engine.mirror.verbs import Verb, verbs

from .examination import Person, Wanted
from .requirements import by_context, by_phone


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
        verbs=frozenset(name for name, verb in verbs.items() if verb.rule.allows(user, None)),
        # A phone that they may not have would dial somebody else.
        call=call and dialling.refused_part(user, Call(phone=profile.endpoint)) is None,
    )


def everybody(pbx: str) -> list[Person]:
    """The active users whose phone is, or would be, on this PBX, and who may do something that needs one or a context.

    Asks the database as often as there are permissions, however many the users are.
    """
    first = next(iter(PBX.objects.values_list("name", flat=True)), "")
    holders = functools.cache(lambda name: frozenset(users_with(name).values_list("pk", flat=True)))

    def allowed(verbs: list[Verb[Any, Any]]) -> list[tuple[str, frozenset[int]]]:
        """The label of each, and who may ask it: of something of their own at least."""
        found = []
        for verb in verbs:
            rule = verb.rule
            ids = holders(rule.permission) | (holders(rule.own) if rule.own else frozenset())
            found.append((str(verb.label), ids.intersection(*map(holders, rule.also))))
        return found

    with_phone, with_context = allowed(by_phone()), allowed(by_context())
    found = []
    for user in User.objects.filter(admitted(), is_active=True).select_related("profile").order_by("username"):
        profile = user.profile if hasattr(user, "profile") else Profile()
        if (profile.pbx_id or first) != pbx:
            continue
        phone, context = ([label for label, ids in part if user.pk in ids] for part in (with_phone, with_context))
        if phone or context:
            name = user.get_username()
            found.append(Person(name, profile.endpoint, profile.dial_context, _once(phone), _once(context)))
    return found


def _once(labels: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(labels))


def is_elsewhere(user: User, pbx: str) -> str:
    """A sentence where the user's phone is on another PBX than this one; else nothing."""
    own = pbx_of(profile_of(user))
    if own is None or own.name == pbx:
        return ""
    return _("The phone of %(user)s is on %(pbx)s.") % {"user": user.get_username(), "pbx": own.name}

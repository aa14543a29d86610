"""Whether somebody may place a call: the policies of their groups, and how much they have called already."""

from collections.abc import Collection, Iterable
from datetime import timedelta

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit.models import AuditEntry
from engine.mirror.commands import Status
from engine.mirror.verbs import placing_calls

from .models import DialPolicy
from .policy import CALLS_PER_DAY, CALLS_PER_MINUTE, Call, Part, Policy, is_phone
from .policy import refused_part as refused_by

_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)


def refusal(user: User, call: Call, writers: Collection[User] = ()) -> str:
    """Why the user may not place a call whose audit entry is already written, in a sentence; empty where they may.

    `writers` are those who wrote the number down that is called in the user's name: it must be allowed to them too.
    """
    policies = policies_of(user)
    part = _refused_part(user, policies, call)
    if part:
        return sentence(policies, part, call)
    for writer in writers:
        if writer.pk != user.pk and (why := _refusal_of_writer(writer, call)):
            return why
    return too_many(user, writers)


def refused_part(user: User, call: Call) -> Part | None:
    """Which part of a call, or phone, the user's policies do not allow, however many calls they have placed."""
    return _refused_part(user, policies_of(user), call)


def may_choose(user: User, endpoint: str) -> bool:
    """Whether the user may have this phone as theirs without proof, unless it is somebody else's."""
    may_set = user.has_perm("accounts.change_profile")
    return may_set or any(policy.free_choice and policy.allows(Part.PHONE, endpoint) for policy in policies_of(user))


def may_call(user: User | None) -> bool:
    """Whether somebody may place calls at all."""
    return user is not None and user.is_active and user.has_perm("calls.originate")


def policies_of(user: User) -> list[Policy]:
    return [row.policy for row in DialPolicy.objects.filter(group__user=user)]


def sentence(policies: list[Policy], part: Part, call: Call) -> str:
    """What was refused, and what to do."""
    if part is Part.PHONE and not is_phone(call.phone):
        return _("%(text)s would dial by itself, so it is nobody's phone. Enter your own under “My phone”.") % {
            "text": call.phone
        }
    if not policies:
        return _("You may not place calls yet: none of your groups has a dial policy. Ask an administrator for one.")
    text = {
        Part.PHONE: _(
            "You may not call from %(text)s. Enter your own phone under “My phone”, or ask an administrator."
        ),
        Part.CONTEXT: _("You may not dial in the context “%(text)s”. Enter another one, or ask an administrator."),
        Part.CALLER_ID: _("You may not call as %(text)s. Enter your own extension, or ask an administrator."),
        Part.NUMBER: _("You may not call %(text)s. Ask an administrator if you need to."),
    }[part]
    return text % {"text": getattr(call, part.value)}


def _refusal_of_writer(writer: User, call: Call) -> str:
    """The same for whoever wrote the number down: it, and the context that says what it means, must be allowed."""
    who = {"who": writer.get_username()}
    if not may_call(writer):
        return _("%(who)s, who wrote this number down, may not place calls.") % who
    part = _refused_part(writer, policies_of(writer), Call(context=call.context, number=call.number))
    if part is None:
        return ""
    if part is Part.CONTEXT:
        text = _("%(who)s, who wrote this number down, may not dial in the context “%(text)s”.")
    else:
        text = _("%(who)s, who wrote this number down, may not call %(text)s.")
    return text % {**who, "text": getattr(call, part.value)}


def _refused_part(user: User, policies: list[Policy], call: Call) -> Part | None:
    """A superuser whom no policy binds may call whom they like, from a phone that is one."""
    if call.phone and not is_phone(call.phone):
        return Part.PHONE
    return None if user.is_superuser and not policies else refused_by(policies, call)


def pause(user: User, writers: Collection[User] = ()) -> float:
    """How long until the user has a call left of those of a minute, in seconds; 0 where they have one now."""
    limit = _limits(user, writers)[0]
    times = _placed(user, _MINUTE).order_by("-at").values_list("at", flat=True)[limit - 1 : limit]
    return max((0.0, *((at + _MINUTE - timezone.now()).total_seconds() for at in times)))


def too_many(user: User, writers: Collection[User] = ()) -> str:
    """Why the user may not place another call now, in a sentence; its audit entry is already written.

    Two calls at once may both be refused, but never be one too many."""
    a_minute, a_day = _limits(user, writers)
    if _placed(user, _MINUTE).count() > a_minute:
        return ngettext(
            "You may place %(limit)d call a minute. Wait a little, then try again.",
            "You may place %(limit)d calls a minute. Wait a little, then try again.",
            a_minute,
        ) % {"limit": a_minute}
    if _placed(user, _DAY).count() > a_day:
        return ngettext(
            "You may place %(limit)d call a day. Ask an administrator if you need more.",
            "You may place %(limit)d calls a day. Ask an administrator if you need more.",
            a_day,
        ) % {"limit": a_day}
    return ""


def _limits(user: User, writers: Collection[User]) -> tuple[int, int]:
    """How many calls a minute, and a day: each user's most generous policy counts, of several users the least."""
    limits = [_generous(policies_of(person)) for person in {user, *writers}]
    return min(a_minute for a_minute, _a_day in limits), min(a_day for _a_minute, a_day in limits)


def _generous(policies: Iterable[Policy]) -> tuple[int, int]:
    policies = list(policies)
    a_minute = max((policy.calls_per_minute for policy in policies), default=CALLS_PER_MINUTE)
    return a_minute, max((policy.calls_per_day for policy in policies), default=CALLS_PER_DAY)


def _placed(user: User, time: timedelta) -> QuerySet[AuditEntry]:
    """The user's calls on record, including the one in question; refused ones do not count."""
    placed = AuditEntry.objects.filter(user=user, verb__in=placing_calls(), at__gte=timezone.now() - time)
    return placed.exclude(status=Status.FORBIDDEN.value)

"""Whether somebody may place a call: his groups' policies, and how much he has called already."""

from collections.abc import Iterable
from datetime import timedelta

from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from pbxpanel.mirror.commands import Status

from .models import AuditEntry, DialPolicy
from .policy import CALLS_PER_DAY, CALLS_PER_MINUTE, Call, Part, Policy, refused_part

VERB = "originate"
# Calls that the worker paces by itself: they count against the calls of a day, but not of a minute.
PACED_VERBS = ("invite", "retry-invitation", "call-back")


def refusal(user: User, call: Call, *, paced: bool = False) -> str:
    """Why the user may not place a call whose audit entry is already written, in a sentence; empty where he may.

    `paced`: its verb is one of `PACED_VERBS`.
    """
    policies = policies_of(user)
    part = _refused_part(user, policies, call)
    return sentence(policies, part, call) if part else _too_many(user, policies, paced=paced)


def refused_phone(user: User, call: Call) -> tuple[Part, str] | None:
    """Which part of a phone the user may not have as his, and why in a sentence."""
    policies = policies_of(user)
    part = _refused_part(user, policies, call)
    return (part, sentence(policies, part, call)) if part else None


def policies_of(user: User) -> list[Policy]:
    return [row.policy for row in DialPolicy.objects.filter(group__user=user)]


def sentence(policies: list[Policy], part: Part, call: Call) -> str:
    """What was refused, and what to do."""
    if not policies:
        return _("You may not place calls yet: none of your groups has a dial policy. Ask an administrator for one.")
    text = {
        Part.PHONE: _("You may not call from %(text)s. Enter your own as “My phone”, or ask an administrator."),
        Part.CONTEXT: _("You may not dial in the context “%(text)s”. Enter another one, or ask an administrator."),
        Part.CALLER_ID: _("You may not call as %(text)s. Enter your own extension, or ask an administrator."),
        Part.NUMBER: _("You may not call %(text)s. Ask an administrator if you need to."),
    }[part]
    return text % {"text": getattr(call, part.value)}


def _refused_part(user: User, policies: list[Policy], call: Call) -> Part | None:
    """A superuser whom no policy binds may call whom he likes."""
    return None if user.is_superuser and not policies else refused_part(policies, call)


def _too_many(user: User, policies: Iterable[Policy], *, paced: bool) -> str:
    """The most generous of his policies counts. Two calls at once may both be refused, but never be one too many."""
    a_minute = max((policy.calls_per_minute for policy in policies), default=CALLS_PER_MINUTE)
    a_day = max((policy.calls_per_day for policy in policies), default=CALLS_PER_DAY)
    if not paced and _calls_within(user, timedelta(minutes=1), [VERB]) > a_minute:
        return ngettext(
            "You may place %(limit)d call a minute. Wait a little, then try again.",
            "You may place %(limit)d calls a minute. Wait a little, then try again.",
            a_minute,
        ) % {"limit": a_minute}
    if _calls_within(user, timedelta(days=1), [VERB, *PACED_VERBS]) > a_day:
        return ngettext(
            "You may place %(limit)d call a day. Ask an administrator if you need more.",
            "You may place %(limit)d calls a day. Ask an administrator if you need more.",
            a_day,
        ) % {"limit": a_day}
    return ""


def _calls_within(user: User, time: timedelta, verbs: Iterable[str]) -> int:
    """How many calls of the user's are on record, the one that is asked about among them; refused ones are not."""
    placed = AuditEntry.objects.filter(user=user, verb__in=verbs, at__gte=timezone.now() - time)
    return placed.exclude(status=Status.FORBIDDEN.value).count()

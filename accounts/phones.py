"""Whose phone is whose: what a PBX has, who has it, and how it becomes somebody's."""

import asyncio
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext_lazy as _

from audit.models import AuditEntry
from engine.ami import actions
from engine.ami.protocol import Action
from engine.mirror import commands
from engine.mirror.commands import Outcome, Status, look_up
from engine.mirror.completion import completed
from engine.mirror.context import CommandContext, outcome_of
from engine.mirror.models import PBX
from engine.mirror.registry import lookup
from engine.mirror.verbs import for_audit

from .models import PhoneProof, Profile, SharedPhone

# How many digits a code has, and how long all of the proof may take.
DIGITS, TIME = 4, timedelta(minutes=2)
_STATE = PhoneProof.State
# How a user's phone came to be theirs, in the audit trail.
_MY_PHONE = for_audit("my-phone", _("My phone"))

# What a PBX has.

# Technology → what lists its endpoints, the event that names one, and in which field.
_LISTS: Mapping[str, tuple[Callable[[], Action], str, str]] = {
    "PJSIP": (actions.pjsip_show_endpoints, "EndpointList", "ObjectName"),
    "SIP": (actions.sip_peers, "PeerEntry", "ObjectName"),
    "IAX2": (actions.iax_peer_list, "PeerEntry", "ObjectName"),
    "DAHDI": (actions.dahdi_show_channels, "DAHDIShowChannels", "DAHDIChannel"),
}
# What else “dialplan show” can go on with.
_NO_CONTEXTS = {"chanvar", "globals"}


@dataclass(frozen=True, slots=True)
class Stock:
    """What a PBX has: the endpoints that it knows, such as `PJSIP/101`, and the contexts of its dialplan.

    `has_context`: whether one that was asked about is among the latter; None where that could not be asked.
    """

    endpoints: Collection[str]
    contexts: Collection[str]
    has_context: bool | None


def stock_of(pbx: str, context: str = "") -> tuple[Outcome, Stock]:
    """Query what a PBX has, and whether it has this context. Where that fails, the outcome says why."""
    outcome = look_up(pbx, "accounts.stock", {"context": context})
    return outcome, Stock(**outcome.data) if outcome.done else Stock((), (), None)


@lookup("accounts.stock")
async def take_stock(ctx: CommandContext, parameters: Mapping[str, Any]) -> Outcome:
    """`PJSIPShowEndpoints`, `SIPpeers`, `IAXpeerlist`, `DAHDIShowChannels`: one that Asterisk lacks names nothing."""
    endpoints = set[str]()
    async with ctx.aside() as session:
        lists = [session.ask(action(), timeout=ctx.left, is_list=None) for action, _event, _field in _LISTS.values()]
        answers = await asyncio.gather(*lists)
    for technology, answer in zip(_LISTS, answers, strict=True):
        _action, event, field = _LISTS[technology]
        if answer.is_denied:
            return outcome_of(answer)
        names = (item.get(field) for item in answer.events if item.name == event)
        endpoints |= {f"{technology}/{name}" for name in names if name}
    contexts = await completed(ctx, "dialplan show ", "")
    data = {
        "endpoints": sorted(endpoints),
        "contexts": [name for name in contexts.data if name not in _NO_CONTEXTS],
        "has_context": await _has_context(ctx, parameters["context"]),
    }
    return Outcome(Status.DONE, data=data)


async def _has_context(ctx: CommandContext, context: str) -> bool | None:
    if not context:
        return None
    answer = await ctx.ask(actions.getvar_global(f"DIALPLAN_EXISTS({context})"))
    return {"1": True, "0": False}.get(answer.response.get("Value"))


# Who has a phone.


def _name_of_first_pbx() -> str:
    return PBX.objects.values_list("name", flat=True).first() or ""


def pbx_name(pbx_id: str | None) -> str:
    """The PBX that a profile means: the first, where it names none. Empty where there is none at all."""
    return pbx_id or _name_of_first_pbx()


def holders(pbx: str, endpoint: str) -> QuerySet[Profile]:
    """The profiles that have this phone."""
    is_there = Q(pbx=pbx)
    if pbx == _name_of_first_pbx():
        is_there |= Q(pbx=None)
    return Profile.objects.filter(is_there, endpoint=endpoint)


def others_with(user_id: int | None, pbx: str, endpoint: str) -> list[User]:
    """Whose phone it is, except this user, and those who may no longer log in."""
    found = holders(pbx, endpoint).exclude(user=user_id).filter(user__is_active=True).select_related("user")
    return [profile.user for profile in found.order_by("user__username")]


def shared_phone(pbx: str, endpoint: str) -> SharedPhone | None:
    return SharedPhone.objects.filter(pbx=pbx, endpoint=endpoint).first()


@transaction.atomic
def give(user: User, values: Mapping[str, Any], how: str) -> None:
    """Write a user's profile; `how` the phone became theirs is in the audit trail. Nobody else has it any longer.

    `values` are of the fields pbx_id, extension, endpoint and dial_context.
    """
    former = Profile.objects.filter(user=user).first() or Profile()
    endpoint, pbx = str(values["endpoint"]), pbx_name(values["pbx_id"])
    named = dict(values)
    if endpoint:  # another PBX may become the first, and it may have an endpoint of that name
        named["pbx_id"] = pbx or None
    Profile.objects.update_or_create(user=user, defaults=named)
    if (endpoint, pbx) == (former.endpoint, pbx_name(former.pbx_id)):
        return
    before = take_from_others(user, pbx, endpoint) if endpoint else []
    AuditEntry.objects.create(
        command_id=uuid.uuid4().hex, user=user, username=user.get_username(), pbx=pbx, verb=_MY_PHONE,
        subject=endpoint or "—", claimed=True, status=Status.DONE.value, answer=": ".join([how, *before])[:400],
    )  # fmt: skip


def take_from_others(user: User, pbx: str, endpoint: str) -> list[str]:
    """Take a phone from everybody else; the names of those who had it."""
    others = holders(pbx, endpoint).exclude(user=user)
    names = list(others.values_list("user__username", flat=True))
    others.update(endpoint="")
    return names


# The proof. The page shows a code, the phone rings, and the code is keyed in there; see `accounts.proofs`.


def key_in(command_id: str, keys: str) -> bool:
    """What was keyed in at a phone, if anything was. Returns whether the proof is over, whatever its end. One that this
    panel has not asked for is another panel's on the same PBX, and is not.
    """
    with transaction.atomic():
        ringing = PhoneProof.objects.select_for_update(of=("self",)).select_related("user")
        proof = ringing.filter(command_id=command_id, state=_STATE.RINGING).first()
        if proof is None:
            return AuditEntry.objects.filter(command_id=command_id).exists()
        proof.tries_left -= bool(keys)
        if proof.until is None or timezone.now() > proof.until:
            proof.state = _STATE.LATE
        elif not constant_time_compare(keys, proof.code):
            proof.state = _STATE.RINGING if proof.tries_left else _STATE.WRONG
        elif not may_become(proof):
            proof.state = _STATE.TAKEN
        else:
            proof.state = _STATE.PROVEN
            values = {name: getattr(proof, name) for name in ("pbx_id", "extension", "endpoint", "dial_context")}
            give(proof.user, values, "proven")
        proof.save(update_fields=["tries_left", "state"])
    if proof.state == _STATE.RINGING:
        return False
    commands.auditors[0].follow_up(command_id, proof.state)
    return True


def may_become(proof: PhoneProof) -> bool:
    """Whether the phone still belongs to nobody, and is not shared."""
    pbx = pbx_name(proof.pbx_id)
    return not others_with(proof.user_id, pbx, proof.endpoint) and shared_phone(pbx, proof.endpoint) is None


def end_proof(command_id: str, state: PhoneProof.State) -> None:
    """The call has ended so, and nothing more is keyed in. That a phone is busy says more than that it did not ring."""
    while_in = [_STATE.RINGING, _STATE.UNREACHABLE] if state == _STATE.BUSY else [_STATE.RINGING]
    if PhoneProof.objects.filter(command_id=command_id, state__in=while_in).update(state=state):
        commands.auditors[0].follow_up(command_id, state)

"""Camp-on: somebody who is busy is called as soon as they, and the phone of whoever wants to talk to them, are free.

When that is, the states of extensions and devices tell. What waits is in the database, so that a worker that takes over
goes on with it.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from accounts import dialling
from accounts.identity import phone_of, profile_of, profile_with_context, profile_with_phone
from accounts.policy import Call as WantedCall
from engine import limits
from engine.database import in_thread
from engine.live.fragments import Toast, completions, notices
from engine.mirror.commands import Command, Outcome, Status
from engine.mirror.context import CommandContext
from engine.mirror.models import PBX
from engine.mirror.registry import each_second, job
from engine.mirror.state import State
from engine.mirror.verbs import ON_PBX, NotReady, Parameters, Rule, parameter, target_of, verb
from extensions.models import Device, Extension

from .call import party_of
from .commands import CHANNEL, CLICK_TO_CALL, ORIGINATE, Originate, originate
from .control import CONTROL_ANY, Number, not_possible
from .fragments import as_known, with_known
from .models import CampOn, Channel

NOTICE = "camp-on"
# How long somebody is waited for, and for how many at a time.
LASTS, MOST = timedelta(minutes=30), 5
# Asterisk's number for an extension of which no device is in use, and the same of a device.
_IDLE, _NOT_INUSE = 0, "NOT_INUSE"


@dataclass(frozen=True, slots=True)
class WantedOfChannel(Parameters):
    """The `number` of whoever is at a channel, that is to be called in a `context`; the `endpoint` and `extension` of
    whoever asks.
    """

    number: str = ""
    endpoint: str = ""
    extension: str = ""
    context: str = ""


@dataclass(frozen=True, slots=True)
class Wanted(WantedOfChannel):
    """The same of a number that is given."""

    number: str = parameter(
        Number(max_length=limits.NUMBER, error_messages={"required": gettext_lazy("Enter the number to call.")})
    )


def _with_my_phone(user: User, pbx: str, number: str) -> tuple[str, str, str, str]:
    """Raises `NotReady`."""
    profile = profile_with_phone(user, pbx, _("Your phone is on a different PBX. Change it under “My phone”."))
    return number, profile.endpoint, profile.extension, profile_with_context(user).dial_context


def _refusal(user: User, row: object, wanted: WantedOfChannel) -> str:
    return dialling.refusal(user, WantedCall(wanted.endpoint, wanted.context, wanted.extension, wanted.number))


_camp_on = partial(
    verb,
    "camp-on",
    gettext_lazy("Call when both are free"),
    rule=Rule(ORIGINATE),
    feature=CLICK_TO_CALL,
    refusal=_refusal,
    done=lambda row, wanted: _("You are called as soon as you and %(number)s are free.") % {"number": wanted.number},
)


@_camp_on(
    target=ON_PBX,
    parameters=Wanted,
    prepare=lambda user, pbx, wanted: Wanted(*_with_my_phone(user, pbx.name, wanted.number)),
    describe=lambda pbx, wanted: f"{wanted.number} from {wanted.endpoint}",
    example={"number": "102"},
)
async def camp_on(ctx: CommandContext, pbx: PBX, wanted: Wanted) -> Outcome:
    """Nothing is sent: the call is placed when the states of both say that they are free."""
    return _begin(ctx, wanted)


@_camp_on(
    target=CHANNEL,
    parameters=WantedOfChannel,
    prepare=lambda user, channel, wanted: WantedOfChannel(
        *_with_my_phone(user, channel.pbx_id, party_of(channel).number)
    ),
    describe=lambda channel, wanted: f"{wanted.number} from {wanted.endpoint}",
)
async def camp_on_channel(ctx: CommandContext, channel: Channel, wanted: WantedOfChannel) -> Outcome:
    """The same, for whoever is at this end of a call."""
    return _begin(ctx, wanted)


def _begin(ctx: CommandContext, wanted: WantedOfChannel) -> Outcome:
    table = ctx.state.table(CampOn)
    mine = [row for row in table.rows.values() if row.phone == wanted.endpoint]
    if any(row.number == wanted.number for row in mine):
        return not_possible(gettext_noop("You are waiting for this number already."))
    if len(mine) >= MOST:
        return not_possible(gettext_noop("You are waiting for five numbers already: take one back first."))
    if _is_free(ctx.state, wanted.number, wanted.context) is None:
        return not_possible(gettext_noop("Nothing tells when this number is free: it has no hint, and is no phone."))
    table.add(
        uuid.uuid4().hex,
        phone=wanted.endpoint,
        number=wanted.number,
        context=wanted.context,
        user_id=ctx.user_id,
        started_at=ctx.state.now(),
    )
    return Outcome(Status.DONE)


def _is_free(state: State, number: str, context: str) -> bool | None:
    """Whether nobody at this number is in a call; None where nothing tells."""
    extension = state.table(Extension).get(f"{number}@{context}")
    if extension is not None:
        return extension.state == _IDLE
    device = state.table(Device).get(f"PJSIP/{number}")
    return None if device is None else device.state == _NOT_INUSE


def _is_phone_free(state: State, endpoint: str) -> bool:
    device = state.table(Device).get(endpoint)
    if device is not None:
        return device.state == _NOT_INUSE
    return not any(row.endpoint == endpoint for row in state.table(Channel).rows.values())


# Taken back.


def _is_mine(user: User, row: CampOn) -> bool:
    """Whoever asked for it, and whose phone it is. Queries the database."""
    return row.user_id == user.pk or phone_of(profile_of(user)) == f"{row.pbx_id}/{row.phone}"


CAMP_ON = target_of(
    CampOn,
    "camp-on",
    "calls/<str:pbx>/camp-ons/<segment:key>/",
    gettext_lazy("Nobody is waited for any more."),
)


@verb(
    "take-back",
    gettext_lazy("Take back"),
    CAMP_ON,
    Rule(CONTROL_ANY, _is_mine, ORIGINATE),
    feature=CLICK_TO_CALL,
)
async def take_back(ctx: CommandContext, row: CampOn, parameters: Parameters) -> Outcome:
    """Nobody is called."""
    ctx.state.table(CampOn).remove(row.code)
    return Outcome(Status.DONE)


# The call.


@each_second
def look(state: State) -> None:
    for row in list(state.table(CampOn).rows.values()):
        if state.now() - row.started_at > LASTS:
            state.table(CampOn).remove(row.code)
            _tell(state, row, "late")
        elif _is_free(state, row.number, row.context) and _is_phone_free(state, row.phone):
            state.ask_for_job("camp-on", row.code)


@job("camp-on")
async def call_both(ctx: CommandContext, code: str) -> None:
    """`Originate`, as whoever asked would call the number now: by their dial policy of now."""
    table = ctx.state.table(CampOn)
    row = table.get(code)
    if row is None:
        return
    table.remove(code)  # whatever becomes of the call, it is placed once
    try:
        asked = await in_thread(_asked)(row)
    except (PermissionDenied, NotReady):
        _tell(ctx.state, row, "may not")
        return
    outcome = await ctx.give(*asked)
    if not outcome.done:
        _tell(ctx.state, row, "may not" if outcome.status is Status.FORBIDDEN else "failed")


def _asked(row: CampOn) -> tuple[Command, Callable[[], str] | None]:
    """Raises `PermissionDenied` and `NotReady`."""
    user = User.objects.filter(pk=row.user_id, is_active=True).first()
    if user is None:
        raise PermissionDenied
    profile, pbx = profile_of(user), PBX(name=row.pbx_id)
    if profile.endpoint != row.phone:
        raise NotReady
    wanted = Originate(row.number, row.phone, profile.extension, row.context, profile.answers_itself)
    return originate.asked(user, pbx, wanted)


def _tell(state: State, row: CampOn, how: str) -> None:
    state.notices.append((row.user_id, NOTICE, {"number": row.number, "how": how, "code": row.code}))


def told(parameters: Mapping[str, Any]) -> Toast:
    """What the user who waits for somebody is notified of."""
    number = {"number": as_known(parameters, "number")}
    text = {
        "late": _("%(number)s was not free within half an hour, and is not waited for any more.") % number,
        "may not": _("%(number)s is free, but you may not call it now: your phone or what you may dial has changed.")
        % number,
        "failed": _("%(number)s is free, but could not be called. Call it by hand.") % number,
    }[str(parameters["how"])]
    return Toast("warning", text, str(parameters["code"]), 1)


notices[NOTICE] = told
completions[NOTICE] = with_known

"""A phone proves whose it is, on the PBX: it rings, and in dialplan of ours the code is keyed in that the page shows.

What was keyed in is told by a `UserEvent`; the code itself never leaves the panel.
"""

import logging
import re
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db import DatabaseError, InterfaceError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from engine.ami import actions
from engine.ami.protocol import CHANNEL_FIELDS, Message
from engine.database import in_thread
from engine.mirror import dialplan
from engine.mirror.commands import Outcome
from engine.mirror.context import CommandContext, outcome_of
from engine.mirror.dialplan import CONTEXT, Steps, argument
from engine.mirror.models import PBX
from engine.mirror.registry import job, on
from engine.mirror.sanitize import exact
from engine.mirror.state import State
from engine.mirror.verbs import ON_PBX, Feature, Parameters, Rule, Weight, verb

from . import dialling, phones
from .models import PHONE_TRIES, PhoneProof
from .policy import Call

logger = logging.getLogger(__name__)

# How long a phone may ring, and how long one may take to key in the code, in seconds.
RINGS, KEYS_WITHIN = 30.0, 20
# The channel's unique id is this and the command's.
PROOF = "pbxpanel-phone-"
EXTENSION, EVENT = "phone", "PanelKeys"
# The dial tone asks for the code: no sound file is needed. What comes of it is known within the time of the Wait.
_ASK: Steps = (
    ("Read", f"PBXPANEL_KEYS,dial,{phones.DIGITS},i,1,{KEYS_WITHIN}"),
    ("UserEvent", f"{EVENT},Keys: ${{PBXPANEL_KEYS}}"),
    ("Wait", "2"),
)
DIALPLAN: Mapping[str, Steps] = {EXTENSION: (("Answer", ""), *_ASK * PHONE_TRIES)}

_STATE = PhoneProof.State
# What the `Reason` of an OriginateResponse says; and the cause of a hang-up (Q.850).
_REASONS = {"1": _STATE.NO_ANSWER, "3": _STATE.NO_ANSWER, "5": _STATE.BUSY}
_BUSY_CAUSES = ("17", "21")


@dataclass(frozen=True, slots=True)
class Prove(Parameters):
    """The `endpoint` that rings for the `proof`, and shows `who` asks for it; `extension` is whom it would call as."""

    endpoint: str
    who: str
    extension: str
    proof: str


@verb(
    "prove-phone",
    _("Prove a phone"),
    ON_PBX,
    Rule("calls.originate"),
    parameters=Prove,
    actions=[actions.dialplan_extension_add, actions.originate],
    feature=Feature(
        gettext_noop("proof of whose a phone is"),
        Weight.USEFUL,
        ("Hangup",),
        ("UserEvent", "Hangup", "OriginateResponse"),
    ),
    places_call=True,
    view="profile",
    describe=lambda pbx, wanted: wanted.endpoint,
    refusal=lambda user, pbx, wanted: dialling.refusal(user, Call(phone=wanted.endpoint, caller_id=wanted.extension)),
)
async def prove(ctx: CommandContext, pbx: PBX, wanted: Prove) -> Outcome:
    """Let a phone ring."""
    written = await dialplan.write(ctx, DIALPLAN)
    if not written.done:
        return written
    uniqueid = PROOF + wanted.proof
    action = actions.originate(
        wanted.endpoint,
        CONTEXT,
        EXTENSION,
        timeout=RINGS,
        variables=[("CONNECTEDLINE(name)", argument(f"PBX Panel: {wanted.who}"))],
        uniqueids=(uniqueid, ""),
    )
    return outcome_of(await ctx.ask(action, action_id=uniqueid))


def begin_proof(user: User, values: Mapping[str, Any]) -> Outcome:
    """Let a phone ring, so that the user can prove that it is theirs. Counts as a call of theirs."""
    pbx, endpoint = phones.pbx_name(values["pbx_id"]), str(values["endpoint"])
    command_id = uuid.uuid4().hex
    PhoneProof.objects.update_or_create(
        user=user,
        defaults={
            **values,
            "command_id": command_id,
            "code": f"{secrets.randbelow(10**phones.DIGITS):0{phones.DIGITS}}",
            "tries_left": PHONE_TRIES,
            "until": timezone.now() + phones.TIME,
            "state": _STATE.RINGING,
        },
    )
    wanted = Prove(endpoint, user.get_username(), str(values["extension"]), command_id)
    outcome = prove.ask(user, PBX(name=pbx), wanted, id=command_id)
    if not outcome.done:
        PhoneProof.objects.filter(command_id=command_id).update(state=_STATE.OPEN)
    return outcome


@on("UserEvent", required=CHANNEL_FIELDS)
def keyed_in(state: State, event: Message) -> None:
    uniqueid = exact(event.get("Uniqueid"))
    if event.get("UserEvent") == EVENT and uniqueid.startswith(PROOF):
        keys = re.sub(r"[^0-9*#]", "", event.get("Keys"))[: phones.DIGITS]
        state.ask_for_job("phone-keys", "\0".join([uniqueid, exact(event.get("Channel")), keys]))


@job("phone-keys")
async def judge(ctx: CommandContext, key: str) -> None:
    """`Hangup` of a phone at which nothing more is to be keyed in."""
    uniqueid, channel, keys = key.split("\0")
    try:
        is_over = await in_thread(phones.key_in)(uniqueid.removeprefix(PROOF), keys)
    except (DatabaseError, InterfaceError) as error:
        logger.error("%s: what was keyed in could not be read, trying again: %s", ctx.state.pbx, error)
        ctx.state.ask_for_job("phone-keys", key)
        return
    if is_over:
        await ctx.ask(actions.hangup(channel))


@on("OriginateResponse")
def is_not_answered(state: State, event: Message) -> None:
    uniqueid = exact(event.get("ActionID"))
    if uniqueid.startswith(PROOF) and event.get("Response") != "Success":
        _ends(state, uniqueid, _REASONS.get(event.get("Reason"), _STATE.UNREACHABLE))


@on("Hangup", required=CHANNEL_FIELDS)
def hangs_up(state: State, event: Message) -> None:
    uniqueid = exact(event.get("Uniqueid"))
    if not uniqueid.startswith(PROOF):
        return
    if event.get("ChannelStateDesc") == "Up":
        _ends(state, uniqueid, _STATE.HUNG_UP)
    elif event.get("Cause") in _BUSY_CAUSES:
        _ends(state, uniqueid, _STATE.BUSY)


def _ends(state: State, uniqueid: str, how: PhoneProof.State) -> None:
    state.ask_for_job("phone-over", f"{uniqueid.removeprefix(PROOF)}\0{how}")


@job("phone-over")
async def end(ctx: CommandContext, key: str) -> None:
    """What has come of a proof that went no further."""
    command_id, _separator, how = key.partition("\0")
    try:
        await in_thread(phones.end_proof)(command_id, _STATE(how))
    except (DatabaseError, InterfaceError) as error:
        logger.error("%s: the end of a proof could not be written, trying again: %s", ctx.state.pbx, error)
        ctx.state.ask_for_job("phone-over", key)

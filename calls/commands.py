"""What can be done with calls: click-to-call, and hanging up."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from accounts import dialling
from accounts.identity import pbx_of, phone_of, profile_of
from accounts.policy import Call as WantedCall
from engine.ami import actions
from engine.mirror.commands import Outcome
from engine.mirror.context import CommandContext, outcome_of
from engine.mirror.models import PBX
from engine.mirror.state import State
from engine.mirror.verbs import ON_PBX, Feature, NotReady, Parameters, Rule, Target, Weight, permission, target_of, verb

from . import placed
from .call import Call, calls_of, some_calls
from .events import own_caller_id
from .models import Bridge, Channel, ParkedCall

# How long the user's own phone may ring before a click-to-call gives up, in seconds.
RING_TIMEOUT = 30.0
# How soon the other ends of a call usually follow the one that was hung up, in seconds.
FOLLOWS_WITHIN = 0.3

HANG_UP = Feature(gettext_noop("hang-up"), Weight.ESSENTIAL)
CLICK_TO_CALL = Feature(gettext_noop("click-to-call"), Weight.ESSENTIAL, events=("OriginateResponse",))

ORIGINATE = permission("calls.channel", "originate", _("Can place calls"), ("Operator", "Moderator", "Administrator"))
HANG_UP_OWN = permission(
    "calls.channel", "hangup_own", _("Can hang up own calls"), ("Operator", "Moderator", "Administrator")
)
HANG_UP_ANY = permission("calls.channel", "hangup_any", _("Can hang up any call"), ("Operator", "Administrator"))


def call_of(state: State, linkedid: str) -> Call | None:
    """The call of this linked id, as it is now."""
    channels = state.table(Channel).where("call", linkedid)
    bridges, parked = state.table(Bridge).rows.values(), state.table(ParkedCall).rows.values()
    return next(iter(calls_of(channels, bridges, parked)), None)


CALL: Target[Call] = Target(
    "call",
    "calls/<str:pbx>/<segment:key>/",
    find=lambda pbx, linkedid: next(iter(some_calls(pbx, [linkedid])), None),
    current=call_of,
    key_of=lambda call: call.linkedid,
    pbx_of=lambda call: call.pbx,
    gone=_("This call has already ended."),
    describe=lambda call: ", ".join(str(channel) for channel in call.hangup_targets),
)
CHANNEL = target_of(Channel, "channel", "calls/<str:pbx>/channels/<segment:key>/", _("This call has already ended."))


def is_at_one(user: User, channels: Iterable[Channel]) -> bool:
    """Whether one of these channels is that of the user's own phone. Queries the database."""
    phone = phone_of(profile_of(user))
    return bool(phone) and any(f"{channel.pbx_id}/{channel.endpoint}" == phone for channel in channels)


def is_my_channel(user: User, channel: Channel) -> bool:
    """Whether it is that of the user's own phone."""
    return is_at_one(user, [channel])


def is_my_call(user: User, call: Call) -> bool:
    """Whether the user's own phone takes part in it."""
    return is_at_one(user, call.channels)


@verb(
    "hangup",
    _("Hang up"),
    CHANNEL,
    Rule(HANG_UP_ANY, is_my_channel, HANG_UP_OWN),
    actions=[actions.hangup],
    feature=HANG_UP,
)
async def hangup_channel(ctx: CommandContext, channel: Channel, parameters: Parameters) -> Outcome:
    """`Hangup` of one leg."""
    return await ctx.run(actions.hangup(channel.name))


@verb(
    "hangup",
    _("Hang up"),
    CALL,
    Rule(HANG_UP_ANY, is_my_call, HANG_UP_OWN),
    actions=[actions.hangup],
    feature=HANG_UP,
)
async def hangup(ctx: CommandContext, call: Call, parameters: Parameters) -> Outcome:
    """`Hangup` of every end of a call: the first, and then those that do not go with it.

    That an end has gone by itself meanwhile is no failure, if any was there.
    """
    first, *others = call.hangup_targets
    outcomes = [await ctx.run(actions.hangup(first.name))]
    await ctx.until(lambda: not _left_of(ctx.state, others), FOLLOWS_WITHIN)
    outcomes += await ctx.run_all(actions.hangup(channel.name) for channel in _left_of(ctx.state, others))
    return next((outcome for outcome in outcomes if outcome.done), outcomes[0])


def _left_of(state: State, channels: list[Channel]) -> list[Channel]:
    """Those that are still there."""
    table = state.table(Channel)
    return [channel for channel in channels if table.get(channel.uniqueid) is channel]


# What a phone that may answer by itself is sent: some read one of these, some the other.
ANSWER_YOURSELF = (
    ("PJSIP_HEADER(add,Call-Info)", "<sip:pbxpanel>;answer-after=0"),
    ("PJSIP_HEADER(add,Alert-Info)", "<http://pbxpanel>;info=alert-autoanswer;delay=0"),
)


def answers_by_itself(endpoint: str, answers: bool) -> Iterable[tuple[str, str]]:
    """The variables of an `Originate` of the user's own phone that make it answer, where it is to."""
    return ANSWER_YOURSELF if answers and endpoint.startswith("PJSIP/") else ()


@dataclass(frozen=True, slots=True)
class Originate(Parameters):
    """`number` is what was dialled, and `reference` what a program that asks calls the call by; the others are of the
    user's profile (see `accounts.models.Profile`).
    """

    number: str
    endpoint: str
    extension: str
    context: str
    answers: bool = False
    reference: str = ""


class NoPBX(NotReady):
    """There is no PBX on which the user could call."""


def wanted_call(user: User, number: str, reference: str = "") -> tuple[PBX, Originate]:
    """What is asked of which PBX so that the user's own phone calls a number. Raises `NotReady`, of which `NoPBX`."""
    profile = profile_of(user)
    pbx = pbx_of(profile)
    if not profile.endpoint or not profile.dial_context:
        raise NotReady(gettext("Your phone is not set up yet. Set it up under “My phone” first."))
    if pbx is None and profile.pbx_id:
        text = gettext("Your phone is on the PBX %(pbx)s, which this panel does not show. Change it under “My phone”.")
        raise NoPBX(text % {"pbx": profile.pbx_id})
    if pbx is None:
        raise NoPBX(gettext("There is no PBX yet: is the worker running?"))
    phone = profile.endpoint, profile.extension, profile.dial_context, profile.answers_itself
    return pbx, Originate(number, *phone, reference)


def unknown_number(wanted: Originate) -> str:
    """What is said where the number is not in the dial context."""
    text = gettext(
        "The number %(number)s does not exist in the dial context %(context)s. Check the number, or your context."
    )
    return text % {"number": wanted.number, "context": wanted.context}


@verb(
    "originate",
    _("Call"),
    ON_PBX,
    Rule(ORIGINATE),
    parameters=Originate,
    actions=[actions.originate],
    optional=[actions.pjsip_show_endpoint],
    feature=CLICK_TO_CALL,
    places_call=True,
    view="dial",
    describe=lambda pbx, wanted: f"{wanted.number} from {wanted.endpoint}",
    refusal=lambda user, pbx, wanted: dialling.refusal(
        user, WantedCall(wanted.endpoint, wanted.context, wanted.extension, wanted.number)
    ),
)
async def originate(ctx: CommandContext, pbx: PBX, wanted: Originate) -> Outcome:
    """`Originate`: the user's phone rings first; once it answers, the number is dialled in their context.

    The phone shows whom it is calling as its connected line. The caller ID of the channel stays what Asterisk gives to
    that endpoint, so the far side sees the same as if the number had been dialled by hand; only where the endpoint has
    none, the user's extension stands in. What becomes of it comes later, as notices (see `placed`). The outcome has the
    linked id of the `call`.
    """
    uniqueids = placed.new_uniqueids(timezone.now())
    action = actions.originate(
        wanted.endpoint,
        wanted.context,
        wanted.number,
        timeout=RING_TIMEOUT,
        uniqueids=uniqueids if wanted.endpoint.startswith("Local/") else (uniqueids[0], ""),
        variables=[("CONNECTEDLINE(num)", wanted.number), *answers_by_itself(wanted.endpoint, wanted.answers)],
    )
    action = await own_caller_id(ctx, action, wanted.endpoint, wanted.extension)
    calls = ctx.state.memory(placed.PlacedCalls)
    call = placed.PlacedCall(ctx.user_id, ctx.command_id, wanted.number, reference=wanted.reference)
    calls.begin(uniqueids[0], call)
    outcome = outcome_of(await ctx.ask(action, action_id=uniqueids[0]))
    if not outcome.done:
        calls.forget(uniqueids[0])
        return outcome
    return replace(outcome, data={"call": uniqueids[0]})

"""What can be done with one end of a call: transfer, park and retrieve, pick up and take over, listen in, press keys.

Where the user's own phone takes part, it rings first and joins once it is answered: until then the call goes on as it
is. What is moved is moved by Asterisk's own actions and applications, so nothing depends on `features.conf`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from django import forms
from django.contrib.auth.models import User
from django.core.validators import RegexValidator
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from accounts import dialling
from accounts.identity import number_of, profile_with_context, profile_with_phone
from accounts.policy import Call as WantedCall
from engine import limits
from engine.ami import actions
from engine.mirror import dialplan
from engine.mirror.commands import Outcome, Status
from engine.mirror.context import CommandContext, outcome_of
from engine.mirror.dialplan import Steps, argument
from engine.mirror.state import State
from engine.mirror.verbs import Feature, Parameters, Rule, Weight, parameter, permission, verb

from . import placed
from .commands import CHANNEL, HANG_UP, ORIGINATE, RING_TIMEOUT, answers_by_itself, is_at_one
from .forms import diallable
from .models import Channel, ParkedCall
from .numbers import number_in
from .placed import Purpose

# How soon a call is in its parking space, in seconds.
PARKED_WITHIN = 2.0
# How long a tone of the keypad lasts, in milliseconds, and how many keys are pressed at a time.
TONE, MOST_KEYS = 150, 30

CONTROL_OWN = permission(
    "calls.channel",
    "control_own",
    gettext_lazy("Can transfer and park own calls, and press keys in them"),
    ("Operator", "Moderator", "Administrator"),
)
CONTROL_ANY = permission(
    "calls.channel",
    "control_any",
    gettext_lazy("Can transfer and park any call, and press keys in it"),
    ("Operator", "Administrator"),
)
PICK_UP = permission(
    "calls.channel",
    "pick_up",
    gettext_lazy("Can pick up, take over and retrieve calls"),
    ("Operator", "Administrator"),
)
LISTEN = permission("calls.channel", "listen", gettext_lazy("Can listen to calls"), ("Administrator",))
WHISPER = permission("calls.channel", "whisper", gettext_lazy("Can whisper into calls"), ("Administrator",))
BARGE = permission("calls.channel", "barge", gettext_lazy("Can barge into calls"), ("Administrator",))

TRANSFERRING = Feature(gettext_noop("transferring calls"), Weight.USEFUL)
PARKING = Feature(gettext_noop("parking and retrieving calls"), Weight.USEFUL)
PICKING_UP = Feature(gettext_noop("picking up and taking over calls"), Weight.USEFUL)
LISTENING = Feature(gettext_noop("listening to calls"), Weight.USEFUL, events=("ChanSpyStart", "ChanSpyStop"))
KEYPAD = Feature(gettext_noop("keys pressed in a call"), Weight.USEFUL)


def is_in_my_call(user: User, channel: Channel) -> bool:
    """Whether the user's own phone takes part in the call of this channel. Queries the database."""
    return is_at_one(user, Channel.objects.filter(pbx=channel.pbx_id, call=channel.call))


IN_CALLS: Rule[Channel] = Rule(CONTROL_ANY, is_in_my_call, CONTROL_OWN)


def not_possible(sentence: str) -> Outcome:
    """Refuse by a sentence that is marked for translation."""
    return Outcome(Status.NOT_POSSIBLE, sentence)


def partners(state: State, channel: Channel) -> list[Channel]:
    """The others in its bridge."""
    table = state.table(Channel)
    return [row for row in table.where("bridge", channel.bridge) if row is not channel] if channel.bridge else []


# Transfer.


class Number(forms.CharField):
    """A number as somebody types it; what is dialled for it."""

    def clean(self, value: object) -> str:
        return diallable(super().clean(value))


class NumberOrName(Number):
    """The same; or the name of a user, whose number it is."""

    def clean(self, value: object) -> str:
        typed = forms.CharField.clean(self, value)
        number = number_in(typed) or number_of(typed)
        if not number:
            raise forms.ValidationError(
                _(
                    "“%(typed)s” is not a number, and no user has this name: use digits, * and #, with a + only in "
                    "front, or a name."
                )
                % {"typed": typed}
            )
        return number


@dataclass(frozen=True, slots=True)
class Destination(Parameters):
    """The number `to` which it goes, in the `context` of whoever asks; and the phone to which it is to come `back`,
    where that is asked for.
    """

    to: str = parameter(
        NumberOrName(
            max_length=limits.NUMBER,
            error_messages={"required": gettext_lazy("Enter the number to transfer the call to.")},
        )
    )
    context: str = ""
    back: str = ""


def _in_my_context(user: User, channel: Channel, wanted: Destination) -> Destination:
    """Raises `NotReady`."""
    return Destination(wanted.to, profile_with_context(user).dial_context)


to_a_number = partial(
    verb,
    target=CHANNEL,
    rule=IN_CALLS,
    parameters=Destination,
    places_call=True,
    prepare=_in_my_context,
    describe=lambda channel, wanted: f"{channel} → {wanted.to}",
    refusal=lambda user, channel, wanted: dialling.refusal(user, WantedCall(context=wanted.context, number=wanted.to)),
    example={"to": "102"},
)


@to_a_number(
    "transfer",
    gettext_lazy("Transfer"),
    actions=[actions.redirect, actions.getvar_global],
    feature=TRANSFERRING,
    done=lambda channel, wanted: (
        _("%(who)s is being transferred to %(number)s.") % {"who": channel.label, "number": wanted.to}
    ),
)
async def transfer(ctx: CommandContext, channel: Channel, wanted: Destination) -> Outcome:
    """`Redirect` of this end; the other one is let go. A number that is not in the context would end the call, so the
    dialplan is asked first.
    """
    refused = await not_to_be_sent(ctx, channel, wanted)
    return refused or await ctx.run(actions.redirect(channel.name, wanted.context, wanted.to))


async def not_to_be_sent(ctx: CommandContext, channel: Channel, wanted: Destination) -> Outcome | None:
    """Why this channel cannot be sent to a number; None where it can."""
    return not_to_be_moved(channel) or await no_such_number(ctx, wanted)


def not_to_be_moved(channel: Channel) -> Outcome | None:
    """Why this channel cannot be sent anywhere; None where it can."""
    if channel.state not in ("Up", "Ring"):
        return not_possible(gettext_noop("This phone is still ringing: transfer the caller instead."))
    if channel.hears in (Channel.Tone.BUSY, Channel.Tone.CONGESTION):
        return not_possible(gettext_noop("This call is ending: only a busy tone is heard."))
    return None


async def no_such_number(ctx: CommandContext, wanted: Destination) -> Outcome | None:
    """Why nobody can be sent to a number: it is not in the dialplan, or that cannot be asked. None where it is."""
    answer = await ctx.ask(actions.getvar_global(f"DIALPLAN_EXISTS({wanted.context},{wanted.to},1)"))
    if not answer.ok:
        return outcome_of(answer)
    exists = answer.response.get("Value") != "0"
    return None if exists else not_possible(gettext_noop("The number does not exist in your dial context."))


# Parking.


@verb(
    "park",
    gettext_lazy("Park"),
    CHANNEL,
    IN_CALLS,
    actions=[actions.park],
    feature=PARKING,
)
async def park(ctx: CommandContext, channel: Channel, parameters: Parameters) -> Outcome:
    """`Park`, for whoever is with them: they hear the space, and the call comes back to them when its time is over."""
    if not channel.is_up:
        return not_possible(gettext_noop("Only a call that was answered can be parked."))
    if ctx.state.table(ParkedCall).get(channel.uniqueid) is not None:
        return not_possible(gettext_noop("This call is already parked."))
    others = partners(ctx.state, channel)
    if not others:
        return not_possible(gettext_noop("Nobody is with this caller, so there is nobody who could park the call."))
    outcome = await ctx.run(actions.park(channel.name, others[0].name))
    # Asterisk says that it was parked, also where there is no room.
    parked = ctx.state.table(ParkedCall)
    if outcome.done and not await ctx.until(lambda: parked.get(channel.uniqueid) is not None, PARKED_WITHIN):
        return not_possible(gettext_noop("The call was not parked: the parking lot may be full."))
    return outcome


# Whatever makes the user's own phone ring.


@dataclass(frozen=True, slots=True)
class OwnPhone(Parameters):
    """The `endpoint` of whoever asks, the `extension` that it calls as, and whether it answers by itself."""

    endpoint: str = ""
    extension: str = ""
    answers: bool = False


def _by_my_phone(user: User, channel: Channel, wanted: OwnPhone) -> OwnPhone:
    """Raises `NotReady`."""
    elsewhere = _("Your phone is on a different PBX than this call. Change it under “My phone”.")
    profile = profile_with_phone(user, channel.pbx_id, elsewhere)
    return OwnPhone(profile.endpoint, profile.extension, profile.answers_itself)


def own_phone_refusal(user: User, row: object, wanted: OwnPhone) -> str:
    return dialling.refusal(user, WantedCall(phone=wanted.endpoint, caller_id=wanted.extension))


_by_phone = partial(
    verb,
    target=CHANNEL,
    parameters=OwnPhone,
    actions=[actions.originate_application],
    places_call=True,
    prepare=_by_my_phone,
    refusal=own_phone_refusal,
)


# What these run is dialplan of ours: a phone that was called for such an application alone is let go as soon as it is
# sent elsewhere, as to put the call on hold.
JOINING: Mapping[str, Steps] = {
    "takeover": ((Purpose.TAKEOVER.value, "${PBXPANEL_ABOUT}"), ("Hangup", "")),
    "retrieve": ((Purpose.RETRIEVE.value, "${PBXPANEL_ABOUT}"), ("Hangup", "")),
}


async def ring_me(ctx: CommandContext, channel: Channel, wanted: OwnPhone, purpose: Purpose, data: str) -> Outcome:
    """`Originate` of the user's phone; once it is answered, it runs the application that is about this channel.

    What becomes of it comes later, as notices (see `placed`).
    """
    uniqueids, extension = placed.new_uniqueids(timezone.now()), purpose.name.lower()
    variables = [("CONNECTEDLINE(num)", channel.caller_number), ("CONNECTEDLINE(name)", channel.caller_name)]
    if extension in JOINING:
        written = await dialplan.write(ctx, {extension: JOINING[extension]})
        if not written.done:
            return written
        variables.append(("PBXPANEL_ABOUT", data))
        build = partial(actions.originate, wanted.endpoint, dialplan.CONTEXT, extension)
    else:
        build = partial(actions.originate_application, wanted.endpoint, purpose.value, data)
    action = build(
        timeout=RING_TIMEOUT,
        uniqueids=(uniqueids[0], ""),
        variables=[
            *((name, argument(value)) for name, value in variables if value),
            *answers_by_itself(wanted.endpoint, wanted.answers),
        ],
    )
    calls = ctx.state.memory(placed.PlacedCalls)
    call = placed.PlacedCall(ctx.user_id, ctx.command_id, channel.label, purpose, channel.call)
    calls.begin(uniqueids[0], call)
    outcome = outcome_of(await ctx.ask(action, action_id=uniqueids[0]))
    if not outcome.done:
        calls.forget(uniqueids[0])
    return outcome


_by_dialplan = partial(_by_phone, actions=[actions.originate, actions.dialplan_extension_add])


def _is_my_phone(channel: Channel, wanted: OwnPhone) -> bool:
    return channel.endpoint == wanted.endpoint


OWN_PHONE = gettext_noop("This is your own phone.")


@_by_dialplan("retrieve", gettext_lazy("Retrieve"), rule=Rule(PICK_UP, also=(ORIGINATE,)), feature=PARKING)
async def retrieve(ctx: CommandContext, channel: Channel, wanted: OwnPhone) -> Outcome:
    """`ParkedCall()`: the user's phone rings, and gets the parked call."""
    parked = ctx.state.table(ParkedCall).get(channel.uniqueid)
    if parked is None:
        return not_possible(gettext_noop("This call is no longer parked."))
    return await ring_me(ctx, channel, wanted, Purpose.RETRIEVE, f"{argument(parked.lot)},{argument(parked.space)}")


@_by_phone("pickup", gettext_lazy("Pick up"), rule=Rule(PICK_UP, also=(ORIGINATE,)), feature=PICKING_UP)
async def pickup(ctx: CommandContext, channel: Channel, wanted: OwnPhone) -> Outcome:
    """`PickupChan()`: the phone rings on until the user has answered at their own."""
    if channel.state != "Ringing":
        return not_possible(gettext_noop("This phone is not ringing any more."))
    if _is_my_phone(channel, wanted):
        return not_possible(OWN_PHONE)
    return await ring_me(ctx, channel, wanted, Purpose.PICKUP, argument(channel.name))


@_by_dialplan("takeover", gettext_lazy("Take over"), rule=Rule(PICK_UP, also=(ORIGINATE,)), feature=PICKING_UP)
async def takeover(ctx: CommandContext, channel: Channel, wanted: OwnPhone) -> Outcome:
    """`Bridge()`: once the user has answered, they are with this end, and whoever was with it is let go."""
    if not channel.is_up:
        return not_possible(gettext_noop("Only a call that was answered can be taken over."))
    if channel.application == "ConfBridge":
        return not_possible(gettext_noop("Somebody in a conference cannot be taken over: move them instead."))
    if _is_my_phone(channel, wanted):
        return not_possible(OWN_PHONE)
    return await ring_me(ctx, channel, wanted, Purpose.TAKEOVER, argument(channel.name))


# Listening. By unique id, so that it is never the call of a namesake; it ends with the channel.


async def _spy(ctx: CommandContext, channel: Channel, wanted: OwnPhone, options: str) -> Outcome:
    if not channel.is_up:
        return not_possible(gettext_noop("Only a call that was answered can be listened to."))
    if _is_my_phone(channel, wanted):
        return not_possible(OWN_PHONE)
    return await ring_me(ctx, channel, wanted, Purpose.LISTEN, f"{argument(channel.uniqueid)},{options}")


@_by_phone("listen", gettext_lazy("Listen"), rule=Rule(LISTEN, also=(ORIGINATE,)), feature=LISTENING)
async def listen(ctx: CommandContext, channel: Channel, wanted: OwnPhone) -> Outcome:
    """`ChanSpy()`: the user hears both sides, and nobody hears the user."""
    return await _spy(ctx, channel, wanted, "uqES")


@_by_phone("whisper", gettext_lazy("Whisper"), rule=Rule(WHISPER, also=(ORIGINATE,)), feature=LISTENING)
async def whisper(ctx: CommandContext, channel: Channel, wanted: OwnPhone) -> Outcome:
    """The same, and this end hears the user; the other does not."""
    return await _spy(ctx, channel, wanted, "uqESw")


@_by_phone("barge", gettext_lazy("Barge in"), rule=Rule(BARGE, also=(ORIGINATE,)), feature=LISTENING)
async def barge(ctx: CommandContext, channel: Channel, wanted: OwnPhone) -> Outcome:
    """The same, and both hear the user."""
    return await _spy(ctx, channel, wanted, "uqESB")


# Keys, and refusing a call.


@dataclass(frozen=True, slots=True)
class Keys(Parameters):
    """The `digits` that are pressed, one after another."""

    digits: str = parameter(
        forms.CharField(
            max_length=MOST_KEYS,
            validators=[RegexValidator(r"\A[0-9*#A-D]+\Z")],
            error_messages=dict.fromkeys(
                ("required", "invalid"), gettext_lazy("Enter the keys to press: digits, * and #, or A to D.")
            ),
        )
    )


@verb(
    "keypad",
    gettext_lazy("Press keys"),
    CHANNEL,
    IN_CALLS,
    parameters=Keys,
    actions=[actions.play_dtmf],
    feature=KEYPAD,
    timeout=15.0,
    # Keys may be a PIN.
    describe=lambda channel, wanted: f"{channel} ({len(wanted.digits)})",
    done=lambda channel, wanted: _("%(who)s heard the keys %(keys)s.") % {"who": channel.label, "keys": wanted.digits},
    example={"digits": "12#"},
)
async def keypad(ctx: CommandContext, channel: Channel, wanted: Keys) -> Outcome:
    """`PlayDTMF`: this end hears the tones, one after another. Each is answered when it is over, so they have a session
    of their own.
    """
    if not channel.is_up:
        return not_possible(gettext_noop("Keys can be pressed once the call was answered."))
    async with ctx.aside() as session:
        for digit in wanted.digits:
            answer = await session.ask(actions.play_dtmf(channel.name, digit, TONE), timeout=ctx.left)
            if not answer.ok:
                return outcome_of(answer)
    return Outcome(Status.DONE)


@verb(
    "reject",
    gettext_lazy("Reject"),
    CHANNEL,
    IN_CALLS,
    actions=[actions.hangup],
    feature=HANG_UP,
)
async def reject(ctx: CommandContext, channel: Channel, parameters: Parameters) -> Outcome:
    """`Hangup` of a ringing phone as busy (Q.850 cause 17): the dialplan goes on as for a busy phone."""
    if channel.state != "Ringing":
        return not_possible(gettext_noop("This phone is not ringing any more."))
    return await ctx.run(actions.hangup(channel.name, cause="17"))

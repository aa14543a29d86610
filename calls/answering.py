"""Answering one's own telephone from the panel, where it understands that it is told to.

Nothing says which telephones do, so it is tried once, under “My phone”, and remembered there.
"""

from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from accounts.identity import profile_with_phone
from engine.ami import actions
from engine.mirror.commands import Outcome, Status
from engine.mirror.context import CommandContext
from engine.mirror.models import PBX
from engine.mirror.verbs import ON_PBX, Feature, Parameters, Rule, Weight, verb

from . import placed
from .commands import CHANNEL, ORIGINATE, is_my_channel
from .control import CONTROL_OWN, OwnPhone, not_possible, own_phone_refusal
from .models import Channel

# How soon a telephone that is told to takes the call, and how soon one that is called rings, in seconds.
TAKEN_WITHIN, RINGS_WITHIN = 3.0, 5.0

ANSWERING = Feature(gettext_noop("answering one's own telephone from the panel"), Weight.USEFUL)


async def _take(ctx: CommandContext, channel: Channel) -> Outcome:
    """Tell the telephone to take the call that rings at it. Data: whether it did."""
    outcome = await ctx.run(actions.pjsip_notify(channel.name, "talk"))
    if not outcome.done:
        return outcome
    is_up = await ctx.until(lambda: channel.is_up, TAKEN_WITHIN)
    return Outcome(Status.DONE, data={"answers": is_up})


def _not_mine(user: User, channel: Channel, parameters: Parameters) -> str:
    return "" if is_my_channel(user, channel) else _("This is not your own phone.")


@verb(
    "answer",
    gettext_lazy("Answer"),
    CHANNEL,
    Rule(CONTROL_OWN),
    actions=[actions.pjsip_notify],
    feature=ANSWERING,
    refusal=_not_mine,
)
async def answer(ctx: CommandContext, channel: Channel, parameters: Parameters) -> Outcome:
    """`PJSIPNotify` of `Event: talk`, to the user's own ringing telephone."""
    if channel.state != "Ringing":
        return not_possible(gettext_noop("This phone is not ringing any more."))
    outcome = await _take(ctx, channel)
    if outcome.done and not outcome.data["answers"]:
        return not_possible(gettext_noop("Your phone did not take the call: answer it there."))
    return outcome


def _my_phone(user: User, pbx: PBX, wanted: OwnPhone) -> OwnPhone:
    """Raises `NotReady`."""
    elsewhere = _("Your phone is on a different PBX. Change it under “My phone”.")
    profile = profile_with_phone(user, pbx.name, elsewhere)
    return OwnPhone(profile.endpoint, profile.extension)


@verb(
    "try-answer",
    gettext_lazy("Try whether the phone can be answered"),
    ON_PBX,
    Rule(ORIGINATE),
    parameters=OwnPhone,
    actions=[actions.originate_application, actions.pjsip_notify, actions.hangup],
    feature=ANSWERING,
    places_call=True,
    view="try-answer",
    timeout=20.0,
    prepare=_my_phone,
    describe=lambda pbx, wanted: wanted.endpoint,
    refusal=own_phone_refusal,
)
async def try_answer(ctx: CommandContext, pbx: PBX, wanted: OwnPhone) -> Outcome:
    """`Originate` of the user's telephone, which is told to take that call. Data: whether it `answers`."""
    if not wanted.endpoint.startswith("PJSIP/"):
        return not_possible(gettext_noop("Only PJSIP phones can be told to answer."))
    uniqueid, table = placed.new_uniqueids(timezone.now())[0], ctx.state.table(Channel)
    outcome = await ctx.run(
        actions.originate_application(
            wanted.endpoint, "Wait", "1", timeout=RINGS_WITHIN + TAKEN_WITHIN, uniqueids=(uniqueid, "")
        )
    )
    if not outcome.done:
        return outcome
    rings = await ctx.until(lambda: (row := table.get(uniqueid)) is not None and row.state == "Ringing", RINGS_WITHIN)
    channel = table.get(uniqueid)
    if not rings or channel is None:
        return not_possible(gettext_noop("Your phone does not ring, so it was not tried."))
    outcome = await _take(ctx, channel)
    if table.get(uniqueid) is channel:
        await ctx.ask(actions.hangup(channel.name))
    return outcome

"""What can be asked of calls, each as a command that the audit trail records."""

import time

from django.contrib.auth.models import User
from django.utils import timezone

from accounts import dialling
from accounts.policy import Call as WantedCall
from engine.ami import actions
from engine.mirror.commands import Command, Outcome, Status, run

from . import placed
from .call import Call
from .models import Channel

# How long the operator's own phone may ring before a click-to-call gives up, in seconds.
RING_TIMEOUT = 30.0
# How soon the other end of a call usually follows the one that was hung up, in seconds.
FOLLOWS_WITHIN = 0.3


def hangup_channel(user_id: int, channel: Channel) -> Outcome:
    """Hang up one leg."""
    return run(Command(channel.pbx_id, actions.hangup(channel.name), "hangup", str(channel), user_id))


def hangup(user_id: int, call: Call) -> Outcome:
    """Hang up every end of a call: the first, and then those that do not go with it.

    That an end has gone by itself meanwhile is no failure, if any was there.
    """
    first, *others = call.hangup_targets
    outcomes = [hangup_channel(user_id, first)]
    if others:
        time.sleep(FOLLOWS_WITHIN)
        left = Channel.objects.filter(pbx=call.pbx, uniqueid__in=[channel.uniqueid for channel in others])
        outcomes += [hangup_channel(user_id, channel) for channel in left]
    for wanted in (Status.NOT_CONNECTED, Status.NO_ANSWER, Status.DONE):
        for outcome in outcomes:
            if outcome.status is wanted:
                return outcome
    return outcomes[0]


def originate(
    user_id: int, pbx: str, endpoint: str, extension: str, context: str, number: str, command_id: str
) -> Outcome:
    """Click-to-call: `endpoint` (my phone) rings first; once it answers, `number` is dialled in `context`.

    My phone shows whom I am calling as its connected line. The caller ID of the channel stays what Asterisk
    gives to that endpoint, so the far side sees the same as if I had dialled by hand; only where the endpoint
    has none, `extension` stands in. What becomes of it comes later, as notices (see `calls.placed`). What the user's
    dial policies do not allow is not sent, and on record all the same.
    """
    uniqueids = placed.new_uniqueids(timezone.now())
    action = actions.originate(
        endpoint,
        context,
        number,
        timeout=RING_TIMEOUT,
        uniqueids=uniqueids if endpoint.startswith("Local/") else (uniqueids[0], ""),
        variables=[("CONNECTEDLINE(num)", number)],
    )
    command = Command(
        pbx,
        action,
        dialling.VERB,
        f"{number} from {endpoint}",
        user_id,
        id=command_id,
        notice=placed.NOTICE,
        parameters={"number": number, "endpoint": endpoint, "extension": extension, "uniqueid": uniqueids[0]},
    )
    wanted = WantedCall(phone=endpoint, context=context, caller_id=extension, number=number)
    return run(command, refusal=lambda: dialling.refusal(User.objects.get(pk=user_id), wanted))

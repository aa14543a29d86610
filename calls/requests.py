"""What can be asked of calls, each as a command that the audit trail records."""

from django.contrib.auth.models import User

from accounts import dialling
from accounts.policy import Call as WantedCall
from engine.mirror.commands import Command, Outcome, run

from .call import Call
from .models import Channel


def hangup_channel(user_id: int, channel: Channel) -> Outcome:
    """Hang up one leg."""
    command = Command(
        channel.pbx_id, None, "hangup", str(channel), user_id,
        handler="calls.hangup-channel", parameters={"uniqueid": channel.uniqueid},
    )  # fmt: skip
    return run(command)


def hangup(user_id: int, call: Call) -> Outcome:
    """Hang up every end of a call."""
    subject = ", ".join(str(channel) for channel in call.hangup_targets)
    command = Command(
        call.pbx, None, "hangup", subject, user_id, handler="calls.hangup", parameters={"linkedid": call.linkedid}
    )
    return run(command)


def originate(
    user_id: int, pbx: str, endpoint: str, extension: str, context: str, number: str, command_id: str
) -> Outcome:
    """Click-to-call: `endpoint`, the user's phone, rings first; once it answers, `number` is dialled in `context`.

    What the user's dial policies do not allow is recorded, but not sent.
    """
    command = Command(
        pbx, None, dialling.VERB, f"{number} from {endpoint}", user_id, id=command_id, handler="calls.originate",
        parameters={"number": number, "endpoint": endpoint, "extension": extension, "context": context},
    )  # fmt: skip
    wanted = WantedCall(phone=endpoint, context=context, caller_id=extension, number=number)
    return run(command, refusal=lambda: dialling.refusal(User.objects.get(pk=user_id), wanted))

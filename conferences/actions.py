"""What can be asked of a conference, each as a command that the audit trail records."""

from pbxpanel.ami import actions
from pbxpanel.ami.protocol import Action
from pbxpanel.mirror.commands import Command, Outcome, run
from pbxpanel.mirror.text import shown

from .models import Participant


def _on_participant(user_id: int, participant: Participant, verb: str, action: Action) -> Outcome:
    subject = f"{participant.label} ({shown(participant.channel)}) in {shown(participant.conference)}"
    return run(Command(participant.pbx_id, action, verb, subject, user_id))


def mute(user_id: int, participant: Participant) -> Outcome:
    action = actions.confbridge_mute(participant.conference, participant.channel)
    return _on_participant(user_id, participant, "mute", action)


def unmute(user_id: int, participant: Participant) -> Outcome:
    action = actions.confbridge_unmute(participant.conference, participant.channel)
    return _on_participant(user_id, participant, "unmute", action)


def kick(user_id: int, participant: Participant) -> Outcome:
    action = actions.confbridge_kick(participant.conference, participant.channel)
    return _on_participant(user_id, participant, "kick", action)

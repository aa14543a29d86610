"""What can be asked of a conference, each as a command that the audit trail records."""

from collections.abc import Mapping
from typing import Any

from engine.mirror.commands import Command, Outcome, run
from engine.mirror.sanitize import shown

from .models import Conference, Participant

# Verb on one participant → the worker's command handler, and its further parameters.
ON_ONE: dict[str, tuple[str, dict[str, Any]]] = {
    "mute": ("mute", {}),
    "unmute": ("unmute", {}),
    "give-word": ("unmute", {"lower": True}),
    "lower-hand": ("lower-hand", {}),
    "make-speaker": ("speaker", {"on": True}),
    "unmake-speaker": ("speaker", {"on": False}),
    "kick": ("kick", {}),
    "mute-others": ("mute-others", {}),
    "video-source": ("video-source", {}),
    # With `to`, the name of a conference.
    "move": ("move", {}),
    # With `other`, the unique id of another participant.
    "aside": ("aside", {}),
}
# The same for all of a conference.
ON_ALL: dict[str, tuple[str, dict[str, Any]]] = {
    "mute-all": ("mute-all", {}),
    "mute-listeners": ("mute-all", {"listeners": True}),
    "unmute-all": ("unmute-all", {}),
    "lecture": ("lecture", {"on": True}),
    "end-lecture": ("lecture", {"on": False}),
    "lock": ("lock", {"on": True}),
    "unlock": ("lock", {"on": False}),
    "record": ("record", {"on": True}),
    "stop-record": ("record", {"on": False}),
    "end": ("end", {}),
    # Whoever is in a side room, to where they were taken from.
    "back": ("back", {}),
    # With `sound`, the name of a sound of Asterisk's.
    "say": ("say", {}),
}
# How long a command may take that is many actions, in seconds.
TIMEOUT = 10.0

# What AMI drops at both ends of a value.
_BLANKS = "".join(map(chr, range(33)))


def can_be_asked_for(name: str) -> bool:
    """Whether Asterisk finds a conference by its name in an action: not where AMI strips or truncates it."""
    return name == name.strip(_BLANKS) and not {"\ufffd", "\r", "\n"} & set(name)


def topic_of(conference: str) -> str:
    """The topic by which the audit trail finds the acts in a conference."""
    return f"conference/{conference}"


def on_one(user_id: int, participant: Participant, verb: str, **parameters: str) -> Outcome:
    """One of the verbs of `ON_ONE`."""
    handler, fixed = ON_ONE[verb]
    subject = f"{participant.label} ({shown(participant.channel)}) in {shown(participant.conference)}"
    if "to" in parameters:
        subject += f" → {shown(parameters['to'])}"
    if other := Participant.objects.filter(pbx=participant.pbx_id, uniqueid=parameters.get("other", "")).first():
        subject += f" + {other.label} ({shown(other.channel)})"
    given = {"uniqueid": participant.uniqueid, **fixed, **parameters}
    return run(act(participant.pbx_id, participant.conference, verb, subject, user_id, handler, given))


def on_all(user_id: int, conference: Conference, verb: str, **parameters: str) -> Outcome:
    """One of the verbs of `ON_ALL`."""
    handler, fixed = ON_ALL[verb]
    subject = " ".join([str(conference), *map(shown, parameters.values())])
    given = {"conference": conference.name, **fixed, **parameters}
    return run(act(conference.pbx_id, conference.name, verb, subject, user_id, handler, given))


def act(
    pbx: str, conference: str, verb: str, subject: str, user_id: int, handler: str, parameters: Mapping[str, Any]
) -> Command:
    """A command for the worker, which the conference's record knows by its topic."""
    topic = topic_of(conference)
    return Command(
        pbx, None, verb, subject, user_id, timeout=TIMEOUT, parameters=parameters, handler=handler, topic=topic
    )

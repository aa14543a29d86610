"""From a view to the worker and back: a deadline, an answer, an audit entry.

A command is refused at once when the link is down, and dropped when its time is over: it never takes effect late.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import DatabaseError

from engine.ami.protocol import Action
from engine.mirror.answers import in_english

from .models import PBX

logger = logging.getLogger(__name__)

# How long after its deadline a view still waits for the worker to say what became of the command, in seconds.
GRACE = 1.0


class Status(StrEnum):
    """What became of a command."""

    DONE = "done"
    """Asterisk accepted it; its effect shows as events do."""
    REFUSED = "refused"
    """Asterisk answered with an error."""
    NOT_CONNECTED = "not connected"
    """The link to the PBX is down, or no worker holds it; nothing was sent."""
    NO_ANSWER = "no answer"
    """It was sent, or may have been, and no answer came in time."""
    EXPIRED = "expired"
    """It reached the worker too late; nothing was sent."""
    REPEATED = "repeated"
    """A command with this id was given before; nothing was sent."""
    FORBIDDEN = "forbidden"
    """A rule of ours forbids it to this user; nothing was sent."""


# Name and value of each field of a message, in the order received; a name may be there again.
Fields = list[list[str]]


@dataclass(frozen=True, slots=True)
class Reply:
    """Asterisk's answer, field by field: the response's, and those of each event of a list.

    `left_off` is how many events were too many to be handed on.
    """

    fields: Fields
    events: list[Fields]
    left_off: int = 0

    def get(self, name: str) -> str:
        """The first value of a field of the response; empty where it has none."""
        return first(self.fields, name)

    def all(self, name: str) -> list[str]:
        """Every value of a field of the response that is there several times, such as `Output`."""
        return [value for key, value in self.fields if key == name]


def first(fields: Fields, name: str) -> str:
    """The first value of a field; empty where there is none."""
    return next((value for key, value in fields if key == name), "")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The status of a command, and Asterisk's (or our) words about it.

    `data` is what a command handler has found out, in plain JSON values; of an action that `wants_reply`, see `reply`.
    """

    status: Status
    text: str = ""
    data: Any = None

    @property
    def reply(self) -> Reply:
        """What Asterisk answered to an action that `wants_reply`; empty where nothing was answered."""
        return Reply(**self.data) if self.data else Reply([], [])

    @property
    def done(self) -> bool:
        return self.status is Status.DONE


@dataclass(frozen=True, slots=True)
class Command:
    """One thing that a person asks of a PBX.

    `verb` and `subject` are for the audit trail: what, and on whom. `id` makes it unique: the same id is never
    acted on twice. `notice`, where given, names the notice that tells the user how an `Originate` ended, and
    `parameters` are passed on to it. Instead of an action it may name a `handler` of the registry, which gets the
    parameters. `topic` is what the audit trail can be asked for, such as a conference. An action that `wants_reply`
    is sent in a session of its own: it may take long, and what everybody sees must not wait for it.
    """

    pbx: str
    action: Action | None
    verb: str
    subject: str
    user_id: int
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    timeout: float = 5.0
    notice: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    handler: str = ""
    topic: str = ""
    wants_reply: bool = False


class Auditor(Protocol):
    """Writes the audit trail; the app that owns people provides it."""

    def begin(self, command: Command) -> bool:
        """Record that a command was given. False when one with this id was given before."""

    def claim(self, command_id: str) -> bool:
        """Record that a worker acts on it now. False when one has done so before: nobody may act on it again."""

    def end(self, command_id: str, outcome: Outcome) -> None:
        """Record what became of it."""

    def note(self, pbx: str, verb: str, subject: str, topic: str, answer: str) -> None:
        """Record what the panel did by itself."""

    def follow_up(self, command_id: str, text: str) -> None:
        """Record a later result of an asynchronous command."""


# The types of the messages that a worker takes.
COMMAND, CHECK, LOOK = "ami.command", "ami.check", "ami.look"

auditors: list[Auditor] = []
"""The one auditor, registered at start."""


def channel_name(pbx: str) -> str:
    """The channel on which the worker that leads a PBX listens."""
    return f"ami.{pbx}"


def run(command: Command, refusal: Callable[[], str] | None = None) -> Outcome:
    """Give a command and wait for its answer. For views; it blocks their thread, never the event loop.

    `refusal` is called once the command is on record: a sentence that says why this user may not, or nothing.
    """
    (auditor,) = auditors
    if not auditor.begin(command):
        return Outcome(Status.REPEATED)
    pbx = PBX.objects.filter(pk=command.pbx).first()
    # What is kept is not in the language of who asks.
    kept = None
    if refusal and (reason := refusal()):
        outcome = Outcome(Status.FORBIDDEN, reason)
        kept = Outcome(Status.FORBIDDEN, in_english(refusal))
    elif pbx is None or not pbx.is_up:
        outcome = Outcome(Status.NOT_CONNECTED, pbx.why if pbx else "")
        kept = Outcome(Status.NOT_CONNECTED, in_english(lambda: pbx.why) if pbx else "")
    else:
        outcome = async_to_sync(_ask)(command)
        if outcome.status is Status.NO_ANSWER and _withdraw(command.id):
            outcome = Outcome(Status.NOT_CONNECTED)
    try:
        auditor.end(command.id, kept or outcome)
    except DatabaseError:  # what came of it is known all the same, and whoever asked must hear it
        logger.exception("What came of a command could not be recorded: %s, %s", command, outcome)
    return outcome


def _withdraw(command_id: str) -> bool:
    """See to it that no worker takes a command up any more. False where one has, or nobody can tell."""
    try:
        return auditors[0].claim(command_id)
    except DatabaseError:
        logger.exception("Whether a command was taken up could not be looked up.")
        return False


def check(pbx: str) -> Outcome:
    """Have the mirror of a PBX compared with a fresh snapshot, and healed; the text has a line for each difference."""
    return async_to_sync(_deliver)(pbx, {"type": CHECK}, 30.0)


def look(pbx: str, handler: str, parameters: Mapping[str, Any] | None = None, timeout: float = 5.0) -> Outcome:
    """Have a command handler run that only looks: it leaves no trace in the audit trail, so it must change nothing."""
    row = PBX.objects.filter(pk=pbx).first()
    if row is None or not row.is_up:
        return Outcome(Status.NOT_CONNECTED, row.why if row else "")
    message = {
        "type": LOOK,
        "handler": handler,
        "parameters": dict(parameters or {}),
        "user_id": 0,
        "deadline": time.time() + timeout,
    }
    return async_to_sync(_deliver)(pbx, message, timeout + GRACE)


async def _ask(command: Command) -> Outcome:
    message = {
        "type": COMMAND,
        "id": command.id,
        "verb": command.verb,
        "action": command.action.name if command.action else "",
        "fields": [list(pair) for pair in command.action.fields] if command.action else [],
        "handler": command.handler,
        "deadline": time.time() + command.timeout,
        "user_id": command.user_id,
        "notice": command.notice,
        "parameters": dict(command.parameters),
        "wants_reply": command.wants_reply,
    }
    return await _deliver(command.pbx, message, command.timeout + GRACE)


async def _deliver(pbx: str, message: dict[str, Any], timeout: float) -> Outcome:
    layer = get_channel_layer()
    try:
        async with asyncio.timeout(timeout):
            # Of the same kind as the hub's channel: over Redis a process reads one kind at a time.
            reply_to = await layer.new_channel()
            await layer.send(channel_name(pbx), {**message, "reply_to": reply_to})
            answer = await layer.receive(reply_to)
    except TimeoutError:
        return Outcome(Status.NO_ANSWER)
    except Exception:  # ChannelFull, or whatever else the layer's backend raises
        logger.exception("The channel layer failed for a command to %s.", pbx)
        return Outcome(Status.NO_ANSWER)
    return Outcome(Status(answer["status"]), answer["text"], answer.get("data"))

"""From a view to the worker and back: a deadline, an answer, an audit entry.

A command is refused at once when the link is down, and dropped when its time is over: it never takes effect late.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import DatabaseError

from engine.mirror.answers import in_english

from .envelopes import CheckNow, Envelope, Fields, LookUp, RunCommand, written
from .models import PBX

if TYPE_CHECKING:
    from .verbs import Parameters, Verb

logger = logging.getLogger(__name__)

# How long after its deadline a view still waits for the worker to say what became of the command, in seconds.
GRACE = 1.0


class Status(StrEnum):
    """What became of a command."""

    DONE = "done"
    """Asterisk accepted it; its effect shows as events do."""
    REFUSED = "refused"
    """Asterisk answered with an error."""
    NOT_PERMITTED = "not permitted"
    """Asterisk refused it, since its manager user lacks the privilege."""
    NOT_CONNECTED = "not connected"
    """The link to the PBX is down, or no worker holds it; nothing was sent."""
    NO_ANSWER = "no answer"
    """It was sent, or may have been, and no answer came in time."""
    EXPIRED = "expired"
    """It reached the worker too late; nothing was sent."""
    REPEATED = "repeated"
    """A command with this id was given before; nothing was sent."""
    FAILED = "failed"
    """The panel failed while it carried it out, as its log says; what was done of it is not known."""
    NOT_POSSIBLE = "not possible"
    """What it is about is not in a state for it, as the text says; nothing was sent."""
    FORBIDDEN = "forbidden"
    """A rule of ours forbids it to this user; nothing was sent."""


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
    """The status of a command, and Asterisk's (or our) words on it.

    `data` is what has been found out, in plain JSON values; where that is the answer to one action, see `reply`.
    """

    status: Status
    text: str = ""
    data: Any = None

    @property
    def reply(self) -> Reply:
        """Asterisk's whole answer, where it was handed on (`CommandContext.reply_to`); empty where nothing was."""
        return Reply(**self.data) if self.data else Reply([], [])

    @property
    def done(self) -> bool:
        return self.status is Status.DONE


@dataclass(frozen=True, slots=True)
class Command:
    """One thing that a user asks of a PBX: a `verb`, of the thing with this `key`, with `parameters`.

    `subject` is for the audit trail: whom or what it is about; `topic` is what the trail can be asked for, such as a
    conference. `id` makes it unique: the same id is never acted on twice. It may take `timeout` seconds. `via` is by
    what means it was asked, where that is not a page of the panel.
    """

    pbx: str
    verb: "Verb[Any, Any]"
    key: str
    parameters: "Parameters"
    user_id: int
    subject: str = ""
    topic: str = ""
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    timeout: float = 5.0
    via: str = ""


class Auditor(Protocol):
    """Writes the audit trail; the app that owns the users provides it."""

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


auditors: list[Auditor] = []
"""The one auditor, registered at start."""


# Called in the process that asked, with each command that was done, once that is on record.
followers: list[Callable[[Command], None]] = []


def channel_name(pbx: str) -> str:
    """The channel on which the worker that leads a PBX listens."""
    return f"ami.{pbx}"


def run(command: Command, refusal: Callable[[], str] | None = None) -> Outcome:
    """Give a command and wait for its answer. For views; it blocks their thread, never the event loop.

    `refusal` is called once the command is on record: a sentence that says why this user may not, or nothing.
    """
    if (ended := begin(command, refusal)) is not None:
        return ended
    outcome = async_to_sync(_ask)(command)
    if outcome.status is Status.NO_ANSWER and _withdraw(command.id):
        outcome = Outcome(Status.NOT_CONNECTED)
    end(command, outcome)
    if outcome.done:
        _tell_followers(command)
    return outcome


def begin(command: Command, refusal: Callable[[], str] | None = None) -> Outcome | None:
    """Put a command on record. What became of it, where that is known already: it was given before, it is refused, or
    the PBX cannot be reached. Asks the database.
    """
    (auditor,) = auditors
    if not auditor.begin(command):
        return Outcome(Status.REPEATED)
    # What is stored is not in the language of the user who asks.
    if refusal and (reason := refusal()):
        end(command, Outcome(Status.FORBIDDEN, in_english(refusal)))
        return Outcome(Status.FORBIDDEN, reason)
    pbx = PBX.objects.filter(pk=command.pbx).first()
    if pbx is None or not pbx.is_up:
        end(command, Outcome(Status.NOT_CONNECTED, in_english(lambda: pbx.why) if pbx else ""))
        return Outcome(Status.NOT_CONNECTED, pbx.why if pbx else "")
    return None


def end(command: Command, outcome: Outcome) -> None:
    """Record what became of a command. If the database fails, the user still gets the outcome."""
    try:
        auditors[0].end(command.id, outcome)
    except DatabaseError:
        logger.exception("What came of a command could not be recorded: %s, %s", command, outcome)


def _tell_followers(command: Command) -> None:
    """If the database fails, the user still gets the outcome."""
    for follow in followers:
        try:
            follow(command)
        except DatabaseError:
            logger.exception("What follows from a command could not be stored: %s", command)


def _withdraw(command_id: str) -> bool:
    """Make sure that no worker accepts a command any more. False where one has, or where that is unknown."""
    try:
        return auditors[0].claim(command_id)
    except DatabaseError:
        logger.exception("Whether a command was accepted could not be queried.")
        return False


def check(pbx: str) -> Outcome:
    """Have the state of a PBX compared with a fresh snapshot, and corrected; the text has a line per difference."""
    return async_to_sync(_deliver)(pbx, CheckNow, 30.0)


def look_up(pbx: str, name: str, parameters: Mapping[str, Any] | None = None, timeout: float = 5.0) -> Outcome:
    """Run a lookup (see `registry.lookup`) and wait for what it finds; it leaves no trace in the audit trail."""
    row = PBX.objects.filter(pk=pbx).first()
    if row is None or not row.is_up:
        return Outcome(Status.NOT_CONNECTED, row.why if row else "")
    deadline = time.time() + timeout

    def envelope(reply_to: str) -> LookUp:
        return LookUp(reply_to, name, deadline, dict(parameters or {}))

    return async_to_sync(_deliver)(pbx, envelope, timeout + GRACE)


async def _ask(command: Command) -> Outcome:
    deadline = time.time() + command.timeout

    def envelope(reply_to: str) -> RunCommand:
        return RunCommand(
            reply_to,
            command.id,
            str(command.verb),
            command.key,
            command.user_id,
            deadline,
            asdict(command.parameters),
        )

    return await _deliver(command.pbx, envelope, command.timeout + GRACE)


async def _deliver(pbx: str, envelope: Callable[[str], Envelope], timeout: float) -> Outcome:
    """Send what `envelope` makes of the channel on which the answer is awaited; the answer."""
    layer = get_channel_layer()
    try:
        async with asyncio.timeout(timeout):
            # Of the same kind as the hub's channel: over Redis a process reads one kind at a time.
            reply_to = await layer.new_channel()
            await layer.send(channel_name(pbx), written(envelope(reply_to)))
            answer = await layer.receive(reply_to)
    except TimeoutError:
        return Outcome(Status.NO_ANSWER)
    except Exception:  # ChannelFull, or whatever else the layer's backend raises
        logger.exception("The channel layer failed for a command to %s.", pbx)
        return Outcome(Status.NO_ANSWER)
    return Outcome(Status(answer["status"]), answer["text"], answer.get("data"))

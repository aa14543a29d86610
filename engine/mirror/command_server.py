"""Carries out the commands that reach the worker which leads a PBX, and answers them."""

import asyncio
import logging
import time
from collections.abc import Awaitable
from typing import Any

from channels.layers import get_channel_layer

from engine import metrics
from engine.ami.client import Session
from engine.ami.errors import AmiError, AnswerTimeout
from engine.database import in_thread
from engine.live import hub

from . import commands, registry, verbs
from .commands import Outcome, Status
from .context import answered, unanswered
from .envelopes import CheckNow, Envelope, LookUp, MalformedEnvelope, RunCommand, read
from .event_stream import UNWATCH, WATCH, Stream
from .folding import Folding
from .lease import Lease
from .patience import DATABASE_FAILURES
from .ticks import Ticks
from .verbs import Parameters, Verb

logger = logging.getLogger(__name__)


class CommandServer:
    """Takes what is sent on the channel of a PBX; commands run side by side, each with its own deadline."""

    def __init__(self, pbx: str, lease: Lease, folding: Folding, ticks: Ticks, stream: Stream) -> None:
        self.pbx, self.lease, self.folding, self.ticks, self.stream = pbx, lease, folding, ticks, stream
        self.agenda = folding.agenda

    async def run(self) -> None:
        """Receive until cancelled."""
        while True:
            try:
                message = await get_channel_layer().receive(commands.channel_name(self.pbx))
            except Exception:  # whatever the layer's backend raises
                logger.exception("%s: commands cannot be received; trying again in a second.", self.pbx)
                await asyncio.sleep(1)
                continue
            self._take(message)

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == hub.LANGUAGES:
            self.ticks.note_languages(message["languages"])
        elif message["type"] == WATCH:
            self.stream.watch(message)
        elif message["type"] == UNWATCH:
            self.stream.unwatch(message)
        else:
            try:
                envelope = read(message)
            except MalformedEnvelope as error:
                logger.error("%s: a message was refused: %s", self.pbx, error)
                return
            self.agenda.start(self._answer(envelope))

    async def _answer(self, envelope: Envelope) -> None:
        try:
            outcome = await self.outcome_of(envelope)
        except MalformedEnvelope as error:
            logger.error("%s: what was asked was refused: %s", self.pbx, error)
            outcome = Outcome(Status.NOT_CONNECTED)
        except Exception:  # a fault of one command must not leave whoever asked waiting, nor cost the others
            what = envelope.verb if isinstance(envelope, RunCommand) else envelope.TYPE
            logger.exception("%s: %s could not be carried out.", self.pbx, what)
            outcome = Outcome(Status.FAILED)
        try:
            await get_channel_layer().send(
                envelope.reply_to,
                {"type": "ami.answer", "status": outcome.status.value, "text": outcome.text, "data": outcome.data},
            )
        except Exception:  # whatever the layer's backend raises; the view says that no answer came
            logger.exception("%s: the answer to a command could not be sent.", self.pbx)

    async def outcome_of(self, envelope: Envelope) -> Outcome:
        """What becomes of a command, a lookup or a check. Raises `MalformedEnvelope`."""
        if isinstance(envelope, CheckNow):
            return await self._check()
        if isinstance(envelope, LookUp):
            return await self._look_up(envelope)
        if isinstance(envelope, RunCommand):
            verb, parameters = verbs.read(envelope.verb, envelope.parameters)
            outcome = await self._command(envelope, verb, parameters)
            metrics.COMMANDS.labels(self.pbx, verb.name, outcome.status.value).inc()
            return outcome
        raise TypeError(f"There is nothing to do for {envelope.TYPE}.")

    async def _check(self) -> Outcome:
        try:
            differences = await self.folding.check()
        except AmiError as error:
            return Outcome(Status.NOT_CONNECTED, str(error))
        return Outcome(Status.DONE, "\n".join(map(str, differences)))

    async def _look_up(self, envelope: LookUp) -> Outcome:
        """It may arrive late, and everybody's link need not pay for that."""
        session, lookup = self.folding.session, registry.lookups.get(envelope.name)
        if lookup is None:
            raise MalformedEnvelope(f"there is no lookup {envelope.name!r}")
        if session is None:
            return Outcome(Status.NOT_CONNECTED)
        if envelope.deadline <= time.time():
            return Outcome(Status.EXPIRED)
        return await answered(lookup(self.folding.context(session, envelope.deadline), envelope.parameters))

    async def _command(self, command: RunCommand, verb: Verb[Any, Any], parameters: Parameters) -> Outcome:
        session = self.folding.session
        # Without the lease it may be another worker's to act, or soon.
        if session is None or not self.lease.is_held:
            return Outcome(Status.NOT_CONNECTED)
        try:
            if not await in_thread(commands.auditors[0].claim)(command.id):
                return Outcome(Status.REPEATED)
        except DATABASE_FAILURES as error:
            logger.error("%s: a command was refused, since the database failed: %s", self.pbx, error)
            return Outcome(Status.NOT_CONNECTED)
        if command.deadline <= time.time() or not self.lease.is_held:
            return Outcome(Status.EXPIRED)
        ctx = self.folding.context(session, command.deadline, command.user_id, command.id)
        try:
            return await self._in_time(session, verb.carry_out(ctx, command.key, parameters))
        finally:
            self.agenda.collect()

    async def _in_time(self, session: Session, work: Awaitable[Outcome]) -> Outcome:
        """The outcome of something that must not take effect late: what was sent and is not answered in time may still
        be on its way, and what Asterisk has not received by then goes with the connection.
        """
        try:
            return await work
        except AmiError as error:
            if isinstance(error, AnswerTimeout):
                session.close(error)
            return unanswered(error)

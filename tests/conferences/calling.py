"""What the worker does for a conference, without database and pages: link, state, orders and what is read anew."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from conferences.invitations.models import Invitation
from conferences.models import Conference, Participant
from engine.ami.client import Session
from engine.ami.protocol import Message
from engine.ami.transports import Address
from engine.mirror import registry, sync, verbs
from engine.mirror.commands import Outcome
from engine.mirror.context import CommandContext
from engine.mirror.folding import EVENT_MASK
from engine.mirror.jobs import REFRESH_DELAY
from engine.mirror.state import State
from tests.engine.mirror.asked import do_what_is_asked
from tests.lab.asterisk import Asterisk

# A slow machine gets time; who waits for what does not come learns it late.
PATIENCE = 30.0
ROOM = "8001"


class Worker:
    """One link, and the state that its events are folded into."""

    session: Session

    def __init__(self, state: State) -> None:
        self.state = state
        # Code → each state that its invitation was in.
        self.seen: dict[str, list[str]] = {}
        self.most_at_once = 0

    async def give(self, verb: str, key: str, **parameters: Any) -> Outcome:
        """A verb by its id, such as `participant.mute`, of the thing with this key."""
        declared = verbs.verbs[verb]
        ctx = CommandContext(self.session, self.state, user_id=7, deadline=time.time() + 10)
        outcome = await declared.carry_out(ctx, key, declared.parameters(**parameters))
        self.note()
        return outcome

    async def invite(self, number: str, *, name: str = "", channel: str = "", conference: str = ROOM) -> Outcome:
        return await self.give(
            "place.invite", conference, channel=channel or f"Local/{number}@internal/n", number=number, name=name,
            caller_number="104" if not channel else "", caller_name="Conference 8001",
        )  # fmt: skip

    @property
    def invitations(self) -> list[Invitation]:
        return list(self.state.table(Invitation).rows.values())

    def of(self, number: str) -> Invitation:
        (row,) = (row for row in self.invitations if row.number == number)
        return row

    def states(self, number: str) -> list[str]:
        return self.seen[self.of(number).code]

    @property
    def participants(self) -> list[Participant]:
        return list(self.state.table(Participant).rows.values())

    @property
    def conference(self) -> Conference | None:
        return self.state.table(Conference).get(ROOM)

    def fold(self, event: Message) -> None:
        self.state.fold(event)
        self.note()

    def note(self) -> None:
        for row in self.invitations:
            states = self.seen.setdefault(row.code, [])
            if not states or states[-1] != row.state:
                states.append(row.state)
        dialling = sum(row.state in ("calling", "ringing") for row in self.invitations)
        self.most_at_once = max(self.most_at_once, dialling)

    async def refresh(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_DELAY)
            await do_what_is_asked(self.session, self.state)
            self.note()

    async def until(self, condition: Callable[[], object], seconds: float = PATIENCE) -> None:
        try:
            async with asyncio.timeout(seconds):
                while not condition():  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        except TimeoutError:
            rows = [(row.number, row.state, row.cause, self.seen.get(row.code)) for row in self.invitations]
            people = [(person.label, person.conference) for person in self.participants]
            raise AssertionError(f"invitations: {rows}, participants: {people}") from None

    async def ends(self, number: str, state: str, seconds: float = PATIENCE) -> None:
        await self.until(lambda: self.of(number).state == state, seconds)


@contextlib.asynccontextmanager
async def working(pbx: Asterisk | Address, state: State | None = None) -> AsyncIterator[Worker]:
    """A worker on this Asterisk; with a `state`, one that inherited it."""
    worker = Worker(state or State("main"))
    address = pbx if isinstance(pbx, Address) else Address.parse(pbx.ami_url)
    wanted = {*registry.handlers, "FullyBooted"}
    worker.session = await Session.open(address, worker.fold, events=EVENT_MASK, wanted=wanted)
    await sync.take(worker.session, worker.state)
    worker.note()
    task = asyncio.create_task(worker.refresh())
    try:
        yield worker
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        worker.session.close()

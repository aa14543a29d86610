"""What an order works with: the link to the PBX, the state, and who gave it."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass

from pbxpanel.ami.client import Answer, Session
from pbxpanel.ami.protocol import Action

from .commands import Outcome, Status
from .state import State

# How many actions of one order are under way at a time.
AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Desk:
    """One order's. `deadline` is when its time is over (as `time.time()`)."""

    session: Session
    state: State
    user_id: int
    deadline: float

    @property
    def left(self) -> float:
        """How much time the order still has, in seconds."""
        return max(0.1, self.deadline - time.time())

    async def ask(self, action: Action) -> Answer:
        """Send one action. Raises `AmiError`."""
        return await self.session.ask(action, timeout=self.left)

    async def run(self, action: Action) -> Outcome:
        """Send one action; its answer as an outcome. Raises `AmiError`."""
        return outcome_of(await self.ask(action))

    async def run_all(self, actions: Iterable[Action]) -> list[Outcome]:
        """Send several, some at a time; their outcomes, in order. Raises `AmiError`."""
        turn = asyncio.Semaphore(AT_ONCE)

        async def run(action: Action) -> Outcome:
            async with turn:
                return await self.run(action)

        return list(await asyncio.gather(*map(run, actions)))


def outcome_of(answer: Answer) -> Outcome:
    return Outcome(Status.DONE if answer.ok else Status.REFUSED, answer.text)

"""What a command handler works with: the link to the PBX, the state, and who asked."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from engine.ami.client import Answer, EventHandler, Session
from engine.ami.errors import (
    AmiError,
    AnswerTimeout,
    ConnectFailed,
    IllegalField,
    LinkLost,
    LoginRefused,
    NotAmi,
    gettext_noop,
)
from engine.ami.protocol import Action
from engine.database import in_thread

from .commands import Command, Outcome, Status, auditors, begin, end
from .state import State

# How many actions of one command are under way at a time.
AT_ONCE = 20
# How many events of a list are handed on to a view.
EVENTS_HANDED_ON = 5000


@dataclass(frozen=True, slots=True)
class CommandContext:
    """Of one command. `deadline` is when its time is over (as `time.time()`).

    `event_counts` is how many events of which name have come in each of the last seconds, the newest last; those that
    were dropped unread are counted without a name. `may_send` names the actions that may be sent, None for any: what
    else is sent raises `TypeError`.
    """

    session: Session
    state: State
    user_id: int
    deadline: float
    event_counts: Sequence[Counter[str]] = ()
    command_id: str = ""
    may_send: frozenset[str] | None = None

    def only(self, actions: frozenset[str] | None) -> "CommandContext":
        """The same for a verb that declares these actions."""
        return replace(self, may_send=actions)

    def within(self, seconds: float, user_id: int = 0, command_id: str = "") -> "CommandContext":
        """The same with another time limit, for a step of a job; in the name of this user."""
        return replace(self, deadline=time.time() + seconds, user_id=user_id, command_id=command_id)

    async def give(self, command: Command, refusal: Callable[[], str] | None = None) -> Outcome:
        """Carry out a command that the panel itself gives in a user's name: on record, and by the user's rules, as if
        the user had given it. Raises what the database does.
        """
        ended: Outcome | None = await in_thread(begin)(command, refusal)
        if ended is not None:
            return ended
        if not await in_thread(auditors[0].claim)(command.id):
            return Outcome(Status.REPEATED)
        ctx = self.within(command.timeout, command.user_id, command.id)
        outcome = await answered(command.verb.carry_out(ctx, command.key, command.parameters))
        await in_thread(end)(command, outcome)
        return outcome

    @property
    def left(self) -> float:
        """How much time the command still has, in seconds.

        Raises `LinkLost` when it has none: nothing may be sent late.
        """
        left = self.deadline - time.time()
        if left <= 0:
            raise LinkLost(gettext_noop("Time ran out before all of it was done."))
        return left

    async def ask(
        self, action: Action, *, action_id: str = "", is_list: bool | None = False, timeout: float | None = None
    ) -> Answer:
        """Send one action; see `Session.ask`. It may take `timeout` seconds, and no longer than the command has left.
        Raises `AmiError`.
        """
        if self.may_send is not None and action.name not in self.may_send:
            raise TypeError(f"{action.name} is not among the actions that this verb declares.")
        within = self.left if timeout is None else min(timeout, self.left)
        return await self.session.ask(action, timeout=within, action_id=action_id, is_list=is_list)

    async def until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait until the state is so, but not longer than this; whether it is."""
        until = time.monotonic() + seconds
        while not (is_so := condition()) and time.monotonic() <= until:  # noqa: ASYNC110 (it has no event)
            await asyncio.sleep(0.01)
        return is_so

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

    @asynccontextmanager
    async def aside(self, on_event: EventHandler = lambda event: None, events: str = "off") -> AsyncIterator[Session]:
        """A session beside the link, for what may take long; `events` is the mask of those that `on_event` gets.

        Raises `ConnectFailed`, `LoginRefused` or `NotAmi` where there is none to be had, so that nothing was sent;
        `LinkLost` for an answer that does not come, which says nothing of the link itself.
        """
        session = await self._open(on_event, events)
        session.may_send = self.may_send
        try:
            yield session
        except AnswerTimeout as error:
            raise LinkLost(error.sentence, **error.parameters) from error
        finally:
            session.close()

    async def _open(self, on_event: EventHandler, events: str) -> Session:
        left = self.left
        try:
            async with asyncio.timeout(left):  # of all its steps together
                return await Session.open(
                    self.session.address, on_event, events=events, timeout=left, boot_timeout=left
                )
        except (AnswerTimeout, LinkLost) as error:
            raise ConnectFailed(error.sentence, **error.parameters) from error
        except TimeoutError:
            raise ConnectFailed(gettext_noop("No further session could be opened in time.")) from None

    async def reply_to(self, action: Action) -> Outcome:
        """Send one action in a session of its own; its whole answer is the outcome's `reply`. Raises `AmiError`."""
        async with self.aside() as session:
            answer = await session.ask(action, timeout=self.left, is_list=None)
        events = [[list(pair) for pair in event.pairs()] for event in answer.events[:EVENTS_HANDED_ON]]
        data = {
            "fields": [list(pair) for pair in answer.response.pairs()],
            "events": events,
            "left_off": len(answer.events) - len(events),
        }
        return Outcome(outcome_of(answer).status, answer.text, data)


def outcome_of(answer: Answer) -> Outcome:
    """The status of an answer, and Asterisk's words."""
    if answer.is_denied:
        return Outcome(Status.NOT_PERMITTED, answer.text)
    return Outcome(Status.DONE if answer.ok else Status.REFUSED, answer.text)


def first_failure(outcomes: Iterable[Outcome]) -> Outcome:
    """Of several: the first that is not done, or that all are."""
    return next((outcome for outcome in outcomes if not outcome.done), Outcome(Status.DONE))


def unanswered(error: AmiError) -> Outcome:
    """Of a command that ended with an error: where no session could be opened for it, or nothing that can be sent be
    made of it, nothing was sent.
    """
    nothing_sent = isinstance(error, ConnectFailed | LoginRefused | NotAmi | IllegalField)
    return Outcome(Status.NOT_CONNECTED if nothing_sent else Status.NO_ANSWER, str(error))


async def answered(work: Awaitable[Outcome]) -> Outcome:
    """The outcome of a command, also where an `AmiError` ends it."""
    try:
        return await work
    except AmiError as error:
        return unanswered(error)


async def send_all(ctx: CommandContext, session: Session, actions: Iterable[Action]) -> list[Answer]:
    """Send several actions in a session beside the link, some at a time; their answers, in order. Raises `AmiError`."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def send(action: Action) -> Answer:
        async with turn:
            return await session.ask(action, timeout=ctx.left)

    return list(await asyncio.gather(*map(send, actions)))

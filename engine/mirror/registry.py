"""What the domain apps tell the mirror: their models, which event changes them how, and their first snapshot."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from engine.ami.protocol import Action, Message

from .models import History, Mirrored, WorkerOwned

if TYPE_CHECKING:
    from engine.ami.client import Session

    from .commands import Outcome
    from .context import CommandContext
    from .state import State
    from .sync import Snapshot

M = TypeVar("M", bound=Mirrored)
K = TypeVar("K", bound=History)
EventHandler = Callable[["State", Message], None]
SnapshotStep = Callable[["Snapshot"], Awaitable[None]]
Refresher = Callable[["Snapshot", str], Awaitable[None]]
Preparer = Callable[["Session", Action, Mapping[str, Any]], Awaitable[Action]]
Beginner = Callable[["State", int, str, Mapping[str, Any]], None]
Follower = Callable[["State", Message, Mapping[str, Any]], Mapping[str, Any]]
RowHook = Callable[["State", Any], None]
Clock = Callable[["State"], None]
CommandHandler = Callable[["CommandContext", Mapping[str, Any]], Awaitable["Outcome"]]

# Event → the fields that it must bear → who folds it.
handlers: dict[str, dict[frozenset[str], list[EventHandler]]] = {}
models: list[type[Mirrored]] = []
history_models: list[type[History]] = []
snapshot_steps: list[SnapshotStep] = []
first_snapshot_steps: set[SnapshotStep] = set()
refreshers: dict[str, Refresher] = {}
refreshed_beside: set[str] = set()
clocks: list[Clock] = []
preparers: dict[str, Preparer] = {}
beginners: dict[str, Beginner] = {}
followers: dict[str, Follower] = {}
# Model → what is called with the state and a row that came, or that went.
added: dict[type[WorkerOwned], list[RowHook]] = {}
removed: dict[type[WorkerOwned], list[RowHook]] = {}
command_handlers: dict[str, CommandHandler] = {}


def on(*events: str, required: frozenset[str] = frozenset()) -> Callable[[EventHandler], EventHandler]:
    """Register a function that folds these AMI events into the state: no I/O, and no waiting.

    It is not called for an event without all the fields that it is `required`. A caller's number may hold line
    breaks and what looks like an event after them; it is too short to hold one that is whole.
    """

    def register(handler: EventHandler) -> EventHandler:
        for event in events:
            handlers.setdefault(event, {}).setdefault(required, []).append(handler)
        return handler

    return register


def mirrored(model: type[M]) -> type[M]:
    """Register a model whose rows the mirror keeps."""
    models.append(model)
    return model


def history(model: type[K]) -> type[K]:
    """Register a model of what has happened: the mirror writes its rows, and leaves them in the database."""
    history_models.append(model)
    return model


def when_added(model: type[Mirrored]) -> Callable[[RowHook], RowHook]:
    """Register a function that is called, with state and row, when a row has come into the state, however."""

    def register(hook: RowHook) -> RowHook:
        added.setdefault(model, []).append(hook)
        return hook

    return register


def when_removed(model: type[Mirrored]) -> Callable[[RowHook], RowHook]:
    """Register a function that is called, with state and row, when a row has gone from the state, however."""

    def register(hook: RowHook) -> RowHook:
        removed.setdefault(model, []).append(hook)
        return hook

    return register


def command_handler(name: str) -> Callable[[CommandHandler], CommandHandler]:
    """Register what the worker does for a command that is more than one action, or that changes what only we know.

    Desk and the command's parameters in, outcome out. It may raise `AmiError`: then no answer came.
    """

    def register(function: CommandHandler) -> CommandHandler:
        command_handlers[name] = function
        return function

    return register


def snapshot_step(step: SnapshotStep) -> SnapshotStep:
    """Register a coroutine that reads lists from Asterisk when the link comes up, in the order registered."""
    snapshot_steps.append(step)
    return step


def first_snapshot_step(step: SnapshotStep) -> SnapshotStep:
    """The same for what is too dear to be read again in every check of what is mirrored."""
    first_snapshot_steps.add(step)
    return snapshot_step(step)


def refreshes(kind: str, *, beside: bool = False) -> Callable[[Refresher], Refresher]:
    """Register a coroutine that reads one thing anew from Asterisk, when a handler calls `State.request`.

    They run one after another, but for those that take their time: these run `beside` the others.
    """

    def register(refresher: Refresher) -> Refresher:
        refreshers[kind] = refresher
        if beside:
            refreshed_beside.add(kind)
        return refresher

    return register


def each_second(clock: Clock) -> Clock:
    """Register a function that is called with the state once a second while the link is up: for what is due at a time.

    It waits for nothing, but may call `State.request`.
    """
    clocks.append(clock)
    return clock


def prepares(notice: str) -> Callable[[Preparer], Preparer]:
    """Register a coroutine that completes an action with what only Asterisk knows, just before it is sent.

    It is called for commands with this notice: session, action and the command's parameters in, action out.
    """

    def register(preparer: Preparer) -> Preparer:
        preparers[notice] = preparer
        return preparer

    return register


def when_given(notice: str) -> Callable[[Beginner], Beginner]:
    """Register a function that is called for each command with this notice, before anything is sent.

    State, the id of the user, that of the command and the command's parameters in.
    """

    def register(beginner: Beginner) -> Beginner:
        beginners[notice] = beginner
        return beginner

    return register


def follows(notice: str) -> Callable[[Follower], Follower]:
    """Register a function that tells from an OriginateResponse how a command with this notice ended.

    State, event and the command's parameters in; the parameters of the notice out.
    """

    def register(follower: Follower) -> Follower:
        followers[notice] = follower
        return follower

    return register

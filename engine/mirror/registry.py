"""What the domain apps tell the mirror: their models, which event changes them how, and their first snapshot."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from engine.ami.protocol import Message

from .models import History, Mirrored, WorkerOwned

if TYPE_CHECKING:
    from .commands import Outcome
    from .companions import Leading
    from .context import CommandContext
    from .state import State
    from .sync import Snapshot

M = TypeVar("M", bound=Mirrored)
K = TypeVar("K", bound=History)
EventHandler = Callable[["State", Message], None]
SnapshotStep = Callable[["Snapshot"], Awaitable[None]]
Refresher = Callable[["Snapshot", str], Awaitable[None]]
Job = Callable[["CommandContext", str], Awaitable[None]]
RowHook = Callable[["State", Any], None]
ChangeHook = Callable[["State", Any, Collection[str]], None]
Clock = Callable[["State"], None]
Companion = Callable[["Leading"], Awaitable[None]]
Lookup = Callable[["CommandContext", Mapping[str, Any]], Awaitable["Outcome"]]

# Event → the fields that it must have → its handlers.
handlers: dict[str, dict[frozenset[str], list[EventHandler]]] = {}
models: list[type[Mirrored]] = []
history_models: list[type[History]] = []
snapshot_steps: list[SnapshotStep] = []
first_snapshot_steps: set[SnapshotStep] = set()
refreshers: dict[str, Refresher] = {}
jobs: dict[str, Job] = {}
clocks: list[Clock] = []
# Model → what is called with the state and a row that came, or that went.
added: dict[type[WorkerOwned], list[RowHook]] = {}
removed: dict[type[WorkerOwned], list[RowHook]] = {}
# Model → the fields that somebody watches, and what is called with the state, the row and which of its fields changed.
changed: dict[type[WorkerOwned], list[tuple[frozenset[str], ChangeHook]]] = {}
successions: list[Clock] = []
companions: list[Companion] = []
lookups: dict[str, Lookup] = {}


def on(*events: str, required: frozenset[str] = frozenset()) -> Callable[[EventHandler], EventHandler]:
    """Register a function that folds these AMI events into the state: no I/O, and no waiting.

    It is not called for an event that lacks one of the `required` fields. A caller's number may hold line
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
    """Register a function that is called, with state and row, when a row has been added to the state, in any way."""

    def register(hook: RowHook) -> RowHook:
        added.setdefault(model, []).append(hook)
        return hook

    return register


def when_removed(model: type[Mirrored]) -> Callable[[RowHook], RowHook]:
    """Register a function that is called, with state and row, when a row has left the state, in any way."""

    def register(hook: RowHook) -> RowHook:
        removed.setdefault(model, []).append(hook)
        return hook

    return register


def when_changed(model: type[Mirrored], *fields: str) -> Callable[[ChangeHook], ChangeHook]:
    """Register a function that is called, with state, row and the names of all fields that changed with them, when one
    of these fields of a row that is known has changed, in any way.
    """

    def register(hook: ChangeHook) -> ChangeHook:
        changed.setdefault(model, []).append((frozenset(fields), hook))
        return hook

    return register


def succession(step: Clock) -> Clock:
    """Register a function that takes over from the former worker what is no row: called with the state, in a thread,
    when a worker begins to lead and before anything is folded. It may read the database.
    """
    successions.append(step)
    return step


def companion(function: Companion) -> Companion:
    """Register a coroutine that runs beside the mirror for as long as a worker leads, whether its link is up or not.

    It is cancelled when another worker leads, and begun anew where it fails.
    """
    companions.append(function)
    return function


def lookup(name: str) -> Callable[[Lookup], Lookup]:
    """Register a coroutine that finds something out for a page and changes nothing (see `commands.look_up`).

    Command context and parameters in, outcome out. It may raise `AmiError`: then no answer came.
    """

    def register(function: Lookup) -> Lookup:
        lookups[name] = function
        return function

    return register


def snapshot_step(step: SnapshotStep) -> SnapshotStep:
    """Register a coroutine that reads lists from Asterisk when the link comes up, in the order registered."""
    snapshot_steps.append(step)
    return step


def first_snapshot_step(step: SnapshotStep) -> SnapshotStep:
    """The same for what is too costly to be read again in every drift check."""
    first_snapshot_steps.add(step)
    return snapshot_step(step)


def refreshes(kind: str) -> Callable[[Refresher], Refresher]:
    """Register a coroutine that reads one thing anew from Asterisk, when a handler calls `State.request`.

    It can only read. Refreshes run one after another, and many requests for one thing within a moment are one.
    """

    def register(refresher: Refresher) -> Refresher:
        refreshers[kind] = refresher
        return refresher

    return register


def job(kind: str) -> Callable[[Job], Job]:
    """Register a coroutine that does one thing, when somebody calls `State.ask_for_job`: command context and key in.

    Jobs run side by side, those of one kind and key one after another. One that gets no answer in time is run
    again; what must not be done twice is noted in the state before it begins.
    """

    def register(function: Job) -> Job:
        jobs[kind] = function
        return function

    return register


def each_second(clock: Clock) -> Clock:
    """Register a function that is called with the state once a second while the link is up, for what is due at a time.

    It waits for nothing, but may call `State.request` and `State.ask_for_job`.
    """
    clocks.append(clock)
    return clock

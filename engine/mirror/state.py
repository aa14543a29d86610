"""What is known of one PBX, held in memory, and which part has changed since the last tick.

The rows are unsaved model instances. Nothing here does I/O or reads a clock of its own.
"""

import time
from collections.abc import Callable, Collection, Iterator, Sized
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Generic, TypeVar

from django.db.models.base import ModelState

from engine.ami.protocol import Message

from . import registry
from .models import Mirrored, Subject, WorkerOwned

M = TypeVar("M", bound=WorkerOwned)
T = TypeVar("T")
_NOBODY: dict[frozenset[str], list[registry.EventHandler]] = {}

# How long a channel that hung up stays dead even if a list still names it, in seconds.
TOMBSTONE_SECONDS = 60.0


def utc_now() -> datetime:
    return datetime.now(UTC)


class Table(Generic[M]):
    """The rows of one model, by key. Every change goes through `add`, `change` or `remove`.

    `came` and `went` are called with a row that was added, or removed; `turned` with one of which a `watched` field has
    changed, and the names of all fields that did.
    """

    def __init__(
        self,
        model: type[M],
        pbx: str,
        subjects: set[Subject],
        came: Callable[[M], None] = lambda row: None,
        went: Callable[[M], None] = lambda row: None,
        turned: Callable[[M, Collection[str]], None] = lambda row, fields: None,
        watched: frozenset[str] = frozenset(),
    ) -> None:
        self.model, self.pbx = model, pbx
        self._came, self._went, self._turned, self._watched = came, went, turned, watched
        self._pbx_field = "pbx_id" if issubclass(model, Mirrored) else "pbx"
        # (The keys are what `key_field` holds: texts, but for one model that counts.)
        self.rows: dict[Any, M] = {}
        self.changed: set[Any] = set()
        self.removed: set[Any] = set()
        # History rows that are forgotten once they are written.
        self.closed: set[Any] = set()
        # The values of rows that were complete at once, for the next write.
        self.complete: list[dict[str, Any]] = []
        # While somebody watches: the keys of all rows that came, went or changed since then.
        self.touched: set[Any] | None = None
        # The subjects of the rows as they were, since the last tick; those of the rows as they are follow when it ends.
        self._subjects = subjects
        self._blank = model()
        self._index: dict[str, dict[Any, dict[Any, M]]] = {name: {} for name in model.indexed_fields}
        self._indexed = frozenset(model.indexed_fields)

    def get(self, key: str) -> M | None:
        return self.rows.get(key)

    def where(self, field: str, value: Any) -> list[M]:
        """The rows with this value in one of the model's `indexed_fields`, in the order in which they got it."""
        return list(self._index[field].get(value, {}).values())

    def add(self, key: str | int, **values: Any) -> M:
        """Add a new row; one with this key must not exist."""
        row = _copy(self._blank)
        fields = row.__dict__
        fields.update(values)
        if len(fields) != len(self._blank.__dict__):
            raise TypeError(f"{self.model.__name__} has no {', '.join(values.keys() - self._blank.__dict__.keys())}")
        fields[self.model.key_field], fields[self._pbx_field] = key, self.pbx
        self.rows[key] = row
        self._touch(key)
        self.changed.add(key)
        self.removed.discard(key)
        for name, index in self._index.items():
            index.setdefault(fields[name], {})[key] = row
        self._came(row)
        return row

    def write_once(self, key: str | int, **values: Any) -> None:
        """Have a history row written that will never change: it is not among the rows in memory, and costs less.

        It needs a value for each field that has no default.
        """
        values[self.model.key_field], values[self._pbx_field] = key, self.pbx
        self.complete.append(values)

    def adopt(self, row: M) -> None:
        """Add a row that is already stored: it counts as known, not as changed."""
        key = row.__dict__[self.model.key_field]
        self.rows[key] = row
        for name, index in self._index.items():
            index.setdefault(row.__dict__[name], {})[key] = row

    def change(self, row: M, **values: Any) -> None:
        """Set fields; a value that is the same costs no write and draws nothing."""
        current = row.__dict__
        changes = {name: value for name, value in values.items() if current[name] != value}
        if not changes:
            return
        key = current[self.model.key_field]
        if key not in self.changed:
            self._subjects |= row.subjects()
            self.changed.add(key)
        if not self._indexed.isdisjoint(changes):
            for name in self._indexed.intersection(changes):
                self._unindex(name, row)
                self._index[name].setdefault(changes[name], {})[key] = row
        current.update(changes)
        self._touch(key)
        if self._watched and not self._watched.isdisjoint(changes):
            self._turned(row, changes)

    def remove(self, key: str) -> None:
        """Take a row away; one that is not there is no error."""
        row = self.rows.pop(key, None)
        if row is not None:
            self._touch(key)
            self._subjects |= row.subjects()
            self.changed.discard(key)
            self.removed.add(key)
            for name in self._index:
                self._unindex(name, row)
            self._went(row)

    def close(self, row: M, **values: Any) -> None:
        """Change a history row for the last time: once that is written, it is forgotten."""
        self.change(row, **values)
        self.closed.add(row.__dict__[self.model.key_field])

    def forget(self, key: str) -> M:
        """Forget a row; it stays stored."""
        row = self.rows.pop(key)
        for name in self._index:
            self._unindex(name, row)
        return row

    def _touch(self, key: Any) -> None:
        if self.touched is not None:
            self.touched.add(key)

    def _unindex(self, name: str, row: M) -> None:
        of_value = self._index[name][row.__dict__[name]]
        del of_value[row.__dict__[self.model.key_field]]
        if not of_value:
            del self._index[name][row.__dict__[name]]


@dataclass(slots=True)
class Changes:
    """What one tick writes: copies, so that folding goes on meanwhile."""

    pbx: str
    upserts: dict[type[WorkerOwned], list[WorkerOwned]] = field(default_factory=dict)
    removals: dict[type[WorkerOwned], list[str]] = field(default_factory=dict)
    # The keys of history rows that are over.
    closed: dict[type[WorkerOwned], set[str]] = field(default_factory=dict)
    # The values of history rows that were complete at once.
    complete: dict[type[WorkerOwned], list[dict[str, Any]]] = field(default_factory=dict)
    subjects: set[Subject] = field(default_factory=set)
    # Rows in the database that are not among the upserts are to go: written after a first snapshot.
    replace_all: bool = False

    @property
    def _rows(self) -> list[Sized]:
        return [*self.upserts.values(), *self.removals.values(), *self.complete.values()]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.replace_all or any(self._rows))

    @property
    def announces(self) -> bool:
        """Whether the hubs are to be told that rows were written of which they draw nothing."""
        written = chain(self.upserts.items(), self.complete.items())
        return any(rows for model, rows in written if model.announced)

    @property
    def size(self) -> int:
        """How many rows are written or deleted."""
        return sum(map(len, self._rows))


class State:
    """One PBX as its events describe it. `fold` takes them, `take` returns what has changed since."""

    def __init__(
        self,
        pbx: str,
        *,
        now: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.pbx = pbx
        # `now` is when what is being folded has happened, `clock` always tells the time.
        self.now = self.clock = now
        self.subjects: set[Subject] = set()
        # What handlers want to be read anew from Asterisk, since no event reports it in full; and the jobs that they
        # ask for, which may act.
        self.requests: set[Subject] = set()
        self.jobs: set[Subject] = set()
        # The last event before the present link came up; none where that is not known.
        self.last_contact: datetime | None = None
        # What users are to be told: the id of the user, which notice, and its parameters.
        self.notices: list[tuple[int, str, dict[str, Any]]] = []
        self._monotonic = monotonic
        self._tables: dict[type[WorkerOwned], Table[Any]] = {
            model: self._table_for(model) for model in (*registry.models, *registry.history_models)
        }
        self._memories: dict[type[Any], Any] = {}
        self._tombstones: dict[str, float] = {}
        self._cleared_at = monotonic()

    def _table_for(self, model: type[WorkerOwned]) -> Table[Any]:
        def hooked(hooks: list[registry.RowHook]) -> Callable[[Any], None]:
            def call(row: Any) -> None:
                for hook in hooks:
                    hook(self, row)

            return call

        def turned(row: Any, fields: Collection[str]) -> None:
            for watched, hook in hooks:
                if not watched.isdisjoint(fields):
                    hook(self, row, fields)

        came, went = registry.added.get(model, []), registry.removed.get(model, [])
        hooks = registry.changed.get(model, [])
        watched = frozenset[str]().union(*(fields for fields, _hook in hooks))
        return Table(model, self.pbx, self.subjects, hooked(came), hooked(went), turned, watched)

    def table(self, model: type[M]) -> Table[M]:
        return self._tables[model]

    def memory(self, kind: type[T]) -> T:
        """What a domain remembers beside its rows: the one object of this class for this PBX, made when needed."""
        if kind not in self._memories:
            self._memories[kind] = kind()
        found: T = self._memories[kind]
        return found

    def fold(self, event: Message) -> None:
        """Let each handler that registered for this event change the rows."""
        for required, handlers in registry.handlers.get(event.name, _NOBODY).items():
            if event.has_fields(required):
                for handler in handlers:
                    handler(self, event)

    def request(self, kind: str, key: str) -> None:
        """Have the registered refresher of this kind read this thing anew, soon."""
        self.requests.add((kind, key))

    def ask_for_job(self, kind: str, key: str) -> None:
        """Have the registered job of this kind done for this thing, at once or as soon as the link is up."""
        self.jobs.add((kind, key))

    def add_tombstone(self, uniqueid: str) -> None:
        """Remember that this channel is gone, so that a list written before cannot bring it back."""
        now = self._monotonic()
        self._tombstones[uniqueid] = now
        if now - self._cleared_at >= TOMBSTONE_SECONDS:
            oldest, self._cleared_at = now - TOMBSTONE_SECONDS, now
            self._tombstones = {key: at for key, at in self._tombstones.items() if at >= oldest}

    def clear_tombstones(self) -> None:
        """The link has ended: no list that is asked for from now on was written before, and an Asterisk that starts
        anew within the same second gives the same ids again.
        """
        self._tombstones.clear()

    def has_tombstone(self, uniqueid: str) -> bool:
        at = self._tombstones.get(uniqueid)
        return at is not None and at >= self._monotonic() - TOMBSTONE_SECONDS

    @contextmanager
    def at_last_contact(self) -> Iterator[None]:
        """Within this, `now` is the last contact with the PBX: nobody knows when what is found to be over ended, but at
        that time it had not.
        """
        now, then = self.now, self.last_contact
        if then is not None:
            self.now = lambda: then
        try:
            yield
        finally:
            self.now = now

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Meanwhile each table's `touched` collects the keys of the rows that events change."""
        for table in self._tables.values():
            table.touched = set()
        try:
            yield
        finally:
            for table in self._tables.values():
                table.touched = None

    @property
    def is_dirty(self) -> bool:
        tables = self._tables.values()
        return bool(self.subjects) or any(table.changed or table.removed or table.complete for table in tables)

    def take(self, *, everything: bool = False) -> Changes:
        """The changes since the last call, as copies; with `everything`, all rows, to replace what is stored."""
        changes = Changes(self.pbx, subjects=set(self.subjects), replace_all=everything)
        self.subjects.clear()
        for model, table in self._tables.items():
            for key in table.changed:
                changes.subjects |= table.rows[key].subjects()
            keys = table.rows if everything else table.changed
            # What is forgotten now changes no more.
            changes.upserts[model] = [
                table.rows[key] if key in table.closed else _copy(table.rows[key]) for key in keys
            ]  # fmt: skip
            changes.removals[model] = list(table.removed)
            changes.closed[model] = set(table.closed)
            changes.complete[model], table.complete = table.complete, []
            for key in table.closed:
                table.forget(key)
            table.changed.clear()
            table.removed.clear()
            table.closed.clear()
        return changes

    def give_back(self, changes: Changes) -> None:
        """Changes that could not be written count as not taken; what is newer in memory wins."""
        self.subjects |= changes.subjects
        for model, rows in changes.upserts.items():
            table = self._tables[model]
            by_key = {row.__dict__[model.key_field]: row for row in rows}
            closed = changes.closed.get(model, set())
            for key in closed:
                table.adopt(by_key[key])
            table.closed |= closed
            table.changed |= by_key.keys() & table.rows.keys()
        for model, keys in changes.removals.items():
            table = self._tables[model]
            table.removed |= {key for key in keys if key not in table.rows}
        for model, values in changes.complete.items():
            self._tables[model].complete[:0] = values


def _copy(row: M) -> M:
    # As copy.copy, without the detour that Django's models make there for pickling.
    twin = object.__new__(type(row))
    twin.__dict__.update(row.__dict__)
    twin._state = ModelState()
    return twin

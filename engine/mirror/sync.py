"""The first snapshot, and the check that heals what drifts later.

When a link comes up, lists and events together give the state as if we had always listened: the items of a list are
folded in their place among the live events, so whichever is newer is folded last. The check takes such a snapshot
into a state of its own and compares the live one with it.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from engine.ami import actions
from engine.ami.client import Answer, Session
from engine.ami.protocol import Action, Message

from . import registry
from .models import Mirrored
from .state import State

logger = logging.getLogger(__name__)

M = TypeVar("M", bound=Mirrored)

# A list can be ahead of events that are still on their way; a difference counts if it is there again after this
# time and no event has touched the row meanwhile, in seconds.
SETTLE = 1.0


class Snapshot:
    """What a snapshot step or a refresh works with: the state to fill, and a session that can only read.

    What changes anything at the PBX is a job or a command.
    """

    def __init__(self, session: Session, state: State) -> None:
        self._session, self.state = session, state
        # The models whose every row was listed: a row that is not among them does not exist.
        self.whole = set[type[Mirrored]]()

    async def list(self, action: Action, on_item: Callable[[Message], None]) -> Answer:
        """Ask for a list; `on_item` folds each of its events as it arrives."""
        _check_reads(action)
        answer = await self._session.ask_list(action, on_item=on_item)
        if answer.is_denied:
            logger.warning("%s: %s is refused: %s", self.state.pbx, action.name, answer.text)
        return answer

    async def ask(self, action: Action, on_item: Callable[[Message], None] | None = None) -> Answer:
        """Ask for one thing; `on_item` gets the response in its place among the events. Raises `AmiError`."""
        _check_reads(action)
        return await self._session.ask(action, on_item=on_item)

    def known(self, model: type[M]) -> dict[str, M]:
        """The rows known before a list is requested: those that it then does not name are gone."""
        return dict(self.state.table(model).rows)

    def sweep(self, model: type[M], known: dict[str, M], named: set[str]) -> None:
        """The list was whole: remove the rows that were known before it and that it did not name."""
        self.whole.add(model)
        self.remove_unnamed(model, known, named)

    def remove_unnamed(self, model: type[M], known: dict[str, M], named: set[str]) -> None:
        """As `sweep`, for a list of some rows of a model.

        By now events that came after the list are folded; what they ended and started anew is another row.
        """
        table = self.state.table(model)
        for key, row in known.items():
            if key not in named and table.get(key) is row:
                table.remove(key)


def _check_reads(action: Action) -> None:
    line = f" {dict(action.fields).get('Command', '')} "
    shows = action.name == "Command" and (" show " in line or line.startswith(" mixmonitor list "))
    if action.name not in actions.READING and not shows:
        raise TypeError(f"{action.name} does not only read: it is for a job or a command.")


async def take(session: Session, state: State, *, first: bool = True) -> Snapshot:
    """Run every registered step, those for the first snapshot only where it is the first.

    Raises `AmiError` when the link fails meanwhile.
    """
    snapshot = Snapshot(session, state)
    for step in registry.snapshot_steps:
        if first or step not in registry.first_snapshot_steps:
            await step(snapshot)
    return snapshot


@dataclass(frozen=True, slots=True)
class Difference:
    """Where the mirror and a list disagree: about one field, or (`field` is empty) about whether the row exists."""

    model: type[Mirrored]
    key: str
    field: str
    ours: Any
    listed: Any

    def __str__(self) -> str:
        what = f"{self.model.__name__} {self.key}"
        if not self.field:
            return f"{what} is {'not in the lists' if self.ours else 'missing'}"
        return f"{what}: {self.field} is {self.ours!r}, the lists say {self.listed!r}"


async def check(session: Session, state: State, *, settle: float = SETTLE) -> list[Difference]:
    """Compare the state with a fresh snapshot and make it equal; the differences found are returned.

    What only lists report (`listed_fields`) is taken over and is no difference. Raises `AmiError` when the link
    fails meanwhile.
    """
    with state.watched():
        found, _listed = await _compare(session, state)
        if not found:
            return []
        await asyncio.sleep(settle)
        found_again, listed = await _compare(session, state)
        differences = sorted(found & found_again, key=str)
        for difference in differences:
            _heal(state, listed, difference)
    return differences


async def _compare(session: Session, state: State) -> tuple[set[Difference], State]:
    listed = State(state.pbx, now=state.now)
    snapshot = await take(session, listed, first=False)
    found = set[Difference]()
    for model in registry.models:
        ours, theirs = state.table(model), listed.table(model)
        touched = ours.touched or ()
        for key in (ours.rows.keys() | theirs.rows.keys()).difference(touched):
            mine, other = ours.rows.get(key), theirs.rows.get(key)
            if mine is None or other is None:
                if (model in snapshot.whole) if other is None else not state.has_tombstone(key):
                    found.add(Difference(model, key, "", mine is not None, other is not None))
                continue
            found.update(
                Difference(model, key, field, mine.__dict__[field], other.__dict__[field])
                for field in model.compared_fields
                if mine.__dict__[field] != other.__dict__[field]
            )
            ours.change(mine, **{field: other.__dict__[field] for field in model.listed_fields})
    return found, listed


def _heal(state: State, listed: State, difference: Difference) -> None:
    table, theirs = state.table(difference.model), listed.table(difference.model)
    if difference.field:
        row = table.rows[difference.key]
        row.fingerprint = None
        table.change(row, **{difference.field: difference.listed})
    elif difference.ours:
        table.remove(difference.key)
    else:
        row = theirs.rows[difference.key]
        fields = [field.attname for field in row._meta.concrete_fields]
        values = {name: row.__dict__[name] for name in fields if name not in ("id", "pbx_id", table.model.key_field)}
        table.add(difference.key, **values)

"""The entries of the AstDB that belong to switches, read each minute, since no event tells of a change."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.ami import actions
from engine.ami.protocol import Message
from engine.database import in_thread
from engine.mirror.commands import Outcome, Status
from engine.mirror.context import CommandContext
from engine.mirror.registry import each_second, first_snapshot_step, lookup, refreshes
from engine.mirror.sanitize import clean
from engine.mirror.state import State
from engine.mirror.sync import Snapshot

from ..presence.commands import NOT_FOUND
from .models import Switch, SwitchEntry

# How often they are read, in seconds.
READ_EVERY = 60.0


@dataclass(slots=True)
class Reading:
    """When they were read, by the monotonic clock; and whether the manager user may read them."""

    at: float = -math.inf
    is_denied: bool = False


def _entries_of(pbx: str) -> list[tuple[str, tuple[str, str]]]:
    return [(switch.entry_name, switch.parts) for switch in Switch.objects.filter(pbx=pbx).exclude(entry="")]


@first_snapshot_step
async def link_is_up(snapshot: Snapshot) -> None:
    """They are read within a second: which they are, the database knows."""
    reading = snapshot.state.memory(Reading)
    reading.at, reading.is_denied = -math.inf, False


@refreshes("switches")
async def list_entries(snapshot: Snapshot, key: str) -> None:
    """`DBGet` of each."""
    state, reading = snapshot.state, snapshot.state.memory(Reading)
    reading.at = time.monotonic()
    wanted = dict(await in_thread(_entries_of)(state.pbx))
    table = state.table(SwitchEntry)
    for name in table.rows.keys() - wanted.keys():
        table.remove(name)
    for name, parts in wanted.items():
        held: list[str] = []

        def fold(item: Message, held: list[str] = held) -> None:
            held.append(clean(item.get("Val"), 80))

        answer = await snapshot.list(actions.db_get(*parts), fold)
        if not answer.ok and answer.text != NOT_FOUND:
            reading.is_denied = answer.is_denied
            return
        values = {"is_there": bool(held), "value": held[0] if held else ""}
        row = table.get(name)
        if row is None:
            table.add(name, **values)
        else:
            table.change(row, **values)


@each_second
def read_again(state: State) -> None:
    reading = state.memory(Reading)
    if not reading.is_denied and time.monotonic() - reading.at >= READ_EVERY:
        state.request("switches", "")


@lookup("extensions.switches")
async def read_now(ctx: CommandContext, parameters: Mapping[str, Any]) -> Outcome:
    """Have them read and drawn at once: an administrator has named one, changed it, or taken it away (its `key`)."""
    ctx.state.request("switches", "")
    ctx.state.subjects.add(("switches", str(parameters["key"])))
    return Outcome(Status.DONE)

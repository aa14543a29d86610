"""What is read of the AstDB each minute, since no event tells of a change; and who comes back by themselves."""

import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext_lazy as _

from engine.ami import actions
from engine.ami.protocol import Message
from engine.database import in_thread
from engine.mirror import commands
from engine.mirror.context import CommandContext
from engine.mirror.registry import each_second, first_snapshot_step, job, refreshes
from engine.mirror.sanitize import clean, exact
from engine.mirror.state import State
from engine.mirror.sync import Snapshot
from engine.mirror.verbs import for_audit

from ..models import Presence
from .commands import set_presence
from .holders import Holder, extension_of
from .keys import is_on, keys
from .models import Forwarding
from .said import AVAILABLE, until_in

logger = logging.getLogger(__name__)

# How often the AstDB is read, in seconds.
READ_EVERY = 60.0
# How long until somebody is tried to be shown as available again where that failed, in seconds.
AGAIN = 60.0
# What the panel did by itself, in the audit trail.
BACK = for_audit("presence-back", _("Back at the time that was set"))


@dataclass(slots=True)
class Reading:
    """When the AstDB was read, and when each presence was tried to be ended, by the monotonic clock; and whether the
    manager user may read it.
    """

    at: float = -math.inf
    is_denied: bool = False
    tried: dict[str, float] = field(default_factory=dict)


# What the AstDB says.


@first_snapshot_step
async def list_forwarding(snapshot: Snapshot) -> None:
    """`DBGetTree` of each family that `ASTDB_KEYS` names."""
    reading = snapshot.state.memory(Reading)
    reading.at, reading.is_denied = time.monotonic(), False
    said: dict[str, dict[str, Any]] = {}
    wanted = keys()

    def fold(item: Message) -> None:
        name, value = exact(item.get("Key")), clean(item.get("Val"), 80)
        for kind, key in wanted.items():
            if (extension := key.extension_in(name)) and is_on(value):
                said.setdefault(extension, {})[kind] = value

    for family in {key.family for key in wanted.values()}:
        answer = await snapshot.list(actions.db_get_tree(family), fold)
        if not answer.ok:
            reading.is_denied = answer.is_denied
            return
    _take(snapshot.state, said)


def _take(state: State, said: Mapping[str, Mapping[str, str]]) -> None:
    table = state.table(Forwarding)
    for extension in table.rows.keys() - said.keys():
        table.remove(extension)
    for extension, found in said.items():
        values = {"do_not_disturb": "dnd" in found}
        values |= {kind: found.get(kind, "") for kind in ("always", "busy", "unanswered")}  # type: ignore[misc]
        row = table.get(extension)
        if row is None:
            table.add(extension, **values)
        else:
            table.change(row, **values)


@refreshes("forwarding")
async def relist_forwarding(snapshot: Snapshot, key: str) -> None:
    await list_forwarding(snapshot)


@each_second
def read_again(state: State) -> None:
    reading = state.memory(Reading)
    if not reading.is_denied and time.monotonic() - reading.at >= READ_EVERY:
        state.request("forwarding", "")


# Who is away until a time.


def is_due(state: State, row: Presence) -> bool:
    until = until_in(row.subtype)
    return until is not None and until <= state.clock()


@each_second
def somebody_is_back(state: State) -> None:
    tried = state.memory(Reading).tried
    for row in state.table(Presence).rows.values():
        if row.subtype and is_due(state, row) and time.monotonic() >= tried.get(row.presentity, 0.0):
            state.ask_for_job("presence-back", row.presentity)


@job("presence-back")
async def come_back(ctx: CommandContext, presentity: str) -> None:
    """Whoever said until when is available again, if that is what they have last said."""
    state = ctx.state
    row = state.table(Presence).get(presentity)
    if row is None or not is_due(state, row):
        return
    state.memory(Reading).tried[presentity] = time.monotonic() + AGAIN
    holder = Holder(state.pbx, extension_of(state, presentity))
    outcome = await set_presence.carry_out(ctx, holder.extension, set_presence.parameters(AVAILABLE))
    if not outcome.done:
        logger.warning("%s: %s could not be shown as available again: %s", state.pbx, presentity, outcome.text)
        return
    await in_thread(commands.auditors[0].note)(
        state.pbx, BACK, holder.extension, set_presence.target.topic(holder), outcome.text
    )

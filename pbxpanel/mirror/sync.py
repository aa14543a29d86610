"""The first snapshot: when a link comes up, lists and events together give the state as if we had listened always.

The items of a list are folded in their place among the live events, so whichever is newer is folded last.
"""

import logging
from collections.abc import Callable
from typing import TypeVar

from pbxpanel.ami.client import Answer, Session
from pbxpanel.ami.protocol import Action, Message

from . import registry
from .models import Mirrored
from .state import State

logger = logging.getLogger(__name__)

M = TypeVar("M", bound=Mirrored)


class Snapshot:
    """What a registered snapshot step works with: the session to ask, and the state to fill."""

    def __init__(self, session: Session, state: State) -> None:
        self.session, self.state = session, state

    async def list(self, action: Action, on_item: Callable[[Message], None]) -> Answer:
        """Ask for a list; `on_item` folds each of its events as it arrives."""
        answer = await self.session.ask_list(action, on_item=on_item)
        if not answer.ok and "permission denied" in answer.text.lower():
            logger.warning("%s: %s is refused: %s", self.state.pbx, action.name, answer.text)
        return answer

    def known(self, model: type[M]) -> dict[str, M]:
        """The rows known before a list is asked for: those it then does not name are gone."""
        return dict(self.state.table(model).rows)

    def sweep(self, model: type[M], known: dict[str, M], named: set[str]) -> None:
        """Remove the rows that were known before the list and that it did not name.

        By now events that came behind the list are folded; what they ended and began anew is another row.
        """
        table = self.state.table(model)
        for key, row in known.items():
            if key not in named and table.get(key) is row:
                table.remove(key)


async def take(session: Session, state: State) -> None:
    """Run every registered step. Raises `AmiError` when the link fails meanwhile."""
    snapshot = Snapshot(session, state)
    for step in registry.snapshot_steps:
        await step(snapshot)

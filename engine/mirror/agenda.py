"""What is still to be done for one PBX: whoever finds something to do wakes whoever does it."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from engine.live.fragments import Notice

from .state import State

logger = logging.getLogger(__name__)


class Agenda:
    """Shared by the parts of a mirror.

    `dirty` is set while there is something to write or to publish, `requested` while something is to be read anew from
    Asterisk, `due` while there is a job to do.
    """

    def __init__(self, pbx: str, state: State) -> None:
        self.pbx, self.state = pbx, state
        self.dirty, self.requested, self.due = asyncio.Event(), asyncio.Event(), asyncio.Event()
        # Fields of the PBX's row that changed.
        self.link_changes: dict[str, Any] = {}
        self.notices: list[Notice] = []
        # Each is set when a tick has written what is announced (`WorkerOwned.announced`).
        self.announced: list[asyncio.Event] = []
        # While a snapshot is taken the state is not whole, so nothing of it is written; then all of it is.
        self.is_taking_snapshot = False
        self.is_snapshot_new = False
        self._tasks: set[asyncio.Task[None]] = set()

    def collect(self) -> None:
        """Wake whoever does what event handlers, jobs and command handlers left in the state."""
        if self.state.notices:
            self.notices += [Notice(*notice) for notice in self.state.notices]
            self.state.notices.clear()
            self.dirty.set()
        if self.state.is_dirty:
            self.dirty.set()
        if self.state.requests:
            self.requested.set()
        if self.state.jobs:
            self.due.set()

    def change_link(self, **values: Any) -> None:
        """Have these fields of the PBX's row written."""
        self.link_changes |= values
        self.dirty.set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something beside everything else, until `stop`; a failure is logged."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def stop(self) -> None:
        """Cancel what still runs."""
        for task in self._tasks:
            task.cancel()

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("%s: a task failed.", self.pbx, exc_info=error)

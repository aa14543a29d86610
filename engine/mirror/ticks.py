"""Writing and publishing: each tick is one transaction of what changed, and then a batch for the hubs."""

import asyncio
import contextlib
import logging
import time
import uuid
from typing import Any

from django.db import transaction

from engine import metrics
from engine.database import in_thread
from engine.live import hub
from engine.live.fragments import Notice, Row, completed, completions, rows_of

from . import commands, store
from .agenda import Agenda
from .lease import Lease, LeaseLost
from .models import HEARTBEAT
from .patience import DATABASE_FAILURES
from .state import Changes

logger = logging.getLogger(__name__)

# At most one write in this time, in seconds, or in the shorter one after no more than `FEW` rows, when a write costs
# little; and how long the first event of a burst waits for the rest.
TICK, SHORT_TICK, FEW = 0.050, 0.020, 20
GATHER = 0.005
# Of more than so many things that changed at once no row is drawn, which would keep the database waiting: every page
# gets a fresh board instead, at most once in this time, in seconds.
DRAWN_AT_ONCE, BOARDS_EVERY = 200, 0.5
# How long after a hub has told of it a language counts as looked at, in seconds.
LANGUAGE_KEPT = 10.0


class Ticks:
    """Writes what changed in the state, as long as the lease is held, and publishes what was written."""

    def __init__(self, pbx: str, lease: Lease, agenda: Agenda) -> None:
        self.pbx, self.lease, self.agenda = pbx, lease, agenda
        self.state = agenda.state
        # Language → when a hub last told that somebody looks in it.
        self.looked_at: dict[str, float] = {}
        self.epoch, self._number = uuid.uuid4().hex, 0
        # From what rows were drawn last in this epoch.
        self.drawn: dict[str, Any] = {}
        self._written, self._published_at = 0, 0.0
        self._boards_due, self._boards_at = False, 0.0

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is left to be written or published."""
        agenda = self.agenda
        return not (self.state.is_dirty or agenda.dirty.is_set() or agenda.is_snapshot_new or self._boards_due)

    @property
    def languages(self) -> list[str]:
        """Those in which somebody looks."""
        oldest = time.monotonic() - LANGUAGE_KEPT
        return [language for language, at in self.looked_at.items() if at >= oldest]

    def note_languages(self, languages: list[str]) -> None:
        """A hub told that somebody looks in these."""
        self.looked_at |= dict.fromkeys(languages, time.monotonic())

    async def run(self) -> None:
        """Tick until cancelled. Raises `LeaseLost`."""
        while True:
            if not self.agenda.dirty.is_set():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(BOARDS_EVERY if self._boards_due else HEARTBEAT.total_seconds()):
                        await self.agenda.dirty.wait()
                await asyncio.sleep(GATHER)
            self.agenda.dirty.clear()
            started = time.monotonic()
            if not await self._flush():
                self.agenda.dirty.set()
                await asyncio.sleep(1)
            tick = SHORT_TICK if self._written <= FEW else TICK
            await asyncio.sleep(max(0.0, tick - (time.monotonic() - started)))

    async def _flush(self) -> bool:
        """Write what changed, then tell. False when the database failed; the changes are kept for the next try."""
        agenda = self.agenda
        everything, agenda.is_snapshot_new = agenda.is_snapshot_new, False
        changes = Changes(self.pbx) if agenda.is_taking_snapshot else self.state.take(everything=everything)
        link_changes, agenda.link_changes = agenda.link_changes, {}
        self._written = changes.size
        languages = self.languages
        self._boards_due |= everything or len(changes.subjects) > DRAWN_AT_ONCE
        rows: list[Row] = []
        try:
            if link_changes or not changes.is_empty or changes.subjects:
                drawn = [] if self._boards_due else languages
                rows = await in_thread(self._write_and_draw)(changes, link_changes, drawn)
        except DATABASE_FAILURES as error:
            logger.error("%s: the database failed, trying again: %s", self.pbx, error)
            self.state.give_back(changes)
            self.drawn = {}
            agenda.is_snapshot_new |= everything
            agenda.link_changes = link_changes | agenda.link_changes
            return False
        except LeaseLost:
            raise
        except Exception:  # whatever a template raises: what is written is true all the same, so boards are read anew
            logger.exception("%s: what changed could not be drawn.", self.pbx)
            self._boards_due = True
        if changes.announces:
            for announced in agenda.announced:
                announced.set()
        await self._tell(
            rows, languages, everything=everything, changed=bool(changes.subjects), announces=changes.announces
        )
        return True

    async def _tell(
        self, rows: list[Row], languages: list[str], *, everything: bool, changed: bool, announces: bool
    ) -> None:
        """Publish the rows, or have every page ask for a board; without either, a sign of life now and then."""
        now = time.monotonic()
        boards = everything or (self._boards_due and now - self._boards_at >= BOARDS_EVERY)
        if boards:
            self.epoch, self._number = uuid.uuid4().hex, 0
            self.drawn = {}
            self._boards_due, self._boards_at = False, now
        notices, self.agenda.notices = self.agenda.notices, []
        if any(notice.code in completions for notice in notices):
            notices = await self._completed(notices)
        changed = changed and not self._boards_due
        if changed or announces or notices or boards or now - self._published_at >= HEARTBEAT.total_seconds():
            await self._publish(rows, notices, languages if changed and not boards else None, announces)

    async def _completed(self, notices: list[Notice]) -> list[Notice]:
        """What users are to be told, with what else is known of it; where the database fails, without."""
        try:
            return await in_thread(completed)(self.pbx, notices)
        except DATABASE_FAILURES as error:
            logger.error("%s: the database failed, so notices say less: %s", self.pbx, error)
            return notices

    def _write_and_draw(self, changes: Changes, link_changes: dict[str, Any], languages: list[str]) -> list[Row]:
        """In a thread, both in one turn: whoever waits for a row waits for each turn too."""
        if link_changes or not changes.is_empty:
            with metrics.FLUSH_SECONDS.labels(self.pbx).time():
                self._write(changes, link_changes)
            metrics.DIRTY_ROWS.labels(self.pbx).observe(changes.size)
        if not changes.subjects:
            return []
        if not languages:
            self.drawn = {}
            return []
        with metrics.DRAW_SECONDS.labels(self.pbx).time():
            return rows_of(self.pbx, changes.subjects, languages, self.drawn)

    def _write(self, changes: Changes, link_changes: dict[str, Any]) -> None:
        """In a thread: the transaction of one tick, void unless this worker still leads."""
        with transaction.atomic():
            self.lease.renew(**link_changes)
            store.write(changes)
        if link_changes:
            changes.subjects.add(("pbx", self.pbx))

    async def _publish(
        self, rows: list[Row], notices: list[Notice], languages: list[str] | None, announces: bool
    ) -> None:
        self._number += 1
        try:
            await hub.publish(
                self.pbx,
                self.epoch,
                self._number,
                rows,
                notices,
                languages=languages,
                announces=announces,
                tell=commands.channel_name(self.pbx),
            )
            self._published_at = time.monotonic()
            metrics.BATCHES.labels(self.pbx, "published").inc()
        except Exception:  # whatever the layer's backend raises; the number is used up, so hubs see the gap
            metrics.BATCHES.labels(self.pbx, "failed").inc()
            logger.exception("%s: a batch could not be published.", self.pbx)

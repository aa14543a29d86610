"""The viewports of all who view long pages here, and what those pages count.

A viewport that has become stale is filled up again from the database.
"""

import asyncio
import logging
import time
from collections.abc import Iterable
from functools import partial
from weakref import WeakValueDictionary

from django.db import DatabaseError, InterfaceError

from .delivery import Delivery
from .fragments import LivePage, PagedList, Query, Row
from .tally import Tally
from .viewport import Viewport

logger = logging.getLogger(__name__)

# A viewport is filled up again at most this often, in seconds, and never takes more than a tenth of the time.
REFILL_EVERY, REFILL_SHARE = 1.0, 0.1


class Viewports:
    """Those that somebody views, or is about to."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._viewports: WeakValueDictionary[tuple[str, Query], Viewport] = WeakValueDictionary()
        self._refills: dict[Viewport, asyncio.Task[None]] = {}
        self._tallies: dict[str, Tally] = {}

    def __len__(self) -> int:
        return len(self._viewports)

    def of(self, page: LivePage, paged_list: PagedList, query: Query) -> Viewport:
        """The one viewport of all who view this part of this page. It gets every batch from now on."""
        viewport = self._viewports.get((page.name, query))
        # One that nobody views any more may have missed what was not drawn for anybody.
        if viewport is None or not self._delivery.is_viewed(viewport):
            viewport = self._viewports[page.name, query] = Viewport(paged_list, query)
        return viewport

    def tally_of(self, page: LivePage, paged_list: PagedList) -> Tally:
        """What this page counts. It gets every batch from now on, as long as somebody views any long page."""
        if page.name not in self._tallies:
            self._tallies[page.name] = Tally(page, paged_list)
        return self._tallies[page.name]

    async def read(self, viewport: Viewport) -> None:
        """Make sure that it is known what the viewport shows. Raises what the database does."""
        await viewport.read()
        self._refill_if_stale(viewport)

    def take(self, rows: list[Row]) -> dict[Viewport | None, Iterable[Row]]:
        """Rows of a batch → what each viewport makes of them, and for whoever has none, all."""
        passed: dict[Viewport | None, Iterable[Row]] = {None: rows}
        for viewport in list(self._viewports.values()):
            passed[viewport] = viewport.take(rows)
            self._refill_if_stale(viewport)
        return passed

    def count(self, rows: list[Row]) -> None:
        """Rows of a batch: tell whoever views a page of what it counts."""
        for name, tally in self._tallies.items():
            if not self._viewports:
                tally.forget()
            elif changed := tally.take(rows):
                self._delivery.hand_out_counts(name, partial(tally.html_for, changed=changed))

    def forget(self) -> None:
        """Batches were missed."""
        for tally in self._tallies.values():
            tally.forget()
        for viewport in self._viewports.values():
            viewport.forget()

    def _refill_if_stale(self, viewport: Viewport) -> None:
        if viewport.is_stale and viewport not in self._refills:
            self._refills[viewport] = asyncio.create_task(self._refill(viewport))

    async def _refill(self, viewport: Viewport) -> None:
        try:
            await self._refill_until_fresh(viewport)
        finally:
            # Here, not when the task is known to be done: what comes between would have nobody read it.
            del self._refills[viewport]

    async def _refill_until_fresh(self, viewport: Viewport) -> None:
        """Fill the screens up again, once what left them and what came has settled a little."""
        pause = REFILL_EVERY
        while viewport.is_stale:
            await asyncio.sleep(pause)
            if not self._delivery.is_viewed(viewport):
                return
            started = time.monotonic()
            try:
                rows = await viewport.read_again()
            except (DatabaseError, InterfaceError) as error:
                logger.error("A page could not be filled up again, trying again: %s", error)
                rows = []
            if rows:
                self._delivery.hand_out({viewport: rows})
            pause = max(REFILL_EVERY, (time.monotonic() - started) / REFILL_SHARE)

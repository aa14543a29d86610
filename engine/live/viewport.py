"""What is on the screen of those who view the same part of a long page.

The database says which rows these are; between two readings of it, batches change, take away and, while there is
room, add rows. Where not all rows have room, any change asks for another reading, since it may let another row in.
"""

import asyncio
from collections.abc import Iterable

from engine.database import in_thread

from .fragments import Found, PagedList, Query, Row, Subject


class Viewport:
    """The rows on screen, as of the last batch. Its subscribers are sent what `take` and `read_again` give."""

    def __init__(self, paged_list: PagedList, query: Query) -> None:
        self.paged_list, self.query = paged_list, query
        # What is shown, by the id of the row, and how many more there were when the database was last read.
        self.shown: dict[str, Subject] = {}
        self.more = 0
        self.is_read = False
        # Whether what is shown may be another part of the page than the requested one.
        self.is_stale = False
        self._is_whole = True
        # The last version of what changed since a reading of the database began, which may not know it.
        self._late: dict[str, Row] | None = None
        self._reading = asyncio.Lock()

    @property
    def foot(self) -> Row:
        return self.paged_list.foot(self.query, self.more)

    def forget(self) -> None:
        """Batches were missed: what is shown must be read anew, and sent to everybody as a board."""
        self.shown, self.more = {}, 0
        self.is_read = self.is_stale = False

    def take(self, rows: Iterable[Row]) -> list[Row]:
        """Rows of a batch → those that concern the screen, as they do."""
        passed = []
        for row in rows:
            if row.kind != self.paged_list.kind:
                passed.append(row)
                continue
            if self._late is not None:
                self._late[row.id] = row
            if not self.is_read:
                continue
            self.is_stale |= not self._is_whole
            if row.id in self.shown:
                if not self._wants(row):
                    del self.shown[row.id]
                    row = _gone(row)
                passed.append(row)
            elif self._wants(row) and self._is_whole:
                if len(self.shown) < self.query.limit:
                    self.shown[row.id] = _subject_of(row)
                    passed.append(row)
                else:
                    self._is_whole, self.is_stale = False, True
        return passed

    def _wants(self, row: Row) -> bool:
        if row.html is None:
            return False
        if self.query.group and self.query.group not in row.facets["groups"]:
            return False
        words = row.facets.get("words", {}).get(self.query.language, "")
        return self.query.fits(f"{row.facets['text']}\n{words}")

    async def read(self) -> None:
        """Read what is shown from the database, unless it is known. Raises what the database does."""
        async with self._reading:
            while not self.is_read:
                await self._read()

    async def read_again(self) -> list[Row]:
        """Read it again: the rows that enter and leave the screen. Raises what the database does."""
        async with self._reading:
            return await self._read() if self.is_read else []

    async def _read(self) -> list[Row]:
        was_read, had = self.is_read, set(self.shown) if self.is_read else None
        self._late, self.is_stale = {}, False
        # If it was forgotten meanwhile, it counts as unread, and what was found is of no use.
        before = self.shown
        try:
            found, drawn = await in_thread(self._find)(had)
        except BaseException:
            self.is_stale = self.is_read
            self._late = None
            raise
        late, self._late = self._late, None
        if self.shown is not before:
            return []
        self._is_whole = found.total <= self.query.limit
        shown = {id: subject for id, subject in found.shown.items() if id not in late or self._wants(late[id])}
        for id, row in late.items():
            if self._wants(row) and (self._is_whole or id in self.shown):
                shown.setdefault(id, _subject_of(row))
        entered = [late.get(id) or drawn.get(id) for id in shown if id not in self.shown]
        left = [
            Row(id, self.paged_list.kind, None, permission=self.paged_list.permission)
            for id in self.shown
            if id not in shown
        ]
        more, self.more = self.more, 0 if self._is_whole else max(0, found.total - len(shown))
        self.shown, self.is_read = shown, True
        self.is_stale = len(shown) > self.query.limit or (bool(late) and not self._is_whole)
        if not was_read:
            return []
        return [*left, *filter(None, entered), *([self.foot] if self.more != more else [])]

    def _find(self, had: set[str] | None) -> tuple[Found, dict[str, Row]]:
        """In a thread: what is to be shown, and, beside what is already on screen, its rows."""
        found = self.paged_list.find(self.query)
        new = [] if had is None else [subject for id, subject in found.shown.items() if id not in had]
        return found, {row.id: row for row in self.paged_list.draw(new)} if new else {}


def _gone(row: Row) -> Row:
    return Row(row.id, row.kind, None, permission=row.permission, also=row.also)


def _subject_of(row: Row) -> Subject:
    pbx, key = row.facets["subject"]
    return pbx, key

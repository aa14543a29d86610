"""How many rows of a long page are in each group: read once from the database, then kept true by the batches."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence

from engine.database import in_thread

from . import fragments
from .fragments import LivePage, PagedList, Row, Viewer


class Tally:
    """That of one page. The empty group is that of all rows."""

    def __init__(self, page: LivePage, paged_list: PagedList) -> None:
        self._page, self._list = page, paged_list
        self.is_read = False
        self._groups: dict[str, Sequence[str]] = {}
        self._counts: Counter[str] = Counter()
        # What changed since a reading of the database began, which may not know it: a row's groups, or None.
        self._late: dict[str, Sequence[str] | None] = {}
        self._reading = asyncio.Lock()

    def forget(self) -> None:
        """Batches were missed."""
        self.is_read, self._groups, self._counts = False, {}, Counter()

    async def read(self) -> None:
        """Read it from the database, unless it is known. Raises what the database does."""
        async with self._reading:
            while not self.is_read:
                self._late, before = {}, self._groups
                found = await in_thread(self._list.groups_of_all)()
                if self._groups is not before:
                    continue  # it was forgotten meanwhile
                self._groups = {**found}
                self._counts = Counter(group for groups in found.values() for group in ("", *groups))
                self.is_read = True
                for id, groups in self._late.items():
                    self._put(id, groups)

    def take(self, rows: Iterable[Row]) -> set[str]:
        """Rows of a batch → the groups of which there now are more or fewer."""
        before: dict[str, int] = {}
        for row in rows:
            if row.kind != self._list.kind:
                continue
            groups = None if row.html is None else row.facets["groups"]
            if not self.is_read:
                self._late[row.id] = groups
                continue
            for group in ("", *self._groups.get(row.id, ()), *(groups or ())):
                before.setdefault(group, self._counts[group])
            self._put(row.id, groups)
        return {group for group, count in before.items() if self._counts[group] != count}

    def _put(self, id: str, groups: Sequence[str] | None) -> None:
        for group in ("", *self._groups.pop(id)) if id in self._groups else ():
            self._counts[group] -= 1
            if not self._counts[group]:
                del self._counts[group]
        if groups is not None:
            self._groups[id] = groups
            self._counts.update(("", *groups))

    def counts_for(self, viewer: Viewer, changed: Iterable[str] | None = None) -> dict[str, int]:
        """What a viewer's page counts → how many; of these groups alone, unless that is None."""
        groups = self._list.counted_for(viewer)
        return {name: self._counts[group] for name, group in groups.items() if changed is None or group in changed}

    def html_for(self, viewer: Viewer, changed: Iterable[str] | None = None) -> str:
        """The same as a message to the page; empty where it counts none of these."""
        counts = self.counts_for(viewer, changed)
        html = "".join(fragments.count_html(name, count) for name, count in counts.items())
        return fragments.partial(self._page.counts, html, "rows") if html else ""

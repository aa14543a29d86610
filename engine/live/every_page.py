"""What every page has: whether a PBX has a worker, whether the PBX still exists. No message tells that one was lost."""

import logging
from collections.abc import Iterable

from django.db import DatabaseError, InterfaceError

from engine.database import in_thread

from . import fragments
from .fragments import Row
from .languages import Languages

logger = logging.getLogger(__name__)


class EveryPage:
    """Its rows as they were when last queried, and how they differ when they are queried again."""

    def __init__(self, languages: Languages) -> None:
        self._languages = languages
        self._rows: dict[str, Row] = {}
        # What is newer than the query under way: these rows, or, once whole boards were asked for, anything.
        self._newer: set[str] | None = set()

    def take(self, rows: Iterable[Row]) -> None:
        """Rows of a batch."""
        if self._newer is not None:
            self._newer |= {row.id for row in rows if row.kind in fragments.COMMON}

    def forget(self) -> None:
        """Whole boards were asked for, and will hold what is newer."""
        self._newer = None

    async def changes(self) -> list[Row] | None:
        """The rows that have changed since the last query; None: one is there no more, which takes whole boards."""
        self._newer, languages = set(), self._languages.in_use
        try:
            drawn = await in_thread(fragments.rows_on_every_page)(languages)
        except (DatabaseError, InterfaceError) as error:
            logger.warning("What every page has could not be looked up, trying again: %s", error)
            return []
        except Exception:  # whatever a template raises: the sockets must outlive it
            logger.exception("What every page has could not be drawn, trying again.")
            return []
        if self._newer is None or not self._languages.are_among(languages):
            return []  # the next query has what came meanwhile, also in the languages of new subscribers
        rows = {row.id: row for row in drawn}
        known, self._rows = self._rows, rows
        if known.keys() - rows.keys():
            return None
        return [row for id, row in rows.items() if row != known.get(id) and id not in self._newer]

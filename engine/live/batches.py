"""Batches, from the worker that publishes them to the hubs, which see from them whether any was missed.

A batch is the PBX, the epoch of the worker that wrote it, a number that counts up, rows, and notices.
"""

import asyncio
import time
from collections.abc import Iterable
from typing import Any

from channels.layers import get_channel_layer

from .fragments import Notice, Row
from .layer import GROUP, LAYER_TIMEOUT

# Workers publish a batch every second, if an empty one; silence beyond this is checked, in seconds. The
# worker's last sign of life in the database can be newer than its last batch, and by then it must count as lost there.
SILENCE_LIMIT = 7.0


async def publish(
    pbx: str,
    epoch: str,
    number: int,
    rows: Iterable[Row] = (),
    notices: Iterable[Notice] = (),
    *,
    languages: Iterable[str] | None = None,
    announces: bool = False,
    tell: str = "",
) -> None:
    """Send one batch to the hubs of all web processes. Raises whatever the layer's backend does, or `TimeoutError`.

    `languages`: something has changed, and is drawn in these alone; None: in all. `announces`: rows were written
    that others than the pages read (see `Hub.listeners`). `tell` is the channel on which the
    worker learns which languages are in use (a message `LANGUAGES`).
    """
    batch = {
        "type": "live.batch",
        "pbx": pbx,
        "epoch": epoch,
        "number": number,
        "languages": None if languages is None else list(languages),
        "announces": announces,
        "tell": tell,
        "rows": [row.as_json() for row in rows],
        "notices": [notice.as_json() for notice in notices],
    }
    async with asyncio.timeout(LAYER_TIMEOUT):
        await get_channel_layer().group_send(GROUP, batch)


class Positions:
    """How far the batches of each PBX have come, and when the last one came."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[str, int]] = {}
        self._at: dict[str, float] = {}

    def gap_before(self, batch: dict[str, Any]) -> str:
        """Whether batches were missed before this one: a `number`, or all of an `epoch`; empty if none was."""
        pbx, epoch, number = batch["pbx"], batch["epoch"], batch["number"]
        last = self._last.get(pbx)
        self._last[pbx] = (epoch, number)
        self._at[pbx] = time.monotonic()
        if last == (epoch, number - 1):
            return ""
        return "number" if last and last[0] == epoch else "epoch"

    def fallen_silent(self) -> list[str]:
        """The PBXs whose worker was heard, and now has not been for too long; each is named once."""
        now = time.monotonic()
        silent = [pbx for pbx, heard in self._at.items() if now - heard > SILENCE_LIMIT]
        for pbx in silent:
            del self._at[pbx], self._last[pbx]
        return silent

"""A demo PBX that notes what reaches its sockets, and is quiet by itself: `python -m tests.bench.click_pbx`.

`calls` and `people` make what buttons are pressed for, `clear` hangs all of it up; `arrived` tells when a text came in.
"""

import asyncio
import random
import time
from typing import Any

from engine.demo import server
from engine.demo.server import DemoPbx, _Client

from .child import serve
from .pbx import url_of
from .traffic import Traffic

# What came in since it was asked for last, and when, by the machine's own clock.
_noted: list[tuple[int, bytes]] = []


class NotingClient(_Client):
    """A connection that notes what is read from it, before anything is made of it."""

    def data_received(self, data: bytes) -> None:
        _noted.append((time.monotonic_ns(), data))
        super().data_received(data)


class Control:
    """What the bench can ask of it."""

    def __init__(self, pbx: DemoPbx) -> None:
        self._switch = pbx.switch
        self._traffic = Traffic(pbx.switch, random.Random(2))

    async def calls(self, asked: dict[str, Any]) -> list[str]:
        """So many more answered calls; their linked ids."""
        return [self._traffic.talk().linkedid for _ in range(asked["count"])]

    async def people(self, asked: dict[str, Any]) -> list[str]:
        """So many more participants of a conference; their unique ids."""
        for _ in range(asked["count"]):
            self._traffic.join(asked["conference"])
        return [member.channel.uniqueid for member in self._switch.conferences[asked["conference"]].members]

    async def clear(self, asked: dict[str, Any]) -> None:
        """Nobody is left."""
        for channel in list(self._switch.channels.values()):
            if not channel.is_gone:
                self._switch.hang_up(channel)

    async def arrived(self, asked: dict[str, Any]) -> int | None:
        """When the first bytes came that hold this text; what came so far is forgotten."""
        found = next((at for at, data in _noted if asked["text"].encode() in data), None)
        _noted.clear()
        return found


async def main() -> None:
    server._Client = NotingClient  # type: ignore[misc]
    pbx = DemoPbx(seed=1, lively=False)
    address = await pbx.start()
    control = Control(pbx)
    answerers = {name: getattr(control, name) for name in ("calls", "people", "clear", "arrived")}
    ready = {"url": url_of(address), "port": address.port, "user": address.username, "secret": address.secret}
    await serve(ready, answerers)
    await pbx.stop()


if __name__ == "__main__":
    asyncio.run(main())

"""A demo PBX in a process of its own, with traffic on demand: `python -m tests.bench.pbx CHANNELS [IDLE]`.

`prepare` lets things happen and keeps the bytes that tell of them; `blast` sends them to a client as fast as it reads.
"""

import asyncio
import itertools
import random
import sys
import time
from pathlib import Path
from typing import Any, cast

from engine.ami.transports import Address
from engine.demo.manager import Event, event
from engine.demo.model import Fields
from engine.demo.server import DemoPbx, _Client
from engine.demo.states import INUSE, NOT_INUSE, RINGING

from .child import serve
from .traffic import Link, Traffic, around

_ASKED = ("prepare", "blast", "change", "crowd", "chatter", "speak", "talk", "toggle", "phones", "lamps", "expected")
# The first of the phones with a hint; the first 500 of them take calls.
FIRST_PHONE = 1000
# So much is handed to the kernel and to asyncio at once, in bytes.
AHEAD = 2**18


class BusyPbx(DemoPbx):
    """The demo PBX, which says all that an Asterisk would, and can keep what it says for later."""

    def __init__(self) -> None:
        super().__init__(seed=1, lively=False)
        self.traffic = Traffic(self.switch, random.Random(2))
        self.joined_clients: list[_Client] = []
        self.kept: list[bytes] | None = None
        # How many events the switch itself has made.
        self.made = 0
        self._link = Link()

    def keep(self, link: Link) -> list[bytes]:
        self.kept, self._link = [], link
        return self.kept

    def _announce(self, name: str, fields: Fields) -> None:
        self.made += 1
        for one in (event(name, fields), *around(name, fields)):
            self.tell(one)

    def tell(self, event: Event) -> None:
        if self.kept is None:
            super().tell(event)
        elif self._link.passes(event):
            self.kept.append(event.raw)

    def joined(self, client: _Client) -> None:
        super().joined(client)
        self.joined_clients.append(client)


class Control:
    """What the bench can ask of it."""

    def __init__(self, pbx: BusyPbx) -> None:
        self.pbx = pbx
        self._last: list[bytes] = []
        self._changing: asyncio.Task[None] | None = None
        self._blinking: asyncio.Task[None] | None = None
        self._phones: list[str] = []

    async def prepare(self, asked: dict[str, Any]) -> dict[str, Any]:
        mask = None if asked["mask"] is None else frozenset(asked["mask"])
        kept = self._last = self.pbx.keep(Link(mask, frozenset(asked["unwanted"])))
        while len(kept) < asked["events"]:
            self.pbx.traffic.step()
        last = self.pbx.traffic.last()
        if path := asked.get("path"):
            await asyncio.to_thread(Path(path).write_bytes, b"".join(kept))
        self.pbx.kept = None
        return {"events": len(kept), "last": last.uniqueid, **self.pbx.traffic.expected()}

    async def blast(self, asked: dict[str, Any]) -> dict[str, Any]:
        transport = cast(asyncio.Transport, self.pbx.joined_clients[asked["client"]]._transport)
        started = time.monotonic()
        for start in range(0, len(self._last), 200):  # whole messages, so that answers may stand between
            await _drained(transport, AHEAD)
            transport.write(b"".join(self._last[start : start + 200]))
        await _drained(transport, 0)
        return {"started": started, "sent": time.monotonic(), "closing": transport.is_closing()}

    async def change(self, asked: dict[str, Any]) -> None:
        """From now on so many events of change a second; 0: none."""
        if self._changing is not None:
            self._changing.cancel()
            self._changing = None
        if asked["per_second"]:
            self._changing = asyncio.create_task(self._change(1 / asked["per_second"]))

    async def _change(self, pause: float) -> None:
        next_at = time.monotonic()
        while True:
            before = self.pbx.made
            self.pbx.traffic.step()
            next_at += pause * (self.pbx.made - before)
            await asyncio.sleep(max(0.0, next_at - time.monotonic()))

    async def crowd(self, asked: dict[str, Any]) -> None:
        """So many more members of a room."""
        for _ in range(asked["count"]):
            self.pbx.traffic.join(asked["room"])

    async def chatter(self, asked: dict[str, Any]) -> None:
        """From now on every member of a room talks and stops so many times a second, each at their own time."""
        if self._changing is not None:
            self._changing.cancel()
            self._changing = None
        if asked["times"]:
            self._changing = asyncio.create_task(self._chatter(asked["room"], asked["times"]))

    async def _chatter(self, room: str, times: float) -> None:
        members = self.pbx.switch.conferences[room].members
        pause = 1 / (2 * times * len(members))
        next_at = time.monotonic()
        while True:
            for member in list(members):
                self.pbx.switch.speak(member, not member.speaks)
                next_at += pause
                await asyncio.sleep(max(0.0, next_at - time.monotonic()))

    async def speak(self, asked: dict[str, Any]) -> dict[str, Any]:
        """The member with this number begins or ends to talk; when, by the wall clock."""
        member = self.pbx.traffic.members[asked["member"]]
        now = time.time()
        self.pbx.switch.speak(member, not member.speaks)
        return {"at": now, "uniqueid": member.channel.uniqueid}

    async def talk(self, asked: dict[str, Any]) -> list[str]:
        """So many more answered calls of two; the unique ids of their callers."""
        return [self.pbx.traffic.talk().uniqueid for _ in range(asked["count"])]

    async def toggle(self, asked: dict[str, Any]) -> dict[str, Any]:
        """The party with this unique id holds its call, or takes it back; when, by the wall clock."""
        switch, uniqueid = self.pbx.switch, asked["uniqueid"]
        channel = next(one for one in switch.channels.values() if one.uniqueid == uniqueid)
        now = time.time()
        (switch.unhold if channel.on_hold else switch.hold)(channel)
        return {"at": now}

    async def phones(self, asked: dict[str, Any]) -> None:
        """So many phones, each with a hint of its number."""
        for number in range(FIRST_PHONE, FIRST_PHONE + asked["count"]):
            self._phones.append(f"PJSIP/{number}")
            self.pbx.switch.states.add_phone(self._phones[-1])
            self.pbx.switch.states.add_hint(str(number), "internal", self._phones[-1])

    async def lamps(self, asked: dict[str, Any]) -> None:
        """From now on so many phones a second that take no calls are in another state; 0: none."""
        if self._blinking is not None:
            self._blinking.cancel()
            self._blinking = None
        if asked["per_second"]:
            self._blinking = asyncio.create_task(self._blink(1 / asked["per_second"]))

    async def _blink(self, pause: float) -> None:
        states, next_at = self.pbx.switch.states, time.monotonic()
        others = {NOT_INUSE: RINGING, RINGING: INUSE, INUSE: NOT_INUSE}
        for phone in itertools.cycle(self._phones[500:]):
            states.set_device(phone, others[states.devices[phone]])
            next_at += pause
            await asyncio.sleep(max(0.0, next_at - time.monotonic()))

    async def expected(self, asked: dict[str, Any]) -> dict[str, Any]:
        return self.pbx.traffic.expected()


async def _drained(transport: asyncio.Transport, size: int) -> None:
    while transport.get_write_buffer_size() > size:  # noqa: ASYNC110 (nothing else tells)
        await asyncio.sleep(0.0005)


def url_of(address: Address) -> str:
    return f"ami://{address.username}:{address.secret}@{address.host}:{address.port}"


async def main() -> None:
    pbx = BusyPbx()
    channels, idle = (int(text) for text in (*sys.argv[1:], "0")[:2])
    pbx.traffic.stand(channels, idle)
    address = await pbx.start()
    control = Control(pbx)
    answerers = {name: getattr(control, name) for name in _ASKED}
    await serve({"url": url_of(address)}, answerers)
    await pbx.stop()


if __name__ == "__main__":
    asyncio.run(main())

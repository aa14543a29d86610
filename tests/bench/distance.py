"""The dialplan that putting somebody on hold writes first, where the way to a real Asterisk 22 and back takes 50 ms.

Beside it a single action over the same way: all steps are to take little more than one, not each as long.
"""

from . import ready  # noqa: F401  isort: skip  (before what needs Django)

import asyncio
import dataclasses
import statistics
import time
from collections.abc import Awaitable, Callable

from calls.transfers import DIALPLAN
from engine.ami import actions
from engine.ami.client import Session
from engine.ami.transports import Address
from engine.mirror import dialplan
from engine.mirror.context import CommandContext
from engine.mirror.state import State
from tests.between import between
from tests.lab.asterisk import TRANSPORTS, Asterisk

from .figure import Figure, at_most

# There and back, in seconds.
ROUND_TRIP = 0.05
COUNT = 10
STEPS = sum(map(len, DIALPLAN.values()))


def figures() -> list[Figure]:
    with Asterisk("22") as asterisk:
        return [figure for way in TRANSPORTS for figure in asyncio.run(_over(way, Address.parse(asterisk.url(way))))]


async def _over(way: str, address: Address) -> list[Figure]:
    async with between(address.port, _later, _later) as port:
        session = await Session.open(dataclasses.replace(address, port=port), lambda event: None, timeout=30)
        ctx = CommandContext(session, State("main"), 0, time.time() + 600)
        try:
            one = await _median(lambda: ctx.run(actions.core_settings()))
            all_steps = await _median(lambda: dialplan.write(ctx, DIALPLAN))
        finally:
            session.close()
    goal = at_most(8, "× one action")
    return [
        Figure(f"{way}, 50 ms away: an action, median", one * 1000, "ms"),
        Figure(f"{way}, 50 ms away: the {STEPS} steps of a hold", all_steps * 1000, "ms", all_steps / one, goal),
    ]


async def _median(work: Callable[[], Awaitable[object]]) -> float:
    took = []
    for _ in range(COUNT):
        began = time.monotonic()
        await work()
        took.append(time.monotonic() - began)
    return statistics.median(took)


async def _later(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    loop = asyncio.get_running_loop()
    while data := await reader.read(2**16):
        loop.call_later(ROUND_TRIP / 2, writer.write, data)
    loop.call_later(ROUND_TRIP / 2, writer.close)

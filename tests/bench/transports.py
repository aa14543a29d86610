"""A command and an event over each transport of AMI, on a real Asterisk 22: how long they take, and what they cost it.

A command is CoreSettings and its answer, with nothing right before it. An event is a UserEvent: from when another
session asks for it until it is heard. The cost is Asterisk's own time while it makes 200 events a second for it.
"""

import asyncio
import os
import random
import statistics
import time
from pathlib import Path

from engine.ami import actions
from engine.ami.client import Session
from engine.ami.protocol import Message
from engine.ami.transports import Address
from tests.lab.ami import Ami
from tests.lab.asterisk import TRANSPORTS, Asterisk

from .figure import Figure

COUNT = 400
EVENTS_A_SECOND, SECONDS = 200, 5.0
TICKS = os.sysconf("SC_CLK_TCK")


def figures() -> list[Figure]:
    with Asterisk("22") as asterisk:
        ways = {str(transport): asterisk.url(transport) for transport in TRANSPORTS}
        ways |= {f"{transport}, digest": asterisk.url(transport, path="arawman") for transport in TRANSPORTS[-2:]}
        return [figure for way, url in ways.items() for figure in asyncio.run(_over(way, url, asterisk))]


async def _over(way: str, url: str, asterisk: Asterisk) -> list[Figure]:
    heard: dict[str, float] = {}

    def hear(event: Message) -> None:
        heard[event.get("Number")] = time.monotonic()

    session = await Session.open(Address.parse(url), hear, events="user,system", wanted=["FullyBooted", "UserEvent"])
    try:
        answers = []
        for _ in range(COUNT):
            await asyncio.sleep(random.uniform(0.02, 0.05))
            asked_at = time.monotonic()
            await session.ask(actions.core_settings())
            answers.append(time.monotonic() - asked_at)
        with asterisk.ami() as other:
            other.action("Events", EventMask="off")
            delays = [await _delay(other, heard, str(number)) for number in range(COUNT)]
            cost = await _cost(other, asterisk, heard)
    finally:
        session.close()
    return [
        Figure(f"{way}: a command, median", statistics.median(answers) * 1000, "ms"),
        Figure(f"{way}: a command, 99th percentile", _percentile(answers) * 1000, "ms"),
        Figure(f"{way}: an event, median", statistics.median(delays) * 1000, "ms"),
        Figure(f"{way}: an event, 99th percentile", _percentile(delays) * 1000, "ms"),
        Figure(f"{way}: an event, the slowest of {COUNT}", max(delays) * 1000, "ms"),
        Figure(f"{way}: Asterisk, {EVENTS_A_SECOND} events a second", cost, "% of a core"),
    ]


async def _delay(other: Ami, heard: dict[str, float], number: str) -> float:
    await asyncio.sleep(random.uniform(0.002, 0.08))
    asked_at = time.monotonic()
    other.send("UserEvent", UserEvent="Bench", Number=number)
    await _until_heard(heard, number)
    return heard[number] - asked_at


async def _cost(other: Ami, asterisk: Asterisk, heard: dict[str, float]) -> float:
    before, began = _cpu(asterisk), time.monotonic()
    number = 0
    while (passed := time.monotonic() - began) < SECONDS:
        while number < passed * EVENTS_A_SECOND:
            number += 1
            other.send("UserEvent", UserEvent="Bench", Number=f"load {number}")
        await asyncio.sleep(0.005)
    used = _cpu(asterisk) - before
    await _until_heard(heard, f"load {number}")
    return used / (time.monotonic() - began) * 100


async def _until_heard(heard: dict[str, float], number: str) -> None:
    async with asyncio.timeout(10):
        while number not in heard:  # noqa: ASYNC110 (it must not wait for a tick of its own)
            await asyncio.sleep(0.0005)


def _cpu(asterisk: Asterisk) -> float:
    """Seconds that Asterisk has computed so far."""
    fields = Path(f"/proc/{asterisk.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _percentile(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]

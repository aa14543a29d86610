"""`make bench`: how fast it is, each figure beside what it is held against, in one run.

Each bench can run alone: `python -m tests.bench parsing`, `python -m tests.bench browser`.
"""

import asyncio
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pbxpanel.settings")

from playwright.sync_api import sync_playwright

from pbxpanel.ami.protocol import Protocol
from pbxpanel.demo import load
from pbxpanel.demo.model import Member
from pbxpanel.demo.server import DemoPbx
from tests.panel import CHROMIUM, CHROMIUM_ARGUMENTS, PASSWORD, Panel

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    name: str
    value: str
    beside: str = ""


def parsing() -> list[Figure]:
    """Messages a second on one core, out of the recorded session of Asterisk 22, read in pieces of 64 KiB."""
    whole = (ROOT / "tests" / "corpus" / "asterisk-22.ami").read_bytes()
    whole = whole[whole.index(b"\r\n") + 2 :] * 40
    pieces = [whole[start : start + 65536] for start in range(0, len(whole), 65536)]
    wanted = {"Newchannel", "Newstate", "Hangup", "BridgeEnter", "BridgeLeave", "ConfbridgeTalking"}

    def ours_late() -> int:
        protocol = Protocol(greeting=False, wanted=wanted)
        kept = 0
        for piece in pieces:
            for message in protocol.receive(piece):
                message.get("Uniqueid")
                kept += 1
        return kept + protocol.dropped

    def ours_whole() -> int:
        protocol = Protocol(greeting=False)
        return sum(bool(message.fields) for piece in pieces for message in protocol.receive(piece))

    def naive() -> int:
        buffer, count = b"", 0
        for piece in pieces:
            *messages, buffer = (buffer + piece).split(b"\r\n\r\n")
            for message in messages:
                dict(line.partition(": ")[::2] for line in message.decode("utf-8", "replace").split("\r\n"))
                count += 1
        return count

    rates = {name: _rate(function) for name, function in (("late", ours_late), ("whole", ours_whole), ("naive", naive))}
    return [
        Figure("parsing, events the panel reads", f"{rates['late']:,.0f}/s", f"{rates['late'] / rates['naive']:.1f} x"),
        Figure("parsing, every field of all", f"{rates['whole']:,.0f}/s", f"{rates['whole'] / rates['naive']:.1f} x"),
        Figure("a dict for each message (what it is held against)", f"{rates['naive']:,.0f}/s", "1.0 x"),
    ]


def _rate(function: Callable[[], int], runs: int = 5) -> float:
    rates = []
    for _ in range(runs):
        started = time.perf_counter()
        count = function()
        rates.append(count / (time.perf_counter() - started))
    return median(rates)


@contextmanager
def _demo_pbx(calls: int) -> Iterator[tuple[str, DemoPbx, asyncio.AbstractEventLoop, Member]]:
    """The demo PBX in a thread of its own, with so many standing calls and a conference of two."""
    loop = asyncio.new_event_loop()
    pbx = DemoPbx(seed=1, lively=False)
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def begin() -> tuple[str, Member]:
        address = await pbx.start()
        load.place_calls(pbx.switch, calls)
        member, _other = load.fill_conference(pbx.switch, "8001", 2, first=calls)
        return f"ami://{address.username}:{address.secret}@{address.host}:{address.port}", member

    url, member = asyncio.run_coroutine_threadsafe(begin(), loop).result(30)
    try:
        yield url, pbx, loop, member
    finally:
        asyncio.run_coroutine_threadsafe(pbx.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


def browser(samples: int = 200, calls: int = 50) -> list[Figure]:
    """From an event on the AMI socket to the change in Chromium's DOM, with 50 live calls."""
    with _demo_pbx(calls) as (url, pbx, loop, member), tempfile.TemporaryDirectory() as folder:
        panel = Panel(Path(folder), {"AMI_URL": url})
        panel.prepare()
        panel.start()
        try:
            delays = _talking_delays(panel, pbx, loop, member, samples)
        finally:
            panel.stop()
    percentile = quantiles(delays, n=100)
    return [
        Figure(f"event to DOM, {calls} calls, median of {len(delays)}", f"{median(delays):.0f} ms"),
        Figure(f"event to DOM, {calls} calls, 99th percentile", f"{percentile[98]:.0f} ms"),
    ]


def _talking_delays(
    panel: Panel, pbx: DemoPbx, loop: asyncio.AbstractEventLoop, member: Member, samples: int
) -> list[float]:
    delays = []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        page = chromium.new_page()
        page.goto(f"{panel.url}/login/")
        page.fill("#id_username", "mona")
        page.fill("#id_password", PASSWORD)
        page.click("main button[type=submit]")
        page.wait_for_url(f"{panel.url}/")
        page.goto(f"{panel.url}/conferences/main/8001/")
        page.wait_for_selector("html[data-live]")
        page.wait_for_selector(".participant >> nth=1")
        page.evaluate(
            """() => { window.seen = [];
                new MutationObserver(() => window.seen.push(performance.timeOrigin + performance.now()))
                  .observe(document.getElementById("participants"),
                           {attributes: true, attributeFilter: ["class"], subtree: true}); }"""
        )
        page.wait_for_timeout(2000)

        async def speak(speaks: bool) -> float:
            sent = time.time()
            pbx.switch.speak(member, speaks)
            return sent * 1000

        for number in range(samples):
            page.evaluate("() => { window.seen.length = 0; }")
            sent = asyncio.run_coroutine_threadsafe(speak(number % 2 == 0), loop).result(5)
            page.wait_for_function("() => window.seen.length > 0", polling=5)
            delays.append(page.evaluate("() => window.seen[0]") - sent)
            time.sleep(random.uniform(0.05, 0.15))
        chromium.close()
    return delays


BENCHES: dict[str, Callable[[], list[Figure]]] = {"parsing": parsing, "browser": browser}


def main() -> None:
    figures = [figure for name in sys.argv[1:] or BENCHES for figure in BENCHES[name]()]
    width = max(len(figure.name) for figure in figures)
    for figure in figures:
        print(f"{figure.name:<{width}}  {figure.value:>12}  {figure.beside}")


if __name__ == "__main__":
    main()

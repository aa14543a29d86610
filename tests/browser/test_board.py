"""A board of 5,000 calls in a real Chromium: what is on screen, what is searched for, and that it stays true."""

import asyncio
import contextlib
import random
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import pytest
from playwright.sync_api import Page, expect

from engine.demo import load
from engine.demo.model import Channel, Party, State
from engine.demo.server import DemoPbx
from engine.demo.switch import Switch
from engine.live.fragments import PART
from tests.panel import Panel, Visit

pytestmark = pytest.mark.timeout(300)

CALLS = 5000
# A machine at work may take its time to read 10,000 channels and to catch up.
PATIENCE = 60_000

T = TypeVar("T")


class CrowdedPbx:
    """The demo PBX in a thread of its own, with so many standing calls, the oldest first."""

    def __init__(self, calls: int) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._pbx = DemoPbx(seed=1, lively=False)
        self.callers: list[Channel] = []
        self._count = calls

    def start(self) -> str:
        """Returns its AMI_URL."""
        self._thread.start()

        async def begin() -> str:
            address = await self._pbx.start()
            self.callers = load.place_calls(self._pbx.switch, self._count)
            return f"ami://{address.username}:{address.secret}@{address.host}:{address.port}"

        return asyncio.run_coroutine_threadsafe(begin(), self.loop).result(60)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._pbx.stop(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)

    def do(self, work: Callable[[Switch], T]) -> T:
        """Something happens on the switch, at once."""

        async def now() -> T:
            return work(self._pbx.switch)

        return asyncio.run_coroutine_threadsafe(now(), self.loop).result(30)

    def place(self, count: int) -> list[Channel]:
        """So many new calls."""
        placed = self.do(lambda switch: load.place_calls(switch, count, first=self._count))
        self._count += count
        self.callers += placed
        return placed

    def ring(self, name: str, number: str = "0401234567") -> Channel:
        """A call from outside that nobody answers."""

        def work(switch: Switch) -> Channel:
            party = Party(number, name)
            return switch.new_channel("PJSIP/outside", party, state=State.RING, context="from-outside", extension="100")

        caller = self.do(work)
        self.callers.append(caller)
        return caller

    def end(self, *callers: Channel) -> None:
        self.do(lambda switch: load.hang_up_all(switch, callers))
        for caller in callers:
            self.callers.remove(caller)


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[CrowdedPbx, Panel]]:
    pbx = CrowdedPbx(CALLS)
    panel = Panel(tmp_path_factory.mktemp("board"), {"AMI_URL": pbx.start()})
    panel.prepare()
    panel.start()
    try:
        yield pbx, panel
    finally:
        panel.stop()
        pbx.stop()


@pytest.fixture
def pbx(crowd: tuple[CrowdedPbx, Panel]) -> CrowdedPbx:
    return crowd[0]


@pytest.fixture
def panel(crowd: tuple[CrowdedPbx, Panel]) -> Panel:
    return crowd[1]


@pytest.fixture
def board(crowd: tuple[CrowdedPbx, Panel], visit: Visit) -> Page:
    """Anna's board of all calls, once the panel has read them."""
    page = visit(crowd[1], "anna", "/calls/")
    expect_count(page, crowd[0])
    expect(page.locator("#calls > .call")).to_have_count(PART, timeout=PATIENCE)
    return page


def expect_count(page: Page, pbx: CrowdedPbx) -> None:
    expect(page.locator("#count-calls")).to_have_text(str(len(pbx.callers)), timeout=PATIENCE)


def id_of(caller: Channel) -> str:
    return "call-main-" + caller.linkedid.replace(".", "-")


def ids(page: Page) -> list[str]:
    found: list[str] = page.evaluate("() => [...document.querySelectorAll('#calls > .call')].map(call => call.id)")
    return found


def oldest(panel: Panel, count: int) -> list[str]:
    """The cards of the oldest calls, by the panel's database. (A list tells the age of a call in whole seconds.)"""
    query = "SELECT call FROM calls_channel GROUP BY call ORDER BY min(created_at), call LIMIT ?"
    with contextlib.closing(sqlite3.connect(panel.folder / "panel.sqlite3", timeout=20)) as database:
        return [f"call-main-{call.replace('.', '-')}" for (call,) in database.execute(query, [count])]


def expect_cards(page: Page, wanted: Iterable[str]) -> None:
    """The board shows these cards and no other."""
    page.wait_for_function(
        """wanted => JSON.stringify([...document.querySelectorAll('#calls > .call')].map(call => call.id).sort())
                     === JSON.stringify(wanted)""",
        arg=sorted(wanted),
        timeout=PATIENCE,
    )


def expect_the_oldest(page: Page, pbx: CrowdedPbx, panel: Panel, at_least: int) -> int:
    """At rest, the board shows the oldest calls of those that the PBX has: as many as it asked for. Returns how many.

    It asks for more when its end comes near, as it may do until what has left the screen is replaced.
    """
    expect_count(page, pbx)
    assert set(oldest(panel, -1)) == {id_of(caller) for caller in pbx.callers}
    deadline = time.monotonic() + PATIENCE / 1000
    while True:
        limit = int(page.locator("[data-show-more]").get_attribute("data-show-more") or 0) - PART
        if limit >= at_least and sorted(ids(page)) == sorted(oldest(panel, limit)):
            return limit
        assert time.monotonic() < deadline, (limit, set(ids(page)) ^ set(oldest(panel, limit)))
        page.wait_for_timeout(100)


def more(page: Page) -> int:
    return int(re.sub(r"\D", "", page.locator("[data-show-more] .muted").inner_text()))


def test_the_page_begins_with_the_oldest_calls_and_says_how_many_more_there_are(
    board: Page, pbx: CrowdedPbx, panel: Panel
) -> None:
    expect_the_oldest(board, pbx, panel, PART)
    assert more(board) == len(pbx.callers) - PART


def test_scrolling_shows_more_and_so_does_the_button(board: Page, pbx: CrowdedPbx, panel: Panel) -> None:
    board.mouse.move(640, 500)
    board.mouse.wheel(0, 100_000)
    expect_the_oldest(board, pbx, panel, 2 * PART)
    board.evaluate("() => scrollTo(0, 0)")
    board.locator("[data-show-more]").focus(timeout=PATIENCE)
    board.keyboard.press("Enter")
    board.wait_for_function("n => document.querySelectorAll('#calls > .call').length >= n", arg=3 * PART)
    assert board.evaluate("() => document.activeElement.matches('[data-show-more]')")
    order = board.evaluate("() => [...document.querySelectorAll('#calls > .call')].map(c => Number(c.dataset.order))")
    assert order == sorted(order)


def test_what_leaves_the_screen_is_filled_up_and_what_changes_elsewhere_is_not_sent(
    board: Page, pbx: CrowdedPbx, panel: Panel
) -> None:
    board.evaluate(
        """() => { window.received = 0;
                   addEventListener("htmx:ws:before:message:incoming",
                                    event => { window.received += event.detail.message.data.length; }); }"""
    )
    # A change on screen.
    on_screen = set(oldest(panel, PART))
    shown = next(caller for caller in pbx.callers if id_of(caller) in on_screen)
    pbx.do(lambda switch: switch.hold(shown))
    expect(board.locator(f"#{id_of(shown)} .call-state")).to_have_text("On hold")
    pbx.do(lambda switch: switch.unhold(shown))
    expect(board.locator(f"#{id_of(shown)} .call-state")).to_have_text("Talking")
    # Fifty elsewhere.
    board.evaluate("() => { window.received = 0; }")
    for caller in pbx.callers[1000:1050]:
        pbx.do(lambda switch, caller=caller: switch.hold(caller))  # type: ignore[misc]
    added = pbx.place(1)
    expect_count(board, pbx)
    assert board.evaluate("() => window.received") < 20_000
    assert id_of(added[0]) not in ids(board)
    # Those that leave.
    pbx.end(*[caller for caller in pbx.callers if id_of(caller) in on_screen][:20])
    expect_the_oldest(board, pbx, panel, PART)


def test_search_finds_by_all_words_and_keeps_what_is_typed(board: Page, pbx: CrowdedPbx, panel: Panel) -> None:
    box = board.locator("#search")
    box.press_sequentially("caller 49", delay=20)
    board.wait_for_function(
        """() => { const calls = [...document.querySelectorAll('#calls > .call')];
                   return calls.length > 0 && calls.every(call => /49/.test(call.textContent)); }"""
    )
    box.fill("CALLER 0004321")
    wanted = pbx.callers[next(i for i, c in enumerate(pbx.callers) if c.caller.name == "Caller 4321")]
    expect_cards(board, [id_of(wanted)])
    assert "q=CALLER+0004321" in board.url
    expect_count(board, pbx)
    # What is searched for lives; what is not does not show; neither touches what is typed.
    box.fill("Ärger")
    expect(board.get_by_text("No call matches your search.")).to_be_visible()
    board.evaluate("() => document.getElementById('search').setSelectionRange(1, 3)")
    found, other = pbx.ring("Frau ÄRGER"), pbx.ring("Somebody")
    expect_cards(board, [id_of(found)])
    expect(board.locator(f"#{id_of(found)} .call-state")).to_have_text("Ringing")
    pbx.end(found)
    expect(board.get_by_text("No call matches your search.")).to_be_visible()
    state = board.evaluate(
        "() => { const b = document.activeElement; return [b.id, b.value, b.selectionStart, b.selectionEnd]; }"
    )
    assert state == ["search", "Ärger", 1, 3]
    pbx.end(other)
    box.fill("")
    expect_the_oldest(board, pbx, panel, PART)


def test_a_search_in_the_address_is_what_the_page_begins_with(
    crowd: tuple[CrowdedPbx, Panel], board: Page, pbx: CrowdedPbx
) -> None:
    board.goto(f"{crowd[1].url}/calls/?q=caller+0004322")
    board.wait_for_selector("html[data-live]")
    expect(board.locator("#calls > .call")).to_have_count(1)
    expect(board.locator("#calls > .call")).to_contain_text("Caller 4322")
    expect(board.locator("#search")).to_have_value("caller 0004322")
    # A new socket asks for the same.
    board.evaluate("() => { delete document.documentElement.dataset.live; }")
    board.context.set_offline(True)
    board.context.set_offline(False)
    board.evaluate("() => dispatchEvent(new Event('online'))")
    board.wait_for_selector("html[data-live]")
    expect(board.locator("#calls > .call")).to_have_count(1)


def test_after_many_ups_and_downs_the_board_is_what_the_pbx_has(board: Page, pbx: CrowdedPbx, panel: Panel) -> None:
    chance = random.Random(4)
    board.mouse.move(640, 500)
    board.mouse.wheel(0, 100_000)
    board.mouse.move(5, 5)
    board.wait_for_function("n => document.querySelectorAll('#calls > .call').length >= n", arg=2 * PART)
    board.locator("#dial-number").press_sequentially("0172")
    board.evaluate(
        """() => { window.messages = 0;
                   addEventListener("htmx:ws:before:message:incoming", () => { window.messages += 1; }); }"""
    )
    for _ in range(60):
        before = board.evaluate("() => window.messages")
        # Near the screen's end and far from it.
        pbx.end(*chance.sample(pbx.callers[: 3 * PART], 4), *chance.sample(pbx.callers[1000:], 4))
        pbx.place(6)
        for caller in chance.sample(pbx.callers[:PART], 3):
            pbx.do(lambda switch, c=caller: switch.unhold(c) if c.on_hold else switch.hold(c))  # type: ignore[misc]
        board.wait_for_function("before => window.messages > before", arg=before, timeout=PATIENCE)
    limit = expect_the_oldest(board, pbx, panel, 2 * PART)
    on_screen = set(oldest(panel, limit))
    held = [id_of(caller) for caller in pbx.callers if caller.on_hold and id_of(caller) in on_screen]
    board.wait_for_function(
        """held => JSON.stringify([...document.querySelectorAll('#calls > .is-hold')].map(call => call.id).sort())
                   === JSON.stringify(held)""",
        arg=sorted(held),
    )
    assert board.evaluate("() => document.activeElement.value") == "0172"
    left = len(pbx.callers) - limit
    expect(board.locator("[data-show-more] .muted")).to_have_text(f"{left:,} more calls", timeout=PATIENCE)

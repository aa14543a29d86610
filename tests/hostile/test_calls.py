"""Hostile callers on the board, all at once (in the matrix a hundred and more): a real Asterisk 22, a real Chromium."""

import time
from collections.abc import Mapping

import pytest
from playwright.sync_api import Page, expect

from tests.hostile.texts import TEXTS, Hostile
from tests.hostile.voices import Watch, call, shape, until
from tests.lab.asterisk import Asterisk
from tests.matrix import share
from tests.panel import Panel, Visit

pytestmark = [pytest.mark.timeout(900)]

# Two who mean no harm, with a name and without: what their cards are made of, all cards are made of.
ANNA = Hostile("harmless", b"Anna Alpha", "Anna Alpha", "Anna Alpha")
NOBODY = Hostile("nameless", b"", "", "")
# The others join a conference: see test_conferences.py.
CALLERS = [ANNA, NOBODY, *share([text for text in TEXTS if b"\0" not in text.raw], 0, of=2)]

# Of each card: name, number, and of its first leg caller ID, connected line and account code.
READ_CARDS = """() => Object.fromEntries([...document.querySelectorAll("#calls > *")].map((card) => [card.id, [
    card.querySelector(".party-label").textContent, card.querySelector(".party .muted")?.textContent ?? "",
    ...["Caller ID", "Connected line", "Account code"].map((title) =>
        [...card.querySelectorAll(".leg:nth-of-type(1) dt")].find((dt) => dt.textContent === title)
            ?.nextElementSibling.textContent ?? ""),
]]))"""
TAGS = "(selector) => [...document.querySelectorAll(selector)].map((element) => element.tagName)"
HANG_UP_ALL = """async () => {
    const question = document.getElementById("question");
    for (const button of document.querySelectorAll("#calls [data-action=hangup]")) {
        const answered = new Promise((resolve) => question.addEventListener("close", resolve, { once: true }));
        button.click();
        while (!question.open) await new Promise(requestAnimationFrame);
        question.querySelector("[value=yes]").click();
        await answered;
    }
}"""


def card(caller: Hostile) -> list[str]:
    number = f"7{caller.line}"[:150].strip()
    connected = f"8{caller.shown}"[:150].strip()
    return [caller.shown, number, f"{caller.shown} {number}", f"{connected} —", caller.line]


def without_blanks(texts: list[str]) -> list[str]:
    """A blank at the beginning of a text shows only where something stands before it."""
    return [text.replace(" ", "") for text in texts]


def show_all(page: Page, count: int) -> None:
    """The board shows a part; ask for the rest of it until there are so many cards."""
    deadline = time.monotonic() + 180
    while page.locator("#calls > *").count() < count:
        assert time.monotonic() < deadline
        page.evaluate("() => document.querySelector('[data-show-more]')?.click()")
        page.wait_for_timeout(100)
    expect(page.locator("#calls > *")).to_have_count(count)


def search(page: Page, words: str, *, finds: str) -> None:
    """Type these words, of which the server must find that one at least."""
    page.fill("#search", words)
    expect(page.locator("#calls > *")).not_to_have_count(0, timeout=180_000)
    deadline = time.monotonic() + 180
    while page.locator(f"#{finds}").count() == 0:  # a short word is in more than one part holds
        assert time.monotonic() < deadline, words
        page.evaluate("() => document.querySelector('[data-show-more]')?.click()")
        page.wait_for_timeout(50)
    # What was found before is not what was found now.
    page.fill("#search", "no such caller")
    expect(page.locator("#calls > *")).to_have_count(0, timeout=180_000)


def check_board(page: Page, callers: Mapping[str, Hostile]) -> None:
    """One card for each call, with its text as text and nothing in it that the cards of the harmless do not have."""
    named = {id: without_blanks(card(caller)) for id, caller in callers.items() if caller.shown}

    def read() -> dict[str, list[str]]:
        cards: dict[str, list[str]] = page.evaluate(READ_CARDS)
        return {id: without_blanks(texts) for id, texts in cards.items() if id in named}

    until(read, named)
    shapes = page.evaluate(shape("#calls > *"))
    assert sorted(shapes) == sorted(callers)
    with_name, without = (shapes[id] for id in list(callers)[:2])
    for id, caller in callers.items():
        assert shapes[id] == (with_name if caller.shown else without), caller.label
    for id, caller in callers.items():
        if not caller.shown:
            assert page.locator(f"#{id} .party-label").first.inner_text().startswith("7"), caller.label


def check_admin(visit: Visit, panel: Panel, count: int) -> None:
    """The list of channels in the administration holds them as text, too."""
    page = visit(panel, "chief")
    watch = Watch(page, panel, ["/admin/"])
    rows = 0
    for number in range(1, 2 * count // 100 + 2):
        page.goto(f"{panel.url}/admin/calls/channel/?p={number}")
        rows += page.locator("#result_list tbody tr").count()
        assert set(page.evaluate(TAGS, "#result_list tbody tr > *, #result_list tbody tr *")) <= {
            "TH",
            "TD",
            "A",
            "IMG",
        }
        assert page.locator("#result_list img:not([src^='/static/admin/img/'])").count() == 0
    assert rows == 2 * count
    page.goto(f"{panel.url}/")
    page.wait_for_selector("html[data-live]")
    watch.check()


@pytest.mark.matrix
def test_every_hostile_caller_has_a_card_of_his_own_and_nothing_of_him_runs(
    asterisk22: Asterisk, panel22: Panel, visit: Visit
) -> None:
    page = visit(panel22, "anna", "/calls/")
    watch = Watch(page, panel22, ["/calls/", "/audit/"])
    with asterisk22.ami() as ami:
        callers = {f"call-main-{call(ami, caller)}": caller for caller in CALLERS}
    show_all(page, len(callers))
    check_board(page, callers)
    page.reload()
    page.wait_for_selector("html[data-live]")
    show_all(page, len(callers))
    check_board(page, callers)
    page.fill("#search", "no such caller")
    expect(page.locator("#calls > *")).to_have_count(0, timeout=180_000)
    # That the server finds each: see tests/calls/test_search.py.
    for id, caller in share([*callers.items()], 0, of=5):
        if caller.shown:
            search(page, caller.shown, finds=id)
    page.fill("#search", "")
    show_all(page, len(callers))
    expect(page.locator("#count-calls")).to_have_text(str(len(callers)))
    check_admin(visit, panel22, len(callers))
    page.evaluate(HANG_UP_ALL)
    expect(page.locator("#calls > *")).to_have_count(0, timeout=180_000)
    expect(page.locator(".panel-toast")).to_have_count(0)
    assert asterisk22.channels() == []
    watch.check()
    for number in range(1, len(callers) // 50 + 1):
        page.goto(f"{panel22.url}/audit/?q=hangup&page={number}")
        page.wait_for_selector("html[data-live]")
        assert page.locator(".audit tbody > tr").count() > 0
        assert set(page.evaluate(TAGS, ".audit tbody td *")) <= {"TIME", "BDI"}
    watch.check()
    assert not (asterisk22.root / "tmp/pwned").exists()

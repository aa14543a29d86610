"""Conferences and participants with hostile names: a real Asterisk 22, a real Chromium."""

from collections.abc import Mapping
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from conferences.models import Conference
from conferences.targets import can_be_asked_for
from tests.hostile.texts import TEXTS, Hostile
from tests.hostile.voices import Watch, call, shape, until
from tests.lab.ami import Ami
from tests.lab.asterisk import Asterisk
from tests.matrix import share
from tests.panel import Panel, Visit

pytestmark = [pytest.mark.timeout(900)]

# So many bytes of a conference's name Asterisk takes.
_LONGEST = 79
_HARMLESS = Hostile("harmless", b"8001", "8001", "8001")


def room(hostile: Hostile) -> str:
    return hostile.raw[:_LONGEST].decode("utf-8", "ignore")


def shown(hostile: Hostile) -> str:
    """How a conference of that name reads: its code points where there is nothing to see."""
    name = room(hostile)
    if hostile.label == "unknown" or name != hostile.text:
        return name.strip() if "\u0300" not in name else hostile.shown
    return hostile.shown or " ".join(f"U+{ord(character):04X}" for character in name[:8])


def _rooms() -> list[Hostile]:
    """The texts that can be names of conferences: Asterisk tells of none that is not UTF-8 or not one line.

    Two that differ in case are one conference to it.
    """
    found: dict[str, Hostile] = {}
    for text in TEXTS:
        if text.text.encode() == text.raw and not set("\0\r\n") & set(text.text):
            found.setdefault(room(text).lower(), text)
    return list(found.values())


ROOMS = _rooms()
BATCHES = 3

READ_CARDS = """() => Object.fromEntries([...document.querySelectorAll("#conferences > *")].map((card) =>
    [card.id, [".conference-name", ".conference-count"].map((part) => card.querySelector(part).textContent)]))"""
READ_PAGE = """async (id) => {
    const address = document.getElementById(id).querySelector("a").href;
    const page = new DOMParser().parseFromString(await (await fetch(address)).text(), "text/html");
    const elements = [...page.querySelectorAll("main, main *")].map((element) =>
        [element.tagName, ...element.getAttributeNames()].join(" "));
    return {
        title: page.title, heading: page.querySelector("h1 bdi").textContent, elements: elements.join("\\n"),
        people: [...page.querySelectorAll("#participants > *")].map((row) => row.querySelector("bdi").textContent),
        mute: page.querySelector("[data-action=mute]").getAttribute("hx-post"),
    };
}"""
POST = "(address) => htmx.ajax('POST', address, {target: '#toasts', swap: 'beforeend'})"


def muted(ami: Ami, name: str) -> list[str]:
    return [item["Muted"] for item in ami.listing("ConfbridgeList", Conference=name) if "Muted" in item]


def check_cards(page: Page, rooms: Mapping[str, Hostile]) -> None:
    until(lambda: page.evaluate(READ_CARDS), {id: [shown(text), "1 participant"] for id, text in rooms.items()})
    shapes = page.evaluate(shape("#conferences > *"))
    assert len(set(shapes.values())) == 1


@pytest.mark.matrix
@pytest.mark.parametrize("batch", range(BATCHES))
def test_a_conference_of_any_name_shows_and_obeys(
    batch: int, asterisk22: Asterisk, panel22: Panel, visit: Visit
) -> None:
    page = visit(panel22, "anna", "/conferences/")
    home = visit(panel22, "mona")
    watches = [Watch(each, panel22, ["/conferences/"]) for each in (page, home)]
    texts = [_HARMLESS, *share(ROOMS[batch::BATCHES], 0, of=2)]
    rooms = {Conference(pbx_id="main", name=room(text)).dom_id: text for text in texts}
    with asterisk22.ami() as ami:
        for number, text in enumerate(texts):
            call(ami, Hostile("", f"Guest {number}".encode(), "", ""), room(text).encode())
        for each in (page, home):
            check_cards(each, rooms)
        page.reload()
        page.wait_for_selector("html[data-live]")
        check_cards(page, rooms)
        harmless: dict[str, Any] | None = None
        for number, (id, text) in enumerate(rooms.items()):
            read = page.evaluate(READ_PAGE, id)
            harmless = harmless or read
            assert read["heading"] == shown(text)
            assert " ".join(read["title"].split()) == " ".join(f"Conference {shown(text)} · PBX Panel".split())
            assert read["people"] == [f"Guest {number}"]
            assert read["elements"] == harmless["elements"], text.label
            if can_be_asked_for(room(text)):
                page.evaluate(POST, read["mute"])
        assert page.locator(".panel-toast").all_inner_texts() == []
        for text in texts:
            if can_be_asked_for(room(text)):
                assert muted(ami, room(text)) == ["Yes"], text.label
    for id, text in list(rooms.items())[::9]:
        page.goto(f"{panel22.url}/conferences/")
        page.locator(f"#{id} a").click()
        page.wait_for_selector("html[data-live]")
        expect(page.locator("h1 bdi")).to_have_text(shown(text))
        expect(page.locator("#participants > *")).to_have_count(1)
        if can_be_asked_for(room(text)):
            expect(page.locator("#participants > .is-muted")).to_have_count(1)
            page.locator("[data-action=kick]").click()
            page.locator("#kick-dialog").get_by_role("button", name="Kick").click()
            expect(page.locator("#participants > *")).to_have_count(0)
            expect(page.locator("#conference-head > *")).to_have_class("conference-facts is-over")
    for watch in watches:
        watch.check()


READ_PEOPLE = """() => Object.fromEntries([...document.querySelectorAll("#participants > *")].map((row) =>
    [row.id, row.querySelector("bdi").textContent]))"""
CLICK_ON = """([verb, ids]) => {
    // Kicking asks first.
    const yes = (event) => { event.preventDefault(); event.stopImmediatePropagation(); event.detail.issueRequest(); };
    document.addEventListener("htmx:confirm", yes, true);
    for (const id of ids) document.getElementById(id).querySelector(`[data-action=${verb}]`).click();
}"""
# So many at once as are answered well within the minute after which a browser gives a request up.
AT_ONCE = 30


def click_on_all(page: Page, verb: str, ids: list[str]) -> None:
    for start in range(0, len(ids), AT_ONCE):
        page.evaluate(CLICK_ON, [verb, ids[start : start + AT_ONCE]])
        expect(page.locator("#participants .htmx-request")).to_have_count(0, timeout=60_000)


@pytest.mark.matrix
def test_participants_of_any_name_are_muted_and_kicked(asterisk22: Asterisk, panel22: Panel, visit: Visit) -> None:
    # The others call: see test_calls.py.
    people = share([text for text in TEXTS if b"\0" not in text.raw], 1, of=2)
    page = visit(panel22, "anna", "/conferences/main/8001/")
    watch = Watch(page, panel22, ["/conferences/"])
    with asterisk22.ami() as ami:
        ids = [f"participant-main-{call(ami, text, b'8001')}" for text in people]
    named = {id: text.shown for id, text in zip(ids, people, strict=True) if text.shown}

    def read() -> dict[str, str]:
        labels: dict[str, str] = page.evaluate(READ_PEOPLE)
        assert set(labels) <= set(ids)
        return {id: label for id, label in labels.items() if id in named}

    until(read, named)
    expect(page.locator("#participants > *")).to_have_count(len(people))
    click_on_all(page, "mute", ids)
    expect(page.locator("#participants > .is-muted")).to_have_count(len(people))
    page.reload()
    page.wait_for_selector("html[data-live]")
    until(read, named)
    click_on_all(page, "kick", ids)
    expect(page.locator("#participants > *")).to_have_count(0)
    expect(page.locator(".panel-toast")).to_have_count(0)
    watch.check()

"""Hostile callers by SIP, as anybody can be one; and how the worst of them look on a telephone's screen."""

import pytest
from playwright.sync_api import Page, expect

from tests.hostile.texts import TEXTS
from tests.hostile.voices import Watch, call
from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory
from tests.panel import Panel, Visit, hang_up

pytestmark = [pytest.mark.timeout(900)]

# Numbers as they stand in a SIP address; Asterisk decodes them and sends them on as they are.
FORGED = [
    "041%0d%0a%0d%0aEvent%3a%20ConfbridgeEnd%0d%0aConference%3a%208005",
    "042%0d%0a%0d%0aEvent%3a%20ConfbridgeEnd%0d%0aPrivilege%3a%20call,all%0d%0aConference%3a%208005",
    "043%0d%0a%0d%0aEvent%3a%20Hangup%0d%0aUniqueid%3a%20bystander",
    "044%0d%0aUniqueid%3a%20bystander%0d%0aLinkedid%3a%20bystander",
    "045%0d%0aLinkedid%3a%20x%0d%0a%0d%0aEvent%3a%20Hangup%0d%0aUniqueid%3a%20bystander",
    "046%0d%0a%0d%0aEvent%3a%20Rename%0d%0aUniqueid%3a%20bystander%0d%0aNewname%3a%20x",
]


def test_a_caller_forges_no_event_and_cannot_hide(
    asterisk: Asterisk, panel: Panel, visit: Visit, caller_factory: CallerFactory
) -> None:
    """They would end a conference, hang up the card of a bystander, or take it over: on the screen at least."""
    # Of all calls, also those in a conference, each channel has a stroke in its name.
    page, room = visit(panel, "anna", "/calls/?q=%2F"), visit(panel, "mona", "/conferences/main/8005/")
    with asterisk.ami() as ami:
        answer = ami.action(
            "Originate", Channel="Local/8005@internal", Application="Wait", Data="600", ChannelId="bystander",
            OtherChannelId="bystander-2", Async="true",
        )  # fmt: skip
        assert answer["Response"] == "Success"
    bystander = page.locator("#call-main-bystander")
    expect(bystander).to_be_visible()
    expect(room.locator(".participant")).to_have_count(1)
    was = bystander.locator(".call-parties").inner_text()
    for number in FORGED:
        caller_factory(asterisk, "602", number=number, name="Mallory").wait_for_status(200)
    for number in FORGED:
        mallory = page.locator("#calls > .call", has=page.get_by_text(number[:3], exact=True))
        expect(mallory).to_have_count(1)
        expect(mallory.locator(".party-label").first).to_have_text("Mallory")
    expect(page.locator("#calls > *")).to_have_count(1 + len(FORGED))
    assert bystander.locator(".call-parties").inner_text() == was
    expect(room.locator(".participant")).to_have_count(1)
    expect(room.locator("#conference-head")).to_contain_text("1 participant")
    for number in FORGED:
        mallory = page.locator("#calls > .call", has=page.get_by_text(number[:3], exact=True))
        hang_up(mallory)
        expect(mallory).to_have_count(0)
    expect(bystander).to_be_visible()


def by_sip() -> list[str]:
    """Names as a SIP header can hold them."""
    return [text.text for text in TEXTS if text.text.isprintable() and len(text.text) < 75 and "\\" not in text.text]


def test_hostile_callers_ring_on_the_first_page(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory
) -> None:
    page = visit(panel22, "ben")
    watch = Watch(page, panel22, [])
    names = by_sip()[::8]
    for name in names:
        caller_factory(asterisk22, "603", name=name)
    ringing = page.locator("#ringing-calls > *")
    expect(ringing).to_have_count(len(names), timeout=30_000)
    for name in names:
        # A quote in a SIP name bears a backslash, which Asterisk takes for a part of the name.
        expected = name.replace('"', '\\"').strip()
        expect(ringing.locator(".party-label").get_by_text(expected, exact=True)).to_have_count(1)
    page.reload()
    expect(ringing).to_have_count(len(names))
    watch.check()


UGLY = (
    "right to left", "direction left open", "arabic", "hebrew with digits", "flood of marks", "marks without a letter",
    "towers of marks", "ligature that grows", "cuneiform that is wide", "very long", "very long word",
    "very long in Chinese", "nothing but fillers", "many closing tags", "family", "bytes of no encoding",
)  # fmt: skip
# Pairs of boxes beside or below each other that may not overlap; what is wider than the screen.
LAYOUT = """(selector) => {
    const rows = [...document.querySelectorAll(selector)];
    const wrong = [];
    if (document.documentElement.scrollWidth > innerWidth) {
        const elements = [...document.querySelectorAll("body *")];
        const wide = elements.find((element) => element.getBoundingClientRect().right > innerWidth);
        wrong.push(`${location.pathname.slice(0, 40)} is wide: ${wide?.tagName}.${wide?.className}`);
    }
    rows.forEach((row, at) => {
        const box = row.getBoundingClientRect();
        if (box.left < 0 || box.right > innerWidth + 0.5) wrong.push(`${row.id} sticks out`);
        if (at && box.top + 0.5 < rows[at - 1].getBoundingClientRect().bottom) wrong.push(`${row.id} overlaps`);
        for (const button of row.querySelectorAll("button")) {
            const inner = button.getBoundingClientRect();
            if (inner.width && (inner.right > box.right + 0.5 || inner.left < box.left)) wrong.push(`${row.id} button`);
        }
    });
    return wrong;
}"""


def heights(page: Page, selector: str) -> list[float]:
    boxes: list[float] = page.evaluate(
        "(selector) => [...document.querySelectorAll(selector)].map((e) => e.getBoundingClientRect().height)", selector
    )
    return boxes


@pytest.mark.parametrize("width", [390, 1280])
def test_the_worst_looking_names_leave_the_layout_as_it_is(
    width: int, asterisk22: Asterisk, panel22: Panel, visit: Visit
) -> None:
    size = {"width": width, "height": 844}
    texts = [text for text in TEXTS if text.label in UGLY]
    assert len(texts) == len(UGLY)
    calls = visit(panel22, "anna", "/calls/?state=conference", viewport=size)
    with asterisk22.ami() as ami:
        for text in texts:
            call(ami, text, b"8001")
        call(ami, TEXTS[0], ("W" * 79).encode())
    expect(calls.locator("#calls > *")).to_have_count(len(texts) + 1, timeout=30_000)
    room = visit(panel22, "mona", "/conferences/main/8001/", viewport=size)
    rooms = visit(panel22, "mona", "/conferences/", viewport=size)
    long_room = visit(panel22, "mona", f"/conferences/main/{'W' * 79}/", viewport=size)
    home = visit(panel22, "mona", "/", viewport=size)
    expect(room.locator("#participants > *")).to_have_count(len(texts))
    # A list beside another is no stack: only on a telephone each card stands below the one before.
    for page, selector in (
        (calls, "#calls > *" if width < 800 else "none"), (room, "#participants > *"),
        (rooms, "#conferences > *" if width < 800 else "none"), (long_room, "#participants > *"), (home, "none"),
    ):  # fmt: skip
        page.wait_for_timeout(200)
        assert page.evaluate(LAYOUT, selector) == []
    assert len({round(height) for height in heights(room, "#participants > *")}) <= 2
    for summary in calls.locator("details.legs > summary").all():
        summary.click()
    assert calls.evaluate(LAYOUT, "#calls > *" if width < 800 else "none") == []

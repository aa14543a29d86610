"""The board of calls by state: chips that count, the address, one line a call, and a row for each conference."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory, PhoneFactory
from tests.panel import Panel, Visit, hang_up

from .test_call_menus import open_menu

pytestmark = pytest.mark.timeout(300)


def chip(page: Page, state: str) -> Locator:
    return page.locator(f"[data-look-state={state}]")


def expect_counts(page: Page, **counts: int) -> None:
    for state, count in counts.items():
        expect(page.locator(f"#count-of-{state}")).to_have_text(str(count))


def expect_callers(page: Page, *names: str) -> None:
    """The cards that are shown, by the name of each one's first party."""
    expect(page.locator("#calls > .call .party:first-child .party-label")).to_have_text([re.compile(n) for n in names])


def test_chips_count_and_filter_and_the_address_keeps_the_state(
    asterisk: Asterisk, panel: Panel, visit: Visit, caller_factory: CallerFactory, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk, "102")
    phone_factory(asterisk, "103", "ring")
    phone_factory(asterisk, "104")
    ben, vic = visit(panel, "ben", "/calls/"), visit(panel, "vic", "/calls/")
    expect_counts(ben, all=0, mine=0, ringing=0, waiting=0, talking=0, held=0, conference=0)
    expect(chip(vic, "mine")).to_have_count(0)
    caller_factory(asterisk, "103", number="0401", name="Rita")
    talking = caller_factory(asterisk, "102", number="0402", name="Tom")
    caller_factory(asterisk, "104", number="0403", name="Hanna")
    caller_factory(asterisk, "611", number="0404", name="Quentin")
    expect_counts(ben, all=4, mine=1, ringing=1, waiting=1, talking=2, held=0, conference=0)
    open_menu(ben, "Hanna").get_by_role("button", name="Hold").click()
    expect_counts(ben, all=4, mine=1, ringing=1, waiting=1, talking=1, held=1, conference=0)
    expect_counts(vic, all=4, ringing=1, waiting=1, talking=1, held=1)
    chip(ben, "ringing").click()
    expect_callers(ben, "Rita")
    assert ben.url.endswith("/calls/?state=ringing")
    expect(chip(ben, "ringing")).to_have_attribute("aria-current", "true")
    expect(ben.locator("#look-status")).to_have_text("Ringing 1")
    # As by a keyboard: the chips follow each other, and the focus stays on the chosen one.
    ben.keyboard.press("Tab")
    ben.keyboard.press("Enter")
    expect_callers(ben, "Quentin")
    expect(chip(ben, "waiting")).to_be_focused()
    chip(ben, "mine").click()
    expect_callers(ben, "Tom")
    # What is shown lives: a call leaves the state, another one enters it.
    chip(ben, "ringing").click()
    expect_callers(ben, "Rita")
    caller_factory(asterisk, "103", number="0405", name="Rolf")
    expect_callers(ben, "Rita", "Rolf")
    expect_counts(ben, all=5, ringing=2)
    talking.stop()
    expect_counts(ben, all=4, mine=0, talking=0)
    # With the search both must hold; the address keeps both, and a reload draws them so at first.
    ben.fill("#search", "rolf")
    expect_callers(ben, "Rolf")
    assert ben.url.endswith("/calls/?state=ringing&q=rolf")
    chip(ben, "held").click()
    expect(ben.locator("#calls > .call")).to_have_count(0)
    expect(ben.get_by_text("No call matches your search.")).to_be_visible()
    chip(ben, "ringing").click()
    expect_callers(ben, "Rolf")
    ben.reload()
    expect_callers(ben, "Rolf")
    expect_counts(ben, all=4, ringing=2)
    ben.wait_for_selector("html[data-live]")
    expect_callers(ben, "Rolf")
    ben.fill("#search", "")
    expect_callers(ben, "Rita", "Rolf")
    chip(ben, "talking").click()
    expect(ben.get_by_text("Nobody is talking on the telephone.")).to_be_visible()
    chip(ben, "all").click()
    expect_callers(ben, "Rita", "Hanna", "Quentin", "Rolf")
    assert ben.url.endswith("/calls/")


def test_counts_hold_after_the_connection_was_lost(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory
) -> None:
    page = visit(panel22, "ben", "/calls/?state=waiting")
    caller_factory(asterisk22, "611", number="0404", name="Quentin")
    expect_counts(page, all=1, waiting=1)
    page.evaluate("() => { delete document.documentElement.dataset.live; }")
    page.context.set_offline(True)
    page.context.set_offline(False)
    page.evaluate("() => dispatchEvent(new Event('online'))")
    page.wait_for_selector("html[data-live]")
    expect_callers(page, "Quentin")
    caller_factory(asterisk22, "602", number="0405", name="Alone")
    expect_counts(page, all=2, waiting=1)
    expect_callers(page, "Quentin")


def test_a_conference_is_one_row_with_its_room_its_count_and_a_link(
    asterisk: Asterisk, panel: Panel, visit: Visit, caller_factory: CallerFactory
) -> None:
    page = visit(panel, "anna", "/calls/")
    caller_factory(asterisk, "8001", number="0401", name="Carla")
    row = page.locator("#calls-conferences > .conference")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("1 participant")
    caller_factory(asterisk, "8001", number="0402", name="Dora")
    expect(row).to_contain_text("2 participants")
    expect(page.locator("#calls > .call")).to_have_count(0)
    expect(page.get_by_text("No calls at the moment.")).to_be_hidden()
    expect_counts(page, all=2, conference=2, talking=0)
    # Each of them is there by name, and by the state, with all that can be done.
    page.fill("#search", "carla")
    expect_callers(page, "Carla")
    expect(row).to_be_hidden()
    page.fill("#search", "")
    expect(row).to_be_visible()
    chip(page, "conference").click()
    expect_callers(page, "Carla", "Dora")
    expect(row).to_be_visible()
    hang_up(page.locator(".call", has_text="Dora"))
    expect_callers(page, "Carla")
    expect(row).to_contain_text("1 participant")
    # A new connection begins with the conference too.
    chip(page, "all").click()
    page.reload()
    expect(row).to_contain_text("1 participant")
    page.wait_for_selector("html[data-live]")
    row.get_by_role("link").click()
    expect(page).to_have_url(f"{panel.url}/conferences/main/8001/")


def test_one_line_a_call_is_kept_and_every_action_is_there(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk22, "103", "ring")
    phone_factory(asterisk22, "104")
    page = visit(panel22, "ben", "/calls/", viewport={"width": 1440, "height": 900})
    caller_factory(asterisk22, "103", number="0401", name="Rita")
    caller_factory(asterisk22, "104", number="0402", name="Tom")
    calls = page.locator("#calls > .call")
    expect(calls).to_have_count(2)
    switch = page.get_by_role("button", name="One line a call")
    expect(switch).to_have_attribute("aria-pressed", "false")
    switch.click()
    expect(switch).to_have_attribute("aria-pressed", "true")
    page.reload()
    page.wait_for_selector("html[data-live]")
    expect(switch).to_have_attribute("aria-pressed", "true")
    boxes = [box for box in (call.bounding_box() for call in calls.all()) if box]
    assert [box["height"] <= 20 for box in boxes] == [True, True]
    # So many fit below the first one.
    assert (900 - boxes[0]["y"]) / boxes[0]["height"] >= 40
    for name in ("state", "parties"):
        left = [part.bounding_box() for part in page.locator(f".call-{name}").all()]
        assert len({box["x"] for box in left if box}) == 1
    ringing, talking = page.locator(".call", has_text="Rita"), page.locator(".call", has_text="Tom")
    expect(ringing.get_by_role("button", name=re.compile("^Pick up"))).to_be_visible()
    talking.hover()
    talking.get_by_label(re.compile("^More for .*Tom")).click()
    menu = talking.locator(".menu-items:visible")
    menu.get_by_role("button", name="Park").click()
    expect(talking.locator(".call-state")).to_have_text(re.compile("^Parked on 70"))
    expect(talking.get_by_role("button", name="Retrieve Tom 0402")).to_be_visible()
    talking.get_by_text("Details").click()
    talking.locator("[data-action=hangup-leg]").first.click()
    question = page.locator("#question")
    expect(question).to_contain_text("You are not in the call of PJSIP/")
    question.get_by_role("button", name="Cancel").click()
    expect(talking).to_be_visible()
    talking.locator("[data-action=hangup-leg]").first.click()
    question.get_by_role("button", name="Yes").click()
    expect(talking).to_have_count(0)
    hang_up(ringing)
    expect(calls).to_have_count(0)


def test_a_phone_has_cards_and_its_chips_in_one_row(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory
) -> None:
    page = visit(panel22, "anna", "/calls/", viewport={"width": 390, "height": 844})
    page.evaluate("() => localStorage.setItem('board', 'lines')")
    page.reload()
    page.wait_for_selector("html[data-live]")
    expect(page.get_by_role("button", name="One line a call")).to_be_hidden()
    caller_factory(asterisk22, "611", number="0404", name="Quentin")
    expect_counts(page, all=1, waiting=1)
    height = page.locator("#counts").bounding_box()
    card = page.locator("#calls > .call").bounding_box()
    assert height is not None
    assert card is not None
    assert height["height"] < 60 < card["height"]
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    chip(page, "conference").click()
    expect(page.get_by_text("No call is in a conference.")).to_be_visible()
    # The chosen chip comes into sight.
    box = chip(page, "conference").bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= 390

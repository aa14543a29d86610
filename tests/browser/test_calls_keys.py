"""The keys of the board: each user may choose others, or turn them off, in their browser."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory
from tests.panel import Panel, Visit

pytestmark = pytest.mark.timeout(300)


def row(page: Page, name: str) -> Locator:
    return page.locator(f"#keys-dialog [data-shortcut={name}]")


def expect_no_dialog(page: Page) -> None:
    """Nothing that was pressed has opened one; what would have come is there by now."""
    page.evaluate("() => new Promise(requestAnimationFrame)")
    expect(page.locator("dialog[open]")).to_have_count(0)


def test_a_key_is_changed_and_turned_off_and_the_browser_keeps_that(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory
) -> None:
    page = visit(panel22, "ben", "/calls/")
    caller_factory(asterisk22, "602", number="0401", name="Carla")
    card = page.locator(".call", has_text="Carla")
    card.focus()
    page.keyboard.press("f")
    expect(page.locator("#search")).to_be_focused()
    card.focus()
    page.keyboard.press("?")
    told = page.locator("#keys-dialog [role=status]")
    change = row(page, "transfer").get_by_role("button", name="Change")
    change.focus()
    page.keyboard.press("Enter")
    expect(told).to_have_text("Press the new key. Esc leaves it as it is.")
    # What cannot be, and what is taken, is said, and it is asked on.
    page.keyboard.press("F2")
    expect(told).to_have_text("Press a letter, a digit or a sign.")
    page.keyboard.press("/")
    expect(told).to_have_text("Another function has this key already.")
    page.keyboard.press("x")
    expect(told).to_have_text("The key is now: x")
    expect(row(page, "transfer").locator("kbd")).to_have_text("x")
    expect(change).to_be_focused()
    # Escape leaves a key as it is, and only then closes the dialog.
    change.click()
    page.keyboard.press("Escape")
    expect(told).to_be_empty()
    expect(page.locator("#keys-dialog")).to_be_visible()
    row(page, "search").get_by_role("button", name="Turn this key off").click()
    expect(told).to_have_text("This key is turned off.")
    page.keyboard.press("Escape")
    expect_no_dialog(page)
    for again in (False, True):
        if again:
            page.reload()
            page.wait_for_selector("html[data-live]")
        card.focus()
        page.keyboard.press("t")
        page.keyboard.press("f")
        expect_no_dialog(page)
        expect(card).to_be_focused()
        page.keyboard.press("x")
        expect(page.locator("#transfer-dialog")).to_be_visible()
        page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.get_by_role("button", name="Usual keys").click()
    expect(row(page, "transfer").locator("kbd")).to_have_text("t")
    page.keyboard.press("Escape")
    card.focus()
    page.keyboard.press("t")
    expect(page.locator("#transfer-dialog")).to_be_visible()


def test_all_keys_of_one_character_are_turned_off_on_every_page(panel22: Panel, visit: Visit) -> None:
    page = visit(panel22, "anna", "/calls/")
    page.get_by_role("button", name="Keys").click()
    page.get_by_label("Keys of one character do something").uncheck()
    page.keyboard.press("Escape")
    expect(page.locator(".dial kbd")).to_be_hidden()
    for path in ("/calls/", "/", "/system/", "/conferences/main/8001/"):
        page.goto(f"{panel22.url}{path}")
        page.wait_for_selector("html[data-live]")
        for key in ("?", "/", "f", "t"):
            page.keyboard.press(key)
        expect_no_dialog(page)
        expect(page.locator("#dial-number")).not_to_be_focused()
    # The switch is on the page of a conference, too.
    page.get_by_role("button", name="Keys").click()
    switch = page.get_by_label("Keys of one character do something")
    expect(switch).not_to_be_checked()
    switch.check()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    expect(page.locator("#dial-number")).to_be_focused()

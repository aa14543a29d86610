"""Switches of a PBX, live on every page that is open: a real Chromium, a real Asterisk 22."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.test_rooms import WIDTHS, is_within
from tests.lab.asterisk import Asterisk
from tests.panel import Panel, Visit

_FILL = """
from extensions.switches.models import Switch
for name in ("Holiday", "Night"):
    Switch.objects.create(pbx="main", name=name, device="Custom:" + name)
"""
_EMPTY = "from extensions.switches.models import Switch; Switch.objects.all().delete()"


@pytest.fixture
def named(panel22: Panel) -> Iterator[Panel]:
    """A panel with two switches, until the test has ended."""
    panel22.shell(_FILL)
    yield panel22
    panel22.shell(_EMPTY)


def expect_switches(page: Page, *names: str) -> None:
    expect(page.locator(".switch:not(.is-ended) .room-link")).to_have_text([re.compile(name) for name in names])


def switch(page: Page, name: str) -> Locator:
    return page.locator(".switch", has=page.locator(".room-link", has_text=name))


def name_one(page: Page, panel: Panel, name: str) -> None:
    page.goto(f"{panel.url}/switches/new/")
    page.locator("#id_name").fill(name)
    page.locator("#id_device").fill("Custom:X")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text(f"{name} was saved.")).to_be_visible()


def rename(page: Page, panel: Panel, name: str, another: str) -> None:
    page.goto(f"{panel.url}/switches/")
    switch(page, name).get_by_role("link", name="Edit").click()
    page.locator("#id_name").fill(another)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text(f"{another} was saved.")).to_be_visible()


def take_away(page: Page, panel: Panel, name: str) -> None:
    page.goto(f"{panel.url}/switches/")
    switch(page, name).get_by_role("link", name="Edit").click()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text(f"{name} was deleted.")).to_be_visible()


@pytest.mark.parametrize("width", WIDTHS)
def test_a_switch_that_is_named_renamed_or_taken_away_is_so_on_every_open_page(
    asterisk22: Asterisk, named: Panel, visit: Visit, width: str
) -> None:
    page, anna = visit(named, "ben", "/switches/", viewport=WIDTHS[width]), visit(named, "anna", "/switches/")
    expect_switches(page, "Holiday", "Night")
    name_one(anna, named, "<b>Lunch</b>")
    expect_switches(page, "<b>Lunch</b>", "Holiday", "Night")
    assert is_within(page)
    rename(anna, named, "Holiday", "Sunday")
    expect_switches(page, "<b>Lunch</b>", "Night", "Sunday")
    for name in ("<b>Lunch</b>", "Night", "Sunday"):
        take_away(anna, named, name)
    expect_switches(page)
    expect(page.get_by_text("No switch of a PBX has been named yet.")).to_be_visible()
    name_one(anna, named, "Night")
    expect_switches(page, "Night")
    expect(page.get_by_text("No switch of a PBX has been named yet.")).to_be_hidden()


def test_no_switch_moves_under_the_pointer(asterisk22: Asterisk, named: Panel, visit: Visit) -> None:
    page, anna = visit(named, "ben", "/switches/"), visit(named, "anna", "/switches/")
    night = switch(page, "Night")
    before = night.bounding_box()
    # As somebody who is about to click: the pointer is at work until the test says otherwise.
    page.evaluate("""() => {
      const button = document.querySelectorAll(".switch")[1];
      window.moving = setInterval(() => button.dispatchEvent(new PointerEvent("pointermove", { bubbles: true })), 100);
    }""")
    night.get_by_role("button").first.hover()
    name_one(anna, named, "Breakfast")
    expect_switches(page, "Holiday", "Night", "Breakfast")
    take_away(anna, named, "Holiday")
    expect(page.locator(".switch.is-ended")).to_have_count(1)
    assert night.bounding_box() == before
    page.evaluate("clearInterval(window.moving)")
    expect_switches(page, "Breakfast", "Night")
    expect(page.locator(".switch")).to_have_count(2)

"""Extension states change on the screen as they change on the PBX: a real Chromium, real Asterisks 22 and 16."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.test_rooms import WIDTHS, is_within
from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory, PhoneFactory
from tests.panel import Panel, Visit


@pytest.fixture(params=WIDTHS)
def width(request: pytest.FixtureRequest) -> dict[str, int]:
    return WIDTHS[request.param]


def test_states_and_presences_are_live(
    asterisk: Asterisk,
    panel: Panel,
    visit: Visit,
    width: dict[str, int],
    phone_factory: PhoneFactory,
    caller_factory: CallerFactory,
) -> None:
    page = visit(panel, "anna", "/system/main/states/", viewport=width)
    extension = page.locator("#extension-main-102_40_internal")
    expect(extension).to_contain_text("idle")
    assert is_within(page)
    search = page.get_by_label("Search extensions")
    search.fill("internal 102")
    expect(page.locator("#states > li:visible")).to_have_count(1)
    phone = phone_factory(asterisk, "102", "ring")
    caller = caller_factory(asterisk, "102")
    expect(extension).to_contain_text("ringing")
    expect(extension).to_have_class("state is-ringing")
    expect(page.locator("#device-main-PJSIP_2f_102")).to_contain_text("ringing")
    expect(search).to_be_focused()
    expect(search).to_have_value("internal 102")
    caller.stop()
    phone.stop()
    expect(extension).to_contain_text("idle")
    try:
        asterisk.cli('presencestate change CustomPresence:102 "DND,,<i>no</i>"')
        presence = page.locator("#presences > li", has_text="CustomPresence:102")
        expect(presence).to_contain_text("do not disturb")
        expect(presence).to_contain_text("<i>no</i>")
    finally:
        asterisk.cli("presencestate change CustomPresence:102 AVAILABLE")
    expect(presence).to_have_text(re.compile(r"CustomPresence:102\s+available\s*"))
    assert is_within(page)


def test_one_is_asked_for_and_answered_in_words(panel: Panel, visit: Visit, width: dict[str, int]) -> None:
    page = visit(panel, "anna", "/system/main/states/", viewport=width)
    page.get_by_label("Extension", exact=True).fill("602")
    page.get_by_label("Context", exact=True).fill("internal")
    page.keyboard.press("Enter")
    expect(page.locator("#extension-answer")).to_contain_text("It has no hint")
    page.get_by_label("Extension", exact=True).fill("109")
    page.keyboard.press("Enter")
    expect(page.locator("#extension-answer")).to_contain_text("unreachable")
    page.get_by_label("Presence of").fill("nobody")
    page.keyboard.press("Enter")
    expect(page.locator("#presence-answer")).to_contain_text("Asterisk has no source")
    expect(page.get_by_label("Presence of")).to_have_value("nobody")
    assert is_within(page)

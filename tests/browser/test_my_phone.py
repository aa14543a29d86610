"""The bar of my phone on every page: a real Chromium, a real Asterisk 22."""

import re

from playwright.sync_api import Locator, Page, expect

from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory, PhoneFactory
from tests.panel import Panel, Visit


def bar(page: Page) -> Locator:
    return page.locator("#my-phone")


def my_call(page: Page) -> Locator:
    return bar(page).locator(".my-call")


def test_an_incoming_call_shows_on_every_page_with_who_it_is_and_can_be_rejected(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk22, "102", "ring")
    ben = visit(panel22, "ben", "/profile/")
    expect(bar(ben)).to_contain_text("PJSIP/102")
    expect(bar(ben)).to_contain_text("No call")
    caller = caller_factory(asterisk22, "102", name="Carla")
    expect(my_call(ben)).to_have_attribute("data-rings", "")
    expect(my_call(ben).locator(".party-label")).to_have_text("Carla")
    expect(my_call(ben)).to_contain_text("0401234567")
    expect(my_call(ben)).to_contain_text("is calling you")
    my_call(ben).get_by_role("button", name="Reject").click()
    caller.wait_for_status(486)
    expect(my_call(ben)).to_have_count(0)
    expect(bar(ben)).to_contain_text("No call")


def test_my_call_is_held_resumed_transferred_and_hung_up_in_the_bar(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk22, "102")
    phone_factory(asterisk22, "103")
    ben = visit(panel22, "ben", "/conferences/")
    caller_factory(asterisk22, "102", name="Carla")
    expect(my_call(ben).locator(".my-call-state")).to_have_text("Talking")
    my_call(ben).get_by_role("button", name="Hold").click()
    expect(my_call(ben).locator(".my-call-state")).to_have_text("On hold")
    expect(my_call(ben).locator(".party-label")).to_have_text("Carla")
    my_call(ben).get_by_role("button", name="Resume the call with Carla").click()
    expect(my_call(ben).locator(".my-call-state")).to_have_text("Talking")
    my_call(ben).get_by_role("button", name="Keys").click()
    expect(ben.locator("#keypad-dialog [data-who]")).to_have_text("Carla 0401234567")
    ben.keyboard.press("Escape")
    my_call(ben).get_by_role("button", name="Transfer").click()
    expect(ben.locator("#transfer-dialog [data-who]")).to_have_text("Carla 0401234567")
    ben.keyboard.type("103")
    ben.keyboard.press("Shift+Enter")
    expect(my_call(ben).get_by_role("button", name="Back to Carla")).to_be_visible()
    expect(my_call(ben).locator(".my-call-state")).to_have_text("Talking")
    expect(my_call(ben).locator(".call-transfer")).to_contain_text("Carla is on hold while 103 is consulted")
    my_call(ben).get_by_role("button", name="Back to Carla").click()
    expect(my_call(ben).locator(".call-transfer")).to_have_count(0)
    expect(my_call(ben).locator(".party-label")).to_have_text("Carla")
    my_call(ben).get_by_role("button", name=re.compile("^Hang up")).click()
    expect(my_call(ben)).to_have_count(0)


def test_a_second_call_stands_beside_the_first_and_others_do_not_see_mine(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk22, "102")
    ben, anna, vic = (visit(panel22, name) for name in ("ben", "anna", "vic"))
    caller_factory(asterisk22, "102", name="Carla")
    expect(my_call(ben).locator(".my-call-state")).to_have_text("Talking")
    caller_factory(asterisk22, "102", name="Dora")
    expect(my_call(ben)).to_have_count(2)
    expect(my_call(ben).locator(".party-label")).to_have_text(["Carla", "Dora"])
    expect(bar(anna)).to_contain_text("PJSIP/101")
    expect(my_call(anna)).to_have_count(0)
    expect(bar(vic)).to_be_hidden()

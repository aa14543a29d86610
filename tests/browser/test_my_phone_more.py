"""My telephone is answered from the bar, and somebody who is busy is called when both are free: a real Chromium."""

from playwright.sync_api import expect

from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory, PhoneFactory
from tests.lab.softphone import Softphone
from tests.panel import Panel, Visit

from .test_call_menus import card, open_menu
from .test_my_phone import bar, my_call


def test_a_phone_that_was_tried_is_answered_in_the_bar(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory
) -> None:
    with Softphone(asterisk22, "101", rings=True):
        anna = visit(panel22, "anna", "/profile/")
        answering = anna.locator("#answering")
        answering.get_by_role("button", name="Try it now").click()
        expect(answering).to_contain_text("Your phone takes a call when it is told to")
        expect(anna.locator(".panel-toast.is-success")).to_contain_text("Your phone took the call")
        expect(my_call(anna)).to_have_count(0)
        anna.goto(f"{panel22.url}/conferences/")
        caller_factory(asterisk22, "101", name="Carla")
        my_call(anna).get_by_role("button", name="Answer", exact=True).click()
        expect(my_call(anna).locator(".my-call-state")).to_have_text("Talking")
        expect(my_call(anna).locator(".party-label")).to_have_text("Carla")
        my_call(anna).locator("[data-action=hangup]").click()
        expect(my_call(anna)).to_have_count(0)


def test_of_a_phone_that_does_not_understand_it_is_said_and_there_is_no_button(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory
) -> None:
    with Softphone(asterisk22, "102", rings=True, obeys=False):
        ben = visit(panel22, "ben", "/profile/")
        ben.locator("#answering").get_by_role("button", name="Try it now").click()
        expect(ben.locator(".panel-toast.is-warning")).to_contain_text("it has to be answered there")
        expect(my_call(ben)).to_have_count(0)
        caller_factory(asterisk22, "102", name="Carla")
        expect(my_call(ben).get_by_role("button", name="Reject")).to_be_visible()
        expect(my_call(ben).locator("[data-action=answer]")).to_be_hidden()


def test_somebody_busy_is_called_when_both_are_free_unless_that_is_taken_back(
    asterisk: Asterisk, panel: Panel, visit: Visit, caller_factory: CallerFactory, phone_factory: PhoneFactory
) -> None:
    for number in ("101", "102"):
        phone_factory(asterisk, number)
    anna = visit(panel, "anna", "/calls/")
    caller = caller_factory(asterisk, "102", name="Carla")
    expect(card(anna, "Carla").locator(".call-state")).to_have_text("Talking")
    waits = bar(anna).locator(".camp-on")
    for _ in range(2):
        open_menu(anna, "Ben Beta").get_by_role("button", name="Call when both are free").click()
        expect(anna.locator(".panel-toast.is-success")).to_contain_text("as soon as you and 102 are free")
        expect(waits).to_contain_text("You are called when 102 is free")
        waits.get_by_role("button", name="Take back: do not call 102").click()
        expect(waits).to_have_count(0)
        anna.locator(".panel-toast .btn-close").click()
    open_menu(anna, "Ben Beta").get_by_role("button", name="Call when both are free").click()
    expect(waits).to_have_count(1)
    anna.reload()
    expect(waits).to_have_count(1)
    caller.stop()
    expect(my_call(anna).locator(".my-call-state")).to_have_text("Talking")
    expect(my_call(anna).locator(".party-label")).to_have_text("Ben Beta")
    expect(waits).to_have_count(0)


def test_whoever_finds_a_number_busy_is_offered_to_be_called_when_it_is_free(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk22, "101")
    phone_factory(asterisk22, "104", "busy")
    anna = visit(panel22, "anna")
    anna.fill("#dial-number", "104")
    anna.press("#dial-number", "Enter")
    toast = anna.locator(".panel-toast", has_text="104 is busy.")
    toast.get_by_role("button", name="Call when both are free").click()
    expect(toast).to_have_count(0)
    expect(bar(anna).locator(".camp-on")).to_contain_text("104")
    bar(anna).get_by_role("button", name="Take back").click()
    expect(bar(anna).locator(".camp-on")).to_have_count(0)

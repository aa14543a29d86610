"""A caller and a third person by turns, all three, a transfer that comes back: a real Chromium and Asterisk 22."""

from playwright.sync_api import Locator, Page, expect

from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory, PhoneFactory
from tests.panel import Panel, Visit
from tests.system.doctor.faults import without_module
from tests.waiting import until

from .test_call_menus import card, open_menu


def strip(page: Page) -> Locator:
    return card(page, "Carla").locator(".call-transfer")


def names(page: Page) -> list[str]:
    return card(page, "Carla").locator(".party-text > bdi").all_inner_texts()


def toast(page: Page, text: str) -> Locator:
    return page.locator(".panel-toast", has_text=text)


def test_the_caller_and_the_target_are_swapped_and_then_all_three_talk(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory, phone_factory: PhoneFactory
) -> None:
    for number in ("102", "103"):
        phone_factory(asterisk22, number)
    ben, vic = visit(panel22, "ben", "/calls/"), visit(panel22, "vic", "/calls/")
    caller_factory(asterisk22, "102", name="Carla")
    expect(card(ben, "Carla").locator(".call-state")).to_have_text("Talking")
    open_menu(ben, "Carla").get_by_role("button", name="Transfer").click()
    expect(ben.locator("#transfer-to")).to_be_focused()
    ben.keyboard.type("103")
    ben.keyboard.press("Shift+Enter")
    expect(strip(ben)).to_contain_text("Carla is on hold while 103 is consulted")
    # Of three who are on the card each bears a name or number of their own.
    expect(card(ben, "Carla").locator(".party-text")).to_have_count(3)
    assert names(ben).count("Carla") == 1
    swap = strip(ben).get_by_role("button", name="Swap Carla and 103")
    for waits in ("103 is on hold while Carla is talked to", "Carla is on hold while 103 is consulted"):
        swap.focus()
        ben.keyboard.press("Enter")
        expect(strip(ben)).to_contain_text(waits)
        expect(strip(vic)).to_contain_text(waits)
        expect(swap).to_be_focused()
    expect(strip(vic).locator(".call-transfer-actions")).to_be_hidden()
    strip(ben).get_by_role("button", name="Join: Carla, 103 and the phone talk all three").click()
    expect(strip(ben)).to_have_count(0)
    expect(toast(ben, "Carla, 103 and you talk all three.")).to_be_visible()
    for page in (ben, vic):
        expect(card(page, "Carla").locator(".call-state")).to_have_text("Talking")
        expect(card(page, "Carla").locator(".party-text")).to_have_count(3)
        expect(card(page, "Carla").locator(".call-conference")).to_have_count(0)
    ben.goto(f"{panel22.url}/conferences/")
    expect(ben.locator("h1")).to_be_visible()
    expect(ben.locator("main")).not_to_contain_text("Carla")


def test_a_person_is_added_to_a_call_of_two(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory, phone_factory: PhoneFactory
) -> None:
    for number in ("102", "103"):
        phone_factory(asterisk22, number)
    ben = visit(panel22, "ben", "/calls/", viewport={"width": 375, "height": 667}, has_touch=True, is_mobile=True)
    caller_factory(asterisk22, "102", name="Carla")
    expect(card(ben, "Carla").locator(".call-state")).to_have_text("Talking")
    open_menu(ben, "Carla").get_by_role("button", name="Add a person").tap()
    dialog = ben.locator("#person-dialog")
    expect(dialog.locator("[data-who]")).to_have_text("Carla 0401234567")
    expect(dialog.locator("#person-to")).to_be_focused()
    for number, sentence in (("mum", "is not a number"), ("7999", "The number does not exist in your dial context.")):
        dialog.locator("#person-to").fill(number)
        ben.keyboard.press("Enter")
        expect(dialog.get_by_role("alert").filter(has_text=sentence)).to_be_visible()
    dialog.locator("#person-to").fill("103")
    ben.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(strip(ben)).to_contain_text("Carla is on hold while 103 is consulted")
    for button in strip(ben).get_by_role("button").all():
        box = button.bounding_box()
        assert box is not None
        assert 0 <= box["x"] <= box["x"] + box["width"] <= 375
    strip(ben).get_by_role("button", name="Join").tap()
    expect(card(ben, "Carla").locator(".party-text")).to_have_count(3)
    expect(strip(ben)).to_have_count(0)


def test_a_transfer_comes_back_and_the_choice_is_remembered(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk22, "102")
    phone_factory(asterisk22, "103", "ring")
    phone_factory(asterisk22, "104", "busy")
    ben = visit(panel22, "ben", "/calls/")
    caller_factory(asterisk22, "102", name="Carla")
    expect(card(ben, "Carla").locator(".call-state")).to_have_text("Talking")
    open_menu(ben, "Carla").get_by_role("button", name="Transfer").click()
    comes_back = ben.get_by_label("Comes back to my phone if nobody answers within 30 seconds")
    expect(comes_back).not_to_be_checked()
    comes_back.check()
    ben.locator("#transfer-to").fill("103")
    ben.locator("#transfer-to").press("Enter")
    expect(toast(ben, "Carla is being transferred to 103, and comes back if nobody answers.")).to_be_visible()
    expect(strip(ben)).to_contain_text("Carla is being transferred to 103, and comes back if nobody answers")
    expect(card(ben, "Carla")).not_to_contain_text("Ben Beta")
    strip(ben).get_by_role("button", name="Bring Carla back now").click()
    expect(strip(ben)).to_have_count(0)
    expect(card(ben, "Carla").locator(".call-state")).to_have_text("Talking")
    expect(card(ben, "Carla")).to_contain_text("Ben Beta")
    ben.reload()
    ben.wait_for_selector("html[data-live]")  # what it is told before, it is not shown
    open_menu(ben, "Carla").get_by_role("button", name="Transfer").click()
    expect(comes_back).to_be_checked()
    ben.locator("#transfer-to").fill("104")
    ben.locator("#transfer-to").press("Enter")
    expect(toast(ben, "Carla came back from 104 and was answered.")).to_be_visible()
    expect(card(ben, "Carla").locator(".call-state")).to_have_text("Talking")
    expect(card(ben, "Carla")).to_contain_text("Ben Beta")


def test_a_caller_is_sent_to_voicemail(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk22, "102")
    ben = visit(panel22, "ben", "/calls/")
    caller_factory(asterisk22, "102", name="Carla")
    expect(card(ben, "Carla").locator(".call-state")).to_have_text("Talking")
    open_menu(ben, "Carla").get_by_role("button", name="Transfer").click()
    dialog = ben.locator("#transfer-dialog")
    dialog.locator("#transfer-to").fill("104")
    dialog.get_by_role("button", name="To voicemail").click()
    expect(dialog.get_by_role("alert").filter(has_text="There is no voicemail for this number.")).to_be_visible()
    dialog.locator("#transfer-to").fill("101")
    anna = visit(panel22, "anna")
    told = anna.locator("#my-phone .phone-messages")
    before = int(told.inner_text().split()[0]) if told.count() else 0
    dialog.get_by_role("button", name="To voicemail").click()
    expect(dialog).to_be_hidden()
    expect(toast(ben, "Carla may leave a message for 101.")).to_be_visible()
    expect(card(ben, "Carla").locator(".call-state")).to_have_text("Leaving a message")
    # The greeting takes its time, and whoever says nothing then is let go.
    expect(told).to_contain_text(f"{before + 1} new voicemail message", timeout=60_000)


def test_where_there_is_no_voicemail_it_is_not_offered(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk22, "102")
    with without_module(asterisk22, "app_voicemail.so"):
        asterisk22.cli("module reload pbx_config.so")  # of what is unloaded no event tells
        until(lambda: 'data-with-voicemail=""' in visit(panel22, "ben", "/calls/").content(), 20)
        ben = visit(panel22, "ben", "/calls/")
        caller_factory(asterisk22, "102", name="Carla")
        expect(card(ben, "Carla").locator(".call-state")).to_have_text("Talking")
        open_menu(ben, "Carla").get_by_role("button", name="Transfer").click()
        dialog = ben.locator("#transfer-dialog")
        expect(dialog.get_by_role("button", name="Consult first")).to_be_visible()
        expect(dialog.get_by_role("button", name="To voicemail")).to_be_hidden()
    asterisk22.cli("module reload pbx_config.so")
    until(lambda: 'data-with-voicemail="main"' in visit(panel22, "ben", "/calls/").content(), 20)

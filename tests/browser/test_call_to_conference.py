"""A call is brought into a conference from its card: a real Chromium, a real Asterisk 22."""

import re

from playwright.sync_api import Route, expect

from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory, PhoneFactory
from tests.panel import Panel, Visit

from .test_call_menus import card, choices, open_menu


def test_everybody_in_a_call_is_brought_into_a_conference_that_was_chosen(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk22, "103")
    asterisk22.cli("channel originate Local/8001@internal application Wait 600")
    anna, vic = visit(panel22, "anna", "/calls/"), visit(panel22, "vic", "/calls/")
    caller_factory(asterisk22, "103", name="Carla")
    expect(card(anna, "Carla").locator(".call-state")).to_have_text("Talking")
    open_menu(anna, "Carla").get_by_role("button", name="Into a conference").click()
    dialog = anna.locator("#to-conference-dialog")
    expect(dialog.locator("[data-who]")).to_have_text("Carla 0401234567")
    select = dialog.get_by_label("Conference", exact=True)
    expect(select).to_be_focused()
    expect(select).to_have_value("8001")
    expect(select.locator("option", has_text="8001")).to_have_text(re.compile(r"8001 · 1 participant"))
    expect(dialog.get_by_label("Everybody in this call")).to_be_checked()
    dialog.get_by_role("button", name="Bring in").click()
    expect(dialog).to_be_hidden()
    expect(anna.locator(".panel-toast.is-success")).to_have_text("Carla is being brought into the conference 8001.")
    for page in (anna, vic):
        # Where the conference stands for them, they are found by name.
        page.goto(f"{panel22.url}/calls/?q=Carla")
        expect(card(page, "Carla").locator(".call-state")).to_have_text("In conference")
        expect(card(page, "Carla")).to_contain_text("8001")
    listed = asterisk22.cli("confbridge list 8001")
    assert listed.count("PJSIP/") == 2, listed
    # From there somebody is moved on the page of the conference, and muted there.
    left = choices(open_menu(anna, "Carla"))
    assert not {"Into a conference …", "Mute"} & {*left}


def test_a_conference_that_went_while_the_dialog_was_open_is_begun_anew_and_a_lost_server_is_told(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory
) -> None:
    narrow = {"width": 375, "height": 667}
    anna = visit(panel22, "anna", "/calls/", viewport=narrow, has_touch=True, is_mobile=True)
    ben = visit(panel22, "ben", "/calls/")
    caller_factory(asterisk22, "602", name="Carla")
    expect(card(anna, "Carla").locator(".call-state")).to_have_text("Connected")
    # An operator who moderates no conference is offered none.
    assert "Into a conference …" not in choices(open_menu(ben, "Carla"))
    assert ben.locator("#to-conference-dialog").count() == 0

    def fail(route: Route) -> None:
        route.abort()

    anna.route("**/destinations/calls/", fail)
    open_menu(anna, "Carla").get_by_role("button", name="Into a conference").click()
    dialog = anna.locator("#to-conference-dialog")
    expect(dialog.get_by_role("alert").filter(has_text="The server could not be reached")).to_be_visible()
    anna.keyboard.press("Escape")
    anna.unroute("**/destinations/calls/", fail)
    # Nobody is in a conference, and no room is planned.
    open_menu(anna, "Carla").get_by_role("button", name="Into a conference").click()
    expect(dialog.locator("option")).to_have_text("No conference to choose from")
    box = dialog.bounding_box()
    assert box is not None
    assert 0 <= box["x"] <= box["x"] + box["width"] <= 375
    anna.keyboard.press("Escape")
    asterisk22.cli("channel originate Local/8001@internal application Wait 600")
    expect(anna.locator("#calls-conferences > *")).to_have_count(1)
    open_menu(anna, "Carla").get_by_role("button", name="Into a conference").click()
    expect(dialog.locator("option")).to_have_count(1)
    dialog.get_by_label("Only this one").check()
    asterisk22.cli("confbridge kick 8001 all")
    expect(anna.locator(".call:not(.is-ended)")).to_have_count(1)
    dialog.get_by_role("button", name="Bring in").click()
    # Her conference stands for her now.
    expect(anna.locator("#calls-conferences")).to_contain_text("1 participant")
    expect(anna.locator(".call:not(.is-ended)")).to_have_count(0)

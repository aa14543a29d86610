"""People are found by name wherever numbers are typed: invitations, groups, a third in a call; a real Chromium."""

import re

from playwright.sync_api import expect

from tests.browser.test_my_phone import my_call
from tests.browser.test_people import directory
from tests.browser.test_rooms import is_within
from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory, PhoneFactory
from tests.panel import Panel, Visit

__all__ = ["directory"]


def test_people_are_found_one_by_one_in_the_box_of_invitations(
    asterisk22: Asterisk, directory: Panel, visit: Visit, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk22, "102", "ring")
    phone_factory(asterisk22, "103", "ring")
    page = visit(directory, "anna", "/conferences/main/8046/")
    box = page.locator("#invite-numbers")
    box.press_sequentially("zoe")
    option = page.get_by_role("option")
    expect(option).to_have_text(re.compile("Zoë Müller"))
    expect(option).to_have_attribute("aria-selected", "true")
    assert is_within(page)
    page.keyboard.press("Enter")
    expect(box).to_have_value("Zoë Müller <103>")
    page.keyboard.type(", 102\nxyz")
    expect(option).to_have_count(0)
    # What nobody is called is left as it is, and Enter begins a line.
    page.keyboard.press("Enter")
    expect(box).to_have_value("Zoë Müller <103>, 102\nxyz\n")
    for _ in "xyz\n\n":
        page.keyboard.press("Backspace")
    expect(box).to_have_value("Zoë Müller <103>, 102")
    # In the middle, what stands at the caret is looked for and replaced, and nothing else.
    page.keyboard.press("Home")
    page.keyboard.type("bb, ")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Backspace")
    page.keyboard.type("b")
    expect(option).to_have_text(re.compile("Ben Beta"))
    option.click()
    expect(box).to_have_value("Ben Beta <102>, Zoë Müller <103>, 102")
    expect(box).to_be_focused()
    page.locator("[data-action=invite]").click()
    expect(page.locator(".invitation", has_text="Zoë Müller")).to_contain_text("ringing")
    expect(page.locator(".invitation", has_text="Ben Beta")).to_contain_text("ringing")


def test_people_are_found_line_by_line_in_a_group(directory: Panel, visit: Visit) -> None:
    page = visit(directory, "mona", "/groups/new/")
    page.get_by_label("Name", exact=True).fill("Sales")
    page.get_by_label("People").press_sequentially("bb")
    expect(page.get_by_role("option")).to_have_text(re.compile("Ben Beta"))
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    page.keyboard.type("lilei")
    expect(page.get_by_role("option")).to_have_text(re.compile("李雷"))
    page.keyboard.press("Enter")
    expect(page.get_by_label("People")).to_have_value("Ben Beta <102>\n李雷 <109>")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#content")).to_contain_text("Sales")
    expect(page).to_have_url(re.compile("/groups/$"))


def test_people_are_found_for_a_planned_room(directory: Panel, visit: Visit) -> None:
    page = visit(directory, "mona", "/rooms/new/")
    page.get_by_label("Number", exact=True).fill("8077")
    page.get_by_label("People who are called in at the start").press_sequentially("bb")
    expect(page.locator("#room-found").get_by_role("option")).to_have_text(re.compile("Ben Beta"))
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#content")).to_contain_text("Saved.")
    expect(page.get_by_label("People who are called in at the start")).to_have_value("Ben Beta <102>")
    page.goto(f"{directory.url}/rooms/")
    room = page.locator(".room", has=page.get_by_text("8077"))
    expect(room).to_contain_text("1 person")
    room.get_by_role("link").first.click()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No room is planned.")).to_be_visible()


def test_a_third_is_found_by_name_for_a_call(
    asterisk22: Asterisk, directory: Panel, visit: Visit, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    phone_factory(asterisk22, "102")
    phone_factory(asterisk22, "103")
    ben = visit(directory, "ben", "/calls/")
    caller_factory(asterisk22, "102", name="Carla")
    my_call(ben).get_by_role("button", name="Add").click()
    expect(ben.locator("#person-to")).to_be_focused()
    ben.keyboard.type("zm")
    expect(ben.get_by_role("option")).to_have_text(re.compile("Zoë Müller"))
    ben.keyboard.press("Enter")
    expect(my_call(ben).locator(".call-transfer")).to_contain_text("Carla is on hold while Zoë Müller 103 is consulted")


def test_whom_one_has_called_most_is_offered_first(
    asterisk22: Asterisk, directory: Panel, visit: Visit, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk22, "101", "ring")
    page = visit(directory, "anna", "/calls/")
    box = page.locator("#dial-number")
    box.press_sequentially("sales")
    expect(page.get_by_role("option")).to_have_text([re.compile("Ben"), re.compile("Zoë")])
    page.keyboard.press("ArrowDown")
    # The phone may ring before the panel has noted that this was done.
    with page.expect_response("**/calls/dial/"):
        page.keyboard.press("Enter")
    expect(page.locator("#my-phone .my-call")).to_be_visible()
    box.fill("")
    box.press_sequentially("sales")
    expect(page.get_by_role("option")).to_have_text([re.compile("Zoë"), re.compile("Ben")])

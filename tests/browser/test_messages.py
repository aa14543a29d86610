"""Messages: taken from the wall and from a call, read, done; a real Chromium, a real Asterisk 22."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.test_people import _EMPTY, fill, tile
from tests.browser.test_rooms import WIDTHS, is_within
from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory, PhoneFactory
from tests.panel import Panel, Visit

_LINK = """
from django.contrib.auth.models import User
from extensions.people.models import Person
Person.objects.filter(name="Ben Beta").update(user=User.objects.get(username="ben"))
"""
_NO_MESSAGES = "from extensions.messages.models import Message; Message.objects.all().delete()"


@pytest.fixture
def house(panel22: Panel) -> Iterator[Panel]:
    """A panel that knows Ben, who is a user, and others, until the test has ended."""
    fill(panel22, [
        {"name": "Anna Alpha", "extension": ["101"]},
        {"name": "Ben Beta", "extension": ["102"], "department": "Sales"},
        {"name": "Ben Nobody", "extension": ["103"]},
    ])  # fmt: skip
    panel22.shell(_LINK)
    yield panel22
    panel22.shell(f"{_EMPTY}; {_NO_MESSAGES}")


@pytest.fixture(params=WIDTHS)
def width(request: pytest.FixtureRequest) -> dict[str, int]:
    return WIDTHS[request.param]


def test_a_message_is_taken_from_the_wall_by_keyboard_and_its_addressee_is_told_on_any_page(
    house: Panel, visit: Visit, width: dict[str, int]
) -> None:
    ben = visit(house, "ben", "/people/", viewport=width)
    expect(ben.locator("#count-messages")).to_have_text("")
    anna = visit(house, "anna", "/people/", viewport=width)
    tile(anna, "Ben Beta").locator(".tile-call").focus()
    anna.keyboard.press("Tab")
    anna.keyboard.press("Enter")
    anna.locator("#person-menu").get_by_role("link", name="Take a message").press("Enter")
    expect(anna.get_by_label("For", exact=True)).to_have_value("Ben Beta <102>")
    anna.get_by_label("Who called").fill("Carla")
    anna.get_by_label("Number", exact=True).fill("0172 555")
    anna.get_by_role("button", name="Returns your call.").press("Enter")
    expect(anna.get_by_label("Message", exact=True)).to_have_value("Returns your call.")
    expect(anna.get_by_label("Message", exact=True)).to_be_focused()
    anna.get_by_role("button", name="Will call again.").click()
    anna.get_by_label("Urgent").check()
    assert is_within(anna)
    anna.get_by_role("button", name="Leave the message").press("Enter")
    expect(anna.get_by_role("status").filter(has_text="The message for Ben Beta is in the panel.")).to_be_visible()
    expect(ben.locator("#count-messages")).to_have_text("1")
    toast = ben.locator(".panel-toast.is-warning")
    expect(toast).to_have_text(re.compile("An urgent message for you from Carla: Returns your call. Will call again."))
    assert is_within(ben)

    ben.get_by_role("link", name=re.compile("Messages")).click()
    message = ben.locator(".message")
    expect(message).to_contain_text("Carla")
    expect(message.get_by_text("urgent")).to_be_visible()
    message.locator("summary").press("Enter")
    expect(message.locator("details")).to_have_attribute("open", "")
    expect(message).to_contain_text("Returns your call. Will call again.")
    expect(ben.locator("#count-messages")).to_have_text("")
    expect(message).not_to_have_class(re.compile("is-unread"))
    expect(message.locator("details")).to_have_attribute("open", "")
    assert is_within(ben)
    message.get_by_role("button", name="Done", exact=True).press("Enter")
    expect(message).to_have_class(re.compile("is-done"))
    expect(message.get_by_role("button", name="Not done")).to_be_visible()
    expect(message.locator("details")).to_have_attribute("open", "")
    anna.reload()
    anna.locator(".message summary").click()
    expect(anna.locator(".message")).to_contain_text("Read in the panel.")
    expect(anna.locator(".message").get_by_text("done", exact=True)).to_be_visible()


def test_a_toast_tells_whom_a_message_is_for_and_nobody_else_and_leads_to_it(house: Panel, visit: Visit) -> None:
    ben, vic, mona = (visit(house, name, "/conferences/") for name in ("ben", "vic", "mona"))
    anna = visit(house, "anna", "/messages/new/?name=%3Cb%3ECarla%3C/b%3E")
    anna.get_by_label("For", exact=True).fill("ben beta")
    anna.get_by_label("Message", exact=True).fill("About\n<i>the roof</i>. " + "word " * 50)
    anna.get_by_role("button", name="Leave the message").click()
    toast = ben.locator(".panel-toast.is-info")
    expect(toast).to_have_text(re.compile(r"A message for you from <b>Carla</b>: About <i>the roof</i>\. .*…"))
    # Whoever is told of the next message has been told of all before it.
    house.shell(_LINK.replace("Ben Beta", "Anna Alpha").replace('username="ben"', 'username="mona"'))
    anna.goto(f"{house.url}/messages/new/?name=Dora")
    anna.get_by_label("For", exact=True).fill("Anna Alpha")
    anna.get_by_label("Message", exact=True).fill("For Mona alone")
    anna.get_by_role("button", name="Leave the message").click()
    expect(mona.locator(".panel-toast")).to_have_text(re.compile("A message for you from Dora: For Mona alone"))
    for page in (mona, vic, anna):
        assert "the roof" not in page.locator("#toasts").inner_text()
    assert "Dora" not in ben.locator("#toasts").inner_text()
    toast.get_by_role("link").press("Enter")
    expect(ben).to_have_url(re.compile(r"/messages/#message-\d+$"))
    expect(ben.locator(".message:target")).to_contain_text("Carla")


def test_the_list_of_whoever_looks_at_it_has_a_new_message_by_itself(house: Panel, visit: Visit) -> None:
    ben = visit(house, "ben", "/messages/")
    expect(ben.get_by_text("There is no message for you.")).to_be_visible()
    anna = visit(house, "anna", "/messages/new/")
    anna.get_by_label("For", exact=True).fill("ben beta")
    anna.get_by_label("Message", exact=True).fill("<b>Hello</b>")
    anna.get_by_role("button", name="Leave the message").click()
    expect(ben.locator(".message")).to_contain_text("Somebody")
    ben.locator(".message summary").click()
    expect(ben.locator(".message-text")).to_have_text("<b>Hello</b>")


def test_enter_in_the_box_takes_whom_it_offers_and_sends_nothing_yet(house: Panel, visit: Visit) -> None:
    page = visit(house, "anna", "/messages/new/")
    box = page.get_by_label("For", exact=True)
    box.focus()
    page.keyboard.type("ben")
    options = page.locator("#to-found [role=option]")
    expect(options).to_have_count(2)
    expect(options.first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(box).to_have_value("Ben Nobody <103>")
    expect(page.locator("#to-found")).to_be_hidden()
    # Typed faster than it is looked for.
    box.fill("")
    page.keyboard.type("ben b")
    page.keyboard.press("Enter")
    expect(box).to_have_value("Ben Beta <102>")
    expect(page).to_have_url(f"{house.url}/messages/new/")
    box.fill("Ben Nobody")
    page.get_by_label("Message", exact=True).fill("Hello")
    page.get_by_role("button", name="Leave the message").click()
    expect(page.locator(".field-error")).to_contain_text("Ben Nobody is no user of the panel who reads messages")
    expect(page.get_by_label("Message", exact=True)).to_have_value("Hello")


def test_from_a_call_the_form_is_filled_in_with_who_called_and_calling_back_dials_it(
    asterisk22: Asterisk, house: Panel, visit: Visit, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    phone_factory(asterisk22, "101")
    caller = caller_factory(asterisk22, "101", number="602", name="Carla")
    page = visit(house, "anna", "/")
    page.locator(".my-call .btn-take-message").click()
    expect(page.get_by_label("Number", exact=True)).to_have_value("602")
    expect(page.get_by_label("Who called")).to_have_value("Carla")
    page.get_by_label("For", exact=True).fill("Ben Beta")
    page.get_by_role("button", name="Leave the message").click()
    expect(page.locator(".message")).to_contain_text("602")
    caller.stop()

    mine = phone_factory(asterisk22, "102")
    ben = visit(house, "ben", "/messages/")
    ben.locator(".message summary").click()
    ben.get_by_role("button", name="Call back Carla").click()
    mine.wait_for_invite()
    expect(ben.locator("#my-phone")).to_contain_text("602")


def test_whoever_may_take_none_is_offered_none(house: Panel, visit: Visit) -> None:
    page = visit(house, "vic", "/people/")
    tile(page, "Ben Beta").get_by_label("More for Ben Beta").click()
    expect(page.locator("#person-menu")).to_contain_text("102")
    expect(page.get_by_role("link", name="Take a message")).to_have_count(0)
    page.goto(f"{house.url}/messages/")
    expect(page.get_by_text("There is no message for you.")).to_be_visible()
    expect(page.get_by_role("link", name="Take a message")).to_have_count(0)

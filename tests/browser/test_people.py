"""The wall of people, and people found by name: a real Chromium, a real Asterisk 22."""

import contextlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.test_call_menus import card, open_menu
from tests.browser.test_rooms import WIDTHS, is_within
from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory, PhoneFactory
from tests.panel import Panel, Visit

_FILL = """
import json, sys
from extensions.people.models import LISTS, TEXTS, Person, put
empty = {**dict.fromkeys(TEXTS, ""), **dict.fromkeys(LISTS, []), "pbx": "", "hidden": False}
put([(Person(), {**empty, **values}) for values in json.loads(%r)])
"""
_EMPTY = "from extensions.people.models import Person; Person.objects.all().delete()"
PEOPLE = [
    {"name": "Anna Alpha", "extension": ["101"], "department": "Reception"},
    {"name": "Ben Beta", "extension": ["102"], "department": "Sales", "email": "ben@example.org", "mobile": ["602"]},
    {"name": "Zoë Müller", "extension": ["103"], "department": "Sales"},
    {"name": "李雷", "extension": ["109"], "department": "研发"},
    {"name": "Nobody knows", "phones": ["PJSIP/7777"]},
]


def fill(panel: Panel, people: Sequence[Mapping[str, object]]) -> None:
    panel.shell(_FILL % json.dumps(people))


@contextlib.contextmanager
def with_people(panel: Panel, *more: Mapping[str, object]) -> Iterator[Panel]:
    """A panel that knows these people and some more, until it is over."""
    fill(panel, [*PEOPLE, *more])
    yield panel
    panel.shell(_EMPTY)


@pytest.fixture
def directory(panel22: Panel) -> Iterator[Panel]:
    """A panel on Asterisk 22 that knows these people, until the test has ended."""
    with with_people(panel22):
        yield panel22


def tile(page: Page, name: str) -> Locator:
    return page.locator(".tile", has=page.locator(".state-name", has_text=name))


def shown(page: Page) -> list[str]:
    return [text.strip() for text in page.locator(".tile:visible .state-name").all_inner_texts()]


@pytest.fixture(params=WIDTHS)
def width(request: pytest.FixtureRequest) -> dict[str, int]:
    return WIDTHS[request.param]


def test_each_state_of_a_phone_is_on_its_tile(
    asterisk22: Asterisk,
    directory: Panel,
    visit: Visit,
    width: dict[str, int],
    phone_factory: PhoneFactory,
    caller_factory: CallerFactory,
) -> None:
    phone = phone_factory(asterisk22, "102", "ring")
    page = visit(directory, "vic", "/people/", viewport=width)
    expect(tile(page, "Ben Beta").locator(".state-words")).to_have_text(re.compile(r"\s*idle\s*"))
    expect(tile(page, "李雷").locator(".state-words")).to_have_text(re.compile(r"\s*unreachable\s*"))
    expect(tile(page, "Nobody knows").locator(".state-words")).to_have_text(re.compile(r"\s*unknown\s*"))
    caller = caller_factory(asterisk22, "102")
    expect(tile(page, "Ben Beta")).to_have_class(re.compile("is-ringing"))
    expect(tile(page, "Ben Beta").locator(".state-words")).to_have_text(re.compile(r"\s*ringing\s*"))
    caller.stop()
    expect(tile(page, "Ben Beta")).to_have_class(re.compile("is-idle"))
    phone.stop()
    phone_factory(asterisk22, "102")
    caller_factory(asterisk22, "102")
    expect(tile(page, "Ben Beta").locator(".state-words")).to_have_text(re.compile(r"\s*in a call\s*"))
    assert is_within(page)


def test_a_click_on_a_tile_calls(
    asterisk22: Asterisk, directory: Panel, visit: Visit, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk22, "101")
    phone_factory(asterisk22, "102")
    page = visit(directory, "anna", "/people/")
    expect(tile(page, "Ben Beta")).to_have_class(re.compile("is-idle"))
    tile(page, "Ben Beta").locator(".tile-call").click()
    expect(page.locator(".panel-toast.is-success")).to_contain_text("102 answered.")
    expect(tile(page, "Ben Beta")).to_have_class(re.compile("is-inuse"))
    expect(tile(page, "Anna Alpha")).to_have_class(re.compile("is-inuse"))


def test_a_tile_has_a_menu_with_each_number_and_what_else_can_be_done(
    asterisk22: Asterisk, directory: Panel, visit: Visit, phone_factory: PhoneFactory
) -> None:
    mine = phone_factory(asterisk22, "101")
    page = visit(directory, "anna", "/people/")
    tile(page, "Ben Beta").locator(".tile-call").focus()
    page.keyboard.press("Tab")
    expect(tile(page, "Ben Beta").get_by_label("More for Ben Beta")).to_be_focused()
    page.keyboard.press("Enter")
    menu = page.locator("#person-menu")
    texts = [r"Call\s+102", r"Call\s+602", "Add to my favourites"]
    expect(menu.get_by_role("button")).to_have_text([re.compile(text) for text in texts])
    expect(menu.get_by_role("link", name="Write an e-mail")).to_have_attribute("href", "mailto:ben@example.org")
    expect(menu.get_by_role("link", name="Edit")).to_be_visible()
    expect(menu.get_by_role("button", name="Call 102")).to_be_focused()
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(tile(page, "Ben Beta").get_by_label("More for Ben Beta")).to_be_focused()
    page.keyboard.press("Enter")
    expect(menu.get_by_role("button", name="Call 102")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    mine.wait_for_invite()
    expect(page.locator("#my-phone")).to_contain_text("602")


def test_the_filter_knows_initials_accents_and_pinyin(directory: Panel, visit: Visit) -> None:
    page = visit(directory, "vic", "/people/")
    everybody = ["Anna Alpha", "Ben Beta", "Zoë Müller", "李雷", "Nobody knows"]
    assert shown(page) == everybody
    box = page.get_by_label("Filter people")
    for typed, names in {
        "lilei": ["李雷"], "ll": ["李雷"], "yanfa": ["李雷"], "zoe": ["Zoë Müller"], "ZM": ["Zoë Müller"],
        "sales": ["Ben Beta", "Zoë Müller"], "sales b": ["Ben Beta"], "10": everybody[:4], "103": ["Zoë Müller"],
        "": everybody,
    }.items():  # fmt: skip
        box.fill(typed)
        assert shown(page) == names, typed
    box.fill("no such person")
    expect(page.get_by_text("Nobody matches your filter.")).to_be_visible()
    expect(page.get_by_role("heading", name="Sales")).to_be_hidden()


def test_arrows_lead_through_the_tiles_and_enter_calls(
    asterisk22: Asterisk, directory: Panel, visit: Visit, phone_factory: PhoneFactory
) -> None:
    mine = phone_factory(asterisk22, "101", "ring")
    page = visit(directory, "anna", "/people/")
    page.get_by_label("Filter people").press("ArrowDown")
    for key, name in (
        ("ArrowRight", "Ben Beta"), ("ArrowRight", "Zoë Müller"), ("ArrowLeft", "Ben Beta"), ("ArrowUp", "Anna Alpha"),
        ("End", "Nobody knows"), ("Home", "Anna Alpha"), ("ArrowDown", "Ben Beta"),
    ):  # fmt: skip
        page.keyboard.press(key)
        expect(tile(page, name).locator(".tile-call")).to_be_focused()
    page.keyboard.press("Enter")
    mine.wait_for_invite()


def test_three_hundred_tiles_need_no_scrolling_in_the_smallest_size(directory: Panel, visit: Visit) -> None:
    more = [
        {"name": f"Somebody {n}", "extension": [str(3000 + n)], "department": f"Department {n % 8}"} for n in range(295)
    ]
    fill(directory, more)
    page = visit(directory, "vic", "/people/", viewport={"width": 1440, "height": 900})
    page.get_by_role("button", name="Small").click()
    expect(page.get_by_role("button", name="Small")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".tile")).to_have_count(300)
    lowest = page.evaluate(
        "() => Math.max(...[...document.querySelectorAll('.tile')].map((tile) => tile.getBoundingClientRect().bottom))"
    )
    assert lowest <= 900
    assert page.evaluate("() => document.querySelector('.tile .icon').checkVisibility()")
    page.reload()
    expect(page.locator("#people")).to_have_attribute("data-size", "small")


def test_somebody_is_called_by_name_in_the_dial_box(
    asterisk22: Asterisk, directory: Panel, visit: Visit, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk22, "101")
    phone_factory(asterisk22, "102")
    page = visit(directory, "anna", "/calls/")
    box = page.locator("#dial-number")
    box.press_sequentially("sales")
    options = page.get_by_role("option")
    expect(options).to_have_count(2)
    expect(options.nth(0)).to_have_attribute("aria-selected", "true")
    expect(options.nth(0)).to_contain_text("idle")
    page.keyboard.press("ArrowDown")
    expect(box).to_have_attribute("aria-activedescendant", "dial-found-found-2")
    # A name cannot be dialled, so behind the last is the first.
    page.keyboard.press("ArrowDown")
    expect(box).to_have_attribute("aria-activedescendant", "dial-found-found-1")
    page.keyboard.press("Escape")
    expect(options).to_have_count(0)
    expect(box).to_be_focused()
    expect(box).to_have_value("sales")
    # Enter comes before the answer, and waits for it.
    box.fill("")
    box.press_sequentially("bb")
    page.keyboard.press("Enter")
    expect(page.locator(".panel-toast.is-success")).to_contain_text("102 answered.")
    expect(box).to_have_value("")


def test_digits_are_dialled_as_they_are_typed(
    asterisk22: Asterisk, directory: Panel, visit: Visit, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk22, "101")
    page = visit(directory, "anna", "/calls/")
    page.locator("#dial-number").press_sequentially("60")
    expect(page.get_by_role("option")).to_have_text([re.compile("Ben Beta")])
    expect(page.locator("#dial-number")).not_to_have_attribute("aria-activedescendant", re.compile("."))
    page.keyboard.type("2")
    page.keyboard.press("Enter")
    expect(page.locator(".call")).to_contain_text("602")


def test_a_caller_is_transferred_to_a_name(
    asterisk22: Asterisk, directory: Panel, visit: Visit, caller_factory: CallerFactory, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk22, "103")
    ben = visit(directory, "ben", "/calls/")
    caller_factory(asterisk22, "602", name="Carla")
    expect(card(ben, "Carla").locator(".call-state")).to_have_text("Connected")
    open_menu(ben, "Carla").get_by_role("button", name="Transfer").click()
    expect(ben.locator("#transfer-to")).to_be_focused()
    ben.keyboard.type("zoe")
    expect(ben.get_by_role("option")).to_have_count(1)
    ben.keyboard.press("Enter")
    expect(ben.locator(".panel-toast.is-success")).to_have_text("Carla is being transferred to 103.")
    expect(card(ben, "Carla")).to_contain_text("103")


def test_a_file_is_looked_at_imported_and_undone(directory: Panel, visit: Visit, width: dict[str, int]) -> None:
    page = visit(directory, "anna", "/people/import/", viewport=width)
    content = "姓名;分机;部门;Floor\nBen Beta;102;Support;3\n王芳;3001;研发;2\n;3002;;\n".encode("gb18030")
    page.get_by_label("File", exact=True).set_input_files({"name": "p.csv", "mimeType": "text/csv", "buffer": content})
    page.get_by_role("button", name="Show what would change").click()
    expect(page.get_by_text("Enter a name.")).to_be_visible()
    expect(page.locator("del")).to_have_text("Sales")
    expect(page.locator("ins")).to_have_text("Support")
    assert is_within(page)
    page.get_by_role("button", name="Import this").click()
    expect(page.get_by_text("1 added, 1 changed, 1 refused.")).to_be_visible()
    expect(page.locator(".people-list")).to_contain_text("王芳")
    assert is_within(page)
    page.goto(f"{directory.url}/people/import/")
    page.get_by_role("button", name="Undo the last import").click()
    expect(page.get_by_text("1 person was deleted, 1 changed back.")).to_be_visible()
    expect(page.locator(".people-list")).not_to_contain_text("王芳")

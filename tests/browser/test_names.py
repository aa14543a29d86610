"""The directory's names for callers, and those that only some see: a real Chromium, a real Asterisk 22 and 16."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.test_rooms import WIDTHS, is_within
from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory, PhoneFactory
from tests.panel import Panel, Visit

HOSTILE = "<img src=x onerror=document.title='pwned'>"
_FILL = """
import json
from django.contrib.auth.models import User
from extensions.people.models import NOTHING, Department, Person, put
for owner, values in json.loads(%r):
    put([(Person(owner=owner and User.objects.get(username=owner)), {**NOTHING, **values})])
Department.objects.create(key="board", visible_to="department")
Person.objects.filter(name="Mona").update(user=User.objects.get(username="mona"))
"""
_EMPTY = """
from extensions.people.models import Department, Person
Person.objects.all().delete()
Department.objects.all().delete()
"""

Known = Callable[..., None]


@contextmanager
def filled(panel: Panel) -> Iterator[Known]:
    """`known(("Taxi", {"outside": ["030 1"]}), ("Mine", {…}, "ben"))`: people, and contacts of a user's own."""

    def fill(*people: tuple[str, dict[str, object]] | tuple[str, dict[str, object], str]) -> None:
        given = [(person[2] if len(person) > 2 else None, {"name": person[0], **person[1]}) for person in people]
        panel.shell(_FILL % json.dumps(given))

    yield fill
    panel.shell(_EMPTY)


@pytest.fixture
def known(panel: Panel) -> Iterator[Known]:
    """As `filled` says; on each version in turn."""
    with filled(panel) as fill:
        yield fill


@pytest.fixture
def known22(panel22: Panel) -> Iterator[Known]:
    """The same on Asterisk 22 alone."""
    with filled(panel22) as fill:
        yield fill


def party(page: Page, number: str = "0401234567") -> Locator:
    return page.locator("#calls .party[data-uniqueid]", has_text=number)


def told(party: Locator) -> Locator:
    return party.locator(".party-text > bdi")


def mine(page: Page) -> Locator:
    return page.locator("#my-phone .my-call")


def test_a_call_from_outside_has_the_directorys_name_wherever_it_shows(
    asterisk: Asterisk, panel: Panel, visit: Visit, known: Known, phone_factory: PhoneFactory,
    caller_factory: CallerFactory,
) -> None:  # fmt: skip
    known(("Taxi Alpha", {"outside": ["(040) 123-4567"]}), ("Anna of the desk", {"extension": ["101"]}))
    phone_factory(asterisk, "101", "ring")
    board, anna = visit(panel, "vic", "/calls/"), visit(panel, "anna", "/conferences/")
    caller = caller_factory(asterisk, "101", name="Cab 7")
    expect(told(party(board))).to_have_text(["Taxi Alpha", "0401234567", "Cab 7"])
    expect(told(party(board, "101").last)).to_have_text(["Anna of the desk", "101", "Anna Alpha"])
    expect(mine(anna).locator(".party-label")).to_have_text("Taxi Alpha")
    expect(mine(anna)).to_contain_text("Cab 7")
    expect(mine(anna)).to_have_attribute("data-name", "Taxi Alpha")
    expect(anna.locator("#announcements")).to_contain_text("Taxi Alpha 0401234567 is calling you.")
    board.locator("#search").fill("taxi alpha")
    expect(board.locator("#calls .call")).to_have_count(1)
    board.locator("#search").fill("nobody")
    expect(board.locator("#calls .call")).to_have_count(0)
    board.locator("#search").fill("")
    board.locator("#calls .call-open").click()
    expect(board.locator("#call-steps")).to_contain_text("Taxi Alpha 0401234567 (Cab 7) dials Anna of the desk 101")
    expect(board.locator("#call-steps")).to_contain_text("Anna of the desk 101 (Anna Alpha) rings")
    expect(board.locator("h1")).to_contain_text("Taxi Alpha 0401234567")
    caller.stop()


def test_a_toast_names_whom_i_call(
    asterisk: Asterisk, panel: Panel, visit: Visit, known: Known, phone_factory: PhoneFactory
) -> None:
    known(("Benjamin", {"extension": ["102"]}))
    phone_factory(asterisk, "101")
    phone_factory(asterisk, "102")
    page = visit(panel, "anna", "/calls/")
    page.fill("#dial-number", "102")
    page.keyboard.press("Enter")
    expect(page.locator(".panel-toast.is-success")).to_contain_text("Benjamin 102 answered.")


def test_a_conference_names_who_joins_it(
    asterisk: Asterisk, panel: Panel, visit: Visit, known: Known, caller_factory: CallerFactory
) -> None:
    known(("Taxi Alpha", {"outside": ["0401234567"]}), ("My taxi", {"outside": ["040 1234567"]}, "mona"))
    caller_factory(asterisk, "8001", name="Cab 7")
    others, mona = (visit(panel, name, "/conferences/main/8001/") for name in ("vic", "mona"))
    expect(others.locator(".participant .participant-name > bdi")).to_have_text(["Taxi Alpha", "0401234567", "Cab 7"])
    expect(mona.locator(".participant .party-label")).to_have_text("My taxi")
    expect(mona.locator(".participant .participant-name")).to_contain_text("Taxi Alpha")


@pytest.mark.parametrize("width", WIDTHS)
def test_my_own_contacts_name_callers_for_me_alone(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, known22: Known, phone_factory: PhoneFactory,
    caller_factory: CallerFactory, width: str,
) -> None:  # fmt: skip
    known22(("My taxi", {"mobile": ["040 1234567"]}, "ben"))
    phone_factory(asterisk22, "102")
    ben, vic = visit(panel22, "ben", "/calls/", viewport=WIDTHS[width]), visit(panel22, "vic", "/calls/")
    caller = caller_factory(asterisk22, "102")
    # As the row comes, and when it changes.
    expect(told(party(ben))).to_have_text(["My taxi", "0401234567"])
    expect(ben.locator("#calls .call-state")).to_have_text("Talking")
    expect(told(party(ben))).to_have_text(["My taxi", "0401234567"])
    expect(mine(ben).locator(".party-label")).to_have_text("My taxi")
    expect(mine(ben)).to_have_attribute("data-name", "My taxi")
    ben.reload()
    expect(told(party(ben))).to_have_text(["My taxi", "0401234567"])
    expect(told(party(vic))).to_have_text(["0401234567"])
    assert "My taxi" not in vic.content()
    assert is_within(ben)
    # What is read aloud, and asked before a call of others is hung up, names them too, once.
    card = ben.locator("#calls .call")
    expect(card).to_have_attribute("aria-label", re.compile(r"^Call of My taxi 0401234567, .*102$"))
    hang_up = card.locator(".btn-hangup")
    expect(hang_up).to_have_attribute("aria-label", re.compile(r"^Hang up the call of My taxi 0401234567, .*102$"))
    expect(hang_up).to_have_attribute("hx-confirm", re.compile("in the call of My taxi 0401234567, "))
    expect(party(ben).locator("summary")).to_have_attribute("aria-label", "More for My taxi 0401234567")
    expect(mine(ben)).to_have_attribute("aria-label", "My call with My taxi 0401234567")
    expect(card.locator(".legs summary")).to_contain_text("of the call of My taxi 0401234567, ")
    assert "My taxi" not in vic.locator("#calls .call").get_attribute("aria-label")  # type: ignore[operator]
    # The search finds them by name, for whoever has that contact alone, also where the page begins with it.
    for text, count in (("nobody", 0), ("taxi", 1), ("nobody", 0), ("TAXI my", 1), ("taxi other", 0), ("", 1)):
        ben.locator("#search").fill(text)
        expect(ben.locator("#calls .call")).to_have_count(count)
    vic.locator("#search").fill("taxi")
    expect(vic.locator("#calls .call")).to_have_count(0)
    ben.goto(f"{panel22.url}/calls/?q=taxi")
    expect(told(party(ben))).to_have_text(["My taxi", "0401234567"])
    expect(ben.locator("#search")).to_have_value("taxi")
    caller.stop()
    expect(ben.locator("#calls .call")).to_have_count(0)


def test_who_sees_a_department_or_mobile_numbers_sees_the_names_and_nobody_else(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, known22: Known, phone_factory: PhoneFactory,
    caller_factory: CallerFactory,
) -> None:  # fmt: skip
    known22(
        ("Chair", {"extension": ["102"], "department": "Board"}), ("Mona", {"department": "Board"}),
        ("Roaming", {"mobile": ["0401234567"]}),
    )  # fmt: skip
    phone_factory(asterisk22, "102")
    caller_factory(asterisk22, "102")
    mona, ben, vic = (visit(panel22, name, "/calls/") for name in ("mona", "ben", "vic"))
    expect(told(party(mona, "102").last)).to_have_text(["Chair", "102", "Ben Beta"])
    expect(told(party(mona))).to_have_text(["Roaming", "0401234567"])
    expect(told(party(ben))).to_have_text(["Roaming", "0401234567"])
    expect(told(party(ben, "102").last)).to_have_text(["Ben Beta", "102"])
    expect(told(party(vic))).to_have_text(["0401234567"])
    assert "Chair" not in ben.content()
    assert not {"Chair", "Roaming"} & set(re.findall(r"\w+", vic.content()))


def test_hostile_names_of_the_directory_and_of_my_contacts_stay_text(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, known22: Known, phone_factory: PhoneFactory,
    caller_factory: CallerFactory,
) -> None:  # fmt: skip
    known22((HOSTILE, {"extension": ["102"]}), (f"Mine {HOSTILE}", {"outside": ["0401234567"]}, "ben"))
    phone_factory(asterisk22, "102")
    ben = visit(panel22, "ben", "/calls/")
    caller_factory(asterisk22, "102")
    expect(told(party(ben)).first).to_have_text(f"Mine {HOSTILE}")
    expect(told(party(ben, "102").last).first).to_have_text(HOSTILE)
    expect(mine(ben).locator(".party-label")).to_have_text(f"Mine {HOSTILE}")
    assert ben.locator("img").count() == 0
    assert "pwned" not in ben.title().replace(HOSTILE, "")


def test_departments_are_chosen_by_keyboard_and_the_page_fits(
    panel22: Panel, asterisk22: Asterisk, visit: Visit, known22: Known
) -> None:
    known22(("Chair", {"extension": ["102"], "department": "Board"}), ("Carla", {"department": "Sales"}))
    page = visit(panel22, "anna", "/people/directory/", viewport=WIDTHS["phone"])
    page.get_by_role("link", name="Who sees whom").click()
    page.get_by_label("Sales").select_option("visible to the department itself")
    assert is_within(page)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("1 department was changed.")).to_be_visible()
    expect(page.get_by_label("Sales")).to_have_value("department")
    vic = visit(panel22, "vic", "/people/directory/")
    expect(vic.get_by_text("Nobody is in the directory yet.")).to_be_visible()

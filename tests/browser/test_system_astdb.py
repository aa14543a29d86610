"""The page of the AstDB: a real Chromium, a real Asterisk 22."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.lab.asterisk import Asterisk
from tests.panel import Panel, Visit

from .test_rooms import WIDTHS, is_within


@pytest.fixture(params=WIDTHS)
def width(request: pytest.FixtureRequest) -> dict[str, int]:
    return WIDTHS[request.param]


@pytest.fixture
def filled(asterisk22: Asterisk) -> Iterator[Asterisk]:
    """A family with a few entries."""
    for key, value in (("one", "1"), ("with space", "李雷 <b>"), ("sub/deep", "2")):
        asterisk22.cli(f'database put web "{key}" "{value}"')
    yield asterisk22
    asterisk22.cli("database deltree web")


def test_entries_are_found_edited_added_deleted_and_put_back(
    filled: Asterisk, panel22: Panel, visit: Visit, width: dict[str, int]
) -> None:
    page = visit(panel22, "anna", "/system/main/astdb/", viewport=width)
    page.get_by_role("link", name="web 3").click()
    expect(page).to_have_url(f"{panel22.url}/system/main/astdb/?family=web")
    page.wait_for_load_state()  # an Escape before the scripts are there would do nothing
    expect(page.get_by_role("link", name="sub 1")).to_be_visible()
    assert is_within(page)
    one, other = (page.get_by_label(f"Value of {key}", exact=True) for key in ("one", "with space"))
    expect(other).to_have_value("李雷 <b>")
    # By keyboard: Escape brings back, Enter saves; and what is half typed elsewhere stays.
    other.fill("half typed")
    one.fill("nonsense")
    one.press("Escape")
    expect(one).to_have_value("1")
    one.fill("11")
    one.press("Enter")
    expect(page.locator(".panel-toast")).to_contain_text("Saved.")
    expect(page.locator("#astdb-undo")).to_contain_text("changed /web/one")
    expect(one).to_be_focused()
    expect(other).to_have_value("half typed")
    assert "Value: 11" in filled.cli("database get web one")
    # Somebody else is quicker: nothing is overwritten unless one insists.
    filled.cli("database put web one theirs")
    one.fill("mine")
    one.press("Enter")
    expect(page.locator(".panel-toast.is-warning")).to_contain_text("to “theirs”")
    expect(one).to_have_value("mine")
    assert "Value: theirs" in filled.cli("database get web one")
    one.press("Enter")
    expect(page.locator("#astdb-undo")).to_contain_text("changed /web/one")
    expect(page.locator(".panel-toast", has_text="Saved.")).to_have_count(2)
    # Deleted, and put back after a reload.
    page.get_by_role("button", name="Delete one").click()
    expect(page.locator(".astdb-row.is-gone")).to_contain_text("one")
    assert "not found" in filled.cli("database get web one")
    page.reload()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".panel-toast")).to_contain_text("/web/one was restored.")
    assert "Value: mine" in filled.cli("database get web one")
    # A new one.
    page.get_by_text("Add an entry").click()
    form = page.locator("#astdb-new")
    form.get_by_label("Key").fill("two")
    form.get_by_label("Value").fill("22")
    form.get_by_label("Value").press("Enter")
    expect(page.get_by_label("Value of two", exact=True)).to_have_value("22")
    expect(form.get_by_label("Key")).to_be_focused()
    expect(form.get_by_label("Key")).to_have_value("")
    assert "Value: 22" in filled.cli("database get web two")
    assert is_within(page)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".astdb-row.is-gone")).to_contain_text("two")
    assert "not found" in filled.cli("database get web two")


def test_a_family_is_deleted_after_a_question_and_undone(
    filled: Asterisk, panel22: Panel, visit: Visit, width: dict[str, int]
) -> None:
    page = visit(panel22, "anna", "/system/main/astdb/?family=web", viewport=width)
    page.get_by_role("link", name="Delete the family").click()
    expect(page.get_by_text("It has 3 entries")).to_be_visible()
    assert is_within(page)
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("/web was deleted: 3 entries.")).to_be_visible()
    assert "0 results" in filled.cli("database show web")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("3 entries were restored.")).to_be_visible()
    assert "3 results" in filled.cli("database show web")


def test_who_may_not_is_refused(panel22: Panel, visit: Visit) -> None:
    page = visit(panel22, "ben", "/")
    response = page.goto(f"{panel22.url}/system/main/astdb/")
    assert response is not None
    assert response.status == 403

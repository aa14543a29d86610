"""A configuration file is edited on its page, wide and on a phone: a real Chromium, real Asterisks 22 and 16."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Dialog, Page, expect

from tests.browser.test_rooms import WIDTHS, is_within
from tests.lab.asterisk import Asterisk
from tests.panel import Panel, Visit

FILE = "lab-page.conf"
TEXT = "; Kept.\n[general]\ncodec = ulaw\n[101]\ntype = endpoint\n[101]\ntype = aor\nmax_contacts = 1\n"


@pytest.fixture(params=WIDTHS)
def width(request: pytest.FixtureRequest) -> dict[str, int]:
    return WIDTHS[request.param]


@pytest.fixture
def path(asterisk: Asterisk) -> Iterator[Path]:
    path = asterisk.folder / "etc" / FILE
    path.write_text(TEXT, encoding="utf-8")
    yield path
    path.unlink(missing_ok=True)


def opened(panel: Panel, visit: Visit, width: dict[str, int]) -> Page:
    page = visit(panel, "anna", "/system/main/config/", viewport=width)
    expect(page.get_by_text("Choose a file.")).to_be_visible()
    expect(page.locator(".config-files")).to_contain_text("extensions.conf")
    page.get_by_label("File", exact=True).fill(FILE)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=FILE)).to_be_visible()
    return page


def test_the_file_of_a_category_is_found(panel: Panel, visit: Visit, width: dict[str, int]) -> None:
    page = visit(panel, "anna", "/system/main/config/", viewport=width)
    box = page.get_by_label("Category", exact=True)
    box.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Enter the name of a category")
    box.fill("panel_us")
    box.press("Enter")
    expect(page.locator("#config-found")).to_contain_text("[panel_user]")
    expect(box).to_be_focused()
    assert is_within(page)
    page.get_by_role("link", name="confbridge.conf").first.click()
    expect(page.get_by_role("heading", name="confbridge.conf")).to_be_visible()


def lines(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if line.strip() and not line.startswith(";!")]


def test_a_file_is_edited_looked_at_written_and_reloaded_as_a_second_step(
    panel: Panel, visit: Visit, width: dict[str, int], path: Path
) -> None:
    page = opened(panel, visit, width)
    assert is_within(page)
    page.get_by_role("button", name="Edit [101] type=aor").click()
    box = page.locator("textarea")
    expect(box).to_be_focused()
    box.fill("type = aor\nmax_contacts = 2 ; two")
    page.get_by_role("button", name="Show what would change").click()
    expect(page.get_by_text("Line 2: a semicolon begins a comment")).to_be_visible()
    expect(box).to_have_value("type = aor\nmax_contacts = 2 ; two")
    box.fill("type = aor\nmax_contacts = 2\nqualify_frequency = 60")
    page.get_by_role("button", name="New category").click()
    expect(page.locator("textarea")).to_have_count(2)
    page.get_by_label("Name", exact=True).last.fill("102")
    page.locator("textarea").last.fill("type => endpoint")
    page.get_by_role("button", name="Show what would change").click()
    review = page.locator("#config-review")
    expect(review.locator("del")).to_have_text(["−max_contacts = 1"])
    expect(review.locator("ins")).to_contain_text(["max_contacts = 2", "qualify_frequency = 60", "[102]"])
    assert is_within(page)
    assert path.read_text() == TEXT
    page.get_by_role("button", name=f"Write to {FILE}").click()
    expect(page.get_by_text(f"{FILE} was written.")).to_be_visible()
    expect(page.get_by_role("button", name="Reload everything")).to_be_visible()
    expect(page.locator(".config-category").last).to_contain_text("type = endpoint")
    assert lines(path) == [
        "; Kept.", "[general]", "codec = ulaw", "[101]", "type = endpoint", "[101]", "type = aor", "max_contacts = 2",
        "qualify_frequency = 60", "[102]", "type => endpoint",
    ]  # fmt: skip


def test_what_another_has_changed_is_not_overwritten_and_what_was_typed_stays(
    panel22: Panel, asterisk22: Asterisk, visit: Visit, width: dict[str, int]
) -> None:
    path = asterisk22.folder / "etc" / FILE
    path.write_text(TEXT, encoding="utf-8")
    try:
        page = opened(panel22, visit, width)
        page.get_by_role("button", name="Edit [general]").focus()
        page.keyboard.press("Enter")
        expect(page.locator("textarea")).to_be_focused()
        page.locator("textarea").fill("codec = opus")
        page.get_by_role("button", name="Show what would change").click()
        write = page.get_by_role("button", name=f"Write to {FILE}")
        expect(write).to_be_visible()
        path.write_text(TEXT.replace("max_contacts = 1", "max_contacts = 9"), encoding="utf-8")
        write.click()
        expect(page.get_by_text("changed by somebody else")).to_be_visible()
        expect(page.locator("textarea")).to_have_value("codec = opus")
        assert "codec = ulaw" in path.read_text()
        asked: list[str] = []

        def leave(dialog: Dialog) -> None:
            asked.append(dialog.type)
            dialog.accept()

        page.on("dialog", leave)
        page.reload()
        expect(page.get_by_text("max_contacts = 9")).to_be_visible()
        assert asked == ["beforeunload"]
        page.get_by_label("Search categories and lines").fill("codec")
        expect(page.locator(".config-category:visible")).to_have_count(1)
    finally:
        path.unlink()


def test_an_edit_is_left_and_a_file_that_is_not_there_is_told(
    panel22: Panel, asterisk22: Asterisk, visit: Visit, width: dict[str, int]
) -> None:
    page = visit(panel22, "anna", "/system/main/config/?file=confbridge.conf", viewport=width)
    page.get_by_role("button", name="Edit [panel_menu]").click()
    page.get_by_role("button", name="Keep it as it is").click()
    expect(page.locator("textarea")).to_have_count(0)
    page.get_by_role("button", name="Show what would change").click()
    expect(page.get_by_text("Nothing would change")).to_be_visible()
    page.get_by_role("button", name="Reload app_confbridge.so").click()
    expect(page.locator(".panel-toast")).to_contain_text("app_confbridge.so was reloaded.")
    assert is_within(page)
    page.goto(f"{panel22.url}/system/main/config/?file=nothing.conf")
    expect(page.get_by_text("Asterisk has no file nothing.conf")).to_be_visible()

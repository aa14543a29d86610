"""Rooms are planned on their pages, and their moderators see them live: a real Chromium, a real Asterisk 22."""

import contextlib
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory
from tests.panel import Panel, Visit

ROOM, OTHER = "8018", "8019"
WIDTHS = {"wide": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}


@pytest.fixture(params=WIDTHS)
def width(request: pytest.FixtureRequest) -> dict[str, int]:
    return WIDTHS[request.param]


def is_within(page: Page) -> bool:
    """Whether nothing of the page is cut off at the side."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@contextlib.contextmanager
def planned(page: Page, panel: Panel, number: str, name: str) -> Iterator[str]:
    """A room whose moderator is nobody, made and deleted on its pages; the address of its plan."""
    page.goto(f"{panel.url}/rooms/new/")
    page.get_by_label("Number", exact=True).fill(number)
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("nobody", exact=True).check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    address = page.url
    try:
        yield address
    finally:
        page.goto(f"{address}delete/")
        page.get_by_role("button", name="Delete").click()
        expect(page.get_by_text("was deleted.")).to_be_visible()


def test_a_room_is_planned_corrected_copied_from_and_deleted(
    panel22: Panel, visit: Visit, width: dict[str, int]
) -> None:
    page = visit(panel22, "mona", "/rooms/", viewport=width, permissions=["clipboard-read", "clipboard-write"])
    expect(page.get_by_text("No room is planned.")).to_be_visible()
    page.get_by_role("link", name="Plan a room").first.click()
    page.get_by_label("Name", exact=True).fill("Board meeting")
    page.get_by_label("Number", exact=True).fill("80 18")
    page.get_by_label("ben", exact=True).check()
    page.get_by_label("Lecture mode").check()
    page.get_by_label("Lock after (minutes)").fill("5")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Not saved yet")).to_be_visible()
    expect(page.get_by_text("Use only letters, digits")).to_be_visible()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Board meeting")
    expect(page.get_by_label("ben", exact=True)).to_be_checked()
    expect(page.get_by_label("Lecture mode")).to_be_checked()
    assert is_within(page)
    page.get_by_label("Number", exact=True).fill(ROOM)
    page.keyboard.press("Enter")
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(page.get_by_role("heading", name=f"Board meeting ({ROOM})")).to_be_visible()
    assert is_within(page)
    page.get_by_role("button", name="Copy the lines for confbridge.conf").click()
    expect(page.locator(".panel-toast")).to_contain_text("Copied.")
    assert "dialplan_exec(panel-hand,s,1)" in page.evaluate("navigator.clipboard.readText()")
    page.goto(f"{panel22.url}/rooms/")
    room = page.locator(".room", has_text="Board meeting")
    expect(room).to_contain_text("locked after 5 minutes")
    expect(room).to_contain_text("ben")
    assert is_within(page)
    room.get_by_role("link", name="Board meeting").click()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No room is planned.")).to_be_visible()


def test_what_is_pasted_can_be_selected_without_scripts(panel22: Panel, visit: Visit) -> None:
    page = visit(panel22, "mona", "/rooms/")
    with planned(page, panel22, ROOM, "Board meeting") as address:
        context = page.context.browser.new_context(  # type: ignore[union-attr]
            java_script_enabled=False, storage_state=page.context.storage_state()
        )
        with contextlib.closing(context):
            plain = context.new_page()
            plain.goto(address)
            expect(plain.locator("pre")).to_have_count(3)
            expect(plain.get_by_text(f"ConfBridge({ROOM},pbxpanel_bridge").first).to_be_visible()
            expect(plain.get_by_role("button", name="Copy")).to_have_count(0)


def test_a_moderator_of_a_room_sees_it_live_and_no_other(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory
) -> None:
    with planned(visit(panel22, "mona"), panel22, ROOM, "Board meeting"):
        page = visit(panel22, "nobody", "/")
        expect(page.locator("#count-conferences")).to_have_count(0)
        page.get_by_role("link", name="Conferences").click()
        expect(page.get_by_role("heading", name="My rooms")).to_be_visible()
        caller_factory(asterisk22, OTHER, name="Not hers")
        caller = caller_factory(asterisk22, ROOM, name="Carla")
        card = page.locator(".conference")
        expect(card).to_have_count(1)
        expect(card).to_contain_text(f"{ROOM} Board meeting")
        page.get_by_role("link", name=f"Board meeting {ROOM}", exact=True).click()
        expect(page.get_by_role("heading", name="Board meeting")).to_be_visible()
        page.wait_for_selector("html[data-live]")  # before that a button does nothing
        row = page.locator(".participant", has_text="Carla")
        row.locator("[data-action=mute]").click()
        expect(row).to_contain_text("muted")
        caller.stop()
        expect(page.locator(".participant")).to_have_count(0)
        response = page.goto(f"{panel22.url}/conferences/main/{OTHER}/")
        assert response is not None
        assert response.status == 403

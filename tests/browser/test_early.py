"""A button that is pressed while the page's scripts are still on their way is not pressed in vain: a real Chromium."""

import pytest
from playwright.sync_api import Route, expect

from tests.panel import Panel, Visit


@pytest.mark.parametrize("by", ["click", "Enter"])
def test_what_is_pressed_before_the_scripts_are_there_is_done_when_they_are(
    panel22: Panel, visit: Visit, by: str
) -> None:
    page = visit(panel22, "anna", "/system/main/config/?file=confbridge.conf")
    held: list[Route] = []
    page.route("**/static/panel/toasts*.js", lambda route: held.append(route))
    with page.expect_request("**/static/panel/toasts*.js"):
        page.reload(wait_until="commit")
    edit = page.get_by_role("button", name="Edit [panel_menu]")
    if by == "click":
        edit.click()
        edit.click()  # twice is once
    else:
        edit.press(by)
    assert held, "the scripts are there already"
    expect(page.locator("textarea")).to_have_count(0)
    for route in held:
        route.continue_()
    expect(page.locator("textarea")).to_be_focused()
    expect(page.locator("textarea")).to_have_count(1)


def test_a_form_that_is_sent_before_the_scripts_are_there_keeps_what_was_typed(panel22: Panel, visit: Visit) -> None:
    page = visit(panel22, "anna", "/system/main/config/")
    held: list[Route] = []
    page.route("**/static/panel/toasts*.js", lambda route: held.append(route))
    with page.expect_request("**/static/panel/toasts*.js"):
        page.reload(wait_until="commit")
    box = page.get_by_label("Category", exact=True)
    box.fill("panel_us")
    box.press("Enter")
    assert held, "the scripts are there already"
    for route in held:
        route.continue_()
    expect(page.locator("#config-found")).to_contain_text("[panel_user]")
    expect(box).to_have_value("panel_us")

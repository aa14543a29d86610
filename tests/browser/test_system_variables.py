"""The page of variables: a real Chromium, a real Asterisk 22."""

import pytest
from playwright.sync_api import expect

from tests.lab.asterisk import Asterisk
from tests.panel import Panel, Visit

from .test_rooms import WIDTHS, is_within


@pytest.fixture(params=WIDTHS)
def width(request: pytest.FixtureRequest) -> dict[str, int]:
    return WIDTHS[request.param]


def test_variables_are_read_set_and_listed(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, width: dict[str, int]
) -> None:
    asterisk22.cli("channel originate Local/602@internal application Wait 600")
    page = visit(panel22, "anna", "/calls/", viewport=width)
    expect(page.locator(".call")).to_have_count(1)
    page.goto(f"{panel22.url}/system/main/variables/")
    channel = page.locator("#variables-channels option").first.get_attribute("value")
    assert channel in asterisk22.channels()
    name, value, result = (page.locator(f"#variables-{part}") for part in ("name", "value", "result"))
    page.locator("#variables-channel").fill(channel or "")
    name.fill("CHANNEL(state)")
    name.press("Enter")
    expect(result).to_contain_text("Up")
    name.fill("GREETING")
    value.fill("Zoë <b>李雷</b>")
    page.get_by_role("button", name="Set").click()
    expect(result).to_contain_text("Zoë <b>李雷</b>")
    page.get_by_role("button", name="Show all").click()
    expect(page.locator("#variables-all")).to_contain_text("Zoë <b>李雷</b>")
    assert is_within(page)
    name.fill("")
    page.get_by_role("button", name="Use GREETING in the form").click()
    expect(name).to_have_value("GREETING")
    expect(value).to_be_focused()
    # A failure says what it is, and what was typed stays.
    page.locator("#variables-channel").fill("Local/none")
    name.press("Enter")
    expect(page.locator(".panel-toast.is-danger")).to_contain_text("There is no such channel")
    expect(value).to_have_value("Zoë <b>李雷</b>")
    page.locator("#variables-channel").fill("")
    name.fill("EPOCH")
    name.press("Enter")
    expect(result).to_contain_text("global")
    assert is_within(page)

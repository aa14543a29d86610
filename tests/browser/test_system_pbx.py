"""The page of a PBX in a real Chromium, on real Asterisks."""

import re

import pytest
from playwright.sync_api import expect

from tests.lab.asterisk import Asterisk
from tests.panel import Panel, Visit

WIDTHS = {"wide": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_follows_what_the_pbx_does(panel: Panel, asterisk: Asterisk, visit: Visit, width: str) -> None:
    page = visit(panel, "anna", "/", viewport=WIDTHS[width])
    page.get_by_label("My menu").click()
    page.get_by_role("link", name="System").click()
    expect(page.get_by_role("heading", name="The PBX main")).to_be_visible()
    expect(page.get_by_text(re.compile(rf"^\s*Asterisk {asterisk.version}\."))).to_have_count(2)
    channels = page.locator("dt", has_text="Channels now").locator("xpath=following-sibling::dd")
    expect(channels).to_have_text("0")
    module = page.get_by_label("Module")
    module.fill("res_pj")
    asterisk.cli("channel originate Local/602@internal extension 602@internal")
    expect(channels).not_to_have_text("0")
    expect(page.get_by_role("cell", name="Newchannel")).to_be_visible()
    assert page.locator(".events-chart rect").count() > 0
    expect(module).to_have_value("res_pj")
    expect(module).to_be_focused()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.complaints == []  # type: ignore[attr-defined]


def test_a_module_is_reloaded_after_a_question(panel: Panel, visit: Visit) -> None:
    page = visit(panel, "anna", "/system/main/")
    expect(page.locator("#modules option[value='res_pjsip.so']")).to_have_count(1)
    module = page.get_by_label("Module")
    for name, answer in (("res_nothing.so", "has no module of this name"), ("app_confbridge.so", "was reloaded")):
        module.fill(name)
        module.press("Enter")
        question = page.get_by_role("dialog")
        expect(question).to_contain_text("Reload the configuration of Asterisk?")
        question.get_by_role("button", name="Yes").click()
        expect(page.get_by_text(answer)).to_be_visible()
        expect(module).to_have_value(name)


def test_a_question_that_is_not_answered_with_yes_does_nothing(panel22: Panel, visit: Visit) -> None:
    page = visit(panel22, "anna", "/system/main/")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    reload = page.get_by_role("main").get_by_role("button", name="Reload")
    for answer in ("Escape", "Enter"):  # the focus is on Cancel
        reload.click()
        expect(page.get_by_role("dialog")).to_be_visible()
        page.keyboard.press(answer)
        expect(page.get_by_role("dialog")).to_be_hidden()
        expect(reload).to_be_enabled()
    assert sent == []


def test_who_may_only_look_finds_no_reload(panel22: Panel, visit: Visit) -> None:
    page = visit(panel22, "ben", "/")
    page.get_by_label("My menu").click()
    expect(page.get_by_role("link", name="System")).to_have_count(0)
    assert page.goto(f"{panel22.url}/system/main/").status == 403  # type: ignore[union-attr]

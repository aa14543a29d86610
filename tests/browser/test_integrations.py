"""What the page *Integrations* offers works: the preview, the bookmark, the handler of telephone links, a copy."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.panel import Panel, Visit

from .other_pages import OtherPages, other_pages
from .test_button import open_page, said, window_of

pytestmark = [pytest.mark.timeout(120)]
SCRIPT = Path(__file__).resolve().parents[2] / "static" / "click-to-call.js"
# Notes what the page asks of the browser, which would ask its user.
HANDLER = """
window.asked = [];
navigator.registerProtocolHandler = (...given) => { window.asked.push(given); };
"""
INSECURE = "Object.defineProperty(window, 'isSecureContext', { value: false });"
UNKNOWN = "navigator.registerProtocolHandler = undefined;"


@pytest.fixture
def others() -> Iterator[OtherPages]:
    with other_pages() as served:
        yield served


def integrations(panel: Panel, visit: Visit, script: str = "") -> Page:
    page = visit(panel, "ben")
    if script:
        page.add_init_script(script)
    page.goto(f"{panel.url}/integrations/")
    page.wait_for_selector("html[data-live]")
    return page


def test_the_preview_is_the_button_itself(panel22: Panel, visit: Visit) -> None:
    page = integrations(panel22, visit)
    for name in ("A telephone link: 102", "A button for 102"):
        with page.context.expect_page() as opened:
            page.get_by_role("button", name=name).click()
        expect(opened.value.locator("#id_number")).to_have_value("102")
        opened.value.close()


def test_the_bookmark_calls_what_is_selected_or_asks_for_a_number(
    panel22: Panel, visit: Visit, others: OtherPages
) -> None:
    page = integrations(panel22, visit)
    bookmark = page.get_by_role("link", name="Call with PBX Panel").get_attribute("href")
    assert bookmark == page.locator("#snippet-bookmark").text_content()
    code = str(bookmark).removeprefix("javascript:")
    others.pages["/"] = "<p>Call us: <b>+49 (0)30 / 123 456</b></p>"
    other = page.context.new_page()
    other.goto(others.origin())
    other.locator("b").select_text()
    with page.context.expect_page() as opened:
        other.evaluate(code)
    expect(opened.value.locator("#id_number")).to_have_value("+49 (0)30 / 123 456")
    other.evaluate("getSelection().empty()")
    other.on("dialog", lambda dialog: dialog.accept("103"))
    with page.context.expect_page() as opened:
        other.evaluate(code)
    expect(opened.value.locator("#id_number")).to_have_value("103")


def test_the_panel_offers_itself_for_telephone_links(panel22: Panel, visit: Visit) -> None:
    page = integrations(panel22, visit, HANDLER)
    page.get_by_role("button", name="Use the panel for telephone links").click()
    assert page.evaluate("asked") == [["tel", f"{panel22.url}/calls/new/?number=%s"]]
    expect(page.locator(".panel-toast")).to_contain_text("Your browser asks you now")


@pytest.mark.parametrize(
    ("script", "said"),
    [(INSECURE, "This takes HTTPS"), (UNKNOWN, "Your browser does not offer this")],
)
def test_where_that_is_not_possible_the_page_says_why(panel22: Panel, visit: Visit, script: str, said: str) -> None:
    page = integrations(panel22, visit, script)
    expect(page.get_by_role("button", name="Use the panel for telephone links")).to_be_disabled()
    expect(page.get_by_role("status").filter(has_text=said)).to_be_visible()


def test_a_snippet_is_copied_and_makes_buttons_of_a_page(panel22: Panel, visit: Visit, others: OtherPages) -> None:
    page = integrations(panel22, visit)
    page.locator("[data-copy=snippet-button]").click()
    expect(page.locator(".panel-toast")).to_contain_text("Copied.")
    others.pages["/"] = f"<!DOCTYPE html><body>{page.locator('#snippet-button').text_content()}</body>"
    other = open_page(page.context, others.origin())
    expect(other.get_by_role("button", name=re.compile("Ben"))).to_be_visible()
    expect(other.get_by_role("button", name=re.compile("30 123456"))).to_be_visible()


def test_a_copy_of_the_script_is_told_where_the_panel_is(panel22: Panel, visit: Visit, others: OtherPages) -> None:
    others.pages["/copy.js"] = SCRIPT.read_text()
    others.pages["/"] = (
        f'<a id="ben" href="tel:102">Ben</a><script src="/copy.js" data-panel="{panel22.url}/" defer></script>'
    )
    other = open_page(integrations(panel22, visit).context, others.origin())
    expect(window_of(other, "ben").locator("#id_number")).to_have_value("102")
    expect(said(other, "ben")).to_have_text("Goes on in the window of the panel.")

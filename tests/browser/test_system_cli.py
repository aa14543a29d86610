"""The page of the CLI and that of any action in a real Chromium, on a real Asterisk 22."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.panel import Panel, Visit

WIDTHS = {"wide": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
CLI, ACTION = "/system/main/cli/", "/system/main/action/"


@pytest.fixture(params=WIDTHS)
def width(request: pytest.FixtureRequest) -> dict[str, int]:
    return WIDTHS[request.param]


def is_within(page: Page) -> bool:
    """Whether nothing of the page is cut off at the side."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def give(page: Page, command: str) -> None:
    """Give it, and wait for what comes of it."""
    entries = page.locator(".cli-entry")
    count = entries.count()
    page.fill("#cli-command", command)
    page.keyboard.press("Enter")
    expect(entries).to_have_count(count + 1)
    expect(page.locator("#cli-form [type=submit]")).to_be_enabled()


@contextlib.contextmanager
def rule(panel: Panel, allowed: str) -> Iterator[None]:
    """Administrators may give this, meanwhile."""
    group = 'Group.objects.get(name="Administrator")'
    imports = "from django.contrib.auth.models import Group; from system.cli.models import CliRules; "
    panel.shell(f"{imports}CliRules.objects.create(group={group}, allowed={allowed!r})")
    try:
        yield
    finally:
        panel.shell(f"{imports}CliRules.objects.all().delete()")


def test_a_command_is_completed_given_and_found_again(panel22: Panel, visit: Visit, width: dict[str, int]) -> None:
    page = visit(panel22, "anna", CLI, viewport=width)
    line, options = page.locator("#cli-command"), page.locator("#cli-options button")
    expect(line).to_be_focused()
    line.press_sequentially("core sh")
    line.press("Tab")
    expect(line).to_have_value("core show ")
    expect(line).to_be_focused()
    line.press_sequentially("cha")
    line.press("Tab")
    expect(line).to_have_value("core show channel")
    expect(options).to_contain_text(["channels", "channeltype", "channeltypes"])
    assert is_within(page)
    options.get_by_text("channels", exact=True).click()
    expect(line).to_have_value("core show channels ")
    line.press("Enter")
    output = page.locator(".cli-output")
    expect(output).to_contain_text("active channels")
    expect(line).to_have_value("")
    expect(line).to_be_focused()
    assert "Location                         State" in (output.text_content() or ""), "the columns are kept"
    assert is_within(page)
    give(page, "core show uptime")
    expect(page.locator(".cli-entry")).to_have_count(2)
    page.reload()
    expect(page.locator(".cli-entry")).to_have_count(0)
    line.press_sequentially("half typ")
    line.press("ArrowUp")
    expect(line).to_have_value("core show uptime")
    line.press("ArrowUp")
    expect(line).to_have_value("core show channels")
    line.press("ArrowDown")
    line.press("ArrowDown")
    expect(line).to_have_value("half typ")


def test_the_line_can_be_left_by_keyboard(panel22: Panel, visit: Visit) -> None:
    page = visit(panel22, "anna", CLI)
    line = page.locator("#cli-command")
    line.press("Tab")
    expect(line).not_to_be_focused()
    line.fill("core")
    line.press("Escape")
    line.press("Tab")
    expect(line).not_to_be_focused()
    expect(line).to_have_value("core")


def test_what_is_refused_says_why_and_keeps_what_was_typed(panel22: Panel, visit: Visit, width: dict[str, int]) -> None:
    page = visit(panel22, "anna", CLI, viewport=width)
    line, last = page.locator("#cli-command"), page.locator(".cli-entry").last
    give(page, "core restart now")
    expect(last).to_contain_text("It needs the rule “core restart now”")
    line.press("ArrowUp")
    expect(line).to_have_value("core restart now")
    give(page, "core shwo version")
    expect(last).to_contain_text("“core shwo version”")
    give(page, "core show nothing-like-this")
    expect(last).to_contain_text("Asterisk does not know this command")
    give(page, 'core show "x')
    expect(last).to_contain_text("A quotation mark is not closed")
    expect(line).to_have_value('core show "x')
    assert is_within(page)


def test_what_changes_something_is_asked_about_in_its_place(
    panel22: Panel, visit: Visit, width: dict[str, int]
) -> None:
    page = visit(panel22, "anna", CLI, viewport=width)
    line, last = page.locator("#cli-command"), page.locator(".cli-entry").last
    with rule(panel22, "core set verbose *"):
        give(page, "core set verbose 3")
        expect(last).to_contain_text("may change or end something")
        expect(line).to_be_focused()
        assert is_within(page)
        page.get_by_role("button", name="Do not run it").click()
        expect(page.locator(".cli-entry")).to_have_count(0)
        expect(line).to_be_focused()
        give(page, "core set verbose 3")
        page.get_by_role("button", name="Run it anyway").click()
        expect(last.locator(".cli-output")).to_contain_text("onsole verbose")
        expect(page.locator(".cli-question")).to_have_count(0)
        expect(line).to_be_focused()


def test_a_long_answer_is_cut_shown_and_saved(panel22: Panel, visit: Visit, tmp_path: Path) -> None:
    page = visit(panel22, "anna", CLI)
    give(page, "manager show command PJSIPShowEndpoint")
    long = page.locator(".cli-entry")
    last_line = long.get_by_text("[End Final Response]")
    more = long.get_by_role("button", name="more line")
    expect(more).to_be_visible()
    expect(last_line).to_be_hidden()
    more.click()
    expect(last_line).to_be_visible()
    give(page, "core show help")
    give(page, "manager show command Originate")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save all").click()
    path = tmp_path / "all.txt"
    download.value.save_as(path)
    saved = path.read_text()
    assert "main*CLI> core show help" in saved
    assert "core show uptime [seconds]" in saved
    with page.expect_download() as download:
        page.locator(".cli-entry").last.get_by_role("button", name="Save this answer").click()
    download.value.save_as(path)
    assert "EarlyMedia" in path.read_text()
    assert "core show uptime" not in path.read_text()
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(".cli-entry")).to_have_count(0)
    expect(page.get_by_text("Asterisk's answers appear here.")).to_be_visible()


def test_who_may_not_is_shown_neither_page(panel22: Panel, visit: Visit) -> None:
    page = visit(panel22, "mona", "/calls/")
    for path in (CLI, ACTION):
        answer = page.goto(f"{panel22.url}{path}")
        assert answer is not None
        assert answer.status == 403


def test_any_action_is_chosen_filled_in_and_sent(panel22: Panel, visit: Visit, width: dict[str, int]) -> None:
    page = visit(panel22, "anna", ACTION, viewport=width)
    answer = page.locator("#action-answer")
    page.get_by_label("Action", exact=True).select_option("PJSIPShowEndpoint")
    page.get_by_label("Endpoint").fill("101")
    page.get_by_text("What Asterisk says about PJSIPShowEndpoint").click()
    expect(page.locator(".action-help pre").first).to_contain_text("[Syntax]")
    assert is_within(page)
    page.get_by_role("button", name="Send PJSIPShowEndpoint").click()
    expect(answer).to_contain_text("The answer to PJSIPShowEndpoint")
    expect(answer.locator(".action-events")).to_contain_text("EndpointDetail")
    assert is_within(page)
    page.get_by_label("Endpoint").fill("nobody")
    page.keyboard.press("Enter")
    expect(answer.get_by_role("alert")).to_contain_text("The PBX refused: ")
    expect(page.get_by_label("Endpoint")).to_have_value("nobody")
    page.get_by_label("Further fields").fill("not a field")
    page.get_by_role("button", name="Send PJSIPShowEndpoint").click()
    expect(answer.get_by_role("alert")).to_contain_text("Write it as Name: value.")
    expect(page.get_by_label("Further fields")).to_have_value("not a field")
    page.get_by_label("Action", exact=True).select_option("Originate")
    page.get_by_label("Channel", exact=True).fill("Local/602@internal")
    page.get_by_label("Application").fill("Wait")
    page.get_by_label("Data").fill("1")
    page.get_by_label("Async").fill("true")
    page.get_by_role("button", name="Send Originate").click()
    expect(answer).to_contain_text("How it ended")
    expect(answer).to_contain_text("OriginateResponse")
    assert is_within(page)

"""The page of recording: a real Chromium, the real 22 and 16."""

import time

import pytest
from playwright.sync_api import Route, expect

from tests.lab.asterisk import Asterisk
from tests.panel import Panel, Visit

from .test_rooms import WIDTHS, is_within


@pytest.fixture(params=WIDTHS)
def width(request: pytest.FixtureRequest) -> dict[str, int]:
    return WIDTHS[request.param]


def test_a_channel_is_recorded_muted_and_stopped(
    asterisk: Asterisk, panel: Panel, visit: Visit, width: dict[str, int]
) -> None:
    asterisk.cli("channel originate Local/601@internal application Wait 600")
    page = visit(panel, "anna", "/calls/", viewport=width)
    expect(page.locator(".call")).to_have_count(1)
    page.goto(f"{panel.url}/system/main/recording/")
    row = page.locator(".recording-row", has_text=";2")
    expect(row).to_contain_text("not recorded")
    name = f"web-{width['width']}"
    page.get_by_label("File", exact=True).fill("../elsewhere")
    row.locator("[data-action=record]").click()
    expect(page.locator(".panel-toast.is-warning")).to_contain_text("Use only letters")
    page.get_by_label("File", exact=True).fill(name)
    page.get_by_label("Each side also in a file of its own").check()
    row.locator("[data-action=record]").click()
    expect(page.locator(".panel-toast.is-success")).to_contain_text(f"spool/monitor/{name}.wav")
    expect(row.locator(".recording-file")).to_contain_text(f"/spool/monitor/{name}")
    expect(row.locator(".badge")).to_contain_text("recording")
    assert is_within(page)
    row.get_by_label("Which side").select_option("what they say")
    row.get_by_role("button", name="Mute", exact=True).click()
    expect(row).to_contain_text("what they say is silent")
    row.get_by_role("button", name="Stop recording to").click()
    expect(row).to_contain_text("not recorded")
    expect(page.get_by_label("File", exact=True)).to_have_value(name)
    files = {path.name for path in (asterisk.folder / "spool/monitor").iterdir()}
    assert {f"{name}.wav", f"{name}-in.wav", f"{name}-out.wav"} <= files
    expect(row.locator("[data-action=monitor]")).to_have_count(1 if asterisk.version == "16" else 0)
    if asterisk.version == "16":
        row.locator("[data-action=monitor]").click()
        expect(row.locator("[data-action=pause-monitor]")).to_be_visible()
        assert is_within(page)
        row.locator("[data-action=stop-monitor]").click()
        expect(row.locator("[data-action=monitor]")).to_be_visible()
    # What hangs up leaves the list once nobody is at work in it.
    page.mouse.move(1, 1)
    asterisk.quiet()
    expect(page.locator(".recording-row")).to_have_count(0)


def test_an_answer_that_comes_while_somebody_is_at_work_in_the_list_does_not_change_it(
    asterisk22: Asterisk, panel22: Panel, visit: Visit
) -> None:
    asterisk22.cli("channel originate Local/601@internal application Wait 600")
    page = visit(panel22, "anna", "/calls/")
    expect(page.locator(".call")).to_have_count(1)
    page.goto(f"{panel22.url}/system/main/recording/")
    rows = page.locator(".recording-row")
    expect(rows).to_have_count(2)
    held: list[Route] = []
    page.route("**/recording/channels/**", lambda route: held.append(route))
    deadline = time.monotonic() + 60
    while not held:
        assert time.monotonic() < deadline, "it is not asked for"
        page.wait_for_timeout(20)
    # It was asked for before the hand came.
    rows.first.hover()
    with page.expect_response("**/recording/channels/**") as answer:
        held[0].fulfill(content_type="text/html", body="<p>other</p>")
    answer.value.finished()
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert rows.count() == 2
    # Once the hand is gone, the next one is shown.
    page.unroute("**/recording/channels/**")
    page.route("**/recording/channels/**", lambda route: route.fulfill(content_type="text/html", body="<p>other</p>"))
    page.mouse.move(1, 1)
    expect(rows).to_have_count(0)

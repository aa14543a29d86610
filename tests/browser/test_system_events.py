"""The stream of events in a real Chromium, on a real Asterisk 22."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory
from tests.panel import Panel, Visit

WIDTHS = {"wide": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
EVENTS = "/system/main/events/"


@pytest.fixture(params=WIDTHS)
def width(request: pytest.FixtureRequest) -> dict[str, int]:
    return WIDTHS[request.param]


def is_within(page: Page) -> bool:
    """Whether nothing of the page is cut off at the side."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def a_call(asterisk: Asterisk) -> None:
    asterisk.cli("channel originate Local/607@internal application Wait 1")


def watch(panel: Panel, visit: Visit, **options: object) -> Page:
    page = visit(panel, "anna", EVENTS, **options)
    expect(page.locator("#events-state")).to_have_text("Live")
    return page


def test_events_come_are_filtered_opened_and_saved(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, width: dict[str, int], tmp_path: Path
) -> None:
    page = watch(panel22, visit, viewport=width)
    row = page.locator(".event:visible")
    a_call(asterisk22)
    expect(row.filter(has_text="Hangup").first).to_be_visible()
    assert is_within(page)
    page.get_by_label("Parts of event names").fill("newchannel")
    expect(row).to_have_count(2)
    expect(page.locator("#events-count")).to_contain_text("2 of ")
    page.get_by_label("Part of the channel name").fill(";2")
    expect(row).to_have_count(1)
    page.get_by_label("Text anywhere").fill("no such text")
    expect(page.get_by_text("No event matches the filter.")).to_be_visible()
    page.get_by_label("Text anywhere").fill("Exten: 607")
    expect(row).to_have_count(1)
    row.locator("summary").click()
    expect(row.locator("dl")).to_contain_text("Uniqueid")
    expect(page.locator("#events-state")).to_have_text("Paused")
    assert is_within(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as file").click()
    path = tmp_path / "events.txt"
    download.value.save_as(path)
    lines = path.read_bytes().decode().split("\r\n")
    assert lines[0] == "Event: Newchannel"
    assert lines[1].startswith("Timestamp: 1")
    assert sum(line.startswith("Event: ") for line in lines) == 1


def test_while_it_is_paused_what_comes_is_counted(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, width: dict[str, int]
) -> None:
    page = watch(panel22, visit, viewport=width)
    page.get_by_label("Parts of event names").fill("hangup -soft -request -handler")
    page.get_by_role("button", name="Pause").click()
    a_call(asterisk22)
    expect(page.locator("#events-new")).to_have_text("2 new")
    expect(page.locator(".event:visible")).to_have_count(0)
    assert is_within(page)
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".event:visible")).to_have_count(2)
    expect(page.locator("#events-new")).to_have_text("")
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(".event")).to_have_count(0)


def test_the_filter_is_for_what_comes_as_well(asterisk22: Asterisk, panel22: Panel, visit: Visit) -> None:
    page = watch(panel22, visit)
    received: list[str] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda data: received.append(str(data))))
    with page.expect_websocket() as opened:
        page.reload()
    with opened.value.expect_event("framesent", lambda data: "hangup" in str(data)):
        page.get_by_label("Parts of event names").fill("hangup -soft -request -handler")
    expect(page.locator("#events-state")).to_have_text("Live")
    # A call that ends at once is over: the filter has arrived before the next one begins.
    asterisk22.cli("channel originate Local/605@internal application Wait 1")
    expect(page.locator(".event:visible")).to_have_count(2)
    received.clear()
    a_call(asterisk22)
    expect(page.locator(".event:visible")).to_have_count(4)
    assert not [data for data in received if '"Newexten"' in data]


def test_what_is_read_stays_where_it_is(asterisk22: Asterisk, panel22: Panel, visit: Visit) -> None:
    page = watch(panel22, visit, viewport={"width": 1280, "height": 700})
    rows, events = page.locator(".event"), page.locator("#events-list")
    for _ in range(3):
        a_call(asterisk22)
    expect(rows.filter(has_text="Hangup").nth(5)).to_be_attached()
    page.wait_for_function("() => document.getElementById('events-list').scrollTop > 0")
    events.evaluate("list => { list.scrollTop = 60; }")
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    count = rows.count()
    a_call(asterisk22)
    expect(page.locator("#events-new")).to_contain_text("new")
    assert events.evaluate("list => list.scrollTop") == 60
    assert rows.count() == count
    page.get_by_role("button", name="Resume").click()
    expect(rows.last).to_be_in_viewport()
    assert rows.count() > count


def test_a_line_is_opened_by_keyboard(asterisk22: Asterisk, panel22: Panel, visit: Visit) -> None:
    page = watch(panel22, visit)
    a_call(asterisk22)
    first = page.locator(".event").first
    first.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(first.locator("dl")).to_contain_text("Privilege")
    page.keyboard.press("Tab")
    expect(page.locator(".event").nth(1).locator("summary")).to_be_focused()


def test_text_from_the_telephone_network_stays_text(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory
) -> None:
    page = watch(panel22, visit)
    name = "<img src=x onerror=alert(1)>"
    caller_factory(asterisk22, "602", name=name)
    row = page.locator(".event", has_text="Newchannel").first
    row.locator("summary").click()
    expect(row.locator("dl")).to_contain_text(name)
    assert page.locator(".event img").count() == 0


def test_only_the_newest_lines_are_kept(panel22: Panel, visit: Visit) -> None:
    page = visit(panel22, "anna", "/")
    sent = {"state": "live", "why": "", "events": [[1, [["Event", f"E{n}"], ["Channel", "x"]]] for n in range(2500)]}

    def answer(socket: object) -> None:
        socket.send(json.dumps({**sent, "left_off": 1234}))  # type: ignore[attr-defined]

    page.route_web_socket("**/ws/events/**", answer)
    page.goto(f"{panel22.url}{EVENTS}")
    expect(page.locator("#events-note")).to_contain_text("1,234 skipped")
    expect(page.locator("#events-note")).to_contain_text("500 older ones dropped")
    expect(page.locator(".event")).to_have_count(2000)
    expect(page.locator(".event").last).to_contain_text("E2499")


def test_lines_that_are_higher_than_was_reckoned_do_not_stop_it(panel22: Panel, visit: Visit) -> None:
    page = visit(panel22, "anna", "/", viewport=WIDTHS["phone"])
    sockets: list[WebSocketRoute] = []

    def send(first: int, last: int) -> None:
        events = [[1, [["Event", f"E{n}"], ["Channel", "x"], ["AppData", "y"]]] for n in range(first, last)]
        sockets[0].send(json.dumps({"state": "live", "why": "", "events": events}))

    page.route_web_socket("**/ws/events/**", lambda socket: sockets.append(socket))
    page.goto(f"{panel22.url}{EVENTS}")
    expect(page.locator("#events-state")).to_be_attached()
    send(0, 60)
    expect(page.locator(".event").last).to_be_in_viewport()
    # The lines grow, and the list scrolls down, but not to the end: so does a browser that keeps a line in place.
    page.locator("#events-list").evaluate("""list => new Promise(done => {
      for (const line of list.querySelectorAll("summary")) line.style.paddingBlock = "30px";
      list.addEventListener("scroll", () => requestAnimationFrame(done), { once: true });
      list.scrollTop += 40;
    })""")
    send(60, 70)
    expect(page.locator(".event").last).to_contain_text("E69")
    expect(page.locator(".event").last).to_be_in_viewport()


def test_a_socket_that_is_lost_is_opened_anew(panel22: Panel, visit: Visit) -> None:
    page = visit(panel22, "anna", "/")
    opened: list[object] = []

    def answer(socket: object) -> None:
        opened.append(socket)
        if len(opened) == 1:
            socket.close(code=1011)  # type: ignore[attr-defined]
        else:
            socket.connect_to_server()  # type: ignore[attr-defined]

    page.route_web_socket("**/ws/events/**", answer)
    page.goto(f"{panel22.url}{EVENTS}")
    expect(page.locator("#events-state")).to_have_text("Live")
    assert len(opened) >= 2


def test_who_may_no_longer_watch_is_told(panel22: Panel, visit: Visit) -> None:
    page = visit(panel22, "anna", "/")
    page.route_web_socket("**/ws/events/**", lambda socket: socket.close(code=4403))
    page.goto(f"{panel22.url}{EVENTS}")
    expect(page.locator("#events-state")).to_have_text("You may no longer watch the events.")

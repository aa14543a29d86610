"""A real Chromium without network, asleep, or sent only a part: what it shows is right soon after."""

import copy
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.lab.asterisk import Asterisk
from tests.panel import Panel, Visit
from tests.waiting import until

from .load import ROOM, load_on
from .page import changed_at, differing, fresh, rows, watch
from .proxy import Proxy

pytestmark = pytest.mark.timeout(180)

# What is promised is 2 s; that is measured and told, and asserted with room for a busy machine.
RIGHT_WITHIN = 8.0
# After how many tries in vain to connect the page waits no longer for the next one (`reconnectMaxDelay` of hx-ws).
TRIES = 5


@pytest.fixture
def proxy(panel22: Panel) -> Iterator[Proxy]:
    with Proxy(panel22.port) as proxy:
        yield proxy


def by_way_of(panel: Panel, proxy: Proxy) -> Panel:
    """The panel as a browser reaches it through the proxy."""
    seen = copy.copy(panel)
    seen.url = f"http://127.0.0.1:{proxy.port}"
    return seen


def a_last_call(page: Page, panel: Panel, asterisk: Asterisk, number: str) -> None:
    """Place one, and wait until the panel has it, and so all that was before; this is asked of the panel itself."""
    name = f"last-{time.time_ns()}"
    with asterisk.ami() as ami:
        ami.action(
            "Originate", Channel=f"Local/{number}@internal", Application="Wait", Data="600", Async="true",
            ChannelId=name, OtherChannelId=f"{name}-2",
        )  # fmt: skip
    url = panel.url + urlsplit(page.url).path
    until(lambda: name in page.request.get(url).text(), 60, "the last call does not show")


def is_right(page: Page, panel: Panel, seconds: float = RIGHT_WITHIN) -> None:
    """Wait until it equals what the panel itself says, whatever has become of the page's way to it."""
    url = panel.url + urlsplit(page.url).path
    deadline = time.monotonic() + seconds
    while (shown := rows(page)) != (expected := fresh(page, url)):
        assert time.monotonic() < deadline, differing(shown, expected)
        page.wait_for_timeout(50)


Record = Callable[[str, object], None]


def comes_back(page: Page, panel: Panel, what: str, come_back: Callable[[], None], record: Record) -> None:
    """Let it come back, wait until it is right, and tell how long it took from then to its last change."""
    before = time.time()
    come_back()
    is_right(page, panel)
    took = changed_at(page) - before
    record(what, round(took, 3))
    print(f"{what}: right after {took:.2f} s")
    assert 0 < took < RIGHT_WITHIN


@pytest.mark.parametrize("way", ["network off, connection lost", "network off, connection lost in silence"])
def test_a_browser_that_was_offline_is_right_soon_after(
    asterisk22: Asterisk, panel22: Panel, proxy: Proxy, visit: Visit, record_property: Record, way: str
) -> None:
    page = visit(by_way_of(panel22, proxy), "anna", "/calls/")
    watch(page)
    tries: list[str] = []
    page.on("websocket", lambda socket: tries.append(socket.url))
    page.context.set_offline(True)
    expect(page.locator("#offline")).to_be_visible()
    if way.endswith("silence"):
        proxy.half_open()
    else:
        proxy.refuse()
        proxy.cut()
    with load_on(asterisk22) as load:
        until(lambda: load.begun >= 30, 60, "the load does not go on")
        if not way.endswith("silence"):
            # So many tries that the page waits as long as it ever does for the next one.
            deadline = time.monotonic() + 60
            while len(tries) < TRIES:
                assert time.monotonic() < deadline, tries
                page.wait_for_timeout(50)
    a_last_call(page, panel22, asterisk22, "603")
    assert changed_at(page) == 0

    def come_back() -> None:
        proxy.mend()
        page.context.set_offline(False)

    comes_back(page, panel22, way, come_back, record_property)
    expect(page.locator("#offline")).to_be_hidden()
    page.complaints.clear()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("path", "connection"), [("/calls/", "lost in silence"), (f"/conferences/main/{ROOM}/", "open")]
)
def test_a_tab_that_stood_still_is_right_soon_after_it_wakes(
    asterisk22: Asterisk,
    panel22: Panel,
    proxy: Proxy,
    visit: Visit,
    record_property: Record,
    path: str,
    connection: str,
) -> None:
    """As a frozen tab does, or a computer that sleeps: its process is stopped."""
    page = visit(by_way_of(panel22, proxy), "anna", path)
    watch(page)
    browser = page.context.browser
    assert browser is not None
    control = browser.new_browser_cdp_session()
    processes = control.send("SystemInfo.getProcessInfo")["processInfo"]
    renderers = [process["id"] for process in processes if process["type"] == "renderer"]
    assert renderers

    def wake() -> None:
        for pid in renderers:
            os.kill(pid, signal.SIGCONT)

    for pid in renderers:
        os.kill(pid, signal.SIGSTOP)
    try:
        if connection != "open":
            proxy.half_open()
        with load_on(asterisk22) as load:
            until(lambda: load.begun >= 50, 60, "the load does not go on")
        a_last_call(page, panel22, asterisk22, ROOM if ROOM in path else "603")
    except BaseException:
        wake()
        raise
    comes_back(page, panel22, f"stood still, {connection}, {path}", wake, record_property)
    page.complaints.clear()  # type: ignore[attr-defined]


def test_a_page_heals_whatever_the_channel_layer_loses(asterisk22: Asterisk, tmp_path: Path, visit: Visit) -> None:
    panel = Panel(
        tmp_path,
        {"AMI_URL": asterisk22.ami_url, "DJANGO_SETTINGS_MODULE": "tests.faults.lossy", "LOSES_EVERY": "3"},
    )
    panel.prepare()
    panel.start()
    try:
        pages = [visit(panel, "anna", path) for path in ("/calls/", f"/conferences/main/{ROOM}/")]
        with load_on(asterisk22):
            until(lambda: panel.log.count("LOST") > 10, 60, "too little is lost")
        for page in pages:
            is_right(page, panel)
        # And with the last of all batches lost, whichever it was: the next heartbeat shows the gap.
        for _ in range(3):
            asterisk22.cli("channel originate Local/603@internal application Wait 600")
            is_right(pages[0], panel)
    finally:
        panel.stop()

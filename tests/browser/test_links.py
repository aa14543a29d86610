"""What the page says when a connection is lost, and that everything is right again when it is back."""

import re
import socket
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.lab.asterisk import TRANSPORT, Asterisk, free_port
from tests.lab.fixtures import CallerFactory
from tests.panel import Panel, Visit, hang_up


def test_a_killed_asterisk_is_told_and_its_return_heals_the_page(
    asterisk: Asterisk, panel: Panel, visit: Visit
) -> None:
    page = visit(panel, "anna", "/calls/")
    asterisk.cli("channel originate Local/602@internal application Wait 600")
    expect(page.locator(".call")).to_have_count(1)
    asterisk.kill()
    banner = page.locator("#links [role=alert]")
    expect(banner).to_contain_text("Not connected to the PBX main since")
    expect(page.locator(".call [data-action=hangup]")).to_be_disabled()
    expect(page.locator("[data-action=originate]")).to_be_disabled()
    # It has been lost since then, however often it is tried again.
    since = banner.locator("time").get_attribute("data-at")
    with socket.create_server(("127.0.0.1", asterisk.ports[TRANSPORT])) as stranger:
        stranger.settimeout(30)
        for _ in range(2):  # at the second try the page has been told of the first
            stranger.accept()[0].close()
    assert banner.locator("time").get_attribute("data-at") == since
    # The server refuses as well, whatever the page says.
    address = page.locator(".call [data-action=hangup]").get_attribute("hx-post")
    page.evaluate("address => htmx.ajax('POST', address, {target: '#toasts', swap: 'beforeend'})", address)
    expect(page.locator(".panel-toast")).to_contain_text("not connected to the PBX, so nothing was done")
    asterisk.start()
    expect(banner).to_have_count(0, timeout=20_000)
    expect(page.locator(".call")).to_have_count(0)
    asterisk.cli("channel originate Local/602@internal application Wait 600")
    expect(page.locator(".call [data-action=hangup]")).to_be_enabled()
    hang_up(page.locator(".call"))
    expect(page.locator(".call")).to_have_count(0)


def test_a_browser_without_network_says_so_and_comes_back_by_itself(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory
) -> None:
    page = visit(panel22, "anna", "/calls/")
    caller_factory(asterisk22, "602", name="Carla")
    expect(page.locator(".call")).to_have_count(1)
    page.context.set_offline(True)
    expect(page.locator("#offline")).to_be_visible()
    expect(page.locator(".call [data-action=hangup]")).to_be_disabled()
    caller_factory(asterisk22, "600", name="Dora")
    page.context.set_offline(False)
    expect(page.locator("#offline")).to_be_hidden()
    expect(page.locator(".call", has_text="Dora")).to_be_visible()
    expect(page.locator(".call [data-action=hangup]").first).to_be_enabled()


def test_the_page_tells_how_asterisk_is_reached_and_how_long_that_takes(panel22: Panel, visit: Visit) -> None:
    page = visit(panel22, "anna", "/calls/")
    name = {"tcp": "TCP", "tls": "TLS", "http": "HTTP", "https": "HTTPS"}[TRANSPORT]
    expect(page.locator("#links .transport")).to_have_text(re.compile(rf"^{name} · (< 1|\d+) ms$"))
    page.set_viewport_size({"width": 390, "height": 800})
    line = page.locator("#links .pbx-link").bounding_box()
    assert line is not None
    assert line["height"] < 30
    assert line["x"] + line["width"] <= 390


def test_a_restarted_panel_fetches_its_pages_again(
    asterisk22: Asterisk, tmp_path: Path, visit: Visit, caller_factory: CallerFactory
) -> None:
    panel = Panel(tmp_path, {"AMI_URL": asterisk22.ami_url})
    panel.prepare()
    panel.start()
    try:
        page = visit(panel, "anna", "/calls/")
        carla = caller_factory(asterisk22, "602", name="Carla")
        expect(page.locator(".call")).to_contain_text("Carla")
        panel.stop()
        expect(page.locator("#offline")).to_be_visible()
        carla.stop()
        caller_factory(asterisk22, "602", name="Dora")
        panel.start()
        expect(page.locator("#offline")).to_be_hidden(timeout=15_000)
        expect(page.locator(".call")).to_have_count(1)
        expect(page.locator(".call")).to_contain_text("Dora")
        # It complained, rightly, of refused connections.
        page.complaints.clear()  # type: ignore[attr-defined]
    finally:
        panel.stop()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("ami://panel:wrong@127.0.0.1:{port}", "Asterisk refuses the login of “panel”"),
        ("ami://panel:wrong@127.0.0.1:{nothing}", "refuses the connection; is Asterisk running"),
        ("ami://panel:wrong@no-such-host.invalid:5038", "The name no-such-host.invalid cannot be resolved."),
    ],
)
def test_why_there_is_no_link_is_told_in_words_without_the_secret(
    asterisk22: Asterisk, tmp_path: Path, visit: Visit, url: str, told: str
) -> None:
    panel = Panel(tmp_path, {"AMI_URL": url.format(port=asterisk22.ami_port, nothing=free_port())})
    panel.prepare()
    panel.start()
    try:
        page = visit(panel, "anna")
        expect(page.locator("#links [role=alert]")).to_contain_text(told)
        assert "wrong" not in page.content()
        assert "wrong" not in panel.log
        assert "Traceback" not in panel.log
    finally:
        panel.stop()


def test_the_panel_speaks_chinese(asterisk22: Asterisk, panel22: Panel, visit: Visit) -> None:
    page = visit(panel22, "anna", "/calls/", locale="zh-CN")
    expect(page.locator("h1")).to_have_text("通话")
    expect(page.get_by_text("目前没有通话。")).to_be_visible()
    asterisk22.cli("channel originate Local/602@internal application Wait 600")
    # What comes over the socket speaks it too.
    expect(page.locator(".call .call-state")).to_have_text("已接通")
    page.locator(".panel-bar details.menu:not(.presence-menu) summary").click()
    page.get_by_role("button", name="English").click()
    expect(page.locator("h1")).to_have_text("Calls")

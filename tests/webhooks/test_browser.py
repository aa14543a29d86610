"""The pages about webhooks in a real Chromium, with a receiver that really gets what they send."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.panel import Panel, come_in
from tests.waiting import until
from tests.webhooks.receiver import OK, Receiver, receiving

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """An administrator's, of a panel with the demo PBX, that may send to this machine."""
    panel = Panel(tmp_path, {"WEBHOOK_NETWORKS": "127.0.0.0/8"})
    context = browser.new_context(locale="en")
    try:
        panel.prepare()
        panel.start()
        yield come_in(context, panel, "anna", "/webhooks/")
    finally:
        context.close()
        panel.stop()


def test_a_webhook_is_made_tried_and_gets_what_happens(page: Page, receiver: Receiver) -> None:
    page.get_by_role("link", name="New webhook").click()
    page.get_by_label("Name", exact=True).fill("CRM")
    page.get_by_label("Address", exact=True).fill(f"http://anna:secret@127.0.0.1:{receiver.port}/hook")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Leave the user name and password out")).to_be_visible()
    expect(page.get_by_text("Choose at least one kind of event.")).to_be_visible()
    page.get_by_label("Address", exact=True).fill(receiver.url)
    page.get_by_label("call.ended").check()
    page.get_by_role("button", name="Save").click()
    secret = page.locator("#new-secret").inner_text()
    assert re.fullmatch(r"whsec_\S{44}", secret)

    page.get_by_role("button", name="Send a test").click()
    expect(page.locator("#tested")).to_contain_text("The test has arrived. The receiver answered 200.")
    expect(page.locator("#new-secret")).to_have_count(0)
    # Calls of the demo PBX end all the time, and one may have been faster.
    assert [got.told["type"] for got in receiver.got].count("webhook.test") == 1
    assert all(got.is_signed_by(secret) for got in receiver.got)

    page.goto(page.url.replace("test/", ""))
    delivered = page.locator(".delivery.is-done", has_text="call.ended")
    until(lambda: page.reload() and delivered.count(), 60)
    number = len(receiver.got)
    first = delivered.last
    about = first.locator("bdi").inner_text()
    # The page looks until it has seen what came of it.
    go_on = threading.Event()
    receiver.answer = lambda got: OK if go_on.wait(30) else (500, {}, b"")
    first.get_by_role("button", name="Send again").click()
    expect(page.get_by_text("It is sent again now.")).to_be_visible()
    again = page.locator(".delivery", has_text=about)
    expect(again).to_have_class(re.compile("is-waiting"))
    again.locator("summary").click()
    for _ in range(3):
        with page.expect_response("**/deliveries/?*"):
            pass
    go_on.set()
    expect(again).to_have_class(re.compile("is-done"))
    expect(again.locator("details")).to_have_attribute("open", "")
    expect(page.locator("#deliveries[hx-get]")).to_have_count(0)
    ids = [got.id for got in receiver.got if got.told["data"].get("id") == about]
    assert len(ids) == 2
    assert len(set(ids)) == 1
    assert len(receiver.got) > number

    page.get_by_role("button", name="Turn off").click()
    expect(page.get_by_text("Somebody has turned it off.")).to_be_visible()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("There is no webhook yet.")).to_be_visible()

"""A call that a dial policy refuses: what the user sees, what Asterisk sees, and what stays on record."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect

from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import PhoneFactory
from tests.panel import Panel, Visit

_POLICY = """
from accounts.models import DialPolicy, Profile
DialPolicy.objects.filter(group__name="Moderator").update(refused={refused!r})
Profile.objects.filter(user__username="mona").update(endpoint={endpoint!r})
"""
Change = Callable[[str, str], None]


@pytest.fixture
def change(panel22: Panel) -> Iterator[Change]:
    """`change(refused, endpoint)`: what Mona may not dial, and her phone, as if an administrator had written it."""

    def change(refused: str, endpoint: str) -> None:
        panel22.shell(_POLICY.format(refused=refused, endpoint=endpoint))

    yield change
    change("", "PJSIP/103")


def test_a_number_that_is_refused_is_told_and_calls_nobody(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, phone_factory: PhoneFactory, change: Change
) -> None:
    phone = phone_factory(asterisk22, "103", "ring")
    page = visit(panel22, "mona", "/calls/")
    change("9-0900!", "PJSIP/103")
    page.fill("#dial-number", "9 0900 123")
    page.press("#dial-number", "Enter")
    expect(page.locator(".panel-toast.is-danger")).to_contain_text("You may not call 90900123. Ask an administrator")
    expect(page.locator("#dial-number")).to_have_value("9 0900 123")
    assert (phone.invites(), asterisk22.channels()) == ([], [])
    change("", "PJSIP/103")
    page.press("#dial-number", "Enter")
    phone.wait_for_invite()
    asterisk22.cli("channel request hangup all")
    record = visit(panel22, "anna", "/audit/?q=90900123")
    expect(record.locator(".audit tbody tr").nth(1)).to_contain_text("not allowed")
    expect(record.locator(".audit tbody tr").nth(1)).to_contain_text("You may not call 90900123.")


def test_a_phone_that_would_dial_by_itself_calls_nobody(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, phone_factory: PhoneFactory, change: Change
) -> None:
    outside = phone_factory(asterisk22, "trunk")
    page = visit(panel22, "mona", "/profile/")
    for phone in ("Local/90900123@internal", "PJSIP/0900123@trunk"):
        page.fill("#id_endpoint", phone)
        page.click("main button[type=submit]")
        expect(page.locator(".field-error")).to_contain_text(f"“{phone}” would dial by itself.")
        change("", phone)  # as it may stand in a database from before there were policies
        page.goto(f"{panel22.url}/calls/")
        page.fill("#dial-number", "602")
        page.press("#dial-number", "Enter")
        expect(page.locator(".panel-toast.is-danger").last).to_contain_text(f"{phone} would dial by itself")
        page.goto(f"{panel22.url}/profile/")
    assert (outside.invites(), asterisk22.channels()) == ([], [])

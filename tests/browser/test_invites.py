"""People are called into a conference from its page: a real Chromium, a real Asterisk 22 and 16."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory, PhoneFactory
from tests.panel import Panel, Visit

PHONE_WIDTH = {"width": 390, "height": 844}
PAGE = "/conferences/main/8005/"


def invitation(page: Page, who: str) -> Locator:
    return page.locator(".invitation", has_text=who)


def invite(page: Page, numbers: str) -> None:
    page.fill("#invite-numbers", numbers)
    page.click("[data-action=invite]")


def clear(page: Page) -> None:
    """Dismiss what has failed, and cancel the rest."""
    while page.locator(".invitation").count():
        row = page.locator(".invitation").first
        identity = row.get_attribute("id")
        row = page.locator(f"#{identity}")
        if row.locator("[data-action=cancel-invitation]").count():
            row.locator("[data-action=cancel-invitation]").click()
        row.locator("[data-action=dismiss-invitation]").click()
        page.mouse.move(0, 0)
        expect(row).to_have_count(0)


def test_two_people_see_how_each_call_goes(
    asterisk: Asterisk, panel: Panel, visit: Visit, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk, "102", "answer")
    phone_factory(asterisk, "104", "ring")
    phone_factory(asterisk, "105", "busy")
    phone_factory(asterisk, "106", "decline")
    mona, vic = visit(panel, "mona", PAGE), visit(panel, "vic", PAGE)
    invite(mona, "102, Dora <104>\n105; 106 Zoë, 777")
    for page in (mona, vic):
        expect(page.locator(".participant", has_text="102")).to_be_visible()
        expect(invitation(page, "102")).to_have_count(0)
        expect(invitation(page, "Dora")).to_contain_text("ringing")
        expect(invitation(page, "105")).to_contain_text("busy")
        expect(invitation(page, "Zoë")).to_contain_text("declined")
        expect(invitation(page, "777")).to_contain_text("could not be reached")
    expect(mona.locator("#invite-numbers")).to_have_value("")
    # A viewer sees it, and has no buttons.
    expect(vic.locator(".invite-form")).to_have_count(0)
    for button in vic.locator(".invitation button").all():
        expect(button).to_be_hidden()
    # Cancel, and again what was busy.
    invitation(mona, "Dora").locator("[data-action=cancel-invitation]").click()
    for page in (mona, vic):
        expect(invitation(page, "Dora")).to_contain_text("cancelled")
    invitation(mona, "105").locator("[data-action=retry-invitation]").click()
    expect(invitation(vic, "105")).to_contain_text("try 2")
    expect(invitation(vic, "105")).to_contain_text("busy")
    clear(mona)
    expect(vic.locator(".invitation")).to_have_count(0)
    entries = panel.shell(
        "from audit.models import AuditEntry as A\n"
        "print([(e.verb, e.subject, e.status) for e in A.objects.filter(topic='conference/8005')])"
    )
    assert "('invite', 'Dora <104> → 8005', 'done')" in entries
    assert "('retry-invitation', '105 (105) → 8005', 'done')" in entries


def test_what_is_refused_is_told_and_stays_in_the_box(
    asterisk: Asterisk, panel: Panel, visit: Visit, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk, "102", "ring")
    page = visit(panel, "mona", PAGE)
    invite(page, "102, Hans, 12x4")
    toast = page.locator(".panel-toast")
    expect(toast).to_contain_text("“Hans” is not a number")
    expect(toast).to_contain_text("“12x4” is not a number")
    expect(invitation(page, "102")).to_contain_text("ringing")
    expect(page.locator("#invite-numbers")).to_have_value("Hans, 12x4")
    # It is typed on while the page changes.
    page.fill("#invite-numbers", "half a nu")
    invitation(page, "102").locator("[data-action=cancel-invitation]").click()
    expect(invitation(page, "102")).to_contain_text("cancelled")
    page.fill("#invite-numbers", "half a number")
    expect(page.locator("#invite-numbers")).to_have_value("half a number")
    # By keyboard alone.
    page.fill("#invite-numbers", "102")
    page.focus("#invite-numbers")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(invitation(page, "102")).to_contain_text("ringing")
    clear(page)


def test_call_me_in_and_call_back(
    asterisk: Asterisk, panel: Panel, visit: Visit, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    mine = phone_factory(asterisk, "103", "answer")
    theirs = phone_factory(asterisk, "102", "answer")
    page = visit(panel, "mona", PAGE)
    page.click("[data-action=call-me-in]")
    me = page.locator(".participant", has_text="103")
    expect(me).to_be_visible()
    assert '"Conference 8005"' in mine.wait_for_invite()["From"]
    caller = caller_factory(asterisk, "8005", number="102", name="Ben")
    ben = page.locator(".participant", has_text="102")
    expect(ben).to_be_visible()
    former = ben.get_attribute("id")
    ben.locator("details > summary").click()
    ben.locator("[data-action=call-back]").click()
    theirs.wait_for_invite()
    expect(page.locator(f"#{former}")).to_have_count(0)
    expect(ben).to_have_count(1)
    assert caller.ended or caller.status == 200
    # They leave, and are called back from the list of those who have left.
    ben.locator("[data-action=kick]").click()
    page.click("#kick-dialog .btn-danger")
    page.mouse.move(0, 0)
    expect(ben).to_have_count(0)
    page.click(".left > summary")
    gone = page.locator(".left-person", has_text="102")
    expect(gone).to_have_count(1)
    gone.locator("[data-action=call-back]").click()
    expect(ben).to_be_visible()
    expect(gone).to_contain_text("rejoined")
    expect(page.locator(".left")).to_have_attribute("open", "")
    clear(page)


@pytest.fixture
def no_group_is_left(panel: Panel) -> Iterator[None]:
    yield
    panel.shell("from conferences.invitations.models import InviteGroup; InviteGroup.objects.all().delete()")


@pytest.mark.usefixtures("no_group_is_left")
def test_a_group_is_made_and_called_in_on_a_phone(
    asterisk: Asterisk, panel: Panel, visit: Visit, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk, "102", "answer")
    phone_factory(asterisk, "104", "ring")
    page = visit(panel, "mona", PAGE, viewport=PHONE_WIDTH)
    page.click("text=Edit groups")
    expect(page.get_by_text("There is no group yet.")).to_be_visible()
    page.click("text=New group")
    page.fill("#id_name", "Board")
    page.fill("#id_people", "Ben <102>\nnobody\n104 Dora\n104")
    page.click("main button[type=submit]")
    errors = page.locator(".field-error")
    expect(errors).to_have_count(2)
    expect(errors.nth(0)).to_contain_text("Line 2: “nobody” is not a number")
    expect(errors.nth(1)).to_contain_text("Line 4: 104 is already listed.")
    expect(page.locator("#id_people")).to_have_value("Ben <102>\nnobody\n104 Dora\n104")
    page.fill("#id_people", "Ben <102>\n104 Dora")
    page.click("main button[type=submit]")
    expect(page.get_by_text("Saved: “Board” with 2 people.")).to_be_visible()
    page.goto(panel.url + PAGE)
    page.wait_for_selector("html[data-live]")
    page.select_option("#invite-group", label="Board")
    page.click("[data-action=invite]")
    expect(page.locator(".participant", has_text="Ben")).to_be_visible()
    # Who still hears a prompt is listed by Asterisk, so that a comparison may show them before they have joined.
    expect(invitation(page, "Ben")).to_have_count(0)
    expect(invitation(page, "Dora")).to_contain_text("ringing")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    # Who is there already is not called again.
    page.select_option("#invite-group", label="Board")
    page.click("[data-action=invite]")
    toast = page.locator(".panel-toast")
    expect(toast).to_contain_text("2 of the group are already here, or being called.")
    # It covers what is below, and stays as long as the pointer is on it.
    toast.locator("[data-close]").click()
    clear(page)
    # It is deleted, after a look at what that means.
    page.goto(f"{panel.url}/groups/")
    page.click("text=Board")
    page.click("text=Delete this group")
    page.click(".group-delete button")
    expect(page.get_by_text("Deleted: “Board”.")).to_be_visible()

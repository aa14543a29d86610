"""What a moderator sees and does in a conference: a real Chromium, a real Asterisk 22 and 16."""

from playwright.sync_api import expect

from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory
from tests.panel import Panel, Visit


def test_a_conference_lives_from_its_first_to_its_last_participant(
    asterisk: Asterisk, panel: Panel, visit: Visit, caller_factory: CallerFactory
) -> None:
    page = visit(panel, "mona", "/conferences/")
    expect(page.get_by_text("No conference is running.")).to_be_visible()
    first = caller_factory(asterisk, "8005", number="0401111111", name="Carla")
    card = page.locator(".conference", has_text="8005")
    expect(card).to_contain_text("1 participant")
    second = caller_factory(asterisk, "8005", number="0402222222", name="李雷")
    expect(card).to_contain_text("2 participants")
    card.locator("a").click()
    rows = page.locator("#participants .participant")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text("Carla")
    expect(rows.nth(1)).to_contain_text("李雷")
    second.stop()
    expect(rows).to_have_count(1)
    first.stop()
    expect(rows).to_have_count(0)
    expect(page.get_by_text("This conference is not running.")).to_be_visible()
    expect(page.locator("#count-conferences")).to_be_empty()


def test_mute_unmute_and_kick_show_on_the_page_of_everybody(
    asterisk: Asterisk, panel: Panel, visit: Visit, caller_factory: CallerFactory
) -> None:
    caller_factory(asterisk, "8005", name="Carla")
    caller_factory(asterisk, "8005", name="Dora")
    mona, vic = (visit(panel, name, "/conferences/main/8005/") for name in ("mona", "vic"))
    hers = mona.locator(".participant", has_text="Carla")
    seen = vic.locator(".participant", has_text="Carla")
    hers.locator("[data-action=mute]").click()
    for row in (hers, seen):
        expect(row).to_have_class("participant is-muted")
    assert "Yes" in muted_column(asterisk, "8005")
    hers.locator("[data-action=unmute]").click()
    for row in (hers, seen):
        expect(row).to_have_class("participant")
    assert "Yes" not in muted_column(asterisk, "8005")
    hers.locator("[data-action=kick]").click()
    mona.locator("#kick-dialog").get_by_role("button", name="Kick").click()
    for page in (mona, vic):
        expect(page.locator(".participant")).to_have_count(1)
        expect(page.locator(".participant")).to_contain_text("Dora")
    # A viewer sees no buttons; that the server refuses them is tested with the permissions.
    expect(vic.locator(".participant-actions")).to_be_hidden()


def muted_column(asterisk: Asterisk, room: str) -> list[str]:
    """Whether each participant is muted, by the answers of the AMI itself."""
    with asterisk.ami() as ami:
        return [item["Muted"] for item in ami.listing("ConfbridgeList", Conference=room) if "Muted" in item]


def test_the_light_follows_the_voice(asterisk: Asterisk, panel: Panel, visit: Visit) -> None:
    page = visit(panel, "mona", "/conferences/main/8005/")
    asterisk.cli("channel originate Local/8005@internal extension 608@internal")
    row = page.locator(".participant")
    expect(row).to_have_count(1)
    for _ in range(2):
        expect(row.get_by_text("talking", exact=True)).to_be_visible()
        expect(row.get_by_text("talking", exact=True)).to_be_hidden()
    asterisk.cli("channel originate Local/8005@internal application Milliwatt")
    expect(page.locator(".participant:not([data-talking-since=''])")).not_to_have_count(0)


def test_who_joins_muted_or_waits_for_the_leader_shows_as_such(
    asterisk: Asterisk, panel: Panel, visit: Visit, caller_factory: CallerFactory
) -> None:
    page = visit(panel, "mona", "/conferences/main/8005/")
    caller_factory(asterisk, "8405", name="Carla")
    expect(page.locator(".participant", has_text="Carla")).to_have_class("participant is-muted")
    caller_factory(asterisk, "8205", name="Dora")
    waiting = page.locator(".participant", has_text="Dora")
    expect(waiting).to_contain_text("waiting for the leader")
    caller_factory(asterisk, "8105", name="Emil")
    expect(page.locator(".participant", has_text="Emil")).to_contain_text("admin")
    expect(waiting).not_to_contain_text("waiting for the leader")


def test_kicking_somebody_who_left_a_moment_ago(
    asterisk: Asterisk, panel: Panel, visit: Visit, caller_factory: CallerFactory
) -> None:
    caller = caller_factory(asterisk, "8005", name="Carla")
    page = visit(panel, "mona", "/conferences/main/8005/")
    address = page.locator("[data-action=kick]").get_attribute("hx-post")
    caller.stop()
    expect(page.locator(".participant")).to_have_count(0)
    page.evaluate("address => htmx.ajax('POST', address, {target: '#toasts', swap: 'beforeend'})", address)
    expect(page.locator(".panel-toast")).to_contain_text("This participant has already left.")

"""The bar of my phone on every page: a real Chromium, a real Asterisk 22."""

import re

from playwright.sync_api import Locator, Page, expect

from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory, PhoneFactory
from tests.panel import Panel, Visit


def bar(page: Page) -> Locator:
    return page.locator("#my-phone")


def my_call(page: Page) -> Locator:
    return bar(page).locator(".my-call")


def test_an_incoming_call_shows_on_every_page_with_who_it_is_and_can_be_rejected(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk22, "102", "ring")
    ben = visit(panel22, "ben", "/profile/")
    expect(bar(ben)).to_contain_text("PJSIP/102")
    expect(bar(ben)).to_contain_text("No call")
    caller = caller_factory(asterisk22, "102", name="Carla")
    expect(my_call(ben)).to_have_attribute("data-rings", "")
    expect(my_call(ben).locator(".party-label")).to_have_text("Carla")
    expect(my_call(ben)).to_contain_text("0401234567")
    expect(my_call(ben)).to_contain_text("is calling you")
    my_call(ben).get_by_role("button", name="Reject").click()
    caller.wait_for_status(486)
    expect(my_call(ben)).to_have_count(0)
    expect(bar(ben)).to_contain_text("No call")


def test_my_call_is_held_resumed_transferred_and_hung_up_in_the_bar(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk22, "102")
    phone_factory(asterisk22, "103")
    ben = visit(panel22, "ben", "/conferences/")
    caller_factory(asterisk22, "102", name="Carla")
    expect(my_call(ben).locator(".my-call-state")).to_have_text("Talking")
    my_call(ben).get_by_role("button", name="Hold").click()
    expect(my_call(ben).locator(".my-call-state")).to_have_text("On hold")
    expect(my_call(ben).locator(".party-label")).to_have_text("Carla")
    my_call(ben).get_by_role("button", name="Resume the call with Carla").click()
    expect(my_call(ben).locator(".my-call-state")).to_have_text("Talking")
    my_call(ben).get_by_role("button", name="Mute", exact=True).click()
    expect(my_call(ben)).to_contain_text("You are muted")
    my_call(ben).get_by_role("button", name="Unmute").click()
    expect(my_call(ben)).not_to_contain_text("You are muted")
    my_call(ben).get_by_role("button", name="Record", exact=True).click()
    expect(my_call(ben)).to_contain_text("Recorded")
    my_call(ben).get_by_role("button", name="Pause recording").click()
    expect(my_call(ben)).to_contain_text("Recording paused")
    my_call(ben).get_by_role("button", name="Resume recording").click()
    expect(my_call(ben)).not_to_contain_text("Recording paused")
    my_call(ben).get_by_role("button", name="Keys").click()
    expect(ben.locator("#keypad-dialog [data-who]")).to_have_text("Carla 0401234567")
    ben.keyboard.press("Escape")
    my_call(ben).get_by_role("button", name="Transfer").click()
    expect(ben.locator("#transfer-dialog [data-who]")).to_have_text("Carla 0401234567")
    ben.keyboard.type("103")
    ben.keyboard.press("Shift+Enter")
    expect(my_call(ben).get_by_role("button", name="Back to Carla")).to_be_visible()
    expect(my_call(ben).locator(".my-call-state")).to_have_text("Talking")
    expect(my_call(ben).locator(".call-transfer")).to_contain_text("Carla is on hold while 103 is consulted")
    my_call(ben).get_by_role("button", name="Back to Carla").click()
    expect(my_call(ben).locator(".call-transfer")).to_have_count(0)
    expect(my_call(ben).locator(".party-label")).to_have_text("Carla")
    my_call(ben).get_by_role("button", name=re.compile("^Hang up")).click()
    expect(my_call(ben)).to_have_count(0)


def test_a_second_call_stands_beside_the_first_and_others_do_not_see_mine(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk22, "102")
    ben, anna, vic = (visit(panel22, name) for name in ("ben", "anna", "vic"))
    caller_factory(asterisk22, "102", name="Carla")
    expect(my_call(ben).locator(".my-call-state")).to_have_text("Talking")
    caller_factory(asterisk22, "102", name="Dora")
    expect(my_call(ben)).to_have_count(2)
    expect(my_call(ben).locator(".party-label")).to_have_text(["Carla", "Dora"])
    expect(bar(anna)).to_contain_text("PJSIP/101")
    expect(my_call(anna)).to_have_count(0)
    expect(bar(vic)).to_be_hidden()


# What the page plays, and what it has notified of, without anybody who listens.
RECORD = """
    window.played = 0;
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (...when) { window.played += 1; return start.apply(this, when); };
    window.notified = [];
    window.Notification = class extends EventTarget {
        static permission = "granted";
        static requestPermission() { return Promise.resolve("granted"); }
        constructor(title, { body }) { super(); window.notified.push([title, body]); }
        close() { window.notified.push("closed"); }
    };
"""
# Whatever Playwright does counts as a click, so no browser that it drives is ever silent: this one says that it is.
SILENT_UNTIL_CLICKED = """
    let clicked = false;
    addEventListener("click", () => { clicked = true; }, { capture: true });
    window.AudioContext = class extends AudioContext {
        get state() { return clicked ? super.state : "suspended"; }
    };
"""
CALLER_LINK = "https://crm.example/?q={number}&who={name}"


def choose(page: Page, **choices: str | bool) -> None:
    """What an incoming call is to do, on the page “My phone”."""
    page.goto(re.sub(r"(?<=\d)/.*", "/profile/", page.url))
    for name, value in choices.items():
        field = page.locator(f"#id_{name}")
        if isinstance(value, bool):
            field.set_checked(value)
        elif field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
    page.locator("#incoming").get_by_role("button", name="Save").click()


def test_an_incoming_call_sounds_in_one_tab_and_shows_in_the_title_of_all(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk22, "102", "ring")
    ben = visit(panel22, "ben", "/calls/")
    ben.context.add_init_script(RECORD)
    choose(ben, ring_tone="classic", notifies=True)
    expect(ben.get_by_role("status").filter(has_text="Saved.")).to_be_visible()
    other = ben.context.new_page()
    for page in (ben, other):
        page.goto(f"{panel22.url}/calls/")
        page.wait_for_selector("html[data-live]")
        page.locator("h1").click()
    icon = ben.locator('link[rel="icon"]').get_attribute("href")
    caller = caller_factory(asterisk22, "102", name="Carla")
    for page in (ben, other):
        expect(page).to_have_title(re.compile("^☎ Carla 0401234567 · Calls"))
        expect(page.locator('link[rel="icon"]')).not_to_have_attribute("href", str(icon))
    ben.wait_for_function("() => window.played") if not other.evaluate("played") else None
    played = [page.evaluate("played > 0") for page in (ben, other)]
    assert sorted(played) == [False, True]
    notified = [page.evaluate("notified") for page in (ben, other)]
    assert sorted(map(len, notified)) == [0, 1]
    assert next(text for texts in notified for text in texts)[0] == "Carla 0401234567"
    caller.stop()
    for page in (ben, other):
        expect(page).to_have_title("Calls · PBX Panel")
        expect(page.locator('link[rel="icon"]')).to_have_attribute("href", re.compile(re.escape(str(icon)) + "$"))


def test_the_page_says_that_the_browser_wants_a_click_before_it_plays_anything(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk22, "102", "ring")
    ben = visit(panel22, "ben", "/calls/")
    ben.context.add_init_script(RECORD)
    ben.context.add_init_script(SILENT_UNTIL_CLICKED)
    ben.reload()
    ben.wait_for_selector("html[data-live]")
    caller_factory(asterisk22, "102", name="Carla")
    hint = my_call(ben).get_by_text("Click anywhere to hear the ring tone.")
    expect(hint).to_be_visible()
    assert ben.evaluate("played") == 0
    ben.locator("h1").click()
    expect(hint).to_be_hidden()
    ben.wait_for_function("() => window.played > 0")


def test_the_page_about_a_caller_is_linked_and_opens_by_itself_once(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk22, "102", "ring")
    ben = visit(panel22, "ben", "/calls/")
    ben.context.route("https://crm.example/**", lambda route: route.fulfill(body="A page about the caller."))
    choose(ben, caller_link="javascript:alert(1)//{number}")
    expect(ben.locator("#incoming .field-error")).to_be_visible()
    choose(ben, caller_link=CALLER_LINK, opens_caller_link=True)
    expect(ben.get_by_role("status").filter(has_text="Saved.")).to_be_visible()
    ben.goto(f"{panel22.url}/calls/")
    ben.wait_for_selector("html[data-live]")
    address = "https://crm.example/?q=0401234567&who=Carla%20%26%20Co"
    with ben.context.expect_page() as opened:
        caller_factory(asterisk22, "102", name="Carla & Co")
    assert opened.value.url == address
    link = my_call(ben).get_by_role("link", name="Open in crm.example")
    expect(link).to_have_attribute("href", address)
    ben.reload()
    expect(link).to_be_visible()
    assert len(ben.context.pages) == 2


def test_what_ends_beside_my_call_does_not_move_it_under_the_pointer(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk22, "102")
    ben = visit(panel22, "ben", "/calls/", viewport={"width": 1440, "height": 900})
    first = caller_factory(asterisk22, "102", name="Carla")
    expect(my_call(ben).locator(".my-call-state")).to_have_text("Talking")
    alone = my_call(ben).bounding_box()
    caller_factory(asterisk22, "102", name="Dora")
    expect(my_call(ben)).to_have_count(2)
    assert my_call(ben).first.bounding_box() == alone
    button = my_call(ben).nth(1).get_by_role("button", name="Hold")
    there = button.bounding_box()
    button.hover()
    first.stop()
    expect(my_call(ben).first).to_have_class(re.compile("is-ended"))
    assert button.bounding_box() == there
    ben.mouse.move(5, 5)
    expect(my_call(ben)).to_have_count(1)

"""The button on pages of others: a real Chromium, a real Asterisk 22, and both ways of calling."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import PhoneFactory
from tests.panel import PASSWORD, Panel, Visit

from .other_pages import OtherPages, other_pages
from .test_accessibility import AXE, violations

pytestmark = [pytest.mark.timeout(180)]
BODY = """
<p><a id="ben" href="tel:102">Ben</a></p>
<p><button id="order" data-call="102" data-call-reference="order 4711">Order 4711</button></p>
<p><span id="engaged" data-call="604">Engaged</span></p>
<p><a id="nobody" href="tel:none">Nobody</a></p>
"""
# What of a page is the button's: the rest is of others.
RULES = ("color-contrast", "button-name", "aria-allowed-attr", "aria-allowed-role", "link-name", "nested-interactive")
# What the browser lets nobody see: the closed shadow roots of the button, opened for the tests.
OPENED = """
const attach = Element.prototype.attachShadow;
Element.prototype.attachShadow = function (options) { return attach.call(this, { ...options, mode: "open" }); };
"""


@pytest.fixture
def others() -> Iterator[OtherPages]:
    with other_pages() as served:
        yield served


def allow(panel: Panel, origin: str) -> None:
    code = f"from api.models import AllowedOrigin; AllowedOrigin.objects.get_or_create(origin={origin!r})"
    panel.shell(code)


def revoke_all(panel: Panel) -> None:
    code = "from api.models import Token; from django.utils.timezone import now; Token.objects.update(revoked_at=now())"
    panel.shell(code)


def open_page(context: BrowserContext, address: str) -> Page:
    """A page of others in the browser of somebody who is logged in to the panel."""
    page = context.new_page()
    page.add_init_script(OPENED)
    page.goto(address)
    page.wait_for_selector("[data-pbxpanel]")
    return page


def said(page: Page, button: str) -> Locator:
    """How a call goes, in words, beside a button."""
    return page.locator(f"#{button} + span [role=status]")


def end(page: Page, button: str) -> Locator:
    """The button that hangs up."""
    return page.locator(f"#{button} + span").get_by_role("button")


def window_of(page: Page, button: str) -> Page:
    """Press a button; the window of the panel that opens."""
    with page.context.expect_page() as opened:
        page.locator(f"#{button}").click()
    return opened.value


def agree(window: Page) -> None:
    """Agree in the window of the panel, which the page closes."""
    expect(window.get_by_role("heading", name="May this page place calls?")).to_be_visible()
    with window.expect_event("close"):
        window.get_by_role("button", name="Allow").click()


def allowed_page(panel: Panel, visit: Visit, others: OtherPages, user: str, **options: str) -> Page:
    """A page that calls by itself, in the browser of this user."""
    others.with_button(panel.url, BODY, in_page=True, **options)
    allow(panel, others.origin())
    return open_page(visit(panel, user).context, others.origin())


# In the page.


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_page_that_is_allowed_calls_shows_and_hangs_up_by_itself_once_its_user_has_agreed(
    host: str, asterisk22: Asterisk, panel22: Panel, visit: Visit, phone_factory: PhoneFactory, others: OtherPages
) -> None:
    """Of another site, and of the same with another port."""
    phone_factory(asterisk22, "101")
    phone_factory(asterisk22, "102")
    others.with_button(panel22.url, BODY, in_page=True)
    allow(panel22, others.origin(host))
    anna = visit(panel22, "anna")
    page = open_page(anna.context, others.origin(host))
    agree(window_of(page, "ben"))
    expect(said(page, "ben")).to_have_text("Talking")
    expect(page.locator("#ben + span time")).to_have_text(re.compile(r"0:0\d"))
    assert "PJSIP/102" in asterisk22.cli("core show channels concise")
    end(page, "ben").click()
    expect(said(page, "ben")).to_have_text("The call has ended")
    expect(end(page, "ben")).to_be_hidden()
    # Agreed once, it is not asked again: not for another call, nor in another tab.
    other = open_page(anna.context, others.origin(host))
    windows = len(anna.context.pages)
    other.locator("#order").click()
    expect(said(other, "order")).to_have_text("Talking")
    end(other, "order").click()
    expect(said(other, "order")).to_have_text("The call has ended")
    assert len(anna.context.pages) == windows


def test_whose_phone_rings_is_said_and_the_call_can_be_given_up(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, phone_factory: PhoneFactory, others: OtherPages
) -> None:
    phone_factory(asterisk22, "104", "ring")
    page = allowed_page(panel22, visit, others, "silent")
    agree(window_of(page, "ben"))
    expect(said(page, "ben")).to_have_text("Your phone rings: pick it up")
    end(page, "ben").click()
    expect(said(page, "ben")).to_have_text("Hung up before anybody answered")


def test_that_it_rings_there_is_said_and_the_keyboard_is_enough(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, phone_factory: PhoneFactory, others: OtherPages
) -> None:
    phone_factory(asterisk22, "101")
    phone_factory(asterisk22, "102", "ring")
    page = allowed_page(panel22, visit, others, "anna")
    page.locator("#ben").focus()
    with page.context.expect_page() as opened:
        page.keyboard.press("Enter")
    agree(opened.value)
    expect(said(page, "ben")).to_have_text("It rings there")
    page.bring_to_front()
    page.locator("#ben").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(said(page, "ben")).to_have_text("Hung up before anybody answered")
    # The button that had the focus is gone: it is where the call was placed from.
    expect(page.locator("#ben")).to_be_focused()


def test_a_number_that_is_busy_or_none_is_told_in_words(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, phone_factory: PhoneFactory, others: OtherPages
) -> None:
    phone_factory(asterisk22, "101")
    phone_factory(asterisk22, "102", "busy")
    page = allowed_page(panel22, visit, others, "anna")
    agree(window_of(page, "ben"))
    expect(said(page, "ben")).to_have_text("Busy")
    page.locator("#nobody").click()
    expect(said(page, "nobody")).to_have_text("“none” is not a number: use digits, * and #, with a + only in front.")
    # Whatever has data-call takes the keys of a button.
    page.locator("#engaged").focus()
    page.keyboard.press("Space")
    expect(said(page, "engaged")).to_have_text(re.compile("Your phone has answered|Busy"))
    asterisk22.quiet()
    expect(said(page, "engaged")).to_have_text(re.compile("Busy|Hung up"))


def test_whoever_is_not_logged_in_does_so_in_the_same_window(
    asterisk22: Asterisk, panel22: Panel, browser: Browser, phone_factory: PhoneFactory, others: OtherPages
) -> None:
    """The log-in is on the page that knows its opener, so what follows still reaches it."""
    phone_factory(asterisk22, "101")
    phone_factory(asterisk22, "102")
    others.with_button(panel22.url, BODY, in_page=True)
    allow(panel22, others.origin())
    context = browser.new_context(locale="en")
    page = open_page(context, others.origin())
    window = window_of(page, "ben")
    window.fill("#id_username", "anna")
    window.fill("#id_password", "wrong")
    window.click("main button[type=submit]")
    expect(window.get_by_role("alert")).to_be_visible()
    window.fill("#id_username", "anna")
    window.fill("#id_password", PASSWORD)
    window.click("main button[type=submit]")
    expect(window.locator(".origin")).to_have_text(others.origin())
    agree(window)
    expect(said(page, "ben")).to_have_text("Talking")
    context.close()


def test_who_does_not_agree_calls_nobody(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, others: OtherPages
) -> None:
    page = allowed_page(panel22, visit, others, "anna")
    window = window_of(page, "ben")
    with window.expect_event("close"):
        window.get_by_role("button", name="No").click()
    expect(said(page, "ben")).to_have_text("You have not agreed, so nothing was called.")
    assert asterisk22.channels() == []


def test_when_a_token_is_revoked_the_user_is_asked_anew(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, phone_factory: PhoneFactory, others: OtherPages
) -> None:
    phone_factory(asterisk22, "101")
    phone_factory(asterisk22, "102")
    page = allowed_page(panel22, visit, others, "anna")
    agree(window_of(page, "ben"))
    expect(said(page, "ben")).to_have_text("Talking")
    revoke_all(panel22)
    expect(said(page, "ben")).to_have_text("Your agreement has ended. Press once more.")
    asterisk22.quiet()
    agree(window_of(page, "ben"))
    expect(said(page, "ben")).to_have_text("Talking")
    # The page learns of it, too, where it asks for a call.
    end(page, "ben").click()
    expect(said(page, "ben")).to_have_text("The call has ended")
    revoke_all(panel22)
    agree(window_of(page, "ben"))
    expect(said(page, "ben")).to_have_text("Talking")


def test_while_the_panel_is_away_the_page_says_so_and_goes_on_when_it_is_back(
    asterisk22: Asterisk, tmp_path: Path, visit: Visit, phone_factory: PhoneFactory, others: OtherPages
) -> None:
    phone_factory(asterisk22, "101")
    phone_factory(asterisk22, "102")
    panel = Panel(tmp_path, {"AMI_URL": asterisk22.ami_url})
    panel.prepare()
    panel.start()
    try:
        page = allowed_page(panel, visit, others, "anna")
        page.context.pages[0].close()  # which would complain of it, too
        agree(window_of(page, "ben"))
        expect(said(page, "ben")).to_have_text("Talking")
        panel.stop()
        expect(said(page, "ben")).to_have_text("The panel cannot be reached. Trying again …")
        page.locator("#order").click()
        expect(said(page, "order")).to_contain_text("it is not known whether your phone will ring")
        panel.start()
        expect(said(page, "ben")).to_have_text("Talking", timeout=60_000)
        end(page, "ben").click()
        expect(said(page, "ben")).to_have_text("The call has ended")
    finally:
        panel.stop()


def test_a_page_in_chinese_is_told_in_chinese_in_the_dark_too(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, phone_factory: PhoneFactory, others: OtherPages
) -> None:
    phone_factory(asterisk22, "101")
    phone_factory(asterisk22, "102")
    page = allowed_page(panel22, visit, others, "anna", language="zh-CN")
    agree(window_of(page, "ben"))
    expect(said(page, "ben")).to_have_text("通话中")
    expect(end(page, "ben")).to_have_text("挂断")
    box = page.locator("#ben + span div")
    colours = "box => ['color', 'backgroundColor', 'fontFamily'].map((name) => getComputedStyle(box)[name])"
    light = box.evaluate(colours)
    assert light[2] == "serif"
    page.emulate_media(color_scheme="dark")
    dark = box.evaluate(colours)
    assert dark[:2] == [light[1], light[0]]
    page.locator("#nobody").click()
    expect(said(page, "nobody")).to_contain_text("不是号码")
    for colour_scheme in ("light", "dark"):
        page.emulate_media(color_scheme=colour_scheme)
        page.evaluate(AXE.read_text())
        assert violations(page, *RULES) == []


def test_the_strictest_page_has_only_to_name_the_panel(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, phone_factory: PhoneFactory, others: OtherPages
) -> None:
    """Neither inline styles nor scripts, and nothing that does not say that it may be loaded."""
    phone_factory(asterisk22, "101")
    phone_factory(asterisk22, "102")
    others.headers = {
        "Content-Security-Policy": f"default-src 'none'; script-src {panel22.url}; connect-src {panel22.url}",
        "Cross-Origin-Embedder-Policy": "require-corp",
    }
    page = allowed_page(panel22, visit, others, "anna")
    agree(window_of(page, "ben"))
    expect(said(page, "ben")).to_have_text("Talking")
    assert page.locator("#ben + span div").evaluate("box => getComputedStyle(box).borderRadius") != "0px"


def test_what_comes_later_is_a_button_too_and_a_click_of_a_script_is_none(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, others: OtherPages
) -> None:
    page = allowed_page(panel22, visit, others, "anna")
    page.evaluate("""() => document.body.insertAdjacentHTML("beforeend", '<i id="late" data-call="102">Late</i>')""")
    late = page.get_by_role("button", name="Late")
    expect(late).to_have_attribute("tabindex", "0")
    windows = len(page.context.pages)
    page.evaluate("document.getElementById('late').click()")
    page.evaluate("document.getElementById('order').click()")
    page.evaluate(
        "document.getElementById('late').dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }))"
    )
    window = window_of(page, "late")  # what would have come before has come by now
    expect(window.locator(".origin")).to_have_text(others.origin())
    assert len(page.context.pages) == windows + 1
    expect(said(page, "order")).to_have_count(0)


# In a window of the panel.


def test_a_click_opens_a_window_that_asks_before_it_dials_and_then_shows_how_it_goes(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, phone_factory: PhoneFactory, others: OtherPages
) -> None:
    phone_factory(asterisk22, "101")
    phone_factory(asterisk22, "102")
    others.with_button(panel22.url, BODY)
    page = open_page(visit(panel22, "anna").context, others.origin())
    window = window_of(page, "ben")
    expect(said(page, "ben")).to_have_text("Goes on in the window of the panel.")
    expect(window.locator("#id_number")).to_have_value("102")
    assert asterisk22.channels() == []
    window.get_by_role("button", name="Call").click()
    progress = window.locator("#call-progress [role=status]")
    expect(progress).to_have_text("Talking")
    expect(window.locator("#call-progress time")).to_have_text(re.compile(r"0:0\d"))
    window.get_by_role("button", name="Hang up").click()
    expect(progress).to_have_text("The call has ended")
    window.get_by_role("link", name="Call once more").click()
    expect(window.locator("#id_number")).to_have_value("102")
    assert asterisk22.channels() == []


def test_a_page_that_is_not_allowed_gets_the_window(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, others: OtherPages
) -> None:
    others.with_button(panel22.url, BODY, in_page=True)
    page = open_page(visit(panel22, "anna").context, others.origin())
    window = window_of(page, "order")
    expect(window.locator("#id_number")).to_have_value("102")
    expect(said(page, "order")).to_have_text("Goes on in the window of the panel.")


def test_the_window_leads_through_the_log_in_and_back(panel22: Panel, browser: Browser, others: OtherPages) -> None:
    others.with_button(panel22.url, BODY)
    context = browser.new_context(locale="en")
    window = window_of(open_page(context, others.origin()), "ben")
    window.fill("#id_username", "anna")
    window.fill("#id_password", PASSWORD)
    window.click("main button[type=submit]")
    expect(window.locator("#id_number")).to_have_value("102")
    context.close()


def test_a_window_that_the_browser_blocks_is_offered_as_a_link(
    panel22: Panel, visit: Visit, others: OtherPages
) -> None:
    others.with_button(panel22.url, BODY)
    page = open_page(visit(panel22, "anna").context, others.origin())
    page.evaluate("window.open = () => null")
    page.locator("#ben").click()
    expect(said(page, "ben")).to_contain_text("Your browser has blocked the window")
    link = page.locator("#ben + span a")
    expect(link).to_have_attribute("href", f"{panel22.url}/calls/new/?number=102")


# A page of which nobody has said that it may.

HOSTILE = """
<!DOCTYPE html>
<title>A hostile page</title>
<iframe id="new" src="{panel}/calls/new/?number=102"></iframe>
<iframe id="agree" src="{panel}/integrations/agree/?origin={allowed}"></iframe>
<form id="call" method="post" action="{panel}/calls/new/">
  <input name="number" value="102"><input name="command_id" value="0123456789abcdef0123456789abcdef"></form>
<form id="dial" method="post" action="{panel}/calls/dial/">
  <input name="number" value="102"><input name="command_id" value="0123456789abcdef0123456789abcdef"></form>
<form id="take" method="post" action="{panel}/integrations/agree/?origin={allowed}"></form>
<button id="ask">Ask</button>
<script>
  window.heard = [];
  addEventListener("message", (event) => heard.push(event.data));
  document.getElementById("ask").addEventListener("click", () => {{
    window.opened = open("{panel}/integrations/agree/?origin={allowed}&state=1");
  }});
</script>
"""
_TOKEN = """
from django.contrib.auth.models import User
from api.integrations.consent import give_token
from api.models import AllowedOrigin
print(give_token(User.objects.get(username="anna"), AllowedOrigin.objects.get(origin="{page}")))
"""
_CALLS = """
async ([address, token]) => {
    const headers = { "Content-Type": "application/json", ...(token ? { Authorization: `Bearer ${token}` } : {}) };
    const body = JSON.stringify({ number: "102" });
    try {
        const answer = await fetch(address, { method: "POST", credentials: "include", headers, body });
        return answer.status;
    } catch (error) {
        return error.name;
    }
}
"""


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_hostile_page_frames_posts_and_scripts_nothing(
    host: str, asterisk22: Asterisk, panel22: Panel, visit: Visit, others: OtherPages
) -> None:
    """Also where it is of the same site, so that the browser sends the cookie of the log-in along."""
    shop = "https://shop.example.org"
    allow(panel22, shop)
    others.pages["/"] = HOSTILE.format(panel=panel22.url, allowed=shop)
    anna = visit(panel22, "anna")
    page = anna.context.new_page()
    page.goto(others.origin(host))
    # Frames: the browser shows an error of its own in place of the page.
    for frame in page.frames[1:]:
        assert frame.url.startswith("chrome-error:"), frame.url
    # Forms: without the token of a page of the panel.
    for form, path in (("call", "/calls/new/"), ("dial", "/calls/dial/"), ("take", "/integrations/agree/")):
        with page.expect_navigation() as answered:
            page.locator(f"#{form}").evaluate("form => form.submit()")
        assert (path in answered.value.url, answered.value.status) == (True, 403)
        page.goto(others.origin(host))
    # Scripts: neither with the log-in, nor with a token of another page.
    stolen = panel22.shell(_TOKEN.format(page=shop))
    for token in ("", stolen):
        assert page.evaluate(_CALLS, [f"{panel22.url}/api/v1/me/calls", token]) == "TypeError"
    assert page.evaluate(_CALLS, [f"{panel22.url}/calls/dial/", ""]) == "TypeError"
    assert asterisk22.channels() == []


def test_what_a_user_agrees_to_for_one_page_reaches_no_other_that_has_opened_the_window(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, others: OtherPages
) -> None:
    shop = "https://shop.example.org"
    allow(panel22, shop)
    others.pages["/"] = HOSTILE.format(panel=panel22.url, allowed=shop)
    page = visit(panel22, "anna").context.new_page()
    page.goto(others.origin())
    with page.context.expect_page() as opened:
        page.locator("#ask").click()
    window = opened.value
    expect(window.locator(".origin")).to_have_text(shop)
    assert (
        page.evaluate("(() => { try { return opened.document.title } catch (error) { return error.name } })()")
        == "SecurityError"
    )
    window.get_by_role("button", name="Allow").click()
    expect(window.get_by_text("Done. You can close this window.")).to_be_visible()
    # A message that was sent after it has come.
    window.evaluate("opener.postMessage('last', '*')")
    page.wait_for_function("heard.length > 0")
    assert page.evaluate("heard") == ["last"]


def test_no_page_but_the_one_that_asks_is_known_to_who_has_opened_it(
    panel22: Panel, visit: Visit, others: OtherPages
) -> None:
    others.pages["/"] = "<button onclick='opened = window.open(window.name)'>Open</button>"
    page = visit(panel22, "anna").context.new_page()
    for path in ("/", "/calls/new/?number=102", "/profile/", "/integrations/"):
        page.goto(others.origin())
        page.evaluate("(address) => { window.name = address; }", f"{panel22.url}{path}")
        with page.context.expect_page() as opened:
            page.get_by_role("button").click()
        opened.value.wait_for_load_state()
        assert opened.value.evaluate("opener") is None
        assert page.evaluate("opened.closed")
        opened.value.close()


# The moment in which a window is seen passes when the test says so.
HELD = """
window.opener = window;
window.held = [];
const wait = window.setTimeout;
window.setTimeout = (does, time, ...more) => time === 700 ? window.held.push(does) : wait(does, time, ...more);
"""


def test_the_second_click_of_a_double_click_places_no_call(panel22: Panel, visit: Visit, others: OtherPages) -> None:
    """A hostile page opens the window under the pointer between the two: a button takes no press at first."""
    allow(panel22, others.origin())
    page = visit(panel22, "anna").context.new_page()
    page.add_init_script(HELD)
    for path, name in (
        ("/calls/new/?number=102", "Call"),
        (f"/integrations/agree/?origin={others.origin()}", "Allow"),
    ):
        page.goto(f"{panel22.url}{path}")
        page.wait_for_selector("html[data-live]")
        button = page.locator("[data-settles]", has_text=name)
        expect(button).to_have_js_property("inert", True)
        page.evaluate("for (const does of held) does()")
        expect(button).to_have_js_property("inert", False)

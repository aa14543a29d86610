"""What an operator does with one end of a call from its card: a real Chromium, a real Asterisk 22."""

import re
from urllib.parse import parse_qs

from playwright.sync_api import Locator, Page, Route, expect

from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory, PhoneFactory
from tests.panel import Panel, Visit

from .test_calls import dial
from .test_calls_stand_still import do

MUTING = ["Mute", "Let them hear nothing"]


def card(page: Page, name: str) -> Locator:
    return page.locator(".call", has_text=name)


def open_menu(page: Page, name: str, who: str = "") -> Locator:
    """The menu of somebody on a card, opened: of whom the card is found by, or of somebody else."""
    found = card(page, name)
    found.hover()
    found.get_by_label(re.compile(f"^More for .*{who or name}")).click()
    items = found.locator(".menu-items:visible")
    expect(items).to_have_count(1)
    return items


def choices(items: Locator) -> list[str]:
    return [words.strip() for words in items.get_by_role("button").all_inner_texts()]


def expect_no_button(found: Locator) -> None:
    """On a card there is none of these buttons, for this user. (Where the mouse is not, the dots have no width.)"""
    expect(found.locator(".party-menu")).not_to_have_count(0)
    for button in found.locator(".party-menu, .party-direct").all():
        expect(button).to_have_css("display", "none")


def transfer_to(page: Page, number: str) -> None:
    dialog = page.locator("#transfer-dialog")
    expect(dialog.locator("#transfer-to")).to_be_focused()
    page.keyboard.type(number)
    page.keyboard.press("Enter")


def test_a_caller_is_transferred_and_what_was_typed_wrong_stays(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk22, "103")
    ben = visit(panel22, "ben", "/calls/")
    caller_factory(asterisk22, "602", name="Carla")
    expect(card(ben, "Carla").locator(".call-state")).to_have_text("Connected")
    items = open_menu(ben, "Carla")
    assert choices(items) == ["Transfer …", "Take over", "Press keys …", *MUTING]
    items.get_by_role("button", name="Transfer").click()
    dialog = ben.locator("#transfer-dialog")
    expect(dialog.locator("[data-who]")).to_have_text("Carla 0401234567")
    for number, sentence in (("mum", "is not a number"), ("7999", "The number does not exist in your dial context.")):
        transfer_to(ben, number)
        expect(dialog.get_by_role("alert").filter(has_text=sentence)).to_be_visible()
        expect(ben.locator(".panel-toast", has_text=sentence)).to_have_count(1)
        expect(dialog.locator("#transfer-to")).to_have_value(number)
        dialog.locator("#transfer-to").select_text()
    transfer_to(ben, "103")
    expect(dialog).to_be_hidden()
    expect(ben.locator(".panel-toast.is-success")).to_have_text("Carla is being transferred to 103.")
    expect(card(ben, "Carla").locator(".call-state")).to_have_text("Talking")
    expect(card(ben, "Carla")).to_contain_text("103")


def test_a_ringing_call_is_picked_up_by_its_button(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk22, "101", "ring")
    phone_factory(asterisk22, "102")
    anna, ben = visit(panel22, "anna"), visit(panel22, "ben")
    vic, mona = visit(panel22, "vic"), visit(panel22, "mona")
    caller_factory(asterisk22, "101", name="Carla")
    # It rings at Anna's own phone, where she answers it.
    expect(anna.locator("#my-calls .call")).to_contain_text("Carla")
    expect(anna.locator("#my-calls .call [data-action=pickup]")).to_be_hidden()
    for other in (vic, mona):
        expect(other.locator("#ringing-calls .call")).to_contain_text("Carla")
        expect_no_button(card(other, "Carla"))
    assert choices(open_menu(ben, "Carla", "Anna")) == ["Pick up", "Reject"]
    ben.keyboard.press("Escape")
    assert choices(open_menu(ben, "Carla")) == ["Transfer …"]
    ben.keyboard.press("Escape")
    ben.locator("#ringing-calls").get_by_role("button", name="Pick up the call to Anna Alpha 101").click()
    expect(ben.locator("#my-calls .call .call-state")).to_have_text("Talking")
    expect(ben.locator("#my-calls .call")).to_contain_text("Carla")
    expect(anna.locator("#my-calls .call")).to_have_count(0)


def test_a_call_is_parked_from_the_menu_and_retrieved_by_the_button_of_its_card(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk22, "103")
    phone_factory(asterisk22, "102")
    ben, vic = visit(panel22, "ben", "/calls/"), visit(panel22, "vic", "/calls/")
    caller_factory(asterisk22, "103", name="Carla")
    expect(card(ben, "Carla").locator(".call-state")).to_have_text("Talking")
    expect_no_button(card(vic, "Carla"))
    items = open_menu(ben, "Carla")
    assert choices(items) == ["Transfer …", "Hold", "Add a person …", "Park", "Take over", "Press keys …", *MUTING]
    items.get_by_role("button", name="Park").click()
    expect(card(ben, "Carla").locator(".call-state")).to_have_text(re.compile("^Parked on 70"))
    expect(card(ben, "Carla").locator(".call-parked")).to_have_text(
        re.compile(r"Parking lot default\s+comes back to \d+ in\s+4:\d\d")
    )
    items = open_menu(ben, "Carla")
    assert choices(items) == ["Transfer …", "Retrieve", "Press keys …", *MUTING]
    ben.keyboard.press("Escape")
    expect(card(vic, "Carla").locator(".call-state")).to_have_text(re.compile("^Parked on 70"))
    expect_no_button(card(vic, "Carla"))
    card(ben, "Carla").get_by_role("button", name="Retrieve Carla").click()
    # (Until his phone has answered, it rings on a card of its own.)
    expect(ben.locator(".call.is-talking[data-mine]", has_text="Carla")).to_have_count(1)
    expect(ben.locator(".call")).to_have_count(1)
    expect(ben.locator(".panel-toast.is-success", has_text="is yours")).to_be_visible()


def test_the_key_t_transfers_the_other_side_of_my_call(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk22, "102")
    phone_factory(asterisk22, "103")
    ben = visit(panel22, "ben")
    ben.keyboard.press("?")
    expect(ben.locator("#keys-dialog")).to_contain_text("transfer the other side of your own call")
    ben.keyboard.press("Escape")
    dial(ben, "103")
    mine = ben.locator("#my-calls .call")
    expect(mine.locator(".call-state")).to_have_text("Talking")
    ben.locator("#dial-number").blur()
    ben.keyboard.press("t")  # without a card, of my phone
    expect(ben.locator("#transfer-dialog [data-who]")).to_have_text("103")
    ben.keyboard.press("Escape")
    ben.keyboard.press("ArrowDown")
    expect(mine).to_be_focused()
    ben.keyboard.press("t")
    dialog = ben.locator("#transfer-dialog")
    expect(dialog.locator("[data-who]")).to_have_text("103")
    expect(dialog.locator("#transfer-to")).to_have_value("")
    ben.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    ben.keyboard.press("t")
    transfer_to(ben, "602")
    expect(mine).to_have_count(0)
    assert any("PJSIP/103" in name for name in asterisk22.channels())


def test_an_open_menu_and_what_is_typed_survive_what_happens_and_the_end_of_the_call_is_told(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk22, "103", "answer_and_hold")
    ben = visit(panel22, "ben", "/calls/")
    call = caller_factory(asterisk22, "103", name="Carla")
    expect(card(ben, "Carla").locator(".call-state")).to_have_text("Talking")
    items = open_menu(ben, "Carla")
    items.get_by_role("button", name="Take over").focus()
    expect(card(ben, "Carla").locator(".call-state")).to_have_text("On hold")
    expect(items).to_be_visible()
    expect(items.get_by_role("button", name="Take over")).to_be_focused()
    items.get_by_role("button", name="Transfer").click()
    ben.keyboard.type("10")
    ben.evaluate("() => document.getElementById('transfer-to').setSelectionRange(1, 2)")
    for _ in range(6):
        asterisk22.cli("channel originate Local/607@internal application Wait 1")
    expect(ben.locator(".call")).not_to_have_count(1)
    expect(ben.locator(".call")).to_have_count(1)
    state = ben.evaluate(
        """() => { const box = document.activeElement;
                   return [box.id, box.value, box.selectionStart, box.selectionEnd]; }"""
    )
    assert state == ["transfer-to", "10", 1, 2]
    call.stop()
    dialog = ben.locator("#transfer-dialog")
    expect(dialog.get_by_text("This call has ended, or is no longer on this page.")).to_be_visible()
    expect(dialog.locator("[data-action=transfer]")).to_be_disabled()
    expect(dialog.locator("#transfer-to")).to_have_value("10")
    ben.keyboard.press("Enter")
    expect(dialog).to_be_visible()
    ben.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_the_menu_of_one_party_stays_with_that_party(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory, phone_factory: PhoneFactory
) -> None:
    """Who stands above it on the card may go while it is open."""
    phone_factory(asterisk22, "103")
    ben = visit(panel22, "ben", "/calls/")
    caller_factory(asterisk22, "103", name="Carla")
    expect(card(ben, "Carla").locator(".call-state")).to_have_text("Talking")
    items = open_menu(ben, "Carla", "103")
    address = items.locator("[data-action=park]").get_attribute("hx-post")
    party = card(ben, "Carla").locator(".party", has=ben.locator(".menu-items"))
    uniqueid = party.get_attribute("data-uniqueid")
    assert address == f"/calls/main/channels/{uniqueid}/park/"
    first = card(ben, "Carla").locator(".party").first.get_attribute("data-uniqueid")
    assert first != uniqueid
    # The caller goes elsewhere, and whoever was called is alone on a card.
    with asterisk22.ami() as ami:
        channels = ami.listing("CoreShowChannels")
        (name,) = [one["Channel"] for one in channels if one.get("Uniqueid") == uniqueid]
        (other,) = [one["Channel"] for one in channels if one.get("Uniqueid") == first]
        answer = ami.action(
            "Redirect", Channel=name, Context="internal", Exten="602", Priority="1",
            ExtraChannel=other, ExtraContext="internal", ExtraExten="607", ExtraPriority="1",
        )  # fmt: skip
        assert answer["Response"] == "Success"
    expect(ben.locator(".party[data-uniqueid]")).to_have_count(1)
    expect(ben.locator(".party[data-uniqueid]")).to_have_attribute("data-uniqueid", str(uniqueid))
    opened = ben.locator(".party-menu[open] [data-action=park]")
    for one in opened.all():
        assert one.get_attribute("hx-post") == address


def test_keys_are_pressed_in_the_order_in_which_they_were_clicked(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory
) -> None:
    ben = visit(panel22, "ben", "/calls/")
    sent: list[str] = []
    held: list[Route] = []

    def on_its_way(route: Route) -> None:
        sent.extend(parse_qs(route.request.post_data or "")["digits"])
        if held:
            route.continue_()
        else:
            held.append(route)

    ben.route("**/keypad/", on_its_way)
    caller_factory(asterisk22, "602", name="Carla")
    expect(card(ben, "Carla").locator(".call-state")).to_have_text("Connected")
    open_menu(ben, "Carla").get_by_role("button", name="Press keys").click()
    dialog = ben.locator("#keypad-dialog")
    for key in "110":
        dialog.get_by_role("button", name=key, exact=True).click()
    ben.keyboard.press("#")
    expect(dialog.locator(".keypad-pressed")).to_have_text("110#")
    # Whatever is entered while a request is under way waits for it, and a refusal is of the keys that were typed.
    dialog.locator("#keypad-digits").fill("12x")
    dialog.get_by_role("button", name="Send").dblclick()
    dialog.get_by_role("button", name="5", exact=True).click()
    assert sent == ["1"]
    held[0].continue_()
    expect(dialog.get_by_role("alert").filter(has_text="Enter the keys to press")).to_be_visible()
    expect(dialog.locator("#keypad-digits")).to_have_value("12x")
    dialog.locator("#keypad-digits").fill("99*")
    ben.keyboard.press("Enter")
    expect(dialog.locator("#keypad-digits")).to_have_value("")
    expect(dialog.locator("[data-refusal]")).to_be_empty()
    assert sent == ["1", "10#", "12x", "5", "99*"]
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()


def test_all_of_it_fits_a_phone(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk22, "103")
    phone_factory(asterisk22, "101", "ring")
    ben = visit(panel22, "ben", "/calls/", viewport={"width": 375, "height": 667}, has_touch=True, is_mobile=True)
    caller_factory(asterisk22, "103", name="A caller whose name is much longer than a phone is wide")
    caller_factory(asterisk22, "101", name="Dora")
    expect(card(ben, "A caller").locator(".call-state")).to_have_text("Talking")
    buttons = ben.locator(".party-menu summary:visible, .party-direct:visible")
    expect(buttons).to_have_count(5)
    for box in [button.bounding_box() for button in buttons.all()]:
        assert box is not None
        assert min(box["width"], box["height"]) >= 40
        assert box["x"] + box["width"] <= 375
    card(ben, "A caller").locator(".party-menu summary").first.tap()
    items = card(ben, "A caller").locator(".menu-items")
    box = items.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 375
    assert box["y"] + box["height"] <= 667
    items.get_by_role("button", name="Transfer").tap()
    box = ben.locator("#transfer-dialog").bounding_box()
    assert box is not None
    assert 0 <= box["x"] <= box["x"] + box["width"] <= 375
    assert ben.evaluate("document.documentElement.scrollWidth") <= 375


def test_a_menu_stays_on_the_screen_wherever_its_card_is(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory
) -> None:
    ben = visit(panel22, "ben", "/calls/", viewport={"width": 820, "height": 420})
    for name in ("Carla with a name", "Dora with a name that is long", "Emil", "Fritz with a name that is long"):
        caller_factory(asterisk22, "602", name=name)
        expect(card(ben, name).locator(".call-state")).to_have_text("Connected")
    for name in ("Carla", "Dora", "Emil", "Fritz"):
        box = open_menu(ben, name).bounding_box()
        assert box is not None
        assert 0 <= box["x"] <= box["x"] + box["width"] <= 820
        assert 0 <= box["y"] <= box["y"] + box["height"] <= 420
        ben.keyboard.press("Escape")


def test_an_open_menu_stays_on_the_screen_when_calls_above_it_end(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory
) -> None:
    ben = visit(panel22, "ben", "/calls/", viewport={"width": 390, "height": 560})
    for name in ("Carla", "Dora", "Emil"):
        caller_factory(asterisk22, "602", name=name)
        expect(card(ben, name).locator(".call-state")).to_have_text("Connected")
    # By keyboard: what moves waits for no pointer.
    card(ben, "Emil").locator(".party-menu summary").focus()
    ben.keyboard.press("Enter")
    items = card(ben, "Emil").locator(".menu-items")
    expect(items).to_have_class(re.compile("is-above"))
    for name in ("Carla", "Dora"):
        do(asterisk22, name, "Hangup")
    expect(ben.locator(".call")).to_have_count(1)
    expect(items).not_to_have_class(re.compile("is-above"))
    items.get_by_role("button", name="Transfer").click()
    expect(ben.locator("#transfer-to")).to_be_focused()


def test_wide_screens_show_the_dots_where_the_mouse_or_the_focus_is(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory
) -> None:
    ben = visit(panel22, "ben", "/calls/")
    caller_factory(asterisk22, "602", name="Carla")
    dots = card(ben, "Carla").locator(".party-menu summary")
    expect(dots).to_have_css("opacity", "0")
    card(ben, "Carla").hover()
    expect(dots).to_have_css("opacity", "1")
    box = dots.bounding_box()
    assert box is not None
    assert min(box["width"], box["height"]) >= 24
    ben.mouse.move(2, 2)
    expect(dots).to_have_css("opacity", "0")
    # By keyboard alone.
    dots.focus()
    expect(dots).to_have_css("opacity", "1")
    ben.keyboard.press("Enter")
    expect(card(ben, "Carla").locator(".menu-items")).to_be_visible()
    ben.keyboard.press("Tab")
    expect(card(ben, "Carla").get_by_role("button", name="Transfer")).to_be_focused()
    ben.keyboard.press("Enter")
    expect(ben.locator("#transfer-to")).to_be_focused()
    ben.keyboard.press("Escape")
    expect(dots).to_be_focused()


def test_a_transfer_is_consulted_first_cancelled_and_consulted_again_until_it_is_completed(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory, phone_factory: PhoneFactory
) -> None:
    for number in ("102", "103"):
        phone_factory(asterisk22, number)
    ben, vic = visit(panel22, "ben", "/calls/"), visit(panel22, "vic", "/calls/")
    caller_factory(asterisk22, "102", name="Carla")
    strip = card(ben, "Carla").locator(".call-transfer")
    for turn in range(2):
        expect(card(ben, "Carla").locator(".call-state")).to_have_text("Talking")
        open_menu(ben, "Carla").get_by_role("button", name="Transfer").click()
        expect(ben.locator("#transfer-to")).to_be_focused()
        ben.keyboard.type("103")
        ben.keyboard.press("Shift+Enter")
        expect(strip).to_contain_text("Carla is on hold while 103 is consulted")
        expect(card(vic, "Carla").locator(".call-transfer")).to_contain_text("Carla is on hold")
        expect(card(vic, "Carla").locator(".call-transfer-actions")).to_be_hidden()
        if turn == 0:
            strip.get_by_role("button", name="Back to Carla").click()
            expect(strip).to_have_count(0)
            expect(ben.locator(".panel-toast", has_text="You are back with Carla")).to_be_visible()
    strip.get_by_role("button", name="Transfer Carla to 103 now").click()
    expect(ben.locator(".panel-toast.is-success", has_text="Carla was transferred to 103.")).to_be_visible()
    expect(card(ben, "Carla")).to_contain_text("103")
    expect(strip).to_have_count(0)


def test_a_caller_is_put_on_hold_from_the_menu_and_resumed(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk22, "102")
    ben = visit(panel22, "ben", "/calls/")
    caller_factory(asterisk22, "102", name="Carla")
    expect(card(ben, "Carla").locator(".call-state")).to_have_text("Talking")
    open_menu(ben, "Carla").get_by_role("button", name="Hold").click()
    strip = card(ben, "Carla").locator(".call-transfer")
    expect(strip).to_contain_text("Carla is on hold")
    strip.get_by_role("button", name="Resume the call with Carla").click()
    expect(strip).to_have_count(0)
    expect(card(ben, "Carla").locator(".call-state")).to_have_text("Talking")

"""What an operator sees and does with calls: a real Chromium, a real Asterisk 22 and 16."""

import pytest
from playwright.sync_api import Dialog, Page, expect

from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory, PhoneFactory
from tests.panel import Panel, Visit


def dial(page: Page, number: str) -> None:
    page.keyboard.press("/")
    page.keyboard.type(number)
    page.keyboard.press("Enter")


def test_a_local_call_shows_as_a_card_and_goes_when_it_ends(asterisk: Asterisk, panel: Panel, visit: Visit) -> None:
    page = visit(panel, "anna", "/calls/")
    expect(page.locator(".call")).to_have_count(0)
    expect(page.get_by_text("No calls at the moment.")).to_be_visible()
    asterisk.cli("channel originate Local/602@internal application Wait 600")
    call = page.locator(".call", has_text="602")
    expect(call).to_have_count(1)
    expect(call).to_contain_text("Connected")
    expect(page.locator("#count-calls")).to_have_text("1")
    asterisk.cli("channel request hangup all")
    expect(page.locator(".call")).to_have_count(0)
    expect(page.locator("#count-calls")).to_be_empty()
    expect(page.get_by_text("No calls at the moment.")).to_be_visible()


def test_dialling_rings_my_phone_then_the_number_and_hanging_up_ends_both(
    asterisk: Asterisk, panel: Panel, visit: Visit, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk, "101")
    phone_factory(asterisk, "102")
    anna, ben = visit(panel, "anna", "/calls/"), visit(panel, "ben", "/calls/")
    dial(anna, "102")
    for page in (anna, ben):
        call = page.locator(".call", has_text="Anna Alpha")
        expect(call).to_contain_text("Ben Beta")
        expect(call.locator(".call-state")).to_have_text("Talking")
    expect(anna.locator(".panel-toast.is-success")).to_contain_text("102 answered.")
    expect(anna.locator("#dial-number")).to_have_value("")
    expect(ben.locator(".panel-toast")).to_have_count(0)
    anna.locator(".call [data-action=hangup]").click()
    for page in (anna, ben):
        expect(page.locator(".call")).to_have_count(0)
    assert asterisk.channels() == []


def test_my_phone_shows_whom_i_call_and_the_far_side_sees_my_own_number(
    asterisk: Asterisk, panel: Panel, visit: Visit, phone_factory: PhoneFactory
) -> None:
    mine, outside = phone_factory(asterisk, "101"), phone_factory(asterisk, "trunk")
    page = visit(panel, "anna")
    dial(page, "9 0301-234567")
    assert "90301234567" in mine.wait_for_invite()["From"]
    sent = outside.wait_for_invite()
    assert "101" in sent["From"]
    assert "Anna Alpha" in sent["From"]
    assert "0301234567" not in sent["From"]


def test_hanging_up_while_my_phone_rings(
    asterisk: Asterisk, panel: Panel, visit: Visit, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk, "104", "ring")
    page = visit(panel, "silent", "/calls/")
    dial(page, "602")
    expect(page.locator(".call .call-state")).to_have_text("Ringing")
    page.locator(".call [data-action=hangup]").click()
    expect(page.locator(".panel-toast.is-info")).to_have_text("The call was cancelled; 602 was not called.")
    expect(page.locator(".panel-toast.is-danger")).to_have_count(0)
    expect(page.locator(".call")).to_have_count(0)


def test_a_phone_that_nobody_picks_up(
    asterisk: Asterisk, panel: Panel, visit: Visit, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk, "104", "ring")
    page = visit(panel, "silent", "/calls/")
    dial(page, "602")
    expect(page.locator(".call .call-state")).to_have_text("Ringing")
    told = page.locator(".panel-toast.is-danger")
    expect(told).to_contain_text("Your phone did not answer. 602 was not called.", timeout=40_000)
    expect(page.locator(".call")).to_have_count(0)


def test_that_my_phone_is_busy_is_told(
    asterisk: Asterisk, panel: Panel, visit: Visit, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk, "105", "busy")
    page = visit(panel, "busy")
    dial(page, "602")
    expect(page.locator(".panel-toast.is-danger")).to_contain_text("Your phone is busy or declined the call.")


@pytest.mark.parametrize("whose", ["nowhere", "ghost"])
def test_that_my_phone_is_not_registered_or_does_not_exist_is_told(
    asterisk: Asterisk, panel: Panel, visit: Visit, whose: str
) -> None:
    page = visit(panel, whose)
    dial(page, "602")
    expect(page.locator(".panel-toast.is-danger")).to_contain_text("Your phone could not be reached")


def test_a_click_too_many_is_one_call(
    asterisk: Asterisk, panel: Panel, visit: Visit, phone_factory: PhoneFactory
) -> None:
    mine = phone_factory(asterisk, "101", "ring")
    page = visit(panel, "anna", "/calls/")
    page.fill("#dial-number", "602")
    page.evaluate(
        """() => { const form = document.querySelector("form.dial");
                   const values = {number: "602", command_id: document.getElementById("command-id").value};
                   for (let i = 0; i < 3; i += 1) htmx.ajax("POST", "/calls/dial/", {source: form, values}); }"""
    )
    mine.wait_for_invite()
    expect(page.locator(".call")).to_have_count(1)
    # Whatever else had been asked for would have come before this.
    page.wait_for_function("() => !document.querySelector('.htmx-request')")
    asterisk.cli("channel originate Local/602@internal application Wait 600")
    expect(page.locator(".call")).to_have_count(2)
    assert len(mine.invites()) == 1
    assert len([name for name in asterisk.channels() if not name.startswith("Local/")]) == 1


def test_hanging_up_a_call_that_ended_a_moment_ago(asterisk: Asterisk, panel: Panel, visit: Visit) -> None:
    page = visit(panel, "anna", "/calls/")
    asterisk.cli("channel originate Local/602@internal application Wait 600")
    expect(page.locator(".call")).to_have_count(1)
    address = page.locator(".call [data-action=hangup]").get_attribute("hx-post")
    asterisk.cli("channel request hangup all")
    expect(page.locator(".call")).to_have_count(0)
    page.evaluate("address => htmx.ajax('POST', address, {target: '#toasts', swap: 'beforeend'})", address)
    expect(page.locator(".panel-toast")).to_contain_text("This call has already ended.")


def test_a_number_that_is_none_is_refused_in_words_and_stays_typed(panel22: Panel, visit: Visit) -> None:
    page = visit(panel22, "anna")
    dial(page, "call mum")
    expect(page.locator(".panel-toast.is-danger")).to_contain_text("“call mum” is not a number")
    expect(page.locator("#dial-number")).to_have_value("call mum")


def test_somebody_without_a_phone_is_told_where_to_enter_it(panel22: Panel, visit: Visit) -> None:
    page = visit(panel22, "phoneless")
    dial(page, "602")
    expect(page.locator(".panel-toast.is-danger")).to_contain_text("Set it up under “My phone”")


def test_names_show_as_they_are_spelled_and_nothing_of_them_runs(
    asterisk: Asterisk, panel: Panel, visit: Visit, caller_factory: CallerFactory
) -> None:
    page = visit(panel, "anna", "/calls/")
    dialogs: list[str] = []

    def note_dialog(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", note_dialog)
    caller_factory(asterisk, "602", name="<img src=x onerror=alert(1)>")
    caller_factory(asterisk, "602", name="李雷")
    labels = page.locator(".party-label")
    expect(labels.get_by_text("<img src=x onerror=alert(1)>", exact=True)).to_be_visible()
    expect(labels.get_by_text("李雷", exact=True)).to_be_visible()
    assert page.locator("#calls img").count() == 0
    assert dialogs == []


def test_search_as_you_type_finds_names_numbers_and_channels(
    asterisk: Asterisk, panel: Panel, visit: Visit, caller_factory: CallerFactory
) -> None:
    page = visit(panel, "anna", "/calls/")
    caller_factory(asterisk, "602", number="0401111111", name="Carla")
    caller_factory(asterisk, "600", number="0402222222", name="Dora")
    expect(page.locator(".call:visible")).to_have_count(2)
    page.locator("#search").press_sequentially("carl")
    expect(page.locator(".call:visible")).to_have_count(1)
    expect(page.locator(".call:visible")).to_contain_text("Carla")
    page.fill("#search", "0402222222")
    expect(page.locator(".call:visible")).to_contain_text("Dora")
    page.fill("#search", "nobody of that name")
    expect(page.locator(".call:visible")).to_have_count(0)
    expect(page.get_by_text("No call matches your search.")).to_be_visible()
    # A call that begins meanwhile does not show unless it matches.
    caller_factory(asterisk, "602", number="0403333333", name="Emil")
    expect(page.locator("#count-calls")).to_have_text("3")
    expect(page.locator(".call:visible")).to_have_count(0)


def test_focus_open_legs_and_half_typed_text_survive_a_stream_of_updates(
    asterisk: Asterisk, panel: Panel, visit: Visit, caller_factory: CallerFactory
) -> None:
    page = visit(panel, "anna", "/calls/")
    caller_factory(asterisk, "608", number="0401111111", name="Carla")
    call = page.locator(".call", has_text="Carla")
    call.locator(".legs > summary").click()
    expect(call.locator(".leg")).to_be_visible()
    page.locator("#dial-number").press_sequentially("0172")
    page.evaluate("() => document.getElementById('dial-number').setSelectionRange(2, 3)")
    for _ in range(12):
        asterisk.cli("channel originate Local/607@internal application Wait 1")
    expect(page.locator(".call")).not_to_have_count(1)
    expect(page.locator(".call")).to_have_count(1)  # they have all come and gone
    expect(call.locator(".leg")).to_be_visible()
    state = page.evaluate(
        """() => { const box = document.activeElement;
                   return [box.id, box.value, box.selectionStart, box.selectionEnd]; }"""
    )
    assert state == ["dial-number", "0172", 2, 3]


def test_ringing_calls_and_mine_are_what_the_home_page_shows(
    asterisk: Asterisk, panel: Panel, visit: Visit, caller_factory: CallerFactory, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk, "102")
    phone_factory(asterisk, "101", "ring")
    anna, ben = visit(panel, "anna"), visit(panel, "ben")
    caller_factory(asterisk, "101", name="Carla")
    expect(anna.locator("#my-calls .call")).to_contain_text("Carla")
    expect(ben.locator("#ringing-calls .call")).to_contain_text("Carla")
    caller_factory(asterisk, "102", name="Dora")
    expect(ben.locator("#my-calls .call")).to_contain_text("Dora")
    expect(ben.locator("#my-calls .call-state")).to_have_text("Talking")
    # Answered, and not hers: it needs nothing of Anna.
    expect(anna.locator(".call", has_text="Dora")).to_have_count(0)

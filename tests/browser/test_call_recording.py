"""Recording a call and muting an end of it, from its card: a real Chromium, a real Asterisk 22 and 16."""

import re
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory, PhoneFactory
from tests.panel import Panel, Visit
from tests.waiting import until

from .test_call_menus import MUTING, card, choices, open_menu

RECORDING = ["Pause recording", "Stop recording"]


def badge(page: Page) -> Locator:
    return card(page, "Carla").locator(".badge.is-recording")


def press(page: Page, name: str, who: str = "") -> None:
    open_menu(page, "Carla", who).get_by_role("button", name=name, exact=True).click()


def recorded(asterisk: Asterisk, name: str) -> Path:
    return asterisk.folder / "spool/monitor" / name


def test_everybody_sees_that_a_call_is_recorded_that_it_is_paused_and_into_which_file(
    asterisk: Asterisk, panel: Panel, visit: Visit, caller_factory: CallerFactory, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk, "102")
    ben, vic = visit(panel, "ben", "/calls/"), visit(panel, "vic", "/calls/")
    mona = visit(panel, "mona", "/calls/")
    caller_factory(asterisk, "102", name="Carla")
    expect(card(ben, "Carla").locator(".call-state")).to_have_text("Talking")
    expect(badge(ben)).to_have_count(0)
    press(ben, "Record")
    told = ben.locator(".panel-toast.is-success", has_text="Carla is being recorded into")
    expect(told).to_be_visible()
    (file,) = re.findall(r"\d{8}-\d{6}-0401234567-[\d.]+\.wav", told.inner_text())
    for page in (ben, vic, mona):
        expect(badge(page)).to_have_text("Recorded")
        card(page, "Carla").locator(".legs > summary").click()
        expect(card(page, "Carla").locator(".leg").first).to_contain_text(file)
    until(recorded(asterisk, file).exists)
    items = open_menu(ben, "Carla")
    assert choices(items)[4:] == [*RECORDING, "Press keys …", *MUTING]
    ben.keyboard.press("Escape")
    # Of the other end nothing is recorded apart.
    assert "Record" in choices(open_menu(ben, "Carla", "102"))
    ben.keyboard.press("Escape")
    press(ben, "Pause recording")
    expect(ben.locator(".panel-toast", has_text="the file holds silence")).to_be_visible()
    for page in (ben, vic, mona):
        expect(badge(page)).to_have_text("Recording paused")
        expect(card(page, "Carla").locator(".leg").first).to_contain_text("the file holds silence")
    # Whoever comes now sees it, too.
    late = visit(panel, "anna", "/calls/")
    expect(badge(late)).to_have_text("Recording paused")
    press(late, "Resume recording")
    expect(badge(ben)).to_have_text("Recorded")
    press(ben, "Stop recording")
    for page in (ben, vic, mona, late):
        expect(badge(page)).to_have_count(0)
    # Who may not is offered nothing.
    for page in (vic, mona):
        expect(page.locator('[data-action="record"]:visible, [data-action="stop-record"]:visible')).to_have_count(0)


def test_an_operator_records_own_calls_alone_and_an_administrator_any(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk22, "103")
    ben, anna = visit(panel22, "ben", "/calls/"), visit(panel22, "anna", "/calls/")
    caller_factory(asterisk22, "103", name="Carla")
    expect(card(ben, "Carla").locator(".call-state")).to_have_text("Talking")
    assert "Record" not in choices(open_menu(ben, "Carla"))
    assert "Record" in choices(open_menu(anna, "Carla"))
    anna.keyboard.press("Escape")
    press(anna, "Record")
    expect(badge(ben)).to_have_text("Recorded")
    ben.keyboard.press("Escape")
    assert "Stop recording" not in choices(open_menu(ben, "Carla"))


def test_who_is_muted_shows_and_is_unmuted(
    asterisk22: Asterisk, panel22: Panel, visit: Visit, caller_factory: CallerFactory, phone_factory: PhoneFactory
) -> None:
    phone_factory(asterisk22, "103")
    ben = visit(panel22, "ben", "/calls/", viewport={"width": 375, "height": 667}, has_touch=True, is_mobile=True)
    vic = visit(panel22, "vic", "/calls/")
    caller_factory(asterisk22, "103", name="Carla")
    expect(card(ben, "Carla").locator(".call-state")).to_have_text("Talking")
    party = vic.locator(".party", has_text="Carla")
    for name, words in (("Mute", "muted"), ("Let them hear nothing", "muted, hears nothing")):
        press(ben, name)
        expect(party.locator(".badge.is-muted")).to_have_text(words)
    # It is read whole, also on a small screen.
    box = card(ben, "Carla").locator(".badge.is-muted").bounding_box()
    assert box is not None
    assert 0 <= box["x"] <= box["x"] + box["width"] <= 375
    items = open_menu(ben, "Carla")
    assert choices(items)[-1] == "Unmute"
    assert not {*MUTING} & {*choices(items)}
    items.get_by_role("button", name="Unmute", exact=True).click()
    expect(party.locator(".badge.is-muted")).to_have_count(0)
    expect(ben.locator(".panel-toast.is-success", has_text="Carla is heard, and hears.")).to_be_visible()
    assert ben.evaluate("document.documentElement.scrollWidth") <= 375

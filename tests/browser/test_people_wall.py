"""Favourites on the wall of people, and calls that are sent to a tile: a real Chromium, a real Asterisk 22,
and 16 where sound is heard.
"""

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.test_my_phone import my_call
from tests.browser.test_people import directory, fill, shown, tile, with_people
from tests.browser.test_rooms import WIDTHS, is_within
from tests.lab import ears
from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory, PhoneFactory
from tests.panel import Panel, Visit
from tests.waiting import until

__all__ = ["directory"]

EVERYBODY = ["Anna Alpha", "Ben Beta", "Zoë Müller", "李雷", "Nobody knows"]
# Caller and target, by how they sound.
CALLER, TARGET = 440, 1004


def menu_of(page: Page, name: str) -> Locator:
    """The menu of a tile, opened by keyboard."""
    tile(page, name).locator(".tile-call").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    menu = page.locator("#person-menu")
    expect(menu.locator(".person-menu-head")).to_contain_text(name)
    return menu


def star(page: Page, name: str) -> None:
    menu_of(page, name).get_by_role("button", name="Add to my favourites").press("Enter")
    expect(page.locator(".is-favourites .tile", has_text=name)).to_have_count(1)


def expect_order(page: Page, *names: str) -> None:
    expect(page.locator(".tile:visible .state-name")).to_have_text([re.compile(name) for name in names])


def test_favourites_stand_first_for_whoever_chose_them_alone(directory: Panel, visit: Visit) -> None:
    page, other = visit(directory, "vic", "/people/"), visit(directory, "ben", "/people/")
    expect(page.get_by_role("heading", name="Favourites")).to_be_hidden()
    star(page, "李雷")
    expect(page.locator(".panel-toast.is-success")).to_have_text("李雷 is one of your favourites.")
    star(page, "Zoë Müller")
    expect(page.get_by_role("heading", name="Favourites")).to_contain_text("2")
    expect(page.get_by_role("heading", name="Sales")).to_contain_text("1")
    assert is_within(page)
    mine = ("李雷", "Zoë Müller", "Anna Alpha", "Ben Beta", "Nobody knows")
    expect_order(page, *mine)
    page.reload()
    expect_order(page, *mine)
    other.reload()
    assert shown(other) == EVERYBODY
    menu_of(page, "李雷").get_by_role("button", name="No longer a favourite").press("Enter")
    expect_order(page, "Zoë Müller", "Anna Alpha", "Ben Beta", "李雷", "Nobody knows")
    page.reload()
    expect_order(page, "Zoë Müller", "Anna Alpha", "Ben Beta", "李雷", "Nobody knows")


@pytest.mark.parametrize("width", WIDTHS)
def test_people_stand_by_tag_where_that_was_chosen_and_go_back_there(
    directory: Panel, visit: Visit, width: str
) -> None:
    fill(directory, [
        {"name": "Night Nora", "extension": ["121"], "department": "Sales", "tags": ["Night", "first aid"]},
        {"name": "Fay First", "extension": ["122"], "department": "Reception", "tags": ["first aid"]},
    ])  # fmt: skip
    page = visit(directory, "phoneless", "/people/", viewport=WIDTHS[width])
    headings = page.locator(".people-group:visible h2")
    expect(headings).to_have_text([re.compile(name) for name in ("Reception", "Sales", "研发", "No department")])
    expect(page.get_by_role("link", name="Department", exact=True)).to_have_attribute("aria-current", "true")
    page.get_by_role("link", name="Tag", exact=True).press("Enter")
    by_tag = [re.compile(name) for name in (r"first aid\s+1", r"Night\s+1", r"No tag\s+5")]
    expect(headings).to_have_text(by_tag)
    expect(page.get_by_role("link", name="Tag", exact=True)).to_have_attribute("aria-current", "true")
    page.goto(f"{directory.url}/people/")
    page.wait_for_selector("html[data-live]")
    expect(headings).to_have_text(by_tag)
    assert is_within(page)
    # Whoever is found by their second tag still stands under the first.
    page.locator("#people-filter").fill("first")
    expect(page.locator(".tile:visible .state-name")).to_have_text([re.compile("Fay First"), re.compile("Night Nora")])
    page.locator("#people-filter").fill("")
    star(page, "Night Nora")
    expect(headings.first).to_have_text(re.compile(r"Favourites\s+1"))
    menu_of(page, "Night Nora").get_by_role("button", name="No longer a favourite").press("Enter")
    expect(headings).to_have_text(by_tag)


def test_favourites_are_put_in_order_by_keys_by_the_menu_and_by_dragging(directory: Panel, visit: Visit) -> None:
    page = visit(directory, "mona", "/people/")
    for name in ("Anna Alpha", "Ben Beta", "李雷"):
        star(page, name)
    rest = ("Zoë Müller", "Nobody knows")

    def kept(*names: str) -> None:
        expect_order(page, *names, *rest)
        page.reload()
        page.wait_for_selector("html[data-live]")
        expect_order(page, *names, *rest)

    tile(page, "李雷").locator(".tile-call").focus()
    with page.expect_response("**/people/favourites/"):
        page.keyboard.press("Alt+ArrowLeft")
    expect(tile(page, "李雷").locator(".tile-call")).to_be_focused()
    expect(page.locator("#people-status")).to_have_text("李雷: 2 / 3")
    kept("Anna Alpha", "李雷", "Ben Beta")
    with page.expect_response("**/people/favourites/"):
        menu_of(page, "Anna Alpha").get_by_role("button", name="Move back").press("Enter")
    kept("李雷", "Anna Alpha", "Ben Beta")
    with page.expect_response("**/people/favourites/"):
        tile(page, "Ben Beta").drag_to(tile(page, "李雷"), target_position={"x": 5, "y": 10})
    kept("Ben Beta", "李雷", "Anna Alpha")
    # The last one has nobody to change places with.
    tile(page, "Anna Alpha").locator(".tile-call").focus()
    page.keyboard.press("Alt+ArrowRight")
    kept("Ben Beta", "李雷", "Anna Alpha")


def test_an_order_that_cannot_be_kept_is_taken_back_and_told(directory: Panel, visit: Visit) -> None:
    page = visit(directory, "silent", "/people/")
    for name in ("Anna Alpha", "Ben Beta"):
        star(page, name)
    page.route("**/people/favourites/", lambda route: route.abort())
    tile(page, "Ben Beta").locator(".tile-call").focus()
    page.keyboard.press("Alt+ArrowLeft")
    expect(page.locator("#people-status")).to_have_text("The order could not be kept. Try again.")
    expect_order(page, *EVERYBODY)


def test_nothing_moves_under_the_pointer_when_a_star_is_clicked(directory: Panel, visit: Visit) -> None:
    page = visit(directory, "busy", "/people/")
    last = tile(page, "Nobody knows")
    last.locator(".tile-more").click()
    before = last.bounding_box()
    page.locator("#person-menu").get_by_role("button", name="Add to my favourites").hover()
    last.hover()
    page.keyboard.press("Escape")
    last.click(button="right")
    page.locator("#person-menu").get_by_role("button", name="Add to my favourites").press("Enter")
    page.mouse.move(before["x"] + 20, before["y"] + 10)  # type: ignore[index]
    expect(page.locator(".panel-toast.is-success")).to_be_visible()
    assert last.bounding_box() == before
    page.mouse.move(5, 5)
    expect(page.locator(".is-favourites .tile")).to_have_count(1)


# Who has a number that sounds at 1,004 Hz.
TINA = {"name": "Tina Tone", "extension": ["6450"]}


@pytest.fixture
def sounding(asterisk: Asterisk, panel: Panel) -> Iterator[Panel]:
    """A panel on each version in turn, where that number is somebody's on the wall."""
    for step in ("1,Answer", "2,PlayTones(440)", "3,Wait(3600)"):
        asterisk.cli(f"dialplan add extension 6440,{step} into internal replace")
    asterisk.cli('dialplan add extension 6450,1,Dial("Local/601@internal/n") into internal replace')
    with with_people(panel, TINA):
        yield panel


def a_sounding_call(asterisk: Asterisk, page: Page, phone_factory: PhoneFactory) -> None:
    """Ben, at 102, talks to a caller from outside who sounds at 440 Hz: Asterisk calls itself by way of the trunk."""
    phone_factory(asterisk, "102")
    asterisk.cli(
        f"channel originate PJSIP/trunk/sip:102@{asterisk.host}:{asterisk.sip_port} extension 6440@internal"
    )  # fmt: skip
    expect(my_call(page).locator(".my-call-state")).to_have_text("Talking")


def channel(asterisk: Asterisk, begins: str) -> str:
    found = [line.partition("!")[0] for line in asterisk.cli("core show channels concise").splitlines()]
    return next((name for name in found if name.startswith(begins)), "")


def hear_each_other(asterisk: Asterisk) -> None:
    until(lambda: channel(asterisk, "Local/601"))
    target = channel(asterisk, "Local/601").replace(";2", ";1")
    assert ears.tones(asterisk, channel(asterisk, "PJSIP/outside"), {CALLER, TARGET}) == {TARGET}
    assert ears.tones(asterisk, target, {CALLER, TARGET}) == {CALLER}


def test_a_call_is_transferred_to_a_tile_by_dragging_it_and_both_hear_each_other(
    asterisk: Asterisk, sounding: Panel, visit: Visit, phone_factory: PhoneFactory
) -> None:
    ben = visit(sounding, "ben", "/people/")
    a_sounding_call(asterisk, ben, phone_factory)
    my_call(ben).locator(".call-grip").drag_to(tile(ben, "Tina Tone").locator(".tile-call"))
    expect(ben.locator(".panel-toast.is-success")).to_contain_text("is being transferred to 6450.")
    expect(my_call(ben)).to_have_count(0)
    hear_each_other(asterisk)


def test_a_call_is_transferred_to_a_tile_by_keyboard_and_both_hear_each_other(
    asterisk: Asterisk, sounding: Panel, visit: Visit, phone_factory: PhoneFactory
) -> None:
    ben = visit(sounding, "ben", "/people/")
    a_sounding_call(asterisk, ben, phone_factory)
    menu = menu_of(ben, "Tina Tone")
    expect(menu.get_by_role("button", name=re.compile("^Transfer .* to 6450"))).to_be_focused()
    ben.keyboard.press("Enter")
    expect(ben.locator(".panel-toast.is-success")).to_contain_text("is being transferred to 6450.")
    expect(my_call(ben)).to_have_count(0)
    hear_each_other(asterisk)


def test_what_is_dropped_from_elsewhere_is_no_address(directory: Panel, visit: Visit) -> None:
    ben = visit(directory, "ben", "/people/")
    with ben.expect_response("**/calls/**") as told:
        ben.evaluate(
            """() => {
              const data = new DataTransfer();
              const call = { pbx: "../../admin", uniqueid: "../1", path: "/logout/" };
              data.setData("application/x-pbxpanel-call", JSON.stringify(call));
              const tile = [...document.querySelectorAll(".tile")].find((one) => one.textContent.includes("Ben"));
              for (const kind of ["dragover", "drop"])
                tile.dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: data }));
            }"""
        )
    assert "/calls/..%2F..%2Fadmin/channels/..~s1/transfer/" in told.value.url
    assert told.value.status in (403, 404)


def test_a_menu_consults_and_the_transfer_is_completed_in_the_bar(
    asterisk22: Asterisk, directory: Panel, visit: Visit, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    phone_factory(asterisk22, "102")
    phone_factory(asterisk22, "103")
    ben = visit(directory, "ben", "/people/")
    caller_factory(asterisk22, "102", name="Carla")
    expect(my_call(ben).locator(".my-call-state")).to_have_text("Talking")
    menu_of(ben, "Zoë Müller").get_by_role("button", name="Consult 103 for Carla").press("Enter")
    expect(my_call(ben).locator(".call-transfer")).to_contain_text("Carla is on hold while Zoë Müller 103 is consulted")
    # While somebody is consulted, the bar says how it goes on, and no menu offers the call.
    expect(menu_of(ben, "Anna Alpha").get_by_role("button", name=re.compile("Carla"))).to_have_count(0)
    ben.keyboard.press("Escape")
    my_call(ben).get_by_role("button", name="Transfer Carla to Zoë Müller 103 now").click()
    expect(tile(ben, "Zoë Müller").locator(".state-words")).to_contain_text("with Carla")


def test_a_menu_sends_a_caller_to_voicemail(
    asterisk22: Asterisk, directory: Panel, visit: Visit, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    phone_factory(asterisk22, "102")
    ben = visit(directory, "ben", "/people/")
    caller_factory(asterisk22, "102", name="Carla")
    expect(my_call(ben).locator(".my-call-state")).to_have_text("Talking")
    expect(menu_of(ben, "李雷").get_by_role("button", name=re.compile("voicemail"))).to_have_count(0)
    ben.keyboard.press("Escape")
    menu_of(ben, "Zoë Müller").get_by_role("button", name="Carla to the voicemail of 103").press("Enter")
    expect(ben.locator(".panel-toast.is-success")).to_have_text("Carla may leave a message for 103.")
    expect(my_call(ben)).to_have_count(0)


def test_a_menu_picks_up_what_rings_and_listens_to_what_is_talked(
    asterisk22: Asterisk, directory: Panel, visit: Visit, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    phone_factory(asterisk22, "101")
    ringing = phone_factory(asterisk22, "103", "ring")
    anna, vic = visit(directory, "anna", "/people/"), visit(directory, "vic", "/people/")
    caller_factory(asterisk22, "103", name="Carla")
    expect(tile(anna, "Zoë Müller").locator(".state-words")).to_contain_text("from Carla")
    expect(tile(vic, "Zoë Müller").locator(".state-words")).to_contain_text("from Carla")
    expect(menu_of(vic, "Zoë Müller").locator("[data-action=pickup]")).to_have_count(0)
    menu_of(anna, "Zoë Müller").get_by_role("button", name="Pick up").press("Enter")
    expect(my_call(anna).locator(".my-call-state")).to_have_text("Talking")
    expect(my_call(anna)).to_contain_text("Carla")
    expect(tile(anna, "Anna Alpha").locator(".state-words")).to_contain_text("with Carla")
    my_call(anna).get_by_role("button", name=re.compile("^Hang up")).click()
    expect(my_call(anna)).to_have_count(0)
    ringing.stop()
    phone_factory(asterisk22, "103")
    caller_factory(asterisk22, "103", name="Dora")
    expect(tile(anna, "Zoë Müller").locator(".state-words")).to_contain_text("with Dora")
    menu_of(anna, "Zoë Müller").get_by_role("button", name="Listen").press("Enter")
    until(lambda: "!ChanSpy!" in asterisk22.cli("core show channels concise"))


def carried(page: Page, name: str) -> str:
    """What a drag of somebody on the cards carries, to wherever it is dropped, such as a window with the wall."""
    return str(
        page.evaluate(
            """(name) => {
              const data = new DataTransfer();
              const parties = [...document.querySelectorAll(".call .party")];
              const party = parties.find((one) => one.textContent.includes(name));
              const start = new DragEvent("dragstart", { bubbles: true, cancelable: true, dataTransfer: data });
              party.querySelector(".call-grip").dispatchEvent(start);
              return start.defaultPrevented ? "nothing" : data.getData("application/x-pbxpanel-call");
            }""",
            name,
        )
    )


def test_a_call_is_dragged_from_its_card_by_whoever_may_transfer_it(
    asterisk22: Asterisk, directory: Panel, visit: Visit, caller_factory: CallerFactory
) -> None:
    ben, mona, vic = (visit(directory, name, "/calls/") for name in ("ben", "mona", "vic"))
    caller_factory(asterisk22, "602", name="Carla")
    for page in (ben, mona, vic):
        expect(page.locator(".call")).to_contain_text("Carla")
    ben.locator(".call").hover()
    expect(ben.locator(".call .call-grip")).to_be_visible()
    uniqueid = ben.locator(".call .party[data-uniqueid]").get_attribute("data-uniqueid")
    assert json.loads(carried(ben, "Carla")) == {"pbx": "main", "uniqueid": uniqueid}
    for page in (mona, vic):
        page.locator(".call").hover()
        expect(page.locator(".call .call-grip")).to_be_hidden()
        assert carried(page, "Carla") == "nothing"

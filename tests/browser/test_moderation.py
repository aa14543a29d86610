"""What a moderator does in a room, by buttons and by keys, and what a viewer sees of it: Asterisk 22 and 16."""

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.lab.asterisk import Asterisk
from tests.panel import Panel, Visit

pytestmark = [pytest.mark.timeout(300)]

ROOM = "8006"
PATH = f"/conferences/main/{ROOM}/"


def join(asterisk: Asterisk, name: str, extension: str = ROOM, then: str = "602", number: str = "0401234567") -> None:
    """One more participant, who enters by this extension; what their far side does is the other one."""
    with asterisk.ami() as session:
        answer = session.action(
            "Originate", Channel=f"Local/{extension}@internal", Context="internal", Exten=then, Priority="1",
            Async="true", CallerID=f'"{name}" <{number}>',
        )  # fmt: skip
        assert answer["Response"] == "Success", answer
        # Asterisk forgets some of those whose session ends before they are answered.
        assert session.event("OriginateResponse")["Response"] == "Success"


def row(page: Page, name: str) -> Locator:
    return page.locator("#participants .participant").filter(has=page.get_by_text(name, exact=True))


def rows(page: Page) -> Locator:
    return page.locator("#participants .participant")


def press(page: Page, action: str) -> None:
    """A button for the whole conference."""
    page.locator(f"#conference-head [data-action={action}]").click()


def choose(page: Page, name: str, words: str) -> None:
    """Something in somebody's menu."""
    row(page, name).locator("summary").click()
    row(page, name).get_by_role("button", name=words).click()


def together(visit: Visit, panel: Panel, **options: Any) -> tuple[Page, Page]:
    return visit(panel, "mona", PATH, **options), visit(panel, "vic", PATH, **options)


def enter(asterisk: Asterisk, pages: tuple[Page, ...], *names: str, **options: str) -> None:
    """One after the other, so that their order is known."""
    for name in names:
        join(asterisk, name, **options)
        for page in pages:
            expect(row(page, name)).to_have_count(1)


MUTED = re.compile(r"\bis-muted\b")
SPEAKER = re.compile(r"\bis-speaker\b")


def expect_muted(pages: tuple[Page, ...], **people: bool) -> None:
    for page in pages:
        for name, is_muted in people.items():
            found = expect(row(page, name))
            (found.to_have_class if is_muted else found.not_to_have_class)(MUTED)


def muted(asterisk: Asterisk) -> dict[str, bool]:
    """Whether each participant is muted, by the answers of the AMI itself."""
    with asterisk.ami() as ami:
        items = ami.listing("ConfbridgeList", Conference=ROOM)
    return {item["CallerIDName"]: item["Muted"] == "Yes" for item in items if "Muted" in item}


def test_the_buttons_for_all_show_what_they_did_on_both_pages(asterisk: Asterisk, panel: Panel, visit: Visit) -> None:
    pages = mona, _vic = together(visit, panel)
    enter(asterisk, pages, "Alma", extension="8106")
    enter(asterisk, pages, "Carla", "Dora")
    press(mona, "mute-listeners")
    expect_muted(pages, Alma=False, Carla=True, Dora=True)
    assert muted(asterisk) == {"Alma": False, "Carla": True, "Dora": True}
    for page in pages:
        expect(row(page, "Carla")).to_contain_text("muted by a moderator")
        expect(page.locator(".facts .number", has_text="muted")).to_have_text("2 muted")
    press(mona, "unmute-all")
    expect_muted(pages, Alma=False, Carla=False, Dora=False)
    press(mona, "mute-all")
    expect_muted(pages, Alma=True, Carla=True, Dora=True)
    press(mona, "unmute-all")
    expect_muted(pages, Alma=False, Carla=False, Dora=False)
    press(mona, "lock")
    for page in pages:
        expect(page.locator(".facts")).to_contain_text("locked")
    press(mona, "unlock")
    for page in pages:
        expect(page.locator(".facts")).not_to_contain_text("locked")
    press(mona, "record")
    for page in pages:
        expect(page.locator(".facts")).to_contain_text("recording")
        expect(page.locator(".recording-file")).to_have_text(re.compile(rf"^confbridge-{ROOM}.*\.wav$"))
    press(mona, "stop-record")
    for page in pages:
        expect(page.locator(".facts")).not_to_contain_text("recording")


def test_in_a_lecture_newcomers_are_muted_until_it_ends(asterisk: Asterisk, panel: Panel, visit: Visit) -> None:
    pages = mona, vic = together(visit, panel)
    cards = visit(panel, "mona", "/conferences/")
    enter(asterisk, pages, "Carla", "Dora")
    choose(mona, "Carla", "Make speaker")
    for page in pages:
        expect(row(page, "Carla")).to_have_class(SPEAKER)
        expect(row(page, "Carla")).to_contain_text("speaker")
    press(mona, "lecture")
    expect_muted(pages, Carla=False, Dora=True)
    for page in (*pages, cards):
        expect(page.locator(".flags .is-lecture")).to_be_visible()
    enter(asterisk, pages, "Emil")
    expect_muted(pages, Carla=False, Dora=True, Emil=True)
    choose(mona, "Carla", "Remove as speaker")
    expect_muted(pages, Carla=True)
    for page in pages:
        expect(row(page, "Carla")).not_to_have_class(SPEAKER)
    press(mona, "end-lecture")
    for page in (*pages, cards):
        expect(page.locator(".flags .is-lecture")).to_have_count(0)
    enter(asterisk, pages, "Frieda")
    expect_muted((vic,), Frieda=False, Emil=True)
    press(mona, "lock")
    expect(cards.locator(".conference")).to_contain_text("locked")


def test_ending_says_how_many_it_removes_and_removes_all(asterisk: Asterisk, panel: Panel, visit: Visit) -> None:
    pages = mona, vic = together(visit, panel)
    enter(asterisk, pages, "Carla", "Dora")
    press(mona, "end")
    dialog = mona.locator("#end-dialog")
    expect(dialog).to_contain_text("This removes 2 people from the conference.")
    enter(asterisk, (vic,), "Emil")
    expect(dialog).to_contain_text("This removes 3 people from the conference.")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    press(mona, "end")
    mona.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert len(muted(asterisk)) == 3
    press(mona, "end")
    dialog.get_by_role("button", name="End").click()
    for page in pages:
        expect(rows(page)).to_have_count(0)
        expect(page.get_by_text("This conference is not running.")).to_be_visible()


def test_a_sound_is_played_to_the_room(asterisk: Asterisk, panel: Panel, visit: Visit) -> None:
    pages = mona, _vic = together(visit, panel)
    enter(asterisk, pages, "Carla")
    if list((asterisk.root / "usr/share/asterisk/sounds").rglob("tt-monkeys.*")):
        mona.get_by_role("button", name="Play a sound").click()
        mona.locator("#say-sound").fill("tt-monkeys")
        mona.keyboard.press("Enter")
        for page in pages:
            expect(page.locator(".facts")).to_contain_text("a sound is being played")
            expect(rows(page)).to_have_count(1)
            expect(page.locator(".facts")).to_contain_text("1 participant")
        for page in pages:
            expect(page.locator(".facts")).not_to_contain_text("a sound is being played", timeout=60_000)
    mona.get_by_role("button", name="Play a sound").click()
    mona.locator("#say-sound").fill("no-such-sound")
    mona.locator("#say-dialog").get_by_role("button", name="Play").click()
    expect(mona.locator("#say-dialog")).to_be_hidden()
    expect(mona.locator(".panel-toast")).to_contain_text("does not have this sound")


def test_kicking_asks_first(asterisk: Asterisk, panel: Panel, visit: Visit) -> None:
    pages = mona, _vic = together(visit, panel)
    enter(asterisk, pages, "Carla", "Dora")
    dialog = mona.locator("#kick-dialog")
    row(mona, "Carla").locator("[data-action=kick]").click()
    expect(dialog).to_contain_text("Carla")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    assert set(muted(asterisk)) == {"Carla", "Dora"}
    row(mona, "Carla").locator("[data-action=kick]").click()
    dialog.get_by_role("button", name="Kick").click()
    for page in pages:
        expect(rows(page)).to_have_count(1)
        expect(row(page, "Dora")).to_have_count(1)


def test_somebody_is_moved_and_two_are_taken_aside_and_sent_back(
    asterisk: Asterisk, panel: Panel, visit: Visit
) -> None:
    pages = mona, vic = together(visit, panel)
    join(asterisk, "Other", "8007")
    enter(asterisk, pages, "Carla", "Dora", "Emil")
    choose(mona, "Emil", "Move elsewhere")
    dialog = mona.locator("#move-dialog")
    expect(dialog).to_contain_text("Emil")
    dialog.get_by_role("button", name="8007 1 participant").click()
    expect(dialog.locator("#move-to")).to_have_value("8007")
    mona.keyboard.press("Enter")
    for page in pages:
        expect(row(page, "Emil")).to_have_count(0)
    vic.goto(f"{panel.url}/conferences/main/8007/")
    expect(row(vic, "Emil")).to_have_count(1)
    expect(rows(vic)).to_have_count(2)

    vic.goto(panel.url + PATH)
    choose(mona, "Carla", "Take aside")
    dialog = mona.locator("#aside-dialog")
    expect(dialog).to_contain_text("Carla")
    expect(dialog.locator("option")).to_have_text(["Choose somebody", "Dora 0401234567"])
    dialog.locator("select").select_option(label="Dora 0401234567")
    dialog.get_by_role("button", name="Take aside").click()
    # Nobody is left here, so they are found among the conferences.
    mona.goto(f"{panel.url}/conferences/main/{ROOM}-aside/")
    for name in ("Carla", "Dora"):
        expect(row(mona, name)).to_contain_text("in a side room")
    enter(asterisk, (vic,), "Frieda")
    expect(vic.locator(".side-room")).to_contain_text(f"{ROOM}-aside")
    press(mona, "back")
    for name in ("Carla", "Dora", "Frieda"):
        expect(row(vic, name)).to_have_count(1)
    expect(vic.locator(".side-room")).to_have_count(0)
    expect(row(vic, "Carla")).not_to_contain_text("in a side room")


def test_the_menu_of_a_conference_that_is_named_as_what_stands_for_a_participant(
    asterisk22: Asterisk, panel22: Panel, visit: Visit
) -> None:
    page = visit(panel22, "mona", "/conferences/main/UNIQUEID/")
    asterisk22.cli("channel originate Local/602@internal application ConfBridge UNIQUEID,panel_bridge,panel_user")
    expect(rows(page)).to_have_count(1)
    page.locator("#participants summary").click()
    address = page.locator("#participants [data-action=call-back]").get_attribute("hx-post")
    assert address == f"/conferences/main/call-back/UNIQUEID/{rows(page).get_attribute('data-uniqueid')}/"


def test_whose_video_is_shown_is_said(asterisk: Asterisk, panel: Panel, visit: Visit) -> None:
    page = visit(panel, "mona", PATH)
    enter(asterisk, (page,), "Carla")
    choose(page, "Carla", "Show their video to all")
    expect(page.locator(".panel-toast")).to_contain_text("the video of Carla")


def test_hands_queue_in_the_order_raised(asterisk: Asterisk, panel: Panel, visit: Visit) -> None:
    pages = mona, vic = together(visit, panel)
    cards = visit(panel, "vic", "/conferences/")
    enter(asterisk, pages, "Carla")
    for name in ("Dora", "Emil"):
        enter(asterisk, pages, name, then="625")
        for page in pages:
            expect(page.locator(".hand", has_text=name)).to_have_count(1)
    for page in pages:
        expect(page.locator(".hand .party-label")).to_have_text(["Dora", "Emil"])
        expect(page.locator(".facts .number", has_text="hand")).to_have_text("2 hands")
        expect(row(page, "Dora").locator(".is-hand")).to_be_visible()
    expect(cards.locator(".conference")).to_contain_text("2 hands")
    expect(vic.locator(".hand-actions").first).to_be_hidden()
    press(mona, "mute-all")
    expect_muted(pages, Dora=True, Emil=True)
    mona.keyboard.press("h")
    expect(row(mona, "Dora")).to_be_focused()
    mona.keyboard.press("h")
    expect(row(mona, "Emil")).to_be_focused()
    mona.keyboard.press("h")
    expect(row(mona, "Dora")).to_be_focused()
    mona.keyboard.press("g")
    expect_muted(pages, Dora=False, Emil=True)
    for page in pages:
        expect(page.locator(".hand .party-label")).to_have_text(["Emil"])
    mona.get_by_role("button", name="Lower the hand of Emil").click()
    for page in pages:
        expect(page.locator(".hand")).to_have_count(0)
        expect(page.locator("#room-hands")).to_be_hidden()
    expect_muted(pages, Emil=True)


def test_a_moderator_works_by_keyboard(asterisk: Asterisk, panel: Panel, visit: Visit) -> None:
    pages = mona, vic = together(visit, panel)
    enter(asterisk, pages, "Carla", "Dora", "Emil")
    for key, name in (("ArrowDown", "Carla"), ("ArrowDown", "Dora"), ("End", "Emil"), ("ArrowDown", "Emil"),
                      ("ArrowUp", "Dora"), ("Home", "Carla")):  # fmt: skip
        mona.keyboard.press(key)
        expect(row(mona, name)).to_be_focused()
    mona.keyboard.press("m")
    expect_muted(pages, Carla=True, Dora=False)
    expect(row(mona, "Carla")).to_be_focused()
    mona.keyboard.press("m")
    expect_muted(pages, Carla=False)
    mona.keyboard.press("l")
    for page in pages:
        expect(page.locator(".facts")).to_contain_text("locked")
    mona.keyboard.press("l")
    for page in pages:
        expect(page.locator(".facts")).not_to_contain_text("locked")
    mona.keyboard.press("k")
    expect(mona.locator("#kick-dialog")).to_contain_text("Carla")
    mona.keyboard.press("Escape")
    expect(mona.locator("#kick-dialog")).to_be_hidden()
    expect(row(mona, "Carla")).to_be_focused()
    mona.keyboard.press("k")
    mona.keyboard.press("Enter")
    for page in pages:
        expect(row(page, "Carla")).to_have_count(0)
    # Nobody has the focus of whoever left, so the next key does nothing to their neighbour.
    mona.keyboard.press("m")
    mona.keyboard.press("ArrowDown")
    expect(row(mona, "Dora")).to_be_focused()
    assert not any(muted(asterisk).values())
    mona.keyboard.press("f")
    mona.keyboard.type("mkl emil")
    expect(mona.locator("#search")).to_have_value("mkl emil")
    expect(mona.get_by_text("No participant matches the filter.")).to_be_visible()
    mona.locator("#search").fill("emil")
    expect(row(mona, "Emil")).to_be_visible()
    expect(row(mona, "Dora")).to_be_hidden()
    mona.locator("#search").blur()
    mona.keyboard.press("?")
    expect(mona.locator("#keys-dialog")).to_contain_text("lock or unlock the conference")
    mona.keyboard.press("Escape")
    mona.get_by_role("button", name="Keys").click()
    expect(mona.locator("#keys-dialog")).to_be_visible()

    expect(vic.locator(".room-toolbar")).to_be_hidden()
    expect(vic.locator(".participant-actions:visible")).to_have_count(0)
    expect(vic.locator("main dialog")).to_have_count(0)
    for key in ("ArrowDown", "m", "l", "?"):
        vic.keyboard.press(key)
    expect(vic.locator(".participant:focus")).to_have_count(0)
    assert not any(muted(asterisk).values())


TALKS = re.compile(r"\d")


def lives_on(asterisk: Asterisk, page: Page, talker: str, newcomer: str) -> None:
    """Somebody talks, stops and is muted from elsewhere, somebody joins: the page has changed under whoever uses it."""
    expect(row(page, talker)).to_have_attribute("data-talking-since", TALKS)
    expect(row(page, talker)).to_have_attribute("data-talking-since", "")
    enter(asterisk, (page,), newcomer)
    asterisk.cli(f"confbridge mute {ROOM} all")
    expect_muted((page,), **{talker: True, newcomer: True})
    asterisk.cli(f"confbridge unmute {ROOM} all")
    expect_muted((page,), **{talker: False, newcomer: False})


def test_menu_form_and_focus_survive_live_updates(asterisk: Asterisk, panel: Panel, visit: Visit) -> None:
    page = visit(panel, "mona", PATH)
    enter(asterisk, (page,), "Carla", then="608")
    enter(asterisk, (page,), "Dora")
    row(page, "Carla").focus()
    lives_on(asterisk, page, "Carla", "Emil")
    expect(row(page, "Carla")).to_be_focused()
    row(page, "Carla").locator("summary").click()
    move = row(page, "Carla").get_by_role("button", name="Move elsewhere")
    expect(move).to_be_visible()
    move.focus()
    lives_on(asterisk, page, "Carla", "Frieda")
    expect(move).to_be_focused()
    expect(move).to_be_visible()
    page.keyboard.press("Enter")
    page.keyboard.type("800")
    lives_on(asterisk, page, "Carla", "Gerd")
    expect(page.locator("#move-to")).to_have_value("800")
    expect(page.locator("#move-to")).to_be_focused()
    page.keyboard.press("Escape")
    page.locator("#search").fill("car")
    lives_on(asterisk, page, "Carla", "Carina")
    expect(page.locator("#search")).to_be_focused()
    expect(row(page, "Gerd")).to_be_hidden()


def test_a_button_shows_what_became_of_it_while_it_was_busy(asterisk: Asterisk, panel: Panel, visit: Visit) -> None:
    """The row that says so may come before the answer to the click."""
    page = visit(panel, "mona", PATH)
    enter(asterisk, (page,), "Carla")

    def slowly(route: Any) -> None:
        answer = route.fetch()
        expect(row(page, "Carla")).to_have_class(MUTED)
        route.fulfill(response=answer)

    page.route("**/mute/", slowly)
    row(page, "Carla").locator("[data-action=mute]").click()
    expect(row(page, "Carla").locator("[data-action=unmute]")).to_be_enabled()
    page.unroute("**/mute/")
    row(page, "Carla").locator("[data-action=unmute]").click()
    expect_muted((page,), Carla=False)


def test_participants_show_by_their_names_in_the_panel(asterisk: Asterisk, panel: Panel, visit: Visit) -> None:
    page = visit(panel, "mona", PATH)
    enter(asterisk, (page,), "Carla", number="101")
    expect(row(page, "Carla")).to_contain_text("anna")
    join(asterisk, "", number="102")
    expect(row(page, "ben")).to_contain_text("102")


def test_the_compact_view_is_remembered_and_comes_by_itself_where_many_are(
    asterisk: Asterisk, panel: Panel, visit: Visit
) -> None:
    page = visit(panel, "mona", PATH)
    enter(asterisk, (page,), "Carla", "Dora")
    board = page.locator("#participants")
    height = row(page, "Carla").bounding_box()
    page.get_by_role("button", name="Compact view").click()
    expect(board).to_have_class(re.compile("is-compact"))
    smaller = row(page, "Carla").bounding_box()
    assert height is not None
    assert smaller is not None
    assert smaller["height"] < height["height"]
    assert smaller["width"] < height["width"] / 2
    page.reload()
    expect(board).to_have_class(re.compile("is-compact"))
    page.get_by_role("button", name="Compact view").click()
    expect(board).not_to_have_class(re.compile("is-compact"))
    crowd = """() => {
        const row = document.querySelector("#participants .participant");
        for (let i = 0; i < 120; i += 1) {
            const twin = row.cloneNode(true);
            twin.id = `participant-${i}`;
            row.after(twin);
        }
    }"""
    page.evaluate(crowd)
    enter(asterisk, (page,), "Emil")
    expect(board).not_to_have_class(re.compile("is-compact"))  # chosen otherwise
    page.evaluate("localStorage.removeItem('compact')")
    page.evaluate(crowd)  # a fresh board, if one has come meanwhile, has taken the others away
    enter(asterisk, (page,), "Frieda")
    expect(board).to_have_class(re.compile("is-compact"))


# How many real participants: what the machine's Asterisk of each version is to bear in a test.
CROWD = {"22": 60, "16": 10}


def test_a_conference_of_many_is_shown_and_moderated(asterisk: Asterisk, panel: Panel, visit: Visit) -> None:
    pages = mona, vic = together(visit, panel)
    phone = visit(panel, "mona", PATH, viewport={"width": 390, "height": 800})
    count = CROWD[asterisk.version]
    for number in range(count):
        join(asterisk, f"Guest {number}", "8106" if number == 0 else ROOM, "608" if number % 2 else "602")
    for page in (*pages, phone):
        expect(rows(page)).to_have_count(count, timeout=60_000)
        expect(page.locator(".facts")).to_contain_text(f"{count} participants")
    order = rows(mona).evaluate_all("all => all.map(row => row.id)")
    # The talk of all, which half of them share, is counted in the browser.
    share = round(100 / (count // 2))
    mona.wait_for_function(
        "([count, share]) => [...document.querySelectorAll('.talked')].filter("
        "(words) => Math.abs(parseInt(words.textContent.split('·')[1]) - share) <= 1).length >= count",
        arg=[count // 2 - 1, share],
        timeout=60_000,
    )
    # All the others say nothing, and the last to join has begun to speak.
    expect(rows(mona).locator(".talked", has_text=re.compile("^–$"))).to_have_count(count - count // 2)
    expect(mona.locator("#talking-now .talker").first).to_be_visible()
    height = "() => document.querySelector('#talking-now').getBoundingClientRect().height"
    assert mona.evaluate(height) < 40
    press(mona, "mute-listeners")
    for page in pages:
        expect(page.locator("#participants > .is-muted")).to_have_count(count - 1, timeout=60_000)
        expect(page.locator("#participants > :not([data-talking-since=''])")).to_have_count(0)
    assert rows(vic).evaluate_all("all => all.map(row => row.id)") == order
    press(mona, "unmute-all")
    expect(vic.locator("#participants > .is-muted")).to_have_count(0, timeout=60_000)
    for compact in (False, True):
        if compact:
            phone.get_by_role("button", name="Compact view").click()
        assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    press(phone, "end")
    expect(phone.locator("#end-dialog")).to_contain_text(f"This removes {count} people")
    phone.locator("#end-dialog").get_by_role("button", name="End").click()
    for page in (*pages, phone):
        expect(rows(page)).to_have_count(0, timeout=60_000)
        expect(page.get_by_text("This conference is not running.")).to_be_visible()

"""What a moderator sees and reaches in the compact view, in the dialogs and in the lists beside the participants."""

import re

from playwright.sync_api import Page, expect

from tests.browser.test_moderation import PATH, ROOM, choose, enter, expect_muted, press, row, rows
from tests.lab.asterisk import Asterisk
from tests.panel import Panel, Visit


def names(page: Page, *keys: str) -> list[str]:
    """Who has the focus after each of these keys."""
    found = []
    for key in keys:
        page.keyboard.press(key)
        found.append(page.evaluate("document.activeElement.querySelector('.party-label')?.textContent"))
    return found


def test_arrows_reach_everybody_in_the_compact_view(asterisk22: Asterisk, panel22: Panel, visit: Visit) -> None:
    page = visit(panel22, "mona", PATH, viewport={"width": 1000, "height": 800})
    people = "ABCDEFG"
    enter(asterisk22, (page,), *people)
    assert names(page, "ArrowRight", "ArrowRight", "ArrowLeft", "ArrowDown") == ["A", "B", "A", "B"]
    page.get_by_role("button", name="Compact view").click()
    columns = page.evaluate(
        "getComputedStyle(document.querySelector('#participants')).gridTemplateColumns.split(' ').length"
    )
    assert 1 < columns < len(people)
    row(page, "A").focus()
    assert names(page, *["ArrowRight"] * 7) == [*"BCDEFG", "G"]
    assert names(page, *["ArrowLeft"] * 7) == [*"FEDCBA", "A"]
    # Up and down stay in their column, and where there is nobody, with whom they are.
    assert names(page, "ArrowRight", "ArrowDown", "ArrowUp", "ArrowUp") == ["B", people[1 + columns], "B", "B"]
    row(page, people[columns - 1]).focus()
    last = (len(people) - 1) // columns
    assert names(page, *["ArrowDown"] * (last + 1))[-1] == "G"


def test_the_compact_view_tells_two_of_one_name_apart(asterisk22: Asterisk, panel22: Panel, visit: Visit) -> None:
    page = visit(panel22, "mona", PATH)
    for number in ("0401111111", "0402222222"):
        enter(asterisk22, (), "Ben Beta", number=number)
    expect(rows(page)).to_have_count(2)
    page.get_by_role("button", name="Compact view").click()
    for number in ("0401111111", "0402222222"):
        expect(page.locator("#participants").get_by_text(number)).to_be_visible()
        expect(page.get_by_role("button", name=f"Mute Ben Beta {number}")).to_be_visible()
    clipped = "all => all.filter(name => name.scrollWidth > name.clientWidth).length"
    assert page.locator(".participant-name bdi:visible").evaluate_all(clipped) == 0


def test_nobody_is_chosen_to_be_taken_aside_until_somebody_is(
    asterisk22: Asterisk, panel22: Panel, visit: Visit
) -> None:
    page = visit(panel22, "mona", PATH)
    enter(asterisk22, (page,), "Carla", "Dora", "Emil")
    choose(page, "Carla", "Take aside")
    dialog = page.locator("#aside-dialog")
    expect(dialog.locator("select")).to_have_value("")
    expect(dialog.locator("option:checked")).to_have_text("Choose somebody")
    dialog.get_by_role("button", name="Take aside").click()
    expect(dialog).to_be_visible()  # the browser asks for somebody
    dialog.locator("select").select_option(label="Emil 0401234567")
    dialog.get_by_role("button", name="Take aside").click()
    expect(rows(page)).to_have_count(1)
    expect(row(page, "Dora")).to_have_count(1)
    # From the side room, whose people are sent back, a link leads to where they are.
    page.locator(".side-room").click()
    expect(page).to_have_url(f"{panel22.url}/conferences/main/{ROOM}-aside/")
    expect(rows(page)).to_have_count(2)
    press(page, "back")
    expect(page.get_by_text("This conference is not running.")).to_be_visible()
    page.get_by_role("link", name=f"Go to the conference {ROOM}").click()
    expect(page).to_have_url(panel22.url + PATH)
    expect(rows(page)).to_have_count(3)


def test_everybody_else_is_muted_from_a_menu(asterisk22: Asterisk, panel22: Panel, visit: Visit) -> None:
    page = visit(panel22, "mona", PATH)
    enter(asterisk22, (page,), "Carla", "Dora", "Emil")
    choose(page, "Dora", "Mute everybody else")
    expect_muted((page,), Carla=True, Dora=False, Emil=True)
    # Grey, as whoever is silent is: red is what destroys.
    voice, kick = (
        page.locator(f"#participants .participant {part}").first.evaluate("part => getComputedStyle(part).color")
        for part in (".voice", ".btn-kick")
    )
    red, green, blue = (float(part) for part in re.findall(r"[\d.]+", voice)[:3])
    assert max(red, green, blue) - min(red, green, blue) < 60
    assert voice != kick


def test_the_bar_of_talk_is_as_long_as_its_percentage_says(asterisk22: Asterisk, panel22: Panel, visit: Visit) -> None:
    page = visit(panel22, "mona", PATH)
    enter(asterisk22, (page,), "Carla", "Dora", then="601")
    both = """() => [...document.querySelectorAll("#participants .talk")].map((talk) => [
        talk.querySelector("progress").value * 100,
        parseInt(talk.querySelector(".talked").textContent.split("·")[1]),
    ])"""
    page.wait_for_function(f"() => ({both})().every(([bar, words]) => words > 20)", timeout=60_000)
    talks = page.evaluate(both)
    assert len(talks) == 2
    for bar, words in talks:
        assert abs(bar - words) <= 1
    assert 98 <= sum(words for _bar, words in talks) <= 102


def test_the_box_of_hands_takes_room_only_while_there_are_any(
    asterisk22: Asterisk, panel22: Panel, visit: Visit
) -> None:
    page = visit(panel22, "mona", PATH)
    enter(asterisk22, (page,), "Carla")
    expect(page.locator("#room-hands")).to_be_hidden()
    top = page.locator(".invite").bounding_box()
    enter(asterisk22, (page,), "Dora", then="625")
    expect(page.locator("#room-hands .hand")).to_be_visible()
    page.get_by_role("button", name="Lower the hand of Dora").click()
    expect(page.locator(".hand")).to_have_count(0)
    page.mouse.move(5, 5)
    expect(page.locator("#room-hands")).to_be_hidden()
    assert page.locator(".invite").bounding_box() == top

"""One's own presence in the page's head, on the wall, at Asterisk and at a telephone; call forwarding; switches: a real
Chromium.
"""

import contextlib
import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_people import fill, tile
from tests.browser.test_rooms import WIDTHS, is_within
from tests.extensions.test_extensions import with_a_hint
from tests.lab.asterisk import Asterisk
from tests.lab.softphone import Softphone
from tests.panel import ROOT, Panel, Visit
from tests.waiting import until

PEOPLE = [
    {"name": "Anna Alpha", "extension": ["101"], "department": "Reception"},
    {"name": "Ben Beta", "extension": ["102"], "department": "Sales"},
    {"name": "Carla", "extension": ["103"], "department": "Sales"},
]
_LINK = """
from django.contrib.auth.models import User
from extensions.people.models import Person
for name, user in (("Anna Alpha", "anna"), ("Ben Beta", "ben")):
    Person.objects.filter(name=name).update(user=User.objects.get(username=user))
"""
_EMPTY = """
from extensions.people.models import Person
from extensions.switches.models import Switch
Person.objects.all().delete()
Switch.objects.all().delete()
"""
NOTE = "Zu Tisch, 午饭"
DOCS = ROOT / "docs/people.md"


@contextlib.contextmanager
def with_people(panel: Panel, asterisk: Asterisk) -> Iterator[Panel]:
    """A panel in which anna and ben are people with extensions, until it is over."""
    fill(panel, PEOPLE)
    panel.shell(_LINK)
    yield panel
    panel.shell(_EMPTY)
    for number in ("101", "102", "103"):
        asterisk.cli(f"presencestate change CustomPresence:{number} AVAILABLE")
        asterisk.cli(f"devstate change Custom:Presence{number} NOT_INUSE")
    for family in ("DND", "CF", "CFB", "CFU", "PANELTEST", "CustomPresence"):
        asterisk.cli(f"database deltree {family}")


@pytest.fixture
def directory(panel22: Panel, asterisk22: Asterisk) -> Iterator[Panel]:
    """The same on Asterisk 22."""
    with with_people(panel22, asterisk22):
        yield panel22


@pytest.fixture
def people(panel: Panel, asterisk: Asterisk) -> Iterator[Panel]:
    """The same on each version in turn."""
    with with_people(panel, asterisk):
        yield panel
    asterisk.cli("module reload pbx_config.so")


@pytest.fixture(params=WIDTHS)
def width(request: pytest.FixtureRequest) -> dict[str, int]:
    return WIDTHS[request.param]


def presences(asterisk: Asterisk) -> str:
    return asterisk.cli("presencestate list")


def open_menu(page: Page) -> None:
    page.locator("#presence-menu > summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#presence-items").get_by_role("button", name="Away")).to_be_visible()


def test_my_presence_is_set_in_the_head_and_seen_on_the_wall_and_at_asterisk(
    asterisk22: Asterisk, directory: Panel, visit: Visit, width: dict[str, int]
) -> None:
    page = visit(directory, "anna", "/calls/", viewport=width)
    wall = visit(directory, "vic", "/people/", viewport=width)
    open_menu(page)
    back = datetime.now() + timedelta(hours=2)
    page.get_by_label("Back at").fill(back.strftime("%Y-%m-%dT%H:%M"))
    page.get_by_label("Note").fill(NOTE)
    assert is_within(page)
    page.locator("#presence-items").get_by_role("button", name="Away").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".panel-toast.is-success")).to_contain_text("The presence was set.")
    expect(page.locator("#presence-menu")).not_to_have_attribute("open", "")
    expect(page.locator("#presence-menu > summary")).to_be_focused()
    expect(page.locator("#my-presence")).to_contain_text("away")
    seen = tile(wall, "Anna Alpha").locator(".tile-presence")
    expect(seen).to_contain_text("away")
    expect(seen).to_contain_text(NOTE)
    shown = seen.locator("time")
    assert shown.get_attribute("data-at") == str(int(back.replace(second=0, microsecond=0).timestamp() * 1000))
    expect(shown).not_to_contain_text("UTC")
    assert is_within(wall)
    assert "State: 'away'" in presences(asterisk22)
    open_menu(page)
    expect(page.locator("#presence-items .person-menu-head")).to_contain_text(NOTE)
    page.locator("#presence-items").get_by_role("button", name="Available").click()
    expect(seen).to_have_count(0)
    expect(page.locator("#my-presence")).to_contain_text("available")


def test_a_telephone_that_watches_the_hint_of_the_docs_is_told_when_i_am_away_am_not_to_be_disturbed_and_am_back(
    asterisk: Asterisk, people: Panel, visit: Visit
) -> None:
    docs = DOCS.read_text(encoding="utf-8")
    [(hint, number)] = re.findall(r"`(exten => (\d+),hint,Custom:Presence101)`", docs)
    page = visit(people, "anna", "/calls/")
    with with_a_hint(asterisk.folder / "etc/extensions.conf", hint), Softphone(asterisk, "103") as phone:
        asterisk.cli("module reload pbx_config.so")
        until(lambda: f"{number}@internal" in asterisk.cli("core show hints"))
        lamp, presence = phone.subscribe(number, "dialog"), phone.subscribe(number, "presence")

        def is_told(state: str, note: str) -> None:
            """As what a lamp shows it, and in words."""
            assert f"<state>{state}</state>" in lamp.told.get(timeout=60)
            assert f"<note>{note}</note>" in presence.told.get(timeout=60)

        is_told("terminated", "Ready")
        for name, state, note in (
            ("Away", "confirmed", "On the phone"),
            ("Do not disturb", "confirmed", "On the phone"),
            ("Available", "terminated", "Ready"),
        ):
            open_menu(page)
            page.locator("#presence-items").get_by_role("button", name=name).click()
            is_told(state, note)
            expect(page.locator("#presence-menu")).not_to_have_attribute("open", "")
        assert lamp.told.empty()
        assert presence.told.empty()


def test_what_a_telephone_sets_shows_in_ones_own_head_and_in_no_other(
    asterisk22: Asterisk, directory: Panel, visit: Visit
) -> None:
    mine, other = visit(directory, "anna", "/"), visit(directory, "ben", "/")
    asterisk22.cli("presencestate change CustomPresence:101 DND")
    expect(mine.locator("#my-presence")).to_contain_text("do not disturb")
    asterisk22.cli("presencestate change CustomPresence:102 AWAY")
    expect(other.locator("#my-presence")).to_contain_text("away")
    expect(mine.locator("#my-presence")).to_contain_text("do not disturb")


def test_whoever_was_away_until_a_time_is_back_by_themselves(
    asterisk22: Asterisk, directory: Panel, visit: Visit
) -> None:
    page = visit(directory, "anna", "/people/")
    with asterisk22.ami() as ami:
        ami.action("Setvar", Variable="PRESENCE_STATE(CustomPresence:103)", Value="away,until 2026-01-01T00:00Z,Lunch")
    until(lambda: "Lunch" not in presences(asterisk22))
    expect(tile(page, "Carla").locator(".tile-presence")).to_have_count(0)
    page.goto(f"{directory.url}/audit/")
    expect(page.locator("tr", has_text="Back at the time that was set").first).to_contain_text("103")


def test_bad_times_are_told_in_words_and_what_was_typed_stays(directory: Panel, visit: Visit) -> None:
    page = visit(directory, "anna", "/people/")
    open_menu(page)
    page.get_by_label("Back at").fill("2026-01-01T10:00")
    page.locator("#presence-items").get_by_role("button", name="Away").click()
    expect(page.locator(".panel-toast")).to_contain_text("This time has passed")
    expect(page.get_by_label("Back at")).to_have_value("2026-01-01T10:00")


def test_somebody_whose_calls_go_elsewhere_is_shown_so_and_it_is_set_on_their_page(
    asterisk22: Asterisk, directory: Panel, visit: Visit, width: dict[str, int]
) -> None:
    page = visit(directory, "anna", "/people/", viewport=width)
    wall = visit(directory, "vic", "/people/", viewport=width)
    tile(page, "Ben Beta").locator(".tile-more").click(force=True)
    page.get_by_role("link", name="Presence and forwarding").click()
    page.get_by_role("button", name="Turn on").click()
    facts = page.locator("#presence-state")
    expect(facts).to_contain_text("on: the phone does not ring")
    expect(tile(wall, "Ben Beta")).to_contain_text("the phone does not ring")
    page.get_by_label("Which calls").select_option("busy")
    page.get_by_label("To the number").fill("103")
    page.get_by_role("button", name="Forward calls").click()
    expect(facts).to_contain_text("103")
    expect(tile(wall, "Ben Beta")).to_contain_text(re.compile(r"when busy\s+103"))
    assert re.search(r"/CFB/102\s+: 103", asterisk22.cli("database show CFB"))
    assert is_within(page)
    page.get_by_role("button", name="Turn off").click()
    expect(facts).not_to_contain_text("on: the phone does not ring")
    page.get_by_label("Which calls").select_option("busy")
    page.get_by_label("To the number").fill("")
    page.get_by_role("button", name="Forward calls").click()
    expect(tile(wall, "Ben Beta").locator(".tile-presence")).to_have_count(0)


def test_who_may_not_is_offered_no_forms(directory: Panel, visit: Visit) -> None:
    pk = directory.shell("from extensions.people.models import Person; print(Person.objects.get(name='Carla').pk)")
    page = visit(directory, "ben", f"/people/{pk}/presence/")
    expect(page.locator("#presence-state")).to_contain_text("Presence")
    expect(page.locator("main form, main button")).to_have_count(0)
    page = visit(directory, "vic", "/")
    expect(page.locator("#presence-menu")).to_be_hidden()


def test_a_switch_is_named_thrown_and_shown_live(
    asterisk22: Asterisk, directory: Panel, visit: Visit, width: dict[str, int]
) -> None:
    page = visit(directory, "anna", "/people/", viewport=width)
    page.get_by_role("link", name="Switches").click()
    expect(page.locator("main")).to_contain_text("No switch of a PBX has been named yet.")
    page.get_by_role("link", name="Name a switch").click()
    fields = {"Name": "Night service", "Entry of the AstDB": "PANELTEST/C0", "Value when on": "NIGHT"}
    fields |= {"Value when off": "DAY", "Custom device": "Custom:PANELTEST"}
    fields |= {"What it is called when on": "night", "What it is called when off": "day"}
    for label, text in fields.items():
        page.get_by_label(label, exact=True).fill(text)
    assert is_within(page)
    page.get_by_role("button", name="Save").click()
    row = page.locator(".switch", has_text="Night service")
    expect(row.locator(".switch-state")).to_have_text(re.compile("not known"))
    other = visit(directory, "ben", "/switches/", viewport=width)
    viewer = visit(directory, "vic", "/switches/", viewport=width)
    row.get_by_role("button", name="night").click()
    expect(page.locator(".panel-toast.is-success")).to_contain_text("Night service: night")
    for seen in (page, other, viewer):
        expect(seen.locator(".switch-state")).to_have_text(re.compile("night"))
    expect(viewer.locator(".switch-tools > :visible")).to_have_count(0)
    expect(other.locator(".switch-edit")).to_be_hidden()
    assert re.search(r"/PANELTEST/C0\s+: NIGHT", asterisk22.cli("database show PANELTEST"))
    assert "'Custom:PANELTEST'  State: 'INUSE'" in asterisk22.cli("devstate list")
    other.get_by_role("button", name="day").click()
    expect(viewer.locator(".switch-state")).to_have_text(re.compile("day"))
    assert is_within(page)


def test_a_switch_that_is_a_device_follows_whoever_sets_it(
    asterisk22: Asterisk, directory: Panel, visit: Visit
) -> None:
    asterisk22.cli("devstate change Custom:PANELTEST NOT_INUSE")
    values = {"pbx": "main", "name": "Night", "device": "Custom:PANELTEST"}
    directory.shell(
        f"import json; from extensions.switches.models import Switch; "
        f"Switch.objects.create(**json.loads({json.dumps(values)!r}))"
    )
    page = visit(directory, "vic", "/switches/")
    expect(page.locator(".switch-state")).to_have_text(re.compile("off"))
    asterisk22.cli("devstate change Custom:PANELTEST INUSE")
    expect(page.locator(".switch-state")).to_have_text(re.compile("on"))

"""The wall of people: which state each tile shows, and which tiles are drawn anew when a state changes."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from accounts.identity import viewer_of
from engine.live import fragments
from engine.mirror.models import PBX
from extensions.models import Device, Extension
from extensions.people.fragments import groups, on_the_wall, tiles_of
from extensions.people.models import Person
from tests.access import people
from tests.access.people import NOBODY

from .test_people import add

pytestmark = pytest.mark.django_db


@pytest.fixture
def main() -> PBX:
    return people.pbx()


def hint(extension: str, state: int, pbx: str = "main", context: str = "internal") -> None:
    address = f"{extension}@{context}"
    Extension.objects.create(pbx_id=pbx, address=address, extension=extension, context=context, state=state)


def words(name: str) -> list[str]:
    tile = next(tile for tile in tiles_of(on_the_wall()) if tile.person.name == name)
    return [str(word) for word in tile.look["words"]]


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        (0, ["idle"]), (1, ["in a call"]), (2, ["busy"]), (4, ["unreachable"]), (8, ["ringing"]),
        (9, ["ringing", "in a call"]), (16, ["on hold"]), (-1, ["unknown"]),
    ],
)  # fmt: skip
def test_a_hint_says_how_a_person_is(main: PBX, state: int, shown: list[str]) -> None:
    hint("101", state)
    add("Anna", extension="101")
    assert words("Anna") == shown


def test_without_a_hint_the_phones_say_it(main: PBX) -> None:
    for name, state in (("PJSIP/101", "UNAVAILABLE"), ("PJSIP/102", "RINGING"), ("PJSIP/103", "UNKNOWN")):
        Device.objects.create(pbx=main, name=name, state=state)
    add("Anna", phones="PJSIP/101, PJSIP/102")
    add("Ben", phones="PJSIP/101")
    add("Carla", phones="PJSIP/103")
    add("Dan", extension="104", phones="PJSIP/102")
    # Who is reached by one of two phones is reached.
    assert [words(name) for name in ("Anna", "Ben", "Carla", "Dan")] == [
        ["ringing"], ["unreachable"], ["unknown"], ["ringing"],
    ]  # fmt: skip


def test_a_hint_of_another_pbx_says_nothing(main: PBX) -> None:
    people.pbx("branch")
    hint("101", 1, "branch")
    add("Anna", extension="101", pbx="main")
    assert words("Anna") == ["unknown"]


def test_people_stand_by_department_and_name_and_those_of_none_at_the_end(main: PBX) -> None:
    for name, department in (("zoe", "Sales"), ("Anna", "Sales"), ("Ben", ""), ("Carla", "Éa"), ("Dan", "sales")):
        add(name, department=department, phones=f"PJSIP/{name}")
    add("Mobile alone", mobile="0172")
    add("Hidden", extension="1", hidden="on")
    add("Mine", owner=people.person("Operator"), extension="2")
    found = [(group.name, [tile.person.name for tile in group.tiles]) for group in groups()]
    assert found == [("Éa", ["Carla"]), ("Sales", ["Anna", "Dan", "zoe"]), ("", ["Ben"])]


def drawn(kind: str, *keys: str, pbx: str = "main") -> set[str]:
    """Whose tiles are drawn when these have changed."""
    rows = fragments.rows_of(pbx, [(kind, key) for key in keys], ["en"])
    return {str(re.search(r"<bdi>(.*?)</bdi>", row.html["en"])[1]) for row in rows if row.kind == "person" and row.html}  # type: ignore[index]


def test_who_has_what_has_changed_is_drawn_and_nobody_else(main: PBX) -> None:
    hint("101", 0)
    hint("102", 0)
    Device.objects.create(pbx=main, name="PJSIP/103", state="INUSE")
    add("Anna", extension="101", phones="PJSIP/103")
    add("Ben", extension="102", pbx="main")
    add("Carla", phones="PJSIP/103")
    add("Hidden", extension="105", phones="PJSIP/103", hidden="on")
    assert drawn("extension", "101@internal") == {"Anna"}
    assert drawn("device", "PJSIP/103") == {"Anna", "Carla"}
    assert drawn("extension", "102@internal", pbx="branch") == set()


def test_a_tile_that_looks_as_it_did_is_not_drawn_again(main: PBX) -> None:
    hint("101", 0)
    anna = add("Anna", extension="101")
    known: dict[str, object] = {}

    def kinds() -> list[str]:
        return [row.kind for row in fragments.rows_of("main", [("extension", "101@internal")], ["en"], known)]

    assert kinds() == ["extension", "person"]
    assert kinds() == ["extension"]
    Extension.objects.update(state=1)
    assert kinds() == ["extension", "person"]
    Person.objects.filter(pk=anna.pk).update(name="Ann")
    assert kinds() == ["extension", "person"]


def test_many_people_cost_as_many_queries_as_one(main: PBX, django_assert_num_queries: object) -> None:
    for number in range(30):
        hint(str(100 + number), number % 3)
        add(f"Anna {number}", extension=str(100 + number), phones=f"PJSIP/{number}")
    with django_assert_num_queries(8):  # type: ignore[operator]
        tiles_of(on_the_wall())


def test_who_may_not_see_people_has_no_such_page_live(main: PBX) -> None:
    page = fragments.live_pages["people"]
    nobody = people.person(NOBODY, "nobody")
    viewer = viewer_of(nobody, "en")
    hint("101", 0)
    add("Anna", extension="101")
    row = next(
        row for row in fragments.rows_of("main", [("extension", "101@internal")], ["en"]) if row.kind == "person"
    )
    assert not page.allows(viewer.permissions, "")
    assert not row.is_for(viewer.permissions)
    assert row.is_for(viewer_of(people.person("Viewer", "vic", "PJSIP/105"), "en").permissions)


def client(group: str) -> Client:
    client = Client()
    client.force_login(people.person(group, "anna"))
    return client


def test_the_wall_says_what_to_do_while_nobody_is_on_it(main: PBX) -> None:
    html = client("Administrator").get("/people/").content.decode()
    assert "Nobody is on the wall yet." in html
    assert 'href="/people/import/"' in html


def test_who_may_not_call_gets_no_form_to_call_with(main: PBX) -> None:
    add("Anna", extension="101")
    viewer = client("Viewer")
    assert 'id="call-person"' not in viewer.get("/people/").content.decode()
    assert "<form" not in viewer.get(f"/people/{Person.objects.get().pk}/menu/").content.decode()
    assert 'href="/people/"' in viewer.get("/").content.decode()
    User.objects.all().delete()
    assert 'href="/people/"' not in client(NOBODY).get("/").content.decode()


def test_what_is_found_has_its_lamp_and_its_number(main: PBX) -> None:
    hint("101", 8)
    add("Anna", extension="101", department="Sales")
    add("Without a number", email="x@example.org")
    operator = client("Operator")
    html = operator.get("/people/find/?q=an").content.decode()
    assert 'data-number="101"' in html
    assert re.search(r'class="state is-ringing"\s+role="option"', html)
    assert "ringing" in html
    assert "Without" not in operator.get("/people/find/?q=without").content.decode()

"""The wall of people: which state each tile shows, and which tiles are drawn anew when a state changes."""

import re

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from accounts.identity import viewer_of
from calls.models import Bridge, Channel
from engine.live import fragments
from engine.live.fragments import Viewer
from engine.mirror.models import PBX
from extensions.models import Device, Extension
from extensions.people.fragments import groups, on_the_wall, tiles_of, with_talks
from extensions.people.models import SEE, Person
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
    assert found == [("", []), ("Éa", ["Carla"]), ("Sales", ["Anna", "Dan", "zoe"]), ("", ["Ben"])]


def test_people_stand_once_under_their_first_tag_and_those_of_none_at_the_end(main: PBX) -> None:
    for name, tags in (("Zoe", "night, first aid"), ("Anna", "Night"), ("Ben", ""), ("Carla", "first aid, night")):
        add(name, tags=tags, department="Sales", phones=f"PJSIP/{name}")
    found = [(group.name, group.key, [tile.person.name for tile in group.tiles]) for group in groups(by="tag")]
    assert found == [
        ("", "", []), ("first aid", "first aid", ["Carla"]), ("Night", "night", ["Anna", "Zoe"]), ("", "", ["Ben"]),
    ]  # fmt: skip


def test_a_board_is_by_what_its_page_was_opened_with(main: PBX) -> None:
    add("Anna", tags="night", department="Sales", extension="101")
    page, viewer = fragments.live_pages["people"], viewer_of(people.person("Viewer", "vic"), "en")
    headings = {by: re.findall(r'people-group"\s+data-group="(.*?)"', page.board(viewer, by)["people"]) for by in
                ("department", "tag", "", "pbx")}  # fmt: skip
    assert headings == {"department": ["sales"], "tag": ["night"], "": ["sales"], "pbx": ["sales"]}


def test_by_what_the_wall_is_stays_in_the_browser_until_another_is_chosen(main: PBX) -> None:
    add("Anna", tags="night", department="Sales", extension="101")
    add("Ben", extension="102")
    browser = client("Viewer")

    def by(query: str = "") -> list[str]:
        html = browser.get(f"/people/{query}").content.decode()
        assert html.count('aria-current="true"') == 1
        return [
            text
            for text in ("Sales", "No department", "night", "No tag")
            if re.search(rf">?\s{text}\s*<|<bdi>{text}<", html)
        ]

    assert by() == ["Sales", "No department"]
    assert by("?by=tag") == ["night", "No tag"]
    assert by() == ["night", "No tag"]
    assert by("?by=<script>") == ["Sales", "No department"]
    assert by("?by=tag") == by()
    assert by("?by=department") == by() == ["Sales", "No department"]


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
    assert "/calls/dial/" not in viewer.get(f"/people/{Person.objects.get().pk}/menu/").content.decode()
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


def talking(main: PBX) -> None:
    """101 and 102 talk, the one known by the hint of an extension, the other as a phone; 103 rings for 104."""
    hint("101", 1)
    Extension.objects.filter(extension="101").update(hint="PJSIP/101&Custom:away,CustomPresence:101")
    for uniqueid, endpoint, call, state in (
        ("1.1", "PJSIP/101", "1.1", "Up"), ("1.2", "PJSIP/102", "1.1", "Up"),
        ("2.1", "PJSIP/104", "2.1", "Ring"), ("2.2", "PJSIP/103", "2.1", "Ringing"),
    ):  # fmt: skip
        people.channel(uniqueid, endpoint, call, state=state, caller_name={"PJSIP/104": "Dora"}.get(endpoint, ""))
    Bridge.objects.create(pbx=main, uniqueid="b", kind="basic", technology="simple_bridge")
    Channel.objects.filter(call="1.1").update(bridge="b")
    add("Anna", extension="101")
    add("Ben", phones="PJSIP/102")
    add("Carla", phones="PJSIP/103")
    add("Dora", phones="PJSIP/104")
    add("Nobody", phones="PJSIP/105")


def text_of(html: str) -> str:
    html = re.sub(r'<span class="avatar.*?</span>', "", html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def rows(viewer: Viewer, *subjects: tuple[str, str], known: dict[str, object] | None = None) -> dict[str, str]:
    """The tiles that a viewer is sent when these have changed: a name → all words of it."""
    page = fragments.live_pages["people"]
    seen_before = {} if known is None else known
    drawn = [
        row for row in fragments.rows_of("main", subjects, ["en"], seen_before) if row.kind == "person" and row.html
    ]
    seen = [text_of(row.html["en"]) for row in drawn if row.html and page.container_of(row, viewer, "")]
    assert len({text.partition(" ")[0] for text in seen}) == len(seen), seen
    return {text.partition(" ")[0]: text for text in seen}


def test_a_tile_says_with_whom_its_person_talks_and_who_calls_them(main: PBX) -> None:
    talking(main)
    viewer = viewer_of(people.person("Viewer", "vic", "PJSIP/105"), "en")
    told = rows(viewer, ("call", "1.1"), ("call", "2.1"))
    assert told == {
        "Anna": "Anna 101 in a call with 102", "Ben": "Ben unknown with Anna", "Carla": "Carla unknown from Dora",
        "Dora": "Dora unknown to 103",
    }  # fmt: skip
    html = client("Viewer").get("/people/").content.decode()
    assert "from <bdi>Dora</bdi>" in html
    assert 'data-since="' in html


def test_who_may_not_see_calls_is_not_told_who_is_in_them(main: PBX) -> None:
    talking(main)
    User.objects.all().delete()
    stranger = people.person(NOBODY, "stranger")
    stranger.user_permissions.add(Permission.objects.get(codename="see_people"))
    viewer = viewer_of(User.objects.get(pk=stranger.pk), "en")
    shown = rows(viewer, ("call", "1.1"), ("extension", "101@internal"))
    assert shown["Anna"] == "Anna 101 in a call"
    assert "with" not in "".join(shown.values())
    browser = Client()
    browser.force_login(stranger)
    assert "tile-talk" not in browser.get("/people/").content.decode()
    board = fragments.live_pages["people"].board(viewer, "")["people"]
    assert "tile-talk" not in board


def test_a_tile_is_drawn_again_when_a_call_ends_for_those_alone_who_see_calls(main: PBX) -> None:
    talking(main)
    sees = viewer_of(people.person("Viewer", "vic", "PJSIP/105"), "en")
    sees_none = Viewer(sees.user_id, "", frozenset([SEE]), "en")
    known: dict[str, object] = {}
    assert set(rows(sees, ("call", "1.1"), known=known)) == {"Anna", "Ben"}
    assert rows(sees, ("call", "1.1"), known=known) == {}
    Channel.objects.filter(call="1.1").delete()
    assert rows(sees_none, ("phone", "PJSIP/101"), known=known) == {}
    assert rows(sees, ("phone", "PJSIP/102"), known=known) == {"Ben": "Ben unknown"}


def test_what_many_say_in_calls_costs_as_many_queries_as_of_one(
    main: PBX, django_assert_max_num_queries: object
) -> None:
    talking(main)
    for number in range(30):
        people.channel(f"3.{number}", f"PJSIP/{200 + number}", f"3.{number}")
        add(f"Somebody {number}", phones=f"PJSIP/{200 + number}")
    with django_assert_max_num_queries(16):  # type: ignore[operator]
        assert sum(tile.talk is not None for tile in with_talks(tiles_of(on_the_wall()))) == 34

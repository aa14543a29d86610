"""Who sees whom: departments that are seen by themselves or by managers alone; numbers that are seen by permission."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.identity import number_of, viewer_of, viewers_of
from engine.live import fragments
from engine.mirror.models import PBX
from extensions.people.finding import found_by
from extensions.people.fragments import groups
from extensions.people.models import Department, Person
from tests.access import people
from tests.access.people import NOBODY
from tests.moments import without_moments

from .test_people import add
from .test_wall import hint

pytestmark = pytest.mark.django_db
# Everybody sees Anna and Dan; of the board, the board sees Ben; of the doctors, whoever manages people sees Carla.
SHOWN = {
    "outsider": {"Anna", "Dan"},
    "member": {"Anna", "Dan", "Ben", "Me"},
    "manager": {"Anna", "Dan", "Ben", "Me", "Carla"},
    "nobody": set[str](),
}
NAMES = re.compile(r"<bdi>(Anna|Ben|Carla|Dan|Me)</bdi>")


@pytest.fixture(autouse=True)
def house() -> PBX:
    pbx = people.pbx()
    add("Anna", extension="101", department="Sales")
    add("Ben", extension="102", department="Board")
    add("Carla", extension="103", department="Doctors")
    add("Dan", extension="104")
    me = add("Me", extension="105", department="bOARD")
    for number in range(101, 106):
        hint(str(number), 0)
    Department.objects.create(key="board", visible_to="department")
    Department.objects.create(key="doctors", visible_to="managers")
    people.person("Viewer", "outsider")
    people.person("Administrator", "manager")
    people.person(NOBODY, "nobody")
    member = people.person("Viewer", "member")
    Person.objects.filter(pk=me.pk).update(user=member)
    return pbx


def user(name: str) -> User:
    return User.objects.get(username=name)


def client(name: str) -> Client:
    client = Client()
    client.force_login(user(name))
    return client


def on_the_page_of_the_wall(name: str) -> set[str]:
    return set(NAMES.findall(client(name).get("/people/").content.decode()))


def on_the_board_of_the_wall(name: str) -> set[str]:
    page, viewer = fragments.live_pages["people"], viewer_of(user(name), "en")
    return set(NAMES.findall(fragments.board_of(page, viewer, ""))) if page.allows(viewer.permissions, "") else set()


def in_live_rows(name: str) -> set[str]:
    """As a hub hands them out."""
    from engine.live.delivery import compose

    changed = [("extension", f"{number}@internal") for number in range(101, 106)]
    rows = fragments.rows_of("main", changed, ["en"])
    page, viewer = fragments.live_pages["people"], viewer_of(user(name), "en")
    return set(NAMES.findall(compose(rows, page, "", viewer)))


def in_the_directory(name: str) -> set[str]:
    return set(NAMES.findall(client(name).get("/people/directory/").content.decode()))


def in_the_search(name: str) -> set[str]:
    return {typed for typed in ("Anna", "Ben", "Carla", "Dan", "Me") if typed in names(found_by(user(name), typed))}


def by_number(name: str) -> set[str]:
    html = "".join(client(name).get(f"/people/find/?q={number}").content.decode() for number in range(101, 106))
    return set(NAMES.findall(html))


def in_menus(name: str) -> set[str]:
    return {
        person.name
        for person in Person.objects.all()
        if client(name).get(f"/people/{person.pk}/menu/").status_code == 200
    }


def names(found: list[Person]) -> set[str]:
    return {person.name for person in found}


def exported(name: str) -> set[str]:
    """Whoever may export sees everybody, and nobody else may."""
    response = client(name).get("/people/export.csv")
    assert (response.status_code == 200) is (name == "manager")
    text = response.content.decode() if response.status_code == 200 else ""
    return {one for one in SHOWN["manager"] if re.search(rf"^{one},", text, re.MULTILINE)}


WAYS = (
    on_the_page_of_the_wall, on_the_board_of_the_wall, in_live_rows, in_the_directory, in_the_search, by_number,
    in_menus,
)  # fmt: skip


@pytest.mark.parametrize("who", SHOWN)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_who_may_not_be_seen_is_not_sent(way: Callable[[str], set[str]], who: str) -> None:
    assert way(who) == SHOWN[who]


@pytest.mark.parametrize("who", SHOWN)
def test_an_export_is_for_whoever_sees_everybody(who: str) -> None:
    assert exported(who) == (SHOWN["manager"] if who == "manager" else set())


def test_a_call_by_name_goes_to_nobody_whom_not_everybody_sees() -> None:
    assert [number_of(name) for name in ("Anna", "Ben", "Carla")] == ["101", "", ""]


def test_nobody_is_told_of_who_is_in_a_department_that_they_do_not_see() -> None:
    shown = groups(viewer_of(user("outsider"), "en").permissions)
    assert [group.name for group in shown if not group.is_favourites] == ["Sales", ""]


def test_a_user_who_leaves_a_department_sees_it_no_longer() -> None:
    Person.objects.filter(name="Me").update(user=None)
    assert on_the_board_of_the_wall("member") == SHOWN["outsider"]


def test_what_a_session_sees_is_what_a_page_sees(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    one = client("member")
    key = one.session.session_key
    assert key
    with django_assert_num_queries(10):
        (viewer,) = viewers_of([key]).values()
    assert viewer.permissions == viewer_of(user("member"), "").permissions
    assert "extensions.department/board" in viewer.permissions


# The page.


def test_a_manager_chooses_who_sees_a_department() -> None:
    manager = client("manager")
    page = manager.get("/people/departments/").content.decode()
    assert re.findall(r'name="key" value="(.*?)"', page) == ["board", "doctors", "sales"]
    assert re.findall(r'<option value="(\w+)" selected>', page) == ["department", "managers", "everybody"]
    posted = {"key": ["board", "doctors", "sales"], "visible_to": ["everybody", "managers", "managers"]}
    assert "2 departments were changed." in manager.post("/people/departments/", posted, follow=True).content.decode()
    assert on_the_page_of_the_wall("outsider") == {"Ben", "Dan", "Me"}


@pytest.mark.parametrize(
    "posted",
    [
        {"key": ["board"], "visible_to": ["the press"]},
        {"key": ["board", "doctors"], "visible_to": ["everybody"]},
        {"key": ["board"], "visible_to": []},
    ],
)
def test_what_cannot_be_chosen_is_refused_and_nothing_is_kept(posted: dict[str, Any]) -> None:
    response = client("manager").post("/people/departments/", posted)
    assert response.status_code == 422
    assert "Nothing was saved" in response.content.decode()
    assert dict(Department.objects.values_list("key", "visible_to")) == {"board": "department", "doctors": "managers"}


def test_a_department_that_nobody_is_in_is_left_out() -> None:
    client("manager").post("/people/departments/", {"key": ["ghosts"], "visible_to": ["managers"]})
    assert not Department.objects.filter(key="ghosts").exists()


def test_without_departments_the_page_says_so() -> None:
    Person.objects.all().delete()
    assert "Nobody is in a department yet." in client("manager").get("/people/departments/").content.decode()


# Numbers.


@pytest.fixture
def mobile() -> Person:
    return add("Eva", mobile="0172 555", phones="PJSIP/109", department="Sales")


@pytest.mark.parametrize(("who", "sees"), [("outsider", False), ("operator", True), ("manager", True)])
def test_mobile_numbers_are_seen_by_permission(mobile: Person, who: str, sees: bool) -> None:
    people.person("Operator", "operator")
    one = client(who)
    for path in ("/people/directory/", f"/people/{mobile.pk}/menu/", "/people/find/?q=eva"):
        assert ("0172 555" in one.get(path).content.decode()) is sees, path
    # Nor is it found out by trying.
    for path in ("/people/find/?q=0172555", "/people/directory/?q=172", "/people/directory/?q=0172%20555"):
        assert ("Eva" in one.get(path).content.decode()) is sees, path
    assert "Eva" in one.get("/people/directory/?q=eva").content.decode()


@pytest.mark.parametrize("who", ["outsider", "manager"])
def test_the_wall_holds_no_mobile_number_for_anybody(mobile: Person, who: str) -> None:
    html = client(who).get("/people/").content.decode()
    assert "Eva" in html
    assert "0172" not in without_moments(html)
    rows = fragments.rows_of("main", [("person", str(mobile.pk))], ["en"])
    assert [("Eva" in row.html["en"], "0172" in row.html["en"]) for row in rows if row.html] == [(True, False)]
    assert number_of("Eva") == ""


def test_the_numbers_of_oneself_and_of_ones_contacts_are_seen_always() -> None:
    outsider = user("outsider")
    add("Plumber", owner=outsider, mobile="0172 777")
    myself = add("Myself", mobile="0172 888")
    Person.objects.filter(pk=myself.pk).update(user=outsider)
    one = client("outsider")
    html = one.get("/people/directory/").content.decode()
    assert "0172 777" in html
    assert "0172 888" in html
    assert "Plumber" in one.get("/people/directory/?q=777").content.decode()
    assert "Myself" in one.get("/people/directory/?q=888").content.decode()


def test_a_permission_of_ones_own_shows_them(mobile: Person) -> None:
    user("outsider").user_permissions.add(Permission.objects.get(codename="see_private_numbers"))
    assert "0172 555" in client("outsider").get("/people/directory/").content.decode()


# Names that are laid over, for oneself alone.


def laid_over(who: str) -> Any:
    response = client(who).get("/people/names.json")
    assert response.status_code == 200
    assert "no-store" in response.headers["Cache-Control"]
    return response.json()


def test_each_gets_the_names_that_they_see_and_not_everybody(mobile: Person) -> None:
    people.person("Operator", "operator")
    add("Plumber", owner=user("operator"), outside="+49 30 1234567", extension="7")
    Person.objects.filter(name="Ben").update(pbx="main")
    assert laid_over("outsider") == {}
    assert laid_over("member") == {"main/102": "Ben", "105": "Me"}
    assert laid_over("operator") == {"+49301234567": "Plumber", "7": "Plumber", "0172555": "Eva"}
    assert laid_over("manager") == {"main/102": "Ben", "103": "Carla", "105": "Me", "0172555": "Eva"}
    assert client("nobody").get("/people/names.json").status_code == 403


def test_a_number_of_several_names_none_of_them_but_ones_contact_comes_first() -> None:
    outsider = user("outsider")
    outsider.user_permissions.add(Permission.objects.get(codename="see_private_numbers"))
    add("Eva", mobile="0172 555")
    add("Eve", mobile="0172555")
    assert laid_over("outsider") == {}
    add("My Eva", owner=outsider, mobile="0172 555")
    assert laid_over("outsider") == {"0172555": "My Eva"}

"""Favourites: who stands first on one's own wall, and in which order; and what the menu of a tile offers of calls."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from calls.models import Channel
from engine.mirror.models import PBX
from extensions.models import Mailbox
from extensions.people.fragments import groups
from extensions.people.models import Person
from extensions.people.own import FAVOURITES, Favourite, favourites_of
from tests.access import people

from .test_people import add
from .test_wall import talking

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def main() -> PBX:
    return people.pbx()


def client(user: User) -> Client:
    browser = Client()
    browser.force_login(user)
    return browser


def test_favourites_stand_before_all_in_their_order_and_not_in_their_department() -> None:
    anna, ben, carla = (
        add(name, department="Sales", extension=str(n)) for n, name in enumerate(("Anna", "Ben", "Carla"))
    )
    found = [[tile.person.name for tile in group.tiles] for group in groups(favourites=[carla.pk, anna.pk])]
    assert found == [["Carla", "Anna"], ["Ben"]]
    every = [anna.pk, ben.pk, carla.pk]
    assert [(group.name, group.key, len(group.tiles)) for group in groups(favourites=every)] == [
        ("", "", 3), ("Sales", "sales", 0),
    ]  # fmt: skip


def test_a_favourite_behind_the_last_place_of_the_wall_stands_first_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("extensions.people.fragments.MOST", 1)
    add("Anna", extension="1")
    zoe = add("Zoe", extension="2")
    found = [[tile.person.name for tile in group.tiles] for group in groups(favourites=[zoe.pk])]
    assert found == [["Zoe"], ["Anna"]]


def test_a_star_is_given_and_taken_and_is_ones_own() -> None:
    vic, ben = people.person("Viewer", "vic"), people.person("Operator", "ben", "PJSIP/102")
    anna, carla = add("Anna", extension="1"), add("Carla", extension="2")
    browser = client(vic)
    for person in (carla, anna, carla):
        assert browser.post(f"/people/{person.pk}/favourite/", {"on": "yes"}).status_code == 200
    assert favourites_of(vic.pk) == [carla.pk, anna.pk]
    assert favourites_of(ben.pk) == []
    assert "No longer a favourite" in browser.get(f"/people/{anna.pk}/menu/").content.decode()
    assert "Add to my favourites" in client(ben).get(f"/people/{anna.pk}/menu/").content.decode()
    told = browser.post(f"/people/{carla.pk}/favourite/", {"on": "no"}).content.decode()
    assert "Carla is no longer one of your favourites." in told
    assert favourites_of(vic.pk) == [anna.pk]


def test_an_order_is_kept_of_ones_own_favourites_alone() -> None:
    vic, ben = people.person("Viewer", "vic"), people.person("Operator", "ben", "PJSIP/102")
    persons = [add(name, extension=name) for name in ("1", "2", "3", "4", "5")]
    one, two, three, four, five = (person.pk for person in persons)
    for key in (five, one, two, three):
        client(vic).post(f"/people/{key}/favourite/", {"on": "yes"})
    for key in (one, two):
        client(ben).post(f"/people/{key}/favourite/", {"on": "yes"})
    # Whoever is not named stays behind the others, and whoever is none does not become one.
    order = f"{three},{four},99999,{two},{one}"
    assert client(vic).post("/people/favourites/", {"order": order}).status_code == 204
    assert favourites_of(vic.pk) == [three, two, one, five]
    assert favourites_of(ben.pk) == [one, two]


@pytest.mark.parametrize("order", ["1,x", "-1", "²", "9" * 19, ",".join(["1"] * (FAVOURITES + 1))])
def test_what_is_no_order_is_refused(order: str) -> None:
    response = client(people.person("Viewer", "vic")).post("/people/favourites/", {"order": order})
    assert response.status_code == 400
    assert "This order cannot be kept." in response.content.decode()


def test_there_are_only_so_many_favourites(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("extensions.people.own.FAVOURITES", 1)
    vic = people.person("Viewer", "vic")
    anna, ben = add("Anna", extension="1"), add("Ben", extension="2")
    browser = client(vic)
    assert browser.post(f"/people/{anna.pk}/favourite/", {"on": "yes"}).status_code == 200
    refused = browser.post(f"/people/{ben.pk}/favourite/", {"on": "yes"})
    assert refused.status_code == 409
    assert "Take the star from somebody first." in refused.content.decode()
    assert browser.post(f"/people/{anna.pk}/favourite/", {"on": "yes"}).status_code == 200
    assert favourites_of(vic.pk) == [anna.pk]


def test_whoever_is_not_seen_does_not_become_a_favourite() -> None:
    hidden = add("Hidden", extension="1", hidden="on")
    theirs = add("Theirs", owner=people.person("Operator", "ben", "PJSIP/102"), mobile="1")
    browser = client(people.person("Operator", "vic", "PJSIP/103"))
    mine = add("Mine", owner=User.objects.get(username="vic"), mobile="2")
    for person in (hidden, theirs, mine):
        assert browser.post(f"/people/{person.pk}/favourite/", {"on": "yes"}).status_code == 404
    assert not Favourite.objects.exists()


# What the menu offers of calls.


def offered(user: User, name: str) -> list[str]:
    html = client(user).get(f"/people/{Person.objects.get(name=name).pk}/menu/").content.decode()
    found = re.findall(r'data-action="([\w-]+)"\s+hx-post="([^"]*)"', html)
    return [f"{verb} {path.split('/channels/')[1].split('/')[0]}" for verb, path in found if "/channels/" in path]


def test_a_menu_offers_my_call_to_each_number_and_what_can_be_done_with_theirs(main: PBX) -> None:
    talking(main)
    Mailbox.objects.create(pbx=main, address="7000@default", number="7000", context="default")
    add("Zoe", extension="7000, 7001")
    administrator = people.person("Administrator", "anna", "PJSIP/101")
    assert offered(administrator, "Zoe") == [
        "transfer 1.2", "consult 1.2", "voicemail 1.2", "transfer 1.2", "consult 1.2",
    ]  # fmt: skip
    assert offered(administrator, "Carla") == ["pickup 2.2"]
    assert offered(administrator, "Ben") == ["listen 1.2"]
    # My own phone is neither picked up nor listened to.
    assert offered(administrator, "Anna") == ["transfer 1.2", "consult 1.2"]


def test_a_call_that_rings_at_my_phone_can_be_sent_elsewhere_but_nobody_consulted(main: PBX) -> None:
    talking(main)
    add("Zoe", extension="7000")
    assert offered(people.person("Operator", "carla", "PJSIP/103"), "Zoe") == ["transfer 2.1"]


@pytest.mark.parametrize(
    ("group", "offers"),
    [("Viewer", []), ("Moderator", []), ("Operator", ["pickup 2.2"]), ("Administrator", ["pickup 2.2"])],
)
def test_who_may_not_pick_up_is_not_offered_it(main: PBX, group: str, offers: list[str]) -> None:
    talking(main)
    assert offered(people.person(group, "vic", "PJSIP/105"), "Carla") == offers


def test_who_may_not_listen_or_transfer_is_not_offered_it(main: PBX) -> None:
    talking(main)
    add("Zoe", extension="7000")
    assert offered(people.person("Operator", "ben", "PJSIP/105"), "Ben") == []
    assert offered(people.person("Viewer", "vic", "PJSIP/101"), "Zoe") == []
    Channel.objects.all().delete()
    assert offered(people.person("Administrator", "root", "PJSIP/101"), "Zoe") == []

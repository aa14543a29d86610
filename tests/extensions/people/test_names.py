"""The directory's names for numbers, in whatever form these come; and people who may not be seen, who name nobody."""

from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from pytest_django.fixtures import Settings

from engine.mirror.models import PBX
from extensions.people.models import Department, Person, PersonNumber, make_keys
from extensions.people.names import named, names_of
from extensions.people.numbers import key_of, keys_of
from tests.access import people

from .test_people import add

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def main(settings: Settings) -> PBX:
    settings.PHONE_COUNTRY = "DE"
    return people.pbx()


def name_of(number: str, pbx: str = "main") -> str:
    return names_of(pbx, [number]).get(number, "")


@pytest.mark.parametrize(
    "written", ["+49 30 1234567", "030 1234567", "(030) 123-4567", "0049 30 1234567", "０３０1234567"]
)
@pytest.mark.parametrize("comes", ["+49301234567", "0301234567", "0049301234567", "49301234567", "030 1234567"])
def test_national_and_international_forms_of_a_number_are_one(written: str, comes: str) -> None:
    add("Anna", outside=written)
    assert name_of(comes) == "Anna"


@pytest.mark.parametrize(
    ("country", "written", "comes", "is_found"),
    [
        ("US", "+1 212 555 0123", "2125550123", True),
        ("US", "(212) 555-0123", "12125550123", True),
        ("IT", "+39 06 1234567", "061234567", True),
        ("CN", "+86 138 0013 8000", "13800138000", True),
        ("", "+49 30 1234567", "+49301234567", True),
        ("", "+49 30 1234567", "0301234567", False),
        ("", "030 1234567", "0301234567", True),
        # What is dialled without the prefix of the trunk may be an extension.
        ("DE", "030 1234567", "301234567", False),
        ("DE", "0172 123456", "0172 123457", False),
        ("AT", "030 1234567", "+49301234567", False),
    ],
)
def test_the_country_decides_what_a_national_form_means(
    settings: Settings, country: str, written: str, comes: str, is_found: bool
) -> None:
    settings.PHONE_COUNTRY = country
    add("Anna", outside=written)
    assert bool(name_of(comes)) is is_found


@pytest.mark.parametrize("text", ["", "anonymous", "PJSIP/101", "sip:101@example.org", "<b>1</b>", "s", "+", "1" * 300])
def test_a_text_that_is_no_number_is_nobodys(text: str) -> None:
    add("Anna", extension="101")
    assert name_of(text) == ""


def test_an_extension_is_that_of_its_pbx_and_comes_before_a_number_outside() -> None:
    people.pbx("branch")
    add("Anna", extension="101", pbx="main")
    add("Ben", extension="101", pbx="branch")
    add("Carla", extension="102")
    add("Taxi", outside="102")
    assert [name_of("101"), name_of("101", "branch"), name_of("102"), name_of("102", "branch")] == [
        "Anna", "Ben", "Carla", "Carla",
    ]  # fmt: skip


def test_a_number_of_several_people_names_none_of_them() -> None:
    add("Anna", outside="030 1234567")
    add("Ben", outside="+49 30 1234567, 030 7654321")
    assert name_of("0301234567") == ""
    assert name_of("0307654321") == "Ben"
    add("Ben", outside="+49 30 7654321")
    assert name_of("0307654321") == "Ben"


def test_a_batch_of_numbers_costs_one_query(django_assert_num_queries: Any) -> None:
    for number in range(30):
        add(f"Anna {number}", extension=str(100 + number))
    with django_assert_num_queries(1):
        assert len(names_of("main", map(str, range(1000)))) == 30
    with django_assert_num_queries(0):
        assert names_of("main", ["", "anonymous"]) == {}


def test_a_changed_country_makes_the_keys_anew(settings: Settings, django_assert_num_queries: Any) -> None:
    add("Anna", outside="030 1234567", extension="101")
    assert set(PersonNumber.objects.values_list("key", flat=True)) == {"+49301234567", "101"}
    settings.PHONE_COUNTRY = "AT"
    assert name_of("030 1234567") == ""
    make_keys()
    assert name_of("030 1234567") == "Anna"
    assert name_of("+49301234567") == ""
    with django_assert_num_queries(1):
        make_keys()


def test_a_renamed_person_and_a_changed_number_show_at_once() -> None:
    anna = add("Anna", extension="101")
    from extensions.people.models import put

    put([(anna, {**anna.values(), "name": "Anna Alpha", "extension": ["109"]})])
    assert (name_of("101"), name_of("109")) == ("", "Anna Alpha")


def test_who_may_not_be_seen_by_everybody_names_nobody() -> None:
    add("Hidden", extension="101", hidden="on")
    add("Mine", owner=people.person("Operator", "ben"), outside="030 1234567")
    add("Board", extension="102", department="Board")
    add("Mobile", mobile="0172 1234567")
    Department.objects.create(key="board", visible_to="department")
    assert names_of("main", ["101", "0301234567", "102", "01721234567"]) == {}


def test_a_text_of_name_and_number_is_said_with_the_directorys_name() -> None:
    add("Anna Alpha", extension="101")
    texts = ["101", "anna alpha 101", "front desk 101", "Anna", "102", ""]
    assert named("main", texts) == {"101": "Anna Alpha 101", "front desk 101": "Anna Alpha 101 (front desk)"}


def test_a_key_is_no_longer_than_its_column() -> None:
    for number in ("+" + "1" * 79, "1" * 80, "0" * 40):
        assert len(key_of(number)) <= 80
        assert all(len(key) <= 80 for key in keys_of(number))


def test_people_of_before_are_found_named_and_hidden_as_those_that_are_saved_now() -> None:
    anna = add("Anna", extension="101", mobile="0172 1234567", outside="030 1234567", department="Éa")
    bare = add("Ben")
    expected = list(Person.objects.order_by("pk").values("folded", "private_at", "department_key"))
    Person.objects.filter(pk=anna.pk).update(folded=" anna ea \t101 01721234567 0301234567")
    Person.objects.filter(pk=bare.pk).update(folded=" ben \t")
    Person.objects.update(private_at=1, department_key="")
    PersonNumber.objects.update(key="", country="?")
    import_module("extensions.migrations.0005_names").fill(apps, SimpleNamespace(connection=connection))
    make_keys()
    assert list(Person.objects.order_by("pk").values("folded", "private_at", "department_key")) == expected
    assert name_of("+49301234567") == name_of("101") == "Anna"

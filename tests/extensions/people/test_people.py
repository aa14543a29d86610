"""People in the directory: added, changed and deleted by hand; what cannot be meant is said at its field."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from accounts.identity import number_of
from accounts.models import Profile
from engine.mirror.models import PBX
from extensions.people.finding import found_by
from extensions.people.models import Person, PersonNumber, seen_by
from extensions.people.searching import folded, words_of
from tests.access import people
from tests.moments import without_moments

pytestmark = pytest.mark.django_db


def add(name: str, owner: User | None = None, **values: Any) -> Person:
    """Somebody in the directory, as it is typed."""
    from extensions.people.forms import PersonForm

    person = Person(owner=owner)
    form = PersonForm({"name": name, **values}, person)
    assert form.is_valid(), form.errors
    return form.save()


@pytest.fixture
def main() -> PBX:
    return people.pbx()


@pytest.fixture
def admin(main: PBX) -> Client:
    client = Client()
    client.force_login(people.person("Administrator", "root"))
    return client


@pytest.fixture
def ben(main: PBX) -> Client:
    client = Client()
    client.force_login(people.person("Operator", "ben", "PJSIP/102"))
    return client


def test_a_person_is_kept_as_they_were_typed(admin: Client) -> None:
    typed = {
        "name": "  Zoë   Müller ", "department": "Sales", "title": "Head", "extension": "101, １０２", "mobile": "",
        "outside": "+49 (30) 123-45；030 99", "email": "zoe@example.org", "phones": "PJSIP/101 , PJSIP/102",
        "pbx": "main", "tags": "first aid, keys", "note": "Only\u202e mornings", "user": "",
    }  # fmt: skip
    response = admin.post("/people/new/", typed, follow=True)
    assert "Zoë Müller was saved." in response.content.decode()
    assert Person.objects.get().values() == {
        "name": "Zoë Müller", "department": "Sales", "title": "Head", "email": "zoe@example.org",
        "note": "Only mornings", "extension": ["101", "102"], "mobile": [], "outside": ["+49 (30) 123-45", "030 99"],
        "phones": ["PJSIP/101", "PJSIP/102"], "tags": ["first aid", "keys"], "pbx": "main", "hidden": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("field", "typed", "sentence"),
    [
        ("name", " \u202e ", "Enter a name."),
        ("name", "x" * 81, "too long"),
        ("email", "zoe", "is no e-mail address"),
        ("extension", "10 1", "is no extension"),
        ("mobile", "call mum", "is not a number"),
        ("outside", "+" + "1" * 90, "is not a number"),
        ("phones", "101", "write it as PJSIP/101"),
        ("phones", "PJSIP/1@2", "write it as PJSIP/101"),
        ("tags", ",".join(map(str, range(30))), "At most 20"),
        ("note", "x" * 501, "too long"),
        ("pbx", "nowhere", "Select a valid choice"),
    ],
)
def test_what_cannot_be_meant_is_said_at_its_field_and_nothing_is_kept(
    admin: Client, field: str, typed: str, sentence: str
) -> None:
    response = admin.post("/people/new/", {"name": "Zoë", field: typed})
    assert response.status_code == 422
    errors = response.context["form"].errors
    assert list(errors) == [field]
    assert sentence in errors[field][0]
    assert "Not saved yet" in response.content.decode()
    assert not Person.objects.exists()


def test_an_extension_is_one_persons(admin: Client) -> None:
    anna = add("Anna", extension="101", pbx="main")
    for pbx in ("main", ""):
        response = admin.post("/people/new/", {"name": "Ben", "extension": "100, 101", "pbx": pbx})
        assert response.status_code == 422
        assert response.context["form"].errors["extension"] == [
            "Anna has the extension 101 already: one extension is one person's."
        ]
    people.pbx("branch")
    assert admin.post("/people/new/", {"name": "Ben", "extension": "101", "pbx": "branch"}).status_code == 302
    # Of a contact of one's own nobody else knows.
    assert admin.post("/people/contacts/new/", {"name": "Anna", "extension": "101"}).status_code == 302
    assert admin.post(f"/people/{anna.pk}/", {"name": "Anna", "extension": "101", "pbx": "main"}).status_code == 302


def test_two_who_save_the_same_extension_at_the_same_moment_are_told(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    add("Anna", extension="101", pbx="main")
    monkeypatch.setattr("extensions.people.forms.holder_of", lambda *arguments: None)
    response = admin.post("/people/new/", {"name": "Ben", "extension": "101", "pbx": "main"})
    assert response.context["form"].errors["extension"] == [
        "Somebody else was given this extension just now. Save again."
    ]
    assert [person.name for person in Person.objects.all()] == ["Anna"]


def test_what_was_edited_by_hand_is_remembered(admin: Client) -> None:
    anna = add("Anna", department="Sales")
    Person.objects.update(by_hand=[])
    admin.post(f"/people/{anna.pk}/", {"name": "Anna", "department": "Support", "mobile": "0172 1"})
    anna.refresh_from_db()
    assert anna.by_hand == ["department", "mobile"]


def test_a_person_is_deleted_after_a_question(admin: Client) -> None:
    anna = add("Anna", extension="101")
    page = admin.get(f"/people/{anna.pk}/delete/").content.decode()
    assert "Delete <bdi>Anna</bdi> from the directory?" in page
    assert "Anna was deleted." in admin.post(f"/people/{anna.pk}/delete/", follow=True).content.decode()
    assert not Person.objects.exists()
    assert not PersonNumber.objects.exists()


# Who sees whom.


def test_a_contact_of_ones_own_is_seen_by_nobody_else(admin: Client, ben: Client) -> None:
    add("Plumber", owner=User.objects.get(username="ben"), mobile="0172 555")
    plumber = Person.objects.get()
    assert "Plumber" in ben.get("/people/directory/").content.decode()
    assert "0172 555" in ben.get("/people/find/?q=plu").content.decode()
    assert ben.post(f"/people/{plumber.pk}/", {"name": "Plumber", "mobile": "0172 556"}).status_code == 302
    assert "Plumber" not in admin.get("/people/directory/").content.decode()
    assert "0172" not in without_moments(admin.get("/people/find/?q=plu").content.decode())
    for path in ("", "menu/", "delete/"):
        assert admin.get(f"/people/{plumber.pk}/{path}").status_code == 404
    assert ben.post(f"/people/{plumber.pk}/delete/").status_code == 302
    assert not Person.objects.exists()


def test_a_hidden_person_is_seen_by_whoever_manages_people_alone(admin: Client, ben: Client) -> None:
    boss = add("Boss", extension="109", phones="PJSIP/109", hidden="on")
    assert "Boss" in admin.get("/people/directory/").content.decode()
    for path in ("/people/", "/people/directory/", "/people/find/?q=boss"):
        page = ben.get(path)
        assert page.status_code == 200
        assert "Boss" not in page.content.decode()
    assert ben.get(f"/people/{boss.pk}/menu/").status_code == 404
    assert number_of("Boss") == ""


def test_whoever_may_not_change_people_gets_no_form(ben: Client) -> None:
    anna = add("Anna")
    assert ben.get(f"/people/{anna.pk}/").status_code == 403
    assert ben.post(f"/people/{anna.pk}/", {"name": "Ann"}).status_code == 403
    assert ben.post(f"/people/{anna.pk}/delete/").status_code == 403
    page = ben.get("/people/directory/").content.decode()
    assert f'href="/people/{anna.pk}/"' not in page
    assert "/people/import/" not in page


def test_a_name_is_shown_as_text(admin: Client) -> None:
    add("<i>Anna</i>", extension="101", note="<b>x</b>")
    anna = Person.objects.get()
    for path in ("/people/", "/people/directory/", "/people/find/?q=anna", f"/people/{anna.pk}/menu/"):
        html = admin.get(path).content.decode()
        assert "&lt;i&gt;Anna&lt;/i&gt;" in html
        assert "<i>Anna" not in html


# Who is found.


def found(client_user: str, typed: str) -> list[str]:
    return [person.name for person in found_by(User.objects.get(username=client_user), typed)]


@pytest.mark.parametrize(
    "typed", ["lilei", "ll", "LiLei", "李", "李雷", "lei", "销售", "xiaoshou", "101", "１０１", "0172"]
)
def test_a_chinese_name_is_found_by_what_people_type(ben: Client, typed: str) -> None:
    add("李雷", department="销售", extension="101", mobile="+86 (0172) 5")
    add("韩梅梅", department="技术", extension="202")
    assert found("ben", typed) == ["李雷"]


@pytest.mark.parametrize("typed", ["zoe", "ZOË", "muller", "zm", "mü", "sales zoe", "head", "keys"])
def test_accents_and_case_do_not_matter(ben: Client, typed: str) -> None:
    add("Zoë Müller", department="Sales", title="Head", tags="keys")
    add("Ben Beta", department="Support")
    assert found("ben", typed) == ["Zoë Müller"]


def test_the_best_matches_come_first(ben: Client) -> None:
    add("Hannah")
    add("Zoë Anderson")
    add("Anna Alpha")
    add("Ben", department="Annex")
    assert found("ben", "an") == ["Anna Alpha", "Ben", "Zoë Anderson", "Hannah"]
    for number in range(20):
        add(f"Anna {number}")
    assert len(found("ben", "an")) == 10


@pytest.mark.parametrize("typed", ["", "  ", "%", "_", "\\", "'", "\t", "()", "nobody"])
def test_what_means_nobody_finds_nobody(ben: Client, typed: str) -> None:
    add("Anna", extension="101")
    assert found("ben", typed) == []
    assert ben.get("/people/find/", {"q": typed}).status_code == 200


def test_a_long_search_is_cut(ben: Client) -> None:
    assert len(words_of(" ".join(map(str, range(100))) + " a")) <= 6
    assert words_of("x" * 500) == ["x" * 80]


def test_the_text_of_a_person_has_each_word_once() -> None:
    assert folded(["Li Li", "Sales"], ["101", "+49 30 1", "101"]) == " li ll sales \t101 49301"


def test_a_search_of_the_directory_shows_whom_it_finds(ben: Client) -> None:
    add("Anna", extension="101")
    add("Ben", extension="102")
    html = ben.get("/people/directory/?q=ann").content.decode()
    assert re.findall(r"<bdi>(Anna|Ben)</bdi>", html) == ["Anna"]
    assert "Nobody matches your search." in ben.get("/people/directory/?q=nobody").content.decode()


def test_a_name_of_the_directory_is_a_number_to_transfer_to(ben: Client) -> None:
    add("Anna Alpha", extension="101", mobile="0172")
    assert number_of("anna alpha") == "101"
    assert number_of("Anna") == ""
    add("Anna Alpha", extension="102")
    assert number_of("Anna Alpha") == ""
    Profile.objects.filter(user__username="ben").update(extension="102")
    add("ben", extension="103")
    # A user of that name comes before.
    assert number_of("ben") == "102"


def test_people_whom_one_sees_need_no_more_than_their_permission(main: PBX) -> None:
    nobody = people.person(name="nobody")
    add("Anna")
    assert not seen_by(nobody).exists()

"""People, contacts and messages by the API: what is kept, who sees whom, and what is refused in which words."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from api.operations import IDS
from extensions.messages.models import Message
from extensions.messages.taking import MOST_A_MINUTE
from extensions.people.forms import PersonForm
from extensions.people.models import Person
from tests.access import people

from .conftest import Makes, Program
from .test_resources import names
from .test_tokens import problem

pytestmark = pytest.mark.django_db


def add(name: str, owner: User | None = None, **values: Any) -> Person:
    form = PersonForm({"name": name, **values}, Person(owner=owner))
    assert form.is_valid(), form.errors
    return form.save()


def test_people_are_found_as_on_the_pages_part_by_part(operator: Program) -> None:
    for number in range(3):
        add(f"Zoë {number}", department="Sales", extension=f"12{number}")
    add("李雷", mobile="0172 555")
    assert names(operator.get("/people?q=zoe&limit=2")) == ["Zoë 0", "Zoë 1"]
    first = operator.get("/people?q=zoe&limit=2")
    assert names(operator.get(first.json()["next"])) == ["Zoë 2"]
    assert operator.get(first.json()["next"]).json()["next"] is None
    assert names(operator.get("/people?q=ll")) == ["李雷"]
    assert names(operator.get("/people")) == ["Anna Alpha", "Ben", "Zoë 0", "Zoë 1", "Zoë 2", "李雷"]
    assert problem(operator.get("/people?cursor=x")) == (422, "bad-input")


def test_two_of_one_name_are_both_listed(operator: Program) -> None:
    Person.objects.all().delete()
    for _ in range(2):
        add("Ben")
    first = operator.get("/people?limit=1").json()
    second = operator.get(first["next"]).json()
    assert {first["items"][0]["id"], second["items"][0]["id"]} == {
        str(pk) for pk in Person.objects.values_list("pk", flat=True)
    }
    assert second["next"] is None


def test_a_person_is_added_changed_and_deleted_as_by_hand(administrator: Program) -> None:
    given = {
        "name": " Zoë  Müller ", "extension": ["101", "102"], "phones": ["PJSIP/101"], "pbx": "main", "tags": ["keys"],
        "email": "zoe@example.org", "hidden": True,
    }  # fmt: skip
    response = administrator.post("/people", given)
    assert response.status_code == 201, response.content
    said = response.json()
    assert said == administrator.get(response["Location"]).json()
    assert (said["name"], said["extension"], said["hidden"]) == ("Zoë Müller", ["101", "102"], True)
    assert said["states"] == ["in use", "ringing"]
    user = people.person(name="zoe")
    Person.objects.filter(pk=said["id"]).update(by_hand=[], user=user)
    assert administrator.ask("PATCH", response["Location"], {"department": "Sales", "extension": []}).status_code == 204
    person = Person.objects.get(pk=said["id"])
    assert (person.department, person.email, person.user) == ("Sales", "zoe@example.org", user)
    assert person.by_hand == ["department", "extension"]
    assert [number.number for number in person.all_numbers] == []
    assert administrator.ask("PATCH", response["Location"], {"hidden": False}).status_code == 204
    assert administrator.get(response["Location"]).json()["hidden"] is False
    assert administrator.ask("DELETE", response["Location"]).status_code == 204
    assert problem(administrator.get(response["Location"])) == (404, "not-found")


@pytest.mark.parametrize(
    ("body", "field", "sentence"),
    [
        ({}, "name", "This is needed."),
        ({"name": " "}, "name", "Enter a name."),
        ({"name": "x" * 81}, "name", "This may have at most 80 characters."),
        ({"name": "Zoë", "email": "zoe"}, "email", "is no e-mail address"),
        ({"name": "Zoë", "extension": ["10 1"]}, "extension", "is no extension"),
        ({"name": "Zoë", "extension": ["103"]}, "extension", "Held has the extension 103 already"),
        ({"name": "Zoë", "extension": "103"}, "extension", "This must be a list."),
        ({"name": "Zoë", "hidden": "yes"}, "hidden", "This must be true or false."),
        ({"name": "Zoë", "pbx": "nowhere"}, "pbx", "Select a valid choice"),
        ({"name": "Zoë", "user": "anna"}, "user", "There is no field of this name here."),
    ],
)
def test_what_cannot_be_meant_is_said_of_its_field(
    administrator: Program, body: dict[str, Any], field: str, sentence: str
) -> None:
    add("Held", extension="103")
    response = administrator.post("/people", body)
    assert problem(response) == (422, "bad-input")
    assert [error["field"] for error in response.json()["errors"]] == [field]
    assert sentence in response.json()["detail"]
    assert not Person.objects.filter(name="Zoë").exists()


def test_hidden_people_are_seen_by_whoever_manages_people_with_a_token_for_that(
    operator: Program, program: Makes
) -> None:
    hidden = add("Hidden", hidden="on")
    root = people.person("Administrator", "root")
    assert "Hidden" in names(program(root).get("/people"))
    for other in (operator, program(root, "extensions.see_people")):
        assert "Hidden" not in names(other.get("/people"))
        assert problem(other.get(f"/people/{hidden.pk}")) == (404, "not-found")
    for method, path in (("POST", "/people"), ("PATCH", f"/people/{hidden.pk}"), ("DELETE", f"/people/{hidden.pk}")):
        body = None if method == "DELETE" else {"name": "Other"}
        assert problem(operator.ask(method, path, body)) == (403, "not-allowed")
        assert problem(program(root, "extensions.see_people").ask(method, path, body)) == (403, "scope-missing")
    assert Person.objects.get(pk=hidden.pk).name == "Hidden"


@pytest.mark.parametrize("key", ["x", "0", "-1", "²", "9" * 30, "1.0"])
def test_an_id_that_is_none_is_nobodys(administrator: Program, key: str) -> None:
    for kind in ("people", "contacts", "messages"):
        assert problem(administrator.get(f"/{kind}/{key}")) == (404, "not-found")


def test_contacts_are_their_owners_alone(operator: Program, program: Makes) -> None:
    response = operator.post("/contacts", {"name": "Roofer", "mobile": ["0172 555"], "extension": ["101"]})
    assert response.status_code == 201, response.content
    assert names(operator.get("/contacts")) == ["Plumber", "Roofer"]
    assert names(operator.get("/contacts?q=0172555")) == ["Roofer"]
    assert "Roofer" not in names(operator.get("/people"))
    assert operator.ask("PATCH", response["Location"], {"note": "Mornings"}).status_code == 204
    other = program(people.person("Administrator", "root"))
    assert names(other.get("/contacts")) == []
    key = response.json()["id"]
    for path in (f"/contacts/{key}", f"/people/{key}"):
        assert problem(other.get(path)) == (404, "not-found")
        assert problem(other.ask("PATCH", path, {"note": "x"})) == (404, "not-found")
        assert problem(other.ask("DELETE", path)) == (404, "not-found")
    # Of the house nobody is a contact.
    assert problem(operator.get(f"/contacts/{IDS['person']}")) == (404, "not-found")
    assert operator.get(response["Location"]).json()["note"] == "Mornings"
    assert problem(operator.post("/contacts", {"name": "Roofer", "phones": ["PJSIP/101"]})) == (422, "bad-input")
    assert operator.ask("DELETE", response["Location"]).status_code == 204
    assert names(operator.get("/contacts")) == ["Plumber"]


def test_a_token_that_may_only_place_calls_reads_no_contact(operator: Program, program: Makes) -> None:
    button = program(User.objects.get(pk=operator.token.owner_id), "calls.originate")
    assert problem(button.get("/contacts")) == (403, "scope-missing")
    assert problem(button.post("/contacts", {"name": "Roofer"})) == (403, "scope-missing")


# Messages.


@pytest.fixture
def reader(operator: Program) -> User:
    """The user whom the directory knows as Ben."""
    user = people.person("Viewer", "reader", "PJSIP/102")
    Person.objects.filter(pk=IDS["person"]).update(user=user)
    return user


def test_a_message_is_taken_read_and_done(operator: Program, program: Makes, reader: User) -> None:
    given = {"person": IDS["person"], "caller_name": "Carla\x07", "text": "About\nthe roof.", "urgent": True}
    response = operator.post("/messages", given)
    assert response.status_code == 201, response.content
    said = response.json()
    assert (said["name"], said["caller_name"], said["text"]) == ("Ben", "Carla", "About\nthe roof.")
    assert (said["urgent"], said["call_back"], said["taken_by"], said["mail"]) == (True, False, "anna", "none")
    assert said == operator.get(response["Location"]).json()
    assert [item["id"] for item in operator.get("/messages?box=taken").json()["items"]] == [said["id"]]

    ben = program(reader)
    assert [item["text"] for item in ben.get("/messages?state=unread").json()["items"]] == ["About\nthe roof."]
    assert ben.get(response["Location"]).json()["read_at"] is None
    assert ben.ask("PUT", f"{response['Location']}/read").status_code == 204
    assert ben.get("/messages?state=unread").json()["items"] == []
    assert len(ben.get("/messages?state=open").json()["items"]) == 1
    assert ben.ask("PUT", f"{response['Location']}/done").status_code == 204
    assert len(ben.get("/messages?state=done").json()["items"]) == 1
    assert ben.ask("PUT", f"{response['Location']}/undone").status_code == 204
    assert operator.get(response["Location"]).json()["done_at"] is None


def test_nobody_has_messages_of_others(operator: Program, program: Makes, reader: User) -> None:
    key = operator.post("/messages", {"person": IDS["person"], "text": "Secret"}).json()["id"]
    root = program(people.person("Administrator", "root"))
    for other, boxes in ((root, ("to-me", "taken")), (operator, ("to-me",))):
        for box in boxes:
            assert "Secret" not in other.get(f"/messages?box={box}").content.decode()
        for step in ("read", "done", "undone"):
            assert problem(other.ask("PUT", f"/messages/{key}/{step}")) == (404, "not-found")
    assert problem(root.get(f"/messages/{key}")) == (404, "not-found")
    mine = User.objects.get(pk=operator.token.owner_id)
    assert problem(program(mine, "extensions.read_messages").get(f"/messages/{key}")) == (404, "not-found")
    assert problem(program(mine, "extensions.read_messages").get("/messages?box=taken")) == (403, "scope-missing")
    assert Message.objects.get(pk=key).read_at is None


def test_messages_come_part_by_part_the_newest_first(operator: Program) -> None:
    for number in range(3):
        operator.post("/messages", {"person": IDS["person"], "text": f"Number {number}"})
    first = operator.get("/messages?box=taken&limit=2").json()
    assert [item["text"] for item in first["items"]] == ["Number 2", "Number 1"]
    second = operator.get(first["next"]).json()
    assert ([item["text"] for item in second["items"]], second["next"]) == (["Number 0"], None)


def test_what_cannot_be_taken_is_said(operator: Program) -> None:
    unreachable = add("Carla")
    hidden = add("Hidden", hidden="on", email="h@example.org")
    contact = Person.objects.get(pk=IDS["contact"])
    response = operator.post("/messages", {"person": str(unreachable.pk), "text": "Hello"})
    assert problem(response) == (409, "not-possible")
    assert "Carla is no user of the panel who reads messages" in response.json()["detail"]
    for person in (hidden, contact):
        assert problem(operator.post("/messages", {"person": str(person.pk), "text": "Hi"})) == (404, "not-found")
    response = operator.post("/messages", {"person": IDS["person"], "text": " \n "})
    assert (problem(response), response.json()["errors"][0]["field"]) == ((422, "bad-input"), "text")
    for _ in range(MOST_A_MINUTE):
        assert operator.post("/messages", {"person": IDS["person"], "text": "Hello"}).status_code == 201
    response = operator.post("/messages", {"person": IDS["person"], "text": "Hello"})
    assert problem(response) == (429, "too-many-requests")
    assert response["Retry-After"] == "60"


def test_the_same_message_sent_twice_with_one_key_is_one(operator: Program) -> None:
    given = {"person": IDS["person"], "text": "Hello"}
    ids = {operator.post("/messages", given, **{"Idempotency-Key": "one"}).json()["id"] for _ in range(2)}
    assert len(ids) == 1
    assert Message.objects.filter(text="Hello", by=operator.token.owner).count() == 1

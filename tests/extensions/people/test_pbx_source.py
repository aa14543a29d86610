"""Whom a PBX knows: read from a real Asterisk, shown before it is imported, and undone."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from engine.mirror.commands import Outcome, Status
from extensions.models import Extension
from extensions.people.models import PeopleImport, Person
from extensions.people.sources import pbx
from tests.access import people
from tests.lab.asterisk import Asterisk
from tests.system.conftest import WithContext, with_context

from .test_import import admin, names
from .test_people import add

__all__ = ["admin", "with_context"]  # fixtures

DATA: dict[str, Any] = {
    "devices": [["101", "PJSIP/101&Custom:101"], ["104", "PJSIP/a104"], ["*45", "Queue:1"], ["105", "Custom:x"]],
    "hints": [["101", ""], ["104", "Dora Delta"], ["105", ""]],
    "endpoints": [
        ["PJSIP/101", '"Anna Alpha" <101>'], ["PJSIP/201", '"Anna at home" <101>'], ["PJSIP/103", "<unknown>"],
        ["PJSIP/trunk", '"Trunk" <+49301>'], ["PJSIP/106", "Zoë <106>"], ["PJSIP/a104", '"" <104>'],
    ],
    "mailboxes": [
        ["101", "Another Anna", "anna@example.org"], ["103", "", "(null)"], ["107", "Gus", "desk@example.org"],
        ["108", "Hal", "desk@example.org"], ["109", "109", "x@example.org"],
    ],
    "ampuser": [["110", "李雷"], ["101", "A. Alpha"]],
    "cidname": [["0401234567", "Plumber <b>"], ["107", "Gustav"], ["111", ""]],
    "denied": [],
}  # fmt: skip


def told(data: dict[str, Any], name: str = "") -> dict[str, dict[str, str]]:
    """What is told, by what it is called."""
    return {line.label: line.cells for line in pbx.lines_of(data, name)}


def test_names_are_put_together_by_extension() -> None:
    assert told(DATA) == {
        "101": {
            "name": "Anna Alpha", "extension": "101", "phones": "PJSIP/101, PJSIP/201", "email": "anna@example.org",
        },
        "104": {"name": "Dora Delta", "extension": "104", "phones": "PJSIP/a104"},
        "106": {"name": "Zoë", "extension": "106", "phones": "PJSIP/106"},
        "107": {"name": "Gus", "extension": "107", "phones": ""},
        "108": {"name": "Hal", "extension": "108", "phones": ""},
        "110": {"name": "李雷", "extension": "110", "phones": ""},
        "0401234567": {"name": "Plumber <b>", "outside": "0401234567"},
    }  # fmt: skip


def test_of_several_pbxs_each_names_itself() -> None:
    found = told(DATA, "branch")
    assert found["101"]["pbx"] == "branch"
    assert "pbx" not in found["0401234567"]


@pytest.mark.parametrize("source", ["hints", "endpoints", "mailboxes", "ampuser", "cidname"])
def test_each_source_says_who_it_is(source: str) -> None:
    said = {"hints": ["150", "Ida"], "endpoints": ["PJSIP/150", '"Ida" <150>'], "mailboxes": ["150", "Ida", "(null)"]}
    data = {**DATA, **{name: [] for name in pbx.SOURCES}, "devices": [], source: [said.get(source, ["150", "Ida"])]}
    assert [line.cells["name"] for line in pbx.lines_of(data, "")] == ["Ida"]


# A real Asterisk.


@pytest.fixture
def named(asterisk: Asterisk) -> Iterator[Asterisk]:
    """A PBX that knows people by each of its sources."""
    asterisk.cli('dialplan add extension "177,hint,PJSIP/107(Ida Iota)" into internal')
    asterisk.cli('database put cidname 0401234567 "Plumber & Son"')
    asterisk.cli("database put cidname/x 5 deep")
    asterisk.cli('database put AMPUSER 178/cidname "李雷"')
    asterisk.cli('database put AMPUSER 178/voicemail "novm"')
    yield asterisk
    asterisk.cli("dialplan remove extension 177@internal")
    for family in ("cidname", "AMPUSER"):
        asterisk.cli(f"database deltree {family}")


async def test_a_real_pbx_says_whom_it_knows(named: Asterisk, with_context: WithContext) -> None:
    async with with_context(named) as ctx:
        table = ctx.state.table(Extension)
        for extension, hint in (("177", "PJSIP/107"), ("101", "PJSIP/101"), ("*9(", "PJSIP/109")):
            table.add(f"{extension}@internal", extension=extension, context="internal", hint=hint, state=0, text="Idle")
        outcome = await pbx.read(ctx, {})
    assert outcome.status is Status.DONE
    data = outcome.data
    assert data["denied"] == []
    assert data["hints"] == [["177", "Ida Iota"], ["101", ""]]
    assert ["178", "李雷"] in data["ampuser"]
    assert data["cidname"] == [["0401234567", "Plumber & Son"]]
    found = told(data)
    assert found["101"] == {"name": "Anna Alpha", "extension": "101", "phones": "PJSIP/101"}
    assert found["177"] == {"name": "Ida Iota", "extension": "177", "phones": "PJSIP/107"}
    assert {label: cells["name"] for label, cells in found.items() if label in ("105", "106", "178", "0401234567")} == {
        "105": "李雷", "106": "Zoë Zürcher", "178": "李雷", "0401234567": "Plumber & Son",
    }  # fmt: skip
    assert "103" not in found
    # No PIN of a mailbox is asked for, so none is told.
    assert "4711" not in str(data)


async def test_what_the_manager_user_may_not_read_is_named(asterisk: Asterisk, with_context: WithContext) -> None:
    async with with_context(asterisk, url=asterisk.limited_url) as ctx:
        outcome = await pbx.read(ctx, {})
    assert outcome.status is Status.DONE
    assert "endpoints" in outcome.data["denied"]
    assert [row[:2] for row in outcome.data["mailboxes"] if row[0] == "101"] in ([["101", "Anna Alpha"]], [])


# The page.


@pytest.fixture
def knows(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the PBX says when it is looked into; it can be changed."""
    data = dict(DATA)
    monkeypatch.setattr(pbx, "look", lambda name: Outcome(Status.DONE, "", data))
    return data


def look(client: Client, name: str = "main") -> Any:
    return client.post(f"/people/import/pbx/{name}/", follow=True)


def do(client: Client) -> Any:
    shown = look(client)
    return client.post(shown.redirect_chain[-1][0], {"digest": shown.context["plan"].digest}, follow=True)


@pytest.mark.django_db
def test_what_a_pbx_would_change_is_shown_then_done_then_undone(admin: Client, knows: dict[str, Any]) -> None:
    anna = add("Anna", extension="101, 150", phones="PJSIP/150", department="Sales")
    dora = add("Dora D.", extension="104")
    Person.objects.filter(pk=anna.pk).update(by_hand=[])
    before = {person.pk: person.values() for person in Person.objects.all()}
    shown = look(admin)
    plan = shown.context["plan"]
    assert {step.person.name for step in plan.changed} == {"Anna", "Dora D."}
    assert [step.values["name"] for step in plan.added] == ["Zoë", "Gus", "Hal", "李雷", "Plumber <b>"]
    assert {person.pk: person.values() for person in Person.objects.all()} == before
    page = do(admin).content.decode()
    assert "5 added, 2 changed, 0 refused." in page
    anna.refresh_from_db()
    # Numbers and phones are added; what was edited by hand stays.
    assert (anna.name, anna.department, anna.email) == ("Anna Alpha", "Sales", "anna@example.org")
    assert anna.values()["extension"] == ["101", "150"]
    assert anna.values()["phones"] == ["PJSIP/150", "PJSIP/101", "PJSIP/201"]
    dora.refresh_from_db()
    assert (dora.name, dora.values()["phones"]) == ("Dora D.", ["PJSIP/a104"])
    plan = look(admin).context["plan"]
    assert (plan.added, plan.changed, len(plan.unchanged)) == ([], [], 7)
    admin.post(f"/people/import/{PeopleImport.objects.get(state='done').pk}/undo/")
    assert {person.pk: person.values() for person in Person.objects.all()} == before


@pytest.mark.django_db
def test_a_person_with_two_extensions_is_one_person(admin: Client, knows: dict[str, Any]) -> None:
    add("Anna Alpha", extension="101, 107")
    Person.objects.update(by_hand=[])
    plan = look(admin).context["plan"]
    assert plan.refused == []
    assert [step.values["name"] for step in plan.changed] == ["Anna Alpha"]


@pytest.mark.django_db
def test_what_could_not_be_read_is_said(admin: Client, knows: dict[str, Any]) -> None:
    knows["denied"] = ["mailboxes", "endpoints"]
    page = look(admin).content.decode()
    assert "could not be read, since its manager user lacks a privilege: mailboxes, caller IDs of phones." in page


@pytest.mark.django_db
def test_a_pbx_that_knows_nobody_says_so(admin: Client, knows: dict[str, Any]) -> None:
    knows.update({name: [] for name in pbx.SOURCES})
    answer = look(admin)
    assert answer.status_code == 422
    assert "main knows nobody by name" in answer.content.decode()
    assert not PeopleImport.objects.exists()


@pytest.mark.django_db
def test_a_pbx_that_cannot_be_asked_is_said(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pbx, "look", lambda name: Outcome(Status.NOT_CONNECTED, "Connection refused"))
    answer = look(admin)
    assert answer.status_code == 503
    assert "The panel is not connected to the PBX" in answer.content.decode()
    assert look(admin, "nowhere").status_code == 404


@pytest.mark.django_db
def test_whoever_manages_people_finds_the_button(admin: Client) -> None:
    for path in ("/people/directory/", "/people/import/"):
        assert 'action="/people/import/pbx/main/"' in admin.get(path).content.decode()
    operator = Client()
    operator.force_login(people.person("Operator", "ben", "PJSIP/102"))
    assert "/people/import/pbx/" not in operator.get("/people/directory/").content.decode()
    assert operator.post("/people/import/pbx/main/").status_code == 403
    assert names() == []

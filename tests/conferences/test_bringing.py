"""Who may bring a call into which conference, and what they may choose from."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from audit.models import AuditEntry
from conferences.bringing import Bring, to_conference
from conferences.models import Conference
from conferences.rooms.models import Room
from tests.access import people

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> people.Asterisk:
    people.a_small_pbx()
    return people.stand_in(monkeypatch)


def client_of(group: str, *permissions: str, phone: str = "PJSIP/101") -> tuple[Client, User]:
    user = people.person(group, name=f"one of {group} {len(permissions)}".replace(" ", "-"), endpoint=phone)
    user.user_permissions.add(*Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client, user


def bring(client: Client, **data: str) -> Any:
    return client.post("/calls/main/channels/1.1/to-conference/", {"to": "8001", "who": "all", **data})


def offered(client: Client) -> list[str]:
    html = client.get("/conferences/main/destinations/calls/").content.decode()
    return re.findall(r'<option value="([^"]+)"', html)


def test_a_moderator_of_all_brings_a_call_anywhere(asked: people.Asterisk) -> None:
    client, _user = client_of("Administrator")
    response = bring(client, who="one")
    assert response.status_code == 200
    assert "is being brought into the conference 8001" in response.content.decode()
    (command,) = asked.commands
    assert (command.verb, command.parameters) == (to_conference, Bring("8001", "one"))
    assert AuditEntry.objects.get().subject == "PJSIP/101-00000011 (one) → 8001"


def test_whoever_does_not_moderate_the_conference_is_refused_and_is_not_offered_it(asked: people.Asterisk) -> None:
    client, user = client_of("Operator")
    assert bring(client).status_code == 403
    assert not AuditEntry.objects.exists()
    assert offered(client) == []
    # A moderator of one room brings calls there.
    room = Room.objects.create(pbx="main", number="8001", name="Weekly <b>")
    Room.objects.create(pbx="main", number="8002")
    room.moderators.add(user)
    elsewhere = bring(client, to="8002")
    assert elsewhere.status_code == 403
    assert "You may not moderate the conference 8002" in elsewhere.content.decode()
    assert asked.commands == []
    assert AuditEntry.objects.get().answer
    assert bring(client).status_code == 200
    assert offered(client) == ["8001"]
    assert "Weekly &lt;b&gt;" in client.get("/conferences/main/destinations/calls/").content.decode()


def test_whoever_may_not_touch_the_call_may_not_bring_it(asked: people.Asterisk) -> None:
    client, _user = client_of("Moderator", phone="PJSIP/107")
    assert bring(client).status_code == 403, "it is not their call"
    client, _user = client_of("Viewer", "moderate")
    assert bring(client).status_code == 403
    assert client.get("/conferences/main/destinations/calls/").status_code == 403
    assert Client().get("/conferences/main/destinations/calls/").status_code == 302
    assert asked.commands == []


def test_conferences_that_run_and_rooms_are_offered_each_once(asked: people.Asterisk) -> None:
    Room.objects.create(pbx="main", number="8001", name="Weekly")
    Room.objects.create(pbx="main", number="8077", name="Planned")
    Room.objects.create(pbx="other", number="8078")
    running = list(Conference.objects.filter(pbx="main").values_list("name", flat=True))
    client, _user = client_of("Administrator")
    assert sorted(offered(client)) == sorted({*running, "8001", "8077"})
    html = client.get("/conferences/main/destinations/calls/").content.decode()
    assert "not running" in html


@pytest.mark.parametrize("data", [{"to": ""}, {"to": "x" * 90}, {"to": " 8001\r\nAction: Hangup"}, {"who": "none"}])
def test_what_cannot_be_meant_is_refused_before_anything_is_asked(asked: people.Asterisk, data: dict[str, str]) -> None:
    client, _user = client_of("Administrator")
    assert bring(client, **data).status_code == 400
    assert asked.commands == []

"""Conferences, extensions and PBXs by the API."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from accounts.models import DialPolicy, Profile
from api.extensions import states_of
from audit.models import AuditEntry
from calls.models import CampOn
from conferences.models import Conference
from conferences.records.models import Attendance
from engine.mirror.models import PBX
from extensions.models import Device, Extension, Presence
from extensions.people.models import Person, PersonNumber
from extensions.presence.models import Forwarding
from tests.access import people
from tests.access.people import Asterisk, given

from .conftest import Makes, Program
from .test_tokens import problem

pytestmark = pytest.mark.django_db


def names(response: Any, name: str = "name") -> list[str]:
    return [item[name] for item in response.json()["items"]]


def test_conferences_are_listed_with_how_many_are_in_each(operator: Program) -> None:
    people.conference("8002", "2.1", "2.2")
    people.conference("8003")
    items = operator.get("/conferences").json()["items"]
    assert [(item["name"], item["participants"]) for item in items] == [("8001", 1), ("8002", 2), ("8003", 0)]
    first = operator.get("/conferences?limit=2")
    assert names(operator.get(first.json()["next"])) == ["8003"]
    assert names(operator.get("/conferences?pbx=other")) == []


def test_a_conference_has_who_is_in_it_and_who_is_called_in(operator: Program) -> None:
    said = operator.get("/conferences/main/8001").json()
    assert [(person["id"], person["name"]) for person in said["people"]] == [("1732451240.20", "In 8001")]
    assert [(row["id"], row["number"], row["state"]) for row in said["invitations"]] == [("c41d03", "102", "busy")]
    response = operator.get("/conferences/main/8009")
    assert (problem(response), response.json()["detail"]) == (
        (404, "not-found"), "This conference has already ended.",
    )  # fmt: skip


# Calling people into a conference.

INVITATIONS = "/conferences/main/8001/invitations"
CALL_BACK = "/conferences/main/8001/participants/{}/call-back"


def test_somebody_is_invited_as_on_the_page_and_the_invitation_has_an_address(
    administrator: Program, asterisk: Asterisk
) -> None:
    response = administrator.post("/conferences/main/a~sb/invitations", {"number": "+49 (30) 12", "name": "Carla\x07"})
    assert response.status_code == 201, response.content
    assert response["Location"] == "/api/v1/conferences/main/a~sb/invitations/e07a"
    said = response.json()
    assert (said["id"], said["number"], said["name"], said["state"]) == ("e07a", "+493012", "Carla", "waiting")
    (command,) = asterisk.commands
    assert (str(command.verb), command.key) == ("place.invite", "a/b")
    wanted = {"channel": "Local/+493012@internal/n", "number": "+493012", "name": "Carla", "caller_number": "101"}
    assert wanted.items() <= given(command).items()
    entry = AuditEntry.objects.get()
    assert (entry.subject, entry.via) == ("Carla <+493012> → a/b", str(administrator.token))


def test_an_invitation_can_be_got_and_is_taken_back_by_deleting_it(administrator: Program, asterisk: Asterisk) -> None:
    address = f"{INVITATIONS}/c41d03"
    assert administrator.get(address).json()["state"] == "busy"
    assert administrator.ask("DELETE", address).status_code == 204
    assert [str(command.verb) for command in asterisk.commands] == ["invitation.cancel"]
    assert problem(administrator.get(f"{INVITATIONS}/gone")) == (404, "not-found")
    assert problem(administrator.get("/conferences/main/8002/invitations/c41d03")) == (404, "not-found")


def test_whoever_is_or_was_in_a_conference_is_called_back(administrator: Program, asterisk: Asterisk) -> None:
    now = timezone.now()
    Attendance.objects.create(
        pbx="main", key="9.9/8001/1", record="8001/1", uniqueid="9.9", joined_at=now, left_at=now,
        caller_number="104", caller_name="Dora",
    )  # fmt: skip
    Attendance.objects.create(pbx="main", key="8.8/8001/1", record="8001/1", uniqueid="8.8", joined_at=now, left_at=now)
    for participant, number, name in (("1732451240.20", "109", "In 8001"), ("9.9", "104", "Dora")):
        response = administrator.post(CALL_BACK.format(participant))
        assert response["Location"] == "/api/v1/conferences/main/8001/invitations/e07b"
        said = response.json()
        assert (said["id"], said["number"], said["name"]) == ("e07b", number, name)
        command = asterisk.commands.pop()
        assert (str(command.verb), given(command)["uniqueid"]) == ("place.call-back", participant)
    response = administrator.post(CALL_BACK.format("8.8"))
    assert (problem(response), "Their number is not known" in response.json()["detail"]) == ((409, "not-ready"), True)
    assert problem(administrator.post(CALL_BACK.format("7.7"))) == (404, "not-found")
    assert asterisk.commands == []


@pytest.mark.parametrize(
    ("body", "field"),
    [({"number": "x"}, "number"), ({}, "number"), ({"number": "103", "name": "x" * 81}, "name"), ({"to": "1"}, "to")],
)
def test_an_invitation_that_cannot_be_meant_names_the_field(
    body: Any, field: str, administrator: Program, asterisk: Asterisk
) -> None:
    response = administrator.post(INVITATIONS, body)
    assert problem(response) == (422, "bad-input")
    assert field in [error["field"] for error in response.json()["errors"]]
    assert asterisk.commands == []


def test_nobody_is_called_where_something_is_in_the_way(administrator: Program, asterisk: Asterisk) -> None:
    body = {"number": "103"}
    assert problem(administrator.post("/conferences/other/8001/invitations", body)) == (404, "not-found")
    assert problem(administrator.post("/conferences/main/%208001/invitations", body)) == (409, "not-ready")
    Conference.objects.update(locked=True)
    assert problem(administrator.post(INVITATIONS, body)) == (409, "not-ready")
    Conference.objects.update(locked=False)
    DialPolicy.objects.update(allowed="104")
    assert problem(administrator.post(INVITATIONS, body)) == (403, "not-allowed")
    Profile.objects.update(dial_context="")
    assert problem(administrator.post(INVITATIONS, body)) == (409, "not-ready")
    assert asterisk.commands == []


def test_whoever_moderates_a_room_invites_into_it_and_nowhere_else(program: Makes, asterisk: Asterisk) -> None:
    user = people.person("Operator")
    people.room("8001", user)
    mine = program(user)
    assert mine.post(INVITATIONS, {"number": "103"}).status_code == 201
    assert problem(mine.post("/conferences/main/8002/invitations", {"number": "103"})) == (403, "not-allowed")
    assert len(asterisk.commands) == 1


def test_a_conference_of_any_name_has_an_address(operator: Program) -> None:
    people.conference("a/b ~c")
    assert operator.get("/conferences/main/a~sb%20~~c").json()["name"] == "a/b ~c"


def test_a_participant_can_be_got_and_is_removed_by_deleting_them(administrator: Program, asterisk: Asterisk) -> None:
    address = "/conferences/main/8001/participants/1732451240.20"
    (person,) = administrator.get("/conferences/main/8001").json()["people"]
    assert administrator.get(address).json() == person
    assert problem(administrator.get("/conferences/main/8002/participants/1732451240.20")) == (404, "not-found")
    assert administrator.ask("DELETE", address).status_code == 204
    assert [str(command.verb) for command in asterisk.commands] == ["participant.kick"]


def test_a_moderator_of_rooms_sees_the_conferences_in_these(program: Makes) -> None:
    user = people.person()
    people.conference("8002", "2.1")
    mine = program(user, "conferences.see_conferences")
    assert problem(mine.get("/conferences")) == (403, "not-allowed")
    people.room("8002", user)
    assert names(mine.get("/conferences")) == ["8002"]
    assert mine.get("/conferences/main/8002").status_code == 200
    assert problem(mine.get("/conferences/main/8001")) == (403, "not-allowed")


def test_extensions_are_listed_with_their_states_and_presence(administrator: Program) -> None:
    Extension.objects.create(pbx_id="main", address="102@internal", extension="102", context="internal", state=0)
    items = administrator.get("/extensions").json()["items"]
    assert [(item["id"], item["states"]) for item in items] == [
        ("101@internal", ["in use", "ringing"]), ("102@internal", ["idle"]),
    ]  # fmt: skip
    assert items[0]["presence"] == {"state": "away", "subtype": "", "message": "At lunch"}
    assert items[1]["presence"] is None
    assert names(administrator.get("/extensions?state=ringing"), "id") == ["101@internal"]
    assert names(administrator.get("/extensions?state=idle&pbx=main"), "id") == ["102@internal"]
    first = administrator.get("/extensions?limit=1").json()
    assert names(administrator.get(first["next"]), "id") == ["102@internal"]
    assert administrator.get("/extensions/main/101@internal").json() == items[0]
    assert problem(administrator.get("/extensions/main/109@internal")) == (404, "not-found")


@pytest.mark.parametrize(
    ("number", "states"),
    [(0, ["idle"]), (1, ["in use"]), (24, ["ringing", "on hold"]), (4, ["unavailable"]), (-1, ["unknown"])],
)
def test_the_states_of_an_extension_are_asterisks_flags_in_words(number: int, states: list[str]) -> None:
    assert states_of(number) == states


def test_a_pbx_says_whether_it_is_connected_and_why_not(operator: Program) -> None:
    assert operator.get("/pbxs").json()["items"][0]["is_up"] is True
    PBX.objects.update(link="down", reason="No route to %(host)s", reason_parameters={"host": "x"})
    said = operator.get("/pbxs/main").json()
    assert (said["is_up"], said["link"], said["why"]) == (False, "down", "No route to x")
    assert problem(operator.get("/pbxs/other")) == (404, "not-found")


def test_me_has_what_waits_for_a_call_of_mine(operator: Program) -> None:
    CampOn.objects.update(user_id=User.objects.get().pk, started_at=timezone.now())
    assert [row["id"] for row in operator.get("/me").json()["camp_ons"]] == ["9be17d"]


# Presence and switches.


def test_a_presence_is_told_with_where_calls_go(operator: Program) -> None:
    Presence.objects.update(subtype="until 2026-11-30T13:30Z")
    Forwarding.objects.create(pbx_id="main", extension="101", do_not_disturb=True, busy="102")
    said = operator.get("/presences/main/101").json()
    assert said == {
        "pbx": "main", "number": "101", "name": "Anna Alpha", "state": "away", "until": "2026-11-30T13:30:00Z",
        "note": "At lunch", "do_not_disturb": True,
        "forwarding": {"always": "", "busy": "102", "unanswered": ""},
    }  # fmt: skip
    assert problem(operator.get("/presences/main/199")) == (404, "not-found")
    assert problem(operator.get("/presences/other/101")) == (404, "not-found")


def test_to_which_private_number_calls_go_is_told_by_scope(operator: Program, program: Makes) -> None:
    boss = Person.objects.create(name="Boss", folded="")
    PersonNumber.objects.create(person=boss, kind="extension", number="105")
    PersonNumber.objects.create(person=boss, kind="mobile", number="0172 555", key="0172555")
    Forwarding.objects.create(pbx_id="main", extension="105", always="0172555", busy="102")
    private = {"always": "private", "busy": "102", "unanswered": ""}
    assert operator.get("/presences/main/105").json()["forwarding"]["always"] == "0172555"
    narrow = program(people.person("Operator", "ben"), "extensions.see_people")
    assert narrow.get("/presences/main/105").json()["forwarding"] == private
    viewer = program(people.person("Viewer", "vic"))
    assert viewer.get("/presences/main").json()["items"][-1]["forwarding"] == private


def test_presences_are_listed_in_parts_without_hidden_people_and_contacts(operator: Program) -> None:
    kinds: tuple[tuple[str, dict[str, Any]], ...] = (
        ("102", {}), ("103", {"hidden": True}), ("104", {"owner_id": operator.token.owner_id})
    )  # fmt: skip
    for number, values in kinds:
        person = Person.objects.create(name=f"P {number}", folded="", **values)
        PersonNumber.objects.create(person=person, kind="extension", number=number)
    first = operator.get("/presences/main?limit=1")
    assert names(first, "number") == ["101"]
    second = operator.get(first.json()["next"])
    assert (names(second, "number"), second.json()["next"]) == (["102"], None)
    assert [item["state"] for item in second.json()["items"]] == ["not_set"]
    assert problem(operator.get("/presences/main?cursor=WyIxIiwgIngiXQ")) == (422, "bad-input")


def test_one_sets_ones_own_presence_by_the_api_and_no_others(
    operator: Program, program: Makes, asterisk: Asterisk
) -> None:
    path = "/presences/main/101/set-presence"
    assert problem(operator.ask("PUT", path, {"state": "dnd"})) == (403, "not-allowed")
    Person.objects.update(user=None)
    Person.objects.filter(name="Anna Alpha").update(user=operator.token.owner_id)
    assert operator.ask("PUT", path, {"state": "dnd", "until": "2020-01-01T00:00Z"}).status_code == 422
    assert asterisk.commands == []
    assert operator.ask("PUT", path, {"state": "dnd"}).status_code == 204
    assert given(asterisk.commands.pop()) == {"state": "dnd", "until": "", "note": ""}
    root = program(people.person("Administrator", "root"))
    assert root.ask("PUT", "/presences/main/101/forward", {"when": "busy", "to": "102"}).status_code == 204


def test_switches_are_told_and_thrown(operator: Program, asterisk: Asterisk) -> None:
    (switch,) = operator.get("/switches").json()["items"]
    assert switch == {"pbx": "main", "id": "1", "name": "Night service", "on": None, "words": "not known"}
    Device.objects.create(pbx_id="main", name="Custom:NIGHT", state="INUSE")
    assert operator.get("/switches/main/1").json()["on"] is True
    path = "/switches/main/1/throw"
    assert operator.ask("PUT", path, {"on": "off"}).status_code == 204
    assert given(asterisk.commands.pop())["device"] == "Custom:NIGHT"
    assert problem(operator.ask("PUT", path, {"on": "off", "device": "PJSIP/101"})) == (422, "bad-input")
    assert problem(operator.get("/switches/other/1")) == (404, "not-found")
    assert problem(operator.get("/switches/main/x")) == (404, "not-found")
    assert asterisk.commands == []

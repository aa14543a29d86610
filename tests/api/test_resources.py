"""Conferences, extensions and PBXs by the API."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from api.extensions import states_of
from calls.models import CampOn
from engine.mirror.models import PBX
from extensions.models import Extension
from tests.access import people

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


def test_a_conference_of_any_name_has_an_address(operator: Program) -> None:
    people.conference("a/b ~c")
    assert operator.get("/conferences/main/a~sb%20~~c").json()["name"] == "a/b ~c"


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

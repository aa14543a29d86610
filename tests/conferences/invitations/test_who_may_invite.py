"""Calling people into a conference: who may, whom, how many; and the groups of people."""

import html
import json
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.utils import timezone

from accounts.models import DialPolicy, Profile
from audit.models import AuditEntry
from conferences.forms import Person, people_of, person_of
from conferences.invitations.models import Invitation, InviteGroup, InviteMember
from conferences.models import Conference
from conferences.records.models import Attendance
from conferences.rooms.models import Room
from engine.mirror.commands import Outcome, Status
from engine.mirror.models import PBX
from tests.access import people
from tests.access.people import Asterisk, given

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
INVITE, ME, BACK = (
    "/conferences/main/invite/8001/",
    "/conferences/main/call-me-in/8001/",
    "/conferences/main/call-back/8001/3.1/",
)


@pytest.fixture(autouse=True)
def asterisk(monkeypatch: pytest.MonkeyPatch) -> Asterisk:
    people.a_small_pbx()
    InviteGroup.objects.all().delete()
    return people.stand_in(monkeypatch)


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def mona() -> Client:
    return client_of(people.person("Moderator", "mona"))


def invite(client: Client, numbers: str = "", **data: str) -> Any:
    return client.post(INVITE, {"numbers": numbers, **data}, headers=HTMX)


def words(response: Any) -> str:
    return html.unescape(response.content.decode())


def left_in_the_box(response: Any) -> str:
    value: str = json.loads(response["HX-Trigger"])["invited"]["value"]
    return value


def called(asterisk: Asterisk) -> list[tuple[str, str]]:
    return [(str(command.verb), given(command).get("channel", "")) for command in asterisk.commands]


# What is typed.


@pytest.mark.parametrize(
    ("text", "person"),
    [
        ("102", Person("102")),
        (" +49 (30) 123-45/67 ", Person("+49301234567")),
        ("Carla <030 123>", Person("030123", "Carla")),
        ('"Cassini, Carla" <*21#>', Person("*21#", "Cassini, Carla")),
        ("102 Carla", Person("102", "Carla")),
        ("030 123 45  Carla Cassini", Person("03012345", "Carla Cassini")),
        ("Carla 102", Person("102", "Carla")),
        ("１０２ 李雷", Person("102", "李雷")),
        ("<102>", Person("102")),
        ("\u202eCarla\u0007 <102>", Person("102", "Carla")),
    ],
)
def test_a_person_is_a_number_with_or_without_a_name(text: str, person: Person) -> None:
    assert person_of(text) == person
    assert person_of(str(person)) == person


@pytest.mark.parametrize(
    "text", ["Carla", "12x4", "102 3x", "<>", "Carla <>", "Carla <Dora>", "102@trunk", "102&103", "1,2", "+", "٣x"]
)
def test_what_is_no_number_is_told(text: str) -> None:
    found, wrong = people_of([text])
    assert found == []
    assert [one for one, _why in wrong] == [text]
    assert "is not a number" in str(wrong[0][1])


# Inviting.


def test_each_is_a_command_of_its_own_that_says_whom_it_calls_and_as_whom(mona: Client, asterisk: Asterisk) -> None:
    response = invite(mona, "105, Carla <102>\n105；0301234567 Dora")
    assert response.status_code == 204
    assert left_in_the_box(response) == ""
    assert called(asterisk) == [
        ("place.invite", f"Local/{number}@internal/n") for number in ("105", "102", "0301234567")
    ]
    assert given(asterisk.commands[1]) == {
        "channel": "Local/102@internal/n", "number": "102", "name": "Carla", "caller_number": "101",
        "caller_name": "Conference 8001", "uniqueid": "",
    }  # fmt: skip
    entries = AuditEntry.objects.filter(topic="conference/8001", verb="invite").order_by("pk")
    assert [entry.subject for entry in entries] == ["105 → 8001", "Carla <102> → 8001", "Dora <0301234567> → 8001"]


def test_a_room_with_a_name_shows_it_to_those_who_are_called(mona: Client, asterisk: Asterisk) -> None:
    Room.objects.create(pbx="main", number="8001", name="Board")
    invite(mona, "102")
    assert given(asterisk.commands[0])["caller_name"] == "Board"


def test_refused_numbers_are_told_and_the_others_are_called(mona: Client, asterisk: Asterisk) -> None:
    DialPolicy.objects.filter(group__name="Moderator").update(refused="0900!")
    response = invite(mona, "102, Carla <0900123>, Hans, 105")
    assert response.status_code == 200
    text = words(response)
    assert "You may not call 0900123. Ask an administrator if you need to." in text
    assert "“Hans” is not a number" in text
    assert [given(command)["number"] for command in asterisk.commands] == ["102", "105"]
    assert left_in_the_box(response) == "Hans, Carla <0900123>"
    assert AuditEntry.objects.get(status="forbidden").subject == "Carla <0900123> → 8001"
    # And if there is nobody else.
    assert invite(mona, "0900123").status_code == 422


@pytest.mark.parametrize(
    ("fields", "profile", "why"),
    [
        ({"contexts": "from-*"}, {}, "You may not dial in the context “internal”."),
        ({"caller_ids": "2XX"}, {}, "You may not call as 101."),
        ({"allowed": "2XX"}, {}, "You may not call 102."),
        ({}, {"extension": "0301234567"}, "You may not call as 0301234567."),
        ({}, {"dial_context": ""}, "Enter one under “My phone” first"),
    ],
)
def test_the_dial_policy_is_asked_about_every_call(
    mona: Client, asterisk: Asterisk, fields: dict[str, str], profile: dict[str, str], why: str
) -> None:
    if fields:
        DialPolicy.objects.filter(group__name="Moderator").update(**fields)
    Profile.objects.update(**profile)
    for response in (
        invite(mona, "102"),
        mona.post("/conferences/main/invitations/1/retry/", headers=HTMX),
        mona.post(BACK, headers=HTMX),
    ):
        assert response.status_code in (403, 409, 422)
        assert why in words(response).replace("109", "102")
    assert asterisk.commands == []


def test_my_phone_must_be_one_that_i_may_have(mona: Client, asterisk: Asterisk) -> None:
    assert mona.post(ME).status_code == 204
    assert called(asterisk) == [("place.invite", "PJSIP/101")]
    assert given(asterisk.commands[0])["number"] == "101"
    asterisk.commands.clear()
    DialPolicy.objects.filter(group__name="Moderator").update(phones="PJSIP/2??")
    response = mona.post(ME)
    assert response.status_code == 403
    assert "You may not call from PJSIP/101." in words(response)
    Profile.objects.update(endpoint="")
    assert "is not set up yet" in words(mona.post(ME))
    people.pbx("berlin")
    Profile.objects.update(endpoint="PJSIP/101", pbx="berlin")
    assert "on a different PBX" in words(mona.post(ME))
    assert asterisk.commands == []


@pytest.mark.parametrize("period", ["minute", "day"])
def test_every_way_to_place_a_call_counts_against_the_minute_and_the_day(
    period: str, mona: Client, asterisk: Asterisk
) -> None:
    DialPolicy.objects.filter(group__name="Moderator").update(**{f"calls_per_{period}": 6})
    dial = {"number": "102", "command_id": "0123456789abcdef" * 2}
    retry = "/conferences/main/invitations/1/retry/"
    assert invite(mona, "102, 105").status_code == 204
    assert [mona.post(path).status_code for path in (retry, BACK, ME)] == [204] * 3
    assert mona.post("/calls/dial/", dial).status_code == 200
    dial["command_id"] = "1123456789abcdef" * 2
    for response in (
        invite(mona, "106"),
        mona.post(BACK),
        mona.post(ME),
        mona.post(retry),
        mona.post("/calls/dial/", dial),
    ):
        assert f"You may place 6 calls a {period}." in words(response)
    assert len(asterisk.commands) == 6


def test_cancelling_and_dismissing_are_no_calls(mona: Client, asterisk: Asterisk) -> None:
    DialPolicy.objects.all().delete()
    for verb in ("cancel", "dismiss"):
        assert mona.post(f"/conferences/main/invitations/1/{verb}/").status_code == 204
    assert called(asterisk) == [("invitation.cancel", ""), ("invitation.dismiss", "")]
    assert mona.post("/conferences/main/invitations/1/praise/").status_code == 404
    assert mona.post("/conferences/main/invitations/xyz/cancel/").status_code == 404


def test_whoever_tries_again_calls_as_himself(mona: Client, asterisk: Asterisk) -> None:
    Profile.objects.update(extension="103", dial_context="from-internal")
    assert mona.post("/conferences/main/invitations/1/retry/").status_code == 204
    parameters = given(asterisk.commands[0])
    assert (parameters["channel"], parameters["caller_number"]) == ("Local/102@from-internal/n", "103")
    Invitation.objects.update(channel="PJSIP/105")
    assert mona.post("/conferences/main/invitations/1/retry/").status_code == 204
    assert given(asterisk.commands[1])["channel"] == "PJSIP/105"


def test_a_locked_conference_must_be_unlocked_first(mona: Client, asterisk: Asterisk) -> None:
    Conference.objects.update(locked=True)
    for path in (INVITE, ME, BACK, "/conferences/main/invitations/1/retry/"):
        response = mona.post(path, {"numbers": "102"})
        assert response.status_code == 409
        assert "Unlock it first" in words(response)
    assert asterisk.commands == []


def test_a_number_that_is_being_called_already_is_told_in_the_users_language(mona: Client, asterisk: Asterisk) -> None:
    asterisk.answer = Outcome(Status.NOT_POSSIBLE, "This number is already being called.")
    response = invite(mona, "102")
    assert "102: This number is already being called." in words(response)
    assert left_in_the_box(response) == "102"


def test_while_the_pbx_is_away_nothing_leaves_the_box(mona: Client, asterisk: Asterisk) -> None:
    PBX.objects.update(link="down")
    response = invite(mona, "102, 105")
    assert response.status_code == 503
    assert "HX-Trigger" not in response
    assert AuditEntry.objects.count() == 1


def test_nothing_typed_too_much_typed_and_what_is_no_group(mona: Client, asterisk: Asterisk) -> None:
    assert "Enter a number" in words(invite(mona, " ,\n"))
    many = ",".join(str(number) for number in range(1000, 1201))
    assert "At most 200 people" in words(invite(mona, many))
    for group in ("7", "x", "9" * 30, "-1"):
        assert invite(mona, "102", group=group).status_code == 404
    assert mona.post("/conferences/elsewhere/invite/8001/", {"numbers": "102"}).status_code == 404
    assert mona.post("/conferences/main/invite/80%0A01/", {"numbers": "102"}).status_code == 409
    assert asterisk.commands == []


def test_of_a_group_only_those_are_called_who_are_not_there(mona: Client, asterisk: Asterisk) -> None:
    group = InviteGroup.objects.create(name="Board", changed_by=User.objects.get(username="mona"))
    assert "This group is empty" in words(invite(mona, group=str(group.pk)))
    for number in ("102", "109"):
        InviteMember.objects.create(group=group, name=f"N{number}", number=number)
    response = invite(mona, "105", group=str(group.pk))
    assert "1 of the group is already here, or being called." in words(response)
    assert [given(command)["number"] for command in asterisk.commands] == ["102", "105"]
    # Whoever is typed is meant.
    asterisk.commands.clear()
    assert invite(mona, "109").status_code == 204
    assert len(asterisk.commands) == 1


# Calling back.


def stay(number: str, name: str = "", uniqueid: str = "7.1", conference: str = "8001") -> None:
    Attendance.objects.create(
        pbx="main", key=f"{uniqueid}/{conference}/1", record="r", uniqueid=uniqueid, channel="PJSIP/x-1",
        caller_number=number, caller_name=name, joined_at=timezone.now(), left_at=timezone.now(),
    )  # fmt: skip


def test_who_is_there_and_who_has_left_can_be_called_back(mona: Client, asterisk: Asterisk) -> None:
    stay("102", "Carla")
    assert mona.post(BACK).status_code == 204
    assert mona.post("/conferences/main/call-back/8001/7.1/").status_code == 204
    told = [(str(command.verb), given(command)["number"], given(command)["uniqueid"]) for command in asterisk.commands]
    assert told == [("place.call-back", "109", "3.1"), ("place.call-back", "102", "7.1")]
    assert given(asterisk.commands[1])["name"] == "Carla"


def test_a_stay_in_another_conference_is_none_of_this_one(mona: Client, asterisk: Asterisk) -> None:
    stay("102", conference="8002")
    stay("", uniqueid="7.2")
    assert mona.post("/conferences/main/call-back/8001/7.1/").status_code == 404
    assert mona.post("/conferences/main/call-back/8001/8.1/").status_code == 404
    assert mona.post("/conferences/main/call-back/8002/3.1/").status_code == 404
    assert "number is not known" in words(mona.post("/conferences/main/call-back/8001/7.2/"))
    assert asterisk.commands == []


def test_who_has_left_is_listed_and_may_be_back(mona: Client) -> None:
    Conference.objects.update(record="r")
    stay("102", "<b>Carla</b>")
    stay("109", "Came back", uniqueid="7.2")
    stay("104", "Of another time", uniqueid="7.3")
    Attendance.objects.filter(uniqueid="7.3").update(record="older")
    page = mona.get("/conferences/main/8001/").content.decode()
    assert "&lt;b&gt;Carla&lt;/b&gt;" in page
    assert page.count("left-person") == 2
    assert "rejoined" in page
    assert "Of another time" not in page


# Who may.


PATHS = [INVITE, ME, BACK, "/conferences/main/invitations/1/retry/"]


@pytest.mark.parametrize("path", [*PATHS, "/conferences/main/invitations/1/cancel/"])
def test_a_moderator_of_a_room_calls_into_his_room_and_no_other(path: str, asterisk: Asterisk) -> None:
    user = people.person("Operator", "ben")
    client = client_of(user)
    room = Room.objects.create(pbx="main", number="8002")
    room.moderators.add(user)
    assert client.post(path, {"numbers": "102"}).status_code == 403
    assert asterisk.commands == []
    Room.objects.update(number="8001")
    assert client.post(path, {"numbers": "102"}).status_code == 204


@pytest.mark.parametrize("path", PATHS)
def test_who_may_moderate_and_place_no_calls_invites_nobody(path: str, asterisk: Asterisk) -> None:
    user = people.person()
    for name in ("moderate", "see_conferences"):
        user.user_permissions.add(Permission.objects.get(codename=name))
    client = client_of(User.objects.get(pk=user.pk))
    assert client.post(path, {"numbers": "102"}).status_code == 403
    assert asterisk.commands == []
    # They may cancel what rings; and they are shown no box.
    assert client.post("/conferences/main/invitations/1/cancel/").status_code == 204
    assert 'id="invite-numbers"' not in client.get("/conferences/main/8001/").content.decode()


def test_the_box_is_there_for_who_may_and_not_for_others(mona: Client) -> None:
    assert 'id="invite-numbers"' in mona.get("/conferences/main/8001/").content.decode()
    page = client_of(people.person("Viewer", "vic")).get("/conferences/main/8001/").content.decode()
    assert 'id="invite-numbers"' not in page
    assert 'id="invitation-main-1"' in page


# Groups.


def group_of(name: str = "Board", owner: User | None = None) -> InviteGroup:
    group = InviteGroup.objects.create(name=name, owner=owner)
    InviteMember.objects.create(group=group, name="Carla", number="102")
    return group


def test_a_group_is_made_changed_and_deleted_by_its_owner() -> None:
    user = people.person("Moderator", "mona")
    client = client_of(user)
    response = client.post("/groups/new/", {"name": "Board", "people": "Carla <102>\n\n105 Dora\n"})
    assert (response.status_code, response["Location"]) == (302, "/groups/")
    group = InviteGroup.objects.get()
    assert group.owner == user
    assert [str(member) for member in group.members.all()] == ["Carla 102", "Dora 105"]
    assert "Carla &lt;102&gt;\nDora &lt;105&gt;" in client.get(f"/groups/{group.pk}/").content.decode()
    client.post(f"/groups/{group.pk}/", {"name": "Council", "people": "106"})
    assert str(InviteGroup.objects.get()) == "Council"
    assert [str(member) for member in group.members.all()] == ["106"]
    assert client.post(f"/groups/{group.pk}/delete/").status_code == 302
    assert not InviteGroup.objects.exists()
    assert not InviteMember.objects.exists()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({"name": "Works"}, ["This field is required."]),
        ({"people": "102"}, ["This field is required."]),
        ({"name": "Board", "people": "102"}, ["already exists"]),
        ({"name": "Works", "people": "102\nnobody\n\n10x Carla\n1-0-2"},
         ["Line 2: “nobody” is not a number", "Line 4: “10x Carla” is not a number", "Line 5: 102 is already listed."]),
        ({"name": "Works", "people": "\n".join(str(number) for number in range(1000, 1201))}, ["at most 200 people"]),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_group_is_told_and_nothing_is_lost(
    mona: Client, data: dict[str, str], why: list[str]
) -> None:
    group_of("Board")
    response = mona.post("/groups/new/", data)
    assert response.status_code == 422
    text = words(response)
    for sentence in why:
        assert sentence in text
    for typed in data.values():
        assert typed in text
    assert InviteGroup.objects.count() == 1


@pytest.mark.parametrize("path", ["/groups/{}/", "/groups/{}/delete/"])
def test_the_group_of_another_is_changed_only_by_who_plans_rooms(path: str) -> None:
    group = group_of(owner=people.person("Moderator", "otto"))
    ben = people.person("Operator", "ben")
    Room.objects.create(pbx="main", number="8001").moderators.add(ben)
    client = client_of(ben)
    page = client.get("/groups/").content.decode()
    assert "Board" in page
    assert f'href="/groups/{group.pk}/"' not in page
    data = {"name": "Mine", "people": "106"}
    assert client.post(path.format(group.pk), data).status_code == 403
    assert client.post(path.format(999), data).status_code == 403
    assert str(InviteGroup.objects.get()) == "Board"
    user = people.person("Viewer", "paul")
    user.user_permissions.add(Permission.objects.get(codename="plan_rooms"))
    planner = client_of(User.objects.get(pk=user.pk))
    assert planner.post(path.format(group.pk), data).status_code == 302
    assert planner.post(path.format(999), data).status_code == 404


def test_an_owner_who_moderates_nothing_any_more_has_lost_his_group() -> None:
    user = people.person("Moderator", "mona")
    group = group_of(owner=user)
    user.groups.set([Group.objects.get(name="Operator")])
    client = client_of(User.objects.get(pk=user.pk))
    assert client.get("/groups/").status_code == 403
    assert client.get(f"/groups/{group.pk}/").status_code == 403
    Room.objects.create(pbx="main", number="8001").moderators.add(user)
    assert client.get(f"/groups/{group.pk}/").status_code == 200

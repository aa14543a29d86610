"""Rooms: who plans them, what a plan may hold, and what a moderator of one room may see and do."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from accounts.identity import viewer_of
from audit.models import AuditEntry
from conferences.invitations.models import InviteGroup
from conferences.rooms.models import Room, permission_for
from conferences.targets import CONFERENCE, PARTICIPANT
from engine.mirror import verbs
from tests.access import people
from tests.access.people import NOBODY, Asterisk
from tests.moments import without_moments

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def asterisk(monkeypatch: pytest.MonkeyPatch) -> Asterisk:
    """8001 with the participant 3.1, and 8002 with 6.1."""
    people.a_small_pbx()
    people.conference("8002", "6.1")
    return people.stand_in(monkeypatch)


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def rita() -> User:
    """She moderates the room 8002, and may nothing else."""
    user = people.person(NOBODY, "rita")
    people.room("8002", user, name="Board meeting")
    return user


# A moderator of one room.


def test_she_sees_her_rooms_alone(rita: User) -> None:
    people.room("8003", rita)
    people.room("8004", name="Not hers")
    client = client_of(rita)
    html = client.get("/conferences/").content.decode()
    assert 'id="conference-main-8002"' in html
    assert "conference-main-8001" not in html
    assert 'href="/conferences/main/8003/"' in html  # it does not run
    assert not re.search(r"\b8004\b", html)  # a time in milliseconds may have these digits within
    assert client.get("/conferences/main/8002/").status_code == 200
    assert client.get("/conferences/main/8003/").status_code == 200
    for path in (
        "/conferences/main/8001/",
        "/conferences/main/8004/",
        "/conferences/other/8002/",
        "/calls/",
        "/rooms/",
    ):
        assert client.get(path).status_code == 403, path


def test_the_navigation_leads_her_there_and_counts_nothing_that_she_may_not_see(rita: User) -> None:
    html = without_moments(client_of(rita).get("/").content.decode())
    assert 'href="/conferences/"' in html
    assert "count-conferences" not in html
    assert 'id="conference-main-8002"' in html
    assert "8001" not in html
    assert "You may not see calls or conferences yet." not in html
    Room.objects.all().delete()
    html = without_moments(client_of(rita).get("/").content.decode())
    assert 'href="/conferences/"' not in html
    assert "8002" not in html


def test_the_buttons_show_on_the_page_of_her_room_alone(rita: User) -> None:
    rita.groups.add(Group.objects.get(name="Viewer"))
    client = client_of(rita)
    assert "may-moderate" in client.get("/conferences/main/8002/").content.decode()
    assert "may-moderate" not in client.get("/conferences/main/8001/").content.decode()
    assert "may-moderate" not in client.get("/conferences/").content.decode()


@pytest.mark.parametrize("verb", sorted(verb.path for verb in verbs.verbs.values() if verb.target is PARTICIPANT))
def test_she_moderates_who_is_in_her_room_and_nobody_else(rita: User, verb: str, asterisk: Asterisk) -> None:
    client = client_of(rita)
    data = {"to": "8002", "other": "6.2"}
    assert client.post(f"/conferences/main/participants/3.1/{verb}/", data).status_code == 403
    assert client.post(f"/conferences/main/participants/7.7/{verb}/", data).status_code == 403
    assert asterisk.commands == []
    assert not AuditEntry.objects.exists()
    told = 200 if verb == "video-source" else 204
    assert client.post(f"/conferences/main/participants/6.1/{verb}/", data).status_code == told
    assert len(asterisk.commands) == 1


def test_she_moves_nobody_into_a_room_that_is_not_hers(rita: User, asterisk: Asterisk) -> None:
    client = client_of(rita)
    assert client.post("/conferences/main/participants/6.1/move/", {"to": "8001"}).status_code == 403
    assert asterisk.commands == []


@pytest.mark.parametrize("verb", sorted(verb.path for verb in verbs.verbs.values() if verb.target is CONFERENCE))
def test_she_moderates_all_of_her_room_and_of_no_other(rita: User, verb: str, asterisk: Asterisk) -> None:
    client = client_of(rita)
    data = {"sound": "beep"}
    assert client.post(f"/conferences/main/all/8001/{verb}/", data).status_code == 403
    assert client.post(f"/conferences/main/all/8009/{verb}/", data).status_code == 403
    assert asterisk.commands == []
    assert client.post(f"/conferences/main/all/8002/{verb}/", data).status_code == 204
    assert len(asterisk.commands) == 1


@pytest.mark.parametrize(
    ("name", "is_hers"),
    [("8002-aside", True), ("8002-aside-2", True), ("8002-asides", False), ("8001-aside", False), ("-aside", False)],
)
def test_whom_she_took_aside_she_sees_and_fetches_back(
    rita: User, asterisk: Asterisk, name: str, is_hers: bool
) -> None:
    people.conference(name, "8.1")
    client = client_of(rita)
    assert (client.get(f"/conferences/main/{name}/").status_code == 200) is is_hers
    assert (f'id="conference-main-{name}"' in client.get("/conferences/").content.decode()) is is_hers
    assert client.post(f"/conferences/main/all/{name}/back/").status_code == (204 if is_hers else 403)
    assert (permission_for("main", name) in viewer_of(rita, "en").permissions) is is_hers


def test_a_room_that_was_taken_from_her_is_hers_no_more(rita: User, asterisk: Asterisk) -> None:
    client = client_of(rita)
    Room.objects.get().moderators.clear()
    assert client.get("/conferences/").status_code == 403
    assert client.get("/conferences/main/8002/").status_code == 403
    assert client.post("/conferences/main/participants/6.1/mute/").status_code == 403
    assert asterisk.commands == []


def test_the_name_of_a_room_shows_with_its_number(rita: User) -> None:
    client = client_of(rita)
    html = client.get("/conferences/main/8002/").content.decode()
    assert "<title>Board meeting · Conference 8002" in html
    for page in (html, client.get("/conferences/").content.decode()):
        assert '<bdi class="room-name">Board meeting</bdi>' in page


# Plans.

FIELDS: dict[str, Any] = {"pbx": "main", "number": "8003"}


@pytest.fixture
def mona() -> User:
    return people.person("Moderator", "mona")


def test_a_plan_is_made_changed_and_deleted(mona: User, rita: User) -> None:
    group = InviteGroup.objects.create(name="Board")
    client = client_of(mona)
    assert "No room is planned." not in client.get("/rooms/").content.decode()
    data = FIELDS | {
        "name": " Team\n call ", "moderators": [rita.pk], "invite_groups": [group.pk], "lecture": "on", "record": "on",
        "lock_after": "5", "greeting": "custom/welcome", "people": "Ben <102>\n\n 030 1234 Carla ",
    }  # fmt: skip
    made = Room.objects.get(pk=int(client.post("/rooms/new/", data)["Location"].split("/")[2]))
    assert (made.pbx, made.number, made.name, made.lecture, made.record, made.lock_after, made.greeting) == (
        "main", "8003", "Team call", True, True, 5, "custom/welcome",
    )  # fmt: skip
    assert (list(made.moderators.all()), list(made.invite_groups.all()), made.planned_by) == ([rita], [group], mona)
    assert made.people == "Ben <102>\nCarla <0301234>"
    page = client.get(f"/rooms/{made.pk}/")
    html = page.content.decode()
    assert "Saved." in html
    assert "Ben &lt;102&gt;\nCarla &lt;0301234&gt;</textarea>" in html
    assert "2 people" in client.get("/rooms/").content.decode()
    assert "ConfBridge(8003,pbxpanel_bridge,pbxpanel_user,pbxpanel_menu)" in html
    assert "Team call" in client.get("/rooms/").content.decode()
    ben = people.person("Administrator", "ben")
    assert client_of(ben).post(f"/rooms/{made.pk}/", FIELDS | {"lock_after": "0"}).status_code == 302
    made.refresh_from_db()
    assert (made.name, made.lecture, made.lock_after, made.planned_by) == ("", False, None, ben)
    assert not made.moderators.exists()
    assert client.get(f"/rooms/{made.pk}/delete/").status_code == 200
    assert Room.objects.filter(pk=made.pk).exists()
    assert client.post(f"/rooms/{made.pk}/delete/")["Location"] == "/rooms/"
    assert not Room.objects.filter(pk=made.pk).exists()
    assert client.get(f"/rooms/{made.pk}/").status_code == 404


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("number", "", "This field is required."),
        ("number", "8002", "There is already a plan for this room."),
        ("number", "_X.", "Use only letters, digits"),
        ("number", "80 03", "Use only letters, digits"),
        ("number", "8003,x", "Use only letters, digits"),
        ("number", "8003\n[evil]", "Use only letters, digits"),
        ("number", "8" * 81, "at most 80 characters"),
        ("pbx", "elsewhere", "Select a valid choice."),
        ("greeting", "../../etc/passwd", "Enter the name of a sound"),
        ("greeting", "a&b", "Enter the name of a sound"),
        ("lock_after", "soon", "Enter a whole number."),
        ("lock_after", "1441", "less than or equal to 1440"),
        ("moderators", "999", "is not one of the available choices"),
        ("invite_groups", "x", "is not a valid value"),
        ("people", "Ben <102>\nnobody", "Line 2: "),
        ("people", "102\n102 Ben", "Line 2: 102 is already listed."),
    ],
)
def test_what_is_wrong_is_said_and_nothing_typed_is_lost(
    mona: User, rita: User, field: str, value: str, words: str
) -> None:
    data = FIELDS | {
        "name": "Team <b>call</b>",
        "moderators": [rita.pk],
        field: [value] if field == "moderators" else value,
    }
    page = client_of(mona).post("/rooms/new/", data)
    html = page.content.decode()
    assert page.status_code == 422
    assert words in html
    assert "Not saved yet" in html
    assert 'value="Team &lt;b&gt;call&lt;/b&gt;"' in html
    assert page.context["form"]["moderators"].value() == [str(data["moderators"][0])]
    assert Room.objects.count() == 1


def test_a_plan_whose_pbx_is_away_keeps_it(mona: User) -> None:
    made = people.room("8005", pbx="elsewhere")
    client = client_of(mona)
    assert '<option value="elsewhere" selected>' in client.get(f"/rooms/{made.pk}/").content.decode()
    assert client.post(f"/rooms/{made.pk}/", {"pbx": "elsewhere", "number": "8005", "name": "Kept"}).status_code == 302
    made.refresh_from_db()
    assert (made.pbx, made.name) == ("elsewhere", "Kept")


def test_who_is_deactivated_is_no_new_moderator_but_stays_one_in_the_plan(mona: User, rita: User) -> None:
    User.objects.filter(pk=rita.pk).update(is_active=False)
    client = client_of(mona)
    assert "rita" not in client.get("/rooms/new/").content.decode()
    assert client.post("/rooms/new/", FIELDS | {"moderators": [rita.pk]}).status_code == 422
    assert "rita" in client.get(f"/rooms/{Room.objects.get().pk}/").content.decode()


def test_in_the_administration_whoever_saves_is_the_planner() -> None:
    user = people.person("Administrator", "ben", staff=True)
    client = client_of(user)
    assert client.post("/admin/conferences/room/add/", FIELDS).status_code == 302
    made = Room.objects.get(number="8003")
    assert made.planned_by == user
    assert client.post("/admin/conferences/room/add/", FIELDS | {"number": "8 3"}).status_code == 200
    assert client.get(f"/admin/conferences/room/{made.pk}/change/").status_code == 200

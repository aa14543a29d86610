"""How the page of a conference is drawn: what is told again, by how many queries, and what a row says."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import translation
from pytest_django import DjangoAssertNumQueries

from accounts.models import Profile
from conferences import fragments as conference_fragments
from conferences.invitations.models import Invitation, InviteGroup, InviteMember
from conferences.models import VOICE, Conference, Participant
from conferences.rooms.models import Room
from engine.live.fragments import Row, rows_of
from engine.mirror.models import PBX
from tests.moments import without_moments

pytestmark = pytest.mark.django_db

BEGAN = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def conference() -> Conference:
    PBX.objects.create(name="main")
    return Conference.objects.create(pbx_id="main", name="8001", started_at=BEGAN)


def participant(number: int, **values: object) -> Participant:
    given = {"conference": "8001", "channel": f"PJSIP/{number}-1", "joined_at": BEGAN + timedelta(seconds=number)}
    return Participant.objects.create(pbx_id="main", uniqueid=f"1.{number}", **given | values)


class Page:
    """What was drawn so far of one PBX, as a worker keeps it."""

    def __init__(self) -> None:
        self.drawn: dict[str, object] = {}

    def change(self, *people: Participant) -> dict[str, str]:
        """Kind of row → HTML, of what is drawn when these participants have changed."""
        subjects = {subject for person in people for subject in person.subjects()}
        rows: list[Row] = rows_of("main", subjects, ["en"], self.drawn)
        found: dict[str, str] = {}
        for row in rows:
            found[row.kind] = found.get(row.kind, "") + (row.html or {"en": ""})["en"]
        return found


def test_of_one_who_begins_to_talk_only_that_is_told() -> None:
    person, page = participant(1, caller_name="Carla"), Page()
    assert set(page.change(person)) == {"participant", "conference", "conference-head", "conference-hands", "count"}
    person.talking, person.talking_since = True, BEGAN
    person.save()
    found = page.change(person)
    assert set(found) == {"talk", "conference"}  # the card names who talks
    since = int(BEGAN.timestamp() * 1000)
    assert found["talk"] == f'<i id="{person.dom_id}" data-attributes data-talked="0" data-talking-since="{since}"></i>'
    person.talking, person.talking_since, person.talked = False, None, 1500
    person.save()
    assert 'data-talked="1500" data-talking-since=""' in page.change(person)["talk"]
    person.muted, person.muted_by = True, "moderator"
    person.save()
    found = page.change(person)
    assert set(found) == {"participant", "conference", "conference-head"}
    assert "muted by a moderator" in found["participant"]
    assert "<strong>1</strong> muted" in found["conference-head"]


def test_what_is_gone_and_comes_back_is_drawn_whole() -> None:
    person, page = participant(1), Page()
    page.change(person)
    person.delete()
    person.uniqueid = "1.1"
    assert page.change(person)["participant"] == ""
    assert "<li" in page.change(participant(1))["participant"]


def test_who_talks_costs_few_queries_however_many_there_are(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    people, page = [participant(number, talking=True, talking_since=BEGAN) for number in range(60)], Page()
    page.change(*people)
    Participant.objects.update(talked=100)
    with django_assert_max_num_queries(7):
        found = page.change(*people)
    assert found["talk"].count("<i ") == 60


def test_hands_are_drawn_in_the_order_raised() -> None:
    page = Page()
    first = participant(1, caller_name="Carla", hand_at=BEGAN + timedelta(seconds=9))
    participant(2, caller_name="Dora", hand_at=BEGAN + timedelta(seconds=5))
    participant(3, caller_name="Emil")
    names = re.findall(r'party-label">(\w+)<', page.change(first)["conference-hands"])
    assert names == ["Dora", "Carla"]
    first.hand_at = None
    first.save()
    found = page.change(first)
    assert re.findall(r'party-label">(\w+)<', found["conference-hands"]) == ["Dora"]
    assert "1 hand" in found["conference"]


def test_a_side_room_shows_on_the_page_from_which_it_was_taken() -> None:
    participant(1)
    taken = participant(2, conference="8001-aside", aside_from="8001")
    assert "8001-aside" in Page().change(taken)["conference-head"]


def test_what_the_panel_says_to_a_room_is_no_participant() -> None:
    participant(1)
    voice = participant(2, channel=f"{VOICE}0001;2", talking=True)
    found = Page().change(voice)
    assert found["participant"] == ""
    assert "a sound is being played" in found["conference-head"]
    assert "<strong>1</strong> participant" in found["conference-head"]
    with translation.override("en"):
        assert conference_fragments.participants("main", "8001").count("<li") == 1


def test_names_of_the_directory_stand_beside_those_that_callers_give_themselves() -> None:
    user = User.objects.create_user("anna", first_name="Anna", last_name="Alpha")
    Profile.objects.create(user=user, extension="101")
    group = InviteGroup.objects.create(name="board")
    InviteMember.objects.create(group=group, name="Berta", number="0305")
    InviteMember.objects.create(group=group, name="Not Anna", number="101")
    participant(1, caller_name="front desk", caller_number="101")
    participant(2, caller_number="0305")
    participant(3, caller_name="anna alpha", caller_number="101")
    with translation.override("en"):
        html = conference_fragments.participants("main", "8001")
    names = [re.findall(r"<bdi[^>]*>([^<]*)<", row) for row in html.split("<li")[1:]]
    assert names == [["Anna Alpha", "101", "front desk"], ["Berta", "0305"], ["Anna Alpha", "101"]]


def test_the_page_has_buttons_for_whoever_moderates_this_room_alone() -> None:
    vic = User.objects.create_user("vic")
    vic.user_permissions.add(*Permission.objects.filter(codename="see_conferences"))
    Room.objects.create(pbx="main", number="8001").moderators.add(vic)
    client = Client()
    client.force_login(vic)
    pages = {name: client.get(f"/conferences/main/{name}/").content.decode() for name in ("8001", "8002")}
    assert "may-moderate" in pages["8001"].split("<body", 1)[1][:200]
    assert 'id="kick-dialog"' in pages["8001"]
    assert "may-moderate" not in pages["8002"].split("<body", 1)[1][:200]
    assert 'id="kick-dialog"' not in pages["8002"]
    Conference.objects.create(pbx_id="main", name="8002", started_at=BEGAN)
    assert client.get("/conferences/main/choices/8001/").status_code == 200
    # They may move nobody into a conference that they do not moderate.
    assert "8002" not in without_moments(client.get("/conferences/main/choices/8001/").content.decode())
    assert client.get("/conferences/main/choices/8002/").status_code == 403


def test_the_cards_of_many_conferences_are_drawn_by_as_many_queries_as_of_two(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    def add(number: int) -> None:
        name = f"81{number:02}"
        Conference.objects.create(pbx_id="main", name=name, started_at=BEGAN + timedelta(minutes=number))
        for at in range(6):
            participant(100 * number + at, conference=name, talking=True, hand_at=BEGAN, caller_name=f"N{number}-{at}")
        participant(100 * number + 9, conference=f"{name}#pbxpanel", aside_from=name)

    def cards() -> list[str]:
        # The conferences, and how many are in them; who talks; hands; side rooms; planned rooms.
        with django_assert_num_queries(6):
            return conference_fragments.cards({"conferences.see_conferences"}).split("</article>")[:-1]

    add(1)
    assert len(cards()) == 2
    for number in range(2, 40):
        add(number)
    found = cards()
    assert len(found) == 40
    for number, card in enumerate(found[1:], 1):
        assert re.findall(r"N\d+-\d", card) == [f"N{number}-{at}" for at in range(4)]


def test_rows_of_one_millisecond_stand_on_the_page_as_the_database_has_them() -> None:
    """By the time to the last digit: the page puts rows in order by `data-order`, then by id."""
    moments = {number: BEGAN + timedelta(microseconds=us) for number, us in ((1, 3), (2, 2), (3, 1), (4, 1000))}
    for number, moment in moments.items():
        participant(number, joined_at=moment)
        Conference.objects.create(pbx_id="main", name=f"810{number}", started_at=moment)
        Invitation.objects.create(pbx_id="main", conference="8001", code=f"code-{number}", invited_at=moment)
    user = User.objects.create_superuser("anna")
    client = Client()
    client.force_login(user)
    room, all_of_them = (client.get(path).content.decode() for path in ("/conferences/main/8001/", "/conferences/"))
    for page, model in ((room, Participant), (all_of_them, Conference), (room, Invitation)):
        rows = [row for row in model.objects.all() if getattr(row, "name", "") != "8001"]
        orders = dict(re.findall(r'id="([^"]+)"\s+data-order="(\d+)"', page))
        found = [(name, int(order)) for name, order in orders.items() if name in {row.dom_id for row in rows}]
        assert [name for name, _ in found] == [row.dom_id for row in rows]
        assert [order - found[0][1] for _, order in found] == [0, 1, 2, 999]

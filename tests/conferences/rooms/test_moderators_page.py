"""What a moderator's page says: who is meant, who left last, and where those of a side room are now."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from audit.models import AuditEntry
from conferences.invitations.models import Invitation
from conferences.models import Conference, Participant
from conferences.records.models import Attendance
from tests.access import people
from tests.access.people import Asterisk

pytestmark = pytest.mark.django_db

PAGE = "/conferences/main/8001/"


@pytest.fixture
def asterisk(monkeypatch: pytest.MonkeyPatch) -> Asterisk:
    return people.stand_in(monkeypatch)


@pytest.fixture
def mona(asterisk: Asterisk) -> Client:
    people.a_small_pbx()
    client = Client()
    client.force_login(people.person("Moderator", "mona", "PJSIP/103"))
    return client


def names(html: str, **attributes: str) -> list[str]:
    """The accessible names of the buttons with this data-action."""
    found = re.findall(r"<(?:button|summary)[^>]*>", html)
    wanted = [f'data-{name}="{value}"' for name, value in attributes.items()]
    return [
        re.search(r'aria-label="([^"]*)"', tag)[1]  # type: ignore[index]
        for tag in found
        if all(text in tag for text in wanted) and "aria-label" in tag
    ]


def test_two_of_one_name_are_told_apart_by_their_numbers(mona: Client) -> None:
    people.conference("8005")
    for number in ("0401", "0402"):
        Participant.objects.create(
            pbx_id="main", uniqueid=f"5.{number}", conference="8005", channel=f"PJSIP/{number}-1",
            caller_name="Ben Beta", caller_number=number, hand_at=timezone.now(), joined_at=timezone.now(),
        )  # fmt: skip
        Invitation.objects.create(
            pbx_id="main", code=number, conference="8005", channel=f"Local/{number}@internal/n", number=number,
            name="Ben Beta", state="busy", invited_at=timezone.now(),
        )  # fmt: skip
    html = mona.get("/conferences/main/8005/").content.decode()
    assert names(html, action="mute") == ["Mute Ben Beta 0401", "Mute Ben Beta 0402"]
    assert names(html, action="kick") == ["Kick Ben Beta 0401", "Kick Ben Beta 0402"]
    hands = ["Give the floor to Ben Beta 0401", "Give the floor to Ben Beta 0402"]
    assert names(html, action="give-word") == hands
    assert names(html, action="retry-invitation") == ["Call Ben Beta 0401 again", "Call Ben Beta 0402 again"]
    for number in ("0401", "0402"):
        assert f'aria-label="More for Ben Beta {number}"' in html


def test_whoever_left_last_is_at_the_top(mona: Client) -> None:
    Conference.objects.update(record="r")
    now = timezone.now()
    # 104 left, came back and left again.
    for number, minutes in (("104", 9), ("102", 7), ("105", 5), ("104", 3)):
        Attendance.objects.create(
            pbx="main", key=f"{number}-{minutes}", record="r", uniqueid=f"7.{minutes}", channel=f"PJSIP/{number}-1",
            caller_number=number, joined_at=now - timedelta(hours=1), left_at=now - timedelta(minutes=minutes),
        )  # fmt: skip
    html = mona.get(PAGE).content.decode()
    assert re.findall(r"Call back (\d+)", html) == ["104", "105", "102"]


def test_taking_aside_without_saying_with_whom_asks_for_it(mona: Client, asterisk: Asterisk) -> None:
    for data in ({}, {"other": ""}):
        answer = mona.post("/conferences/main/participants/3.1/aside/", data)
        assert answer.status_code == 400
        assert "Choose who else to take aside." in answer.content.decode()
    assert asterisk.commands == []
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("runs", [True, False])
def test_a_side_room_links_to_where_its_people_were_taken_from(mona: Client, runs: bool) -> None:
    if runs:
        people.conference("8001-aside-2", "6.1")
    html = mona.get("/conferences/main/8001-aside-2/").content.decode()
    head = html.split('id="conference-head"')[1].split('class="room"')[0]
    assert re.findall(r'<a [^>]*href="([^"]*)"', head) == [PAGE]
    assert ("is not running" in head) is not runs
    head = mona.get(PAGE).content.decode().split('id="conference-head"')[1].split('class="room"')[0]
    assert "<a " not in head


def test_the_box_of_raised_hands_is_there_when_there_are_hands(mona: Client) -> None:
    def box() -> Any:
        return re.search(r'<section id="room-hands"[^>]*>', mona.get(PAGE).content.decode())

    assert " hidden" in box()[0]
    Participant.objects.update(hand_at=timezone.now())
    assert " hidden" not in box()[0]


def test_muting_everybody_else_is_on_record_in_words(mona: Client, asterisk: Asterisk) -> None:
    assert mona.post("/conferences/main/participants/3.1/mute-others/").status_code == 204
    (command,) = asterisk.commands
    assert (str(command.verb), command.key) == ("participant.mute-others", "3.1")
    assert AuditEntry.objects.get().what == "Mute everybody else"

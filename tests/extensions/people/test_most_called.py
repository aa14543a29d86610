"""Whom one has called most lately is found first."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone

from calls.models import Channel
from engine.mirror import commands
from engine.mirror.commands import Outcome, Status
from extensions.people import own
from extensions.people.finding import found_by
from extensions.people.own import Called, count_call
from tests.access import people

from .test_people import add

pytestmark = pytest.mark.django_db


@pytest.fixture
def asterisk(monkeypatch: pytest.MonkeyPatch) -> people.Asterisk:
    people.pbx()
    return people.stand_in(monkeypatch)


@pytest.fixture
def ben(asterisk: people.Asterisk) -> User:
    return people.person("Operator", "ben", "PJSIP/102")


def names(user: User, typed: str) -> list[str]:
    return [person.name for person in found_by(user, typed)]


def dial(user: User, number: str) -> int:
    browser = Client()
    browser.force_login(user)
    id = f"{Called.objects.count()}{number.strip('+')}".encode().hex().ljust(32, "0")[:32]
    return int(browser.post("/calls/dial/", {"number": number, "command_id": id}).status_code)


def test_whom_one_calls_most_is_found_first_for_oneself_alone(ben: User) -> None:
    for name, number in (("Anna", "7001"), ("Annika", "7002"), ("Susanna", "7003")):
        add(name, extension=number)
    assert names(ben, "an") == ["Anna", "Annika", "Susanna"]
    for number in ("7003", "7002", "7003"):
        assert dial(ben, number) == 200
    assert names(ben, "an") == ["Susanna", "Annika", "Anna"]
    assert names(ben, "anni") == ["Annika"]
    assert names(people.person("Operator", "mia", "PJSIP/103"), "an") == ["Anna", "Annika", "Susanna"]


def test_a_transfer_counts_as_a_call(ben: User, asterisk: people.Asterisk) -> None:
    add("Anna", extension="7001")
    add("Annika", extension="7002")
    people.channel("1.1", "PJSIP/102")
    people.channel("1.2", "PJSIP/109", "1.1")
    browser = Client()
    browser.force_login(ben)
    assert browser.post("/calls/main/channels/1.2/transfer/", {"to": "7002"}).status_code == 200
    assert names(ben, "an") == ["Annika", "Anna"]
    Channel.objects.all().delete()


def test_what_was_not_done_does_not_count(ben: User, asterisk: people.Asterisk) -> None:
    add("Anna", extension="7001")
    asterisk.answer = Outcome(Status.REFUSED, "No")
    dial(ben, "7001")
    assert not Called.objects.exists()


def test_long_ago_does_not_count_any_more(ben: User) -> None:
    add("Anna", extension="7001")
    annika = add("Annika", extension="7002")
    dial(ben, "7002")
    Called.objects.update(count=50, at=timezone.now() - own.LATELY - timedelta(days=1))
    assert names(ben, "an") == ["Anna", "Annika"]
    dial(ben, "7002")
    assert Called.objects.get(person=annika).count == 1


@pytest.mark.parametrize("kept", ["+49 30 123456-78", "030 12345678", "030 (1234) 5678"])
def test_a_number_counts_however_it_is_written(ben: User, kept: str) -> None:
    add("Anna", outside=kept)
    add("Another", outside="+49 30 1234567899, 12345678 9")
    dial(ben, "03012345678")
    assert [called.person.name for called in Called.objects.all()] == ["Anna"]


def test_of_hidden_people_and_others_contacts_nothing_is_counted(ben: User) -> None:
    mia = people.person("Operator", "mia", "PJSIP/103")
    add("Hidden", extension="7001", hidden="on")
    add("Hers", owner=mia, mobile="7001")
    mine = add("Mine", owner=ben, mobile="7001")
    dial(ben, "7001")
    assert [called.person for called in Called.objects.filter(user=ben)] == [mine]


def test_a_database_that_fails_to_count_fails_no_call(
    ben: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(command: Any) -> None:
        raise DatabaseError("locked")

    monkeypatch.setattr(commands, "followers", [fail])
    with caplog.at_level(logging.ERROR):
        assert dial(ben, "7001") == 200
    assert "could not be stored" in caplog.text


def test_finding_costs_as_many_queries_however_many_were_called(ben: User, django_assert_num_queries: Any) -> None:
    for number in range(30):
        add(f"Anna {number}", extension=str(7000 + number))
        count_call(ben, str(7000 + number))
    ben = User.objects.get(pk=ben.pk)
    ben.has_perm("extensions.see_people")
    with django_assert_num_queries(4):
        assert len(names(ben, "anna")) == 10

"""Click-to-call within the dial policies: what is refused is not sent, told in words, and on record."""

import html
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db import connections
from django.test import Client

from accounts.models import DialPolicy, Profile
from audit.models import AuditEntry
from engine.mirror.commands import Outcome, Status
from engine.mirror.models import PBX
from engine.mirror.verbs import placing_calls
from tests.access import people
from tests.access.people import Asterisk

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
PHONE = {"pbx": "main", "extension": "101", "endpoint": "PJSIP/101", "dial_context": "internal"}


@pytest.fixture
def asterisk(monkeypatch: pytest.MonkeyPatch) -> Asterisk:
    people.a_small_pbx()
    return people.stand_in(monkeypatch)


@pytest.fixture
def anna(asterisk: Asterisk) -> Client:
    """Anna, operator, whose phone is 101."""
    return people.client_of(people.person("Operator"))


def policy(group: str = "Operator", **fields: Any) -> None:
    """Change the policy of a group."""
    DialPolicy.objects.filter(group__name=group).update(**fields)


def ids() -> Iterator[str]:
    number = 0
    while True:
        number += 1
        yield f"{number:032x}"


IDS = ids()


def dial(client: Client, number: str = "102") -> Any:
    return client.post("/calls/dial/", {"number": number, "command_id": next(IDS)}, headers=HTMX)


def refused(response: Any) -> str:
    """The words of a toast that refuses."""
    text = html.unescape(response.content.decode())
    assert response.status_code == 403
    assert text.startswith('<div class="panel-toast is-danger"')
    assert 'id="command-id"' in text  # the next try is another command
    return text


# What the groups begin with.


@pytest.mark.parametrize("group", ["Operator", "Moderator", "Administrator"])
def test_the_first_policy_allows_any_number_from_any_phone_that_is_one(group: str, asterisk: Asterisk) -> None:
    client = people.client_of(people.person(group))
    for number in ("1", "102", "+49301234567", "*21*1#", "0900123"):
        assert dial(client, number).status_code == 200
    found = DialPolicy.objects.get(group__name=group)
    found.full_clean()
    assert found.calls_per_minute == 10


def test_a_number_that_the_pbx_does_not_know_is_named_with_the_context(anna: Client, asterisk: Asterisk) -> None:
    asterisk.answer = Outcome(Status.REFUSED, "Extension does not exist.")
    response = anna.post("/calls/dial/", {"number": "4711", "command_id": "0" * 32}, headers=HTMX)
    assert response.status_code == 409
    assert "4711 does not exist in the dial context internal" in html.unescape(response.content.decode())


def test_a_viewer_has_no_policy_and_places_no_call(asterisk: Asterisk) -> None:
    user = people.person("Viewer")
    assert not DialPolicy.objects.filter(group__user=user).exists()
    assert dial(people.client_of(user)).status_code == 403
    assert not AuditEntry.objects.exists()


# Numbers, phones, contexts and caller IDs at the moment of the call.


@pytest.mark.parametrize(
    ("fields", "profile", "words"),
    [
        ({"refused": "0.\n1XX"}, {}, "You may not call 102. Ask an administrator if you need to."),
        ({"allowed": "2XX"}, {}, "You may not call 102."),
        ({"allowed": ""}, {}, "You may not call 102."),
        ({"phones": "PJSIP/2??"}, {}, "You may not call from PJSIP/101. Enter your own phone under “My phone”"),
        ({}, {"endpoint": "Local/0900123@trunk"}, "Local/0900123@trunk would dial by itself, so it is nobody's phone."),
        ({}, {"endpoint": "PJSIP/0900123@trunk"}, "PJSIP/0900123@trunk would dial by itself, so it is nobody's phone."),
        ({"contexts": "from-*"}, {}, "You may not dial in the context “internal”."),
        ({"caller_ids": "2XX"}, {}, "You may not call as 101."),
        ({}, {"extension": "0301234567"}, "You may not call as 0301234567."),
    ],
)
def test_what_is_not_allowed_is_refused_told_and_on_record(
    fields: dict[str, str], profile: dict[str, str], words: str, anna: Client, asterisk: Asterisk
) -> None:
    assert dial(anna).status_code == 200
    asterisk.commands.clear()
    policy(**fields)
    Profile.objects.update(**profile)
    assert words in refused(dial(anna))
    assert asterisk.commands == []
    entry = AuditEntry.objects.first()
    assert entry is not None
    assert (entry.username, entry.verb, entry.status) == ("anna", "originate", "forbidden")
    assert entry.subject.startswith("102 from ")
    assert words in entry.answer
    assert str(entry.outcome) == "not allowed"


def test_a_policy_that_was_changed_holds_from_the_next_call_on(anna: Client, asterisk: Asterisk) -> None:
    assert dial(anna).status_code == 200
    policy(refused="102")
    assert "You may not call 102." in refused(dial(anna))
    policy(refused="")
    assert dial(anna).status_code == 200
    assert len(asterisk.commands) == 2


def test_without_any_policy_he_is_told_whom_to_ask(anna: Client, asterisk: Asterisk) -> None:
    DialPolicy.objects.all().delete()
    assert "none of your groups has a dial policy. Ask an administrator for one." in refused(dial(anna))
    assert asterisk.commands == []


def test_what_one_group_refuses_the_other_does_not_allow(asterisk: Asterisk) -> None:
    user = people.person("Operator")
    user.groups.add(Group.objects.get(name="Moderator"))
    policy("Moderator", refused="0900!")
    policy("Operator", allowed="XXX")
    client = people.client_of(user)
    assert dial(client, "0301234").status_code == 200  # Moderator
    assert "0900123" in refused(dial(client, "0900123"))


def test_a_superuser_without_group_may_all_but_call_without_end(asterisk: Asterisk) -> None:
    user = people.person()
    User.objects.update(is_superuser=True)
    client = people.client_of(user)
    for _ in range(10):
        assert dial(client, "0900123").status_code == 200
    assert "10 calls a minute" in refused(dial(client, "0900123"))


def test_not_even_a_superuser_has_a_phone_that_dials_by_itself(asterisk: Asterisk) -> None:
    user = people.person(endpoint="Local/5@anywhere")
    User.objects.update(is_superuser=True)
    assert "Local/5@anywhere would dial by itself" in refused(dial(people.client_of(user), "102"))
    assert asterisk.commands == []


def test_a_superuser_in_a_group_is_bound_by_its_policy(asterisk: Asterisk) -> None:
    user = people.person("Operator")
    User.objects.update(is_superuser=True)
    policy(refused="0900!")
    refused(dial(people.client_of(user), "0900123"))


# How many.


def test_more_calls_than_allowed_are_refused_until_the_minute_is_over(anna: Client, asterisk: Asterisk) -> None:
    policy(calls_per_minute=3)
    for _ in range(3):
        assert dial(anna).status_code == 200
    for _ in range(3):
        assert "You may place 3 calls a minute. Wait a little" in refused(dial(anna))
    assert len(asterisk.commands) == 3
    shift(timedelta(seconds=61))
    assert dial(anna).status_code == 200


def test_a_day_has_its_limit_too(anna: Client, asterisk: Asterisk) -> None:
    policy(calls_per_day=1)
    assert dial(anna).status_code == 200
    shift(timedelta(hours=23))
    assert "You may place 1 call a day. Ask an administrator if you need more." in refused(dial(anna))
    shift(timedelta(hours=1, seconds=1))
    assert dial(anna).status_code == 200


def test_what_was_refused_counts_as_no_call(anna: Client, asterisk: Asterisk) -> None:
    policy(calls_per_minute=2, refused="0900!")
    for _ in range(5):
        refused(dial(anna, "0900123"))
    assert dial(anna).status_code == 200
    asterisk.answer = Outcome(Status.NO_ANSWER)
    assert dial(anna).status_code == 504  # that may have been a call
    assert "2 calls a minute" in refused(dial(anna))


def test_the_calls_of_others_and_other_commands_do_not_count(anna: Client, asterisk: Asterisk) -> None:
    policy(calls_per_minute=1)
    ben = people.client_of(people.person("Operator", "ben", endpoint="PJSIP/102"))
    assert dial(ben).status_code == 200
    assert anna.post("/calls/main/channels/1.1/hangup/").status_code == 204
    assert dial(anna).status_code == 200


def test_the_most_generous_group_counts(asterisk: Asterisk) -> None:
    user = people.person("Operator")
    user.groups.add(Group.objects.get(name="Moderator"))
    policy("Operator", calls_per_minute=1)
    policy("Moderator", calls_per_minute=2)
    client = people.client_of(user)
    assert [dial(client).status_code for _ in range(3)] == [200, 200, 403]


@pytest.mark.django_db(transaction=True)
def test_calls_at_once_are_never_more_than_allowed(anna: Client, asterisk: Asterisk) -> None:
    policy(calls_per_minute=3)

    def try_it(command_id: str) -> int:
        client = Client()
        client.cookies = anna.cookies
        try:
            answer = client.post("/calls/dial/", {"number": "102", "command_id": command_id}, headers=HTMX)
            return int(answer.status_code)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(try_it, [next(IDS) for _ in range(24)]))
    assert set(answers) <= {200, 403}
    assert answers.count(200) == len(asterisk.commands) <= 3
    assert AuditEntry.objects.count() == 24


def shift(time: timedelta) -> None:
    """As if this time had passed."""
    for entry in AuditEntry.objects.all():
        AuditEntry.objects.filter(pk=entry.pk).update(at=entry.at - time)


# My phone.


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("endpoint", "Local/0900123@trunk", "“Local/0900123@trunk” would dial by itself."),
        ("endpoint", "PJSIP/0900123@trunk", "“PJSIP/0900123@trunk” would dial by itself."),
        ("endpoint", "PJSIP/trunk", "Your dial policies do not allow the phone PJSIP/trunk."),
        ("dial_context", "from-trunk", "Your dial policies do not allow the context “from-trunk”."),
        ("extension", "0301234567", "Your dial policies do not allow the extension 0301234567."),
    ],
)
def test_a_phone_that_is_not_mine_to_enter_is_refused_beside_its_field(
    field: str, value: str, words: str, anna: Client
) -> None:
    policy(phones="PJSIP/1??", contexts="internal", caller_ids="1XX")
    before = Profile.objects.values().get()
    response = anna.post("/profile/", {**PHONE, field: value})
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert words in html.unescape(response.content.decode())
    assert Profile.objects.values().get() == before
    assert anna.post("/profile/", PHONE).status_code == 302


def test_no_phone_needs_no_policy(anna: Client) -> None:
    DialPolicy.objects.all().delete()
    assert anna.post("/profile/", {"pbx": "main"}).status_code == 302
    response = anna.post("/profile/", PHONE)
    assert response.status_code == 422
    assert "none of your groups has a dial policy" in response.content.decode()


# What an administrator writes.


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("allowed", "XXX\n[1-\n9.1", ["[1-: ", "9.1: "]),
        ("refused", "0900", None),
        ("refused", "+. ; international", None),
        ("caller_ids", "anna", ["anna: "]),
        ("phones", "PJSIP/*\n*", ["*: "]),
        ("contexts", "from internal", ["from internal: "]),
    ],
)
def test_a_line_that_is_no_pattern_is_named(field: str, text: str, words: list[str] | None) -> None:
    found = DialPolicy.objects.get(group__name="Operator")
    setattr(found, field, text)
    if words is None:
        found.full_clean()
        return
    with pytest.raises(ValidationError) as wrong:
        found.full_clean()
    assert list(wrong.value.message_dict) == [field]
    said = wrong.value.message_dict[field]
    assert len(said) == len(words)
    assert all(text.startswith(start) for text, start in zip(said, words, strict=True))


def test_a_phone_on_a_pbx_that_is_away_does_not_become_one_of_another(asterisk: Asterisk) -> None:
    """PJSIP/101 of another PBX is another person's telephone."""
    people.pbx("berlin")
    user = people.person("Operator")
    Profile.objects.update(pbx_id="berlin")
    PBX.objects.get(pk="berlin").delete()
    answer = dial(people.client_of(user))
    assert answer.status_code == 503
    assert "the PBX berlin, which this panel does not show" in answer.content.decode()
    assert asterisk.commands == []
    people.pbx("berlin")
    assert dial(people.client_of(user)).status_code == 200
    assert [command.pbx for command in asterisk.commands] == ["berlin"]


def test_whatever_lets_a_phone_ring_counts_as_a_call() -> None:
    assert placing_calls() == [
        "barge", "call-back", "consult", "examine-phone", "invite", "listen", "originate", "pickup", "prove-phone",
        "retrieve", "retry-invitation", "takeover", "transfer", "transfer-recall", "try-answer", "voicemail",
        "whisper",
    ]  # fmt: skip

"""Calls by the API: placed once whatever is sent twice, listed in parts, told also once they have ended."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Profile
from api import kept
from api.models import KeptAnswer, PlacedCall, Token
from api.problems import of_outcome
from calls.models import Channel, ParkedCall
from calls.records.models import CallRecord, CallStep
from engine.mirror.commands import Outcome, Status
from engine.mirror.models import PBX
from extensions.people.models import Person, PersonNumber
from tests.access import people
from tests.access.people import Asterisk, given
from web import toasts

from .conftest import Makes, Program
from .test_tokens import problem

pytestmark = pytest.mark.django_db
CALL = "/api/v1/calls/main/1732451299.1000000000001"
KEY = {"Idempotency-Key": "0191-a"}


# Placing.


def test_a_call_is_placed_and_has_an_address(operator: Program, asterisk: Asterisk) -> None:
    response = operator.post("/calls", {"number": "+49 (30) 123", "reference": "order 4711"})
    assert (response.status_code, response["Location"]) == (201, CALL)
    (command,) = asterisk.commands
    assert str(command.verb) == "pbx.originate"
    assert given(command) == {
        "number": "+4930123", "endpoint": "PJSIP/101", "extension": "101", "context": "internal", "answers": False,
        "reference": "order 4711",
    }  # fmt: skip
    said = operator.get(CALL).json()
    assert (said["state"], said["reference"], said["channels"]) == ("starting", "order 4711", [])
    assert said == response.json()


def test_a_call_of_which_nothing_was_ever_seen_has_ended(operator: Program, asterisk: Asterisk) -> None:
    operator.post("/calls", {"number": "102"})
    PlacedCall.objects.update(at=timezone.now() - timedelta(minutes=1))
    said = operator.get(CALL).json()
    assert (said["state"], said["outcome"]) == ("ended", "unanswered")


def test_a_call_that_goes_on_has_its_reference_and_steps(operator: Program, asterisk: Asterisk) -> None:
    key = "1732451299.1000000000001"
    operator.post("/calls", {"number": "102", "reference": "order 4711"})
    people.channel(key, "PJSIP/101", state="Ringing")
    CallRecord.objects.create(pbx="main", key=key, started_at=timezone.now(), reference="order 4711")
    CallStep.objects.create(pbx="main", key="1", call=key, order=1, kind="rang", at=timezone.now(), who="101")
    said = operator.get(CALL).json()
    assert (said["state"], said["reference"]) == ("ringing", "order 4711")
    assert [step["kind"] for step in said["steps"]] == ["rang"]
    listed = {item["id"]: item["reference"] for item in operator.get("/calls").json()["items"]}
    assert listed == {"1732451234.12": "", key: "order 4711"}


@pytest.mark.parametrize(
    ("steps", "outcome", "cause"),
    [
        ([("began", "102", ""), ("rang", "", ""), ("answered", "", ""), ("left", "", "self 16")], "answered", 16),
        ([("began", "102", ""), ("rang", "", ""), ("failed", "", "BUSY 17"), ("left", "", "pbx 17")], "unanswered", 17),
        # My phone, which was called first, does not count.
        ([("began", "102", "CALL"), ("answered", "", ""), ("left", "", "self 16")], "unanswered", 16),
        (
            [("began", "102", "CALL"), ("answered", "", ""), ("answered", "", ""), ("left", "", "pbx 16")],
            "answered",
            16,
        ),
        ([("began", "102", ""), ("rang", "", ""), ("lost", "", "")], "unknown", None),
    ],
)
def test_an_ended_call_says_what_came_of_it(
    steps: list[tuple[str, str, str]], outcome: str, cause: int | None, operator: Program
) -> None:
    now = timezone.now()
    CallRecord.objects.create(pbx="main", key="7.7", started_at=now - timedelta(minutes=2), ended_at=now, reference="x")
    user = Token.objects.get().owner_id
    for number, (kind, other, detail) in enumerate(steps):
        CallStep.objects.create(
            pbx="main", key=str(number), call="7.7", order=number, kind=kind, at=now, other=other, detail=detail,
            user_id=user if kind == "began" else 0,
        )  # fmt: skip
    said = operator.get("/calls/main/7.7").json()
    assert (said["state"], said["outcome"], said["cause"], said["reference"]) == ("ended", outcome, cause, "x")
    assert (said["steps"][0]["by"], said["steps"][0]["other"]) == ("anna", "102")


def test_the_steps_of_a_call_have_the_names_of_the_directory(operator: Program) -> None:
    ben = Person.objects.create(name="Ben Beta", folded="")
    PersonNumber.objects.create(person=ben, kind="outside", number="030 117", key="030117")
    now = timezone.now()
    CallRecord.objects.create(pbx="main", key="7.7", started_at=now, ended_at=now)
    kept = {"pbx": "main", "call": "7.7", "at": now}
    CallStep.objects.create(key="1", order=1, kind="rang", who="Lobby 030117", **kept)
    CallStep.objects.create(key="2", order=2, kind="left", who="Lobby 999", detail="self 16", **kept)
    said = operator.get("/calls/main/7.7").json()
    assert [step["who"] for step in said["steps"]] == ["Ben Beta 030117 (Lobby)", "Lobby 999"]


def test_a_call_that_nobody_remembers_is_a_problem(operator: Program) -> None:
    assert problem(operator.get("/calls/main/9.9")) == (404, "not-found")
    assert problem(operator.get("/calls/elsewhere/1732451234.12")) == (404, "not-found")


def test_an_end_of_another_call_is_not_at_this_address(operator: Program, asterisk: Asterisk) -> None:
    people.channel("5.5", "PJSIP/103")
    response = operator.ask("PUT", "/calls/main/1732451234.12/channels/5.5/hangup")
    assert (problem(response), response.json()["detail"]) == ((404, "not-found"), "This call has already ended.")
    assert problem(operator.ask("PUT", "/conferences/main/8002/participants/1732451240.20/mute"))[0] == 403
    assert asterisk.commands == []


@pytest.mark.parametrize(
    ("profile", "status", "kind"),
    [({"endpoint": ""}, 409, "not-ready"), ({"pbx_id": "elsewhere"}, 503, "not-connected")],
)
def test_who_has_no_phone_is_told_what_is_missing(
    profile: dict[str, str], status: int, kind: str, operator: Program, asterisk: Asterisk
) -> None:
    Profile.objects.update(**profile)
    response = operator.post("/calls", {"number": "102"})
    assert problem(response) == (status, kind)
    assert "“My phone”" in response.json()["detail"]
    assert asterisk.commands == []


def test_the_dial_policy_counts(operator: Program, asterisk: Asterisk) -> None:
    Profile.objects.update(endpoint="Local/0900@trunk")
    response = operator.post("/calls", {"number": "102"})
    assert problem(response) == (403, "not-allowed")
    assert "would dial by itself" in response.json()["detail"]
    assert asterisk.commands == []


@pytest.mark.parametrize(
    ("outcome", "status", "kind", "detail"),
    [
        (
            Outcome(Status.REFUSED, "Extension does not exist."),
            409,
            "refused",
            "102 does not exist in the dial context",
        ),
        (Outcome(Status.NOT_PERMITTED, "Permission denied"), 409, "refused", "lacks a privilege"),
        (Outcome(Status.NOT_POSSIBLE, "This call is already parked."), 409, "not-possible", "is already parked."),
        (Outcome(Status.NO_ANSWER), 504, "no-answer", "did not answer in time"),
        (Outcome(Status.EXPIRED), 504, "too-late", "could not be reached in time"),
        (Outcome(Status.FAILED), 500, "failed", "The panel failed while it did that"),
    ],
)
def test_what_was_not_done_is_a_problem_in_the_words_of_the_pages(
    outcome: Outcome, status: int, kind: str, detail: str, operator: Program, asterisk: Asterisk
) -> None:
    asterisk.answer = outcome
    response = operator.post("/calls", {"number": "102"})
    assert problem(response) == (status, kind)
    assert detail in response.json()["detail"]
    assert response.json()["what_to_do"]


def test_a_problem_has_the_status_that_the_pages_have() -> None:
    for status in set(Status) - {Status.DONE, Status.REPEATED}:
        outcome = Outcome(status)
        assert of_outcome(outcome, "").kind.status == toasts.code(outcome)


def test_a_problem_is_in_the_language_of_whoever_asks(operator: Program) -> None:
    response = operator.get("/calls/main/9.9", **{"Accept-Language": "zh-hans"})
    assert response["Content-Language"] == "zh-hans"
    assert response.json()["title"] == "没有这样的对象"


# The same key.


def test_the_same_key_calls_once_and_the_answer_comes_again(operator: Program, asterisk: Asterisk) -> None:
    first = operator.post("/calls", {"number": "102"}, **KEY)
    again = operator.post("/calls", {"number": "102"}, **KEY)
    assert len(asterisk.commands) == 1
    assert (again.status_code, again["Location"], again.content) == (201, CALL, first.content)
    assert again["Content-Type"] == first["Content-Type"]
    assert again["Idempotent-Replayed"] == "true"
    operator.post("/calls", {"number": "102"}, **{"Idempotency-Key": "another"})
    assert len(asterisk.commands) == 2


def test_a_problem_comes_again_too(operator: Program, asterisk: Asterisk) -> None:
    asterisk.answer = Outcome(Status.NO_ANSWER)
    assert problem(operator.post("/calls", {"number": "102"}, **KEY)) == (504, "no-answer")
    asterisk.answer = Outcome(Status.DONE)
    assert problem(operator.post("/calls", {"number": "102"}, **KEY)) == (504, "no-answer")
    assert len(asterisk.commands) == 1


def test_where_nothing_was_asked_because_the_pbx_is_away_the_key_is_free(operator: Program, asterisk: Asterisk) -> None:
    PBX.objects.update(link="down")
    assert problem(operator.post("/calls", {"number": "102"}, **KEY)) == (503, "not-connected")
    PBX.objects.update(link="up")
    assert operator.post("/calls", {"number": "102"}, **KEY).status_code == 201
    assert len(asterisk.commands) == 1


def test_where_what_was_sent_could_not_be_meant_the_key_is_free(operator: Program, asterisk: Asterisk) -> None:
    for body, kind in (("{", "malformed"), ({"number": "abc"}, "bad-input"), ({"to": "102"}, "bad-input")):
        assert problem(operator.post("/calls", body, **KEY))[1] == kind
    assert operator.post("/calls", {"number": "102"}, **KEY).status_code == 201
    assert len(asterisk.commands) == 1


def test_where_the_pbx_was_reached_too_late_the_key_is_free(operator: Program, asterisk: Asterisk) -> None:
    asterisk.answer = Outcome(Status.EXPIRED)
    assert problem(operator.post("/calls", {"number": "102"}, **KEY)) == (504, "too-late")
    asterisk.answer = Outcome(Status.DONE)
    assert operator.post("/calls", {"number": "102"}, **KEY).status_code == 201


def test_the_same_key_for_another_request_is_refused(operator: Program, asterisk: Asterisk) -> None:
    operator.post("/calls", {"number": "102"}, **KEY)
    assert problem(operator.post("/calls", {"number": "103"}, **KEY)) == (422, "key-of-another-request")
    assert problem(operator.post("/me/calls", {"number": "102"}, **KEY)) == (422, "key-of-another-request")
    assert len(asterisk.commands) == 1


def test_the_same_key_of_another_token_is_another(program: Makes, asterisk: Asterisk) -> None:
    user = people.person("Operator")
    for each in (program(user), program(user)):
        assert each.post("/calls", {"number": "102"}, **KEY).status_code == 201
    assert len(asterisk.commands) == 2


def test_while_the_first_is_under_way_the_second_has_to_wait(
    operator: Program, asterisk: Asterisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def meanwhile(*arguments: Any, **options: Any) -> Outcome:
        response = operator.post("/calls", {"number": "102"}, **KEY)
        seen.append((problem(response), response["Retry-After"]))
        return Outcome(Status.DONE, data={"call": "1732451299.1000000000001"})

    monkeypatch.setattr("api.asking.run", meanwhile)
    assert operator.post("/calls", {"number": "102"}, **KEY).status_code == 201
    assert seen == [((409, "under-way"), "1")]


def test_what_was_lost_is_said_and_never_tried_again(
    operator: Program, asterisk: Asterisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator.client.raise_request_exception = False
    with monkeypatch.context() as patched:
        patched.setattr("api.asking.run", lambda *arguments: 1 / 0)
        assert problem(operator.post("/calls", {"number": "102"}, **KEY)) == (500, "failed")
    response = operator.post("/calls", {"number": "102"}, **KEY)
    assert problem(response) == (409, "outcome-lost")
    assert "another key" in response.json()["what_to_do"]
    assert asterisk.commands == []


def test_the_process_that_was_asked_may_have_died(operator: Program, asterisk: Asterisk) -> None:
    operator.post("/calls", {"number": "102"}, **KEY)
    KeptAnswer.objects.update(status=None, until=timezone.now() - timedelta(seconds=1))
    assert problem(operator.post("/calls", {"number": "102"}, **KEY)) == (409, "outcome-lost")
    assert len(asterisk.commands) == 1


def test_a_key_is_kept_for_a_day(operator: Program, asterisk: Asterisk) -> None:
    operator.post("/calls", {"number": "102"}, **KEY)
    KeptAnswer.objects.update(at=timezone.now() - kept.KEPT + timedelta(minutes=1))
    operator.post("/calls", {"number": "102"}, **KEY)
    assert len(asterisk.commands) == 1
    KeptAnswer.objects.update(at=timezone.now() - kept.KEPT - timedelta(minutes=1))
    PlacedCall.objects.all().delete()
    operator.post("/calls", {"number": "102"}, **KEY)
    assert len(asterisk.commands) == 2


@pytest.mark.parametrize("key", ["", "a b", "ä", "x" * 201])
def test_a_key_that_is_none_is_refused(key: str, operator: Program, asterisk: Asterisk) -> None:
    response = operator.post("/calls", {"number": "102"}, **{"Idempotency-Key": key})
    assert problem(response) == (422, "bad-input")
    assert response.json()["errors"][0]["field"] == "Idempotency-Key"
    assert asterisk.commands == []


# Transfers.


@pytest.mark.parametrize(
    ("flow", "verb", "status", "state"),
    [
        ("attended", "channel.consult", 201, "ringing"),
        ("recall", "channel.transfer-recall", 201, "sent"),
        ("blind", "channel.transfer", 204, None),
    ],
)
def test_a_call_is_transferred(
    flow: str, verb: str, status: int, state: str | None, operator: Program, asterisk: Asterisk
) -> None:
    body = {"channel": "1732451234.13", "to": "103", "flow": flow}
    response = operator.post("/calls/main/1732451234.12/transfers", body)
    assert response.status_code == status
    assert [(str(command.verb), given(command)["to"]) for command in asterisk.commands] == [(verb, "103")]
    if state:
        assert response["Location"] == f"/api/v1/transfers/main/{response.json()['id']}"
        assert response.json()["state"] == state


def test_a_transfer_is_cancelled_by_deleting_it_and_is_gone_then(operator: Program, asterisk: Asterisk) -> None:
    assert operator.get("/transfers/main/5f0c2a").json()["number"] == "103"
    assert operator.ask("DELETE", "/transfers/main/5f0c2a").status_code == 204
    assert [str(command.verb) for command in asterisk.commands] == ["transfer.cancel"]
    assert problem(operator.ask("DELETE", "/transfers/main/5f0c2b")) == (404, "not-found")
    assert problem(operator.get("/transfers/main/5f0c2b")) == (404, "not-found")


# Lists.


def many(count: int, first: int = 0) -> None:
    """So many calls of two who talk; each began a second after the one before."""
    begin = timezone.now() - timedelta(hours=1)
    Channel.objects.bulk_create(
        Channel(
            pbx_id="main", uniqueid=f"{number}.{end}", linkedid=f"{number}.1", call=f"{number}.1",
            name=f"PJSIP/{end}-{number}", endpoint=f"PJSIP/{end}", state="Up", bridge=f"b{number}",
            caller_number=str(end), created_at=begin + timedelta(seconds=number), answered_at=begin,
        )
        for number in range(first, first + count)
        for end in (1, 2)
    )  # fmt: skip


def ids(response: Any) -> list[str]:
    return [item["id"] for item in response.json()["items"]]


def test_a_list_comes_in_parts_and_misses_nothing_when_calls_end_meanwhile(operator: Program) -> None:
    Channel.objects.all().delete()
    many(7)
    first = operator.get("/calls?limit=3")
    assert ids(first) == ["0.1", "1.1", "2.1"]
    following = first.json()["next"]
    assert first["Link"] == f'<{following}>; rel="next"'
    assert "limit=3" in following
    Channel.objects.filter(call__in=["1.1", "2.1", "3.1"]).delete()
    second = operator.get(following)
    assert (ids(second), second.json()["next"]) == (["4.1", "5.1", "6.1"], None)
    assert "Link" not in second


def test_calls_that_began_at_once_come_once_each(operator: Program) -> None:
    Channel.objects.all().delete()
    many(5)
    Channel.objects.update(created_at=timezone.now())
    found, address = [], "/calls?limit=2"
    while address:
        response = operator.get(address)
        found += ids(response)
        address = response.json()["next"]
    assert found == ["0.1", "1.1", "2.1", "3.1", "4.1"]


def test_a_call_that_others_have_joined_since_comes_once_and_by_when_it_began(operator: Program) -> None:
    Channel.objects.all().delete()
    many(4)
    began = min(Channel.objects.values_list("created_at", flat=True))
    for number in range(40):  # more than are looked at at once
        row = people.channel(f"50.{number}", "PJSIP/105", f"{number % 2}.1")
        Channel.objects.filter(pk=row.pk).update(created_at=began + timedelta(seconds=2, milliseconds=number))
    for asked in ("limit=1", "limit=1&state=talking", "limit=2&pbx=main"):
        found, address = [], f"/calls?{asked}"
        while address:
            response = operator.get(address)
            found += ids(response)
            address = response.json()["next"]
        assert found == ["0.1", "1.1", "2.1", "3.1"], asked


def test_calls_are_listed_by_their_state_and_pbx(operator: Program) -> None:
    Channel.objects.all().delete()
    many(2)
    people.channel("100.1", "PJSIP/103", state="Ringing")
    people.channel("200.1", "PJSIP/104")
    people.channel("300.1", "PJSIP/105")
    ParkedCall.objects.create(pbx_id="main", uniqueid="300.1", lot="default", space="701", parked_at=timezone.now())
    people.pbx("other")
    people.channel("400.1", "PJSIP/106", pbx="other")
    states = {"ringing": ["100.1"], "talking": ["0.1", "1.1"], "waiting": ["300.1"], "held": [], "conference": []}
    for state, expected in states.items():
        response = operator.get(f"/calls?state={state}")
        assert ids(response) == expected
        assert all(item["state"] == state for item in response.json()["items"])
    assert ids(operator.get("/calls?state=connected&pbx=main")) == ["200.1"]
    assert ids(operator.get("/calls?pbx=other")) == ["400.1"]
    assert operator.get("/calls?state=waiting").json()["items"][0]["parked"] == {"lot": "default", "space": "701"}


def test_my_calls_are_those_of_my_phone(operator: Program) -> None:
    people.channel("500.1", "PJSIP/103")
    assert ids(operator.get("/me/calls")) == ["1732451234.12"]
    Profile.objects.update(endpoint="")
    assert ids(operator.get("/me/calls")) == []


def test_a_list_that_is_the_same_still_is_not_sent_again(operator: Program) -> None:
    first = operator.get("/calls")
    again = operator.get("/calls", **{"If-None-Match": f'"x", W/{first["ETag"]}'})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    people.channel("600.1", "PJSIP/103")
    changed = operator.get("/calls", **{"If-None-Match": first["ETag"]})
    assert changed.status_code == 200
    assert changed["ETag"] != first["ETag"]


def test_a_longer_list_takes_no_more_queries(operator: Program) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert operator.get("/calls?limit=100").status_code == 200
        return len(captured)

    many(1)
    queries()
    few = queries()
    many(99, first=1)
    assert queries() == few


# What cannot be meant.


@pytest.mark.parametrize(
    ("body", "field", "detail"),
    [
        ({"number": "abc"}, "number", "“abc” is not a number"),
        ({"number": ""}, "number", "Enter the number to call."),
        ({"number": "1" * 81}, "number", "at most 80 characters"),
        ({"number": 102}, "number", "This must be a text."),
        ({"number": None}, "number", "This must be a text."),
        ({}, "number", "This is needed."),
        ({"number": "102", "from": "x"}, "from", "There is no field of this name here."),
        ({"number": "102", "reference": "x" * 201}, "reference", "at most 200 characters"),
        ({"number": "102", "reference": "a\nb"}, "reference", "a single line"),
        ({"number": "102", "reference": "a\0b"}, "reference", "Null characters are not allowed."),
        ("[]", "body", "must be an object"),
        ("null", "body", ""),
        ("3", "body", "must be an object"),
        ('{"number": "\\ud800"}', "number", "This must be a text."),
    ],
)
def test_a_body_that_cannot_be_meant_names_the_field(
    body: Any, field: str, detail: str, operator: Program, asterisk: Asterisk
) -> None:
    response = operator.post("/calls", body)
    assert problem(response) == (422, "bad-input")
    (error,) = response.json()["errors"]
    assert error["field"] == field
    assert detail in error["detail"]
    assert response.json()["detail"] == error["detail"]
    assert asterisk.commands == []


@pytest.mark.parametrize("body", ["", "{", "number=102", b"\xff\xfe", "[" * 100_000])
def test_a_body_that_is_no_json_is_malformed(body: str | bytes, operator: Program, asterisk: Asterisk) -> None:
    response = operator.post("/calls", body)
    assert response.status_code in (400, 422)
    assert problem(response)[1] in ("malformed", "bad-input")
    assert asterisk.commands == []


def test_a_body_that_is_too_large_is_refused(operator: Program, asterisk: Asterisk) -> None:
    response = operator.post("/calls", json.dumps({"number": "1" * 2**20}))
    assert problem(response)[0] in (400, 413)
    assert asterisk.commands == []


@pytest.mark.parametrize(
    ("method", "path", "body", "field", "detail"),
    [
        ("PUT", "channels/1732451234.13/mute", {"direction": "up"}, "direction", "one of: 'in' or 'out'"),
        ("PUT", "channels/1732451234.13/transfer", {"to": "me"}, "to", "“me” is not a number"),
        ("PUT", "channels/1732451234.13/keypad", {"digits": "12x"}, "digits", "Enter the keys to press"),
        ("PUT", "channels/1732451234.13/hold", {"now": True}, "body", "Nothing can be sent here in the body."),
        ("DELETE", "", {"now": True}, "body", "Nothing can be sent here in the body."),
        ("POST", "transfers", {"channel": "1732451234.13", "to": "1", "flow": "x"}, "flow", "one of: 'attended'"),
        ("POST", "transfers", {"channel": "1732451234.13", "to": "x"}, "to", "“x” is not a number"),
        ("POST", "transfers", {"channel": "1\0", "to": "103"}, "channel", "This cannot be meant."),
    ],
)
def test_what_is_sent_with_a_verb_is_read_as_on_a_page(
    method: str, path: str, body: Any, field: str, detail: str, operator: Program, asterisk: Asterisk
) -> None:
    address = f"/calls/main/1732451234.12/{path}".rstrip("/")
    response = operator.ask(method, address, body)
    assert problem(response) == (422, "bad-input")
    (error,) = response.json()["errors"]
    assert error["field"] == field
    assert detail in error["detail"]
    assert asterisk.commands == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("stat=ringing", "stat"),
        ("state=dancing", "state"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=many", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=WyJhIl0", "cursor"),
        ("cursor=WyJhIiwiYiIsImMiXQ", "cursor"),
        (f"pbx={'x' * 2001}", "pbx"),
    ],
)
def test_an_address_that_cannot_be_meant_names_the_field(query: str, field: str, operator: Program) -> None:
    response = operator.get(f"/calls?{query}")
    assert problem(response) == (422, "bad-input")
    assert [error["field"] for error in response.json()["errors"]] == [field]


def test_what_is_refused_elsewhere_in_the_panel_is_a_problem_too(operator: Program) -> None:
    assert problem(operator.get("/nothing")) == (404, "not-found")
    assert problem(operator.get("/calls?pbx=a%00b")) == (400, "malformed")
    response = operator.ask("PATCH", "/calls")
    assert (problem(response), response["Allow"]) == ((405, "method-not-allowed"), "GET, POST")


def test_a_kind_of_problem_has_a_page(client: Any) -> None:
    client.force_login(people.person("Viewer"))
    page = client.get("/api/v1/problems/outcome-lost")
    assert page.status_code == 200
    assert "To try again, use another key." in page.content.decode()
    assert client.get("/api/v1/problems/none").status_code == 404

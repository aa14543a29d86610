"""Whose token works: where, from which page, until when; and the pages about tokens."""

import logging
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from accounts.models import DemoUser
from api.addresses import is_within, network_of, origin_of
from api.models import Token
from conferences.rooms.models import Room
from tests.access import people
from tests.access.people import Asterisk

from .conftest import Makes, Program

pytestmark = pytest.mark.django_db
PAGE = "https://crm.example.org"


def problem(response: Any) -> tuple[int, str]:
    """The status, and the kind of problem."""
    assert response["Content-Type"] == "application/problem+json"
    return response.status_code, response.json()["type"].rpartition("/")[2]


def log_in(group: str = "Operator", name: str = "anna", **options: Any) -> Client:
    client = Client(**options)
    client.force_login(User.objects.filter(username=name).first() or people.person(group, name))
    return client


# What a token is.


def test_a_token_is_recognised_by_its_prefix_and_only_its_hash_is_stored(operator: Program) -> None:
    assert re.fullmatch(r"pbxp_[0-9a-f]{12}_[0-9a-f]{64}", operator.written)
    secret = operator.written.rpartition("_")[2]
    stored = Token.objects.values().get(pk=operator.token.pk)
    assert secret not in str(stored)
    assert len(stored["hash"]) == 64


def test_a_token_that_works_says_who_asks_and_what_it_may(program: Makes) -> None:
    user = people.person("Viewer")
    said = program(user, "calls.see_calls", "calls.originate").get("/me").json()
    assert said["user"] == "anna"
    assert said["phone"] == {"pbx": "main", "endpoint": "PJSIP/101", "extension": "101", "dial_context": "internal"}
    # A viewer may not place calls, whatever the token says.
    assert said["token"]["scopes"] == ["calls.see_calls"]


# Whose does not work.


@pytest.mark.parametrize(
    "header", ["", "Basic YW5uYTpwdw==", "Bearer", "Bearer ", "Bearer pbxp_", "Bearer pbxp_000000000000_" + "0" * 64]
)
def test_without_a_token_that_there_is_nothing_is_answered(header: str, operator: Program) -> None:
    response = Client().get("/api/v1/me", headers={"Authorization": header} if header else {})
    status, kind = problem(response)
    assert (status, kind) == (401, "token-invalid" if header.startswith("Bearer") else "token-missing")
    assert response["WWW-Authenticate"].startswith("Bearer")


def test_a_wrong_secret_does_not_work(operator: Program) -> None:
    operator.written = operator.written[:-1] + ("0" if operator.written[-1] != "0" else "1")
    assert problem(operator.get("/me")) == (401, "token-invalid")


def test_a_log_in_is_no_token(small_pbx: None, asterisk: Asterisk) -> None:
    client = log_in(enforce_csrf_checks=True)
    assert problem(client.get("/api/v1/calls")) == (401, "token-missing")
    response = client.post("/api/v1/calls", {"number": "102"}, content_type="application/json")
    assert problem(response) == (401, "token-missing")
    assert asterisk.commands == []


def test_a_token_works_until_it_expires(program: Makes) -> None:
    now = timezone.now()
    user = people.person("Operator")
    assert program(user, expires_at=now + timedelta(minutes=1)).get("/me").status_code == 200
    response = program(user, expires_at=now - timedelta(seconds=1)).get("/me")
    assert problem(response) == (401, "token-invalid")
    assert response.json()["detail"] == "The token has expired."


def test_a_revoked_token_does_not_work_from_the_next_request_on(operator: Program) -> None:
    assert operator.get("/me").status_code == 200
    assert log_in().post(f"/api/tokens/{operator.token.pk}/revoke/").status_code == 302
    response = operator.get("/me")
    assert (problem(response), response.json()["detail"]) == ((401, "token-invalid"), "The token was revoked.")


def test_the_token_of_somebody_who_may_not_log_in_does_not_work(operator: Program) -> None:
    User.objects.update(is_active=False)
    assert problem(operator.get("/me")) == (401, "token-invalid")
    User.objects.update(is_active=True)
    assert operator.get("/me").status_code == 200


def test_the_token_of_the_demo_user_works_only_where_that_is_admitted(
    operator: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    DemoUser.objects.create(user=User.objects.get())
    assert problem(operator.get("/me")) == (401, "token-invalid")
    monkeypatch.setattr("accounts.demo._admitting", True)
    assert operator.get("/me").status_code == 200


def test_what_the_owner_may_is_asked_each_time(operator: Program, asterisk: Asterisk) -> None:
    path = "/calls/main/1732451234.12"
    assert operator.ask("DELETE", path).status_code == 204
    User.objects.get().groups.clear()
    assert problem(operator.ask("DELETE", path)) == (403, "not-allowed")
    assert len(asterisk.commands) == 1


def test_a_superusers_token_may_only_what_its_scopes_say(program: Makes, asterisk: Asterisk) -> None:
    User.objects.create_superuser("root")
    mine = program(User.objects.get(), "calls.see_calls")
    assert mine.get("/calls").status_code == 200
    assert problem(mine.ask("DELETE", "/calls/main/1732451234.12")) == (403, "scope-missing")
    assert problem(mine.get("/conferences")) == (403, "scope-missing")
    assert asterisk.commands == []


def test_a_token_for_own_calls_does_not_reach_those_of_others_though_its_owner_does(
    program: Makes, asterisk: Asterisk
) -> None:
    people.channel("5.5", "PJSIP/103")
    mine = program(people.person("Operator"), "calls.hangup_own")
    assert problem(mine.ask("DELETE", "/calls/main/5.5")) == (403, "not-allowed")
    assert mine.ask("DELETE", "/calls/main/1732451234.12").status_code == 204
    assert [command.key for command in asterisk.commands] == ["1732451234.12"]


def test_whether_a_thing_is_there_is_not_told_to_a_token_without_the_scope(program: Makes, asterisk: Asterisk) -> None:
    mine = program(people.person("Operator"), "calls.see_calls")
    for call in ("1732451234.12", "9.9"):
        assert problem(mine.ask("DELETE", f"/calls/main/{call}")) == (403, "scope-missing")


def test_a_moderator_of_a_room_needs_the_scope_there_too(program: Makes, asterisk: Asterisk) -> None:
    user = people.person("Viewer")
    people.room("8001", user)
    path = "/conferences/main/8001/participants/1732451240.20/mute"
    assert problem(program(user, "calls.see_calls").ask("PUT", path)) == (403, "scope-missing")
    assert program(user, "conferences.moderate").ask("PUT", path).status_code == 204
    Room.objects.all().delete()
    assert problem(program(user, "conferences.moderate").ask("PUT", path)) == (403, "not-allowed")
    assert len(asterisk.commands) == 1


# From where.


def test_a_token_works_from_its_addresses_only(program: Makes) -> None:
    mine = program(people.person("Operator"), addresses="192.0.2.0/24\n2001:db8::/32")
    for address, status in (
        ("192.0.2.7", 200), ("192.0.3.7", 403), ("2001:db8::1", 200), ("::ffff:192.0.2.9", 200), ("", 403),
    ):  # fmt: skip
        mine.client.defaults["REMOTE_ADDR"] = address
        response = mine.get("/me")
        assert response.status_code == status, address
        if status == 403:
            assert problem(response) == (403, "address-not-allowed")


def test_a_page_may_use_a_token_that_names_its_origin_and_only_that(program: Makes, asterisk: Asterisk) -> None:
    mine = program(people.person("Operator"), origins=PAGE)
    response = mine.get("/me", Origin=PAGE)
    assert (response.status_code, response["Access-Control-Allow-Origin"]) == (200, PAGE)
    assert "Origin" in response["Vary"]
    assert "Access-Control-Allow-Credentials" not in response
    for origin in ("https://evil.example.org", f"{PAGE}:8443", "http://crm.example.org", "null", ""):
        response = mine.ask("DELETE", "/calls/main/1732451234.12", **({"Origin": origin} if origin else {}))
        assert problem(response) == (403, "origin-not-allowed"), origin
        assert "Access-Control-Allow-Origin" not in response
    assert asterisk.commands == []


def test_no_page_may_use_a_token_that_names_none(operator: Program) -> None:
    response = operator.get("/me", Origin=PAGE)
    assert problem(response) == (403, "origin-not-allowed")
    assert "Access-Control-Allow-Origin" not in response


def test_a_page_may_read_also_what_went_wrong(program: Makes) -> None:
    mine = program(people.person("Viewer"), origins=PAGE)
    response = mine.ask("DELETE", "/calls/main/1732451234.12", Origin=PAGE)
    assert (problem(response), response["Access-Control-Allow-Origin"]) == ((403, "not-allowed"), PAGE)


def ask_first(path: str, origin: str) -> Any:
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    return Client().generic("OPTIONS", path, headers=headers)


def test_a_browser_is_told_what_a_page_may_ask_if_a_token_names_it(program: Makes) -> None:
    mine = program(people.person("Operator"), origins=f"https://shop.example.org\n{PAGE}")
    response = ask_first("/api/v1/calls", PAGE)
    assert (response.status_code, response["Access-Control-Allow-Origin"]) == (204, PAGE)
    assert response["Access-Control-Allow-Methods"] == "GET, POST"
    assert "Idempotency-Key" in response["Access-Control-Allow-Headers"]
    refused = ask_first("/api/v1/calls", "https://evil.example.org")
    assert problem(refused) == (403, "origin-not-allowed")
    assert "Access-Control-Allow-Origin" not in refused
    Token.objects.filter(pk=mine.token.pk).update(revoked_at=timezone.now())
    assert problem(ask_first("/api/v1/calls", PAGE)) == (403, "origin-not-allowed")


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://crm.example.org", "https://crm.example.org"),
        (" HTTPS://CRM.example.org:443/ ", "https://crm.example.org"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://[::1]:80", "http://[::1]"),
        ("https://crm.example.org/path", ""),
        ("https://user@crm.example.org", ""),
        ("ftp://crm.example.org", ""),
        ("https://crm.example.org:99999", ""),
        ("crm.example.org", ""),
        ("null", ""),
        ("*", ""),
        ("", ""),
    ],
)
def test_an_origin_is_written_as_browsers_write_it(text: str, origin: str) -> None:
    assert origin_of(text) == origin


def test_an_address_is_in_a_range_or_not() -> None:
    assert network_of("192.0.2.7/24") is not None
    assert network_of("everywhere") is None
    assert is_within("192.0.2.7", ["10.0.0.0/8", "192.0.2.0/24"])
    assert not is_within("a socket", ["0.0.0.0/0"])


# Counting.


def test_each_answer_says_how_many_requests_are_left_and_too_many_are_refused(
    operator: Program, settings: Any, asterisk: Asterisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.API_REQUESTS = 2
    monkeypatch.setattr("api.tokens.time.time", lambda: 1_800_000_030.0)
    first = operator.get("/me")
    assert first["RateLimit-Policy"] == '"default";q=2;w=60'
    assert first["RateLimit"] == '"default";r=1;t=31'
    assert operator.get("/nothing-is-here").status_code == 404  # counted neither
    assert operator.get("/pbxs")["RateLimit"] == '"default";r=0;t=31'
    refused = operator.ask("DELETE", "/calls/main/1732451234.12")
    assert (problem(refused), refused["Retry-After"]) == ((429, "too-many-requests"), "31")
    assert asterisk.commands == []
    monkeypatch.setattr("api.tokens.time.time", lambda: 1_800_000_060.0)
    assert operator.get("/me").status_code == 200


def test_when_a_token_was_last_used_is_written_once_a_minute(
    operator: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.tokens.time.time", lambda: 1_800_000_000.0)
    operator.get("/me")
    first = Token.objects.get().last_used_at
    assert first is not None
    operator.get("/me")
    assert Token.objects.get().last_used_at == first
    monkeypatch.setattr("api.tokens.time.time", lambda: 1_800_000_060.0)
    operator.get("/me")
    used_again = Token.objects.get().last_used_at
    assert used_again is not None
    assert used_again > first


def test_the_log_holds_no_token(
    operator: Program, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator.client.raise_request_exception = False
    monkeypatch.setattr("api.me.profile_of", lambda user: 1 / 0)
    with caplog.at_level(logging.DEBUG):
        assert problem(operator.get("/me")) == (500, "failed")
        operator.post("/calls", "{")
        operator.get("/nothing")
    assert caplog.records
    secret = operator.written.rpartition("_")[2]
    assert secret not in caplog.text
    assert all(secret not in str(record.__dict__.get("exc_text")) for record in caplog.records)


# The pages.

FIELDS = {"name": "Shop", "scopes": ["calls.see_calls", "calls.originate"], "lasts": "30"}


def made(response: Any) -> str:
    found = re.search(r"pbxp_[0-9a-f]{12}_[0-9a-f]{64}", response.content.decode())
    assert found is not None
    return found[0]


def test_somebody_makes_a_token_that_is_shown_once_and_works(small_pbx: None) -> None:
    client = log_in()
    response = client.post("/api/tokens/", {**FIELDS, "origins": "HTTPS://crm.example.org/", "addresses": "127.0.0.1"})
    written = made(response)
    token = Token.objects.get()
    assert (token.scopes, token.origins, token.is_of_machine) == (FIELDS["scopes"], PAGE, False)
    assert token.expires_at is not None
    assert timedelta(days=29) < token.expires_at - timezone.now() <= timedelta(days=30)
    page = client.get("/api/tokens/").content.decode()
    assert f"pbxp_{token.public_id}" in page
    assert written not in page
    headers = {"Authorization": f"Bearer {written}", "Origin": PAGE}
    assert Client().get("/api/v1/calls", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": ""}, "This field is required."),
        ({"scopes": []}, "Choose at least one scope."),
        ({"scopes": ["calls.fly"]}, "calls.fly is not one of the available choices."),
        ({"scopes": ["calls.listen"]}, "calls.listen is not one of the available choices."),
        ({"origins": "crm"}, "“crm” is no origin"),
        ({"addresses": "192.0.2.0/33"}, "“192.0.2.0/33” is no address"),
        ({"lasts": "9999"}, "9999 is not one of the available choices."),
    ],
)
def test_a_token_that_cannot_be_meant_is_not_made(wrong: dict[str, Any], said: str) -> None:
    response = log_in().post("/api/tokens/", {**FIELDS, **wrong})
    assert response.status_code == 422
    assert said in response.content.decode()
    assert not Token.objects.exists()


def test_to_make_a_token_takes_the_password_again(small_pbx: None) -> None:
    client = log_in()
    session = client.session
    session["password_confirmed_at"] = 0
    session.save()
    response = client.post("/api/tokens/", FIELDS)
    assert response.status_code == 403
    assert 'type="password"' in response.content.decode()
    assert not Token.objects.exists()


def test_nobody_revokes_the_token_of_another_but_an_administrator(operator: Program) -> None:
    address = f"/api/tokens/{operator.token.pk}/revoke/"
    assert log_in("Operator", "ben").post(address).status_code == 403
    assert Token.objects.get().revoked_at is None
    assert log_in("Administrator", "chris").post(address)["Location"] == "/api/tokens/all/"
    assert Token.objects.get().revoked_at is not None


def test_an_administrator_makes_a_token_for_a_machine_that_may_no_more_than_its_owner(small_pbx: None) -> None:
    machine = people.person("Viewer", "wallboard")
    client = log_in("Administrator", "chris")
    response = client.post("/api/tokens/all/", {**FIELDS, "for_user": machine.pk})
    assert response.status_code == 422
    assert "wallboard may not do that: calls.originate" in response.content.decode()
    response = client.post("/api/tokens/all/", {**FIELDS, "for_user": machine.pk, "scopes": ["calls.see_calls"]})
    assert (
        Client().get("/api/v1/me", headers={"Authorization": f"Bearer {made(response)}"}).json()["user"] == "wallboard"
    )
    token = Token.objects.get()
    assert (token.owner.username, token.is_of_machine) == ("wallboard", True)
    assert token.made_by is not None
    assert token.made_by.username == "chris"
    assert "made by chris" in client.get("/api/tokens/all/").content.decode()


def test_an_administrator_makes_none_for_a_superuser(small_pbx: None) -> None:
    root = User.objects.create_superuser("root")
    response = log_in("Administrator", "chris").post("/api/tokens/all/", {**FIELDS, "for_user": root.pk})
    assert response.status_code == 422
    assert "Only a superuser may make a token for a superuser." in response.content.decode()
    assert not Token.objects.exists()


def test_who_is_deleted_in_the_admin_takes_their_tokens_along(operator: Program) -> None:
    client = log_in("Administrator", "chris")
    chris = User.objects.get(username="chris")
    chris.groups.set(Group.objects.all())
    User.objects.filter(pk=chris.pk).update(is_staff=True)
    address = f"/admin/auth/user/{operator.token.owner_id}/delete/"
    assert client.post(address, {"post": "yes"}).status_code == 302
    assert not User.objects.filter(username="anna").exists()
    assert not Token.objects.exists()
    assert problem(operator.get("/me")) == (401, "token-invalid")


def test_the_admin_shows_tokens_without_their_hashes(operator: Program) -> None:
    User.objects.create_superuser("root")
    html = log_in(name="root").get(f"/admin/api/token/{operator.token.pk}/change/").content.decode()
    assert operator.token.public_id in html
    assert operator.token.hash not in html
    assert 'name="_save"' not in html

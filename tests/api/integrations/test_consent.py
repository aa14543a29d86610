"""What a page of an allowed origin is given once its user has agreed, and what it may do with that."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from api.integrations.consent import LASTS
from api.models import AllowedOrigin, Token
from tests.access import people
from tests.access.people import Asterisk

from ..conftest import Program
from ..test_tokens import ask_first, log_in, problem

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("small_pbx")]
PAGE, OTHER = "https://crm.example.org", "https://evil.example.org"
ADDRESS = f"/integrations/agree/?origin={PAGE}&state=abc&number=102"


@pytest.fixture(autouse=True)
def page() -> AllowedOrigin:
    return AllowedOrigin.objects.create(origin=PAGE)


def written_in(response: Any) -> str:
    found = re.search(r'data-token="(pbxp_[0-9a-f_]+)"', response.content.decode())
    assert found is not None
    return found[1]


def agreed(client: Client | None = None) -> Program:
    """What the page can ask with afterwards."""
    written = written_in((client or log_in()).post(ADDRESS))
    return Program(Token.objects.get(revoked_at=None), written, Client())


def test_the_user_is_told_which_page_asks_and_nothing_is_made_by_looking() -> None:
    response = log_in().get(ADDRESS)
    html = response.content.decode()
    assert f"<bdi>{PAGE}</bdi>" in html
    assert "<bdi>102</bdi>" in html
    assert 'data-state="abc"' in html
    assert "data-token" not in html
    assert not Token.objects.exists()


def test_a_page_gets_a_token_of_its_origin_alone_for_a_while_and_for_ones_own_calls() -> None:
    agreed()
    token = Token.objects.get()
    assert (token.origins, token.name, token.is_of_machine) == (PAGE, f"Button on {PAGE}", False)
    assert sorted(token.scopes) == ["calls.hangup_own", "calls.originate"]
    assert token.expires_at is not None
    assert LASTS - timedelta(minutes=1) < token.expires_at - timezone.now() <= LASTS <= timedelta(hours=12)


def test_with_it_the_page_calls_sees_how_it_goes_and_hangs_up_and_no_more(asterisk: Asterisk) -> None:
    mine = agreed()
    asterisk.found["pbx.originate"] = {"call": "1732451234.12"}
    placed = mine.post("/me/calls", {"number": "102"}, Origin=PAGE)
    assert (placed.status_code, placed["Access-Control-Allow-Origin"]) == (201, PAGE)
    seen = mine.get("/me/calls/main/1732451234.12", Origin=PAGE)
    assert (seen.status_code, seen.json()["number"]) == (200, "102")
    assert mine.ask("DELETE", "/calls/main/1732451234.12", Origin=PAGE).status_code == 204
    for path in ("/calls", "/calls/main/1732451234.12", "/me/calls", "/conferences", "/extensions"):
        assert problem(mine.get(path, Origin=PAGE)) == (403, "scope-missing"), path
    people.channel("5.5", "PJSIP/103")
    assert problem(mine.ask("DELETE", "/calls/main/5.5", Origin=PAGE)) == (403, "not-allowed")


def test_the_call_of_another_is_not_shown(asterisk: Asterisk) -> None:
    agreed(log_in("Operator", "ben")).post("/me/calls", {"number": "102"}, Origin=PAGE)
    Token.objects.update(revoked_at=timezone.now())
    mine = agreed()
    assert problem(mine.get("/me/calls/main/1732451299.1000000000001", Origin=PAGE)) == (404, "not-found")


def test_from_another_page_or_from_none_it_does_not_work(asterisk: Asterisk) -> None:
    mine = agreed()
    for headers in ({"Origin": OTHER}, {"Origin": "null"}, {}):
        response = mine.post("/me/calls", {"number": "102"}, **headers)
        assert problem(response) == (403, "origin-not-allowed")
        assert "Access-Control-Allow-Origin" not in response
    assert asterisk.commands == []


def test_who_agrees_anew_ends_what_the_page_had_before_and_only_that() -> None:
    ben = agreed(log_in("Operator", "ben"))
    anna = log_in()
    first = Program(Token.objects.get(), written_in(anna.post(ADDRESS)), Client())
    second = Program(Token.objects.get(owner__username="ben"), written_in(anna.post(ADDRESS)), Client())
    assert problem(first.get("/me", Origin=PAGE)) == (401, "token-invalid")
    assert second.get("/me", Origin=PAGE).status_code == 200
    assert ben.get("/me", Origin=PAGE).status_code == 200


def test_a_page_may_read_that_its_token_ended_also_where_no_other_has_one() -> None:
    """Otherwise a browser would tell it no more than that the panel cannot be reached."""
    mine = agreed()
    Token.objects.update(revoked_at=timezone.now())
    response = mine.get("/me", Origin=PAGE)
    assert (problem(response), response["Access-Control-Allow-Origin"]) == ((401, "token-invalid"), PAGE)
    assert ask_first("/api/v1/me/calls", PAGE)["Access-Control-Allow-Origin"] == PAGE
    assert "Access-Control-Allow-Origin" not in mine.get("/me", Origin=OTHER)


def test_a_browser_that_asks_for_a_private_network_is_answered() -> None:
    headers = {"Origin": PAGE, "Access-Control-Request-Private-Network": "true"}
    response = Client().generic("OPTIONS", "/api/v1/me/calls", headers=headers)
    assert response["Access-Control-Allow-Private-Network"] == "true"
    assert "Access-Control-Allow-Private-Network" not in ask_first("/api/v1/me/calls", PAGE)


def test_a_page_whose_origin_is_not_allowed_gets_the_window_and_no_token() -> None:
    client = log_in()
    address = ADDRESS.replace("crm", "evil")
    response = client.get(address)
    assert (response.status_code, response["Location"]) == (302, "/calls/new/?number=102")
    assert client.post(address).status_code == 403
    for origin in ("", "null", "*", "crm.example.org", f"{PAGE}.evil.example.org", f"{PAGE}:8443"):
        assert client.post("/integrations/agree/?origin=" + origin).status_code == 403
    assert not Token.objects.exists()


def test_without_the_csrf_token_nobody_has_agreed() -> None:
    assert log_in(enforce_csrf_checks=True).post(ADDRESS).status_code == 403
    assert not Token.objects.exists()


def test_who_may_not_place_calls_cannot_agree() -> None:
    client = log_in("Viewer")
    assert client.get(ADDRESS).status_code == 403
    assert client.post(ADDRESS).status_code == 403
    assert not Token.objects.exists()


def test_who_is_not_logged_in_does_so_there_and_comes_back() -> None:
    user = people.person("Operator")
    user.set_password("a-password-of-the-tests")
    user.save()
    client = Client()
    response = client.get(ADDRESS)
    assert 'name="password"' in response.content.decode()
    assert response["Cross-Origin-Opener-Policy"] == "unsafe-none"
    response = client.post(ADDRESS, {"username": "anna", "password": "a-password-of-the-tests"})
    assert (response.status_code, response["Location"]) == (302, ADDRESS)
    assert response["Cross-Origin-Opener-Policy"] == "unsafe-none"
    assert not Token.objects.exists()


def test_what_the_page_calls_its_question_is_a_word_or_left_out() -> None:
    client = log_in()
    for state in ("<script>", "a" * 65, "a b"):
        assert 'data-state=""' in client.get("/integrations/agree/", {"origin": PAGE, "state": state}).content.decode()


def test_a_page_that_is_removed_may_no_more_at_once(page: AllowedOrigin) -> None:
    mine = agreed()
    response = log_in("Administrator", "chris").post(f"/integrations/origins/{page.pk}/forbid/")
    assert response.status_code == 302
    assert problem(mine.get("/me", Origin=PAGE)) == (401, "token-invalid")
    assert problem(ask_first("/api/v1/me/calls", PAGE)) == (403, "origin-not-allowed")


def test_who_has_agreed_sees_it_under_their_tokens_and_can_end_it() -> None:
    client = log_in()
    mine = agreed(client)
    assert f"Button on {PAGE}" in client.get("/api/tokens/").content.decode()
    client.post(f"/api/tokens/{mine.token.pk}/revoke/")
    assert problem(mine.get("/me", Origin=PAGE)) == (401, "token-invalid")


def test_the_calls_of_a_page_are_bound_by_the_dial_policy_and_its_requests_by_the_rate(
    asterisk: Asterisk, settings: Any
) -> None:
    mine = agreed()
    User.objects.get().groups.get().dial_policy.delete()
    assert problem(mine.post("/me/calls", {"number": "102"}, Origin=PAGE)) == (403, "not-allowed")
    settings.API_REQUESTS = 1
    assert problem(mine.post("/me/calls", {"number": "102"}, Origin=PAGE)) == (429, "too-many-requests")
    assert asterisk.commands == []

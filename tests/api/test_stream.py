"""The stream of events, as a program reads it by a token."""

from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from api import tokens
from api.models import Token
from tests.access import people
from tests.access.people import ANONYMOUS
from tests.eventlog.conftest import PATH, Log, Read, log, read

__all__ = ["log", "read"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(60)]

SEE, PAGE = "calls.see_calls", "https://crm.example.org"


def _make(scopes: list[str], **fields: Any) -> tuple[Token, str]:
    user = User.objects.filter(username="machine").first() or people.person("Operator", "machine")
    return tokens.make(user, user, name="Shop", scopes=scopes, **fields)


async def made(*scopes: str, **fields: Any) -> tuple[Token, dict[str, str]]:
    """A token of an operator, and the header by which it reads."""
    token, written = await sync_to_async(_make)(list(scopes), **fields)
    return token, {"authorization": f"Bearer {written}"}


async def test_a_token_reads_what_its_scopes_let_it_see(read: Read, log: Log) -> None:
    _token, header = await made(SEE)
    reading = await read(ANONYMOUS, **header)
    assert reading.status == 200
    conference = '{"pbx": "main", "conference": "8001"}'
    await log.write("8001", type="conference.started", data=conference)
    await log.write("1.1")
    (told,) = await reading.until(1)
    assert told.event == "call.ringing"


async def test_a_token_that_sees_nothing_reads_nothing(read: Read) -> None:
    _token, header = await made("calls.originate")
    assert (await read(ANONYMOUS, **header)).status == 403


async def refused(read: Read, *arguments: str, **headers: str) -> tuple[int, str]:
    """The status and the kind of the problem that is answered instead of a stream."""
    reading = await read(*arguments, **headers)
    assert "access-control-allow-origin" not in {name.lower() for name in reading.headers}
    return reading.status, str(reading.problem["type"]).rpartition("/")[2]


async def test_a_token_that_does_not_work_reads_nothing_whoever_is_logged_in(read: Read) -> None:
    soon, past = timezone.now() + timedelta(minutes=1), timezone.now() - timedelta(seconds=1)
    for fields, kind in (
        ({"addresses": "192.0.2.0/24"}, (403, "address-not-allowed")),
        ({"origins": PAGE}, (403, "origin-not-allowed")),
        ({"expires_at": past}, (401, "token-invalid")),
        ({"revoked_at": past}, (401, "token-invalid")),
    ):
        _token, header = await made(SEE, **fields)
        assert await refused(read, "Administrator", **header) == kind
    _token, header = await made(SEE, expires_at=soon)
    assert (await read(ANONYMOUS, **header)).status == 200
    invalid, missing = (401, "token-invalid"), (401, "token-missing")
    assert await refused(read, "Administrator", authorization="Bearer pbxp_0123456789ab_none") == invalid
    assert await refused(read, "Administrator", authorization="Basic eDp5") == missing


# Pages of other origins.


async def test_a_page_that_the_token_allows_reads_and_no_other(read: Read, log: Log) -> None:
    _token, header = await made(SEE, origins=f"https://shop.example.org\n{PAGE}")
    reading = await read(ANONYMOUS, origin=PAGE, **header)
    assert (reading.status, reading.headers["Access-Control-Allow-Origin"]) == (200, PAGE)
    assert "Origin" in reading.headers["Vary"]
    assert "Access-Control-Allow-Credentials" not in reading.headers
    await log.write("1.1")
    await reading.until(1)
    for origin in ("https://evil.example.org", f"{PAGE}:8443", "null"):
        assert await refused(read, ANONYMOUS, origin=origin, **header) == (403, "origin-not-allowed")
    # A page that may use another token may read why it may not use this one.
    _token, of_no_page = await made(SEE)
    reading = await read(ANONYMOUS, origin=PAGE, **of_no_page)
    assert (reading.status, reading.headers["Access-Control-Allow-Origin"]) == (403, PAGE)
    assert str(reading.problem["type"]).endswith("/origin-not-allowed")


async def test_a_page_reads_also_what_went_wrong(read: Read) -> None:
    _token, header = await made(SEE, origins=PAGE)
    reading = await read(ANONYMOUS, "types=sung", origin=PAGE, **header)
    assert (reading.status, reading.headers["Access-Control-Allow-Origin"]) == (422, PAGE)


def test_a_browser_is_told_whether_a_page_may_read() -> None:
    def ask(origin: str) -> Any:
        headers = {"Origin": origin, "Access-Control-Request-Method": "GET"}
        return Client().options(PATH, headers=headers)

    assert ask(PAGE).status_code == 403
    _make([SEE], origins=PAGE)
    response = ask(PAGE)
    assert (response.status_code, response["Access-Control-Allow-Origin"]) == (204, PAGE)
    assert response["Access-Control-Allow-Methods"] == "GET"
    assert {"Authorization", "Last-Event-ID"} <= set(response["Access-Control-Allow-Headers"].split(", "))
    for origin in ("https://evil.example.org", "null", ""):
        response = ask(origin)
        assert response.status_code == 403
        assert "Access-Control-Allow-Origin" not in response


async def test_to_connect_counts_as_a_request(read: Read, settings: Settings) -> None:
    settings.API_REQUESTS = 1
    _token, header = await made(SEE)
    reading = await read(ANONYMOUS, **header)
    assert reading.headers["RateLimit"].startswith('"default";r=0;t=')
    assert await refused(read, ANONYMOUS, **header) == (429, "too-many-requests")


async def test_a_stream_ends_when_its_token_is_revoked(read: Read, log: Log) -> None:
    token, header = await made(SEE)
    reading = await read(ANONYMOUS, **header)

    def revoke() -> int:
        client = Client()
        client.force_login(token.owner, "accounts.backends.PanelBackend")
        return client.post(f"/api/tokens/{token.pk}/revoke/").status_code

    assert await sync_to_async(revoke)() == 302
    await reading.to_its_end()
    assert (await read(ANONYMOUS, **header)).status == 401

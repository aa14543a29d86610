"""The stream of events, as a program reads it by a token."""

from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import Client

from api import tokens
from api.models import Token
from tests.access import people
from tests.access.people import ANONYMOUS
from tests.eventlog.conftest import Log, Read, log, read

__all__ = ["log", "read"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(60)]

SEE = "calls.see_calls"


def _make(scopes: list[str], **fields: Any) -> tuple[Token, str]:
    user = people.person("Operator", "machine")
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


async def test_a_token_that_does_not_work_reads_nothing_whoever_is_logged_in(read: Read) -> None:
    _token, header = await made(SEE, addresses="192.0.2.0/24")
    assert (await read(ANONYMOUS, **header)).status == 401
    assert (await read("Administrator", authorization="Bearer pbxp_0123456789ab_none")).status == 401


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

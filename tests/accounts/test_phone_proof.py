"""A phone proves whose it is: a real worker, a real Asterisk 22 and 16, a phone that rings and keys in the code."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import channel_layers, get_channel_layer
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from accounts import phones
from accounts.models import PhoneProof, Profile
from audit.models import AuditEntry
from engine.ami import actions
from engine.ami.client import Session
from engine.ami.transports import Address
from engine.mirror.models import PBX
from engine.mirror.worker import AmiWorker
from tests.access import people
from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import PhoneFactory
from tests.lab.softphone import SoftCall, Softphone
from tests.waiting import until_stored

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

STATE = PhoneProof.State
PATIENCE = 90.0


class Station:
    """An Asterisk with the worker that mirrors it, and Mona, who has no phone yet."""

    def __init__(self, asterisk: Asterisk) -> None:
        self.asterisk = asterisk

    async def ask_for(self, endpoint: str) -> PhoneProof:
        """Mona enters this phone, and is shown a code."""

        def post() -> PhoneProof:
            client = Client()
            client.force_login(User.objects.get(username="mona"))
            fields = {"pbx": "main", "extension": "101", "endpoint": endpoint, "dial_context": "internal"}
            response = client.post("/profile/", fields)
            assert response.status_code == 302, response.content.decode()
            # On a slow machine a call takes its time.
            PhoneProof.objects.update(until=timezone.now() + timedelta(minutes=4))
            return PhoneProof.objects.get()

        found: PhoneProof = await sync_to_async(post)()
        return found

    @property
    def phone(self) -> str:
        return Profile.objects.get(user__username="mona").endpoint


@pytest.fixture
async def station(asterisk: Asterisk) -> AsyncIterator[Station]:
    channel_layers.backends.clear()
    await sync_to_async(people.person)("Moderator", "mona", endpoint="")
    addresses = {"main": Address.parse(asterisk.ami_url)}
    running = AmiWorker(application=None, channels=[], channel_layer=get_channel_layer(), addresses=addresses)
    task = asyncio.create_task(running.handle())
    try:
        await until_stored(PBX.objects.filter(name="main", link="up").exists)
        await until_stored(lambda: running.mirrors["main"].link.session)
        yield Station(asterisk)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        channel_layers.backends.clear()


@contextlib.asynccontextmanager
async def answered(station: Station, number: str = "101") -> AsyncIterator[tuple[PhoneProof, SoftCall]]:
    """Mona's phone rings, and she picks it up."""
    with Softphone(station.asterisk, number) as phone:
        proof = await station.ask_for(f"PJSIP/{number}")
        call = await asyncio.to_thread(phone.calls.get, True, PATIENCE)
        await asyncio.sleep(1)  # the dial tone
        yield proof, call


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10000:04}"


async def test_the_code_that_is_keyed_in_at_a_phone_makes_it_mine(station: Station) -> None:
    async with answered(station) as (proof, call):
        assert await sync_to_async(lambda: station.phone)() == ""
        await asyncio.to_thread(call.press, proof.code)
        await until_stored(lambda: station.phone == "PJSIP/101")
        await until_stored(lambda: call.ended)
    await until_stored(AuditEntry.objects.filter(verb="prove-phone", answer__endswith="; proven").exists)
    await until_stored(lambda: station.asterisk.channels() == [])


async def test_a_wrong_code_leaves_two_more_tries(station: Station) -> None:
    async with answered(station) as (proof, call):
        await asyncio.to_thread(call.press, wrong(proof.code))
        await until_stored(PhoneProof.objects.filter(tries_left=2).exists)
        await asyncio.sleep(3)  # the next dial tone
        await asyncio.to_thread(call.press, proof.code)
        await until_stored(lambda: station.phone == "PJSIP/101")


async def test_after_three_wrong_codes_the_phone_is_hung_up_and_nobodys(station: Station) -> None:
    async with answered(station) as (proof, call):
        for left in (2, 1, 0):
            await asyncio.to_thread(call.press, wrong(proof.code))
            await until_stored(PhoneProof.objects.filter(tries_left=left).exists)
            if left:
                await asyncio.sleep(3)
        await until_stored(lambda: call.ended)
    await until_stored(PhoneProof.objects.filter(state=STATE.WRONG).exists)
    assert await sync_to_async(lambda: station.phone)() == ""


async def test_a_phone_that_hangs_up_has_proven_nothing(station: Station) -> None:
    async with answered(station) as (_proof, call):
        await asyncio.to_thread(call.hang_up)
        await until_stored(PhoneProof.objects.filter(state=STATE.HUNG_UP).exists)
    assert await sync_to_async(lambda: station.phone)() == ""


@pytest.mark.parametrize(
    ("number", "behaviour", "state"),
    [("101", "busy", STATE.BUSY), ("101", "decline", STATE.BUSY), ("109", None, STATE.UNREACHABLE)],
)
async def test_why_a_phone_did_not_answer_is_told(
    number: str, behaviour: Any, state: PhoneProof.State, station: Station, phone_factory: PhoneFactory
) -> None:
    if behaviour:
        phone_factory(station.asterisk, number, behaviour)
    await station.ask_for(f"PJSIP/{number}")
    await until_stored(PhoneProof.objects.filter(state=state).exists)
    assert await sync_to_async(lambda: station.phone)() == ""


async def test_the_phone_shows_who_asks(station: Station, phone_factory: PhoneFactory) -> None:
    phone = phone_factory(station.asterisk, "101", "ring")
    await station.ask_for("PJSIP/101")
    await asyncio.to_thread(phone.wait_for_invite)
    assert "PBX Panel: mona" in phone.invites()[0]["From"]


async def test_what_the_pbx_has_is_what_it_says(station: Station) -> None:
    outcome, stock = await sync_to_async(phones.stock_of)("main", "internal")
    assert outcome.done
    assert {f"PJSIP/{number}" for number in range(101, 110)} | {"PJSIP/trunk"} <= set(stock.endpoints)
    assert {"internal", "from-outside", "parkedcalls"} <= set(stock.contexts)
    assert not {"globals", "chanvar"} & set(stock.contexts)
    assert all(" " not in name for name in (*stock.endpoints, *stock.contexts))
    assert stock.has_context
    _outcome, stock = await sync_to_async(phones.stock_of)("main", "nowhere")
    assert stock.has_context is False


async def test_a_manager_user_that_may_not_look_is_told(station: Station, asterisk: Asterisk) -> None:
    """What the page would say where the class “system” is missing: it does not take every phone for unknown."""
    session = await Session.open(Address.parse(asterisk.limited_url), lambda event: None, events="off")
    try:
        answer = await session.ask(actions.pjsip_show_endpoints(), is_list=None)
        assert not answer.ok
        assert "permission denied" in answer.text.lower()
    finally:
        session.close()

"""Presence, do not disturb and call forwarding at a real Asterisk: set by the panel, and by others."""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from audit.models import AuditEntry
from engine.ami import actions
from engine.ami.client import Session
from engine.ami.protocol import Action
from engine.ami.transports import Address
from engine.mirror import sync
from engine.mirror.commands import Outcome, Status
from engine.mirror.context import CommandContext
from engine.mirror.state import State
from engine.mirror.verbs import Verb
from extensions.models import Device, Presence
from extensions.presence import events
from extensions.presence.commands import Divert, OnOff, Wanted, do_not_disturb, forward, set_presence
from extensions.presence.models import Forwarding
from extensions.presence.said import DEVICES, NOTE, until_written
from tests.engine.mirror.test_snapshot import Mirror, mirroring
from tests.lab.asterisk import Asterisk
from tests.waiting import until_async
from web import toasts

ODD_NOTE = 'Zu Tisch, bis später; 午饭 "a\\nb" \\x'


@pytest.fixture(autouse=True)
def clean(asterisk: Asterisk) -> Iterator[None]:
    """Nothing is left of a test, and nobody has a presence but who set one."""
    yield
    for number in ("101", "102", "boss"):
        asterisk.cli(f"presencestate change CustomPresence:{number} NOT_SET")
    for device in ("Presence101", "Presence102", "DND101", "CF101"):
        asterisk.cli(f"devstate change Custom:{device} NOT_INUSE")
    for family in ("DND", "CF", "CFB", "CFU", "CustomPresence"):
        asterisk.cli(f"database deltree {family}")


async def give(mirror: Mirror, verb: Verb[Any, Any], parameters: Any, extension: str = "101") -> Outcome:
    ctx = CommandContext(mirror.session, mirror.state, 7, time.time() + 20)
    outcome = await verb.carry_out(ctx, extension, parameters)
    await mirror.settle()
    return outcome


def presence(mirror: Mirror, name: str = "CustomPresence:101") -> tuple[str, str, str] | None:
    row = mirror.state.table(Presence).get(name)
    return (row.state, row.subtype, row.message) if row else None


async def until_says(mirror: Mirror, state: str, until: str = "", note: str = "", of: str = "101") -> None:
    """Wait until the mirror knows this presence: its event may come after the answer."""
    await until_async(lambda: presence(mirror, f"CustomPresence:{of}") == (state, until, note))


async def until_device(mirror: Mirror, name: str, state: str) -> None:
    """Wait until the mirror knows this device in this state."""
    async with asyncio.timeout(20):
        while (row := mirror.state.table(Device).get(name)) is None or row.state != state:
            await mirror.settle()
            await asyncio.sleep(0.02)


async def test_a_presence_that_is_set_is_what_asterisk_and_the_mirror_say(asterisk: Asterisk) -> None:
    async with mirroring(Address.parse(asterisk.ami_url)) as mirror:
        await mirror.take()
        until = until_written(datetime.now(UTC) + timedelta(hours=1))
        for wanted in (Wanted("away", until, ODD_NOTE), Wanted("dnd", "", "午" * NOTE), Wanted("available")):
            assert (await give(mirror, set_presence, wanted)).done
            await until_says(mirror, wanted.state, wanted.until, wanted.note)
            await until_device(mirror, "Custom:Presence101", DEVICES[wanted.state])
            said = await mirror.session.ask(actions.presence_state("CustomPresence:101"))
            assert (said.response.get("State"), said.response.get("PresenceMessage")) == (wanted.state, wanted.note)
            assert f"State: '{wanted.state}'" in await asyncio.to_thread(asterisk.cli, "presencestate list")
            assert await sync.check(mirror.session, mirror.state, settle=0.5) == []


async def test_a_phone_can_subscribe_to_a_hint_of_the_device_that_goes_with_it(asterisk: Asterisk) -> None:
    async with mirroring(Address.parse(asterisk.ami_url)) as mirror:
        await mirror.take()
        hint = "dialplan add extension 155,hint,Custom:Presence101 into internal"
        await asyncio.to_thread(asterisk.cli, hint)
        for state, shown in (("away", "InUse"), ("dnd", "Busy"), ("available", "Idle")):
            assert (await give(mirror, set_presence, Wanted(state))).done
            wanted = re.compile(rf"^155@internal\b.*State:{shown}\b", re.MULTILINE)
            async with asyncio.timeout(20):
                while not wanted.search(await asyncio.to_thread(asterisk.cli, "core show hints")):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        await asyncio.to_thread(asterisk.cli, "dialplan remove extension 155@internal")


async def test_the_presence_is_the_one_that_the_hint_of_the_extension_names(asterisk: Asterisk) -> None:
    async with mirroring(Address.parse(asterisk.ami_url)) as mirror:
        await mirror.take()
        hint = {"Context": "internal", "Extension": "156", "Priority": "hint"}
        added = Action("DialplanExtensionAdd", (*hint.items(), ("Application", "PJSIP/101,CustomPresence:boss")))
        assert (await mirror.session.ask(added)).ok
        await mirror.take()
        assert (await give(mirror, set_presence, Wanted("away", "", "Out"), "156")).done
        await until_says(mirror, "away", note="Out", of="boss")
        assert "CustomPresence:156" not in mirror.state.table(Presence).rows
        await asyncio.to_thread(asterisk.cli, "dialplan remove extension 156@internal")


@pytest.mark.django_db(transaction=True)
async def test_whoever_is_away_until_a_time_is_back_then_also_where_nobody_listened_meanwhile(
    asterisk: Asterisk,
) -> None:
    past, later = until_written(datetime(2026, 1, 1, tzinfo=UTC)), until_written(datetime.now(UTC) + timedelta(hours=1))
    # The one of all tests may have a panel on it, which would bring them back before.
    with Asterisk(asterisk.version) as alone:
        async with mirroring(Address.parse(alone.ami_url)) as mirror:
            await give(mirror, set_presence, Wanted("away", past, "Lunch"))
            await give(mirror, set_presence, Wanted("dnd", later, "Meeting"), "102")
            await until_says(mirror, "dnd", later, "Meeting", of="102")
        async with mirroring(Address.parse(alone.ami_url)) as mirror:
            await mirror.take()
            assert presence(mirror) == ("away", past, "Lunch")
            events.somebody_is_back(mirror.state)
            await mirror.settle()
            await until_says(mirror, "available")
            await until_device(mirror, "Custom:Presence101", "NOT_INUSE")
            assert presence(mirror, "CustomPresence:102") == ("dnd", later, "Meeting")
    entry = await AuditEntry.objects.aget(verb=events.BACK)
    assert (entry.subject, entry.username) == ("101", "")


async def test_do_not_disturb_and_forwarding_are_entries_of_the_astdb_and_device_states(asterisk: Asterisk) -> None:
    async with mirroring(Address.parse(asterisk.ami_url)) as mirror:
        await mirror.take()
        table = mirror.state.table(Forwarding)
        assert table.rows == {}
        assert (await give(mirror, do_not_disturb, OnOff("on"))).done
        assert (await give(mirror, forward, Divert("always", "102"))).done
        assert (await give(mirror, forward, Divert("busy", "+4930123456"))).done
        row = table.rows["101"]
        assert (row.do_not_disturb, row.always, row.busy, row.unanswered) == (True, "102", "+4930123456", "")
        said = await asyncio.to_thread(asterisk.cli, "database show")
        for entry in ("/DND/101", "/CF/101", "/CFB/101"):
            assert entry in said
        devices = await asyncio.to_thread(asterisk.cli, "devstate list")
        assert "'Custom:DND101'  State: 'BUSY'" in devices
        assert "'Custom:CF101'  State: 'BUSY'" in devices
        assert (await give(mirror, do_not_disturb, OnOff("off"))).done
        assert (await give(mirror, forward, Divert("always"))).done
        assert (await give(mirror, forward, Divert("busy"))).done
        # What is not there is as it is wanted.
        assert (await give(mirror, forward, Divert("busy"))).done
        assert table.rows == {}
        devices = await asyncio.to_thread(asterisk.cli, "devstate list")
        assert "'Custom:DND101'  State: 'NOT_INUSE'" in devices
        assert "'Custom:CF101'  State: 'NOT_INUSE'" in devices
        for device in ("Custom:DND101", "Custom:CF101"):
            await until_device(mirror, device, "NOT_INUSE")
        assert await sync.check(mirror.session, mirror.state, settle=0.5) == []


async def test_what_others_change_in_the_astdb_is_seen_within_the_minute(asterisk: Asterisk) -> None:
    async with mirroring(Address.parse(asterisk.ami_url)) as mirror:
        await mirror.take()
        events.read_again(mirror.state)
        assert not mirror.state.requests
        await asyncio.to_thread(asterisk.cli, "database put CFU 101 103")
        await asyncio.to_thread(asterisk.cli, "database put DND 102 0")
        mirror.state.memory(events.Reading).at -= events.READ_EVERY
        events.read_again(mirror.state)
        await mirror.settle()
        rows = mirror.state.table(Forwarding).rows
        assert {key: row.unanswered for key, row in rows.items()} == {"101": "103"}
        assert await sync.check(mirror.session, mirror.state, settle=0.5) == []


async def test_keys_of_another_pbx_are_read_and_written_as_the_setting_names_them(
    asterisk: Asterisk, settings: Any
) -> None:
    settings.ASTDB_KEYS = {"dnd": "CFB/{}/silent"}
    async with mirroring(Address.parse(asterisk.ami_url)) as mirror:
        await mirror.take()
        await asyncio.to_thread(asterisk.cli, "database put CFB 102 103")
        assert (await give(mirror, do_not_disturb, OnOff("on"))).done
        assert (await give(mirror, forward, Divert("busy", "102"))).status is Status.NOT_POSSIBLE
        rows = mirror.state.table(Forwarding).rows
        assert {key: (row.do_not_disturb, row.busy) for key, row in rows.items()} == {"101": (True, "")}
        assert "/CFB/101/silent" in await asyncio.to_thread(asterisk.cli, "database show CFB")


@contextlib.asynccontextmanager
async def asking(url: str) -> AsyncIterator[CommandContext]:
    """As a manager user who hears nothing."""
    session = await Session.open(Address.parse(url), lambda event: None, events="off", timeout=10)
    try:
        yield CommandContext(session, State("main"), 7, time.time() + 20)
    finally:
        session.close()


async def test_a_manager_user_without_the_classes_is_refused_by_asterisk(asterisk: Asterisk) -> None:
    async with asking(asterisk.limited_url) as ctx:
        asked: list[tuple[Verb[Any, Any], Any]] = [
            (set_presence, Wanted("away")), (do_not_disturb, OnOff("on")), (forward, Divert("busy", "102"))
        ]  # fmt: skip
        for verb, parameters in asked:
            outcome = await verb.carry_out(ctx, "101", parameters)
            assert outcome.status is Status.NOT_PERMITTED
            assert "its manager user lacks a privilege" in toasts.words(outcome, "")


async def test_who_may_not_read_the_astdb_does_not_ask_for_it_again_and_again(asterisk: Asterisk) -> None:
    async with asking(asterisk.listener_url) as ctx:
        state, reading = ctx.state, ctx.state.memory(events.Reading)
        events.read_again(state)
        assert state.requests == {("forwarding", "")}
        state.requests.clear()
        await events.list_forwarding(sync.Snapshot(ctx.session, state))
        reading.at -= events.READ_EVERY
        events.read_again(state)
        assert not state.requests

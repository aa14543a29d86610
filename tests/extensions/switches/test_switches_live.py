"""Switches at a real Asterisk: thrown by the panel, and by others."""

import asyncio
import time
from collections.abc import Iterator

import pytest
from asgiref.sync import sync_to_async

from engine.ami.transports import Address
from engine.mirror.context import CommandContext
from engine.mirror.models import PBX
from extensions.models import Device
from extensions.switches import events
from extensions.switches.commands import Throw, throw
from extensions.switches.models import Switch, SwitchEntry
from tests.engine.mirror.test_snapshot import Mirror, mirroring
from tests.lab.asterisk import Asterisk

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def main() -> PBX:
    return PBX.objects.create(name="main")


@pytest.fixture(autouse=True)
def clean(asterisk: Asterisk) -> Iterator[None]:
    """Nothing is left of a test."""
    yield
    asterisk.cli("database deltree DAYNIGHT")
    asterisk.cli("devstate change Custom:DAYNIGHT0 NOT_INUSE")


def held(mirror: Mirror) -> dict[str, tuple[bool, str]]:
    return {name: (row.is_there, row.value) for name, row in mirror.state.table(SwitchEntry).rows.items()}


async def give(mirror: Mirror, wanted: Throw) -> None:
    ctx = CommandContext(mirror.session, mirror.state, 7, time.time() + 20)
    outcome = await throw.carry_out(ctx, "1", wanted)
    assert outcome.done, outcome
    await mirror.settle()


async def read_again(mirror: Mirror) -> None:
    mirror.state.memory(events.Reading).at -= events.READ_EVERY
    events.read_again(mirror.state)
    await mirror.settle()


async def until_device(mirror: Mirror, state: str) -> None:
    """Wait until the mirror knows the device in this state: its event may come after the answer."""
    async with asyncio.timeout(20):
        while (row := mirror.state.table(Device).get("Custom:DAYNIGHT0")) is None or row.state != state:
            await mirror.settle()
            await asyncio.sleep(0.02)


async def test_a_switch_of_an_entry_and_a_device_sets_both(asterisk: Asterisk, main: PBX) -> None:
    await Switch.objects.acreate(
        pbx="main", name="Night", entry="DAYNIGHT/C0", on_value="NIGHT", off_value="DAY", device="Custom:DAYNIGHT0"
    )
    async with mirroring(Address.parse(asterisk.ami_url)) as mirror:
        await mirror.take()
        events.read_again(mirror.state)
        await mirror.settle()
        assert held(mirror) == {"/DAYNIGHT/C0": (False, "")}
        for on, value, state in (("on", "NIGHT", "INUSE"), ("off", "DAY", "NOT_INUSE")):
            await give(mirror, Throw(on, "DAYNIGHT", "C0", value, "Custom:DAYNIGHT0"))
            assert held(mirror) == {"/DAYNIGHT/C0": (True, value)}
            assert f"'Custom:DAYNIGHT0'  State: '{state}'" in await asyncio.to_thread(asterisk.cli, "devstate list")
            await until_device(mirror, state)
        await give(mirror, Throw("off", "DAYNIGHT", "C0", ""))
        await give(mirror, Throw("off", "DAYNIGHT", "C0", ""))  # what is not there is as it is wanted
        assert held(mirror) == {"/DAYNIGHT/C0": (False, "")}


async def test_what_others_write_is_seen_within_the_minute_and_what_is_no_longer_named_is_forgotten(
    asterisk: Asterisk, main: PBX
) -> None:
    switch = await Switch.objects.acreate(pbx="main", name="Night", entry="DAYNIGHT/C0", on_value="NIGHT")
    async with mirroring(Address.parse(asterisk.ami_url)) as mirror:
        await mirror.take()
        await read_again(mirror)
        await asyncio.to_thread(asterisk.cli, "database put DAYNIGHT C0 NIGHT")
        events.read_again(mirror.state)
        assert not mirror.state.requests
        await read_again(mirror)
        assert held(mirror) == {"/DAYNIGHT/C0": (True, "NIGHT")}
        await sync_to_async(switch.delete)()
        await read_again(mirror)
        assert held(mirror) == {}


async def test_a_device_that_a_dialplan_or_telephone_sets_is_seen_at_once(asterisk: Asterisk, main: PBX) -> None:
    async with mirroring(Address.parse(asterisk.ami_url)) as mirror:
        await mirror.take()
        for state in ("INUSE", "NOT_INUSE"):
            await asyncio.to_thread(asterisk.cli, f"devstate change Custom:DAYNIGHT0 {state}")
            await until_device(mirror, state)

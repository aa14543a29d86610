"""Extensions and devices of a real Asterisk: what they do is mirrored, and nothing that nobody asked for piles up."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

from engine.ami.transports import Address
from engine.mirror import sync
from extensions.models import Device, Extension
from tests.engine.mirror.test_snapshot import Mirror, mirroring
from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory, PhoneFactory


async def until_read(mirror: Mirror, address: str, text: str, device_state: str) -> None:
    """Wait until an extension and its device are in these states."""
    async with asyncio.timeout(20):
        while True:
            await mirror.settle()
            extension = mirror.state.table(Extension).get(f"{address}@internal")
            device = mirror.state.table(Device).get(f"PJSIP/{address}")
            if (extension and extension.text, device and device.state) == (text, device_state):
                return
            await asyncio.sleep(0.05)


async def test_a_phone_that_rings_and_talks_is_seen_as_such(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with mirroring(Address.parse(asterisk.ami_url)) as mirror:
        await mirror.take()
        assert len(mirror.state.table(Extension).rows) == 9
        assert mirror.state.table(Extension).rows["109@internal"].text == "Unavailable"
        ringing = await asyncio.to_thread(phone_factory, asterisk, "102", "ring")
        caller = await asyncio.to_thread(caller_factory, asterisk, "102")
        await until_read(mirror, "102", "Ringing", "RINGING")
        await asyncio.to_thread(caller.stop)
        await asyncio.to_thread(ringing.stop)
        await until_read(mirror, "102", "Idle", "NOT_INUSE")
        await asyncio.to_thread(phone_factory, asterisk, "101")
        await asyncio.to_thread(caller_factory, asterisk, "101")
        await until_read(mirror, "101", "InUse", "INUSE")
        assert await sync.check(mirror.session, mirror.state, settle=0.5) == []


async def test_calls_by_local_channels_and_conferences_leave_no_devices_behind(asterisk: Asterisk) -> None:
    async with mirroring(Address.parse(asterisk.ami_url)) as mirror:
        await mirror.take()
        for _ in range(5):
            for target in ("602", "8001", "5299"):
                command = f"channel originate Local/{target}@internal application Wait 20"
                await asyncio.to_thread(asterisk.cli, command)
        await asyncio.to_thread(asterisk.quiet)
        await mirror.settle()
        kinds = {name.partition("/")[0].partition(":")[0] for name in mirror.state.table(Device).rows}
        assert kinds <= {"PJSIP", "Queue", "park", "Custom"}
        assert await sync.check(mirror.session, mirror.state, settle=0.5) == []


@contextlib.contextmanager
def with_a_hint(dialplan: Path, line: str) -> Iterator[None]:
    before = dialplan.read_text(encoding="utf-8")
    dialplan.write_text(before.replace("exten => 109,hint,PJSIP/109", line), encoding="utf-8")
    try:
        yield
    finally:
        dialplan.write_text(before, encoding="utf-8")


async def test_hints_that_come_and_go_with_a_reload_are_seen(asterisk: Asterisk) -> None:
    async with mirroring(Address.parse(asterisk.ami_url)) as mirror:
        await mirror.take()

        async def reloads() -> set[str]:
            """The extensions known once Asterisk has told of its reload."""
            await asyncio.to_thread(asterisk.cli, "module reload pbx_config.so")
            async with asyncio.timeout(20):
                while not mirror.state.requests:  # noqa: ASYNC110 (what it waits for has no event)
                    await asyncio.sleep(0.05)
            await mirror.settle()
            return {row.extension for row in mirror.state.table(Extension).rows.values()}

        with with_a_hint(asterisk.folder / "etc/extensions.conf", "exten => 110,hint,PJSIP/101"):
            assert {"110", "109"} & await reloads() == {"110"}
        assert {"110", "109"} & await reloads() == {"109"}

"""Hold and consultation with a caller who came through a queue or a Local channel, on a real Asterisk 22 and 16.

Whoever hangs up, and when: the caller is with somebody, on hold, or has hung up.
"""

import asyncio
from typing import Literal

import pytest

from calls import transfers
from calls.models import Channel, Transfer
from tests.calls.test_control_live import Board, board, trunk
from tests.calls.test_transfers_live import STATE, TO_103, hears_music, state_is, told
from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory, PhoneFactory
from tests.matrix import matrix

pytestmark = pytest.mark.timeout(150)

Who = Literal["caller", "me", "target"]
# By what a caller reaches phone 101: at once, by a Local channel that stays, by a queue.
WAYS = {"directly": "101", "Local": "5201", "queue": "610"}
STAGES = {"ringing": "ring", "talking": "answer"}


def with_whom(asterisk: Asterisk, channel: Channel | None) -> set[str]:
    """The telephones that hear this channel, itself included, as Asterisk says it: in its bridge, and in those that
    Local channels join to it.
    """
    if channel is None:
        return set()
    lines = [line.split("!") for line in asterisk.cli("core show channels concise").splitlines() if "!" in line]
    bridges = {fields[0]: fields[-2] for fields in lines}
    found, new = set[str](), {channel.name}
    while new:
        name = new.pop()
        found.add(name)
        near = {other for other, bridge in bridges.items() if bridge and bridge == bridges.get(name)}
        half = name[:-1] + ("2" if name.endswith("1") else "1") if name.startswith("Local/") else ""
        new |= (near | {half} & bridges.keys()) - found
    return {name.rpartition("-")[0] for name in found if not name.startswith("Local/")}


async def are_together(here: Board, channel: Channel, *endpoints: str) -> None:
    """Wait until this channel is with these endpoints and nobody else."""
    await here.until(lambda: with_whom(here.asterisk, channel) == {channel.endpoint, *endpoints})


async def a_call(here: Board, phones: PhoneFactory, callers: CallerFactory, way: str) -> tuple[Channel, Channel]:
    """A caller from outside who talks to me at 101, having come this way: both channels."""
    await asyncio.to_thread(phones, here.asterisk, "101")
    await asyncio.to_thread(callers, here.asterisk, WAYS[way], number="0401234567", name="Outside")
    mine = await here.channel("PJSIP/101")
    caller: Channel = await here.until(lambda: trunk(here))
    await are_together(here, caller, "PJSIP/101")
    await here.until(lambda: caller.bridge and mine.bridge)
    return caller, mine


async def consulting(
    here: Board, phones: PhoneFactory, callers: CallerFactory, way: str, stage: str
) -> tuple[Channel, Channel, Transfer]:
    caller, mine = await a_call(here, phones, callers, way)
    await asyncio.to_thread(phones, here.asterisk, "103", STAGES[stage])  # type: ignore[arg-type]
    outcome = await here.give(transfers.consult, caller, TO_103)
    assert outcome.done, outcome
    await hears_music(here, caller)
    row = await state_is(here, STATE(stage))
    await here.channel("PJSIP/103", "Up" if stage == "talking" else "Ringing")
    if stage == "talking":
        await are_together(here, mine, "PJSIP/103")
    return caller, mine, row


@matrix(indirect=["asterisk"], asterisk=["22", "16"], way=WAYS, stage=STAGES, who=["caller", "me", "target"])
async def test_who_hangs_up_during_a_consultation_leaves_the_others_well(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory, way: str, stage: str, who: Who
) -> None:
    async with board(asterisk) as here:
        caller, mine, _row = await consulting(here, phone_factory, caller_factory, way, stage)
        leaves = {"caller": caller, "me": mine, "target": here.at("PJSIP/103")}[who]
        assert leaves
        asterisk.cli(f"channel request hangup {leaves.name}")
        await here.until(lambda: leaves.uniqueid not in here.state.table(Channel).rows)
        if who == "caller":
            await here.until(lambda: told(here) == ["gone"])
            if stage == "talking":
                await are_together(here, mine, "PJSIP/103")
            else:
                await here.channel("PJSIP/103", "Ringing")
        elif who == "me":
            await are_together(here, caller, "PJSIP/101")
            await here.gone("PJSIP/103")
            assert told(here)[0] == "recall"
        else:
            await are_together(here, caller, "PJSIP/101")
            await here.until(lambda: told(here) == ["back"])


@matrix(indirect=["asterisk"], asterisk=["22", "16"], way=WAYS, stage=STAGES, then=["complete", "cancel"])
async def test_a_consultation_ends_well(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory, way: str, stage: str, then: str
) -> None:
    async with board(asterisk) as here:
        caller, _mine, row = await consulting(here, phone_factory, caller_factory, way, stage)
        assert (await here.give(getattr(transfers, then), row.code)).done
        if then == "cancel":
            await are_together(here, caller, "PJSIP/101")
            await here.gone("PJSIP/103")
            leaves = "PJSIP/101"
        else:
            await here.gone("PJSIP/101")
            await here.channel("PJSIP/103", "Up" if stage == "talking" else "Ringing")
            if stage == "ringing":
                assert caller.uniqueid in here.state.table(Channel).rows
                return
            await are_together(here, caller, "PJSIP/103")
            leaves = "PJSIP/103"
        # Whoever was on hold is in an ordinary call again: it ends for both.
        asterisk.cli(f"channel request hangup {(await here.channel(leaves)).name}")
        await here.until(lambda: caller.uniqueid not in here.state.table(Channel).rows)


@matrix(indirect=["asterisk"], asterisk=["22", "16"], way=WAYS, who=["caller", "me", "nobody"])
async def test_a_hold_ends_well(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory, way: str, who: str
) -> None:
    async with board(asterisk) as here:
        caller, mine = await a_call(here, phone_factory, caller_factory, way)
        assert (await here.give(transfers.hold, caller)).done
        await hears_music(here, caller)
        row = await state_is(here, STATE.HELD)
        if who == "nobody":
            assert (await here.give(transfers.resume, row.code)).done
            await are_together(here, caller, "PJSIP/101")
        elif who == "me":
            asterisk.cli(f"channel request hangup {mine.name}")
            await here.until(lambda: mine.uniqueid not in here.state.table(Channel).rows)
            await are_together(here, caller, "PJSIP/101")
        else:
            asterisk.cli(f"channel request hangup {caller.name}")
            await here.gone("PJSIP/101")

"""The caller and the target by turns, and all three together, on a real Asterisk 22 and 16 with SIP telephones."""

import asyncio
from typing import Any

import pytest

from calls import transfers
from calls.control import Destination, partners
from calls.models import Channel, Transfer
from engine.mirror.commands import Status
from engine.mirror.sync import Snapshot
from engine.mirror.verbs import Verb
from tests.calls.test_control_live import Board, board
from tests.calls.test_transfers_live import consulting, hears_music, over, state_is, told
from tests.lab import ears
from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory, PhoneFactory

pytestmark = pytest.mark.timeout(150)

STATE = Transfer.State


def target_of(here: Board, row: Transfer) -> Channel:
    target = here.state.table(Channel).get(row.target)
    assert target is not None
    return target


async def swapped(
    here: Board, phones: PhoneFactory, callers: CallerFactory
) -> tuple[Channel, Channel, Channel, Transfer]:
    """I, at 101, am back with the caller while 103 hears music: caller, my phone, target, and what is known of it."""
    caller, mine, row = await consulting(here, phones, callers)
    target = target_of(here, row)
    assert (await here.give(transfers.swap, row.code)).done
    await with_the_caller(here, caller, mine, target)
    return caller, mine, target, row


async def with_the_caller(here: Board, caller: Channel, mine: Channel, target: Channel) -> None:
    await here.together(caller, mine)
    await hears_music(here, target)
    await state_is(here, STATE.SWAPPED)


async def with_the_target(here: Board, caller: Channel, mine: Channel, target: Channel) -> None:
    await here.together(mine, target)
    await hears_music(here, caller)
    await state_is(here, STATE.TALKING)


def hang_up(here: Board, channel: Channel) -> None:
    here.asterisk.cli(f"channel request hangup {channel.name}")


async def test_i_am_with_the_caller_and_with_the_target_by_turns(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        caller, mine, target, row = await swapped(here, phone_factory, caller_factory)
        for _time in range(2):
            assert (await here.give(transfers.swap, row.code)).done
            await with_the_target(here, caller, mine, target)
            assert (await here.give(transfers.swap, row.code)).done
            await with_the_caller(here, caller, mine, target)
        assert told(here) == []
        assert (await here.give(transfers.cancel, row.code)).done
        await over(here, "back")
        await here.together(caller, mine)
        await here.gone("PJSIP/103")
        # A call as any other.
        hang_up(here, mine)
        await here.until(lambda: not here.state.table(Channel).rows)


@pytest.mark.parametrize("turns", [1, 2])
async def test_it_is_completed_in_either_position(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory, turns: int
) -> None:
    async with board(asterisk) as here:
        caller, mine, target, row = await swapped(here, phone_factory, caller_factory)
        if turns == 2:
            assert (await here.give(transfers.swap, row.code)).done
            await with_the_target(here, caller, mine, target)
        assert (await here.give(transfers.complete, row.code)).done
        await over(here, "completed")
        await here.together(caller, target)
        await here.gone("PJSIP/101")
        hang_up(here, here.at("PJSIP/103") or target)
        await here.until(lambda: not here.state.table(Channel).rows)


async def test_it_is_cancelled_after_two_turns(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        caller, mine, target, row = await swapped(here, phone_factory, caller_factory)
        assert (await here.give(transfers.swap, row.code)).done
        await with_the_target(here, caller, mine, target)
        assert (await here.give(transfers.cancel, row.code)).done
        await over(here, "back")
        await here.together(caller, mine)
        await here.gone("PJSIP/103")


# Whoever hangs up.


async def test_when_the_caller_hangs_up_i_am_with_the_target(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        caller, mine, target, _row = await swapped(here, phone_factory, caller_factory)
        hang_up(here, caller)
        await over(here, "gone")
        await here.together(mine, target)
        assert here.at("PJSIP/103", "Up")
        hang_up(here, mine)
        await here.until(lambda: not here.state.table(Channel).rows)


async def test_when_the_target_hangs_up_i_stay_with_the_caller(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        caller, mine, _target, _row = await swapped(here, phone_factory, caller_factory)
        hang_up(here, await here.channel("PJSIP/103"))
        await over(here, "back")
        await here.together(caller, mine)
        settled = f"PBXPANEL_SINCE={transfers.NEVER}"
        await here.until(lambda: settled in asterisk.cli(f"core show channel {caller.name}"))
        hang_up(here, mine)
        await here.until(lambda: not here.state.table(Channel).rows)


@pytest.mark.parametrize("turns", [1, 2])
async def test_when_i_hang_up_the_caller_comes_back_to_me_and_the_target_is_let_go(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory, turns: int
) -> None:
    async with board(asterisk) as here:
        caller, mine, target, row = await swapped(here, phone_factory, caller_factory)
        if turns == 2:
            assert (await here.give(transfers.swap, row.code)).done
            await with_the_target(here, caller, mine, target)
        hang_up(here, mine)
        again = await here.until(lambda: (row := here.at("PJSIP/101", "Up")) and row is not mine and row)
        await here.together(caller, again)
        await here.gone("PJSIP/103")
        await here.until(lambda: told(here) and told(here)[-1] == "taken")
        hang_up(here, again)
        await here.until(lambda: not here.state.table(Channel).rows)


async def test_nobody_is_swapped_or_joined_who_is_not_there(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    """While the target still rings."""
    async with board(asterisk) as here:
        caller, _mine, row = await consulting(here, phone_factory, caller_factory, "ring")
        await here.channel("PJSIP/103", "Ringing")
        assert (await here.give(transfers.swap, row.code)).status is Status.NOT_POSSIBLE
        assert (await here.give(transfers.join, row.code)).status is Status.NOT_POSSIBLE
        await hears_music(here, caller)
        assert here.at("PJSIP/103", "Ringing")


# All three.


@pytest.mark.parametrize("leaves", ["mine", "caller", "target"])
@pytest.mark.parametrize("position", [STATE.TALKING, STATE.SWAPPED])
async def test_all_three_talk_and_two_go_on_when_one_leaves(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory, position: str, leaves: str
) -> None:
    async with board(asterisk) as here:
        if position == STATE.TALKING:
            caller, mine, row = await consulting(here, phone_factory, caller_factory)
            target = target_of(here, row)
        else:
            caller, mine, target, row = await swapped(here, phone_factory, caller_factory)
        assert (await here.give(transfers.join, row.code)).done
        await here.together(caller, mine, target)
        await over(here, "joined")
        parties = {"mine": mine, "caller": caller, "target": target}
        hang_up(here, await here.channel("PJSIP/103") if leaves == "target" else parties[leaves])
        left = [channel for name, channel in parties.items() if name != leaves]
        await here.together(*left)
        # With the next the call ends, also for whoever once waited.
        hang_up(here, left[0])
        await here.until(lambda: not here.state.table(Channel).rows)
        await asyncio.to_thread(asterisk.quiet)
        assert told(here) == ["joined"]


# What is heard.

CALLER, TARGET, MUSIC = 440, 1004, 2000
ALL = {CALLER, TARGET, MUSIC}


async def test_each_hears_whom_they_are_with(asterisk: Asterisk, phone_factory: PhoneFactory) -> None:
    """The caller sounds at 440 Hz, the target (601) at 1,004, and their music at 2,000."""
    async with board(asterisk) as here:
        await asyncio.to_thread(phone_factory, asterisk, "101")
        for step in ("1,Answer", "2,PlayTones(440)", "3,Wait(3600)"):
            asterisk.cli(f"dialplan add extension 6440,{step} into internal replace")
        asterisk.cli("channel originate Local/6440@internal/n extension 101@internal")
        mine = await here.channel("PJSIP/101")
        caller = await here.until(lambda: next(iter(partners(here.state, mine)), None))
        asterisk.cli(f"dialplan set chanvar {caller.name} CHANNEL(musicclass) tone")
        assert (await here.give(transfers.consult, caller, Destination("601", "internal"))).done
        row = await state_is(here, STATE.TALKING)
        target = target_of(here, row)
        asterisk.cli(f"dialplan set chanvar {target.name} CHANNEL(musicclass) tone")

        async def hears(channel: Channel) -> set[int]:
            return await asyncio.to_thread(ears.tones, asterisk, channel.name, ALL)

        assert (await hears(mine), await hears(caller)) == ({TARGET}, {MUSIC})
        assert (await here.give(transfers.swap, row.code)).done
        await with_the_caller(here, caller, mine, target)
        assert (await hears(mine), await hears(target)) == ({CALLER}, {MUSIC})
        assert (await here.give(transfers.join, row.code)).done
        await here.together(caller, mine, target)
        assert (await hears(mine), await hears(caller), await hears(target)) == ({CALLER, TARGET}, {TARGET}, {CALLER})


# The next worker.


@pytest.mark.parametrize("verb", [transfers.swap, transfers.complete, transfers.cancel, transfers.join])
async def test_a_worker_that_takes_over_sees_who_is_with_whom_and_goes_on(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory, verb: Verb[Any, Any]
) -> None:
    """Also where the former one has not stored the last change."""
    async with board(asterisk) as here:
        caller, mine, target, row = await swapped(here, phone_factory, caller_factory)
        stored = Transfer(pbx_id="main", code=row.code, held=row.held, mine=row.mine, call=row.call, number="103")
        stored.target, stored.state, stored.started_at = row.target, STATE.TALKING, row.started_at
    async with board(asterisk) as here:
        here.state.table(Transfer).adopt(stored)
        await transfers.find_out(Snapshot(here.follower.session, here.state))
        assert stored.state == STATE.SWAPPED
        caller, mine, target = (here.state.table(Channel).rows[one.uniqueid] for one in (caller, mine, target))
        assert (await here.give(verb, stored.code)).done
        if verb is transfers.swap:
            await with_the_target(here, caller, mine, target)
        else:
            parties: dict[object, tuple[Channel, ...]] = {
                transfers.complete: (caller, target),
                transfers.cancel: (caller, mine),
            }
            await here.together(*parties.get(verb, (caller, mine, target)))
            await over(here, {transfers.complete: "completed", transfers.cancel: "back"}.get(verb, "joined"))

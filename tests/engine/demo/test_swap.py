"""The caller and the target by turns, and all three, on the demo: as tests/calls/test_swap_live.py on a real one."""

import pytest

from calls import transfers
from calls.models import Channel
from engine.mirror.commands import Status

from .test_transfers import ANSWERS, RINGS, STATE, Board, here

__all__ = ["here"]

pytestmark = [pytest.mark.timeout(60)]


async def swap(here: Board, target: Channel, state: str) -> None:
    assert (await here.ask(transfers.swap)).done
    is_back = state == STATE.SWAPPED
    await here.together(here.mine, here.caller if is_back else target)
    await here.until(lambda: here.row.state == state)
    assert here.runs(target if is_back else here.caller) == "MusicOnHold"


async def swapped(here: Board) -> Channel:
    """I am back with the caller; the target, which is returned, hears music."""
    await here.consult(ANSWERS)
    target = here.state.table(Channel).get(here.row.target)
    assert target is not None
    await swap(here, target, STATE.SWAPPED)
    return target


async def test_by_turns_until_it_is_cancelled(here: Board) -> None:
    target = await swapped(here)
    await swap(here, target, STATE.TALKING)
    await swap(here, target, STATE.SWAPPED)
    assert here.told == []
    assert (await here.ask(transfers.cancel)).done
    await here.over("back")
    await here.together(here.caller, here.mine)
    here.hang_up(here.mine)
    await here.only()


@pytest.mark.parametrize("turns", [1, 2])
async def test_it_is_completed_in_either_position(here: Board, turns: int) -> None:
    target = await swapped(here)
    if turns == 2:
        await swap(here, target, STATE.TALKING)
    assert (await here.ask(transfers.complete)).done
    await here.over("completed")
    await here.together(here.caller, target)
    here.hang_up(here.caller)
    await here.only()


async def test_when_the_caller_hangs_up_i_am_with_the_target(here: Board) -> None:
    target = await swapped(here)
    here.hang_up(here.caller)
    await here.over("gone")
    await here.together(here.mine, target)
    here.hang_up(here.mine)
    await here.only()


async def test_when_the_target_hangs_up_i_stay_with_the_caller(here: Board) -> None:
    await swapped(here)
    phone = here.at(f"PJSIP/{ANSWERS}")
    assert phone is not None
    here.hang_up(phone)
    await here.over("back")
    await here.together(here.caller, here.mine)


async def test_when_i_hang_up_the_caller_comes_back_to_me_and_the_target_is_let_go(here: Board) -> None:
    await swapped(here)
    here.hang_up(here.mine)
    again = await here.until(lambda: (row := here.at("PJSIP/101")) and row is not here.mine and row)
    await here.together(here.caller, again)
    await here.only(here.caller.name, again.name)


@pytest.mark.parametrize("leaves", ["mine", "caller", "target"])
@pytest.mark.parametrize("position", [STATE.TALKING, STATE.SWAPPED])
async def test_all_three_talk_and_two_go_on_when_one_leaves(here: Board, position: str, leaves: str) -> None:
    target = await swapped(here)
    if position == STATE.TALKING:
        await swap(here, target, STATE.TALKING)
    assert (await here.ask(transfers.join)).done
    await here.together(here.caller, here.mine, target)
    await here.over("joined")
    parties = {"mine": here.mine, "caller": here.caller, "target": target}
    here.hang_up(parties.pop(leaves))
    left, other = parties.values()
    await here.together(left, other)
    here.hang_up(left)
    await here.only()
    assert here.told == ["joined"]


async def test_nobody_is_swapped_or_joined_who_is_not_there(here: Board) -> None:
    await here.consult(RINGS)
    assert (await here.ask(transfers.swap)).status is Status.NOT_POSSIBLE
    assert (await here.ask(transfers.join)).status is Status.NOT_POSSIBLE
    assert here.runs(here.caller) == "MusicOnHold"

"""A call that my phone has joined is one like any other: it is put on hold, by either end, and I consult in it."""

import asyncio

import pytest

from calls import control, transfers
from calls.models import Channel, ParkedCall
from tests.calls.test_control_live import BY_101, Board, a_call, board
from tests.calls.test_transfers_live import STATE, TO_103, hears_music, over, state_is
from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory, PhoneFactory

pytestmark = pytest.mark.timeout(150)


async def joined(here: Board, phones: PhoneFactory, callers: CallerFactory, how: str) -> tuple[Channel, Channel]:
    """Somebody from outside with me at 101, who came to 102 first: both channels."""
    behaviour = "ring" if how == "pickup" else "answer"
    caller, theirs = await a_call(here, phones, callers, "102", behaviour)
    await asyncio.to_thread(phones, here.asterisk, "101")
    if how == "retrieve":
        assert (await here.give(control.park, caller)).done
        await here.until(lambda: here.state.table(ParkedCall).get(caller.uniqueid))
    about = theirs if how == "pickup" else caller
    assert (await here.give(getattr(control, how), about, BY_101)).done
    mine = await here.channel("PJSIP/101")
    await here.together(caller, mine)
    await here.gone("PJSIP/102")
    return caller, mine


HOW = pytest.mark.parametrize("how", ["takeover", "retrieve", "pickup"])


@HOW
@pytest.mark.parametrize("held", ["caller", "phone"])
async def test_it_is_put_on_hold_and_resumed(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory, how: str, held: str
) -> None:
    async with board(asterisk) as here:
        caller, mine = await joined(here, phone_factory, caller_factory, how)
        waits = caller if held == "caller" else mine
        assert (await here.give(transfers.hold, waits)).done
        await hears_music(here, waits)
        row = await state_is(here, STATE.HELD)
        await here.until(lambda: not caller.bridge and not mine.bridge)
        assert (await here.give(transfers.resume, row.code)).done
        await here.together(caller, mine)
        await over(here, "back")


@HOW
async def test_i_consult_and_come_back(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory, how: str
) -> None:
    async with board(asterisk) as here:
        caller, mine = await joined(here, phone_factory, caller_factory, how)
        await asyncio.to_thread(phone_factory, asterisk, "103")
        assert (await here.give(transfers.consult, caller, TO_103)).done
        await hears_music(here, caller)
        row = await state_is(here, STATE.TALKING)
        assert (await here.give(transfers.cancel, row.code)).done
        await here.together(caller, mine)
        await here.gone("PJSIP/103")

"""Whoever has left a hold is not fetched back to it, on a real Asterisk 22 and 16."""

import asyncio

import pytest

from calls import control, transfers
from calls.control import Destination
from calls.models import Channel
from tests.calls.test_control_live import BY_102, a_call, board
from tests.calls.test_transfers_live import STATE, consulting, hears_music, over, state_is
from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory, PhoneFactory

pytestmark = pytest.mark.timeout(150)

TO_104 = Destination("104", "internal")


@pytest.mark.parametrize("how", ["hold", "consult"])
async def test_a_caller_i_came_back_to_can_be_transferred(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory, how: str
) -> None:
    async with board(asterisk) as here:
        if how == "consult":
            caller, mine, row = await consulting(here, phone_factory, caller_factory)
        else:
            caller, mine = await a_call(here, phone_factory, caller_factory)
            assert (await here.give(transfers.hold, caller)).done
            row = await state_is(here, STATE.HELD)
            await hears_music(here, caller)
        assert (await here.give(transfers.cancel, row.code)).done
        await here.together(caller, mine)
        await asyncio.to_thread(phone_factory, asterisk, "104")
        assert (await here.give(control.transfer, caller, TO_104)).done
        await here.gone("PJSIP/101")
        await here.together(caller, await here.channel("PJSIP/104"))


async def test_who_is_taken_from_hold_stays_with_who_took_them(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        caller, _mine = await a_call(here, phone_factory, caller_factory)
        assert (await here.give(transfers.hold, caller)).done
        await state_is(here, STATE.HELD)
        await hears_music(here, caller)
        await asyncio.to_thread(phone_factory, asterisk, "102")
        assert (await here.give(control.takeover, caller, BY_102)).done
        await over(here, "taken")
        await here.gone("PJSIP/101")
        await here.together(caller, await here.channel("PJSIP/102"))


async def test_who_is_transferred_from_hold_is_not_on_hold_any_more(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        caller, _mine = await a_call(here, phone_factory, caller_factory)
        assert (await here.give(transfers.hold, caller)).done
        await state_is(here, STATE.HELD)
        await hears_music(here, caller)
        assert (await here.give(control.transfer, caller, Destination("602", "internal"))).done
        await over(here, "taken")
        await here.gone("PJSIP/101")
        assert caller.uniqueid in here.state.table(Channel).rows


async def test_who_is_taken_from_a_consultation_stays_when_the_target_goes(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        caller, mine, _row = await consulting(here, phone_factory, caller_factory)
        await asyncio.to_thread(phone_factory, asterisk, "102")
        assert (await here.give(control.takeover, caller, BY_102)).done
        await over(here, "taken")
        await here.until(lambda: f"PBXPANEL_HELD={caller.name}" not in asterisk.cli(f"core show channel {mine.name}"))
        assert mine.uniqueid in here.state.table(Channel).rows, "I go on talking to the target"
        asterisk.cli(f"channel request hangup {(await here.channel('PJSIP/103')).name}")
        await here.gone("PJSIP/101")
        await here.together(caller, await here.channel("PJSIP/102"))

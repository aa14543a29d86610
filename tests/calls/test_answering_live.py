"""My telephone is answered from the panel, on a real Asterisk 22 and 16: it takes a call when it is told to."""

import asyncio

from calls import answering
from calls.control import OwnPhone
from calls.models import Channel
from engine.mirror.commands import Outcome, Status
from tests.calls.test_control_live import Board, board
from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory
from tests.lab.softphone import Softphone

BY_101 = OwnPhone("PJSIP/101", "101")
DOES_NOT = Outcome(Status.NOT_POSSIBLE, "Your phone did not take the call: answer it there.")


async def rings(here: Board, caller_factory: CallerFactory) -> Channel:
    await asyncio.to_thread(caller_factory, here.asterisk, "101")
    return await here.channel("PJSIP/101", "Ringing")


async def test_a_telephone_that_understands_takes_the_call(asterisk: Asterisk, caller_factory: CallerFactory) -> None:
    with Softphone(asterisk, "101", rings=True):
        async with board(asterisk) as here:
            mine = await rings(here, caller_factory)
            assert (await here.give(answering.answer, mine)).done
            await here.together(await here.channel("PJSIP/outside"), mine)
            outcome = await here.give(answering.answer, mine)
            assert outcome == Outcome(Status.NOT_POSSIBLE, "This phone is not ringing any more.")


async def test_of_one_that_does_not_it_is_said(asterisk: Asterisk, caller_factory: CallerFactory) -> None:
    with Softphone(asterisk, "101", rings=True, obeys=False):
        async with board(asterisk) as here:
            mine = await rings(here, caller_factory)
            assert await here.give(answering.answer, mine) == DOES_NOT
            assert here.at("PJSIP/101", "Ringing") is mine


async def test_it_is_tried_once_whether_a_telephone_understands(asterisk: Asterisk) -> None:
    for obeys in (True, False):
        with Softphone(asterisk, "101", rings=True, obeys=obeys):
            async with board(asterisk) as here:
                outcome = await here.give(answering.try_answer, "", BY_101)
                assert outcome == Outcome(Status.DONE, data={"answers": obeys})
                await here.gone("PJSIP/101")
    async with board(asterisk) as here:
        outcome = await here.give(answering.try_answer, "", BY_101)  # it is not there
        assert outcome == Outcome(Status.NOT_POSSIBLE, "Your phone does not ring, so it was not tried.")
        outcome = await here.give(answering.try_answer, "", OwnPhone("SIP/101", "101"))
        assert outcome == Outcome(Status.NOT_POSSIBLE, "Only PJSIP phones can be told to answer.")

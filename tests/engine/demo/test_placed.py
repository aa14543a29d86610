"""Calls that are placed on the demo PBX end as on a real one: busy, not to be reached, answered."""

import pytest

from calls.placed import Told
from engine.demo import DemoPbx
from tests.calls.test_placed_live import following

pytestmark = pytest.mark.timeout(60)


@pytest.mark.parametrize(
    ("number", "told", "card"),
    [
        ("104", Told.BUSY, "Busy tone"),
        ("199", Told.UNREACHABLE, "Congestion tone"),
        ("101", Told.CONNECTED, "Talking"),
        ("602", Told.CONNECTED, "Connected"),
    ],
)
async def test_what_becomes_of_a_call_in_the_demo(number: str, told: Told, card: str) -> None:
    pbx = DemoPbx(seed=1, lively=False)
    address = await pbx.start()
    try:
        async with following(address, "PJSIP/100") as caller:
            await caller.dial(number)
            await caller.until_told(told)
            await caller.until_card(card)
            await caller.hang_up()
            await caller.until_card("")
    finally:
        await pbx.stop()


async def test_a_call_that_is_cancelled_while_my_phone_rings() -> None:
    pbx = DemoPbx(seed=1, lively=False)
    address = await pbx.start()
    try:
        async with following(address, "PJSIP/100") as caller:
            await caller.dial("101")
            await caller.until_told(Told.RINGING)
            await caller.hang_up()
            await caller.until_told(Told.CANCELLED)
    finally:
        await pbx.stop()

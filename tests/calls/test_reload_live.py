"""`dialplan reload` while somebody is on hold, on a real Asterisk 22 and 16: nobody is dropped.

It takes the panel's own dialplan away, where that does not stand in `extensions.conf`.
"""

import pytest

from calls import transfers
from calls.models import Channel
from tests.calls.test_control_live import Board, a_call, board
from tests.calls.test_transfers_live import STATE, consulting, hears_music, over, state_is, told
from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory, PhoneFactory

pytestmark = pytest.mark.timeout(150)

# Whether what comes after the reload comes before the panel can have noticed.
AT_ONCE = pytest.mark.parametrize("at_once", [True, False], ids=["at once", "later"])


async def reload(here: Board, *, at_once: bool) -> None:
    """Reload as FreePBX does at each *Apply*. Nobody has gone by it; unless `at_once`, the lines are there again."""
    before = set(here.asterisk.channels())
    here.asterisk.cli("dialplan reload")
    assert set(here.asterisk.channels()) == before
    if not at_once:
        await here.until(lambda: are_written(here))


def are_written(here: Board) -> bool:
    """Whether the last step of each extension is there."""
    lines = here.asterisk.cli("dialplan show pbxpanel")
    return all(f"{len(steps)}. {steps[-1][0]}(" in lines for steps in transfers.DIALPLAN.values())


async def called_back(here: Board, caller: Channel, mine: Channel) -> None:
    again = await here.until(lambda: (row := here.at("PJSIP/101", "Up")) and row is not mine and row)
    await here.together(caller, again)


@AT_ONCE
@pytest.mark.parametrize("then", ["resumed", "I hang up", "they hang up"])
async def test_who_is_on_hold_stays_there(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory, then: str, at_once: bool
) -> None:
    async with board(asterisk) as here:
        caller, mine = await a_call(here, phone_factory, caller_factory)
        assert (await here.give(transfers.hold, caller)).done
        await hears_music(here, caller)
        row = await state_is(here, STATE.HELD)
        await reload(here, at_once=at_once)
        if then == "resumed":
            assert (await here.give(transfers.resume, row.code)).done
            await here.together(caller, mine)
        elif then == "I hang up":
            asterisk.cli(f"channel request hangup {mine.name}")
            await called_back(here, caller, mine)
            assert told(here)[0] == "recall"
        else:
            asterisk.cli(f"channel request hangup {caller.name}")
            await over(here, "gone")
            await here.gone("PJSIP/101")


@pytest.mark.parametrize("behaviour", ["answer", "ring"])
@pytest.mark.parametrize("then", ["completed", "cancelled", "I hang up", "the target is gone"])
async def test_who_consults_goes_on(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory, then: str, behaviour: str
) -> None:
    async with board(asterisk) as here:
        caller, mine, row = await consulting(here, phone_factory, caller_factory, behaviour)
        await reload(here, at_once=False)
        target = await here.channel("PJSIP/103", "Up" if behaviour == "answer" else "Ringing")
        if then == "completed":
            assert (await here.give(transfers.complete, row.code)).done
            await here.gone("PJSIP/101")
            assert caller.uniqueid in here.state.table(Channel).rows
            await here.channel("PJSIP/103", "Up" if behaviour == "answer" else "Ringing")
        elif then == "cancelled":
            assert (await here.give(transfers.cancel, row.code)).done
            await here.together(caller, mine)
        elif then == "I hang up":
            asterisk.cli(f"channel request hangup {mine.name}")
            await called_back(here, caller, mine)
        else:
            asterisk.cli(f"channel request hangup {target.name}")
            await here.together(caller, mine)
            await over(here, "back")


async def test_a_target_that_goes_before_the_lines_are_back_costs_the_caller_nothing(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    """My phone finds no next step then and is let go; it is called back."""
    async with board(asterisk) as here:
        caller, _mine, _row = await consulting(here, phone_factory, caller_factory)
        await reload(here, at_once=True)
        asterisk.cli(f"channel request hangup {(await here.channel('PJSIP/103')).name}")
        again = await here.until(
            lambda: (row := here.at("PJSIP/101", "Up")) and row.bridge == caller.bridge != "" and row
        )
        await here.together(caller, again)

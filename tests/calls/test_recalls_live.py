"""A transfer that comes back where nobody answers, on a real Asterisk 22 and 16 with SIP telephones."""

import asyncio

import pytest
from pytest_django.fixtures import Settings

from calls import recalls, transfers
from calls.control import Destination
from calls.models import Channel, Transfer
from engine.mirror.commands import Outcome, Status
from engine.mirror.sync import Snapshot
from tests.calls.test_control_live import Board, a_call, board, trunk
from tests.calls.test_transfers_live import hears_music, over, row_of, state_is, told
from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory, PhoneFactory

pytestmark = pytest.mark.timeout(120)

BY_101 = Destination("103", "internal", "PJSIP/101")
STATE = Transfer.State


async def sent(
    here: Board, phones: PhoneFactory, callers: CallerFactory, behaviour: str = "ring"
) -> tuple[Channel, Channel]:
    """A caller who was with 101 is on the way to 103: both channels, of which the second is let go."""
    caller, mine = await a_call(here, phones, callers)
    await asyncio.to_thread(phones, here.asterisk, "103", behaviour)  # type: ignore[arg-type]
    assert (await here.give(recalls.transfer_with_recall, caller, BY_101)).done
    if behaviour == "ring":
        await here.channel("PJSIP/103", "Ringing")
        row = await state_is(here, STATE.SENT)
        assert (row.held, row.mine, row.number) == (caller.uniqueid, "", "103")
    await here.until(lambda: mine.uniqueid not in here.state.table(Channel).rows)
    return caller, mine


async def with_me_again(here: Board, caller: Channel) -> None:
    await here.together(caller, await here.channel("PJSIP/101"))
    await here.gone("PJSIP/103")


async def test_whoever_is_answered_stays_there(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        caller, _mine = await sent(here, phone_factory, caller_factory, "answer")
        await over(here, "completed")
        target = await here.channel("PJSIP/103")
        await here.until(lambda: caller.bridge and target.bridge)
        assert here.at("PJSIP/101") is None
        asterisk.cli(f"channel request hangup {target.name}")
        await here.until(lambda: not here.state.table(Channel).rows)


async def test_whoever_is_not_answered_comes_back_to_me(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory, settings: Settings
) -> None:
    settings.RECALL_SECONDS = 2
    async with board(asterisk) as here:
        caller, _mine = await sent(here, phone_factory, caller_factory)
        await with_me_again(here, caller)
        await over(here, "answered")
        assert told(here) == ["returned", "answered"]
        (_user, _notice, parameters) = here.state.notices[0]
        assert (parameters["who"], parameters["number"]) == ("Outside", "103")


@pytest.mark.parametrize("behaviour", ["busy", "decline"])
async def test_whoever_is_refused_comes_back_at_once(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory, behaviour: str
) -> None:
    async with board(asterisk) as here:
        caller, _mine = await sent(here, phone_factory, caller_factory, behaviour)
        await with_me_again(here, caller)
        assert told(here)[0] == "returned"


async def test_it_comes_back_when_the_panel_is_gone_meanwhile(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory, settings: Settings
) -> None:
    """And the next worker finds out what became of it."""
    settings.RECALL_SECONDS = 2
    async with board(asterisk) as here:
        caller, _mine = await sent(here, phone_factory, caller_factory)
        row = row_of(here)
        assert row is not None
    async with asyncio.timeout(20):
        while not any(name.startswith("PJSIP/101-") for name in await asyncio.to_thread(asterisk.channels)):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    async with board(asterisk) as here:
        here.state.table(Transfer).adopt(row)
        again = here.state.table(Channel).get(caller.uniqueid)
        assert again is not None
        await with_me_again(here, again)
        await recalls.find_out(Snapshot(here.follower.session, here.state))
        await over(here, "answered")


async def test_it_is_brought_back_now(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        caller, _mine = await sent(here, phone_factory, caller_factory)
        row = row_of(here)
        assert row is not None
        assert (await here.give(transfers.cancel, row.code)).done
        await with_me_again(here, caller)


async def test_who_hangs_up_on_the_way_is_told(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        caller, _mine = await sent(here, phone_factory, caller_factory)
        asterisk.cli(f"channel request hangup {caller.name}")
        await over(here, "lost")
        await here.until(lambda: not here.state.table(Channel).rows)


async def test_whoever_waits_on_hold_is_sent_too_and_my_phone_is_let_go(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        caller, mine = await a_call(here, phone_factory, caller_factory)
        await asyncio.to_thread(phone_factory, asterisk, "103", "ring")
        assert (await here.give(transfers.hold, caller)).done
        await hears_music(here, caller)
        await state_is(here, STATE.HELD)
        assert (await here.give(recalls.transfer_with_recall, caller, BY_101)).done
        await state_is(here, STATE.SENT)
        await here.until(lambda: mine.uniqueid not in here.state.table(Channel).rows)
        await here.channel("PJSIP/103", "Ringing")


async def test_a_number_that_is_not_there_moves_nobody(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        caller, mine = await a_call(here, phone_factory, caller_factory)
        wanted = Destination("77777", "internal", "PJSIP/101")
        assert (await here.give(recalls.transfer_with_recall, caller, wanted)).status is Status.NOT_POSSIBLE
        assert row_of(here) is None
        await here.together(caller, mine)


async def test_without_a_phone_nobody_is_sent(asterisk: Asterisk, caller_factory: CallerFactory) -> None:
    async with board(asterisk) as here:
        await asyncio.to_thread(caller_factory, asterisk, "602", number="0401234567")
        caller = await here.until(lambda: trunk(here))
        await here.until(lambda: caller.is_up)
        outcome = await here.give(recalls.transfer_with_recall, caller, Destination("103", "internal"))
        assert outcome == Outcome(Status.NOT_POSSIBLE, "There is no phone to which the call could come back.")
        assert row_of(here) is None

"""Hold, and transfer with consultation, on a real Asterisk 22 and 16 with SIP telephones: nobody is lost."""

import asyncio
import time

import pytest

from calls import transfers
from calls.control import Destination
from calls.models import Channel, Transfer
from engine.ami import actions
from engine.mirror.commands import Status
from tests.calls.test_control_live import Board, a_call, board, trunk
from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory, PhoneFactory
from tests.system.doctor.faults import changed

pytestmark = pytest.mark.timeout(150)

TO_103 = Destination("103", "internal")
STATE = Transfer.State


def row_of(here: Board) -> Transfer | None:
    return next(iter(here.state.table(Transfer).rows.values()), None)


def told(here: Board) -> list[str]:
    return [parameters["how"] for _user, code, parameters in here.state.notices if code == transfers.NOTICE]


async def state_is(here: Board, state: str) -> Transfer:
    found: Transfer = await here.until(lambda: (row := row_of(here)) and row.state == state and row)
    return found


async def hears_music(here: Board, channel: Channel) -> None:
    await here.until(lambda: f"{channel.name}!pbxpanel!hold!" in here.asterisk.cli("core show channels concise"))


async def waits_in_silence(here: Board, channel: Channel) -> None:
    await here.until(lambda: f"{channel.name}!pbxpanel!hold!3!" in here.asterisk.cli("core show channels concise"))


async def consulting(
    here: Board, phones: PhoneFactory, callers: CallerFactory, behaviour: str = "answer"
) -> tuple[Channel, Channel, Transfer]:
    """I, at 101, consult 103 while a caller waits: both channels, and what is known of it."""
    caller, mine = await a_call(here, phones, callers)
    await asyncio.to_thread(phones, here.asterisk, "103", behaviour)  # type: ignore[arg-type]
    assert (await here.give(transfers.consult, caller, TO_103)).done
    await hears_music(here, caller)
    row = await state_is(here, STATE.TALKING if behaviour == "answer" else STATE.RINGING)
    await here.until(lambda: not caller.bridge)
    assert (row.held, row.mine, row.number) == (caller.uniqueid, mine.uniqueid, "103")
    return caller, mine, row


async def over(here: Board, how: str) -> None:
    await here.until(lambda: row_of(here) is None)
    assert told(here)[-1] == how


# Hold.


async def test_a_caller_is_put_on_hold_and_resumed(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        caller, mine = await a_call(here, phone_factory, caller_factory)
        assert (await here.give(transfers.hold, caller)).done
        await hears_music(here, caller)
        row = await state_is(here, STATE.HELD)
        assert (await here.give(transfers.hold, caller)).status is Status.NOT_POSSIBLE
        assert (await here.give(transfers.complete, row.code)).status is Status.NOT_POSSIBLE
        assert (await here.give(transfers.resume, row.code)).done
        await here.together(caller, mine)
        await over(here, "back")
        asterisk.cli(f"channel request hangup {mine.name}")
        await here.until(lambda: caller.uniqueid not in here.state.table(Channel).rows)


async def test_where_there_is_no_music_a_caller_on_hold_waits_in_silence(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    with changed(asterisk, "musiconhold.conf", "[general]\n", "module reload res_musiconhold.so"):
        async with board(asterisk) as here:
            caller, mine = await a_call(here, phone_factory, caller_factory)
            assert (await here.give(transfers.hold, caller)).done
            await waits_in_silence(here, caller)
            row = await state_is(here, STATE.HELD)
            assert (await here.give(transfers.resume, row.code)).done
            await here.together(caller, mine)
            await over(here, "back")
            assert (await here.give(transfers.hold, caller)).done
            await waits_in_silence(here, caller)
            asterisk.cli(f"channel request hangup {mine.name}")
            again = await here.until(lambda: (row := here.at("PJSIP/101", "Up")) and row is not mine and row)
            await here.together(caller, again)


async def test_who_hangs_up_on_hold_lets_my_phone_go(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        caller, _mine = await a_call(here, phone_factory, caller_factory)
        assert (await here.give(transfers.hold, caller)).done
        await state_is(here, STATE.HELD)
        await hears_music(here, caller)
        asterisk.cli(f"channel request hangup {caller.name}")
        await over(here, "gone")
        await here.gone("PJSIP/101")


async def test_a_caller_on_hold_whose_phone_hangs_up_is_called_back(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        caller, mine = await a_call(here, phone_factory, caller_factory)
        assert (await here.give(transfers.hold, caller)).done
        await hears_music(here, caller)
        asterisk.cli(f"channel request hangup {mine.name}")
        again = await here.until(lambda: (row := here.at("PJSIP/101", "Up")) and row is not mine and row)
        await here.together(caller, again)
        await over(here, "taken")
        assert told(here) == ["recall", "taken"]


async def test_one_whose_phone_does_not_answer_when_it_is_called_back_waits_and_it_can_be_called_again(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        phone = await asyncio.to_thread(phone_factory, asterisk, "101")
        await asyncio.to_thread(caller_factory, asterisk, "101", number="0401234567", name="Outside")
        mine, caller = await here.channel("PJSIP/101"), await here.channel("PJSIP/outside")
        await here.together(caller, mine)
        assert (await here.give(transfers.hold, caller)).done
        await hears_music(here, caller)
        await asyncio.to_thread(phone.stop)
        await asyncio.to_thread(phone_factory, asterisk, "101", "busy")
        asterisk.cli(f"channel request hangup {mine.name}")
        row = await state_is(here, STATE.UNANSWERED)
        await hears_music(here, caller)
        # And nobody calls it again but whoever asks for it.
        assert told(here) == ["recall"]
        called = asterisk.log.count("[hold@pbxpanel:5] Dial(")
        assert (await here.give(transfers.cancel, row.code)).done
        await here.until(lambda: asterisk.log.count("[hold@pbxpanel:5] Dial(") == called + 1)
        await state_is(here, STATE.UNANSWERED)
        await hears_music(here, caller)
        asterisk.cli(f"channel request hangup {caller.name}")
        await over(here, "gone")


@pytest.mark.parametrize("number", ["", "103"])
async def test_a_hold_of_which_nothing_was_stored_is_found(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory, number: str
) -> None:
    """A worker that ends in the tick in which it has put somebody on hold has written nothing of it."""
    async with board(asterisk) as here:
        if number:
            caller, mine, _row = await consulting(here, phone_factory, caller_factory)
        else:
            caller, mine = await a_call(here, phone_factory, caller_factory)
            assert (await here.give(transfers.hold, caller)).done
            await hears_music(here, caller)
    async with board(asterisk) as later:  # which knows only what Asterisk says
        row = await state_is(later, STATE.TALKING if number else STATE.HELD)
        assert (row.held, row.mine, row.number) == (caller.uniqueid, mine.uniqueid, number)
        assert (await later.give(transfers.cancel if number else transfers.resume, row.code)).done
        caller, mine = (later.state.table(Channel).rows[one.uniqueid] for one in (caller, mine))
        await later.together(caller, mine)
        await over(later, "back")


# Consult.


async def test_a_consulted_transfer_is_completed(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        caller, _mine, row = await consulting(here, phone_factory, caller_factory)
        assert (await here.give(transfers.complete, row.code)).done
        await over(here, "completed")
        await here.gone("PJSIP/101")
        target = await here.channel("PJSIP/103")
        await here.until(lambda: caller.bridge and target.bridge)
        asterisk.cli(f"channel request hangup {target.name}")
        await here.until(lambda: caller.uniqueid not in here.state.table(Channel).rows)


@pytest.mark.parametrize("behaviour", ["answer", "ring"])
async def test_cancelling_brings_me_back_to_the_caller(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory, behaviour: str
) -> None:
    async with board(asterisk) as here:
        caller, mine, row = await consulting(here, phone_factory, caller_factory, behaviour)
        assert (await here.give(transfers.cancel, row.code)).done
        await here.together(caller, mine)
        await over(here, "back")
        await here.gone("PJSIP/103")
        assert (await here.give(transfers.cancel, row.code)).status is Status.REFUSED


async def test_a_transfer_is_completed_while_the_target_still_rings(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        caller, _mine, row = await consulting(here, phone_factory, caller_factory, "ring")
        assert (await here.give(transfers.complete, row.code)).done
        await here.gone("PJSIP/101")
        await here.channel("PJSIP/103", "Ringing")
        assert caller.uniqueid in here.state.table(Channel).rows


@pytest.mark.parametrize("behaviour", ["busy", "decline", "answer_and_hangup"])
async def test_a_target_that_is_busy_refuses_or_hangs_up_brings_me_back_by_itself(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory, behaviour: str
) -> None:
    async with board(asterisk) as here:
        caller, mine = await a_call(here, phone_factory, caller_factory)
        await asyncio.to_thread(phone_factory, asterisk, "103", behaviour)  # type: ignore[arg-type]
        assert (await here.give(transfers.consult, caller, TO_103)).done
        await here.together(caller, mine)
        await over(here, "back")


async def test_whoever_is_back_from_a_busy_target_and_hangs_up_within_the_same_second_leaves_nobody_waiting(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    """The dialplan reckons in whole seconds."""
    async with board(asterisk) as here:
        caller, mine = await a_call(here, phone_factory, caller_factory)
        await asyncio.to_thread(phone_factory, asterisk, "103", "busy")
        for _ in range(5):
            await asyncio.sleep(1 - time.time() % 1)
            second = int(time.time())
            assert (await here.give(transfers.consult, caller, TO_103)).done
            await here.together(caller, mine)
            if int(time.time()) == second:
                break
        else:
            pytest.fail("No consultation was over within a second.")
        await here.follower.session.ask(actions.hangup(mine.name))
        await here.until(lambda: trunk(here) is None, 5)


async def test_the_caller_who_hangs_up_leaves_me_with_the_target(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        caller, mine, _row = await consulting(here, phone_factory, caller_factory)
        asterisk.cli(f"channel request hangup {caller.name}")
        await over(here, "gone")
        target = await here.channel("PJSIP/103")
        assert mine.bridge
        assert target.bridge


@pytest.mark.parametrize("behaviour", ["answer", "ring"])
async def test_who_hangs_up_while_they_consult_is_called_back_with_the_caller(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory, behaviour: str
) -> None:
    async with board(asterisk) as here:
        caller, mine, _row = await consulting(here, phone_factory, caller_factory, behaviour)
        asterisk.cli(f"channel request hangup {mine.name}")
        again = await here.until(lambda: (row := here.at("PJSIP/101", "Up")) and row is not mine and row)
        await here.together(caller, again)
        await here.gone("PJSIP/103")
        assert told(here)[0] == "recall"


async def test_a_number_that_is_not_there_moves_nobody(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        caller, mine = await a_call(here, phone_factory, caller_factory)
        outcome = await here.give(transfers.consult, caller, Destination("77777", "internal"))
        assert outcome.status is Status.NOT_POSSIBLE
        await here.together(caller, mine)
        assert row_of(here) is None

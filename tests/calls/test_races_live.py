"""Two operators at once, and the same click twice, on a real Asterisk 22 and 16: no caller is dropped, each is told."""

import asyncio
import os
import time
from typing import Any

import pytest

from calls import control, transfers
from calls.control import Destination, OwnPhone
from calls.models import Channel, ParkedCall, Transfer
from calls.placed import Told
from engine.mirror.commands import Outcome, Status
from engine.mirror.context import CommandContext
from engine.mirror.verbs import Parameters, Verb
from tests.calls.test_control_live import BY_101, BY_102, Board, a_call, board, trunk
from tests.calls.test_transfers_live import STATE, TO_103, consulting, hears_music, state_is
from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory, PhoneFactory
from tests.matrix import FULL

pytestmark = pytest.mark.timeout(150)

ANNA, BEN = 7, 8
# How often the race is run: in full in `make test-matrix` and `make soak`.
RACES = 50 if FULL or os.environ.get("PANEL_EXAMPLES") == "new" else 5
NAMES = {"PJSIP/101": "Anna Alpha", "PJSIP/102": "Ben Beta"}


async def ask(here: Board, user: int, verb: Verb[Any, Any], key: str, parameters: Parameters | None = None) -> Outcome:
    ctx = CommandContext(here.follower.session, here.state, user, time.time() + 10, command_id="c1")
    return await verb.carry_out(ctx, key, parameters or Parameters())


def last(here: Board, user: int) -> dict[str, Any]:
    """What this user was told last of the call that was placed for them."""
    told = [parameters for to, code, parameters in here.state.notices if to == user and code == "originate"]
    return told[-1] if told else {"told": ""}


@pytest.mark.matrix
async def test_of_two_who_pick_up_again_and_again_one_wins_and_the_other_is_told_who(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    phones: dict[int, OwnPhone] = {ANNA: BY_101, BEN: BY_102}
    async with board(asterisk) as here:
        for number in ("101", "102"):
            await asyncio.to_thread(phone_factory, asterisk, number)
        await asyncio.to_thread(phone_factory, asterisk, "103", "ring")
        for race in range(RACES):
            call = await asyncio.to_thread(caller_factory, asterisk, "103", number="0401234567", name="Outside")
            ringing = await here.channel("PJSIP/103", "Ringing")
            caller: Channel = await here.until(lambda: trunk(here))
            here.state.notices.clear()
            order = [ANNA, BEN] if race % 2 else [BEN, ANNA]
            asked = [ask(here, user, control.pickup, ringing.uniqueid, phones[user]) for user in order]
            assert all(outcome.done for outcome in await asyncio.gather(*asked))
            await here.gone("PJSIP/103")
            await here.until(lambda: {last(here, user)["told"] for user in phones} == {Told.CONNECTED, Told.TOO_LATE})
            winner, loser = (ANNA, BEN) if last(here, ANNA)["told"] == Told.CONNECTED else (BEN, ANNA)
            await here.together(caller, await here.channel(phones[winner].endpoint))
            assert last(here, loser)["by"] == NAMES[phones[winner].endpoint], f"race {race}"
            await here.gone(phones[loser].endpoint)
            await asyncio.to_thread(call.stop)
            await here.until(lambda: not here.state.table(Channel).rows)


async def is_well(here: Board, caller: Channel) -> None:
    """Wait until the caller is with exactly one telephone, on hold as the board says, or parked."""

    def well() -> bool:
        table, held = here.state.table(Channel), here.state.table(Transfer).where("held", caller.uniqueid)
        if table.get(caller.uniqueid) is None:
            pytest.fail("the caller is gone")
        with_them = [row for row in table.where("bridge", caller.bridge) if row is not caller] if caller.bridge else []
        parked = here.state.table(ParkedCall).get(caller.uniqueid) is not None
        return (not parked and not held and len(with_them) == 1) or parked or (bool(held) and not caller.bridge)

    await here.until(well)


@pytest.mark.parametrize("verb", ["hold", "consult", "park", "transfer", "takeover"])
async def test_the_same_click_twice_is_done_once(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory, verb: str
) -> None:
    async with board(asterisk) as here:
        caller, _mine = await a_call(here, phone_factory, caller_factory)
        for number in ("102", "103"):
            await asyncio.to_thread(phone_factory, asterisk, number)
        declared: Verb[Any, Any] = getattr(transfers if verb in ("hold", "consult") else control, verb)
        given = {"consult": TO_103, "transfer": TO_103, "takeover": BY_102}.get(verb)
        asked = [ask(here, ANNA, declared, caller.uniqueid, given) for _ in range(2)]
        outcomes = await asyncio.gather(*asked)
        assert any(outcome.done for outcome in outcomes)
        assert all(outcome.done or outcome.text for outcome in outcomes)
        await is_well(here, caller)
        assert len(here.state.table(Transfer).rows) == (verb in ("hold", "consult"))


OPPOSITE: dict[str, tuple[Verb[Any, Any], Parameters | None, Verb[Any, Any], Parameters | None]] = {
    "hold and transfer": (transfers.hold, None, control.transfer, Destination("103", "internal")),
    "park and take over": (control.park, None, control.takeover, BY_102),
    "hold and park": (transfers.hold, None, control.park, None),
    "consult and take over": (transfers.consult, TO_103, control.takeover, BY_102),
    "hold and consult": (transfers.hold, None, transfers.consult, TO_103),
    "transfer and transfer": (control.transfer, TO_103, control.transfer, Destination("104", "internal")),
}


@pytest.mark.parametrize("what", OPPOSITE)
async def test_of_opposite_clicks_on_a_call_each_has_its_sentence_and_the_caller_stays(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory, what: str
) -> None:
    one, first, other, second = OPPOSITE[what]
    async with board(asterisk) as here:
        caller, _mine = await a_call(here, phone_factory, caller_factory)
        for number in ("102", "103", "104"):
            await asyncio.to_thread(phone_factory, asterisk, number)
        outcomes = await asyncio.gather(
            ask(here, ANNA, one, caller.uniqueid, first), ask(here, BEN, other, caller.uniqueid, second)
        )
        assert any(outcome.done for outcome in outcomes)
        assert all(outcome.done or outcome.text for outcome in outcomes)
        await is_well(here, caller)


@pytest.mark.parametrize("behaviour", ["answer", "ring"])
@pytest.mark.parametrize("order", [("complete", "cancel"), ("cancel", "complete")], ids="-".join)
async def test_completed_by_one_and_cancelled_by_the_other(
    asterisk: Asterisk,
    phone_factory: PhoneFactory,
    caller_factory: CallerFactory,
    order: tuple[str, str],
    behaviour: str,
) -> None:
    async with board(asterisk) as here:
        caller, _mine, row = await consulting(here, phone_factory, caller_factory, behaviour)
        verbs = [getattr(transfers, name) for name in order]
        outcomes = await asyncio.gather(
            *(ask(here, user, verb, row.code) for user, verb in zip((ANNA, BEN), verbs, strict=True))
        )
        assert any(outcome.done for outcome in outcomes)
        await here.until(lambda: not here.state.table(Transfer).rows)
        if behaviour == "answer":
            await is_well(here, caller)
        else:
            await here.until(lambda: caller.bridge or here.at("PJSIP/103", "Ringing"))
            assert caller.uniqueid in here.state.table(Channel).rows
        late = await asyncio.gather(*(ask(here, ANNA, verb, row.code) for verb in verbs))
        assert {outcome.status for outcome in late} == {Status.REFUSED}


async def test_resumed_by_both_is_together_once(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        caller, mine = await a_call(here, phone_factory, caller_factory)
        assert (await here.give(transfers.hold, caller)).done
        await hears_music(here, caller)
        row = await state_is(here, STATE.HELD)
        outcomes = await asyncio.gather(*(ask(here, user, transfers.resume, row.code) for user in (ANNA, BEN)))
        assert [outcome.status for outcome in outcomes] == [Status.DONE, Status.NOT_POSSIBLE]
        await here.together(caller, mine)

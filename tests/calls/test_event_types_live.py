"""What others are told of calls on a real Asterisk 22 and 16."""

import asyncio
from typing import Any

import pytest

from calls import control, transfers
from calls.models import Channel
from engine.ami import actions
from tests.calls.test_control_live import TO_103, a_call, board
from tests.calls.test_transfers_live import STATE, hears_music, state_is
from tests.eventlog.told import told
from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory, PhoneFactory

pytestmark = pytest.mark.timeout(150)


def said(data: dict[str, Any]) -> str:
    """Whom an event is about."""
    return data["party"]["endpoint"].partition("/")[2] if data.get("party") else ""


async def test_a_call_that_is_held_transferred_and_ended(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        caller, mine = await a_call(here, phone_factory, caller_factory)
        assert (await here.give(transfers.hold, caller)).done
        row = await state_is(here, STATE.HELD)
        await hears_music(here, caller)
        assert (await here.give(transfers.cancel, row.code)).done
        await here.together(caller, mine)
        await asyncio.to_thread(phone_factory, asterisk, "103")
        assert (await here.give(control.transfer, caller, TO_103)).done
        await here.together(caller, await here.channel("PJSIP/103"))
        await here.gone("PJSIP/101")
        await here.follower.session.ask(actions.hangup(caller.name))
        await here.until(lambda: not here.state.table(Channel).where("call", caller.call))
        await here.until(lambda: [type for type, _data in told(here.state)].count("call.ended"))
        of_calls = [(type, data) for type, data in told(here.state) if type.startswith("call.")]
    # That the transfer is done may be answered after the telephone has begun to ring.
    (sent,) = (said(data) for type, data in of_calls if type == "call.transferred")
    assert sent == caller.endpoint.partition("/")[2]
    assert [(type, said(data)) for type, data in of_calls if type != "call.transferred"] == [
        ("call.ringing", "101"),
        ("call.answered", "101"),
        ("call.held", "101"),
        ("call.resumed", "101"),
        ("call.ringing", "103"),
        ("call.answered", "103"),
        ("call.ended", ""),
    ]
    assert {data["id"] for _type, data in of_calls} == {caller.call}
    ended = of_calls[-1][1]
    assert (ended["outcome"], ended["direction"]) == ("answered", "inbound")
    assert [party["number"] for party in ended["parties"]] == ["0401234567", "101", "103"]


@pytest.mark.parametrize(("behaviour", "outcome", "cause"), [("busy", "busy", 17), ("decline", "busy", 21)])
async def test_a_call_that_nobody_takes(
    asterisk: Asterisk,
    phone_factory: PhoneFactory,
    caller_factory: CallerFactory,
    behaviour: str,
    outcome: str,
    cause: int,
) -> None:
    async with board(asterisk) as here:
        await asyncio.to_thread(phone_factory, asterisk, "101", behaviour)  # type: ignore[arg-type]
        await asyncio.to_thread(caller_factory, asterisk, "101", number="0401234567", name="Outside")
        await here.until(lambda: [type for type, _data in told(here.state)].count("call.ended"))
        (ended,) = (data for type, data in told(here.state) if type == "call.ended")
    assert (ended["outcome"], ended["cause"], ended["answered_at"]) == (outcome, cause, None)

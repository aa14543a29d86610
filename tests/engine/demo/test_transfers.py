"""Hold, and transfer with consultation, on the demo: as tests/calls/test_transfers_live.py on a real Asterisk."""

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from calls import transfers
from calls.control import Destination
from calls.models import Channel, Transfer
from engine.demo import DemoPbx
from engine.demo.fixtures import Phone
from engine.demo.model import BUSY
from engine.mirror.commands import Outcome, Status
from engine.mirror.context import CommandContext
from engine.mirror.verbs import Parameters, Verb
from tests.calls.test_placed_live import Caller as Follower
from tests.calls.test_placed_live import following
from tests.waiting import until_async

from .benches import quick_phones

pytestmark = [pytest.mark.timeout(60)]

# By their last digits, one is busy and the other only rings.
ANSWERS, IS_BUSY, RINGS = "103", "104", "105"
STATE = Transfer.State


class Board:
    """What the panel knows, and what the demo knows itself."""

    def __init__(self, pbx: DemoPbx, follower: Follower) -> None:
        self.pbx, self.follower, self.state = pbx, follower, follower.state
        self.caller: Channel
        self.mine: Channel

    async def give(self, verb: Verb[Any, Any], key: str, parameters: Parameters | None = None) -> Outcome:
        ctx = CommandContext(self.follower.session, self.state, 7, time.time() + 10, command_id="c1")
        return await verb.carry_out(ctx, key, parameters or Parameters())

    async def ask(self, verb: Verb[Any, Any]) -> Outcome:
        """About whoever is on hold."""
        return await self.give(verb, self.row.code)

    @property
    def row(self) -> Transfer:
        (row,) = self.state.table(Transfer).rows.values()
        return row

    @property
    def told(self) -> list[str]:
        return [parameters["how"] for _user, code, parameters in self.state.notices if code == transfers.NOTICE]

    def at(self, endpoint: str, state: str = "Up") -> Channel | None:
        rows = self.state.table(Channel).rows.values()
        return next((row for row in rows if row.endpoint == endpoint and row.state == state), None)

    async def until(self, condition: Callable[[], Any]) -> Any:
        await until_async(condition)
        return condition()

    async def together(self, *channels: Channel) -> None:
        def are() -> bool:
            there = {channel.bridge for channel in channels}
            inside = [bridge for bridge in self.pbx.switch.bridges.values() if bridge.id in there]
            names = {channel.name for channel in channels}
            return len(there) == 1 and [{one.name for one in bridge.channels} for bridge in inside] == [names]

        await self.until(are)

    async def only(self, *names: str) -> None:
        """There is nobody else any more."""
        await self.until(lambda: {row.name for row in self.state.table(Channel).rows.values()} == set(names))
        assert set(self.pbx.switch.channels) == set(names)

    async def over(self, how: str) -> None:
        await self.until(lambda: not self.state.table(Transfer).rows)
        assert self.told[-1] == how

    def hang_up(self, channel: Channel, cause: int = 16) -> None:
        self.pbx.switch.hang_up(self.pbx.switch.channels[channel.name], cause)
        self.pbx.catch_up()

    def runs(self, channel: Channel) -> str:
        return self.pbx.switch.channels[channel.name].application

    async def consult(self, number: str) -> None:
        assert (await self.give(transfers.consult, self.caller.uniqueid, Destination(number, "internal"))).done
        state = STATE.TALKING if number == ANSWERS else STATE.RINGING
        await self.until(lambda: self.row.state == state and not self.caller.bridge)
        if number == RINGS:
            await self.until(lambda: self.at(f"PJSIP/{RINGS}", "Ringing"))
        assert self.runs(self.caller) == "MusicOnHold"


@pytest.fixture
async def here() -> AsyncIterator[Board]:
    """Somebody from outside talks to 101."""
    phones = quick_phones()
    phones[ANSWERS] = replace(phones[ANSWERS], name="")
    pbx = DemoPbx(seed=3, lively=False, phones=phones)
    async with following(await pbx.start(), "PJSIP/101") as follower:
        board = Board(pbx, follower)
        pbx.dialplan.call(Phone("0401234567", "Outside"), "101")
        pbx.catch_up()
        board.mine = await board.until(lambda: board.at("PJSIP/101"))
        board.caller = await board.until(lambda: board.at("PJSIP/outside"))
        await board.together(board.caller, board.mine)
        yield board
    await pbx.stop()


# Hold.


@pytest.mark.parametrize("leaves", ["caller", "mine"])
async def test_a_caller_is_put_on_hold_and_resumed(here: Board, leaves: str) -> None:
    for _time in range(2):
        assert (await here.give(transfers.hold, here.caller.uniqueid)).done
        await here.until(lambda: not here.caller.bridge and not here.mine.bridge)
        assert (here.runs(here.caller), here.runs(here.mine)) == ("MusicOnHold", "Wait")
        assert (await here.give(transfers.hold, here.caller.uniqueid)).status is Status.NOT_POSSIBLE
        assert (await here.ask(transfers.complete)).status is Status.NOT_POSSIBLE
        assert (await here.ask(transfers.resume)).done
        await here.together(here.caller, here.mine)
        await here.over("back")
    here.hang_up(getattr(here, leaves))
    await here.only()


async def test_my_own_end_waits(here: Board) -> None:
    assert (await here.give(transfers.hold, here.mine.uniqueid)).done
    await here.until(lambda: not here.mine.bridge)
    assert (here.runs(here.mine), here.runs(here.caller)) == ("MusicOnHold", "Wait")
    assert (await here.ask(transfers.resume)).done
    await here.together(here.caller, here.mine)


async def test_who_hangs_up_on_hold_lets_my_phone_go(here: Board) -> None:
    assert (await here.give(transfers.hold, here.caller.uniqueid)).done
    await here.until(lambda: not here.caller.bridge)
    here.hang_up(here.caller)
    await here.over("gone")
    await here.only()


async def test_a_caller_on_hold_whose_phone_hangs_up_is_called_back(here: Board) -> None:
    assert (await here.give(transfers.hold, here.caller.uniqueid)).done
    await here.until(lambda: not here.caller.bridge)
    here.hang_up(here.mine)
    again = await here.until(lambda: (row := here.at("PJSIP/101")) and row is not here.mine and row)
    await here.together(here.caller, again)
    await here.over("taken")
    assert here.told == ["recall", "taken"]


async def test_a_phone_that_is_not_to_be_had_leaves_the_caller_on_hold(here: Board) -> None:
    assert (await here.give(transfers.hold, here.caller.uniqueid)).done
    await here.until(lambda: not here.caller.bridge)
    channel = here.pbx.switch.channels[here.caller.name]
    for back in ("PJSIP/104", "PJSIP/999"):
        channel.variables |= {"PBXPANEL_BACK": back, "PBXPANEL_SINCE": ""}
        here.pbx.dialplan.redirect(channel, "back", "pbxpanel")
        here.pbx.catch_up()
        await here.until(lambda: channel.variables["PBXPANEL_SINCE"])
        assert (channel.priority, here.runs(here.caller)) == (2, "MusicOnHold")


async def test_whoever_has_waited_long_is_with_the_phone_again_by_the_dialplan_alone(
    here: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    brief = {f",{transfers.MUSIC}": ",1", f"< {transfers.MUSIC - 5}": "< 0"}
    steps = transfers.DIALPLAN["hold"]
    for long, short in brief.items():
        steps = tuple((application, data.replace(long, short)) for application, data in steps)
    monkeypatch.setattr(transfers, "DIALPLAN", {**transfers.DIALPLAN, "hold": steps})
    assert (await here.give(transfers.hold, here.caller.uniqueid)).done
    await here.over("taken")
    assert here.runs(here.caller) == "Dial"


# Consult.


async def test_a_consulted_transfer_is_completed(here: Board) -> None:
    await here.consult(ANSWERS)
    assert (await here.ask(transfers.complete)).done
    await here.over("completed")
    target = here.at(f"PJSIP/{ANSWERS}")
    assert target is not None
    await here.until(lambda: here.mine.uniqueid not in here.state.table(Channel).rows)
    assert here.caller.bridge
    assert target.bridge
    assert target.connected_number == "0401234567"
    here.hang_up(target)
    await here.only()


@pytest.mark.parametrize("number", [ANSWERS, RINGS])
async def test_cancelling_brings_me_back_to_the_caller(here: Board, number: str) -> None:
    await here.consult(number)
    code = here.row.code
    assert (await here.give(transfers.cancel, code)).done
    await here.together(here.caller, here.mine)
    await here.over("back")
    await here.only(here.caller.name, here.mine.name)
    assert (await here.give(transfers.cancel, code)).status is Status.REFUSED
    here.hang_up(here.caller)
    await here.only()


async def test_a_transfer_is_completed_while_the_target_still_rings(here: Board) -> None:
    await here.consult(RINGS)
    assert (await here.ask(transfers.complete)).done
    await here.over("completed")
    ringing = await here.until(lambda: here.at(f"PJSIP/{RINGS}", "Ringing"))
    await here.only(here.caller.name, ringing.name)


@pytest.mark.parametrize("number", [IS_BUSY, RINGS, ANSWERS])
async def test_a_target_that_is_busy_refuses_or_hangs_up_brings_me_back_by_itself(here: Board, number: str) -> None:
    if number == IS_BUSY:
        assert (await here.give(transfers.consult, here.caller.uniqueid, Destination(number, "internal"))).done
    else:
        await here.consult(number)
        target = here.at(f"PJSIP/{number}", "Up" if number == ANSWERS else "Ringing")
        assert target is not None
        here.hang_up(target, BUSY)
    await here.together(here.caller, here.mine)
    await here.over("back")
    await here.only(here.caller.name, here.mine.name)


async def test_a_target_that_does_not_answer_brings_me_back_by_itself(
    here: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold, (dial, *rest) = transfers.DIALPLAN["hold"], transfers.DIALPLAN["consult"]
    brief = (dial[0], dial[1].replace(f",{transfers.RINGS},", ",1,"))
    monkeypatch.setattr(transfers, "DIALPLAN", {"hold": hold, "consult": (brief, *rest)})
    await here.consult(RINGS)
    await here.together(here.caller, here.mine)
    await here.over("back")
    await here.only(here.caller.name, here.mine.name)


async def test_the_caller_who_hangs_up_leaves_me_with_the_target(here: Board) -> None:
    await here.consult(ANSWERS)
    here.hang_up(here.caller)
    await here.over("gone")
    target = here.at(f"PJSIP/{ANSWERS}")
    assert target is not None
    assert here.mine.bridge
    assert target.bridge
    here.hang_up(target)
    await here.only()


@pytest.mark.parametrize("number", [ANSWERS, RINGS])
async def test_who_hangs_up_while_they_consult_is_called_back_with_the_caller(here: Board, number: str) -> None:
    await here.consult(number)
    here.hang_up(here.mine)
    again = await here.until(lambda: (row := here.at("PJSIP/101")) and row is not here.mine and row)
    await here.together(here.caller, again)
    assert here.told[0] == "recall"
    await here.only(here.caller.name, again.name)


async def test_a_number_that_is_not_there_moves_nobody(here: Board) -> None:
    outcome = await here.give(transfers.consult, here.caller.uniqueid, Destination("12", "internal"))
    assert outcome.status is Status.NOT_POSSIBLE
    await here.together(here.caller, here.mine)
    assert not here.state.table(Transfer).rows

"""Transfer, park, pick up, take over, listen, keys and refusing, on a real Asterisk 22 and 16 with SIP telephones.

Each is looked at from both ends: what the panel says, and who Asterisk says is together.
"""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from calls import control
from calls.control import OwnPhone
from calls.models import Channel, ParkedCall
from calls.placed import Told
from engine.ami import actions
from engine.ami.client import Session
from engine.ami.protocol import Action, Message
from engine.ami.transports import Address
from engine.mirror import verbs
from engine.mirror.commands import Outcome, Status
from engine.mirror.context import CommandContext
from engine.mirror.state import State
from engine.mirror.verbs import Parameters, Verb
from tests.calls.test_placed_live import Caller as Follower
from tests.calls.test_placed_live import following
from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory, PhoneFactory

pytestmark = pytest.mark.timeout(120)

BY_101, BY_102 = OwnPhone("PJSIP/101", "101"), OwnPhone("PJSIP/102", "102")
TO_103 = control.Destination("103", "internal")


class Board:
    """What the panel knows, and what Asterisk itself says."""

    def __init__(self, asterisk: Asterisk, follower: Follower) -> None:
        self.asterisk, self.follower = asterisk, follower
        self.state: State = follower.state

    async def give(self, verb: Verb[Any, Any], channel: Channel | str, parameters: Parameters | None = None) -> Outcome:
        key = channel if isinstance(channel, str) else channel.uniqueid
        ctx = CommandContext(self.follower.session, self.state, 7, time.time() + 10, command_id="c1")
        return await verb.carry_out(ctx, key, parameters or Parameters())

    def at(self, endpoint: str, state: str = "") -> Channel | None:
        rows = self.state.table(Channel).rows.values()
        return next((row for row in rows if row.endpoint == endpoint and state in ("", row.state)), None)

    async def until(self, condition: Callable[[], Any], seconds: float = 20) -> Any:
        async with asyncio.timeout(seconds):
            while not (found := condition()):  # noqa: ASYNC110 (what it waits for has no event)
                await asyncio.sleep(0.05)
        return found

    async def channel(self, endpoint: str, state: str = "Up") -> Channel:
        found: Channel = await self.until(lambda: self.at(endpoint, state))
        return found

    async def together(self, *channels: Channel) -> None:
        """Wait until these, and nobody else, are in one bridge: in the panel's rows, and in Asterisk's list."""

        def are() -> bool:
            (bridge, *others) = {channel.bridge for channel in channels}
            if others or not bridge:
                return False
            there = {row.name for row in self.state.table(Channel).where("bridge", bridge)}
            return there == {channel.name for channel in channels} == self._in_bridge(bridge)

        await self.until(are)

    def _in_bridge(self, bridge: str) -> set[str]:
        shown = self.asterisk.cli(f"bridge show {bridge}")
        return set(re.findall(r"^Channel: (\S+)", shown, re.MULTILINE))

    async def gone(self, endpoint: str) -> None:
        await self.until(lambda: self.at(endpoint) is None)
        names = [line.partition("!")[0] for line in self.asterisk.cli("core show channels concise").splitlines()]
        assert not [name for name in names if name.startswith(f"{endpoint}-")]


@contextlib.asynccontextmanager
async def board(asterisk: Asterisk) -> AsyncIterator[Board]:
    async with following(Address.parse(asterisk.ami_url), "PJSIP/101") as follower:
        yield Board(asterisk, follower)


def trunk(board: Board) -> Channel | None:
    """The channel of whoever calls from outside."""
    rows = board.state.table(Channel).rows.values()
    return next((row for row in rows if row.caller_number == "0401234567" and row.endpoint not in PHONES), None)


PHONES = {f"PJSIP/10{number}" for number in range(1, 8)}


async def a_call(
    board: Board, phones: PhoneFactory, callers: CallerFactory, number: str = "101", behaviour: str = "answer"
) -> tuple[Channel, Channel]:
    """Somebody from outside with a telephone, or ringing there: both channels."""
    await asyncio.to_thread(phones, board.asterisk, number, behaviour)  # type: ignore[arg-type]
    await asyncio.to_thread(callers, board.asterisk, number, number="0401234567", name="Outside")
    phone = await board.channel(f"PJSIP/{number}", "Up" if behaviour == "answer" else "Ringing")
    caller: Channel = await board.until(lambda: trunk(board))
    if behaviour == "answer":
        await board.together(caller, phone)
    return caller, phone


# Transfer.


async def test_the_caller_goes_to_the_number_and_my_phone_is_let_go(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        caller, _mine = await a_call(here, phone_factory, caller_factory)
        await asyncio.to_thread(phone_factory, asterisk, "103")
        assert (await here.give(control.transfer, caller, TO_103)).done
        await here.together(caller, await here.channel("PJSIP/103"))
        await here.gone("PJSIP/101")


async def test_a_caller_goes_to_another_number_while_the_phone_still_rings(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        caller, ringing = await a_call(here, phone_factory, caller_factory, "102", "ring")
        outcome = await here.give(control.transfer, ringing, TO_103)
        assert outcome.status is Status.NOT_POSSIBLE
        assert "still ringing" in outcome.text
        await asyncio.to_thread(phone_factory, asterisk, "103")
        assert (await here.give(control.transfer, caller, TO_103)).done
        await here.together(caller, await here.channel("PJSIP/103"))
        await here.gone("PJSIP/102")


async def test_a_number_that_is_not_there_leaves_the_call_as_it_is(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        caller, mine = await a_call(here, phone_factory, caller_factory)
        for wanted in (control.Destination("77777", "internal"), control.Destination("103", "nowhere")):
            outcome = await here.give(control.transfer, caller, wanted)
            assert outcome == Outcome(Status.NOT_POSSIBLE, "The number does not exist in your dial context.")
        assert (await here.give(control.transfer, "7.7", TO_103)).text == "No such channel"
        await here.together(caller, mine)


# Parking.


async def test_a_call_is_parked_and_retrieved_at_another_phone(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        caller, _mine = await a_call(here, phone_factory, caller_factory)
        assert (await here.give(control.park, caller)).done
        parked = await here.until(lambda: here.state.table(ParkedCall).get(caller.uniqueid))
        assert (parked.lot, parked.space) == ("default", "701")
        await here.gone("PJSIP/101")
        again = await here.give(control.park, caller)
        assert again.status is Status.NOT_POSSIBLE
        await asyncio.to_thread(phone_factory, asterisk, "102")
        assert (await here.give(control.retrieve, caller, BY_102)).done
        await here.together(caller, await here.channel("PJSIP/102"))
        assert here.state.table(ParkedCall).get(caller.uniqueid) is None
        await here.follower.until_told(Told.CONNECTED)
        late = await here.give(control.retrieve, caller, BY_102)
        assert late == Outcome(Status.NOT_POSSIBLE, "This call is no longer parked.")


async def test_a_lot_that_is_full_is_told_and_the_call_goes_on(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asterisk says “Park successful” for a lot that it does not have, too, which stands here for one that is full."""
    monkeypatch.setattr(actions, "park", _into_a_lot_that_is_not_there)
    async with board(asterisk) as here:
        caller, mine = await a_call(here, phone_factory, caller_factory)
        outcome = await here.give(control.park, caller)
        assert outcome.status is Status.NOT_POSSIBLE
        assert "may be full" in outcome.text
        await here.together(caller, mine)


def _into_a_lot_that_is_not_there(channel: str, parker: str) -> Action:
    return Action("Park", (("Channel", channel), ("TimeoutChannel", parker), ("Parkinglot", "nowhere")))


async def test_who_waits_alone_is_not_parked(asterisk: Asterisk, caller_factory: CallerFactory) -> None:
    async with board(asterisk) as here:
        await asyncio.to_thread(caller_factory, asterisk, "609", number="0401234567")
        caller = await here.until(lambda: trunk(here))
        await here.until(lambda: caller.is_up)
        assert (await here.give(control.park, caller)).status is Status.NOT_POSSIBLE


# Picking up and taking over.


async def test_a_ringing_call_is_picked_up_and_rings_on_until_then(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        caller, ringing = await a_call(here, phone_factory, caller_factory, "103", "ring")
        mine = await asyncio.to_thread(phone_factory, asterisk, "102", "ring")
        assert (await here.give(control.pickup, ringing, BY_102)).done
        await here.channel("PJSIP/102", "Ringing")
        assert here.at("PJSIP/103", "Ringing") is ringing
        mine.stop()
        await here.until(lambda: here.at("PJSIP/102") is None, 40)
        assert here.at("PJSIP/103", "Ringing") is ringing, "it rings on, since nobody answered at mine"
        await asyncio.to_thread(phone_factory, asterisk, "102")
        assert (await here.give(control.pickup, ringing, BY_102)).done
        await here.together(caller, await here.channel("PJSIP/102"))
        await here.gone("PJSIP/103")
        await here.follower.until_told(Told.CONNECTED)


async def test_of_two_who_pick_up_one_wins_and_the_other_is_told_who(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        caller, ringing = await a_call(here, phone_factory, caller_factory, "103", "ring")
        for number in ("101", "102"):
            await asyncio.to_thread(phone_factory, asterisk, number)
        outcomes = await asyncio.gather(*(here.give(control.pickup, ringing, by) for by in (BY_101, BY_102)))
        assert all(outcome.done for outcome in outcomes)
        await here.gone("PJSIP/103")

        def winners() -> list[Channel]:
            here_now = [row for row in (here.at("PJSIP/101", "Up"), here.at("PJSIP/102", "Up")) if row]
            return here_now if len(here_now) == 1 and here_now[0].bridge else []

        (winner,) = await here.until(winners)
        await here.together(caller, winner)

        def late() -> list[dict[str, Any]]:
            told = [parameters for _user, _code, parameters in here.state.notices]
            return [parameters for parameters in told if parameters["told"] == Told.TOO_LATE]

        (notice,) = await here.until(late)
        assert notice["by"] == {"PJSIP/101": "Anna Alpha", "PJSIP/102": "Ben Beta"}[winner.endpoint]


async def test_a_call_is_taken_over_once_i_have_answered(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        caller, theirs = await a_call(here, phone_factory, caller_factory, "103")
        await asyncio.to_thread(phone_factory, asterisk, "102")
        assert (await here.give(control.takeover, caller, BY_102)).done
        await here.together(caller, await here.channel("PJSIP/102"))
        await here.gone("PJSIP/103")
        await here.follower.until_told(Told.CONNECTED)
        mine = await here.channel("PJSIP/102")
        assert (await here.give(control.takeover, mine, BY_102)).status is Status.NOT_POSSIBLE
        assert (await here.give(control.takeover, theirs, BY_102)).text == "No such channel"


# Listening.


@pytest.mark.parametrize("verb", [control.listen, control.whisper, control.barge], ids=str)
async def test_it_is_this_call_that_is_heard_and_it_ends_with_the_call(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory, verb: Verb[Channel, Any]
) -> None:
    heard: list[Message] = []
    async with board(asterisk) as here:
        listener = await Session.open(Address.parse(asterisk.ami_url), heard.append, events="call,system")
        caller, theirs = await a_call(here, phone_factory, caller_factory, "103")
        await asyncio.to_thread(phone_factory, asterisk, "102")
        assert (await here.give(verb, theirs, BY_102)).done
        mine = await here.channel("PJSIP/102")
        (start,) = await here.until(lambda: [event for event in heard if event.name == "ChanSpyStart"])
        assert (start.get("SpyerUniqueid"), start.get("SpyeeUniqueid")) == (mine.uniqueid, theirs.uniqueid)
        await here.together(caller, theirs)
        asterisk.cli(f"channel request hangup {caller.name}")
        await here.gone("PJSIP/102")
        listener.close()


# Keys, and refusing.


async def test_keys_are_heard_by_the_end_they_are_for_in_their_order(asterisk: Asterisk) -> None:
    """Asterisk has events for keys that it receives: what one half of a Local channel hears, the other receives."""
    heard: list[Message] = []
    async with board(asterisk) as here:
        listener = await Session.open(Address.parse(asterisk.ami_url), heard.append, events="dtmf,system")
        asterisk.cli("channel originate Local/602@internal application Wait 60")
        one, two = await here.until(lambda: _halves(here))
        assert (await here.give(control.keypad, one, control.Keys("12#"))).done

        def pressed() -> list[tuple[str, str]]:
            ends = [event for event in heard if event.name == "DTMFEnd" and event.get("Direction") == "Received"]
            return [(event.get("Uniqueid"), event.get("Digit")) for event in ends]

        await here.until(lambda: len(pressed()) >= 3)
        assert pressed() == [(two.uniqueid, digit) for digit in "12#"]
        listener.close()


def _halves(here: Board) -> list[Channel]:
    rows = [row for row in here.state.table(Channel).rows.values() if row.name.startswith("Local/602@") and row.is_up]
    return sorted(rows, key=lambda row: row.name) if len(rows) == 2 else []


async def test_a_refused_call_is_busy_for_the_caller(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        await asyncio.to_thread(phone_factory, asterisk, "103", "ring")
        call = await asyncio.to_thread(caller_factory, asterisk, "103", number="0401234567")
        ringing = await here.channel("PJSIP/103", "Ringing")
        assert (await here.give(control.reject, ringing)).done
        await asyncio.to_thread(call.wait_for_status, 486)
        assert (await here.give(control.reject, ringing)).text == "No such channel"


def test_every_verb_of_this_page_is_tried_here() -> None:
    tried = {verb for verb in verbs.verbs.values() if verb.handler and verb.handler.__module__ == "calls.control"}
    assert {verb.path for verb in tried} == {
        "transfer", "park", "retrieve", "pickup", "takeover", "listen", "whisper", "barge", "keypad", "reject",
    }  # fmt: skip

"""Calls that users place on a real Asterisk: what is told of the second leg, and what the card says is heard."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest

import calls.events  # noqa: F401 (registers what is followed)
from calls import placed
from calls.call import Call
from calls.commands import Originate, originate
from calls.models import Channel
from calls.placed import Told
from engine.ami import actions
from engine.ami.client import Session
from engine.ami.protocol import Message
from engine.ami.transports import Address
from engine.mirror import commands, registry, sync
from engine.mirror.context import CommandContext
from engine.mirror.folding import EVENT_MASK, UNWANTED_EVENTS
from engine.mirror.jobs import CLOCK_EVERY, REFRESH_DELAY
from engine.mirror.state import State
from tests.engine.mirror.asked import do_what_is_asked, is_anything_asked
from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import PhoneFactory

pytestmark = [pytest.mark.timeout(90)]


class Caller:
    """Somebody at a phone with a worker of their own, as far as it follows calls that are placed."""

    def __init__(self, phone: str, answers: bool = False) -> None:
        self.phone, self.answers = phone, answers
        self.state = State("main")
        self.session: Session
        self.tasks: set[asyncio.Task[None]] = set()

    def _on_event(self, event: Message) -> None:
        self.state.fold(event)
        if is_anything_asked(self.state):
            self._start(self._refresh())

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.add(asyncio.create_task(work))

    async def _refresh(self) -> None:
        await asyncio.sleep(REFRESH_DELAY)
        await do_what_is_asked(self.session, self.state)

    async def watch_the_clock(self) -> None:
        while True:
            await asyncio.sleep(CLOCK_EVERY)
            for clock in registry.clocks:
                clock(self.state)
            if is_anything_asked(self.state):
                self._start(self._refresh())

    async def dial(self, number: str) -> None:
        ctx = CommandContext(self.session, self.state, 7, time.time() + 5, command_id="c1")
        outcome = await originate.carry_out(ctx, "", Originate(number, self.phone, "", "internal", self.answers))
        assert outcome.done, outcome
        (self.uniqueid,) = self.state.memory(placed.PlacedCalls).calls

    @property
    def told(self) -> list[str]:
        """As a page shows it: a step that is not newer than the last changes nothing."""
        said: list[tuple[int, str]] = []
        for _user, _code, parameters in self.state.notices:
            if not said or parameters["step"] > said[-1][0]:
                said.append((parameters["step"], parameters["told"]))
        return [words for _step, words in said]

    @property
    def mine(self) -> Channel | None:
        return self.state.table(Channel).get(self.uniqueid)

    @property
    def card(self) -> str:
        channels = [row for row in self.state.table(Channel).rows.values() if row.call == self.uniqueid]
        return Call("main", self.uniqueid, channels).state_name if channels else ""

    async def until_told(self, told: Told) -> None:
        async with asyncio.timeout(20):
            while not self.told or self.told[-1] != told:  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async def until_card(self, words: str) -> None:
        async with asyncio.timeout(20):
            while self.card != words:  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async def hang_up(self) -> None:
        assert self.mine is not None
        await self.session.ask(actions.hangup(self.mine.name))


class Trail:
    """In the place of the audit trail: these tests have no database."""

    def follow_up(self, command_id: str, text: str) -> None:
        assert command_id == "c1"


@contextlib.asynccontextmanager
async def following(address: Address, phone: str) -> AsyncIterator[Caller]:
    caller = Caller(phone)
    wanted = {*registry.handlers, "FullyBooted", "OriginateResponse"}
    caller.session = await Session.open(address, caller._on_event, events=EVENT_MASK, wanted=wanted)
    patch = pytest.MonkeyPatch()
    patch.setattr(commands, "auditors", [Trail()])
    try:
        for event in UNWANTED_EVENTS:
            assert (await caller.session.ask(actions.filter_out(event))).ok
        await sync.take(caller.session, caller.state)
        caller._start(caller.watch_the_clock())
        yield caller
    finally:
        for task in caller.tasks:
            task.cancel()
        caller.session.close()
        patch.undo()


def anna(asterisk: Asterisk) -> contextlib.AbstractAsyncContextManager[Caller]:
    return following(Address.parse(asterisk.ami_url), "PJSIP/101")


@pytest.mark.parametrize(
    ("number", "behaviour", "told", "card"),
    [
        ("103", "busy", Told.BUSY, "Busy tone"),
        ("103", "decline", Told.DECLINED, "Congestion tone"),
        ("109", "", Told.UNREACHABLE, "Congestion tone"),
        ("604", "", Told.BUSY, "Busy tone"),
        ("605", "", Told.UNREACHABLE, "Congestion tone"),
        ("5203", "busy", Told.BUSY, "Busy tone"),
    ],
)
async def test_a_number_that_cannot_be_had_is_told_and_the_card_says_what_is_heard(
    asterisk: Asterisk, phone_factory: PhoneFactory, number: str, behaviour: str, told: Told, card: str
) -> None:
    await asyncio.to_thread(phone_factory, asterisk, "101")
    if behaviour:
        await asyncio.to_thread(phone_factory, asterisk, "103", behaviour)  # type: ignore[arg-type]
    async with anna(asterisk) as caller:
        await caller.dial(number)
        await caller.until_told(told)
        assert caller.told[:2] == [Told.RINGING, Told.ANSWERED]
        await caller.until_card(card)
        await caller.hang_up()
        await caller.until_card("")
        assert caller.told[-1] == told


async def test_a_number_that_rings_and_answers(asterisk: Asterisk, phone_factory: PhoneFactory) -> None:
    await asyncio.to_thread(phone_factory, asterisk, "101")
    await asyncio.to_thread(phone_factory, asterisk, "102")
    async with anna(asterisk) as caller:
        await caller.dial("102")
        await caller.until_told(Told.CONNECTED)
        await caller.until_card("Talking")
        await caller.hang_up()
        await caller.until_told(Told.OVER)
        assert caller.told == [Told.RINGING, Told.ANSWERED, Told.CONNECTED, Told.OVER]


async def test_a_number_that_the_dialplan_takes_and_one_where_it_rings(
    asterisk: Asterisk, phone_factory: PhoneFactory
) -> None:
    await asyncio.to_thread(phone_factory, asterisk, "101")
    async with anna(asterisk) as caller:
        await caller.dial("602")
        await caller.until_told(Told.CONNECTED)
        await caller.hang_up()
        await caller.until_told(Told.OVER)
        caller.state.notices.clear()
        await caller.dial("603")
        await caller.until_told(Told.ANSWERED)
        await caller.until_card("Ringback tone")


async def test_putting_the_receiver_down_while_the_number_rings(
    asterisk: Asterisk, phone_factory: PhoneFactory
) -> None:
    await asyncio.to_thread(phone_factory, asterisk, "101")
    await asyncio.to_thread(phone_factory, asterisk, "105", "ring")
    async with anna(asterisk) as caller:
        await caller.dial("105")
        await caller.until_told(Told.ANSWERED)
        await caller.until_card("Ringing")
        await caller.hang_up()
        await caller.until_told(Told.OVER)


@pytest.mark.parametrize(
    ("behaviour", "told"), [("ring", Told.CANCELLED), ("busy", Told.PHONE_BUSY), ("decline", Told.PHONE_BUSY)]
)
async def test_why_my_phone_did_not_take_the_call(
    asterisk: Asterisk, phone_factory: PhoneFactory, behaviour: str, told: Told
) -> None:
    await asyncio.to_thread(phone_factory, asterisk, "101", behaviour)  # type: ignore[arg-type]
    async with anna(asterisk) as caller:
        await caller.dial("602")
        if behaviour == "ring":
            await caller.until_told(Told.RINGING)
            await caller.hang_up()
        await caller.until_told(told)


async def test_a_phone_that_is_there_and_says_nothing_is_not_told_to_ring(asterisk: Asterisk) -> None:
    async with anna(asterisk) as caller:  # nobody listens where phone 101 should be
        await caller.dial("602")
        async with asyncio.timeout(10):
            while caller.mine is None:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        await asyncio.sleep(1)
        assert caller.told == []
        await caller.hang_up()
        await caller.until_told(Told.CANCELLED)


@pytest.mark.parametrize("answers", [True, False])
async def test_a_phone_is_asked_to_answer_by_itself_where_its_user_wants_that(
    answers: bool, asterisk: Asterisk, phone_factory: PhoneFactory
) -> None:
    phone = await asyncio.to_thread(phone_factory, asterisk, "101")
    async with anna(asterisk) as caller:
        caller.answers = answers
        await caller.dial("602")
        invite = await asyncio.to_thread(phone.wait_for_invite)
        await caller.until_told(Told.CONNECTED)
    assert invite.get("Call-Info", "") == ("<sip:pbxpanel>;answer-after=0" if answers else "")
    assert ("info=alert-autoanswer" in invite.get("Alert-Info", "")) is answers

"""Calls that move, on a real Asterisk: whoever listened always, came late or reconnected meanwhile shows the same.

At each rest the mirror equals a fresh snapshot, and the cards say who is with whom as a person would. In the end no
row stays.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from calls.call import Call, calls_of
from calls.models import Bridge, Channel, ParkedCall
from conferences.models import Conference, Participant
from engine.ami.transports import Address
from engine.mirror import registry, sync
from engine.mirror.state import State
from tests.lab.asterisk import Asterisk
from tests.lab.record import MOVES, Moves, Scenario

from .test_snapshot import Mirror

pytestmark = [pytest.mark.timeout(180)]

CALLER = "0401234567"
# Move → where it rests → the cards.
EXPECTED: dict[str, dict[str, list[str]]] = {
    "redirect": {
        "they talk": ["Talking: Redirected, Anna Alpha"],
        "redirected": ["Talking: Redirected, Ben Beta"],
    },
    "redirect_both": {
        "they talk": ["Talking: Both, Anna Alpha"],
        "both in the conference": ["In conference: Both, Anna Alpha → 8005"],
    },
    "blind_transfer": {
        "they talk": ["Talking: Blind, Anna Alpha"],
        "the target rings": ["Ringing: Blind, Ben Beta (rings)"],
    },
    "attended_transfer": {
        "they talk": ["Talking: Attended, Anna Alpha"],
        "the target is asked": ["Talking: Attended (waits), Anna Alpha, Dora Delta"],
        "connected": ["Talking: Attended, Dora Delta"],
    },
    "attended_transfer_refused": {
        "the target is asked": ["Talking: Attended (waits), Anna Alpha, Dora Delta"],
        "back with the caller": ["Talking: Attended, Anna Alpha"],
    },
    "bridge_action": {
        "two calls": ["Connected: Anna Alpha → 602", "Connected: Ben Beta → 602"],
        "one call": ["Talking: Anna Alpha, Ben Beta"],
    },
    "bridge_of_two_calls": {
        "two calls": ["Talking: One, Anna Alpha", "Talking: Two, Ben Beta"],
        "one call": ["Talking: Anna Alpha, Ben Beta"],
    },
    "bridge_with_local": {
        "two calls": ["Connected: Anna Alpha → 602", "Talking: Ben Beta, Dora Delta"],
        "101 talks with 104": ["Talking: Anna Alpha, Dora Delta"],
    },
    "phone_holds": {
        "they talk": ["Talking: Anna Alpha, Ben Beta"],
        "on hold": ["On hold: Anna Alpha (holds), Ben Beta"],
        "they talk again": ["Talking: Anna Alpha, Ben Beta"],
    },
    "phone_transfers_blind": {
        "they talk": ["Talking: Referred, Anna Alpha"],
        "the target rings": ["Ringing: Referred, Ben Beta (rings)"],
    },
    "phone_transfers_attended": {
        "they talk": ["Talking: Referred, Anna Alpha"],
        "two calls": ["On hold: Referred, Anna Alpha (holds)", "Talking: Anna Alpha, Dora Delta"],
        "connected": ["Talking: Referred, Dora Delta"],
    },
    "phone_transfers_attended_by_local": {
        "two calls": ["On hold: Referred, Anna Alpha (holds)", "Talking: Anna Alpha, Dora Delta"],
        "connected": ["Talking: Referred, Dora Delta"],
    },
    "local_optimization": {"stepped aside": ["Connected: Ben Beta → 5202"]},
    "pickup": {
        "it rings": ["Ringing: Picked up (rings), Ben Beta (rings)"],
        "picked up": ["Talking: Picked up, Dora Delta"],
    },
    "park_and_retrieve": {
        "parked": ["Parked on 701: Parked"],
        "retrieved": ["Talking: Parked, Dora Delta"],
    },
    "park_and_give_up": {"parked": ["Parked on 701: Parked"], "gave up": []},
    "park_until_time_is_over": {"came back": ["Talking: Parked, Anna Alpha"]},
    "queue": {"answered": ["Talking: Queued, Anna Alpha"]},
    "queue_of_nobody": {"waits": ["Waiting in queue night: Queued → 611"]},
    "conference_move": {
        "three in one": [
            "In conference: 8001@internal → 8001",
            "In conference: Anna Alpha → 8001",
            "In conference: Ben Beta → 8001",
        ],
        "one in another": [
            "In conference: 8001@internal → 8001",
            "In conference: Anna Alpha → 8001",
            "In conference: Ben Beta → 8002",
        ],
        "one is over": ["In conference: Ben Beta → 8002"],
    },
}


def cards(state: State) -> list[str]:
    """What the board shows, in words."""
    channels, bridges, parked = state.table(Channel), state.table(Bridge), state.table(ParkedCall)
    return sorted(map(words, calls_of(channels.rows.values(), bridges.rows.values(), parked.rows.values())))


def words(call: Call) -> str:
    parties = ", ".join(
        party.label
        + (" (rings)" if party.channel.is_ringing else "")
        + (" (holds)" if party.channel.on_hold else "")
        + (" (waits)" if party.waits else "")
        for party in call.parties
    )
    where = call.conference or call.destination
    return f"{call.state_name}: {parties}" + (f" → {where}" if where else "")


def differences(one: State, other: State) -> list[str]:
    """Where two states differ, in what both events and lists tell."""
    found = []
    for model in registry.models:
        ours, theirs = one.table(model).rows, other.table(model).rows
        found += [f"{model.__name__} {key} is in one only" for key in ours.keys() ^ theirs.keys()]
        for key in ours.keys() & theirs.keys():
            for field in model.compared_fields:
                pair = ours[key].__dict__[field], theirs[key].__dict__[field]
                if pair[0] != pair[1]:
                    found.append(f"{model.__name__} {key}: {field} is {pair[0]!r} and {pair[1]!r}")
    return found


class Audience:
    """Mirrors of one PBX: one that listens always, one that connects anew all the time, and some that come late."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.always, self.restless = Mirror(), Mirror()
        self.late: list[Mirror] = []

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        for mirror in (self.always, self.restless):
            await mirror.connect(self.address)
            await mirror.take()
        try:
            yield
        finally:
            for mirror in self.everybody:
                mirror.session.close()

    @property
    def everybody(self) -> list[Mirror]:
        return [self.always, self.restless, *self.late]

    async def reconnect_all_the_time(self) -> None:
        while True:
            self.restless.session.close()
            await self.restless.connect(self.address)
            await self.restless.take()

    async def step(self, steps: Moves) -> str | None:
        """Let the next move happen; returns where it rests."""
        reconnecting = asyncio.create_task(self.reconnect_all_the_time())
        try:
            return await asyncio.to_thread(next, steps, None)
        finally:
            reconnecting.cancel()
            await asyncio.gather(reconnecting, return_exceptions=True)
            self.restless.session.close()
            await self.restless.connect(self.address)
            await self.restless.take()

    async def somebody_comes(self) -> None:
        mirror = Mirror()
        await mirror.connect(self.address)
        self.late.append(mirror)
        await mirror.take()

    async def wrong(self) -> list[str]:
        """Where anybody's state differs from what the lists say now."""
        for mirror in self.everybody:
            await mirror.settle()
        fresh = State("main")
        await sync.take(self.always.session, fresh)
        return [found for mirror in self.everybody for found in differences(mirror.state, fresh)]

    def left(self) -> list[str]:
        """What anybody still has of calls and conferences. (The bridge of a parking lot stays.)"""
        return [
            str(row)
            for mirror in self.everybody
            for model in (Channel, Bridge, ParkedCall, Conference, Participant)
            for row in mirror.state.table(model).rows.values()
            if not (isinstance(row, Bridge) and row.kind == "parking")
        ]


async def rests(audience: Audience, expected: list[str]) -> None:
    """Wait until all is as it should be and stays so; fail with what is not."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + 30
    while True:
        wrong = await audience.wrong()
        shown = [cards(mirror.state) for mirror in audience.everybody]
        if not wrong and all(card == expected for card in shown):
            break
        if loop.time() > deadline:
            assert wrong == []
            assert shown == [expected] * len(shown)
        await asyncio.sleep(0.2)
    assert await sync.check(audience.always.session, audience.always.state, settle=0.3) == []
    assert cards(audience.always.state) == expected


@pytest.mark.parametrize("move", MOVES, ids=lambda move: move.__name__)
async def test_the_mirror_follows_and_the_cards_say_who_is_with_whom(
    asterisk: Asterisk, move: Callable[[Scenario], Moves]
) -> None:
    audience = Audience(Address.parse(asterisk.ami_url))
    expected = EXPECTED[move.__name__]
    async with audience.listening():
        with asterisk.ami(timeout=30) as session, contextlib.closing(move(Scenario(asterisk, session))) as steps:
            seen = []
            while (where := await audience.step(steps)) is not None:
                seen.append(where)
                await rests(audience, expected[where])
                await audience.somebody_comes()
            assert seen == list(expected)
        await asyncio.to_thread(asterisk.quiet)
        async with asyncio.timeout(30):
            while audience.left():  # noqa: ASYNC110 (what it waits for has no event)
                await asyncio.sleep(0.1)
        await rests(audience, [])

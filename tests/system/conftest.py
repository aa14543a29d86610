"""A desk at a real Asterisk, as the worker gives it to an order; and people with the worker's place taken."""

import contextlib
import time
from collections.abc import AsyncIterator, Callable

import pytest

from engine.ami.client import Session
from engine.ami.transports import Address
from engine.mirror.context import Desk
from engine.mirror.state import State
from tests.access import people
from tests.access.people import Asterisk as StandIn
from tests.lab.asterisk import Asterisk

AtDesk = Callable[..., contextlib.AbstractAsyncContextManager[Desk]]


@pytest.fixture
def at_desk() -> AtDesk:
    """`async with at_desk(asterisk) as desk`: for orders and replies; `seconds` is how long they may take."""

    @contextlib.asynccontextmanager
    async def sit_down(asterisk: Asterisk, seconds: float = 30.0, url: str = "") -> AsyncIterator[Desk]:
        address = Address.parse(url or asterisk.ami_url)
        session = await Session.open(address, lambda event: None, events="off", timeout=10)
        try:
            yield Desk(session, State("main"), 7, time.time() + seconds)
        finally:
            session.close()

    return sit_down


@pytest.fixture
def stand_in(db: None, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """A small PBX in the database, and in the worker's place what notes every command and answers as it was told."""
    people.a_small_pbx()
    return people.stand_in(monkeypatch)

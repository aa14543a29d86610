"""A command context at a real Asterisk, as the worker makes it; and people with the worker's place taken."""

import contextlib
import time
from collections.abc import AsyncIterator, Callable

import pytest

from engine.ami.client import Session
from engine.ami.transports import Address
from engine.mirror.context import CommandContext
from engine.mirror.state import State
from tests.access import people
from tests.access.people import Asterisk as StandIn
from tests.lab.asterisk import Asterisk

WithContext = Callable[..., contextlib.AbstractAsyncContextManager[CommandContext]]


@pytest.fixture
def with_context() -> WithContext:
    """`async with with_context(asterisk) as ctx`; `seconds` is how long a command may take."""

    @contextlib.asynccontextmanager
    async def sit_down(asterisk: Asterisk, seconds: float = 30.0, url: str = "") -> AsyncIterator[CommandContext]:
        address = Address.parse(url or asterisk.ami_url)
        session = await Session.open(address, lambda event: None, events="off", timeout=10)
        try:
            yield CommandContext(session, State("main"), 7, time.time() + seconds)
        finally:
            session.close()

    return sit_down


@pytest.fixture
def stand_in(db: None, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """A small PBX in the database, and in the worker's place what notes every command and answers as it was told."""
    people.a_small_pbx()
    return people.stand_in(monkeypatch)

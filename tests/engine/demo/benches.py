"""The two switches that the contract compares, behind one face: the demo PBX, and a real Asterisk with telephones."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Protocol, TypeVar

from engine.demo import DemoPbx
from engine.demo.dialplan import CONTEXT
from engine.demo.fixtures import CAST, Phone, habit_of
from engine.demo.model import Channel, State
from engine.demo.states import UNAVAILABLE
from tests.lab.ami import Ami
from tests.lab.asterisk import CALLER_IDS, CONFIGURATION, WITHOUT_CONTACT, Asterisk
from tests.lab.phones import Behaviour, Caller
from tests.lab.phones import Phone as LabPhone

# How each telephone of the scenario takes a call, in the laboratory's words. By their last digits, the demo's
# telephones do the same.
TELEPHONES: dict[str, Behaviour] = {
    "101": "answer",
    "102": "answer",
    "103": "answer",
    "104": "busy",
    "105": "ring",
    "107": "answer_and_hold",
    "trunk": "answer",
}


T = TypeVar("T")


class Call(Protocol):
    """A call that somebody has dialled by hand."""

    def hang_up(self) -> None: ...


class Bench(Protocol):
    """What the scenario needs of a switch."""

    port: int
    user: str
    secret: str

    def ami(self) -> Ami: ...

    def dial_by_hand(self, to: str, number: str, name: str) -> Call:
        """Somebody calls an extension: one of our telephones, or anybody from outside."""

    def hold_and_take_back(self, number: str) -> None:
        """The telephone holds the call it has answered, and takes it back."""


class LabCall:
    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def hang_up(self) -> None:
        self._caller.stop()


class LabBench:
    """A running Asterisk of the laboratory, its telephones ready."""

    def __init__(self, asterisk: Asterisk, stack: contextlib.ExitStack) -> None:
        self._asterisk, self._stack = asterisk, stack
        self.port, self.user, self.secret = asterisk.ami_port, asterisk.user, asterisk.secret
        for number, behaviour in TELEPHONES.items():
            stack.enter_context(LabPhone(asterisk, number, behaviour))

    def ami(self) -> Ami:
        return self._stack.enter_context(self._asterisk.ami())

    def dial_by_hand(self, to: str, number: str, name: str) -> LabCall:
        return LabCall(self._stack.enter_context(Caller(self._asterisk, to, number, name)))

    def hold_and_take_back(self, number: str) -> None:
        assert TELEPHONES[number] == "answer_and_hold", "only such a telephone of sipp can"
        time.sleep(2.5)


class DemoCall:
    def __init__(self, bench: DemoBench, channel: Channel) -> None:
        self._bench, self._channel = bench, channel

    def hang_up(self) -> None:
        self._bench.do(self._end)

    def _end(self) -> None:
        if self._channel.state is State.UP:
            self._bench.pbx.switch.hang_up(self._channel)
        else:
            self._bench.pbx.dialplan.cancel(self._channel)


class DemoBench:
    """The demo PBX in a thread of its own, with the laboratory's telephones."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._stack = stack
        self._loop = asyncio.new_event_loop()
        thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        thread.start()
        files = {"confbridge.conf": (CONFIGURATION / "confbridge.conf").read_text()}
        self.pbx = DemoPbx(seed=1, lively=False, phones=lab_phones(), entries={}, files=files)
        states = self.pbx.switch.states
        states.add_phone(f"PJSIP/{WITHOUT_CONTACT}", UNAVAILABLE)
        states.add_hint(WITHOUT_CONTACT, CONTEXT, f"PJSIP/{WITHOUT_CONTACT}")
        address = asyncio.run_coroutine_threadsafe(self.pbx.start(), self._loop).result(10)
        self.port, self.user, self.secret = address.port, address.username, address.secret

        @stack.callback
        def stop() -> None:
            asyncio.run_coroutine_threadsafe(self.pbx.stop(), self._loop).result(10)
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join(10)
            self._loop.close()

    def ami(self) -> Ami:
        return self._stack.enter_context(Ami(self.port, self.user, self.secret))

    def dial_by_hand(self, to: str, number: str, name: str) -> DemoCall:
        caller = self.pbx.dialplan.phones.get(number) or Phone(number, name)
        return DemoCall(self, self.do(lambda: self.pbx.dialplan.call(caller, to)))

    def hold_and_take_back(self, number: str) -> None:
        switch = self.pbx.switch
        channel = next(channel for channel in switch.channels.values() if channel.endpoint == f"PJSIP/{number}")
        self.do(lambda: switch.hold(channel))
        self.do(lambda: switch.unhold(channel))

    def do(self, act: Callable[[], T]) -> T:
        """Let something happen within the demo's thread."""

        async def within() -> T:
            result = act()
            self.pbx.catch_up()
            return result

        return asyncio.run_coroutine_threadsafe(within(), self._loop).result(10)


def lab_phones() -> dict[str, Phone]:
    """The laboratory's telephones as phones of the demo; one without contact is not there at all."""
    phones = {}
    for number, caller_id in CALLER_IDS.items():
        if number != WITHOUT_CONTACT:
            name = caller_id.split('"')[1] if caller_id else ""
            phones[number] = Phone(number, name, habit_of(number), rings_for=0.2)
    return phones


def quick_phones() -> dict[str, Phone]:
    """The demo's own telephones, which ring for a moment."""
    return {number: replace(phone, rings_for=0.1) for number, phone in CAST.items()}


@contextlib.contextmanager
def demo_bench() -> Iterator[DemoBench]:
    with contextlib.ExitStack() as stack:
        yield DemoBench(stack)


@contextlib.contextmanager
def lab_bench(asterisk: Asterisk) -> Iterator[LabBench]:
    with contextlib.ExitStack() as stack:
        yield LabBench(asterisk, stack)


def settle(session: Ami, quiet: float = 0.4, limit: float = 5.0) -> None:
    """Take in what still comes, until nothing has come for a while."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        seen = len(session.messages)
        session.listen(quiet)
        if len(session.messages) == seen:
            return

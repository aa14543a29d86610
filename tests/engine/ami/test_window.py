"""Over TLS no more is under way to Asterisk than fits into one segment of TCP: part of a record ends the session."""

import asyncio

import pytest

from engine.ami import actions, transports
from engine.ami.client import Session
from engine.ami.protocol import Action
from engine.ami.transports import Address, Window
from tests.between import between
from tests.lab.asterisk import Asterisk

# A segment of TCP on Ethernet, in bytes, and how much later the next one is there, in seconds.
SEGMENT, LATER = 1448, 0.003


def window(scheme: str) -> Window:
    return Window(Address(scheme, "pbx.example.org", 5039, "panel", "secret"))


class Sending:
    """Actions of these sizes that are begun in order; each is answered when the test says so."""

    def __init__(self, window: Window, *sizes: int) -> None:
        self.window = window
        self.begun: list[int] = []
        self.answers = [asyncio.Event() for _ in sizes]
        self.tasks = [asyncio.create_task(self._send(number, size)) for number, size in enumerate(sizes)]

    async def _send(self, number: int, size: int) -> None:
        async with self.window.part(size):
            self.begun.append(number)
            await self.answers[number].wait()

    async def answer(self, *numbers: int) -> None:
        for number in numbers:
            self.answers[number].set()
        await self.turn()

    async def turn(self) -> None:
        """Let everything happen that waits for nothing."""
        for _ in range(20):
            await asyncio.sleep(0)


async def test_over_tls_the_next_waits_until_there_is_room_for_it_and_they_keep_their_order() -> None:
    half = transports._WINDOW // 2
    sending = Sending(window("amis"), half, half, half, 1)
    await sending.turn()
    assert sending.begun == [0, 1]  # the last has room, and does not overtake
    await sending.answer(1)
    assert sending.begun == [0, 1, 2]
    await sending.answer(0, 2)
    assert sending.begun == [0, 1, 2, 3]


async def test_what_is_larger_goes_alone() -> None:
    sending = Sending(window("amis"), 1, transports._WINDOW * 3, 1)
    await sending.turn()
    assert sending.begun == [0]
    await sending.answer(0)
    assert sending.begun == [0, 1]
    await sending.answer(1)
    assert sending.begun == [0, 1, 2]


async def test_whoever_gives_up_holds_up_nobody() -> None:
    sending = Sending(window("amis"), transports._WINDOW, 1, 1)
    await sending.turn()
    sending.tasks[1].cancel()
    sending.tasks[0].cancel()
    await sending.turn()
    assert sending.begun == [0, 2]


@pytest.mark.parametrize("scheme", ["ami", "ami+http", "ami+https"])
async def test_otherwise_nothing_waits(scheme: str) -> None:
    sending = Sending(window(scheme), *[transports._WINDOW] * 30)
    await sending.turn()
    assert sending.begun == [*range(30)]


async def in_segments(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(2**16):
        for at in range(0, len(data), SEGMENT):
            writer.write(data[at : at + SEGMENT])
            await asyncio.sleep(LATER)
    writer.close()


async def as_it_comes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(2**16):
        writer.write(data)
    writer.close()


async def test_a_real_asterisk_reads_many_actions_at_once_from_a_network_over_tls(asterisk: Asterisk) -> None:
    many: list[Action] = [actions.setvar_global(f"PANEL_WINDOW_{number}", "x" * 100) for number in range(40)]
    async with between(asterisk.ports["tls"], in_segments, as_it_comes) as port:
        url = asterisk.url("tls").replace(f":{asterisk.ports['tls']}?", f":{port}?")
        session = await Session.open(Address.parse(url), lambda event: None, timeout=10)
        answers = await asyncio.gather(*(session.ask(action, timeout=20) for action in many))
        assert all(answer.ok for answer in answers)
        assert not session.closed.done()
        session.close()

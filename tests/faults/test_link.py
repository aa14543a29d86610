"""Everything that can happen on the way to a real Asterisk: it is noticed, told, healed, and then all is right."""

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import channel_layers, get_channel_layer
from django.contrib.auth.models import User

from engine.ami.client import Link, LinkState
from engine.ami.errors import AmiError
from engine.ami.transports import Address
from engine.mirror import commands, folding
from engine.mirror.commands import Status
from engine.mirror.models import PBX
from engine.mirror.worker import AmiWorker
from tests.engine.mirror import by_name
from tests.lab.asterisk import Asterisk
from tests.waiting import until_async

from . import truth
from .proxy import Proxy
from .truth import Scene

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]

PING_AFTER, DEAD_AFTER = 0.5, 1.5


class Watched:
    """A worker whose only way to Asterisk is the proxy, and all that its link told."""

    def __init__(self, asterisk: Asterisk, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, url: str = "") -> None:
        self.asterisk, self.proxy = asterisk, proxy
        self.address = dataclasses.replace(Address.parse(url or asterisk.url("tcp")), port=proxy.port)
        self.times: dict[str, Any] = {
            "ping_after": PING_AFTER, "dead_after": DEAD_AFTER, "first_delay": 0.05, "max_delay": 0.2,
            "connect_timeout": 5,
        }  # fmt: skip
        self.told: list[tuple[LinkState, str]] = []
        monkeypatch.setattr(folding, "Link", self._link)
        self.running: AmiWorker
        self.task: asyncio.Task[None]

    def _link(self, address: Address, *, on_state: Callable[[LinkState, AmiError | None], None], **rest: Any) -> Link:
        def noting(state: LinkState, error: AmiError | None) -> None:
            self.told.append((state, str(error or "")))
            on_state(state, error)

        return Link(address, on_state=noting, **rest, **self.times)

    def start(self) -> None:
        self.running = AmiWorker(
            application=None, channels=[], channel_layer=get_channel_layer(), addresses={"main": self.address}
        )
        self.task = asyncio.create_task(self.running.handle())

    async def is_up(self) -> None:
        await until_async(lambda: self.told and self.told[-1][0] is LinkState.UP)

    async def goes_down(self) -> str:
        """Wait for the next word that the link is down; the words."""
        downs = self.downs()
        await until_async(lambda: self.downs()[len(downs) :] or self.task.done())
        assert not self.task.done(), "the worker ended"
        return self.downs()[len(downs)]

    def downs(self) -> list[str]:
        return [words for state, words in self.told if state is LinkState.DOWN]

    async def is_right(self) -> None:
        """Wait until the rows equal what Asterisk's console says, and the link is said to be up."""
        deadline = time.monotonic() + 30
        while True:
            real = await asyncio.to_thread(truth.of_asterisk, self.asterisk)
            rows = await sync_to_async(truth.of_rows)()
            pbx = await sync_to_async(PBX.objects.get)()
            if rows == real and (pbx.link, pbx.why) == ("up", ""):
                break
            assert time.monotonic() < deadline, f"{pbx.link}: {pbx.why}\n{rows}\n{real}"
            await asyncio.sleep(0.05)
        assert not self.task.done(), "the worker ended"

    async def give(self, name: str, seconds: float) -> Status:
        """Hang a channel up as a view does, with this much time for it; what became of it."""
        user, _ = await User.objects.aget_or_create(username="anna")
        command = by_name.command(name, user.pk, timeout=seconds)
        outcome = await sync_to_async(commands.run, thread_sensitive=False)(command)
        return outcome.status


@pytest.fixture
def proxy(asterisk22: Asterisk) -> Iterator[Proxy]:
    with Proxy(asterisk22.ami_port) as proxy:
        yield proxy


@pytest.fixture(autouse=True)
def hanging_up_by_name() -> Iterator[None]:
    with by_name.hanging_up_by_name():
        yield


@pytest.fixture
async def watched(asterisk22: Asterisk, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watched]:
    """Not started yet."""
    channel_layers.backends.clear()
    watched = Watched(asterisk22, proxy, monkeypatch)
    try:
        yield watched
    finally:
        if hasattr(watched, "task"):
            watched.task.cancel()
            await asyncio.gather(watched.task, return_exceptions=True)
        channel_layers.backends.clear()


@pytest.fixture
async def scene(watched: Watched) -> Scene:
    """Calls and a conference, known to the panel: the link is up."""
    scene = await asyncio.to_thread(Scene, watched.asterisk)
    watched.start()
    await watched.is_up()
    await watched.is_right()
    return scene


FAULTS: dict[str, tuple[Callable[[Proxy], None], str]] = {
    "ended": (lambda proxy: proxy.cut(), "Asterisk closed the connection."),
    "reset": (lambda proxy: proxy.cut(reset=True), "The connection broke: "),
    "cut in a message": (lambda proxy: proxy.cut(after=333), "Asterisk closed the connection."),
    "stalled": (lambda proxy: proxy.stall(), "Asterisk has been silent for 1.5 s."),
    "stalled in a message": (lambda proxy: proxy.stall(after=333), "Asterisk has been silent for 1.5 s."),
    "half open": (lambda proxy: proxy.half_open(), "Asterisk has been silent for 1.5 s."),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_is_told_and_what_happened_meanwhile_is_right_afterwards(
    watched: Watched, scene: Scene, fault: str
) -> None:
    fail, words = FAULTS[fault]
    down = asyncio.create_task(watched.goes_down())
    watched.proxy.refuse()  # until all has changed
    await asyncio.to_thread(fail, watched.proxy)
    await asyncio.to_thread(scene.change)
    assert (await down).startswith(words)
    watched.proxy.mend()
    await watched.is_up()
    await watched.is_right()
    # And it follows again what happens from now on.
    await asyncio.to_thread(scene.originate, "8001")
    await watched.is_right()


async def test_while_asterisk_refuses_connections_that_is_said_and_tried_again(watched: Watched, scene: Scene) -> None:
    watched.proxy.refuse()
    await asyncio.to_thread(watched.proxy.cut)
    await until_async(lambda: "refuses the connection; is Asterisk running" in watched.told[-1][1])
    pbx = await sync_to_async(PBX.objects.get)()
    since = pbx.link_since
    await asyncio.to_thread(scene.change)
    await sync_to_async(pbx.refresh_from_db)()
    assert (pbx.is_up, pbx.link_since) == (False, since)
    assert f"127.0.0.1:{watched.proxy.port} refuses the connection" in pbx.why
    watched.proxy.mend()
    await watched.is_up()
    await watched.is_right()


async def test_a_connection_cut_anywhere_in_login_and_first_snapshot_is_tried_again(watched: Watched) -> None:
    await asyncio.to_thread(Scene, watched.asterisk)
    watched.times["first_delay"] = watched.times["max_delay"] = 0.01
    whole = 12_000
    watched.proxy.cut_next.extend(int(whole ** (step / 40)) for step in range(40))
    watched.start()
    await watched.is_up()
    downs = watched.downs()
    assert set(downs) == {"Asterisk closed the connection."}
    # Most of these came before it was up for the first time: the snapshot is longer than that.
    before = [state for state, _ in watched.told]
    assert before[: before.index(LinkState.UP)].count(LinkState.DOWN) > 30
    await until_async(lambda: not watched.proxy.cut_next)
    await watched.is_right()


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (0, "sends no greeting; is this Asterisk's manager interface?"),
        (40, "Asterisk did not answer Challenge within 2 s."),
        (400, "Asterisk did not answer "),
    ],
)
async def test_a_connection_that_stalls_before_it_is_up_is_given_up(watched: Watched, after: int, words: str) -> None:
    watched.times["connect_timeout"] = 2.0
    watched.proxy.stall_next.append(after)
    watched.start()
    assert words in await watched.goes_down()
    await watched.is_up()
    await watched.is_right()


async def test_one_byte_at_a_time_is_as_good_as_all_at_once(watched: Watched) -> None:
    scene = await asyncio.to_thread(Scene, watched.asterisk)
    watched.proxy.trickle()
    watched.start()
    await watched.is_up()
    await watched.is_right()
    await asyncio.to_thread(scene.change)
    await watched.is_right()
    assert watched.downs() == []


GARBAGE = [
    b"\xff\xfe\x00\x80\r\n\r\n",
    b"\r\n\r\n\r\n\r\n: \r\n:\r\n\r\nEvent\r\n\r\nEvent:\r\n\r\nResponse:\r\n\r\n",
    b"Event: Newchannel\r\nUniqueid\r\n\r\nEvent: Hangup\r\n\r\nEvent: ConfbridgeJoin\r\nConference: \xff\r\n\r\n",
    b"Event: Newstate\r\nChannel: \xc3\x28\r\nUniqueid: \x00\x01\r\nChannelState: -1\r\n\r\n",
    b"Event: BridgeEnter\r\nUniqueid: 1.1\r\nUniqueid: 2.2\r\n\r\nEvent: OriginateResponse\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
]


async def test_garbage_in_the_stream_ends_neither_the_worker_nor_what_comes_after(
    watched: Watched, scene: Scene
) -> None:
    for garbage in GARBAGE:
        # Wherever it falls, in the middle of a message or between two: asterisk talks meanwhile.
        talking = asyncio.create_task(asyncio.to_thread(scene.originate, "602"))
        await asyncio.to_thread(watched.proxy.insert, garbage)
        await talking
    await asyncio.to_thread(scene.change)
    assert not watched.task.done()
    # What it fell into is lost, and what it made up is there; the next snapshot puts both right.
    down = asyncio.create_task(watched.goes_down())
    await asyncio.to_thread(watched.proxy.cut)
    await down
    await watched.is_up()
    await watched.is_right()


async def test_a_reader_that_cannot_keep_up_is_dropped_by_asterisk_and_comes_again(
    asterisk22: Asterisk, watched: Watched
) -> None:
    """Asterisk waits for `writetimeout` and then drops the session; it is no silence that ends it here."""
    watched.times |= {"ping_after": 60, "dead_after": 90}
    scene = await asyncio.to_thread(Scene, asterisk22)
    watched.start()
    await watched.is_up()
    await watched.is_right()
    down = asyncio.create_task(watched.goes_down())
    await asyncio.to_thread(watched.proxy.stop_reading)

    def sessions() -> int:
        return asterisk22.cli("manager show connected").count("127.0.0.1")

    # A panel that other tests share may listen, too.
    before = await asyncio.to_thread(sessions)

    def flood() -> None:
        with asterisk22.ami() as ami:
            deadline = time.monotonic() + 60
            while sessions() > before:
                assert time.monotonic() < deadline, "Asterisk does not drop who does not read"
                for _ in range(20):
                    ami.action("UserEvent", UserEvent="Flood", **{f"Text{n}": "x" * 900 for n in range(60)})

    await asyncio.to_thread(flood)
    await asyncio.to_thread(scene.change)
    watched.proxy.mend()
    assert (await down).startswith(("Asterisk closed the connection.", "The connection broke: "))
    await watched.is_up()
    await watched.is_right()

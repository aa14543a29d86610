"""The worker over each transport: what it shows is what Asterisk has, also after what can happen on the way."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from asgiref.sync import sync_to_async
from channels.layers import channel_layers

from engine.mirror.commands import Status
from engine.mirror.models import PBX
from tests.engine.mirror import by_name
from tests.lab.asterisk import TRANSPORTS, Asterisk, Transport
from tests.lab.chroot import VERSIONS
from tests.matrix import matrix
from tests.waiting import until_async

from .proxy import Proxy
from .test_link import Watched
from .truth import Scene

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]


WAYS = [*TRANSPORTS, "http-digest", "https-digest"]


@pytest.fixture(autouse=True)
def hanging_up_by_name() -> Iterator[None]:
    with by_name.hanging_up_by_name():
        yield


@pytest.fixture
async def watched(
    asterisk: Asterisk, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Watched]:
    """Not started yet; its way to Asterisk, of each version, is this transport through a proxy."""
    transport: Transport = request.param.partition("-")[0]
    url = asterisk.url(transport, path="arawman" if "digest" in request.param else "rawman")
    channel_layers.backends.clear()
    with Proxy(asterisk.ports[transport]) as proxy:
        watched = Watched(asterisk, proxy, monkeypatch, url)
        yield watched
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


@matrix(watched=WAYS, asterisk=VERSIONS, indirect=["watched", "asterisk"])
async def test_what_the_panel_shows_is_what_asterisk_has(watched: Watched, scene: Scene) -> None:
    for _ in range(2):
        await asyncio.to_thread(scene.change)
        await watched.is_right()
    name = next(name for name in sorted(watched.asterisk.channels()) if name.startswith("Local/602"))
    assert await watched.give(name, seconds=5) is Status.DONE
    await watched.is_right()
    assert name not in watched.asterisk.channels()
    assert watched.running.mirrors["main"].lease.is_held
    assert await watched.running.mirrors["main"].folding.check() == []
    assert watched.downs() == []


@matrix(watched=WAYS, asterisk=VERSIONS, indirect=["watched", "asterisk"])
async def test_the_transport_and_its_round_trip_time_are_told(watched: Watched) -> None:
    watched.start()
    await watched.is_up()

    def told() -> PBX | None:
        return PBX.objects.filter(round_trip__isnull=False).first()

    async with asyncio.timeout(10):
        while (pbx := await sync_to_async(told)()) is None:  # noqa: ASYNC110 (the event is in the database)
            await asyncio.sleep(0.05)
    scheme = watched.address.scheme
    assert pbx.transport == {"ami": "TCP", "amis": "TLS", "ami+http": "HTTP", "ami+https": "HTTPS"}[scheme]
    assert pbx.round_trip is not None
    assert 0 < pbx.round_trip < 1000
    # What was true of a link is not said of the next.
    watched.proxy.refuse()
    await asyncio.to_thread(watched.proxy.cut)
    await until_async(watched.downs)
    async with asyncio.timeout(10):
        while (await sync_to_async(PBX.objects.get)()).round_trip is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


FAULTS: dict[str, Callable[[Proxy], None]] = {
    "ended": lambda proxy: proxy.cut(),
    "reset": lambda proxy: proxy.cut(reset=True),
    "cut in a message": lambda proxy: proxy.cut(after=333),
    "stalled": lambda proxy: proxy.stall(),
    "half open": lambda proxy: proxy.half_open(),
}


@matrix(fault=FAULTS, watched=WAYS, asterisk=VERSIONS, indirect=["watched", "asterisk"])
async def test_a_fault_is_noticed_and_what_happened_meanwhile_is_right_afterwards(
    watched: Watched, scene: Scene, fault: str
) -> None:
    down = asyncio.create_task(watched.goes_down())
    watched.proxy.refuse()  # until all has changed
    await asyncio.to_thread(FAULTS[fault], watched.proxy)
    await asyncio.to_thread(scene.change)
    await down
    watched.proxy.mend()
    await watched.is_up()
    await watched.is_right()
    await asyncio.to_thread(scene.originate, "8001")
    await watched.is_right()


# Asterisk itself ends a session of AMI over TLS when a record of ours comes in pieces (`get_input` of main/manager.c).
@matrix(watched=[way for way in WAYS if way != "tls"], asterisk=VERSIONS, indirect=["watched", "asterisk"])
async def test_one_byte_at_a_time_is_as_good_as_all_at_once(watched: Watched) -> None:
    scene = await asyncio.to_thread(Scene, watched.asterisk)
    watched.proxy.trickle()
    watched.start()
    await watched.is_up()
    await watched.is_right()
    await asyncio.to_thread(scene.change)
    await watched.is_right()
    assert watched.downs() == []


@matrix(watched=WAYS, asterisk=VERSIONS, indirect=["watched", "asterisk"])
async def test_a_command_that_stalls_beyond_its_deadline_never_takes_effect(watched: Watched, scene: Scene) -> None:
    (name, *_) = sorted(name for name in watched.asterisk.channels() if name.startswith("Local/602"))
    down = asyncio.create_task(watched.goes_down())
    await asyncio.to_thread(watched.proxy.stall)
    stalled = watched.proxy.connections
    assert await watched.give(name, seconds=0.3) is Status.NO_ANSWER
    assert (await down).startswith("Asterisk did not answer Hangup within 0.")
    await asyncio.to_thread(watched.proxy.mend)
    await watched.is_up()
    await watched.is_right()
    # No way is left on which it could still come: the old connections are closed, and this was asked by the new one.
    await until_async(lambda: not stalled & watched.proxy.connections)
    assert await watched.running.mirrors["main"].folding.check() == []
    assert name in await asyncio.to_thread(watched.asterisk.channels)
    assert await watched.give(name, seconds=5) is Status.DONE
    await watched.is_right()

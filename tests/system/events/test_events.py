"""The stream of events: the worker's own session for those who watch, and the socket that shows it to one."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import channel_layers, get_channel_layer
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import Group, User
from django.test import Client

import system.events.consumers
from engine.ami.protocol import Message
from engine.ami.transports import Address
from engine.live import consumers
from engine.mirror import commands, event_stream
from engine.mirror.event_stream import Filter, Stream
from engine.mirror.models import PBX
from pbxpanel.asgi import application
from tests.access import people
from tests.access.people import ANONYMOUS, INTEGRATOR, NOBODY
from tests.lab.asterisk import Asterisk

pytestmark = pytest.mark.timeout(60)


def event(name: str, **fields: str) -> Message:
    return Message("\r\n".join(f"{key}: {value}" for key, value in {"Event": name, **fields}.items()).encode())


# What somebody wants.


@pytest.mark.parametrize(
    ("asked", "fits"),
    [
        ({}, True),
        ({"name": "newch"}, True),
        ({"name": "Hangup NEW"}, True),
        ({"name": "Hangup"}, False),
        ({"name": "-VarSet"}, True),
        ({"name": "-newchannel"}, False),
        ({"name": "new -channel"}, False),
        ({"name": "-"}, True),
        ({"texts": ["pjsip/101"]}, True),
        ({"texts": ["pjsip/101", "李雷"]}, True),
        ({"texts": ["pjsip/101", "nobody"]}, False),
        ({"texts": ["", "  "]}, True),
    ],
)
def test_a_filter_is_of_names_and_of_texts(asked: dict[str, Any], fits: bool) -> None:
    assert Filter.read(asked).fits(event("Newchannel", Channel="PJSIP/101-1", CallerIDName="李雷")) is fits


# The worker's session, on a real Asterisk.


class Watching:
    """Somebody who watches a stream, and what was sent to them."""

    def __init__(self, of: Stream, channel: str) -> None:
        self.stream, self.channel = of, channel
        self.batches: list[dict[str, Any]] = []

    def renew(self, **wanted: Any) -> None:
        self.stream.watch({"channel": self.channel, "filter": wanted})

    async def until(self, condition: Callable[[], Any], seconds: float = 20.0) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                self.batches.append(await get_channel_layer().receive(self.channel))

    @property
    def names(self) -> Counter[str]:
        return Counter(dict(fields)["Event"] for batch in self.batches for _at, fields in batch["events"])

    @property
    def state(self) -> str:
        return str(self.batches[-1]["state"]) if self.batches else ""

    @property
    def left_off(self) -> int:
        return sum(batch["left_off"] for batch in self.batches)


Watch = Callable[..., Awaitable[Watching]]


@pytest.fixture
async def watch() -> AsyncIterator[Watch]:
    """`await watch(url)`: somebody who watches a PBX; with `of=`, one more who watches the same stream."""
    channel_layers.backends.clear()
    streams: list[Stream] = []

    async def watch(url: str, of: Stream | None = None, **wanted: Any) -> Watching:
        own = of or Stream("main", Address.parse(url))
        streams.append(own)
        watching = Watching(own, await get_channel_layer().new_channel())
        watching.renew(**wanted)
        return watching

    yield watch
    for own in streams:
        own.stop()
        if own._task is not None:
            await asyncio.gather(own._task, return_exceptions=True)


def sessions_of(asterisk: Asterisk) -> int:
    return sum(line.split()[:1] == ["panel"] for line in asterisk.cli("manager show connected").splitlines())


async def a_call(asterisk: Asterisk) -> None:
    await asyncio.to_thread(asterisk.cli, "channel originate Local/607@internal application Wait 1")


async def test_who_watches_sees_even_what_the_link_does_not_ask_for(asterisk: Asterisk, watch: Watch) -> None:
    watching = await watch(asterisk.ami_url)
    await watching.until(lambda: watching.state == event_stream.LIVE)
    await a_call(asterisk)
    await asyncio.to_thread(lambda: asterisk.ami().close())
    await watching.until(lambda: {"Newchannel", "Newexten", "Hangup", "SuccessfulAuth"} <= watching.names.keys())
    at, fields = next(found for batch in watching.batches for found in batch["events"])
    assert at > 1_700_000_000_000
    assert fields[0][0] == "Event"
    assert watching.left_off == 0


async def test_a_session_is_held_for_as_long_as_somebody_watches(asterisk: Asterisk, watch: Watch) -> None:
    before = sessions_of(asterisk)
    one = await watch(asterisk.ami_url)
    other = await watch(asterisk.ami_url, of=one.stream)
    await one.until(lambda: one.state == event_stream.LIVE)
    await other.until(lambda: other.state == event_stream.LIVE)
    assert sessions_of(asterisk) == before + 1, "one for both"
    one.stream.unwatch({"channel": one.channel})
    await a_call(asterisk)
    await other.until(lambda: other.names["Hangup"])
    one.stream.unwatch({"channel": other.channel})
    task = one.stream._task
    assert task is not None
    await asyncio.wait_for(task, 10)
    async with asyncio.timeout(10):
        while await asyncio.to_thread(sessions_of, asterisk) != before:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    one.renew()
    one.batches.clear()
    await one.until(lambda: one.state == event_stream.LIVE)


async def test_who_does_not_say_so_again_watches_no_longer(
    asterisk22: Asterisk, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "KEPT", 1.0)
    watching = await watch(asterisk22.ami_url)
    await watching.until(lambda: watching.state == event_stream.LIVE)
    assert watching.stream._task is not None
    await asyncio.wait_for(watching.stream._task, 10)
    assert watching.stream.watchers == {}
    assert not watching.stream.is_open


async def test_each_is_sent_what_he_asked_for(asterisk: Asterisk, watch: Watch) -> None:
    some = await watch(asterisk.ami_url, name="hangup -HangupRequest -soft")
    everything = await watch(asterisk.ami_url, of=some.stream)
    await everything.until(lambda: everything.state == event_stream.LIVE)
    await a_call(asterisk)
    await some.until(lambda: some.names["Hangup"] >= 2)
    await everything.until(lambda: everything.names["Hangup"] >= 2)
    assert set(some.names) <= {"Hangup", "HangupHandlerRun"}
    assert len(everything.names) > 5
    some.renew(name="newchannel")
    some.batches.clear()
    await a_call(asterisk)
    await some.until(lambda: some.names["Newchannel"] >= 2)


async def test_more_than_can_be_read_is_counted_and_left_off(
    asterisk: Asterisk, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = await watch(asterisk.ami_url)
    await everything.until(lambda: everything.state == event_stream.LIVE)
    monkeypatch.setattr(event_stream, "AT_ONCE", 5)
    monkeypatch.setattr(event_stream, "EVERY", 1.0)
    await a_call(asterisk)
    await everything.until(lambda: everything.left_off > 0)
    assert all(len(batch["events"]) <= 5 for batch in everything.batches)


async def test_what_the_layer_does_not_take_is_counted(
    asterisk22: Asterisk, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    watching = await watch(asterisk22.ami_url)
    await watching.until(lambda: watching.state == event_stream.LIVE)
    layer, full = get_channel_layer(), True
    send = layer.send

    async def failing(channel: str, message: dict[str, Any]) -> None:
        if full and message["events"]:
            raise RuntimeError("full")
        await send(channel, message)

    monkeypatch.setattr(layer, "send", failing)
    await a_call(asterisk22)
    await watching.until(lambda: not asterisk22.channels())
    full = False
    await watching.until(lambda: watching.left_off > 5)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"port": 1}, "refuses the connection"),
        ({"secret": "wrong"}, "refuses the login"),
        ({"username": "limited"}, "needs the read class “system”"),
    ],
)
async def test_why_nothing_comes_is_told(
    asterisk22: Asterisk, watch: Watch, monkeypatch: pytest.MonkeyPatch, fault: dict[str, Any], words: str
) -> None:
    monkeypatch.setattr(event_stream, "OPEN_TIMEOUT", 4.0)
    address = replace(Address.parse(asterisk22.ami_url), **fault)
    watching = await watch("", of=Stream("main", address))
    await watching.until(lambda: watching.state == event_stream.DOWN)
    batch = watching.batches[-1]
    assert words in batch["reason"] % batch["reason_parameters"]


async def test_after_an_interruption_it_goes_on(
    asterisk22: Asterisk, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "KEPT", 60.0)
    monkeypatch.setattr(event_stream, "RETRY", 0.2)
    watching = await watch(asterisk22.ami_url)
    await watching.until(lambda: watching.state == event_stream.LIVE)
    await asyncio.to_thread(asterisk22.kill)
    await watching.until(lambda: watching.state == event_stream.DOWN)
    await asyncio.to_thread(asterisk22.start)
    await watching.until(lambda: watching.state == event_stream.LIVE)
    await a_call(asterisk22)
    await watching.until(lambda: watching.names["Hangup"])


# The socket.


class Tab:
    """A browser's tab with its socket to the stream; the test stands in the worker's place."""

    def __init__(self, client: Client, query: str, origin: str) -> None:
        cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
        headers = [(b"host", b"localhost"), (b"cookie", cookies.encode()), (b"origin", origin.encode())]
        self.client = client
        self.socket = WebsocketCommunicator(application, f"/ws/events/?{query}", headers=headers)

    async def news(self) -> dict[str, Any]:
        output = await self.socket.receive_output(10)
        assert output["type"] == "websocket.send", output
        found: dict[str, Any] = json.loads(output["text"])
        return found

    async def close_code(self) -> int:
        while (output := await self.socket.receive_output(10))["type"] != "websocket.close":
            pass
        return int(output["code"])

    async def say(self, text: str) -> None:
        await self.socket.send_to(text_data=text)


Visit = Callable[..., Awaitable[Tab]]


@pytest.fixture
async def visit(transactional_db: None) -> AsyncIterator[Visit]:
    channel_layers.backends.clear()
    await sync_to_async(people.a_small_pbx)()
    tabs: list[Tab] = []

    async def visit(
        role: str, query: str = "pbx=main&lang=en", origin: str = "http://localhost", *, accepted: bool = True
    ) -> Tab:
        client = Client()
        if role != ANONYMOUS:
            user = await sync_to_async(people.person)(role, f"user{len(tabs)}")
            await sync_to_async(client.force_login)(user)
        tab = Tab(client, query, origin)
        tabs.append(tab)
        is_accepted, _ = await tab.socket.connect(10)
        assert is_accepted is accepted
        return tab

    yield visit
    for tab in tabs:
        await tab.socket.disconnect()


async def heard(kind: str = "") -> dict[str, Any]:
    """The next message to the worker, of this type if one is given."""
    async with asyncio.timeout(10):
        while True:
            message: dict[str, Any] = await get_channel_layer().receive(commands.channel_name("main"))
            if kind in ("", message["type"]):
                return message


async def tell(channel: str, state: str = event_stream.LIVE, reason: str = "", **values: Any) -> None:
    batch = {
        "type": event_stream.BATCH,
        "state": state,
        "reason": reason,
        "reason_parameters": {},
        "events": [],
        "left_off": 0,
    }
    await get_channel_layer().send(channel, {**batch, **values})


@pytest.mark.parametrize(
    ("role", "code"), [(ANONYMOUS, 4401), (NOBODY, 4403), ("Viewer", 4403), ("Operator", 4403), ("Moderator", 4403)]
)
async def test_who_may_not_watch_is_told_and_nothing_is_asked_for(visit: Visit, role: str, code: int) -> None:
    tab = await visit(role)
    assert await tab.close_code() == code
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(get_channel_layer().receive(commands.channel_name("main")), 0.3)


@pytest.mark.parametrize(
    "query", ["pbx=elsewhere&lang=en", "lang=en", "pbx=main", "pbx=main&lang=xx", "pbx=%00&lang=en"]
)
async def test_a_pbx_or_a_language_that_there_is_not(visit: Visit, query: str) -> None:
    assert await (await visit("Administrator", query)).close_code() == 4404


async def test_another_site_cannot_open_it(visit: Visit) -> None:
    await visit("Administrator", origin="https://example.org", accepted=False)


@pytest.mark.parametrize("role", ["Administrator", INTEGRATOR])
async def test_who_may_is_sent_what_comes(visit: Visit, role: str) -> None:
    tab = await visit(role)
    assert await tab.news() == {"state": "connecting", "why": ""}
    channel = (await heard(event_stream.WATCH))["channel"]
    events = [[1, [["Event", "Newchannel"], ["CallerIDName", "<script>\u202e"]]]]
    await tell(channel, events=events, left_off=7)
    assert await tab.news() == {"events": events, "left_off": 7, "state": "live", "why": ""}
    await tell(channel)
    await tell(channel, events=events)
    assert await tab.news() == {"events": events, "left_off": 0}, "no word that says nothing new"


async def test_why_nothing_comes_is_said_in_the_language_of_the_page(visit: Visit) -> None:
    tab = await visit("Administrator", "pbx=main&lang=zh-hans")
    await tab.news()
    channel = (await heard(event_stream.WATCH))["channel"]
    await tell(channel, event_stream.DOWN, "The name %(host)s cannot be resolved.", reason_parameters={"host": "pbx"})
    news = await tab.news()
    assert news["state"] == "down"
    assert "pbx" in news["why"]
    assert "resolved" not in news["why"]


async def test_the_filter_goes_to_the_worker(visit: Visit) -> None:
    tab = await visit("Administrator")
    assert (await heard(event_stream.WATCH))["filter"] == {}
    await tab.say('filter {"name": "Dial", "texts": ["101", "5"]}')
    assert (await heard(event_stream.WATCH))["filter"] == {"name": "Dial", "texts": ["101", "5"]}
    for nonsense in (
        "filter",
        "filter {",
        "filter []",
        'filter {"texts": 3}',
        'filter {"texts": ["101", 5]}',
        f"filter {'x' * 2000}",
        "look 1",
        "read x",
    ):
        await tab.say(nonsense)
    await tab.say("ping")
    while "pong" not in await tab.news():
        pass


async def test_who_leaves_is_no_longer_sent_anything(visit: Visit) -> None:
    tab = await visit("Administrator")
    channel = (await heard(event_stream.WATCH))["channel"]
    await tab.socket.disconnect()
    assert (await heard(event_stream.UNWATCH))["channel"] == channel


@pytest.mark.parametrize("ends", ["logout", "deactivated", "group", "pbx"])
async def test_who_may_no_longer_watch_is_closed_out(visit: Visit, monkeypatch: pytest.MonkeyPatch, ends: str) -> None:
    monkeypatch.setattr(system.events.consumers, "RENEW_EVERY", 0.1)
    tab = await visit("Administrator")
    await tab.news()
    if ends == "logout":
        await sync_to_async(tab.client.logout)()
    elif ends == "deactivated":
        await sync_to_async(User.objects.update)(is_active=False)
    elif ends == "group":
        await sync_to_async(Group.objects.all().delete)()
    else:
        await sync_to_async(PBX.objects.all().delete)()
    assert await tab.close_code() == {"group": 4403, "pbx": 4404}.get(ends, 4401)


async def test_a_worker_that_is_silent_is_said_to_be(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system.events.consumers, "RENEW_EVERY", 0.1)
    monkeypatch.setattr(system.events.consumers, "SILENCE_LIMIT", 0.3)
    tab = await visit("Administrator")
    news = await tab.news()
    while news.get("state") != "down":
        news = await tab.news()
    assert "does not answer" in news["why"]
    await tell((await heard(event_stream.WATCH))["channel"])
    while news.get("state") != "live":
        news = await tab.news()


async def test_for_a_browser_that_does_not_read_nothing_piles_up(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "WINDOW", 3)
    tab = await visit("Administrator")
    await tab.news()
    channel = (await heard(event_stream.WATCH))["channel"]
    one = [[1, [["Event", "Hangup"]]]]
    for _ in range(10):
        await tell(channel, events=one)
    assert [len((await tab.news())["events"]) for _ in range(2)] == [1, 1]
    assert await tab.socket.receive_nothing(0.3)
    await tab.say("read 3")
    await asyncio.sleep(0)
    await tell(channel, events=one)
    news = await tab.news()
    assert (len(news["events"]), news["left_off"]) == (1, 8)

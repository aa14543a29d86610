"""That my phone rings is said aloud, on whatever page I am, to nobody else; and taken back when it rings no more."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from channels.layers import channel_layers

from calls.call import Call
from calls.fragments import rings_for
from engine.live import fragments
from engine.live.fragments import Row
from engine.live.hub import Hub
from tests.calls.test_call import channel

from .test_hub import Workers, call, placed, subscribe, synchronous_subscriber, viewer

pytestmark = pytest.mark.timeout(30)

CALLER = channel(1, "PJSIP/outside-1", "Ring", caller_name="<b>Carla</b>")
MINE = channel(2, "PJSIP/101-2", "Ringing", endpoint="PJSIP/101")
PHONE = "main/PJSIP/101"


def calling(*channels: object) -> Row:
    return replace(call("1", PHONE, state="ringing"), aloud=rings_for(Call("main", "1.1", channels)))  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
async def fresh_layer(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    channel_layers.backends.clear()
    monkeypatch.setattr(fragments, "common_rows", [])
    yield
    task = Hub.here()._task
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    channel_layers.backends.clear()


async def test_whose_phone_rings_is_told_who_calls_on_every_page_and_nobody_else_is() -> None:
    worker = Workers()
    mine = await synchronous_subscriber(worker, viewer(endpoint=PHONE), "panel")
    chinese = await subscribe(viewer(endpoint=PHONE, language="zh-hans"), "conferences")
    other = await subscribe(viewer(2, "main/PJSIP/102"))
    blind = await subscribe(viewer(3, PHONE, permissions=()), "panel")
    await worker.send(calling(CALLER, MINE))
    assert placed(mine.take()) == {
        "announcements": '<p id="call-1-aloud" data-order="0">Your phone is ringing: '
        "&lt;b&gt;Carla&lt;/b&gt; outside is calling you.</p>"
    }
    assert "&lt;b&gt;Carla" in placed(chinese.take())["announcements"]
    assert "announcements" not in other.take()
    assert blind.take() == ""


async def test_when_it_rings_no_more_that_is_taken_back_and_not_said_again() -> None:
    worker = Workers()
    mine = await synchronous_subscriber(worker, viewer(endpoint=PHONE), "panel")
    await worker.send(calling(CALLER, MINE))
    mine.take()
    await worker.send(call("1", PHONE))
    assert placed(mine.take()) == {"announcements": '<i id="call-1-aloud" data-gone></i>'}
    await worker.send(call("1", PHONE))
    assert mine.take() == ""


def test_of_my_own_call_that_rings_at_my_phone_a_toast_tells_and_nothing_else() -> None:
    assert rings_for(Call("main", "1.1", [MINE])) == {}
    assert set(rings_for(Call("main", "1.1", [CALLER, MINE]))) == {PHONE}
    assert rings_for(Call("main", "1.1", [CALLER])) == {}

"""The WebSocket: who may open it, and what each is sent."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import channel_layers
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import User
from django.test import Client

from conferences.models import Participant
from conferences.rooms.models import Room
from engine.live import hub
from engine.live import people as live_people
from engine.live.fragments import Notice, Row, rows_of
from pbxpanel.asgi import application
from tests.access import people
from tests.access.people import ANONYMOUS, NOBODY
from tests.moments import without_moments

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(60)]

ORIGIN = "http://localhost"


class Tab:
    """A browser's tab with its socket."""

    def __init__(self, client: Client, query: str, origin: str | None) -> None:
        self.client = client
        cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
        headers = [(b"host", b"localhost"), (b"cookie", cookies.encode())]
        if origin is not None:
            headers.append((b"origin", origin.encode()))
        self.socket = WebsocketCommunicator(application, f"/ws/?{query}", headers=headers)

    async def output(self) -> dict[str, Any]:
        answer: dict[str, Any] = await self.socket.receive_output(5)
        return answer

    async def text(self) -> str:
        """The next message, without its moments."""
        output = await self.output()
        assert output["type"] == "websocket.send", output
        return without_moments(str(output["text"]))

    async def until(self, words: str) -> str:
        """All messages up to that which holds these words."""
        text = ""
        while words not in text:
            text += await self.text()
        return text

    async def close_code(self) -> int:
        """The code with which it is closed once it was accepted."""
        output = await self.output()
        assert output["type"] == "websocket.close", output
        return int(output["code"])


Open = Callable[..., Awaitable[Tab]]


@pytest.fixture
async def visit() -> AsyncIterator[Open]:
    """`visit("Viewer", "view=calls&lang=en")`: the tab of a user of this group, whose socket was accepted."""
    channel_layers.backends.clear()  # queues of a former test's loop
    await sync_to_async(people.a_small_pbx)()
    tabs: list[Tab] = []

    async def visit(role: str, query: str, origin: str | None = ORIGIN, *, accepted: bool = True) -> Tab:
        client = Client()
        if role != ANONYMOUS:
            user = await sync_to_async(people.person)(role, f"user{len(tabs)}")
            await sync_to_async(client.force_login)(user)
        tab = Tab(client, query, origin)
        tabs.append(tab)
        is_accepted, _ = await tab.socket.connect(5)
        assert is_accepted is accepted
        return tab

    yield visit
    for tab in tabs:
        await tab.socket.disconnect()
    task = hub.Hub.here()._task
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Worker:
    """Publishes what is in the database, as the worker of a PBX does after its ticks."""

    def __init__(self, pbx: str = "main") -> None:
        self.pbx, self.number = pbx, 0

    async def publish(self, *subjects: tuple[str, str], notices: list[Notice] | None = None) -> None:
        self.number += 1
        rows: list[Row] = await sync_to_async(rows_of)(self.pbx, subjects, ["en", "zh-hans"])
        await hub.publish(self.pbx, "epoch", self.number, rows, notices or [])


@pytest.fixture
def worker() -> Worker:
    return Worker()


# Who may open it.


@pytest.mark.parametrize("view", ["calls", "conferences", "home", "panel", "no-such-view"])
async def test_who_has_not_logged_in_is_told_to(visit: Open, view: str) -> None:
    tab = await visit(ANONYMOUS, f"view={view}&lang=en")
    assert await tab.close_code() == 4401


async def test_a_deactivated_user_counts_as_not_logged_in(visit: Open) -> None:
    first = await visit("Viewer", "view=calls&lang=en")
    await sync_to_async(User.objects.update)(is_active=False)
    again = Tab(first.client, "view=calls&lang=en", ORIGIN)
    await again.socket.connect(5)
    assert await again.close_code() == 4401
    await again.socket.disconnect()


@pytest.mark.parametrize("query", ["view=calls", "view=conferences", "view=conference&key=main/8001"])
async def test_who_may_not_see_a_page_is_told_so(visit: Open, query: str) -> None:
    tab = await visit(NOBODY, f"{query}&lang=en")
    assert await tab.close_code() == 4403
    assert await tab.socket.receive_nothing(0.2)


@pytest.mark.parametrize("role", ["Viewer", "Operator", "Moderator"])
async def test_extension_states_are_for_those_who_may_see_them(visit: Open, role: str) -> None:
    tab = await visit(role, "view=states&key=main&lang=en")
    assert await tab.close_code() == 4403
    allowed = await visit(people.INTEGRATOR, "view=states&key=main&lang=en")
    assert "101" in await allowed.until("states")


@pytest.mark.parametrize(
    "query",
    ["", "lang=en", "view=calls", "view=nothing&lang=en", "view=calls&lang=xx", "view=calls&lang=", "view=%FF&lang=en",
     "view=calls\xff&lang=en", "view=__class__&lang=en"],
)  # fmt: skip
async def test_a_page_or_a_language_that_there_is_not(visit: Open, query: str) -> None:
    tab = await visit("Administrator", query)
    assert await tab.close_code() == 4404


@pytest.mark.parametrize("origin", ["https://example.org", "http://localhost.example.org", "null", None])
async def test_a_page_of_another_site_cannot_open_it(visit: Open, origin: str | None) -> None:
    await visit("Administrator", "view=calls&lang=en", origin, accepted=False)
    assert hub.Hub.here().subscribers == set()


async def test_a_query_that_is_no_text_is_no_error(visit: Open) -> None:
    tab = Tab(Client(), "", ORIGIN)
    tab.socket.scope["query_string"] = b"view=\xff\xfe&lang=\xff"
    assert (await tab.socket.connect(5))[0]
    assert await tab.close_code() == 4401
    await tab.socket.disconnect()


# What each is sent.


async def test_a_viewer_sees_the_calls_there_are_and_then_each_change(visit: Open, worker: Worker) -> None:
    tab = await visit("Viewer", "view=calls&lang=en")
    board = await tab.text()
    assert '<hx-partial hx-target="#calls" hx-swap="innerMorph">' in board
    assert 'id="call-main-1-1"' in board
    assert 'id="call-main-2-1"' in board
    assert '<span id="count-calls" class="count">3</span>' in board
    await worker.publish()
    await tab.until('id="call-main-1-1"')  # the first batch of a worker that was not known before
    await sync_to_async(people.channel)("4.1", "PJSIP/105")
    await worker.publish(("call", "4.1"))
    change = await tab.text()
    assert '<hx-partial hx-target="#calls" hx-swap="rows"><article' in change
    assert 'id="call-main-4-1"' in change
    assert 'id="call-main-1-1"' not in change
    assert '<span id="count-calls" class="count">4</span>' in change


@pytest.mark.parametrize(("language", "words"), [("en", "Hang up this leg"), ("zh-hans", "\u6302\u65ad")])
async def test_each_is_told_in_the_language_of_his_page(visit: Open, worker: Worker, language: str, words: str) -> None:
    tab = await visit("Viewer", f"view=calls&lang={language}")
    assert words in await tab.text()
    await worker.publish()
    await tab.until(words)
    await sync_to_async(people.channel)("4.1", "PJSIP/105")
    await worker.publish(("call", "4.1"))
    assert words in await tab.text()


async def test_who_may_not_see_calls_gets_nothing_of_them_on_the_home_page(visit: Open, worker: Worker) -> None:
    tab = await visit(NOBODY, "view=home&lang=en")
    board = await tab.text()
    assert 'id="pbx-main-link"' in board
    await worker.publish()
    text = await tab.until("pbx-main-link")
    await sync_to_async(people.channel)("4.1", "PJSIP/101", state="Ringing")
    await worker.publish(("call", "4.1"), ("conference", "8001"), ("participant", "3.1\0008001"))
    await worker.publish(("pbx", "main"))
    text += board + await tab.until("pbx-main-link")
    for word in ("call-main", "count-calls", "count-conferences", "conference", "participant", "PJSIP"):
        assert word not in text


async def test_a_viewer_of_the_home_page_gets_what_rings_and_what_is_his(visit: Open) -> None:
    tab = await visit("Viewer", "view=home&lang=en")
    mine, _, rest = (await tab.text()).partition('hx-target="#ringing-calls"')
    assert 'id="call-main-1-1"' in mine
    assert "call-main-2-1" not in mine + rest
    assert 'id="conference-main-8001"' in rest


async def test_a_page_that_shows_nothing_live_gets_the_links_and_counts_alone(visit: Open) -> None:
    tab = await visit("Viewer", "view=panel&lang=en")
    board = await tab.text()
    assert 'id="pbx-main-link"' in board
    assert 'id="count-calls"' in board
    assert 'id="call-main' not in board


async def test_the_page_of_a_conference_gets_its_own_participants_alone(visit: Open, worker: Worker) -> None:
    await sync_to_async(people.conference)("8002", "6.1")
    tab = await visit("Viewer", "view=conference&key=main/8001&lang=en")
    board = await tab.text()
    assert 'id="participant-main-3-1"' in board
    assert "participant-main-6-1" not in board
    await worker.publish()
    await tab.until("participant-main-3-1")
    await worker.publish(("participant", "6.1\0008002"), ("conference", "8002"))
    await worker.publish(("participant", "3.1\0008001"), ("conference", "8001"))
    text = await tab.until('id="participant-main-3-1"')
    assert "In 8001" in text
    assert "In 8002" not in text
    assert "<article" not in text


@pytest.mark.parametrize("key", ["", "main", "main/nothing", "elsewhere/8001", "a/b/c", "main/<b>"])
async def test_the_page_of_a_conference_that_is_not_there_gets_no_participant(visit: Open, key: str) -> None:
    tab = await visit("Viewer", f"view=conference&key={key}&lang=en")
    board = await tab.text()
    assert "participant-" not in board
    assert 'id="pbx-main-link"' in board
    assert "<b>" not in board


async def test_a_notice_reaches_every_tab_of_its_user_and_no_other(visit: Open, worker: Worker) -> None:
    mine, other = await visit("Operator", "view=panel&lang=en"), await visit("Operator", "view=panel&lang=en")
    for tab in (mine, other):
        await tab.text()
    user_id = (await sync_to_async(User.objects.get)(username="user0")).pk
    notice = Notice(user_id, "originate", {"call": "c1", "number": "555", "told": "answered", "step": 1})
    await worker.publish(notices=[notice])
    assert "calling 555" in await mine.until("panel-toast")
    await worker.publish(("pbx", "main"))
    await worker.publish(("pbx", "main"))
    text = await other.text()
    while not await other.socket.receive_nothing(0.2):
        text += await other.text()
    assert "555" not in text
    assert "pbx-main-link" in text


async def test_a_ping_is_answered_and_nothing_else_is_understood(visit: Open) -> None:
    tab = await visit("Viewer", "view=panel&lang=en")
    await tab.text()
    for words in ('{"action": "hangup"}', "PING", "x" * 100_000):
        await tab.socket.send_to(words)
    await tab.socket.send_to(bytes_data=b"\x00\xff")
    assert await tab.socket.receive_nothing(0.2)
    await tab.socket.send_to("ping")
    assert await tab.text() == '{"pong": true}'


# A moderator of some rooms, who may see no others.


ROOM_SUBJECTS = (("participant", "3.1\0008001"), ("conference", "8001"))
OTHER_SUBJECTS = (("participant", "6.1\0008002"), ("conference", "8002"))


async def with_room(visit: Open, query: str, number: str = "8002") -> Tab:
    """The tab of somebody without a group who moderates the room of 6.1, and so may see no other."""
    await sync_to_async(people.conference)("8002", "6.1")
    tab = await visit(NOBODY, "view=panel&lang=en")
    await sync_to_async(people.room)(number, await sync_to_async(User.objects.get)(username="user0"))
    await tab.socket.disconnect()
    tab.socket = Tab(tab.client, query, ORIGIN).socket
    assert (await tab.socket.connect(5))[0]
    return tab


async def test_a_moderator_of_a_room_gets_its_live_rows_and_none_of_another(visit: Open, worker: Worker) -> None:
    tab = await with_room(visit, "view=conference&key=main/8002&lang=en")
    board = await tab.text()
    assert 'id="participant-main-6-1"' in board
    await worker.publish()
    await tab.until("participant-main-6-1")
    await worker.publish(*ROOM_SUBJECTS)
    await sync_to_async(Participant.objects.filter(uniqueid="6.1").update)(muted=True)
    await worker.publish(*OTHER_SUBJECTS)
    text = await tab.until('id="participant-main-6-1"')
    assert "is-muted" in text
    await sync_to_async(Participant.objects.filter(uniqueid="6.1").delete)()
    await worker.publish(*OTHER_SUBJECTS)
    text += await tab.until('<i id="participant-main-6-1" data-gone></i>')
    for word in ("8001", "3-1", "count-conferences"):
        assert word not in board + text


async def test_who_goes_to_another_room_is_gone_from_the_page_of_the_former(visit: Open, worker: Worker) -> None:
    tab = await with_room(visit, "view=conference&key=main/8002&lang=en")
    await tab.text()
    await worker.publish()
    await tab.until("participant-main-6-1")
    await sync_to_async(Participant.objects.filter(uniqueid="6.1").update)(conference="8001")
    await worker.publish(("participant", "6.1\0008002"), ("participant", "6.1\0008001"))
    text = await tab.until('<i id="participant-main-6-1" data-gone></i>')
    assert "In 8002" not in text  # as they are called there


@pytest.mark.parametrize("query", ["view=conference&key=main/8001", "view=conference&key=main/80021", "view=calls"])
async def test_a_moderator_of_a_room_may_see_no_other_page(visit: Open, query: str) -> None:
    tab = await with_room(visit, f"{query}&lang=en")
    assert await tab.close_code() == 4403


@pytest.mark.parametrize("view", ["conferences", "home"])
async def test_a_moderator_of_a_room_has_its_card_alone_in_the_list(visit: Open, worker: Worker, view: str) -> None:
    tab = await with_room(visit, f"view={view}&lang=en")
    text = await tab.text()
    assert 'id="conference-main-8002"' in text
    await worker.publish()
    text += await tab.until("conference-main-8002")
    await worker.publish(("conference", "8001"), ("conference", "8002"))
    text += await tab.until('id="conference-main-8002"')
    for word in ("conference-main-8001", "count-conferences", "call-main"):
        assert word not in text


@pytest.mark.parametrize(
    ("query", "code"), [("view=conference&key=main/8002", 4403), ("view=conferences", 4403), ("view=home", None)]
)
async def test_a_room_that_was_taken_away_is_seen_no_longer(
    visit: Open, monkeypatch: pytest.MonkeyPatch, query: str, code: int | None
) -> None:
    monkeypatch.setattr(live_people, "CHECK_EVERY", 0.3)
    monkeypatch.setattr(live_people, "CHECK_STEP", 0.05)
    tab = await with_room(visit, f"{query}&lang=en")
    assert "8002" in await tab.text()
    await sync_to_async(Room.objects.all().delete)()
    if code is None:
        assert "8002" not in await tab.text()
    else:
        assert await tab.close_code() == code


async def test_of_two_rooms_one_that_was_taken_away_leaves_the_list(
    visit: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_people, "CHECK_EVERY", 0.3)
    monkeypatch.setattr(live_people, "CHECK_STEP", 0.05)
    tab = await with_room(visit, "view=conferences&lang=en")
    await sync_to_async(people.room)("8001", await sync_to_async(User.objects.get)(username="user0"))
    await tab.until("conference-main-8001")
    await sync_to_async(Room.objects.filter(number="8002").delete)()
    board = await tab.text()
    assert "conference-main-8001" in board
    assert "conference-main-8002" not in board


# Who is no longer one of us while their socket is open.


async def log_out(tab: Tab) -> None:
    await sync_to_async(tab.client.logout)()


async def deactivate(tab: Tab) -> None:
    await sync_to_async(User.objects.update)(is_active=False)


async def take_out_of_groups(tab: Tab) -> None:
    user = await sync_to_async(User.objects.get)(username="user0")
    await sync_to_async(user.groups.clear)()


@pytest.mark.parametrize(("change", "code"), [(log_out, 4401), (deactivate, 4401), (take_out_of_groups, 4403)])
async def test_the_socket_of_who_may_no_longer_see_the_page_is_closed(
    visit: Open, worker: Worker, change: Callable[[Tab], Awaitable[None]], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_people, "CHECK_EVERY", 0.3)
    monkeypatch.setattr(live_people, "CHECK_STEP", 0.05)
    tab = await visit("Viewer", "view=calls&lang=en")
    await tab.text()
    assert await tab.socket.receive_nothing(0.7)  # they may stay
    await change(tab)
    while (output := await tab.output())["type"] == "websocket.send":
        pass  # a board: on a busy machine the hub asks for one when nothing was heard of the worker for a while
    assert (output["type"], output["code"]) == ("websocket.close", code)
    assert hub.Hub.here().subscribers == set()


async def test_a_permission_that_was_taken_away_shows_in_what_is_sent(
    visit: Open, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_people, "CHECK_EVERY", 0.3)
    monkeypatch.setattr(live_people, "CHECK_STEP", 0.05)
    tab = await visit("Viewer", "view=home&lang=en")
    assert 'id="call-main-1-1"' in await tab.text()
    await take_out_of_groups(tab)
    board = await tab.text()
    assert "pbx-main-link" in board
    assert "call-main" not in board

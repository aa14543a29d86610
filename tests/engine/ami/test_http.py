"""What only AMI over HTTP has: sessions that are forgotten, nonces, and answers that are no AMI."""

import asyncio
import contextlib
import dataclasses
import re
import time
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import httpx
import pytest

from engine.ami import actions, over_http
from engine.ami.client import LinkState, Session
from engine.ami.errors import AnswerTimeout, ConnectFailed, LinkLost, LoginRefused, NotAmi
from engine.ami.over_http import HttpTransport
from engine.ami.protocol import Action, Message
from engine.ami.transports import Address
from tests.lab.asterisk import Asterisk, Transport
from tests.waiting import until_async

from .server import SECRET
from .test_client import keeping, names, opened
from .web import Request, Script, Web, usual, web

pytestmark = [pytest.mark.timeout(60)]


@contextlib.asynccontextmanager
async def session_with(script: Script = usual, **options: Any) -> AsyncIterator[tuple[Session, Web, list[Message]]]:
    """A session that is logged in at a peer, which answers by this script from the beginning on."""
    events: list[Message] = []
    async with web(script) as peer:
        session = await Session.open(peer.address, events.append, timeout=30, **options)
        try:
            yield session, peer, events
        finally:
            session.close()


# Before there is a session.


async def test_a_redirection_is_told_and_not_followed() -> None:
    async def script(request: Request) -> bool:
        request.send("", "302 Found", "text/html", "Location: https://user:word@pbx.example/static/index.html?x=1")
        return True

    async with web(script) as peer:
        with pytest.raises(ConnectFailed, match=r"redirects to “https://pbx\.example/static/index\.html”, which"):
            await opened(peer.address)
        assert len(peer.requests) == 1


@pytest.mark.parametrize("status", ["500 Server Error", "503 Service Unavailable", "204 No Content"])
async def test_an_http_status_that_is_no_success_is_told(status: str) -> None:
    async def script(request: Request) -> bool:
        request.send("", status)
        return True

    async with web(script) as peer:
        with pytest.raises(ConnectFailed, match=f"answers with HTTP status {status[:3]}"):
            await opened(peer.address)


@pytest.mark.parametrize("path", ["/rawman", "/arawman"])
async def test_an_address_that_is_not_permitted_is_a_refusal(path: str) -> None:
    async def script(request: Request) -> bool:
        request.send("", "403 Permission denied")
        return True

    async with web(script, path=path) as peer:
        with pytest.raises(LoginRefused, match=r"“panel” \(HTTP 403\): check .* the permitted addresses"):
            await opened(peer.address)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("<html>It works!</html>", "text/html"),
        ("Response: Success\r\nChallenge: 1\r\n\r\n", "text/html"),
        ("It works!", "text/plain"),
        ("", "text/plain"),
        ("Response: Success\r\nChallenge: 1\r\n", "text/plain"),
        ("Response: Error\r\nMessage: no\r\n\r\n", "text/plain"),
    ],
)
async def test_a_page_that_is_no_ami_is_told(body: str, kind: str) -> None:
    async def script(request: Request) -> bool:
        request.send(body, kind=kind)
        return True

    async with web(script) as peer:
        with pytest.raises(NotAmi, match=r"answers at /rawman is not Asterisk's manager interface"):
            await opened(peer.address)


async def test_a_peer_that_takes_the_request_and_says_nothing_is_given_up() -> None:
    async def script(request: Request) -> bool:
        await asyncio.Event().wait()
        return True

    async with web(script) as peer:
        with pytest.raises(ConnectFailed, match="accepts the connection, but does not answer over HTTP"):
            await opened(peer.address, timeout=0.2)


async def test_the_environment_does_not_choose_another_way(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with session_with() as (session, _, _):
        assert (await session.ask(actions.ping())).ok


# In a session.


async def test_the_secret_is_proved_and_not_sent() -> None:
    async with session_with() as (_, peer, events):
        (login,) = (request.form for request in peer.requests if request.action == "Login")
    assert login["AuthType"] == "MD5"
    assert "Secret" not in login
    assert names(events) == ["FullyBooted"]


async def test_events_are_handed_on_and_their_envelope_is_not() -> None:
    async with session_with() as (_, peer, events):
        peer.events.put_nowait("Event: One\r\n\r\nEvent: Two\r\n\r\n")
        peer.events.put_nowait("")
        peer.events.put_nowait("Event: Three\r\n\r\n")
        await until_async(lambda: len(events) == 4)
    assert names(events) == ["FullyBooted", "One", "Two", "Three"]


async def test_when_all_is_quiet_events_are_fetched_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(over_http, "QUIET_AFTER", 0.5)
    fetched: list[float] = []
    slow = (over_http.EVERY + over_http.QUIET_EVERY) / 2

    async def script(request: Request) -> bool:
        if request.action == "WaitEvent":
            fetched.append(time.monotonic())
        return False

    def gaps() -> list[float]:
        return [after - before for before, after in pairwise(fetched)]

    async with session_with(script) as (session, peer, events):
        await until_async(lambda: len(fetched) >= 3)
        assert min(gaps()) < slow
        await until_async(lambda: min(gaps()[-3:]) > slow)
        fetched.clear()
        peer.events.put_nowait("Event: One\r\n\r\n")
        await until_async(lambda: len(events) == 2)
        await until_async(lambda: min(gaps(), default=slow) < slow)
        assert not session.closed.done()


async def test_what_is_older_than_an_answer_is_handed_on_before_it() -> None:
    """Whether Asterisk still has it, or it is on its way."""
    async with session_with() as (session, peer, events):
        for number in range(50):
            peer.events.put_nowait(f"Event: Number\r\nN: {number}\r\n\r\n")
            if number % 2:
                asked = len(peer.requests)
                await until_async(lambda asked=asked: len(peer.requests) > asked)  # type: ignore[misc]
            await session.ask(Action("Number"))
            assert [event.get("N") for event in events[1:]] == [str(n) for n in range(number + 1)]


@pytest.mark.parametrize(
    ("action", "fetched"),
    [
        (actions.ping(), 0),
        (actions.dialplan_extension_add("pbxpanel", "hold", 1, "Hangup", ""), 0),
        (actions.getvar_global("DIALPLAN_EXISTS(internal,101,1)"), 0),
        (actions.getvar_global("EPOCH"), 1),
        (actions.setvar_global("NAME", "1"), 1),
    ],
    ids=["Ping", "DialplanExtensionAdd", "Getvar of the dialplan", "Getvar", "Setvar"],
)
async def test_before_what_no_event_has_to_do_with_none_are_fetched(
    action: Action, fetched: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(over_http, "EVERY", 60.0)
    async with session_with() as (session, peer, _):
        await session.ask(Action("Number"))  # events have just been fetched
        before = len(peer.requests)
        await session.ask(action)
        asked = [request.action for request in peer.requests[before:]]
    assert asked == ["WaitEvent"] * fetched + [action.name]


def step(priority: int) -> Action:
    return actions.dialplan_extension_add("pbxpanel", "hold", priority, "NoOp", "")


async def test_steps_of_dialplan_are_posted_at_a_time_and_what_is_behind_them_waits() -> None:
    may_answer = asyncio.Event()

    async def script(request: Request) -> bool:
        if request.action == "DialplanExtensionAdd":
            await may_answer.wait()
        return False

    many = over_http._AT_ONCE + 2
    async with session_with(script) as (session, peer, _):
        wanted = [*map(step, range(1, many + 1)), actions.hangup("x")]
        asked = [asyncio.create_task(session.ask(action)) for action in wanted]
        await until_async(lambda: len(peer.asked) == over_http._AT_ONCE)
        assert not any(task.done() for task in asked)
        may_answer.set()
        assert all(answer.ok for answer in await asyncio.gather(*asked))
    assert {request.form["Priority"] for request in peer.requests if request.action == "DialplanExtensionAdd"} == {
        str(priority) for priority in range(1, many + 1)
    }
    assert peer.asked == ["DialplanExtensionAdd"] * many + ["Hangup"]


async def test_with_digest_which_is_counted_they_are_posted_one_after_the_other() -> None:
    under_way, most = 0, 0

    async def script(request: Request) -> bool:
        nonlocal under_way, most
        if request.action == "DialplanExtensionAdd":
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0.1)  # nothing comes that could be waited for: the others would be here by then
            under_way -= 1
        return False

    async with web(script, path="/arawman") as peer:
        session = await Session.open(peer.address, lambda event: None, timeout=30)
        asked = [asyncio.create_task(session.ask(step(priority))) for priority in (1, 2, 3)]
        assert all(answer.ok for answer in await asyncio.gather(*asked))
        session.close()
    assert most == 1


async def test_what_is_newer_than_a_list_is_handed_on_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The event has happened while the list was on its way."""
    monkeypatch.setattr(over_http, "EVERY", 0.01)
    fetched = asyncio.Event()

    async def script(request: Request) -> bool:
        if request.action == "CoreShowChannels":
            peer.events.put_nowait("Event: Hangup\r\nChannel: a\r\n\r\n")
            await fetched.wait()
            request.send(
                request.says("EventList: start")
                + request.item("CoreShowChannel", "Channel: a")
                + request.item("CoreShowChannelsComplete", "EventList: Complete")
            )
            return True
        return False

    async with session_with(script) as (session, peer, events):
        asking = asyncio.create_task(session.ask_list(actions.core_show_channels(), on_item=events.append))
        await until_async(lambda: peer.asked)
        await asyncio.sleep(0.1)  # nothing comes that could be waited for: many times as long as to the next fetch
        assert names(events) == ["FullyBooted"]
        fetched.set()
        await asking
        await until_async(lambda: len(events) == 3)
    assert names(events) == ["FullyBooted", "CoreShowChannel", "Hangup"]


async def test_a_slow_answer_is_no_answer_and_a_late_one_harms_nobody() -> None:
    given_up = asyncio.Event()

    async def script(request: Request) -> bool:
        if request.action == "Slow":
            await given_up.wait()
        return False

    async with session_with(script) as (session, _, _):
        with pytest.raises(AnswerTimeout, match="did not answer Slow"):
            await session.ask(Action("Slow"), timeout=0.05)
        given_up.set()
        assert (await session.ask(actions.ping())).ok


async def test_what_was_not_posted_when_a_session_is_closed_never_is() -> None:
    async def script(request: Request) -> bool:
        if request.action == "Slow":
            await asyncio.Event().wait()
        return False

    async with session_with(script) as (session, peer, _):
        asked = [asyncio.create_task(session.ask(Action(name), timeout=20)) for name in ("Slow", "Hangup", "Redirect")]
        await until_async(lambda: peer.asked)
        session.close()
        for error in await asyncio.gather(*asked, return_exceptions=True):
            assert isinstance(error, LinkLost)
        await until_async(lambda: peer.requests[-1].action == "Logoff")
        assert peer.asked == ["Slow"]


async def test_what_is_still_unsent_when_a_session_is_closed_is_never_sent() -> None:
    ends: list[str] = []
    begun, closed = asyncio.Event(), asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Takes the head of the large action, and then nothing until the session has ended."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(re.search(rb"content-length: (\d+)", head, re.IGNORECASE)[1])  # type: ignore[index]
                if length > 2**20:
                    begun.set()
                    await closed.wait()
                    try:
                        await reader.readexactly(length)
                        ends.append("all came")
                    except ConnectionResetError:
                        ends.append("reset")
                    raise ConnectionError
                await reader.readexactly(length)
                body = b"Response: Success\r\nChallenge: 1\r\n\r\n"
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n")
                writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1", 0, limit=2**16)
    port = server.sockets[0].getsockname()[1]
    transport = await over_http.connect(
        Address("ami+http", "127.0.0.1", port, "panel", SECRET, path="/rawman"), asyncio.Protocol, timeout=5
    )
    transport.write(Action("Late", (("Text", "x" * 8 * 2**20),)).encode("1"))
    async with asyncio.timeout(20):
        await begun.wait()
    transport.abort()
    await asyncio.wait([transport._task], timeout=20)
    closed.set()
    await until_async(lambda: ends)
    server.close()
    assert ends == ["reset"]


async def test_a_session_that_is_forgotten_is_lost_and_its_answer_is_not_believed() -> None:
    async with session_with() as (session, peer, _):
        peer.session = "1"
        with pytest.raises(LinkLost, match="ended our session"):
            await session.ask(actions.hangup("x"))
        assert isinstance(session.closed.result(), LinkLost)


async def test_a_link_whose_session_is_forgotten_logs_in_anew() -> None:
    async with web() as peer, keeping(peer.address) as kept:
        await kept.reaches(LinkState.UP)
        peer.session = "1"
        await kept.reaches(LinkState.UP, 2)
        assert kept.states == [LinkState.CONNECTING, LinkState.UP, LinkState.DOWN, LinkState.UP]
        assert str(kept.errors[2]) == "Asterisk has ended our session."
        logins = [request for request in peer.requests if request.action == "Login"]
        assert len(logins) == 2
        assert 'mansession_id="1"' in logins[1].headers["cookie"]


@pytest.mark.parametrize(
    ("status", "body", "more", "kind", "told"),
    [
        ("500 Server Error", "", 0, LinkLost, "HTTP status 500"),
        ("401 Unauthorized", "", 0, LoginRefused, "refuses the login"),
        ("200 OK", "<html>", 0, NotAmi, "is not Asterisk's manager interface"),
        ("200 OK", "Event: Hangup\r\n\r\n", 0, NotAmi, "is not Asterisk's manager interface"),
        ("200 OK", "Response: Success\r\n\r\nEvent: Ha", 0, NotAmi, "is not Asterisk's manager interface"),
        ("200 OK", "Response: Success\r\n\r\nEvent: Hangup\r\n\r\n", 9, LinkLost, "The connection broke"),
        (
            "200 OK",
            "Response: Error\r\nMessage: Permission denied\r\n\r\n",
            0,
            LinkLost,
            "stopped sending events: Permission",
        ),
    ],
)
async def test_what_is_wrong_with_the_events_ends_the_session_with_a_sentence(
    status: str, body: str, more: int, kind: type[Exception], told: str
) -> None:
    async def script(request: Request) -> bool:
        if request.action == "WaitEvent" and peer.asked:
            request.send(body, status, "text/plain", more=more)
            if more:
                await request.writer.drain()
                raise ConnectionError
            return True
        return False

    async with session_with(script) as (session, peer, events):
        await session.ask(Action("Begin"))
        await until_async(session.closed.done)
    assert isinstance(session.closed.result(), kind)
    assert told in str(session.closed.result())
    assert names(events) == ["FullyBooted"]


async def test_an_answer_that_is_cut_is_lost_with_the_session() -> None:
    async def script(request: Request) -> bool:
        if request.action == "Getvar":
            request.send(request.says("Value: half"), more=100)
            await request.writer.drain()
            raise ConnectionError
        return False

    async with session_with(script) as (session, _, _):
        with pytest.raises(LinkLost, match="The connection broke"):
            await session.ask(actions.getvar("a", "b"))


async def test_an_error_of_the_program_ends_the_session_and_is_told() -> None:
    async with session_with() as (session, peer, _):

        def fail(data: bytes) -> None:
            raise RuntimeError("a fault of ours")

        session.data_received = fail  # type: ignore[method-assign]
        peer.events.put_nowait("Event: One\r\n\r\n")
        await until_async(session.closed.done)
    assert "a fault of ours" in str(session.closed.result())


# Digest authentication.


class Guard:
    """Checks requests as main/manager.c does: one nonce for a session, whose count must grow."""

    def __init__(self) -> None:
        self.nonce, self.old, self.count = "0000000a", "", 0
        self.executed: list[str] = []
        self.challenges = 0

    def renew(self) -> None:
        self.old, self.nonce, self.count = self.nonce, f"{int(self.nonce, 16) + 1:08x}", 0

    async def __call__(self, request: Request) -> bool:
        given = dict(re.findall(r'(\w+)="?([^",]+)', request.headers.get("authorization", "")))
        known = given.get("nonce") == self.nonce
        if known and int(given["nc"], 16) <= self.count:
            self.renew()
            known = False
        if known:
            self.count = int(given["nc"], 16)
            self.executed.append(request.action)
            return False
        self.challenges += 1
        stale = ", stale=true" if given else ""
        challenge = f'Digest algorithm=MD5, realm="asterisk", nonce="{self.nonce}", qop="auth", opaque="1"{stale}'
        request.send("", "401 Unauthorized", "text/html", f"WWW-authenticate: {challenge}")
        return True


async def test_with_digest_nobody_logs_in_and_a_nonce_that_became_old_costs_nothing() -> None:
    guard = Guard()
    async with web(guard, path="/arawman") as peer:
        session = await opened(peer.address)
        for number in range(10):
            if number in (3, 7):
                guard.renew()
            assert (await session.ask(Action("Number", (("N", str(number)),)))).ok
        session.close()
    assert guard.executed.count("Number") == 10
    assert "Login" not in guard.executed
    assert guard.challenges == 3


async def test_with_digest_a_session_that_is_another_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(over_http, "CHECK_EVERY", 0.1)
    async with web(Guard(), path="/arawman") as peer:
        session = await opened(peer.address)
        await until_async(lambda: len([request for request in peer.requests if request.action == "Challenge"]) > 4)
        assert not session.closed.done()
        peer.mark = "another"
        await until_async(session.closed.done)
    assert str(session.closed.result()) == "Asterisk has ended our session."


# Real Asterisks.


@pytest.fixture(params=["http", "https", "http-digest"])
def http_address(asterisk: Asterisk, request: pytest.FixtureRequest) -> Address:
    transport, _, digest = request.param.partition("-")
    return Address.parse(asterisk.url(transport, path="arawman" if digest else "rawman"))


async def test_a_session_that_a_real_asterisk_has_ended_is_noticed(
    http_address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(over_http, "CHECK_EVERY", 0.5)
    session = await opened(http_address, timeout=10)
    assert (await session.ask(Action("Logoff"))).response.name == "Goodbye"
    await until_async(session.closed.done)
    assert str(session.closed.result()) == "Asterisk has ended our session."


async def test_an_action_that_is_too_large_is_refused_and_the_session_stays(http_address: Address) -> None:
    session = await opened(http_address, timeout=10)
    large = Action("UserEvent", (("UserEvent", "Large"), *((f"Text{n}", "x" * 1000) for n in range(60))))
    answer = await session.ask(large)
    assert (answer.ok, answer.text) == (False, "Request Entity Too Large")
    assert (await session.ask(actions.ping())).ok
    session.close()


@pytest.mark.parametrize("transport", ["http", "https"])
async def test_a_real_asterisk_renews_its_nonce_and_no_event_is_lost(asterisk: Asterisk, transport: Transport) -> None:
    events: list[Message] = []
    address = Address.parse(asterisk.url(transport, path="arawman"))
    session = await Session.open(address, events.append, events="user,system")
    carrier = session._transport
    assert isinstance(carrier, HttpTransport)
    digest = carrier._client.auth
    assert isinstance(digest, httpx.DigestAuth)
    nonces = set()
    for number in range(30):
        if number % 5 == 0:
            digest._nonce_count = 1  # a count that was used before makes it old, as a minute does
        fields = (("UserEvent", "Test"), ("Number", str(number)))
        assert (await session.ask(Action("UserEvent", fields))).ok
        assert digest._last_challenge is not None
        nonces.add(digest._last_challenge.nonce)
    await until_async(lambda: names(events).count("UserEvent") == 30)
    assert [e.get("Number") for e in events if e.name == "UserEvent"] == [str(number) for number in range(30)]
    assert len(nonces) > 3
    assert not session.closed.done()
    session.close()


async def test_an_asterisk_without_ami_over_http_is_told(asterisk22: Asterisk) -> None:
    file = asterisk22.folder / "etc/manager.conf"
    text = file.read_text()
    try:
        file.write_text(text.replace("webenabled = yes", "webenabled = no"))
        await asyncio.to_thread(asterisk22.cli, "manager reload")
        with pytest.raises(ConnectFailed, match="webenabled = yes"):
            await opened(Address.parse(asterisk22.url("http")), timeout=10)
    finally:
        file.write_text(text)
        await asyncio.to_thread(asterisk22.cli, "manager reload")
    (await opened(Address.parse(asterisk22.url("http")), timeout=10)).close()


async def test_a_prefix_of_asterisks_http_belongs_into_the_path(asterisk22: Asterisk) -> None:
    file = asterisk22.folder / "etc/http.conf"
    text = file.read_text()
    try:
        file.write_text(text.replace("enabled = yes", "enabled = yes\nprefix = asterisk"))
        await asyncio.to_thread(asterisk22.cli, "module reload http")
        address = Address.parse(asterisk22.url("http").replace("/rawman", "/asterisk/rawman"))
        (await opened(address, timeout=10)).close()
        with pytest.raises(ConnectFailed, match="no AMI at /rawman"):
            await opened(dataclasses.replace(address, path="/rawman"), timeout=10)
    finally:
        file.write_text(text)
        await asyncio.to_thread(asterisk22.cli, "module reload http")

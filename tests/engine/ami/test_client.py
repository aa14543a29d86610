"""A session and a link, against a peer that plays a script, and against real Asterisks."""

import asyncio
import contextlib
import dataclasses
import hashlib
import logging
import re
import socket
import ssl
import time
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from engine.ami import actions
from engine.ami.client import Link, LinkState, Session
from engine.ami.errors import (
    AmiError,
    AnswerTimeout,
    ConnectFailed,
    IllegalField,
    LinkLost,
    LoginRefused,
    MessageTooLarge,
    NotAmi,
)
from engine.ami.over_http import HttpTransport
from engine.ami.protocol import Action, Message
from engine.ami.transports import Address
from tests.lab.asterisk import TRANSPORTS, Asterisk, Transport
from tests.waiting import until_async

from .server import GREETING, SECRET, Peer, Script, md5_key, serving

pytestmark = [pytest.mark.timeout(60)]


@contextlib.asynccontextmanager
async def session_with(script: Script, **options: Any) -> AsyncIterator[tuple[Session, list[Message]]]:
    """A session that is logged in at a server that plays `script` from there on, and the events it hears."""

    async def whole(peer: Peer) -> None:
        await peer.login()
        await script(peer)
        await peer.gone()

    events: list[Message] = []
    async with serving(whole) as server:
        session = await Session.open(server.address, events.append, timeout=30, **options)
        try:
            yield session, events
        finally:
            session.close()


async def opened(address: Address, timeout: float = 5.0, **options: Any) -> Session:
    return await Session.open(address, lambda event: None, timeout=timeout, **options)


def names(messages: list[Message]) -> list[str]:
    return [message.name for message in messages]


# The login.


async def test_the_secret_goes_as_the_md5_of_challenge_and_secret() -> None:
    logins: list[dict[str, str]] = []

    async def script(peer: Peer) -> None:
        logins.append(await peer.login())
        await peer.gone()

    async with serving(script) as server:
        session = await opened(server.address, events="call,system")
        session.close()
    (login,) = logins
    assert login["Key"] == md5_key()
    assert (login["AuthType"], login["Username"], login["Events"]) == ("MD5", "panel", "call,system")
    assert "Secret" not in login
    assert session.greeting == "Asterisk Call Manager/11.0.0"


@pytest.mark.parametrize("offer", [("Error", "Message: Invalid/unknown command"), ("Success", "Message: hello")])
async def test_the_secret_goes_plain_where_no_challenge_is_offered(offer: tuple[str, str]) -> None:
    logins: list[dict[str, str]] = []

    async def script(peer: Peer) -> None:
        peer.writer.write(GREETING)
        peer.answer(await peer.expect("Challenge"), offer[1], response=offer[0])
        logins.append(await peer.expect("Login"))
        peer.answer(logins[0])
        peer.say("Event: FullyBooted")
        await peer.gone()

    async with serving(script) as server:
        (await opened(server.address)).close()
    assert logins[0]["Secret"] == SECRET
    assert "Key" not in logins[0]


async def test_a_session_is_open_only_when_asterisk_has_fully_booted() -> None:
    booted = asyncio.Event()

    async def script(peer: Peer) -> None:
        peer.writer.write(GREETING)
        peer.answer(await peer.expect("Challenge"), "Challenge: 1")
        peer.answer(await peer.expect("Login"))
        peer.say("Event: SuccessfulAuth")
        await booted.wait()
        peer.say("Event: FullyBooted")
        await peer.gone()

    async with serving(script) as server:
        opening = asyncio.create_task(opened(server.address))
        done, _ = await asyncio.wait([opening], timeout=0.2)
        assert not done
        booted.set()
        (await opening).close()


async def test_an_asterisk_that_never_boots_is_given_up_with_a_hint() -> None:
    async def script(peer: Peer) -> None:
        peer.writer.write(GREETING)
        peer.answer(await peer.expect("Challenge"), "Challenge: 1")
        peer.answer(await peer.expect("Login"))
        await peer.gone()

    async with serving(script) as server:
        with pytest.raises(AnswerTimeout, match=r"fully booted.*read class “system”"):
            await opened(server.address, boot_timeout=0.1)
        (await opened(server.address, boot_timeout=0.1, events="off")).close()


async def test_a_refused_login_tells_asterisks_words_and_what_to_check_but_not_the_secret() -> None:
    async with serving(Peer.refuse_login) as server:
        with pytest.raises(LoginRefused, match=r"“panel” \(Authentication failed\): check the user") as refused:
            await opened(server.address)
    assert SECRET not in str(refused.value)


async def test_an_event_that_comes_before_the_answer_to_the_login_is_heard() -> None:
    async def script(peer: Peer) -> None:
        peer.writer.write(GREETING)
        peer.answer(await peer.expect("Challenge"), "Challenge: 1")
        login = await peer.expect("Login")
        peer.say("Event: FullyBooted")
        peer.say("Event: Newchannel")
        peer.answer(login)
        await peer.gone()

    events: list[Message] = []
    async with serving(script) as server:
        session = await Session.open(server.address, events.append, timeout=30)
        session.close()
    assert names(events) == ["FullyBooted", "Newchannel"]


# Answers.


async def test_answers_find_their_question_by_the_action_id_alone() -> None:
    async def script(peer: Peer) -> None:
        first, second = await peer.action(), await peer.action()
        peer.say("Event: Newchannel", "Channel: a")
        peer.answer(second, f"Message: to {second['Action']}")
        peer.say("Event: Hangup", "Channel: a")
        peer.say("Response: Success", "Message: to nobody")
        peer.say("Response: Success", "ActionID: stranger", "Message: to a stranger")
        peer.answer(first, f"Message: to {first['Action']}", response="Error")

    async with session_with(script) as (session, events):
        one, two = await asyncio.gather(session.ask(Action("One")), session.ask(Action("Two")))
    assert (one.text, one.ok) == ("to One", False)
    assert (two.text, two.ok) == ("to Two", True)
    assert names(events) == ["FullyBooted", "Newchannel", "Hangup"]


async def test_a_given_action_id_is_used() -> None:
    async def script(peer: Peer) -> None:
        peer.answer(await peer.action())

    async with session_with(script) as (session, _):
        answer = await session.ask(actions.ping(), action_id="mine")
    assert answer.response.get("ActionID") == "mine"


async def test_a_list_is_whole_when_its_end_came() -> None:
    async def script(peer: Peer) -> None:
        action = await peer.expect("CoreShowChannels")
        peer.answer(action, "EventList: start", "Message: Channels will follow")
        peer.item(action, "CoreShowChannel", "Channel: a")
        peer.say("Event: Newchannel", "Channel: c")
        peer.say("Event: CoreShowChannel", "ActionID: another", "Channel: stranger")
        peer.item(action, "CoreShowChannel", "Channel: b")
        peer.item(action, "CoreShowChannelsComplete", "EventList: Complete", "ListItems: 2")

    async with session_with(script) as (session, events):
        answer = await session.ask_list(actions.core_show_channels())
    assert [event.get("Channel") for event in answer.events] == ["a", "b"]
    assert answer.text == "Channels will follow"
    assert names(events) == ["FullyBooted", "Newchannel", "CoreShowChannel"]


async def test_a_list_of_the_old_form_ends_with_the_name_of_its_last_event() -> None:
    async def script(peer: Peer) -> None:
        action = await peer.action()
        peer.answer(action, "Message: Channels will follow")
        peer.item(action, "CoreShowChannel", "Channel: a")
        peer.item(action, "CoreShowChannelsComplete", "ListItems: 1")

    async with session_with(script) as (session, _):
        answer = await session.ask_list(actions.core_show_channels())
    assert names(answer.events) == ["CoreShowChannel"]


async def test_a_cancelled_list_ends_too() -> None:
    async def script(peer: Peer) -> None:
        action = await peer.action()
        peer.answer(action, "EventList: start")
        peer.item(action, "Oops", "EventList: cancelled")

    async with session_with(script) as (session, _):
        assert (await session.ask_list(actions.core_show_channels(), timeout=5)).events == []


async def test_an_error_ends_a_list_at_once() -> None:
    async def script(peer: Peer) -> None:
        peer.answer(await peer.action(), "Message: No active conferences.", response="Error")

    async with session_with(script) as (session, _):
        answer = await session.ask_list(actions.confbridge_list_rooms())
    assert (answer.ok, answer.text, answer.events) == (False, "No active conferences.", [])


async def test_items_are_folded_in_their_place_among_the_live_events() -> None:
    async def script(peer: Peer) -> None:
        action = await peer.action()
        peer.say("Event: Live", "N: 1")
        peer.answer(action, "EventList: start")
        peer.item(action, "Item", "N: 2")
        peer.say("Event: Live", "N: 3")
        peer.item(action, "Item", "N: 4")
        peer.say("Event: Live", "N: 5")
        peer.item(action, "ListComplete", "EventList: Complete")
        peer.say("Event: Live", "N: 6")

    async with session_with(script) as (session, events):
        answer = await session.ask_list(Action("List"), on_item=events.append)
        await until_async(lambda: len(events) == 7)
    assert [event.get("N") for event in events[1:]] == ["1", "2", "3", "4", "5", "6"]
    assert answer.events == []


async def test_an_unwanted_event_is_heard_only_as_an_answer() -> None:
    async def script(peer: Peer) -> None:
        action = await peer.action()
        peer.answer(action, "EventList: start")
        peer.say("Event: VarSet", "Variable: x")
        peer.item(action, "VarSet", "Variable: y")
        peer.item(action, "VarSetComplete", "EventList: Complete")

    async with session_with(script, wanted=["FullyBooted"]) as (session, events):
        answer = await session.ask_list(Action("List"))
    assert [event.get("Variable") for event in answer.events] == ["y"]
    assert names(events) == ["FullyBooted"]


async def test_no_answer_in_time_is_told_and_a_late_one_harms_nobody() -> None:
    async def script(peer: Peer) -> None:
        late = await peer.expect("Slow")
        ping = await peer.expect("Ping")
        peer.answer(late, "Message: late")
        peer.answer(ping, "Ping: Pong")

    async with session_with(script) as (session, _):
        with pytest.raises(AnswerTimeout, match=r"did not answer Slow within 0\.05 s"):
            await session.ask(Action("Slow"), timeout=0.05)
        assert (await session.ask(actions.ping())).response.get("Ping") == "Pong"


async def test_a_list_that_does_not_end_in_time_is_no_answer() -> None:
    async def script(peer: Peer) -> None:
        action = await peer.action()
        peer.answer(action, "EventList: start")
        peer.item(action, "Item")

    async with session_with(script) as (session, _):
        with pytest.raises(AnswerTimeout):
            await session.ask_list(Action("List"), timeout=0.1)


async def test_what_is_still_unsent_when_a_session_is_closed_is_never_sent() -> None:
    closed, ends = asyncio.Event(), []

    async def script(peer: Peer) -> None:
        await peer.login()
        await closed.wait()
        try:
            while await peer.reader.read(2**20):
                pass
            ends.append("all came")
        except ConnectionResetError:
            ends.append("reset")

    async with serving(script) as server:
        session = await opened(server.address)
        with pytest.raises(AnswerTimeout):
            await session.ask(Action("Late", (("Text", "x" * 2**20),)), timeout=0.2)
        session.close()
        closed.set()
        await until_async(lambda: ends)
    assert ends == ["reset"]


async def test_whoever_waits_learns_that_the_peer_has_closed() -> None:
    async def script(peer: Peer) -> None:
        await peer.action()
        await peer.action()
        peer.writer.close()

    async with session_with(script) as (session, _):
        waiting = [session.ask(Action("One")), session.ask_list(Action("Two"))]
        for error in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(error, LinkLost)
            assert str(error) == "Asterisk closed the connection."
        with pytest.raises(LinkLost):
            await session.ask(actions.ping())
        assert isinstance(session.closed.result(), LinkLost)


async def test_whoever_waits_learns_that_the_session_was_closed() -> None:
    asked = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.action()
        asked.set()

    async with session_with(script) as (session, _):
        waiting = asyncio.create_task(session.ask(Action("One")))
        await asyncio.wait_for(asked.wait(), 20)
        session.close()
        session.close()
        with pytest.raises(LinkLost, match="was closed"):
            await waiting


async def test_a_message_that_is_too_large_ends_the_session() -> None:
    async def script(peer: Peer) -> None:
        await peer.action()
        peer.writer.write(b"Event: X\r\nKey: " + b"x" * 3000)

    async with session_with(script, max_message=2000) as (session, _):
        with pytest.raises(LinkLost, match="more than 2000 bytes"):
            await session.ask(Action("One"))
        assert isinstance(session.closed.result(), MessageTooLarge)


async def test_an_action_that_cannot_be_sent_leaves_the_session_as_it_was() -> None:
    async def script(peer: Peer) -> None:
        peer.answer(await peer.expect("Ping"), "Ping: Pong")

    async with session_with(script) as (session, _):
        with pytest.raises(IllegalField):
            await session.ask(actions.ping(), action_id="a\r\nb")
        assert (await session.ask(actions.ping())).ok


# What can be wrong at the other end: each has a sentence of its own.


async def test_a_refused_connection_asks_whether_asterisk_runs() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, but nobody listens
        with pytest.raises(ConnectFailed, match="refuses the connection; is Asterisk running"):
            await opened(Address("ami", "127.0.0.1", unused.getsockname()[1], "panel", SECRET))


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "x" * 70 + ".invalid"])
async def test_a_name_that_cannot_be_resolved_is_named(host: str) -> None:
    with pytest.raises(ConnectFailed, match=r"The name .* cannot be resolved") as failed:
        await opened(Address("ami", host, 5038, "panel", SECRET), timeout=15)
    assert host in str(failed.value)


async def test_another_program_is_told_from_asterisk() -> None:
    async def script(peer: Peer) -> None:
        peer.writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        await peer.gone()

    async with serving(script) as server:
        with pytest.raises(NotAmi, match="SSH-2"):
            await opened(server.address)


async def test_a_peer_that_closes_before_it_greets_is_no_link() -> None:
    async def script(peer: Peer) -> None:
        await asyncio.sleep(0)

    async with serving(script) as server:
        with pytest.raises(LinkLost, match="closed the connection"):
            await opened(server.address)


async def test_a_peer_that_does_not_greet_is_given_up() -> None:
    async with serving(Peer.gone) as server:
        with pytest.raises(AnswerTimeout, match="sends no greeting") as silent:
            await opened(server.address, timeout=0.1)
    assert f"127.0.0.1:{server.address.port}" in str(silent.value)


async def test_tls_on_a_plain_port_asks_whether_this_is_the_tls_port() -> None:
    async def script(peer: Peer) -> None:
        peer.writer.write(GREETING)
        await peer.gone()

    async with serving(script) as server:
        with pytest.raises(ConnectFailed, match="is this the TLS port"):
            await opened(dataclasses.replace(server.address, scheme="amis"))


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
async def test_a_ca_file_that_is_none_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConnectFailed, match="The CA file") as failed:
        await opened(Address("amis", "127.0.0.1", 9, "panel", SECRET, ca=str(file)))
    assert str(file) in str(failed.value)


async def test_a_ca_file_that_is_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConnectFailed, match=f"The CA file {tmp_path}"):
        await opened(Address("amis", "127.0.0.1", 9, "panel", SECRET, ca=str(tmp_path)))


async def test_a_server_that_does_not_take_the_connection_is_given_up() -> None:
    with socket.socket() as full, contextlib.ExitStack() as others:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(3):  # fill its queue, so that ours is not taken
            other = others.enter_context(socket.socket())
            other.setblocking(False)
            other.connect_ex(full.getsockname())
        with pytest.raises(ConnectFailed, match="does not answer; a firewall"):
            await opened(Address("ami", "127.0.0.1", full.getsockname()[1], "panel", SECRET), timeout=0.2)


# The link.


class History:
    """A link that runs, with short delays, and all that it told."""

    def __init__(self, address: Address, **options: float) -> None:
        delays: dict[str, Any] = {"first_delay": 0.02, "max_delay": 0.05, "refused_delay": 0.05, "connect_timeout": 5.0}
        self.states: list[LinkState] = []
        self.errors: list[AmiError | None] = []
        self.events: list[Message] = []
        self.sessions: list[Session] = []
        self.link = Link(
            address,
            on_event=self.events.append,
            on_up=self._up,
            on_state=self._state,
            **delays | options,
        )

    async def _up(self, session: Session) -> None:
        self.sessions.append(session)

    def _state(self, state: LinkState, error: AmiError | None) -> None:
        self.states.append(state)
        self.errors.append(error)

    def times(self, state: LinkState) -> int:
        return self.states.count(state)

    async def reaches(self, state: LinkState, times: int = 1, seconds: float = 15.0) -> None:
        await until_async(lambda: self.times(state) >= times, seconds)


@contextlib.asynccontextmanager
async def keeping(address: Address, **options: float) -> AsyncIterator[History]:
    kept = History(address, **options)
    task = asyncio.create_task(kept.link.run())
    try:
        yield kept
        if task.done():
            task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def stay(peer: Peer) -> None:
    await peer.login()
    await peer.pong()


async def test_a_link_is_up_when_its_snapshot_was_taken() -> None:
    async with serving(stay) as server, keeping(server.address) as kept:
        await kept.reaches(LinkState.UP)
        assert kept.states == [LinkState.CONNECTING, LinkState.UP]
        assert kept.errors == [None, None]
        assert kept.link.session is kept.sessions[0]


async def test_a_link_that_ends_is_closed() -> None:
    async with serving(stay) as server:
        async with keeping(server.address) as kept:
            await kept.reaches(LinkState.UP)
        assert kept.link.session is None
        assert kept.sessions[0].closed.done()


async def test_an_idle_peer_that_answers_pings_stays_up() -> None:
    pings = 0

    async def script(peer: Peer) -> None:
        nonlocal pings
        await peer.login()
        while True:
            peer.answer(await peer.expect("Ping"), "Ping: Pong")
            pings += 1

    async with serving(script) as server, keeping(server.address, ping_after=0.02, dead_after=2) as kept:
        await until_async(lambda: pings >= 10)
        assert kept.states == [LinkState.CONNECTING, LinkState.UP]


async def test_a_peer_that_falls_silent_is_declared_dead_and_connected_anew() -> None:
    async def script(peer: Peer) -> None:
        await peer.login()
        await peer.gone()

    async with serving(script) as server, keeping(server.address, ping_after=0.05, dead_after=0.15) as kept:
        await kept.reaches(LinkState.UP, 2)
        assert kept.states[:3] == [LinkState.CONNECTING, LinkState.UP, LinkState.DOWN]
        assert str(kept.errors[2]) == "Asterisk has been silent for 0.15 s."
        assert server.gaps[0] > 0.15


async def test_an_event_that_asterisk_has_overlooked_comes_soon() -> None:
    async def script(peer: Peer) -> None:
        await peer.login()
        first = await peer.expect("Ping")  # at once, for the round-trip time
        peer.answer(first, "Ping: Pong")
        while True:
            ping = await peer.expect("Ping")
            peer.say("Event: Hangup")  # it was there all the time
            peer.answer(ping, "Ping: Pong")

    async with serving(script) as server, keeping(server.address) as kept:
        await kept.reaches(LinkState.UP)
        async with asyncio.timeout(3.5):  # a second, on a busy machine too
            while "Hangup" not in names(kept.events):  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_a_peer_that_talks_is_pinged_only_to_measure_how_long_that_takes() -> None:
    pings: list[float] = []

    async def script(peer: Peer) -> None:
        await peer.login()
        talking = asyncio.create_task(talk(peer))
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                ping = await peer.expect("Ping")
                pings.append(time.monotonic())
                await asyncio.sleep(0.05)  # it is this time that is measured
                peer.answer(ping, "Ping: Pong")
        await talking

    async def talk(peer: Peer) -> None:
        while len(pings) < 3:
            peer.say("Event: Newexten")
            await asyncio.sleep(0.02)
        peer.writer.close()

    times = {"ping_after": 0.3, "dead_after": 5.0, "measure_every": 0.4}
    async with serving(script) as server, keeping(server.address, **times) as kept:
        await kept.reaches(LinkState.DOWN)
    # At once, and then each 0.4 s; at 0.3 s it would be for its silence.
    assert all(after - before >= 0.4 for before, after in pairwise(pings))
    round_trip = kept.sessions[0].round_trip
    assert round_trip is not None
    assert 0.05 <= round_trip < 5
    assert names(kept.events)[:2] == ["FullyBooted", "Newexten"]


async def test_a_peer_that_talks_and_does_not_answer_a_ping_is_not_dead() -> None:
    pings: list[dict[str, str]] = []

    async def script(peer: Peer) -> None:
        await peer.login()
        asking = asyncio.create_task(ask(peer))
        # At the third ping, two went unanswered for longer than a silent peer is borne with.
        while len(pings) < 3:
            peer.say("Event: Newexten")
            await asyncio.sleep(0.02)
        asking.cancel()

    async def ask(peer: Peer) -> None:
        while True:
            pings.append(await peer.expect("Ping"))

    times = {"ping_after": 0.1, "dead_after": 0.3, "measure_every": 0.1}
    async with serving(script) as server, keeping(server.address, **times) as kept:
        await kept.reaches(LinkState.DOWN)
    assert str(kept.errors[2]) == "Asterisk closed the connection."
    assert kept.sessions[0].round_trip is None


async def test_tries_come_ever_slower_and_at_first_speed_again_after_a_success() -> None:
    up = asyncio.Event()

    async def script(peer: Peer) -> None:
        if peer.number == 6:
            await peer.login()
            await up.wait()

    first = 0.04
    async with serving(script) as server, keeping(server.address, first_delay=first, max_delay=60) as kept:
        await kept.reaches(LinkState.UP)
        ended_at = time.monotonic()
        up.set()
        await until_async(lambda: len(server.came_at) >= 7)
    for number, gap in enumerate(server.gaps[:5]):
        assert gap >= 0.75 * first * 2**number * 0.95
    # Without the success the next try would have come after 0.96 s at least.
    assert server.came_at[6] - ended_at < 0.75 * first * 2**5
    assert kept.states[:2] == [LinkState.CONNECTING, LinkState.DOWN]


async def test_tries_come_no_slower_than_the_slowest() -> None:
    async def script(peer: Peer) -> None:
        await asyncio.sleep(0)

    async with serving(script) as server, keeping(server.address, first_delay=0.01, max_delay=0.04):
        await until_async(lambda: len(server.came_at) >= 12, seconds=10)
    assert sorted(server.gaps)[len(server.gaps) // 2] < 1


async def test_a_refused_login_is_a_state_of_its_own_and_no_storm() -> None:
    async with (
        serving(Peer.refuse_login) as server,
        keeping(server.address, refused_delay=0.4, first_delay=0.001) as kept,
    ):
        await until_async(lambda: len(server.came_at) >= 3)
    assert kept.states[:3] == [LinkState.CONNECTING, LinkState.REFUSED, LinkState.REFUSED]
    assert "check the user, the secret" in str(kept.errors[1])
    assert min(server.gaps) >= 0.4 * 0.75 * 0.95


async def test_what_went_wrong_is_told_with_each_state() -> None:
    async def script(peer: Peer) -> None:
        peer.writer.write(b"220 ESMTP\r\n")
        await peer.gone()

    async with serving(script) as server, keeping(server.address) as kept:
        await kept.reaches(LinkState.DOWN)
    assert isinstance(kept.errors[1], NotAmi)


async def test_a_host_that_cannot_be_resolved_does_not_end_the_link() -> None:
    async with keeping(Address("ami", "a..b", 5038, "panel", SECRET)) as kept:
        await kept.reaches(LinkState.DOWN, 2)


@pytest.mark.parametrize("garbage", [b"\xff\x00", b"Event: X\r\ny", b"Response: Follows\r\n\r\n"])
async def test_garbage_without_end_in_mid_session_gives_a_new_session(garbage: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.login()
        if peer.number == 1:
            peer.writer.write(garbage * (17 * 2**20 // len(garbage)))
            await peer.gone()
        await peer.pong()

    async with serving(script) as server, keeping(server.address) as kept:
        await kept.reaches(LinkState.UP, 2)
    assert isinstance(kept.errors[2], MessageTooLarge)


async def test_garbage_that_ends_is_a_message_and_costs_no_session() -> None:
    async def script(peer: Peer) -> None:
        await peer.login()
        peer.writer.write(b"\xff\x00\x80: \r\n: \r\n\r\n\r\n\r\nResponse\r\n\r\nEvent: Hangup\r\n\r\n")
        await peer.pong()

    async with serving(script) as server, keeping(server.address, ping_after=0.02) as kept:
        await until_async(lambda: "Hangup" in names(kept.events))
        await kept.reaches(LinkState.UP)
        assert (await kept.sessions[0].ask(actions.ping())).ok
        assert kept.times(LinkState.DOWN) == 0


async def test_a_link_that_fails_in_its_snapshot_is_down_and_tried_again() -> None:
    async def script(peer: Peer) -> None:
        await peer.login()
        if peer.number > 1:
            await peer.pong()

    async with serving(script) as server:
        kept = History(server.address)

        async def up(session: Session) -> None:
            await session.ask(actions.ping(), timeout=2)

        kept.link._on_up = up
        task = asyncio.create_task(kept.link.run())
        await kept.reaches(LinkState.UP)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert kept.states == [LinkState.CONNECTING, LinkState.DOWN, LinkState.UP]


# Real Asterisks.


def fingerprint_of(asterisk: Asterisk) -> str:
    pem = (asterisk.folder / "tls/server.pem").read_text()
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


@pytest.fixture(params=["tls", "https", "https-digest"])
def tls_address(asterisk: Asterisk, request: pytest.FixtureRequest) -> Address:
    """The same, over TLS."""
    transport, _, digest = request.param.partition("-")
    return Address.parse(asterisk.url(transport, path="arawman" if digest else "rawman"))


@pytest.fixture(params=[*TRANSPORTS, "http-digest", "https-digest"])
def real_address(asterisk: Asterisk, request: pytest.FixtureRequest) -> Address:
    """A running Asterisk of each version, over each transport; over HTTP with a cookie and with digest."""
    transport, _, digest = request.param.partition("-")
    return Address.parse(asterisk.url(transport, path="arawman" if digest else "rawman"))


async def test_a_real_asterisk_answers_what_the_panel_asks(real_address: Address, asterisk: Asterisk) -> None:
    session = await opened(real_address, timeout=10)
    try:
        settings = await session.ask(actions.core_settings())
        assert settings.response.get("AsteriskVersion").startswith(f"{asterisk.version}.")
        if real_address.is_http:
            assert session.greeting == ""
        else:
            assert session.greeting == f"Asterisk Call Manager/{settings.response.get('AMIversion')}"
        version = await session.ask(actions.command("core show version"))
        assert version.response.output[0].startswith(f"Asterisk {asterisk.version}.")
        rooms = await session.ask_list(actions.confbridge_list_rooms())
        assert (rooms.ok, rooms.text) == (False, "No active conferences.")
        assert (await session.ask_list(actions.core_show_channels())).events == []
        assert len((await session.ask_list(actions.extension_state_list())).events) >= 9
        gone = await session.ask(actions.hangup("PJSIP/nobody-00000000"))
        assert (gone.ok, gone.text) == (False, "No such channel")
        assert session.round_trip is None
        assert (await session.ask(actions.ping())).response.get("Ping") == "Pong"
        assert session.round_trip is not None
        assert 0 < session.round_trip < 5
    finally:
        session.close()


async def test_a_real_asterisk_lists_its_channels_and_tells_of_their_end(real_address: Address) -> None:
    events: list[Message] = []
    session = await Session.open(real_address, events.append, events="call,system")
    try:
        placed = await session.ask(actions.originate("Local/602@internal", "internal", "602", timeout=10))
        assert placed.text == "Originate successfully queued"
        await until_async(lambda: "OriginateResponse" in names(events))
        outcome = next(event for event in events if event.name == "OriginateResponse")
        assert outcome.get("ActionID") == placed.response.get("ActionID")
        listed = await session.ask_list(actions.core_show_channels())
        channels = [event.get("Channel") for event in listed.events]
        assert sorted(channels) == sorted({e.get("Channel") for e in events if e.name == "Newchannel"})
        assert len(channels) == 2
        for channel in channels:
            await session.ask(actions.hangup(channel))
        await until_async(lambda: names(events).count("Hangup") == 2)
        assert (await session.ask_list(actions.core_show_channels())).events == []
    finally:
        session.close()


async def test_a_real_asterisk_sends_what_was_asked_for_and_not_what_was_filtered(real_address: Address) -> None:
    events: list[Message] = []
    session = await Session.open(real_address, events.append, events="call,system,dialplan,user")
    try:
        assert names(events) == ["FullyBooted"]
        for name in ("VarSet", "DeviceStateChange"):
            assert (await session.ask(actions.filter_out(name))).ok
        await session.ask(actions.originate("Local/607@internal", "internal", "602", timeout=10))
        await until_async(lambda: names(events).count("Hangup") == 2)
        assert not {"VarSet", "DeviceStateChange"} & set(names(events))
        assert {"Newchannel", "Newexten", "OriginateResponse"} <= set(names(events))
    finally:
        session.close()


async def test_a_real_asterisks_events_come_whole_and_in_order_and_soon(real_address: Address) -> None:
    """Those that Asterisk makes while we ask, and those between two fetches; in any script."""
    heard: dict[str, float] = {}
    sent: dict[str, float] = {}
    texts = []

    def hear(event: Message) -> None:
        if event.name == "UserEvent":
            heard[event.get("Number")] = time.monotonic()
            texts.append(event.get("Text"))

    session = await Session.open(real_address, hear, events="user,system")
    try:
        for number in range(300):
            if number % 30 == 0:
                await until_async(lambda number=number: len(heard) >= number)  # type: ignore[misc]
            fields = (("UserEvent", "Test"), ("Number", str(number)), ("Text", f"Zoë & 李雷 +%2B= {number}"))
            sent[str(number)] = time.monotonic()
            assert (await session.ask(Action("UserEvent", fields))).text == "Event Sent"
        await until_async(lambda: len(heard) >= 300)
    finally:
        session.close()
    assert list(heard) == [str(number) for number in range(300)]
    assert texts == [f"Zoë & 李雷 +%2B= {number}" for number in range(300)]
    delays = sorted(heard[number] - sent[number] for number in sent)
    # Now and then Asterisk's own wake-up comes too early over HTTP, and its next one is a second later.
    assert delays[270] < 0.9
    assert delays[-1] < 10


async def test_what_was_done_is_told_before_the_next_answer(real_address: Address) -> None:
    """What a list does not name any more has been told by an event before."""
    events: list[Message] = []
    session = await Session.open(real_address, events.append, events="user,system")
    events.clear()
    try:
        for number in range(50):
            await session.ask(Action("UserEvent", (("UserEvent", "Done"), ("Number", str(number)))))
            await session.ask(actions.core_show_channels())
            assert [event.get("Number") for event in events if event.name == "UserEvent"] == [
                str(n) for n in range(number + 1)
            ]
    finally:
        session.close()


async def test_a_real_asterisk_does_what_is_asked_in_the_order_of_asking(real_address: Address) -> None:
    session = await opened(real_address, timeout=10, events="off")
    try:
        values = [f"value {number}" for number in range(30)]
        asked = [
            session.ask(Action("DBPut", (("Family", "test"), ("Key", "order"), ("Val", value)))) for value in values
        ]
        assert all(answer.ok for answer in await asyncio.gather(*asked))
        shown = await session.ask(actions.command("database get test order"))
        assert shown.response.output == [f"Value: {values[-1]}"]
        assert (await session.ask(Action("DBDel", (("Family", "test"), ("Key", "order"))))).ok
    finally:
        session.close()


@pytest.mark.parametrize(("number", "size"), [(120, 10), (120, 100), (12, 990)])
async def test_a_long_action_arrives_whole(real_address: Address, number: int, size: int) -> None:
    """Also over TLS, where Asterisk reads no more of a record than it has room for."""
    fields = [(f"Field{n}", f"{n:0{size}}") for n in range(number)]
    events: list[Message] = []
    session = await Session.open(real_address, events.append, events="user,system")
    try:
        assert (await session.ask(Action("UserEvent", (("UserEvent", "Long"), *fields)))).ok
        await until_async(lambda: "UserEvent" in names(events))
        (event,) = (event for event in events if event.name == "UserEvent")
        assert [event.get(name) for name, _value in fields] == [value for _name, value in fields]
    finally:
        session.close()


async def test_a_real_asterisk_refuses_a_wrong_secret(real_address: Address, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    address = dataclasses.replace(real_address, secret="wrong-one")
    with pytest.raises(
        LoginRefused, match=r"refuses the login of “panel” \((Authentication failed|HTTP 401)\)"
    ) as error:
        await opened(address, timeout=10)
    assert "wrong-one" not in str(error.value) + caplog.text


async def test_no_log_has_the_secret(real_address: Address, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    session = await opened(real_address, timeout=10)
    await session.ask(actions.ping())
    session.close()
    if isinstance(session._transport, HttpTransport):
        await asyncio.wait([session._transport._task], timeout=20)  # until the farewell has been said
    assert real_address.secret not in caplog.text


async def test_a_real_asterisks_certificate_is_checked(tls_address: Address) -> None:
    address = dataclasses.replace(tls_address, ca="")
    with pytest.raises(ConnectFailed, match=r"certificate of 127\.0\.0\.1:.* is not trusted"):
        await opened(address, timeout=10)


async def test_a_real_asterisks_certificate_can_be_pinned(tls_address: Address, asterisk: Asterisk) -> None:
    address = dataclasses.replace(tls_address, ca="", fingerprint=fingerprint_of(asterisk))
    session = await opened(address, timeout=10)
    assert (await session.ask(actions.ping())).ok
    session.close()


async def test_a_certificate_that_is_not_the_pinned_one_is_told_so_that_it_can_be_compared(
    tls_address: Address, asterisk: Asterisk
) -> None:
    presented, pinned = fingerprint_of(asterisk), "ab" * 32
    address = dataclasses.replace(tls_address, ca="", fingerprint=pinned)
    with pytest.raises(ConnectFailed, match=f"sha256:{':'.join(['AB'] * 32)} is expected") as failed:
        await opened(address, timeout=10)
    told = re.search(r"its fingerprint is sha256:([0-9A-F:]{95}),", str(failed.value))
    assert told is not None
    assert told[1].replace(":", "").lower() == presented
    # As it is told, it can be written into the address.
    url = asterisk.url("tls").partition("?")[0] + f"?fingerprint=sha256:{told[1]}"
    assert Address.parse(url).fingerprint == presented


async def test_nothing_is_said_to_a_server_with_another_certificate(asterisk22: Asterisk) -> None:
    """Not even what would prove that we know the secret."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(asterisk22.folder / "tls/server.pem", asterisk22.folder / "tls/server.key")
    heard: list[bytes] = []
    ended = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal ended
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await writer.start_tls(context)
            writer.write(GREETING)
            heard.append(await reader.read())
        writer.close()
        ended += 1

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    for scheme, path in (("amis", ""), ("ami+https", "/rawman"), ("ami+https", "/arawman")):
        address = Address(scheme, "127.0.0.1", port, "panel", SECRET, path=path, fingerprint="ab" * 32)
        with pytest.raises(ConnectFailed, match="not the pinned one"):
            await opened(address)
    await until_async(lambda: ended == 3)
    server.close()
    assert b"".join(heard) == b""


@pytest.mark.parametrize(("transport", "plain"), [("tls", "tcp"), ("https", "http")])
async def test_tls_with_a_real_asterisks_plain_port_asks_whether_it_is_the_right_one(
    asterisk22: Asterisk, transport: Transport, plain: Transport
) -> None:
    address = dataclasses.replace(Address.parse(asterisk22.url(transport)), port=asterisk22.ports[plain])
    with pytest.raises(ConnectFailed, match="is this the TLS port"):
        await opened(address, timeout=10)


async def test_plain_with_a_real_asterisks_tls_port_is_given_up_with_a_sentence(asterisk22: Asterisk) -> None:
    address = dataclasses.replace(Address.parse(asterisk22.url("tcp")), port=asterisk22.amis_port)
    with pytest.raises(AnswerTimeout, match="sends no greeting"):
        await opened(address, timeout=0.5)


@pytest.mark.parametrize("port", ["tcp", "tls", "https"])
async def test_http_with_another_of_a_real_asterisks_ports_is_told(asterisk22: Asterisk, port: Transport) -> None:
    address = dataclasses.replace(Address.parse(asterisk22.url("http")), port=asterisk22.ports[port])
    with pytest.raises(NotAmi, match=r"does not speak HTTP.*ami\+https:// that for TLS"):
        await opened(address, timeout=5)


@pytest.mark.parametrize("transport", ["http", "https"])
async def test_a_path_where_no_ami_is_tells_what_to_look_at(asterisk: Asterisk, transport: Transport) -> None:
    address = dataclasses.replace(Address.parse(asterisk.url(transport)), path="/asterisk/rawman")
    with pytest.raises(ConnectFailed, match=r"no AMI at /asterisk/rawman of 127.*webenabled = yes.*prefix"):
        await opened(address, timeout=10)


async def test_what_a_user_may_not_is_told_in_asterisks_words(real_address: Address) -> None:
    session = await opened(dataclasses.replace(real_address, username="limited"), timeout=10, events="off")
    try:
        assert (await session.ask_list(actions.core_show_channels())).ok
        for action in (actions.command("core show version"), actions.filter_out("VarSet"), actions.hangup("x")):
            answer = await session.ask(action)
            assert (answer.ok, answer.text) == (False, "Permission denied")
    finally:
        session.close()


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_user_who_may_not_read_system_events_is_told_what_he_lacks(
    asterisk22: Asterisk, transport: Transport
) -> None:
    address = Address.parse(asterisk22.url(transport, user="limited"))
    with pytest.raises(AnswerTimeout, match="needs the read class “system”"):
        await opened(address, timeout=10, boot_timeout=0.5)


@pytest.mark.parametrize("how", ["kill", "stop"])
async def test_a_link_comes_up_again_after_its_asterisk_ended(
    asterisk: Asterisk, real_address: Address, how: str
) -> None:
    async with keeping(real_address, first_delay=0.1, max_delay=0.3) as kept:
        await kept.reaches(LinkState.UP)
        await asyncio.to_thread(asterisk.kill if how == "kill" else asterisk.restart)
        await kept.reaches(LinkState.DOWN)
        assert isinstance(kept.errors[2], LinkLost)
        await asyncio.to_thread(asterisk.start)
        await kept.reaches(LinkState.UP, 2)
        assert (await kept.sessions[-1].ask(actions.ping())).ok


async def test_a_session_that_is_closed_leaves_none_behind(real_address: Address, asterisk: Asterisk) -> None:
    async def is_there() -> bool:
        return " listener " in await asyncio.to_thread(asterisk.cli, "manager show connected")

    # Somebody whom no other test uses, since Asterisk keeps a session over HTTP whose process has ended.
    session = await opened(dataclasses.replace(real_address, username="listener"), timeout=10, events="off")
    assert await is_there()
    session.close()
    async with asyncio.timeout(10):
        while await is_there():  # noqa: ASYNC110
            await asyncio.sleep(0.05)

"""One asyncio session with a manager interface, and the link that keeps a session up for good."""

import asyncio
import hashlib
import itertools
import logging
import math
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import cast

from . import actions, over_http, transports
from .errors import AmiError, AnswerTimeout, LinkLost, LoginRefused, TooOld, gettext_noop
from .protocol import Action, Message, Protocol
from .transports import Address

logger = logging.getLogger(__name__)

EventHandler = Callable[[Message], None]
# Is called with what crosses a session: whether we sent it, and the message itself.
Tap = Callable[[bool, bytes], None]


@dataclass(slots=True)
class Answer:
    """What Asterisk said to one action: its response and, for a list, the events that followed it."""

    response: Message
    events: list[Message] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return self.response.name != "Error"

    @property
    def text(self) -> str:
        """Asterisk's own words, such as `Channel successfully hungup` or `No such channel`."""
        return self.response.get("Message")

    @property
    def is_denied(self) -> bool:
        """Whether the manager user lacks the privilege for the action."""
        return not self.ok and self.text.lower().startswith("permission denied")


@dataclass(slots=True)
class _Waiting:
    answer: asyncio.Future[Answer]
    is_list: bool | None
    on_item: EventHandler | None
    collected: Answer | None = None


class Session(asyncio.Protocol):
    """One connection, from the greeting to its end. Made by `Session.open`.

    `on_event` is called with every event that answers nothing we asked, in the order received and from within
    the read: it must not block. `tap` is called with every message of either direction, before anything is done
    with it.
    """

    def __init__(
        self,
        address: Address,
        on_event: EventHandler,
        *,
        wanted: Iterable[str] | None = None,
        max_message: int,
        tap: Tap | None = None,
    ) -> None:
        self.address = address
        self.closed: asyncio.Future[AmiError] = asyncio.get_running_loop().create_future()
        self.received_at = time.monotonic()
        # How long the last answered ping took, in seconds.
        self.round_trip: float | None = None
        # The names of the actions that may be sent from now on; None for any.
        self.may_send: frozenset[str] | None = None
        self._on_event, self._tap = on_event, tap
        self._protocol = Protocol(wanted=wanted, max_message=max_message, greeting=not address.is_http)
        self._greeted = asyncio.Event()
        self._fully_booted = asyncio.Event()
        self._transport: asyncio.Transport | None = None
        self._waiting: dict[str, _Waiting] = {}
        self._window = transports.Window(address)
        self._ids = (f"{random.getrandbits(32):08x}-{n}" for n in itertools.count(1))

    @classmethod
    async def open(
        cls,
        address: Address,
        on_event: EventHandler,
        *,
        events: str = "on",
        wanted: Iterable[str] | None = None,
        timeout: float = 10.0,
        boot_timeout: float = 60.0,
        max_message: int = 16 * 2**20,
        tap: Tap | None = None,
    ) -> "Session":
        """Connect, log in and wait until Asterisk says that it has fully booted.

        `events` is the event mask (`on`, `off` or classes such as `call,system`); `timeout` the limit in
        seconds for the connection and for each step of the login, `boot_timeout` for Asterisk's start.

        Raises `ConnectFailed`, `NotAmi`, `TooOld`, `LoginRefused`, `AnswerTimeout` or `LinkLost`. (Over HTTP Asterisk
        does not say how old it is until it is asked: see `check_version`.)
        """
        session = cls(address, on_event, wanted=wanted, max_message=max_message, tap=tap)
        connect = over_http.connect if address.is_http else transports.connect
        await connect(address, lambda: session, timeout=timeout)
        try:
            await session._login(events, timeout, boot_timeout)
        except LinkLost:
            raise session.closed.result() from None
        except BaseException:
            session.close()
            raise
        return session

    @property
    def dropped(self) -> int:
        """How many events were dropped unparsed, since nobody wants them."""
        return self._protocol.dropped

    @property
    def greeting(self) -> str:
        """Asterisk's first line, `Asterisk Call Manager/9.0.0`: the version of AMI, not of Asterisk. None over HTTP."""
        return self._protocol.greeting or ""

    async def ask(
        self,
        action: Action,
        *,
        timeout: float = 5.0,
        action_id: str = "",
        on_item: EventHandler | None = None,
        is_list: bool | None = False,
    ) -> Answer:
        """Send an action and wait for its answer.

        With `is_list` the answer is whole only when the event came that ends the list, or when the response
        is an error; with None the response says itself whether a list follows. `on_item` is then called with
        each event of the list as it arrives, in its place among all other events; without it they are collected
        in the answer. Where it is no list, it is called with the response, in its place: when `ask` returns,
        events behind it may have been handed on already.

        Raises `AnswerTimeout` after `timeout` seconds, `LinkLost` when the connection ends first, `TypeError` for an
        action that is not among those that the session `may_send`.
        """
        if self.may_send is not None and action.name not in self.may_send:
            raise TypeError(f"{action.name} is not among the actions that may be sent.")
        if self.closed.done():
            raise self.closed.result()
        action_id = action_id or next(self._ids)
        waiting = _Waiting(asyncio.get_running_loop().create_future(), is_list, on_item)
        self._waiting[action_id] = waiting
        try:
            raw = action.encode(action_id)
            async with asyncio.timeout(timeout), self._window.part(len(raw)):
                asked_at = time.monotonic()
                if not waiting.answer.done():  # the session may have ended before its turn came
                    self._write(raw)
                answer = await waiting.answer
            if action.name == "Ping":
                self.round_trip = time.monotonic() - asked_at
            return answer
        except TimeoutError:
            raise AnswerTimeout(
                gettext_noop("Asterisk did not answer %(action)s within %(seconds)s s."),
                action=action.name,
                seconds=f"{round(timeout, 2):g}",
            ) from None
        finally:
            self._waiting.pop(action_id, None)

    def _write(self, raw: bytes) -> None:
        assert self._transport is not None  # noqa: S101  `open` connects before anybody can ask
        if self._tap is not None:
            self._tap(True, raw)
        for record in transports.records(raw) if self.address.scheme == "amis" else (raw,):
            self._transport.write(record)

    async def ask_list(self, action: Action, *, timeout: float = 15.0, on_item: EventHandler | None = None) -> Answer:
        """`ask` for an action that answers with a list of events."""
        return await self.ask(action, timeout=timeout, on_item=on_item, is_list=True)

    async def hear(self, events: str, *, timeout: float = 5.0) -> Answer:
        """Have the events of these classes sent from now on, as `open` does. Raises as `ask` does."""
        answer = await self.ask(actions.event_mask(events), timeout=timeout)
        if isinstance(self._transport, over_http.HttpTransport):
            self._transport.listen()
        return answer

    def close(self, reason: AmiError | None = None) -> None:
        """End the connection; whoever waits for an answer gets `LinkLost`. May be called twice.

        What has been sent and not received yet is given up: an action must not arrive after its time.
        """
        self._end(reason or LinkLost(gettext_noop("The connection was closed.")))

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if self._protocol.greeting is not None:
            self._greeted.set()

    def data_received(self, data: bytes) -> None:
        self.received_at = time.monotonic()
        try:
            messages = self._protocol.receive(data)
        except AmiError as error:
            self._end(error)
            return
        if self._protocol.greeting is not None:
            self._greeted.set()
        for message in messages:
            self._take(message)

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is None:
            self._end(LinkLost(gettext_noop("Asterisk closed the connection.")))
        elif isinstance(exc, AmiError):
            self._end(exc)
        else:
            self._end(LinkLost(gettext_noop("The connection broke: %(reason)s."), reason=exc))

    # From bytes to whoever waits.

    def _take(self, message: Message) -> None:
        if self._tap is not None:
            self._tap(False, message.raw)
        # Most events answer nothing; do not parse them to find that out.
        waiting = None
        if self._waiting and (not message.is_event or b"\r\nActionID: " in message.raw):
            waiting = self._waiting.get(message.get("ActionID"))
        if not message.is_event:
            if waiting is not None and not waiting.answer.done():
                answer = Answer(message)
                if waiting.is_list is None:
                    waiting.is_list = message.get("EventList").lower() == "start"
                if waiting.is_list and answer.ok:
                    waiting.collected = answer
                else:
                    if waiting.on_item is not None and not waiting.is_list:
                        waiting.on_item(message)
                    waiting.answer.set_result(answer)
            return
        if waiting is None or waiting.collected is None:
            if message.name == "FullyBooted":
                self._fully_booted.set()
            self._on_event(message)
        elif _ends_list(message):
            if not waiting.answer.done():
                waiting.answer.set_result(waiting.collected)
        elif waiting.on_item is not None:
            waiting.on_item(message)
        else:
            waiting.collected.events.append(message)

    def _end(self, reason: AmiError) -> None:
        if not self.closed.done():
            self.closed.set_result(reason)
        cause = self.closed.result()
        for waiting in self._waiting.values():
            if not waiting.answer.done():
                waiting.answer.set_exception(LinkLost(cause.sentence, **cause.parameters))
        self._greeted.set()
        self._fully_booted.set()
        if self._transport is not None:
            self._transport.abort()

    async def _login(self, events: str, timeout: float, boot_timeout: float) -> None:
        silent = gettext_noop("%(where)s sends no greeting; is this Asterisk's manager interface?")
        await self._wait(self._greeted, timeout, silent)
        check_version(self.greeting.rpartition("/")[2])
        if self.address.is_digest:  # each request is authenticated; a login would have no effect
            answer = await self.ask(actions.event_mask(events), timeout=timeout)
        else:
            answer = await self._log_in(events, timeout)
        if not answer.ok:
            raise LoginRefused(
                gettext_noop(
                    "Asterisk refuses the login of “%(user)s” (%(answer)s): "
                    "check the user, the secret, and the permitted addresses in its manager.conf."
                ),
                user=self.address.username,
                answer=answer.text or "—",
            )
        if events == "off":
            return
        if isinstance(self._transport, over_http.HttpTransport):
            self._transport.listen()
        if self.address.is_digest:
            await self._ask_whether_booted(boot_timeout)
        booting = gettext_noop(
            "%(where)s did not report that it has fully booted (the manager user needs the read class “system”)."
        )
        await self._wait(self._fully_booted, boot_timeout, booting)

    async def _log_in(self, events: str, timeout: float) -> Answer:
        username, secret = self.address.username, self.address.secret
        offer = await self.ask(actions.challenge(), timeout=timeout)
        if offer.ok and (nonce := offer.response.get("Challenge")):
            key = hashlib.md5((nonce + secret).encode(), usedforsecurity=False).hexdigest()
            return await self.ask(actions.login_md5(username, key, events), timeout=timeout)
        return await self.ask(actions.login_plain(username, secret, events), timeout=timeout)

    async def _ask_whether_booted(self, timeout: float) -> None:
        """Asterisk says it once, to whoever logs in; without a login it has to be asked.

        A user who may not ask (it needs the write class “command”) takes it for booted.
        """
        await self.ask(actions.command("core waitfullybooted"), timeout=timeout)
        if not self._fully_booted.is_set():
            self._take(Message(b"Event: FullyBooted\r\nStatus: Fully Booted"))

    async def _wait(self, event: asyncio.Event, timeout: float, complaint: str) -> None:
        try:
            async with asyncio.timeout(timeout):
                await event.wait()
        except TimeoutError:
            raise AnswerTimeout(complaint, where=f"{self.address.host}:{self.address.port}") from None
        if self.closed.done():
            raise self.closed.result()


def _ends_list(event: Message) -> bool:
    """Whether this event ends a list: it says so since AMI 2 (`EventList: Complete`); before, its name did."""
    mark = event.get("EventList")
    return mark in ("Complete", "cancelled") or (not mark and event.name.endswith("Complete"))


def check_version(ami: str) -> None:
    """Raises `TooOld` for a version of AMI, such as `1.3`, whose events lack what later ones report."""
    if ami.partition(".")[0] in ("0", "1"):
        raise TooOld(
            gettext_noop(
                "This Asterisk is too old: it speaks AMI %(ami)s, as version 11 and older do. The panel needs "
                "version 13 or newer."
            ),
            ami=ami,
        )


class LinkState(StrEnum):
    """How a link is; the values are what the panel stores."""

    CONNECTING = "connecting"
    UP = "up"
    DOWN = "down"
    REFUSED = "refused"


class Link:
    """Keeps one session up: connects, checks that it is alive, and connects again when it ends.

    `on_up` is awaited with each new session (it takes the first snapshot); the link counts as up when it
    returns. `on_state` is called on every change, with the error that explains it.
    Times are in seconds: a session that says nothing for `ping_after` is pinged, one that stays silent for
    `dead_after` is dropped. One that talks is pinged each `measure_every`, for its round-trip time. The first is short,
    since Asterisk may overlook that it has an event to send, and notices with the next event or action only
    (https://github.com/asterisk/asterisk/issues/2145): of a quiet PBX a call that has ended would be shown so long.
    Tries come ever slower, from `first_delay` up to `max_delay`, each varied at random so that panels do not
    connect at the same time; after a refused login, and where Asterisk is too old, only every `refused_delay`.
    """

    def __init__(
        self,
        address: Address,
        *,
        on_event: EventHandler,
        on_up: Callable[[Session], Awaitable[None]],
        on_state: Callable[[LinkState, AmiError | None], None],
        events: str = "on",
        wanted: Iterable[str] | None = None,
        connect_timeout: float = 10.0,
        ping_after: float = 1.0,
        dead_after: float = 15.0,
        measure_every: float = 10.0,
        first_delay: float = 0.25,
        max_delay: float = 3.0,
        refused_delay: float = 30.0,
    ) -> None:
        self.address = address
        self.session: Session | None = None
        self.failures = 0
        self._told = ""
        self._on_event, self._on_up, self._on_state = on_event, on_up, on_state
        self._events, self._wanted = events, None if wanted is None else frozenset(wanted)
        self._connect_timeout = connect_timeout
        self._ping_after, self._dead_after, self._measure_every = ping_after, dead_after, measure_every
        self._first_delay, self._max_delay, self._refused_delay = first_delay, max_delay, refused_delay

    async def run(self) -> None:
        """Hold the link until cancelled."""
        self._on_state(LinkState.CONNECTING, None)
        while True:
            try:
                await self._one_session()
            except LoginRefused as error:
                self._tell(LinkState.REFUSED, error)
                delay = self._refused_delay
            except TooOld as error:
                self._tell(LinkState.DOWN, error)
                delay = self._refused_delay
            except AmiError as error:
                self._tell(LinkState.DOWN, error)
                delay = min(self._max_delay, self._first_delay * 2 ** min(self.failures, 16))
            self.failures += 1
            await asyncio.sleep(delay * random.uniform(0.75, 1.25))  # noqa: S311

    def _tell(self, state: LinkState, error: AmiError) -> None:
        if str(error) != self._told:  # the tenth try that fails like the ninth is not logged
            self._told = str(error)
            logger.error("%s: %s", self.address, error)
        self._on_state(state, error)

    async def _one_session(self) -> None:
        session = await Session.open(
            self.address, self._on_event, events=self._events, wanted=self._wanted, timeout=self._connect_timeout
        )
        try:
            await self._on_up(session)
            self.session = session
            self.failures, self._told = 0, ""
            logger.info("%s: the link is up (%s)", self.address, session.greeting or "over HTTP")
            self._on_state(LinkState.UP, None)
            await self._watch(session)
        finally:
            self.session = None
            session.close()

    async def _watch(self, session: Session) -> None:
        """Never return; raise what ended the session."""
        measured_at = -math.inf
        while True:
            due = min(session.received_at + self._ping_after, measured_at + self._measure_every)
            if (wait := due - time.monotonic()) > 0:
                done, _ = await asyncio.wait([session.closed], timeout=wait)
                if done:
                    raise session.closed.result()
                continue
            asked_at = time.monotonic()
            # Counted from its last message; but whoever was stopped meanwhile listens first, then judges.
            patience = max(session.received_at + self._dead_after - asked_at, self._dead_after - self._ping_after)
            try:
                await session.ask(actions.ping(), timeout=patience)
            except LinkLost:
                raise session.closed.result() from None
            except AnswerTimeout:
                if session.received_at < asked_at:
                    raise LinkLost(
                        gettext_noop("Asterisk has been silent for %(seconds)s s."), seconds=f"{self._dead_after:g}"
                    ) from None
            measured_at = time.monotonic()

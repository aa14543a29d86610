"""The background worker: for each PBX it holds the link, folds events, writes ticks, publishes, and acts.

`AmiWorker` is Channels' worker with another heart; it runs alone (`manage.py amiworker`) or inside Daphne's
event loop (`manage.py runpanel`).
"""

import asyncio
import contextlib
import functools
import itertools
import logging
import time
import uuid
from collections import Counter, OrderedDict, deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from channels.layers import get_channel_layer
from channels.worker import Worker
from django.db import DatabaseError, InterfaceError, transaction
from django.utils import timezone

from engine import metrics
from engine.ami import actions
from engine.ami.client import Link, LinkState, Session, check_version
from engine.ami.errors import (
    AmiError,
    AnswerTimeout,
    ConnectFailed,
    IllegalField,
    LinkLost,
    LoginRefused,
    NotAmi,
    gettext_noop,
)
from engine.ami.protocol import Action, Message
from engine.ami.transports import Address
from engine.database import in_thread
from engine.gc_tuning import keep_what_is_loaded
from engine.live import hub
from engine.live.fragments import Notice, Row, rows_of
from engine.processes import run_until_told

from . import commands, registry, store, sync
from .commands import Outcome, Status
from .context import CommandContext
from .event_stream import UNWATCH, WATCH, Stream
from .lease import Lease, LeaseLost, new_holder, unled
from .models import HEARTBEAT, PBX
from .state import Changes, State

logger = logging.getLogger(__name__)

T = TypeVar("T")
# What Django raises when a database is away; the second where its connection has been closed already.
_DATABASE_FAILURES = (DatabaseError, InterfaceError)

# At most one write in this time, in seconds; and how long the first event of a burst waits for the rest.
TICK = 0.050
GATHER = 0.005
# How long a request to read a thing anew waits for more of the same, in seconds.
REFRESH_DELAY = 0.2
# How long a failed Originate waits for the events that tell why, in seconds.
FAILURE_DELAY = 0.3
# The classes of events we ask Asterisk for, and what of them we ask it to keep to itself.
EVENT_MASK = "system,call,dialplan,dtmf,user"
UNWANTED_EVENTS = ("VarSet", "RTCPSent", "RTCPReceived", "ChannelTalkingStart", "ChannelTalkingStop", "DTMFBegin")
# How many Originates whose outcome is still to come are remembered.
FOLLOWED_COMMANDS = 2000
# How often the mirror is compared with a fresh snapshot, in seconds.
CHECK_EVERY = 60.0
# Of more than so many things that changed at once no row is drawn, which would keep the database waiting: every page
# gets a fresh board instead, at most once in this time, in seconds.
DRAWN_AT_ONCE, BOARDS_EVERY = 200, 0.5
# How long after a hub has told of it a language counts as looked at, in seconds.
LANGUAGE_KEPT = 10.0
# Of how many seconds it is remembered which events came.
EVENT_COUNT_SECONDS = 60
# How often what is due at a time is looked for, in seconds.
CLOCK_EVERY = 1.0
# How often a worker that stands by looks whether it may lead, in seconds.
STAND_BY = 0.5
# By how much a round-trip time must have changed until the page tells: by so many milliseconds, and by this part of it.
NOTABLE_MS, NOTABLE_PART = 1.0, 0.3
# How often the figures for `/metrics` are written, in heartbeats.
FIGURES_EVERY = 5


@dataclass(slots=True)
class Followed:
    """An Originate whose outcome is still to come, and who is to be told."""

    user_id: int
    notice: str
    parameters: dict[str, Any]


class Mirror:
    """One PBX for the time that this worker leads it: link, state, ticks and commands."""

    def __init__(self, name: str, address: Address, *, demo: bool = False, holder: str = "") -> None:
        self.name, self.address, self.demo = name, address, demo
        self.lease = Lease(name, holder or new_holder())
        self.state = State(name)
        self.link = Link(
            address,
            on_event=self._on_event,
            on_up=self._on_up,
            on_state=self._on_link_state,
            events=EVENT_MASK,
            wanted={*registry.handlers, "FullyBooted", "OriginateResponse"},
        )
        self.stream = Stream(name, address)
        self._epoch, self._number = uuid.uuid4().hex, 0
        # From what rows were drawn last in this epoch.
        self._drawn: dict[str, Any] = {}
        self._dirty = asyncio.Event()
        self._requested = asyncio.Event()
        self._taking_snapshot = False
        self._write_everything = False
        self._link_state: LinkState | None = None
        self._link_changes: dict[str, Any] = {}
        self._beat_at = 0.0
        self._boards_due, self._boards_at = False, 0.0
        # Language → when a hub last told that somebody looks in it.
        self._looked_at: dict[str, float] = {}
        self._notices: list[Notice] = []
        self._followed: OrderedDict[str, Followed] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self._events: Counter[str] = Counter()
        # How many of each came in each of the last seconds.
        self._event_counts: deque[Counter[str]] = deque(maxlen=EVENT_COUNT_SECONDS)
        self._fold_seconds = 0.0
        self._dropped: tuple[Session | None, int] = (None, 0)
        # What the page says of it, in milliseconds.
        self._round_trip: float | None = None

    async def run(self) -> None:
        """Stand by until this worker may lead, then do until another does; that one was not heard of in time."""
        await self._stand_by()
        await _patiently(functools.partial(store.inherit, self.state))
        logger.info("%s: this worker leads.", self.name)
        metrics.start(self.name)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep_lease())
                group.create_task(self._take_commands())
                group.create_task(self._tick())
                group.create_task(self._refresh())
                group.create_task(self._check())
                group.create_task(self._watch_the_clock())
                group.create_task(self.link.run())
        except* LeaseLost:
            logger.warning("%s: another worker leads now; this one stands by.", self.name)
        finally:
            self.stream.stop()
            for task in self._tasks:
                task.cancel()
            await asyncio.shield(self._release())

    # The lease.

    async def _stand_by(self) -> None:
        while not await _patiently(self._take_lease):  # noqa: ASYNC110 (the event is in the database)
            await asyncio.sleep(STAND_BY)

    def _take_lease(self) -> bool:
        pbx, _created = PBX.objects.get_or_create(name=self.name)
        self.state.last_contact = pbx.seen_at if pbx.link == PBX.Link.UP else pbx.event_at
        return self.lease.take(
            address=str(self.address), demo=self.demo, link=PBX.Link.CONNECTING, link_since=timezone.now()
        )

    async def _keep_lease(self) -> None:
        for beat in itertools.count():
            await asyncio.sleep(HEARTBEAT.total_seconds())
            values = self._count()
            if beat % FIGURES_EVERY == 0:
                values["metrics"] = metrics.of_pbx(self.name)
            try:
                await in_thread(self.lease.renew)(**values)
            except _DATABASE_FAILURES as error:
                logger.error("%s: the lease could not be renewed, trying again: %s", self.name, error)

    async def _release(self) -> None:
        try:
            await in_thread(self.lease.release)()
        except _DATABASE_FAILURES as error:
            logger.warning("%s: the lease was left to lapse: %s", self.name, error)

    def _count(self) -> dict[str, Any]:
        """Move what was counted since the last time into the metrics; what of it the PBX's row is to say."""
        events, self._events = self._events, Counter()
        for event, number in events.items():
            metrics.EVENTS.labels(self.name, event).inc(number)
        metrics.FOLD_SECONDS.labels(self.name).inc(self._fold_seconds)
        self._fold_seconds = 0.0
        session, dropped = self.link.session, 0
        if session is not None:
            before = self._dropped[1] if self._dropped[0] is session else 0
            dropped = session.dropped - before
            self._dropped = (session, session.dropped)
            metrics.DROPPED.labels(self.name).inc(dropped)
            self._tell_round_trip(session)
        self._event_counts.append(events + Counter({"": dropped}))
        metrics.LINK_UP.labels(self.name).set(session is not None)
        return {"event_at": timezone.now()} if events or dropped else {}

    def _tell_round_trip(self, session: Session) -> None:
        """Only where it changed notably: each time the page is drawn anew."""
        if session.round_trip is None:
            return
        now, before = round(session.round_trip * 1000, 1), self._round_trip
        if before is None or abs(now - before) > max(NOTABLE_MS, NOTABLE_PART * before):
            self._round_trip = self._link_changes["round_trip"] = now
            self._dirty.set()

    # The link.

    async def _on_up(self, session: Session) -> None:
        self._taking_snapshot = True
        try:
            for event in UNWANTED_EVENTS:
                answer = await session.ask(actions.filter_out(event))
                if not answer.ok:
                    logger.warning("%s: the filter for %s was refused: %s", self.name, event, answer.text)
            settings = await session.ask(actions.core_settings())
            check_version(settings.response.get("AMIversion"))
            await sync.take(session, self.state)
            if self.state.requests:
                self._requested.set()
            self._link_changes["version"] = settings.response.get("AsteriskVersion")[:80]
            self._write_everything = True
            metrics.LINKS.labels(self.name).inc()
        finally:
            self._taking_snapshot = False

    def _on_link_state(self, state: LinkState, error: AmiError | None) -> None:
        if state is not LinkState.UP:
            self.state.clear_tombstones()
        if state is not self._link_state:
            if self._link_state is LinkState.UP:
                self.state.last_contact = self.state.now()
            self._link_state = state
            self._link_changes |= {"link_since": timezone.now(), "round_trip": None}
            self._round_trip = None
        self._link_changes |= {
            "link": state.value,
            "reason": error.sentence if error else "",
            "reason_parameters": error.parameters if error else {},
        }
        self._dirty.set()

    def _on_event(self, event: Message) -> None:
        started = time.perf_counter()
        self._events[event.name] += 1
        try:
            if event.name == "OriginateResponse":
                self._on_originate_response(event)
            self.state.fold(event)
        except Exception:  # one event that we fold wrongly must not cost the link
            logger.exception("%s: an event could not be folded: %r", self.name, event)
        self._see_what_is_to_do()
        self._fold_seconds += time.perf_counter() - started

    async def _refresh(self) -> None:
        """Read anew what handlers asked for; many requests for one thing within a moment are one."""
        while True:
            await self._requested.wait()
            await asyncio.sleep(REFRESH_DELAY)
            self._requested.clear()
            session = self.link.session
            if session is None:
                continue  # they are read when the next link is up
            requests = set(self.state.requests)
            self.state.requests.clear()
            try:
                for kind, key in requests:
                    work = registry.refreshers[kind](sync.Snapshot(session, self.state), key)
                    if kind in registry.refreshed_beside:
                        self._start(self._refresh_beside(work))
                    else:
                        await work
            except AnswerTimeout as error:
                logger.warning("%s: %s", self.name, error)
                self.state.requests |= requests
                self._requested.set()
            except AmiError as error:
                logger.info("%s: a refresh ended with the link: %s", self.name, error)
            except Exception:  # one thing that we read wrongly must not cost the link
                logger.exception("%s: something could not be read anew: %s", self.name, requests)
            self._see_what_is_to_do()

    async def _refresh_beside(self, work: Awaitable[None]) -> None:
        try:
            await work
        except AmiError as error:
            logger.info("%s: %s", self.name, error)
        finally:
            self._see_what_is_to_do()

    def _see_what_is_to_do(self) -> None:
        if self.state.notices:
            self._notices += [Notice(*notice) for notice in self.state.notices]
            self.state.notices.clear()
            self._dirty.set()
        if self.state.is_dirty:
            self._dirty.set()
        if self.state.requests:
            self._requested.set()

    async def _watch_the_clock(self) -> None:
        while True:
            await asyncio.sleep(CLOCK_EVERY)
            if self.link.session is not None:
                for clock in registry.clocks:
                    clock(self.state)
                self._see_what_is_to_do()

    async def _check(self) -> None:
        while True:
            await asyncio.sleep(CHECK_EVERY)
            try:
                await self.check()
            except AmiError as error:
                logger.info("%s: the drift check ended with the link: %s", self.name, error)

    async def check(self) -> list[sync.Difference]:
        """Compare with a fresh snapshot now, and heal. Raises `AmiError` when the link is down or fails meanwhile."""
        session = self.link.session
        if session is None:
            raise LinkLost(gettext_noop("There is no connection."))
        differences = await sync.check(session, self.state)
        metrics.DRIFT_CHECKS.labels(self.name).inc()
        metrics.DRIFT_FOUND.labels(self.name).inc(len(differences))
        for difference in differences:
            logger.warning("%s: drift healed: %s", self.name, difference)
        if self.state.is_dirty:
            self._dirty.set()
        return differences

    # The tick.

    async def _tick(self) -> None:
        while True:
            if not self._dirty.is_set():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(BOARDS_EVERY if self._boards_due else HEARTBEAT.total_seconds()):
                        await self._dirty.wait()
                await asyncio.sleep(GATHER)
            self._dirty.clear()
            started = time.monotonic()
            if not await self._flush():
                self._dirty.set()
                await asyncio.sleep(1)
            await asyncio.sleep(max(0.0, TICK - (time.monotonic() - started)))

    async def _flush(self) -> bool:
        """Write what changed, then tell. False when the database failed; the changes are kept for the next try."""
        everything, self._write_everything = self._write_everything, False
        changes = Changes(self.name) if self._taking_snapshot else self.state.take(everything=everything)
        link_changes, self._link_changes = self._link_changes, {}
        rows: list[Row] = []
        languages = self._languages
        self._boards_due |= everything or len(changes.subjects) > DRAWN_AT_ONCE
        drawn = [] if self._boards_due else languages
        try:
            if link_changes or not changes.is_empty or changes.subjects:
                rows = await in_thread(self._write_and_draw)(changes, link_changes, drawn)
        except _DATABASE_FAILURES as error:
            logger.error("%s: the database failed, trying again: %s", self.name, error)
            self.state.give_back(changes)
            self._drawn = {}
            self._write_everything |= everything
            self._link_changes = link_changes | self._link_changes
            return False
        except LeaseLost:
            raise
        except Exception:  # whatever a template raises: what is written is true all the same, so boards are read anew
            logger.exception("%s: what changed could not be drawn.", self.name)
            self._boards_due = True
        boards = everything or (self._boards_due and time.monotonic() - self._boards_at >= BOARDS_EVERY)
        if boards:
            self._epoch, self._number = uuid.uuid4().hex, 0
            self._drawn = {}
            self._boards_due, self._boards_at = False, time.monotonic()
        notices, self._notices = self._notices, []
        changed = bool(changes.subjects) and not self._boards_due
        if changed or notices or boards or time.monotonic() - self._beat_at >= HEARTBEAT.total_seconds():
            await self._publish(rows, notices, languages if changed and not boards else None)
        return True

    @property
    def _languages(self) -> list[str]:
        """Those in which somebody looks."""
        oldest = time.monotonic() - LANGUAGE_KEPT
        return [language for language, at in self._looked_at.items() if at >= oldest]

    def _write_and_draw(self, changes: Changes, link_changes: dict[str, Any], languages: list[str]) -> list[Row]:
        """In a thread, both in one turn: whoever waits for a row waits for each turn too."""
        if link_changes or not changes.is_empty:
            with metrics.FLUSH_SECONDS.labels(self.name).time():
                self._write(changes, link_changes)
            metrics.DIRTY_ROWS.labels(self.name).observe(changes.size)
        if not changes.subjects:
            return []
        if not languages:
            self._drawn = {}
            return []
        with metrics.DRAW_SECONDS.labels(self.name).time():
            return rows_of(self.name, changes.subjects, languages, self._drawn)

    def _write(self, changes: Changes, link_changes: dict[str, Any]) -> None:
        """In a thread: the transaction of one tick, void unless this worker still leads."""
        with transaction.atomic():
            self.lease.renew(**link_changes)
            store.write(changes)
        if link_changes:
            changes.subjects.add(("pbx", self.name))

    async def _publish(self, rows: list[Row], notices: list[Notice], languages: list[str] | None) -> None:
        self._number += 1
        try:
            await hub.publish(
                self.name,
                self._epoch,
                self._number,
                rows,
                notices,
                languages=languages,
                tell=commands.channel_name(self.name),
            )
            self._beat_at = time.monotonic()
            metrics.BATCHES.labels(self.name, "published").inc()
        except Exception:  # whatever the layer's backend raises; the number is used up, so hubs see the gap
            metrics.BATCHES.labels(self.name, "failed").inc()
            logger.exception("%s: a batch could not be published.", self.name)

    # Commands.

    async def _take_commands(self) -> None:
        while True:
            try:
                message = await get_channel_layer().receive(commands.channel_name(self.name))
            except Exception:  # whatever the layer's backend raises
                logger.exception("%s: commands cannot be received; trying again in a second.", self.name)
                await asyncio.sleep(1)
                continue
            if message["type"] == hub.LANGUAGES:
                self._looked_at |= dict.fromkeys(message["languages"], time.monotonic())
            elif message["type"] == WATCH:
                self.stream.watch(message)
            elif message["type"] == UNWATCH:
                self.stream.unwatch(message)
            else:
                self._start(self._answer(message))

    async def _answer(self, message: dict[str, Any]) -> None:
        if message["type"] == commands.CHECK:
            outcome = await self._check_now()
        elif message["type"] == commands.LOOK:
            outcome = await self._look(message)
        else:
            outcome = await self._act(message)
            metrics.COMMANDS.labels(self.name, message["verb"], outcome.status.value).inc()
        try:
            await get_channel_layer().send(
                message["reply_to"],
                {"type": "ami.answer", "status": outcome.status.value, "text": outcome.text, "data": outcome.data},
            )
        except Exception:  # whatever the layer's backend raises; the view says that no answer came
            logger.exception("%s: the answer to a command could not be sent.", self.name)

    async def _check_now(self) -> Outcome:
        try:
            differences = await self.check()
        except AmiError as error:
            return Outcome(Status.NOT_CONNECTED, str(error))
        return Outcome(Status.DONE, "\n".join(map(str, differences)))

    async def _look(self, message: dict[str, Any]) -> Outcome:
        if self.link.session is None:
            return Outcome(Status.NOT_CONNECTED)
        return await self._carry_out(self.link.session, message)

    async def _act(self, message: dict[str, Any]) -> Outcome:
        command_id = message["id"]
        session = self.link.session
        # Without the lease it may be another worker's to act, or soon.
        if session is None or not self.lease.is_held:
            return Outcome(Status.NOT_CONNECTED)
        try:
            if not await in_thread(commands.auditors[0].claim)(command_id):
                return Outcome(Status.REPEATED)
        except _DATABASE_FAILURES as error:
            logger.error("%s: a command was refused, since the database failed: %s", self.name, error)
            return Outcome(Status.NOT_CONNECTED)
        if message["notice"]:
            _remember(
                self._followed, command_id, Followed(message["user_id"], message["notice"], message["parameters"])
            )
            if begin := registry.beginners.get(message["notice"]):
                begin(self.state, message["user_id"], command_id, message["parameters"])
        if message.get("handler"):
            return await self._carry_out(session, message)
        action = Action(message["action"], tuple((key, value) for key, value in message["fields"]))
        try:
            if prepare := registry.preparers.get(message["notice"]):
                action = await prepare(session, action, message["parameters"])
        except AmiError as error:
            return Outcome(Status.NO_ANSWER, str(error))
        left = message["deadline"] - time.time()
        if left <= 0 or not self.lease.is_held:
            self._followed.pop(command_id, None)
            return Outcome(Status.EXPIRED)
        if message.get("wants_reply"):
            return await self._reply_to(session, action, message)
        try:
            answer = await session.ask(action, timeout=left, action_id=command_id)
        except AnswerTimeout as error:
            # It may still be on its way, and must not arrive late: what was not received yet goes with the connection.
            session.close(error)
            return Outcome(Status.NO_ANSWER, str(error))
        except AmiError as error:
            return Outcome(Status.NO_ANSWER, str(error))
        if not answer.ok:
            self._followed.pop(command_id, None)
        return Outcome(Status.DONE if answer.ok else Status.REFUSED, answer.text)

    async def _carry_out(self, session: Session, message: dict[str, Any]) -> Outcome:
        """A command that has a handler: of several actions, or of a change to what only we know."""
        if message["deadline"] <= time.time():
            return Outcome(Status.EXPIRED)
        ctx = self._context_for(session, message)
        try:
            return await registry.command_handlers[message["handler"]](ctx, message["parameters"])
        except AnswerTimeout as error:
            # What only looks may arrive late; everybody's link need not pay for it.
            if message["type"] != commands.LOOK:
                session.close(error)
            return Outcome(Status.NO_ANSWER, str(error))
        except AmiError as error:
            return _unanswered(error)
        finally:
            self._see_what_is_to_do()

    async def _reply_to(self, session: Session, action: Action, message: dict[str, Any]) -> Outcome:
        try:
            return await self._context_for(session, message).reply_to(action)
        except AmiError as error:
            return _unanswered(error)

    def _context_for(self, session: Session, message: dict[str, Any]) -> CommandContext:
        return CommandContext(session, self.state, message["user_id"], message["deadline"], self._event_counts)

    def _on_originate_response(self, event: Message) -> None:
        followed = self._followed.pop(event.get("ActionID"), None)
        if followed is not None:
            self._start(self._tell_outcome(event, followed))

    async def _tell_outcome(self, event: Message, followed: Followed) -> None:
        if event.get("Response") != "Success":
            # The events of the channel that failed may come after the response, and tell why.
            await asyncio.sleep(FAILURE_DELAY)
        parameters = registry.followers[followed.notice](self.state, event, followed.parameters)
        self._notices.append(Notice(followed.user_id, followed.notice, parameters))
        self._dirty.set()
        words = f"{event.get('Response')}, reason {parameters['reason']}"
        await _patiently(functools.partial(commands.auditors[0].follow_up, event.get("ActionID"), words))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run it beside everything else; a failure is logged."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("%s: a task failed.", self.name, exc_info=error)


def _unanswered(error: AmiError) -> Outcome:
    """Of an order that ended with an error: where no session could be opened for it, or nothing that can be sent be
    made of it, nothing was sent.
    """
    nothing_sent = isinstance(error, ConnectFailed | LoginRefused | NotAmi | IllegalField)
    return Outcome(Status.NOT_CONNECTED if nothing_sent else Status.NO_ANSWER, str(error))


async def _patiently(ask: Callable[[], T]) -> T:
    """What the database answers; as long as it fails, it is asked again."""
    failed = False
    while True:
        try:
            answer: T = await in_thread(ask)()
            return answer
        except _DATABASE_FAILURES as error:
            if not failed:
                logger.error("The database failed, trying again: %s", error)
            failed = True
            await asyncio.sleep(STAND_BY)


def _remember(ids: OrderedDict[str, Any], command_id: str, value: Any) -> None:
    ids[command_id] = value
    while len(ids) > FOLLOWED_COMMANDS:
        ids.popitem(last=False)


class AmiWorker(Worker):  # type: ignore[misc]
    """Channels' background worker, holding the links to these PBXs instead of running consumers.

    `alone`: no other worker can belong to this panel, so a PBX that is not among the addresses has left it.
    """

    def __init__(
        self, *args: Any, addresses: dict[str, Address], demo: bool = False, alone: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.addresses, self.demo, self.alone = addresses, demo, alone
        self.holder = new_holder()
        # The PBXs that it leads, or stands by for.
        self.mirrors: dict[str, Mirror] = {}

    def run(self) -> None:
        """Work until the process is told to end, and then leave the PBXs to whoever stands by."""
        keep_what_is_loaded()
        run_until_told(self.handle())

    async def handle(self) -> None:
        if self.alone:
            await _patiently(self._forget_others)
        async with asyncio.TaskGroup() as group:
            for name, address in self.addresses.items():
                group.create_task(self._hold(name, address))

    async def _hold(self, name: str, address: Address) -> None:
        while True:
            self.mirrors[name] = Mirror(name, address, demo=self.demo, holder=self.holder)
            await self.mirrors[name].run()

    def _forget_others(self) -> None:
        unled().exclude(name__in=self.addresses).delete()

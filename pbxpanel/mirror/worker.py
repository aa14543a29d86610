"""The background worker: for each PBX it holds the link, folds events, writes ticks, publishes, and acts.

`AmiWorker` is Channels' worker with another heart; it runs alone (`manage.py amiworker`) or inside Daphne's
event loop (`manage.py runpanel`).
"""

import asyncio
import contextlib
import logging
import time
import uuid
from collections import OrderedDict
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from channels.worker import Worker
from django.db import DatabaseError
from django.utils import timezone

from pbxpanel.ami import actions
from pbxpanel.ami.client import Link, LinkState, Session
from pbxpanel.ami.errors import AmiError, AnswerTimeout, LinkLost, gettext_noop
from pbxpanel.ami.protocol import Action, Message
from pbxpanel.ami.transports import Address
from pbxpanel.live import hub
from pbxpanel.live.fragments import Notice, Row, rows_of

from . import commands, registry, store, sync
from .commands import Outcome, Status
from .models import HEARTBEAT, PBX
from .state import Changes, State

logger = logging.getLogger(__name__)

# At most one write in this time, in seconds; and how long the first event of a burst waits for the rest.
TICK = 0.050
GATHER = 0.005
# How long a request to read a thing anew waits for more of the same, in seconds.
REFRESH_DELAY = 0.2
# How long a failed Originate waits for the events that tell why, in seconds.
FAILURE_DELAY = 0.3
# The classes of events we ask Asterisk for, and what of them we ask it to keep to itself.
EVENT_MASK = "system,call,dialplan,user"
UNWANTED_EVENTS = ("VarSet", "RTCPSent", "RTCPReceived", "ChannelTalkingStart", "ChannelTalkingStop")
# How many ids of past commands are remembered, so that none is acted on twice.
REMEMBERED_COMMANDS = 2000


@dataclass(slots=True)
class Followed:
    """An Originate whose outcome is still to come, and who is to be told."""

    user_id: int
    notice: str
    parameters: dict[str, Any]


class Mirror:
    """One PBX: link, state, ticks and commands. `run` lasts until cancelled."""

    def __init__(self, name: str, address: Address, *, demo: bool = False) -> None:
        self.name, self.address, self.demo = name, address, demo
        self.state = State(name)
        self.link = Link(
            address,
            on_event=self._on_event,
            on_up=self._on_up,
            on_state=self._on_link_state,
            events=EVENT_MASK,
            wanted={*registry.handlers, "FullyBooted", "OriginateResponse"},
        )
        self._epoch, self._number = uuid.uuid4().hex, 0
        self._dirty = asyncio.Event()
        self._requested = asyncio.Event()
        self._taking_snapshot = False
        self._write_everything = False
        self._link_state: LinkState | None = None
        self._link_changes: dict[str, Any] = {}
        self._beat_at = 0.0
        self._notices: list[Notice] = []
        self._followed: OrderedDict[str, Followed] = OrderedDict()
        self._acted_on: OrderedDict[str, None] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        await database_sync_to_async(self._register, thread_sensitive=False)()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._take_commands())
            group.create_task(self._tick())
            group.create_task(self._refresh())
            group.create_task(self.link.run())

    def _register(self) -> None:
        PBX.objects.update_or_create(
            name=self.name,
            defaults={
                "address": str(self.address),
                "demo": self.demo,
                "link": PBX.Link.CONNECTING,
                "link_since": timezone.now(),
                "seen_at": timezone.now(),
            },
        )

    # The link.

    async def _on_up(self, session: Session) -> None:
        self._taking_snapshot = True
        try:
            for event in UNWANTED_EVENTS:
                answer = await session.ask(actions.filter_out(event))
                if not answer.ok:
                    logger.warning("%s: the filter for %s was refused: %s", self.name, event, answer.text)
            settings = await session.ask(actions.core_settings())
            await sync.take(session, self.state)
            self._link_changes["version"] = settings.response.get("AsteriskVersion")[:80]
            self._write_everything = True
        finally:
            self._taking_snapshot = False

    def _on_link_state(self, state: LinkState, error: AmiError | None) -> None:
        if state is not self._link_state:
            self._link_state = state
            self._link_changes["link_since"] = timezone.now()
        self._link_changes |= {
            "link": state.value,
            "reason": error.sentence if error else "",
            "reason_parameters": error.parameters if error else {},
        }
        self._dirty.set()

    def _on_event(self, event: Message) -> None:
        try:
            if event.name == "OriginateResponse":
                self._on_originate_response(event)
            self.state.fold(event)
        except Exception:  # one event that we fold wrongly must not cost the link
            logger.exception("%s: an event could not be folded: %r", self.name, event)
        if self.state.is_dirty:
            self._dirty.set()
        if self.state.requests:
            self._requested.set()

    async def _refresh(self) -> None:
        """Read anew what handlers asked for; many requests for one thing within a moment are one."""
        while True:
            await self._requested.wait()
            await asyncio.sleep(REFRESH_DELAY)
            self._requested.clear()
            requests = set(self.state.requests)
            self.state.requests.clear()
            session = self.link.session
            if session is None:
                continue  # the next link begins with a whole snapshot
            try:
                for kind, key in requests:
                    await registry.refreshers[kind](sync.Snapshot(session, self.state), key)
            except AnswerTimeout as error:
                logger.warning("%s: %s", self.name, error)
                self.state.requests |= requests
                self._requested.set()
            except AmiError as error:
                logger.info("%s: a refresh ended with the link: %s", self.name, error)
            if self.state.is_dirty:
                self._dirty.set()

    # The tick.

    async def _tick(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HEARTBEAT.total_seconds()):
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
        try:
            await database_sync_to_async(self._write, thread_sensitive=False)(changes, link_changes)
            if not everything:  # else every board is read anew
                rows = await database_sync_to_async(rows_of, thread_sensitive=False)(self.name, changes.subjects)
        except DatabaseError as error:
            logger.error("%s: the database failed, trying again: %s", self.name, error)
            self.state.give_back(changes)
            self._write_everything |= everything
            self._link_changes = link_changes | self._link_changes
            return False
        except Exception:  # whatever a template raises: what is written is true all the same, so boards are read anew
            logger.exception("%s: what changed could not be drawn.", self.name)
            everything = True
        if everything:
            self._epoch, self._number = uuid.uuid4().hex, 0
        notices, self._notices = self._notices, []
        if rows or notices or everything or time.monotonic() - self._beat_at >= HEARTBEAT.total_seconds():
            await self._publish(rows, notices)
        return True

    def _write(self, changes: Changes, link_changes: dict[str, Any]) -> None:
        """In a thread: the transaction of one tick."""
        store.write(changes, self._pbx_changes(link_changes))
        if link_changes:
            changes.subjects.add(("pbx", self.name))

    def _pbx_changes(self, link_changes: dict[str, Any]) -> dict[str, Any]:
        beat_due = time.monotonic() - self._beat_at >= HEARTBEAT.total_seconds() / 2
        if not link_changes and not beat_due:
            return {}
        now = timezone.now()
        return {"seen_at": now, **link_changes}

    async def _publish(self, rows: list[Row], notices: list[Notice]) -> None:
        self._number += 1
        try:
            await hub.publish(self.name, self._epoch, self._number, rows, notices)
            self._beat_at = time.monotonic()
        except Exception:  # whatever the layer's backend raises; the number is used up, so hubs see the gap
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
            self._start(self._answer(message))

    async def _answer(self, message: dict[str, Any]) -> None:
        outcome = await self._act(message)
        try:
            await get_channel_layer().send(
                message["reply_to"], {"type": "ami.answer", "status": outcome.status.value, "text": outcome.text}
            )
        except Exception:  # whatever the layer's backend raises; the view says that no answer came
            logger.exception("%s: the answer to a command could not be sent.", self.name)

    async def _act(self, message: dict[str, Any]) -> Outcome:
        command_id = message["id"]
        if command_id in self._acted_on:
            return Outcome(Status.REPEATED)
        left = message["deadline"] - time.time()
        if left <= 0:
            return Outcome(Status.EXPIRED)
        session = self.link.session
        if session is None:
            return Outcome(Status.NOT_CONNECTED)
        _remember(self._acted_on, command_id, None)
        if message["notice"]:
            followed = Followed(message["user_id"], message["notice"], message["parameters"])
            _remember(self._followed, command_id, followed)
        action = Action(message["action"], tuple((key, value) for key, value in message["fields"]))
        asked_at = None
        try:
            if prepare := registry.preparers.get(message["notice"]):
                action = await prepare(session, action, message["parameters"])
                left = message["deadline"] - time.time()
                if left <= 0:
                    return Outcome(Status.EXPIRED)
            asked_at = time.monotonic()
            answer = await session.ask(action, timeout=left, action_id=command_id)
        except AmiError as error:
            if isinstance(error, AnswerTimeout) and asked_at is not None and session.heard_at < asked_at:
                # It may lie on a way that has stalled, and must not arrive when that is over.
                session.close(
                    LinkLost(gettext_noop("Asterisk has been silent for %(seconds)s s."), seconds=f"{left:.1f}")
                )
            return Outcome(Status.NO_ANSWER, str(error))
        if not answer.ok:
            self._followed.pop(command_id, None)
        return Outcome(Status.DONE if answer.ok else Status.REFUSED, answer.text)

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
        record = database_sync_to_async(commands.auditors[0].follow_up, thread_sensitive=False)
        await record(event.get("ActionID"), f"{event.get('Response')}, reason {parameters['reason']}")

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run it beside everything else; a failure is logged."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("%s: a task failed.", self.name, exc_info=error)


def _remember(ids: OrderedDict[str, Any], command_id: str, value: Any) -> None:
    ids[command_id] = value
    while len(ids) > REMEMBERED_COMMANDS:
        ids.popitem(last=False)


class AmiWorker(Worker):  # type: ignore[misc]
    """Channels' background worker, holding the links to these PBXs instead of running consumers."""

    def __init__(self, *args: Any, addresses: dict[str, Address], demo: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.mirrors = [Mirror(name, address, demo=demo) for name, address in addresses.items()]

    async def handle(self) -> None:
        await database_sync_to_async(self._forget_others, thread_sensitive=False)()
        async with asyncio.TaskGroup() as group:
            for mirror in self.mirrors:
                group.create_task(mirror.run())

    def _forget_others(self) -> None:
        """A PBX that AMI_URL no longer names leaves the panel."""
        PBX.objects.exclude(name__in=[mirror.name for mirror in self.mirrors]).delete()

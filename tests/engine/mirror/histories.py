"""A PBX, the mirror of it, and what happens between them: the parts of which a history is made.

The PBX is the switch of the demo, which `tests/engine/demo/test_contract.py` holds against a real one. The mirror is
the real one, from the bytes on. Between them is what a real Asterisk does: events queue up and are delivered late, and
lists are written past them; one may still name who has just gone, and the link may break at any byte.
"""

from __future__ import annotations

import asyncio
import inspect
import random
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar
from unittest import mock

import calls.events  # noqa: F401 (registers what the mirror reads)
import conferences.events  # noqa: F401
from calls.models import Bridge as BridgeRow
from calls.models import Channel
from calls.models import ParkedCall as ParkedRow
from conferences.models import Conference, Participant
from engine.ami import transports
from engine.ami.client import Session
from engine.ami.errors import AmiError
from engine.ami.protocol import Message
from engine.ami.transports import Address
from engine.demo import model
from engine.demo.astdb import AstDb
from engine.demo.cli import duration
from engine.demo.configuration import Configuration
from engine.demo.dialplan import Dialplan
from engine.demo.manager import ActionFields, Event, ManagerSession, event
from engine.demo.model import Bridge, Fields, IllegalTransition, Member, Party
from engine.demo.schedule import Schedule
from engine.demo.switch import Switch
from engine.mirror import registry, sync
from engine.mirror.folding import EVENT_MASK
from engine.mirror.models import Mirrored, WorkerOwned
from engine.mirror.sanitize import clean
from engine.mirror.state import State
from tests.engine.mirror.asked import do_what_is_asked

ADDRESS = Address("ami", "127.0.0.1", 5038, "panel", "secret")
BEGINNING = 1_795_000_000
WANTED = {*registry.handlers, "FullyBooted", "OriginateResponse"}
MODELS: tuple[type[Mirrored], ...] = (Channel, BridgeRow, ParkedRow, Conference, Participant)
# How long a list may lag behind what it lists, in seconds.
LAG = 5.0

PEOPLE = (
    Party("101", "Anna"),
    model.NOBODY,
    Party("102", "李雷"),
    Party("+4930123", ""),
    Party("", "Zoë"),
    Party("104", "a: b"),
)
ROOMS = ("8001", "8002", "团队: x")


T = TypeVar("T")


class Wrong(AssertionError):
    """The mirror differs from the PBX."""


@dataclass(frozen=True, slots=True)
class Told:
    """An event of the PBX: as it goes to a session, and its fields."""

    event: Event
    about: dict[str, str]

    @property
    def name(self) -> str:
        return self.event.name

    @property
    def who(self) -> str:
        return self.about.get("Uniqueid", "")

    @property
    def conference(self) -> str:
        return self.about.get("Conference", "")


class LaggingSession(ManagerSession):
    """The manager of the demo; its lists can still name those who have just gone."""

    ghosts: Callable[[str, str], list[Fields]]
    _conference_asked = ""

    def _act(self, action: Any) -> None:
        self._conference_asked = action.get("Conference")
        super()._act(action)

    def _list(self, message: str, item: str, items: list[Fields], complete: str, ending: Fields | None = None) -> None:
        super()._list(message, item, [*items, *self.ghosts(item, self._conference_asked)], complete, ending)


class Link(asyncio.Transport):
    """The mirror's end of a connection: what it writes waits until the history lets it be answered."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: deque[bytes] = deque()
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.asked.append(bytes(data))

    def is_closing(self) -> bool:
        return self.is_closed

    def abort(self) -> None:
        self.is_closed = True

    def close(self) -> None:
        self.is_closed = True


class History:
    """One PBX and its mirror. Each public method of `Acts` is something that may happen next."""

    def __init__(self, cuts: int = 0) -> None:
        self.seconds = 0.0
        self.trace: list[str] = []
        self.chance = random.Random(cuts)
        self.cuts = cuts
        self.switch = Switch(self._emit, lambda: BEGINNING + self.seconds, random.Random(1))
        self.state = State(
            "main",
            now=lambda: datetime.fromtimestamp(BEGINNING + self.seconds, UTC),
            monotonic=lambda: self.seconds,
        )
        # What a database would hold, were it written with every tick.
        self.stored: dict[type[Mirrored], dict[str, dict[str, Any]]] = {kind: {} for kind in MODELS}
        self.session: Session | None = None
        self.is_synced = False
        self.tasks: list[asyncio.Task[None]] = []
        self.queue: deque[Told] = deque()
        self._batch: list[Told] = []
        # What is written and not read yet, and the events that may be among it.
        self._unread = b""
        self._half_read: list[Told] = []
        self._link = Link()
        self._manager: LaggingSession
        self._gone: deque[tuple[float, str, str, Fields]] = deque()
        self._names_ghosts = False
        # What the mirror cannot know, since no list tells what an event told while the link was down.
        self.hold_lost: set[str] = set()
        self.recording_lost: set[str] = set()
        # Of these it has been asked.
        self._hold_asked: set[str] = set()

    # The PBX speaks.

    def _emit(self, name: str, fields: Fields) -> None:
        told = Told(event(name, fields), dict(fields))
        self._batch.append(told)
        if self.session is None:
            self._lose(told)

    def _lose(self, told: Told) -> None:
        if told.name in ("Hold", "Unhold"):
            self.hold_lost.add(told.who)
        elif told.name in ("ConfbridgeRecord", "ConfbridgeStopRecord", "ConfbridgeStart", "ConfbridgeEnd"):
            self.recording_lost.add(told.conference)

    def say(self, jumble: int = 0) -> None:
        """What has happened is queued for the mirror; the threads of different channels may pass one another."""
        batch, self._batch = self._batch, []
        if jumble:
            chance = random.Random(jumble)
            for at in range(1, len(batch)):
                if chance.random() < 0.5 and _may_pass(batch[at - 1], batch[at]):
                    batch[at - 1], batch[at] = batch[at], batch[at - 1]
        if self.session is not None:
            self.queue.extend(batch)

    def deliver(self, count: int) -> None:
        """The next few events of the queue reach the mirror."""
        for _ in range(min(count, len(self.queue))):
            told = self.queue.popleft()
            self.trace.append(f"    {told.name} {told.about.get('Channel', told.conference)}")
            if told.name in ("Hangup", "ConfbridgeLeave"):
                snapshot = [(key, value) for key, value in told.about.items() if key in _SNAPSHOT]
                self._gone.append((self.seconds, told.name, told.conference, snapshot))
            elif told.name == "BridgeLeave" or (told.name in ("Hold", "Unhold") and self.is_synced):
                self.hold_lost.discard(told.who)
            elif told.name in ("Hold", "Unhold"):
                # Before the first list the bridge in which they hold is unknown, and so whether they have left it.
                self.hold_lost.add(told.who)
            elif told.name in ("ConfbridgeStart", "ConfbridgeEnd"):
                self.recording_lost.discard(told.conference)
            elif told.name in ("ConfbridgeRecord", "ConfbridgeStopRecord"):
                # Of a conference that no list has named yet, it says nothing to the mirror.
                is_known = clean(told.conference) in self.state.table(Conference).rows
                (self.recording_lost.discard if is_known else self.recording_lost.add)(told.conference)
            self._half_read.append(told)
            self._manager.take_event(told.event)

    def _send(self, data: bytes) -> None:
        self._unread += data

    def read(self, *, all_of_it: bool = False) -> None:
        """The mirror reads what has been written, in pieces as the network gives them."""
        session = self.session
        data, self._unread = self._unread, b""
        at = 0
        while session is not None and at < len(data):
            size = self.chance.choice((1, 3, 50, 400, 1460, 65536)) if self.cuts else len(data)
            if self.cuts and not all_of_it and at + size >= len(data):
                self._unread = data[at:]
                return
            session.data_received(data[at : at + size])
            at += size
        self._half_read.clear()

    def ghosts(self, item: str, conference: str) -> list[Fields]:
        """What a list still names: of these the mirror has heard that they are gone."""
        while self._gone and self._gone[0][0] < self.seconds - LAG:
            self._gone.popleft()
        if not self._names_ghosts or self.queue or self._batch:
            return []
        if item == "CoreShowChannel":
            extra = [("Application", "Wait"), ("ApplicationData", ""), ("Duration", duration(9)), ("BridgeId", "")]
            return [[*snapshot, *extra] for _, name, _, snapshot in self._gone if name == "Hangup"]
        if item == "ConfbridgeList":
            here = {member.channel.uniqueid for member in self.switch.conferences[conference].members}
            extra = [("Conference", conference), ("Admin", "No"), ("MarkedUser", "No"), ("Muted", "No")]
            return [
                [*extra, *snapshot]
                for _, name, room, snapshot in self._gone
                if name == "ConfbridgeLeave" and room == conference and dict(snapshot)["Uniqueid"] not in here
            ]
        return []

    # The link.

    async def connect(self) -> None:
        """The link comes up: greeting, login, and all events from now on."""
        self.say()
        self.queue.clear()
        self._unread = b""
        self._link = link = Link()

        async def connect(_address: Address, factory: Callable[[], asyncio.Protocol], *, timeout: float) -> Link:
            made = factory()
            assert isinstance(made, Session)
            self.session = made
            made.connection_made(link)
            self._manager = LaggingSession(
                Dialplan(self.switch, Schedule(0), {}, random.Random(1)),
                AstDb({}),
                Configuration({}, BEGINNING),
                (ADDRESS.username, ADDRESS.secret),
                BEGINNING,
                send=self._send,
                close=lambda: None,
                announce=self._emit,
                later=lambda _seconds, _callback: None,
            )
            self._manager.ghosts = self.ghosts
            return link

        with mock.patch.object(transports, "connect", connect):
            opening = asyncio.ensure_future(
                Session.open(ADDRESS, self._hear, events=EVENT_MASK, wanted=WANTED)  # as the worker opens it
            )
            while not opening.done():
                await asyncio.sleep(0)
                self.read(all_of_it=True)
                if link.asked:
                    self._manager.receive(link.asked.popleft())
        await opening
        self.start(sync.take)

    def _hear(self, message: Message) -> None:
        self.state.fold(message)

    async def cut(self) -> None:
        """The link breaks, maybe within a message; what was on its way is lost."""
        session, self.session = self.session, None
        if session is None:
            return
        for told in [*self._half_read, *self.queue, *self._batch]:
            self._lose(told)
        # If it is known that somebody holds, but not yet in which bridge, no list tells that they have left it.
        self.hold_lost |= {
            row.uniqueid for row in self.state.table(Channel).rows.values() if row.on_hold and not row.bridge
        }
        self._gone.clear()
        self._hold_asked.clear()
        self._half_read.clear()
        self.queue.clear()
        self._unread = b""
        self._link.close()
        session.connection_lost(None)
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.tasks.clear()
        self.state.requests.clear()
        self.is_synced = False

    def start(self, work: Callable[[Session, State], Awaitable[object]]) -> None:
        """Begin a snapshot or a refresh; the history decides when its questions are answered."""
        if self.session is not None and len(self.tasks) < 2:
            self.tasks.append(asyncio.ensure_future(self._run(self.session, work)))

    async def _run(self, session: Session, work: Callable[[Session, State], Awaitable[object]]) -> None:
        try:
            await work(session, self.state)
        except AmiError:
            assert session.closed.done(), "only the end of the link may end a snapshot"
            return
        if work is sync.take:
            self.is_synced = True
            self.hold_lost -= self._hold_asked
            self._hold_asked.clear()

    async def answer(self, *, names_ghosts: bool = False, is_read: bool = True) -> None:
        """The next question is answered, of this moment, past all events that wait.

        Where it is not read at once, events that come behind it are read together with it.
        """
        await asyncio.sleep(0)
        if self.session is None or not self._link.asked:
            return
        self._names_ghosts = names_ghosts
        asked = self._link.asked.popleft()
        name = asked.partition(b"\r\n")[0].decode()
        self.trace.append(f"    < {name}{' with ghosts' if names_ghosts else ''}")
        self._manager.receive(asked)
        if name == "Action: Getvar" and b"CHANNEL(onhold)" in asked:
            about = ActionFields(asked.decode())
            partners = {channel.uniqueid for channel in self._partners(about.get("Channel"))}
            self._hold_asked |= partners
            if not partners:
                # By now they are no longer two, so the answer says nothing of who was taken for the partner.
                bridges = {
                    row.bridge for row in self.state.table(Channel).rows.values() if row.name == about.get("Channel")
                }
                self.hold_lost |= {r.uniqueid for r in self.state.table(Channel).rows.values() if r.bridge in bridges}
        self._names_ghosts = False
        if is_read:
            self.read()
            await self._let_tasks_run()

    def _partners(self, name: str) -> list[model.Channel]:
        """The other one in a call of two."""
        channel = self.switch.channels.get(name)
        both = channel.bridge.channels if channel is not None and channel.bridge is not None else []
        return [other for other in both if other is not channel] if len(both) == 2 else []

    async def _let_tasks_run(self) -> None:
        for _ in range(4):
            await asyncio.sleep(0)
        for task in [task for task in self.tasks if task.done()]:
            self.tasks.remove(task)
            task.result()

    async def settle(self, *, whole: bool = False) -> None:
        """All is delivered, all questions are answered, what was asked for is read anew; then both must be equal.

        With `whole` a snapshot is taken of the PBX at rest, which tells what no event tells too.
        """
        self.say()
        if self.session is None:
            await self.connect()
        elif not self.is_synced and not self.tasks:
            self.start(sync.take)
        await self._finish()
        if whole:
            await self.settle()
            session = self.session
            assert session is not None
            checking = asyncio.ensure_future(sync.check(session, self.state, settle=0))
            while not checking.done():
                await self._finish()
            self._is_excused(await checking)
        self._compare(whole=whole)

    async def _finish(self) -> None:
        for _ in range(1000):
            self.deliver(len(self.queue))
            self.read(all_of_it=True)
            await self._let_tasks_run()
            if self._link.asked:
                await self.answer()
            elif self.state.requests and not self.tasks:
                self.start(refresh)
            elif not self.tasks and not self.queue and not self._unread:
                return
        raise Wrong("the mirror does not come to rest")

    # What must be.

    def tick(self) -> None:
        """What has changed is written to the database."""
        changes = self.state.take()
        for kind in MODELS:
            for key in changes.removals[kind]:
                self.stored[kind].pop(key, None)
            for row in changes.upserts[kind]:
                self.stored[kind][row.key] = _values(row)

    def _compare(self, *, whole: bool) -> None:
        wrong = [*self._channels(), *self._bridges(), *self._conferences(whole), *self._tables()]
        if wrong:
            raise Wrong("\n".join(wrong))

    def _is_excused(self, drift: list[sync.Difference]) -> None:
        """What the drift check may find although every event has been folded."""
        prompted = {member.channel.uniqueid for room in self.switch.conferences.values() for member in room.members}
        for difference in drift:
            if difference.model is not Participant or difference.field or difference.key not in prompted:
                raise Wrong(f"drift: {difference}")

    def _channels(self) -> Iterator[str]:
        rows = self.state.table(Channel).rows
        channels = {channel.uniqueid: channel for channel in self.switch.channels.values()}
        yield from _missing("channel", set(channels), set(rows))
        calls = _calls(list(channels.values()))
        for uniqueid in channels.keys() & rows.keys():
            channel, row = channels[uniqueid], rows[uniqueid]
            expected: dict[str, Any] = {
                "linkedid": channel.linkedid,
                "call": calls[channel.linkedid],
                "name": channel.name,
                "state": channel.state.value[1],
                "caller_number": clean(channel.caller.number),
                "caller_name": clean(channel.caller.name),
                "connected_number": clean(channel.connected.number),
                "connected_name": clean(channel.connected.name),
                "account_code": channel.account_code,
                "extension": channel.extension,
                "bridge": channel.bridge.id if channel.bridge else "",
                "on_hold": channel.on_hold,
            }
            if uniqueid in self.hold_lost:
                del expected["on_hold"]
            yield from _different(f"channel {channel.name}", expected, row)
            if (row.answered_at is None) != (channel.state is not model.State.UP):
                yield f"channel {channel.name}: {row.state}, answered at {row.answered_at}"

    def _bridges(self) -> Iterator[str]:
        rows = self.state.table(BridgeRow).rows
        yield from _missing("bridge", set(self.switch.bridges), set(rows))
        for key in self.switch.bridges.keys() & rows.keys():
            bridge = self.switch.bridges[key]
            name = "" if bridge.name == model.UNKNOWN else bridge.name
            yield from _different(f"bridge {key}", {"kind": bridge.type, "name": name}, rows[key])
        waiting = self.state.table(ParkedRow).rows
        parked = {call.channel.uniqueid: call for call in self.switch.parked.values()}
        yield from _missing("parked call", set(parked), set(waiting))
        for key in parked.keys() & waiting.keys():
            call = parked[key]
            told = {"space": str(call.space), "timeout": call.seconds, "parked_by": call.parker}
            yield from _different(f"parked call {key}", told, waiting[key])

    def _conferences(self, whole: bool) -> Iterator[str]:
        rows, people = self.state.table(Conference).rows, self.state.table(Participant).rows
        yield from _missing("conference", set(self.switch.conferences), set(rows))
        members = {
            member.channel.uniqueid: member
            for conference in self.switch.conferences.values()
            for member in conference.members
        }
        # Only a list tells of those who listen to the prompt, and not of one who has just left and comes again.
        told = {uniqueid for uniqueid, member in members.items() if member.has_joined}
        if whole:
            told |= {
                uniqueid
                for uniqueid, member in members.items()
                if not self.state.has_tombstone(f"{member.conference.name}/{uniqueid}")
            }
        yield from _missing("participant", told, set(people) - (members.keys() - told))
        for name, conference in self.switch.conferences.items():
            row = rows.get(name)
            if row is None:
                continue
            flags: dict[str, Any] = {"muted": False}
            if whole:
                flags["locked"] = conference.locked
            if name not in self.recording_lost:
                flags["recording"] = conference.recording
            yield from _different(f"conference {name}", flags, row)
        for uniqueid in members.keys() & people.keys():
            member = members[uniqueid]
            channel = member.channel
            expected = {
                "conference": member.conference.name,
                "channel": channel.name,
                "caller_number": clean(channel.caller.number),
                "caller_name": clean(channel.caller.name),
                "admin": member.admin,
                "muted": member.muted,
                "talking": member.talking,
            }
            if whole or member.has_joined:
                expected["marked"] = member.marked
            silent = any(other.marked and not other.has_joined for other in member.conference.members)
            if whole or (member.has_joined and not silent):
                expected["waiting"] = member.waiting
            yield from _different(f"participant {channel.name}", expected, people[uniqueid])

    def _tables(self) -> Iterator[str]:
        """The state agrees with itself: its indexes, and what its ticks have written."""
        self.tick()
        for kind in MODELS:
            table = self.state.table(kind)
            for field in kind.indexed_fields:
                found = {
                    row.key: value
                    for value in {getattr(row, field) for row in table.rows.values()}
                    for row in table.where(field, value)
                }
                if found != {key: getattr(row, field) for key, row in table.rows.items()}:
                    yield f"the index of {kind.__name__} by {field} is wrong"
            if self.stored[kind] != {key: _values(row) for key, row in table.rows.items()}:
                yield f"what was written of {kind.__name__} is not what is known"


async def check(session: Session, state: State) -> None:
    """The drift check amid all that happens: it may heal wrongly what is only late, and must do no lasting harm."""
    await sync.check(session, state, settle=0)


async def refresh(session: Session, state: State) -> None:
    """As the worker does when handlers have asked for it."""
    await do_what_is_asked(session, state)


_SNAPSHOT = frozenset(key for key, _ in model.Channel("", "", "", 0, model.State.UP, model.NOBODY, "", "").fields())


def _values(row: WorkerOwned) -> dict[str, Any]:
    return {name: value for name, value in row.__dict__.items() if name[0] != "_"}


def _calls(channels: list[model.Channel]) -> dict[str, str]:
    """Linkedid → the call: those that a Local channel joins are one, the oldest of them."""
    calls = {channel.linkedid: channel.linkedid for channel in channels}
    for channel in channels:
        if channel.twin is not None:
            one, other = calls[channel.linkedid], calls[channel.twin.linkedid]
            oldest = min(one, other, key=model.age)
            calls = {linkedid: oldest if call in (one, other) else call for linkedid, call in calls.items()}
    return calls


def _missing(kind: str, expected: set[str], found: set[str]) -> Iterator[str]:
    for key in sorted(expected - found):
        yield f"{kind} {key} is missing"
    for key in sorted(found - expected):
        yield f"{kind} {key} is a ghost"


def _different(what: str, expected: dict[str, Any], row: Mirrored) -> Iterator[str]:
    for name, value in expected.items():
        if getattr(row, name) != value:
            yield f"{what}: {name} is {value!r}, mirrored as {getattr(row, name)!r}"


def _may_pass(first: Told, second: Told) -> bool:
    """Whether another thread of Asterisk may have said the second before the first."""
    whose = [{value for key, value in told.about.items() if key.endswith("Uniqueid")} for told in (first, second)]
    return frozenset((first.name, second.name)) in _OF_TWO_THREADS or not whose[0] & whose[1]


# Events of one bridge or channel that come in either order all the same.
_OF_TWO_THREADS = {
    frozenset(("ConfbridgeEnd", "BridgeLeave")),
    frozenset(("ConfbridgeTalking", "ConfbridgeMute")),
    frozenset(("ConfbridgeTalking", "ConfbridgeUnmute")),
}


class Acts(History):
    """Everything that may happen. Each takes two numbers that choose among what is possible; where nothing is, nothing
    happens."""

    def nothing(self, a: int, b: int) -> None:
        pass

    # Between the PBX and its mirror.

    async def link_comes_up(self, a: int, b: int) -> None:
        if self.session is None:
            await self.connect()

    async def link_breaks(self, a: int, b: int) -> None:
        if b % 3 == 0:
            await self.cut()

    def some_events_arrive(self, a: int, b: int) -> None:
        self.deliver(1 + a % 12)
        self.read()

    async def a_question_is_answered(self, a: int, b: int) -> None:
        await self.answer(names_ghosts=b % 3 == 1, is_read=b % 5 > 1)

    async def questions_are_answered(self, a: int, b: int) -> None:
        for number in range(a % 6, -1, -1):
            await self.answer(names_ghosts=b % 3 == 1, is_read=number > 0 or b % 5 > 1)

    def what_was_asked_for_is_read_anew(self, a: int, b: int) -> None:
        if self.is_synced and self.state.requests:
            self.start(refresh)

    def drift_is_looked_for(self, a: int, b: int) -> None:
        if self.is_synced:
            self.start(check if b % 3 else sync.take)

    async def all_is_quiet(self, a: int, b: int) -> None:
        await self.settle(whole=b % 3 == 1)

    def time_passes(self, a: int, b: int) -> None:
        self.seconds += (0.1, 1, 4, 30, 90)[a % 5]
        for parked in list(self.switch.parked.values()):
            if self.switch.now() >= parked.parked_at + parked.seconds - 1:
                self.switch.parking_times_out(parked)

    def a_tick(self, a: int, b: int) -> None:
        self.tick()

    # Calls.

    def somebody_calls(self, a: int, b: int) -> None:
        party, inside = PEOPLE[a % len(PEOPLE)], b % 2 == 0
        endpoint = f"PJSIP/{100 + a % 5}" if inside else "PJSIP/outside"
        self.switch.new_channel(endpoint, party, state=model.State.RING, extension=f"{101 + b % 5}")

    def somebody_is_called(self, a: int, b: int) -> None:
        channel = self.switch.new_channel(f"PJSIP/{100 + a % 5}", PEOPLE[a % len(PEOPLE)], originated=True)
        if b % 2:
            self.switch.set_connected(channel, PEOPLE[b % len(PEOPLE)])
        if b % 3:
            self.switch.change_state(channel, model.State.RINGING)

    def somebody_dials(self, a: int, b: int) -> None:
        caller = self._channel(
            a, lambda c: c.bridge is None and c.dials is None and c.member is None and c.parked is None
        )
        if caller.state in (model.State.RING, model.State.UP) and not (caller.is_local and caller.name.endswith(";1")):
            if b % 4 == 1:
                caller = self.switch.dial_local(caller, "102")
            self.switch.dial(caller, f"PJSIP/{100 + b % 5}", PEOPLE[b % len(PEOPLE)])

    def two_talk(self, a: int, b: int) -> None:
        """A whole call at once; some by way of a Local channel."""
        self.somebody_calls(a, b)
        caller = list(self.switch.channels.values())[-1]
        half = self.switch.dial_local(caller, "102") if b % 3 == 1 else None
        callee = self.switch.dial(half or caller, f"PJSIP/{100 + b % 5}", PEOPLE[b % len(PEOPLE)])
        self.switch.ring(callee)
        self.switch.connect(callee)
        if caller.dials is not None:
            self.switch.connect(caller.dials)

    def it_rings(self, a: int, b: int) -> None:
        self.switch.ring(self._channel(a, lambda c: c.state is model.State.DOWN and not c.is_local))

    def somebody_answers(self, a: int, b: int) -> None:
        callee = self._channel(a, lambda c: c.dialled_by is not None)
        if callee.is_local and callee.state is not model.State.UP:
            return
        self.switch.connect(callee)

    def a_machine_answers(self, a: int, b: int) -> None:
        channel = self._channel(a, lambda c: c.dials is None and c.dialled_by is None and c.state is not model.State.UP)
        if not channel.is_local and channel.state is not model.State.BUSY:
            self.switch.answer(channel)
            self.switch.run(channel, channel.extension, 2, "Wait", "3600")

    def nobody_answers(self, a: int, b: int) -> None:
        callee = self._channel(a, lambda c: c.dialled_by is not None)
        busy = b % 2 == 0
        caller = callee.dialled_by
        self.switch.hang_up(callee, model.BUSY if busy else model.NO_ANSWER, keep_caller=b % 3 == 0)
        if caller is not None and not caller.is_gone and caller.state is model.State.RING:
            self.switch.refuse(caller, busy=busy)

    def somebody_hangs_up(self, a: int, b: int) -> None:
        self.switch.hang_up(self._channel(a))

    def a_caller_id_changes(self, a: int, b: int) -> None:
        self.switch.set_caller(self._channel(a), PEOPLE[b % len(PEOPLE)])

    def a_connected_line_changes(self, a: int, b: int) -> None:
        self.switch.set_connected(self._channel(a), PEOPLE[b % len(PEOPLE)])

    def an_account_code_changes(self, a: int, b: int) -> None:
        self.switch.set_account_code(self._channel(a), ("", "sales", "支持")[b % 3])

    def somebody_holds(self, a: int, b: int) -> None:
        self.switch.hold(self._channel(a, lambda c: c.bridge is not None and not c.on_hold and not c.parked))

    def somebody_takes_back(self, a: int, b: int) -> None:
        self.switch.unhold(self._channel(a, lambda c: c.on_hold))

    def two_are_bridged(self, a: int, b: int) -> None:
        self.switch.bridge(self._channel(a, _up), self._channel(b, _up))

    def one_more_joins_a_call(self, a: int, b: int) -> None:
        self.switch.join_call(self._channel(a, _up), self._bridge(b))

    def two_calls_become_one(self, a: int, b: int) -> None:
        into, other = self._bridge(a), self._bridge(b)
        waited_for = [c for c in self.switch.channels.values() if c.is_consulting]
        if not any(bridge in (into, other) for c in waited_for for bridge in (c.bridge, c.consults_for)):
            self.switch.merge(into, other)

    def somebody_is_redirected(self, a: int, b: int) -> None:
        channel = self._channel(a, _up)
        self.switch.redirect(channel, "102")
        if b % 3 and not channel.is_gone:
            self.switch.dial(channel, f"PJSIP/{100 + b % 5}", PEOPLE[b % len(PEOPLE)])

    def somebody_transfers_blindly(self, a: int, b: int) -> None:
        partner = self.switch.blind_transfer(self._channel(a, _talks), "102", "internal")
        if not partner.is_gone and partner.dials is None:
            self.switch.dial(partner, f"PJSIP/{100 + b % 5}", PEOPLE[b % len(PEOPLE)])

    def somebody_asks_before_he_transfers(self, a: int, b: int) -> None:
        half = self.switch.consult(self._channel(a, _talks), "104", "internal")
        if b % 4:
            self.switch.dial(half, "PJSIP/104", PEOPLE[b % len(PEOPLE)])

    def a_transfer_is_completed(self, a: int, b: int) -> None:
        self.switch.hang_up(self._channel(a, lambda c: c.is_consulting))

    def a_local_channel_steps_aside(self, a: int, b: int) -> None:
        self.switch.optimize(self._channel(a, lambda c: c.is_local and c.name.endswith(";1") and c.bridge is not None))

    def a_call_is_picked_up(self, a: int, b: int) -> None:
        target = self._channel(a, lambda c: c.dialled_by is not None and c.state is model.State.RINGING)
        self.switch.pick_up(self._channel(b, lambda c: c.state is model.State.RING and not c.dials), target)

    def a_call_is_parked(self, a: int, b: int) -> None:
        self.switch.park(self._channel(a, _talks))

    def a_parked_call_is_taken(self, a: int, b: int) -> None:
        parked = _choose(list(self.switch.parked.values()), a)
        self.switch.unpark(parked, self._channel(b, lambda c: _up(c) and c.bridge is None))

    def nobody_takes_a_parked_call(self, a: int, b: int) -> None:
        channel = self.switch.parking_times_out(_choose(list(self.switch.parked.values()), a))
        if b % 2:
            self.switch.dial(channel, f"PJSIP/{100 + b % 5}", PEOPLE[b % len(PEOPLE)])

    # Conferences.

    def somebody_joins(self, a: int, b: int) -> None:
        channel = self._channel(a, lambda c: c.bridge is None and c.dials is None and not c.member and not c.parked)
        if channel.dialled_by is not None or channel.state is model.State.BUSY:
            return
        if channel.state is not model.State.UP:
            self.switch.answer(channel)
        kind = b // len(ROOMS)
        member = self.switch.begin_to_join(
            channel,
            ROOMS[b % len(ROOMS)],
            admin=kind % 4 == 1,
            muted=kind % 5 == 2,
            marked=kind % 4 == 1,
            wait_marked=kind % 3 == 2,
        )
        if kind % 2 == 0:
            self.switch.finish_joining(member)

    def somebody_comes_and_joins(self, a: int, b: int) -> None:
        self.somebody_calls(a, 1)
        self.somebody_joins(len(self.switch.channels) - 1, b)

    def a_prompt_is_over(self, a: int, b: int) -> None:
        self.switch.finish_joining(_choose([member for member in self._members() if not member.has_joined], a))

    def somebody_is_muted(self, a: int, b: int) -> None:
        self.switch.mute(_choose(self._members(), a), b % 2 == 0)

    def everybody_is_muted(self, a: int, b: int) -> None:
        for member in self._conference(a).members:
            self.switch.mute(member, b % 2 == 0)

    def somebody_speaks(self, a: int, b: int) -> None:
        self.switch.speak(_choose(self._members(), a), b % 3 > 0)

    def somebody_is_kicked(self, a: int, b: int) -> None:
        self.switch.kick(_choose(self._members(), a))

    def somebody_leaves_by_the_menu(self, a: int, b: int) -> None:
        self.switch.leave(_choose([member for member in self._members() if member.has_joined], a))

    def a_conference_is_locked(self, a: int, b: int) -> None:
        self.switch.lock(self._conference(a), b % 2 == 0)

    def a_recording_begins_or_ends(self, a: int, b: int) -> None:
        conference = self._conference(a)
        self.switch.record(conference, not conference.recording)

    def a_conference_ends(self, a: int, b: int) -> None:
        for member in list(self._conference(a).members) if b % 2 else ():
            self.switch.hang_up(member.channel)

    def an_originate_is_answered(self, a: int, b: int) -> None:
        response = [("ActionID", f"x-{a}"), ("Response", "Failure"), ("Reason", "0"), ("Uniqueid", model.UNKNOWN)]
        self._emit("OriginateResponse", response)

    # Who.

    def _channel(self, number: int, fits: Callable[[model.Channel], object] = lambda _channel: True) -> model.Channel:
        return _choose([channel for channel in self.switch.channels.values() if fits(channel)], number)

    def _bridge(self, number: int) -> Bridge:
        return _choose([b for b in self.switch.bridges.values() if b.type == "basic" and b.channels], number)

    def _members(self) -> list[Member]:
        return [member for conference in self.switch.conferences.values() for member in conference.members]

    def _conference(self, number: int) -> model.Conference:
        return _choose(list(self.switch.conferences.values()), number)

    # Playing.

    async def play(self, steps: list[tuple[str, int, int]]) -> None:
        """One history, and the end of all: everybody hangs up, and nothing must be left."""
        for name, a, b in steps:
            if name != "nothing":
                await self.do(name, a, b)
        await self.settle()
        await self.settle(whole=True)
        self.trace.append("everybody hangs up")
        while self.switch.channels:
            self.switch.hang_up(next(iter(self.switch.channels.values())))
        await self.settle()
        left = [row for kind in MODELS if kind is not BridgeRow for row in self.state.table(kind).rows.values()]
        if left:
            raise Wrong(f"left behind: {left}")

    async def do(self, name: str, a: int, b: int) -> None:
        at, could_be = len(self.trace), True
        try:
            result = getattr(self, name)(a, b)
            if inspect.isawaitable(result):
                await result
        except (IllegalTransition, Impossible):
            could_be = False  # not now; but what the attempt has begun has happened
        if could_be or self._batch:
            told = ", ".join(told.name for told in self._batch)
            self.trace.insert(at, f"{name.replace('_', ' ')} ({a}, {b}){': ' if told else ''}{told}")
        self.say(jumble=b % 8)


class Impossible(Exception):
    """There is nobody to whom this could happen."""


def _choose(candidates: list[T], number: int) -> T:
    if not candidates:
        raise Impossible
    return candidates[number % len(candidates)]


def _up(channel: model.Channel) -> bool:
    return channel.state is model.State.UP and channel.member is None and channel.parked is None


def _talks(channel: model.Channel) -> bool:
    return _up(channel) and channel.bridge is not None and not channel.is_local


MIRROR = (
    "link_comes_up", "link_breaks", "some_events_arrive", "a_question_is_answered", "questions_are_answered",
    "what_was_asked_for_is_read_anew", "drift_is_looked_for", "all_is_quiet", "time_passes", "a_tick",
)  # fmt: skip
WORLD = tuple(name for name in vars(Acts) if name[0] != "_" and name not in (*MIRROR, "nothing", "play", "do"))
# How often each happens, beside the others.
WEIGHTS = {
    "some_events_arrive": 6, "a_question_is_answered": 4, "questions_are_answered": 3, "a_machine_answers": 2,
    "what_was_asked_for_is_read_anew": 2, "somebody_calls": 4, "somebody_dials": 5, "it_rings": 4,
    "somebody_answers": 6, "somebody_comes_and_joins": 6, "a_prompt_is_over": 2, "two_talk": 5,
    "a_local_channel_steps_aside": 3, "a_parked_call_is_taken": 3, "a_call_is_parked": 2, "a_transfer_is_completed": 2,
    "two_calls_become_one": 2, "one_more_joins_a_call": 2, "a_call_is_picked_up": 3, "somebody_is_called": 2,
}  # fmt: skip
ACTS = ("nothing", *(name for act in (*MIRROR, *WORLD) for name in [act] * WEIGHTS.get(act, 1)))

"""A snapshot with the events since gives what listening from the start would have given."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from calls.models import Bridge, Channel, ParkedCall
from conferences.models import Conference, Participant
from engine.ami import actions
from engine.ami.client import Session
from engine.ami.protocol import Message
from engine.ami.transports import Address
from engine.demo import DemoPbx, load
from engine.mirror import registry, sync
from engine.mirror.folding import EVENT_MASK
from engine.mirror.models import Mirrored
from engine.mirror.state import State, utc_now
from extensions.models import Device, Extension, Mailbox
from extensions.presence.models import Forwarding
from tests.engine.ami.server import Peer, serving
from tests.engine.mirror.asked import do_what_is_asked, is_anything_asked
from tests.engine.mirror.events import BRIDGE, CHANNEL
from tests.lab.asterisk import Asterisk
from tests.waiting import until_async

pytestmark = [pytest.mark.timeout(60)]

MODELS: list[type[Mirrored]] = [Channel, Conference, Participant]
# Times a list can only guess, and what no list tells.
GUESSED = {"created_at", "answered_at", "joined_at", "started_at", "record", "attendance", "talking_since"}
GUESSED |= {"talked", "muted_by", "hand_at", "recording_file", "recording", "arguments", "hears"}

Rows = dict[str, dict[str, dict[str, object]]]


class Mirror:
    """A state and the session whose events it folds."""

    def __init__(self) -> None:
        self.state = State("main")
        self.session: Session
        # How many events have come.
        self.heard = 0

    async def connect(self, address: Address) -> None:
        fold = self.state.fold

        def hear(event: Message) -> None:
            self.heard += 1
            fold(event)

        self.session = await Session.open(address, hear, events=EVENT_MASK, wanted={*registry.handlers, "FullyBooted"})

    async def take(self) -> None:
        await sync.take(self.session, self.state)

    async def settle(self) -> None:
        """Wait until all that the PBX has said before is folded, and what was asked for then is read anew."""
        await self.session.ask(actions.core_settings())
        while is_anything_asked(self.state):
            await self.refresh()

    async def refresh(self) -> None:
        """Read anew what handlers asked for, as the worker does."""
        await do_what_is_asked(self.session, self.state)

    @property
    def rows(self) -> Rows:
        """All rows, without the times."""
        return {
            model.__name__: {
                key: {name: value for name, value in row.__dict__.items() if name not in GUESSED and name[0] != "_"}
                for key, row in self.state.table(model).rows.items()
            }
            for model in MODELS
        }

    def count(self) -> list[int]:
        return [len(self.state.table(model).rows) for model in MODELS]


@contextlib.asynccontextmanager
async def mirroring(address: Address) -> AsyncIterator[Mirror]:
    mirror = Mirror()
    await mirror.connect(address)
    try:
        yield mirror
    finally:
        mirror.session.close()


@pytest.fixture
async def pbx() -> AsyncIterator[DemoPbx]:
    """A quiet demo PBX, not yet started."""
    pbx = DemoPbx(seed=5, lively=False)
    yield pbx
    await pbx.stop()


async def test_a_snapshot_gives_the_same_rows_as_listening_from_the_start(pbx: DemoPbx) -> None:
    address = await pbx.start()
    async with mirroring(address) as listener, mirroring(address) as late:
        callers = load.place_calls(pbx.switch, 20)
        members = load.fill_conference(pbx.switch, "8001", 5, first=100)
        load.fill_conference(pbx.switch, "8002", 3, first=200)
        pbx.switch.mute(members[1], True)
        pbx.switch.speak(members[2], True)
        pbx.switch.hang_up(callers[3])
        late.state = State("main")  # as if it had heard nothing of all that
        late.session.close()
        await late.connect(address)
        await late.take()
        await listener.settle()
        assert late.rows == listener.rows
        assert late.count() == [46, 2, 8]
        rows = late.state.table(Participant).rows.values()
        assert [row.muted for row in rows].count(True) == [row.talking for row in rows].count(True) == 1


async def test_a_snapshot_of_a_pbx_where_nothing_happens_tells_of_idle_phones_alone(pbx: DemoPbx) -> None:
    async with mirroring(await pbx.start()) as mirror:
        answer = await mirror.session.ask_list(actions.confbridge_list_rooms())
        assert (answer.ok, answer.text) == (False, "No active conferences.")
        await mirror.take()
        assert mirror.count() == [0, 0, 0]
        changes = mirror.state.take()
        assert {model for model, rows in changes.upserts.items() if rows} == {Device, Extension, Mailbox, Forwarding}
        assert not any(changes.removals.values())
        assert {row.text for row in mirror.state.table(Extension).rows.values()} == {"Idle"}
        assert {row.state for row in mirror.state.table(Device).rows.values()} == {"NOT_INUSE", "UNAVAILABLE"}
        assert not mirror.state.is_dirty


async def test_a_second_snapshot_changes_nothing(pbx: DemoPbx) -> None:
    async with mirroring(await pbx.start()) as mirror:
        load.place_calls(pbx.switch, 5)
        load.fill_conference(pbx.switch, "8001", 3, first=100)
        await mirror.take()
        mirror.state.take()
        await mirror.take()
        assert not mirror.state.is_dirty, mirror.state.take()


async def test_what_ended_while_the_link_was_down_is_swept(pbx: DemoPbx) -> None:
    address = await pbx.start()
    async with mirroring(address) as mirror:
        callers = load.place_calls(pbx.switch, 4)
        stay = load.fill_conference(pbx.switch, "8001", 3, first=100)
        over = load.fill_conference(pbx.switch, "8002", 2, first=200)
        await mirror.take()
        assert mirror.count() == [13, 2, 5]
        mirror.state.take()
        mirror.session.close()
        load.hang_up_all(pbx.switch, [callers[0], stay[0].channel, *(member.channel for member in over)])
        (joined,) = load.fill_conference(pbx.switch, "8003", 1, first=300)
        await mirror.connect(address)
        await mirror.take()
        assert mirror.count() == [9, 2, 3]
        assert set(mirror.state.table(Conference).rows) == {"8001", "8003"}
        assert joined.channel.uniqueid in mirror.state.table(Participant).rows
        removed = mirror.state.take().removals
        assert removed[Conference] == ["8002"]
        assert {stay[0].channel.uniqueid, *(member.channel.uniqueid for member in over)} == set(removed[Participant])
        assert len(removed[Channel]) == 5


async def test_the_last_conference_that_ended_while_the_link_was_down_is_swept(pbx: DemoPbx) -> None:
    address = await pbx.start()
    async with mirroring(address) as mirror:
        members = load.fill_conference(pbx.switch, "8001", 2)
        await mirror.take()
        mirror.session.close()
        load.hang_up_all(pbx.switch, [member.channel for member in members])
        await mirror.connect(address)
        await mirror.take()
        assert mirror.count() == [0, 0, 0]


async def test_a_snapshot_guesses_how_long_things_have_lasted(pbx: DemoPbx) -> None:
    address = await pbx.start()
    load.place_calls(pbx.switch, 1)
    load.fill_conference(pbx.switch, "8001", 1, first=100)
    async with mirroring(address) as mirror:
        mirror.state.now = lambda: utc_now() + timedelta(hours=1)
        await mirror.take()
        (conference,) = mirror.state.table(Conference).rows.values()
        (participant,) = mirror.state.table(Participant).rows.values()
        assert conference.started_at <= participant.joined_at
        for channel in mirror.state.table(Channel).rows.values():
            assert channel.answered_at == channel.created_at
            assert abs(mirror.state.now() - channel.created_at) < timedelta(seconds=10)


async def test_a_snapshot_amid_calls_that_come_and_go_agrees_with_who_listened_always(pbx: DemoPbx) -> None:
    address = await pbx.start()

    went_on = asyncio.Event()

    async def traffic() -> None:
        number = 0
        while True:
            number += 10
            callers = load.place_calls(pbx.switch, 5, first=number)
            name = f"80{number % 7:02}"
            members = load.fill_conference(pbx.switch, name, 2, first=5000 + number)
            await asyncio.sleep(0.001)  # the pace of the traffic
            load.hang_up_all(pbx.switch, callers[1:])
            await asyncio.sleep(0)
            load.hang_up_all(pbx.switch, [members[0].channel])
            if number % 3:
                load.hang_up_all(pbx.switch, [members[1].channel])
            went_on.set()

    async with mirroring(address) as listener, mirroring(address) as late:
        busy = asyncio.create_task(traffic())
        await until_async(lambda: listener.count()[0] >= 20)
        late.state = State("main")
        late.session.close()
        await late.connect(address)
        for _ in range(5):
            await late.take()
            went_on.clear()
            await asyncio.wait_for(went_on.wait(), 20)
        assert not busy.done()
        busy.cancel()
        await asyncio.gather(busy, return_exceptions=True)
        await listener.settle()
        await late.settle()
        assert late.rows == listener.rows
        assert min(late.count()) > 0


async def test_what_happens_while_the_lists_are_on_their_way_is_newer_than_they() -> None:
    def channel(uniqueid: str) -> tuple[str, ...]:
        said = {**CHANNEL, "Channel": f"PJSIP/101-{uniqueid}", "ChannelStateDesc": "Up", "Uniqueid": uniqueid}
        return tuple(f"{key}: {value}" for key, value in said.items())

    def bridge(uniqueid: str) -> tuple[str, ...]:
        return tuple(f"{key}: {value}" for key, value in {**BRIDGE, "BridgeUniqueid": uniqueid}.items())

    async def script(peer: Peer) -> None:
        await peer.login()
        action = await peer.expect("BridgeList")
        peer.answer(action, "EventList: start")
        peer.say("Event: BridgeDestroy", *bridge("gone"))
        peer.say("Event: BridgeCreate", *bridge("new"))
        peer.item(action, "BridgeListItem", "BridgeUniqueid: gone")
        peer.item(action, "BridgeListItem", "BridgeUniqueid: named")
        peer.item(action, "BridgeListComplete", "EventList: Complete")
        action = await peer.expect("CoreShowChannels")
        peer.answer(action, "EventList: start")
        peer.say("Event: Hangup", *channel("gone"))
        peer.say("Event: Newchannel", *channel("new"))
        peer.item(action, "CoreShowChannel", *channel("gone"))
        peer.item(action, "CoreShowChannel", *channel("named"))
        peer.item(action, "CoreShowChannelsComplete", "EventList: Complete")
        action = await peer.expect("ParkedCalls")
        peer.answer(action, "EventList: start")
        peer.item(action, "ParkedCall", "ParkeeUniqueid: gone", "ParkingSpace: 701")
        peer.item(action, "ParkedCall", "ParkeeUniqueid: named", "ParkingSpace: 702", "ParkingDuration: 5")
        peer.item(action, "ParkedCallsComplete", "EventList: Complete")
        action = await peer.expect("ConfbridgeListRooms")
        peer.say("Event: ConfbridgeStart", "Conference: new", *bridge("room"))
        peer.answer(action, "EventList: start")
        peer.item(action, "ConfbridgeListRooms", "Conference: old", "Locked: Yes")
        peer.item(action, "ConfbridgeListRoomsComplete", "EventList: Complete")
        action = await peer.expect("ConfbridgeList")
        peer.answer(action, "EventList: start")
        peer.say("Event: ConfbridgeJoin", "Conference: old", *channel("new"))
        peer.item(action, "ConfbridgeList", "Conference: old", *channel("gone"))
        peer.item(action, "ConfbridgeList", "Conference: old", "MarkedUser: Yes", *channel("named"))
        peer.item(action, "ConfbridgeListComplete", "EventList: Complete")
        for listing in (
            "Status",
            "ExtensionStateList",
            "DeviceStateList",
            "PresenceStateList",
            "VoicemailUsersList",
            "DBGetTree",
        ):
            peer.answer(await peer.expect(listing), "Message: Permission denied", response="Error")
        peer.answer(await peer.expect("Ping"))
        await peer.gone()

    async with serving(script) as server, mirroring(server.address) as mirror:
        state = mirror.state
        now = state.now()
        state.table(Channel).add("gone", name="x", created_at=now)
        state.table(Channel).add("missed", name="y", created_at=now)
        state.table(Bridge).add("missed")
        state.table(ParkedCall).add("missed", lot="default", space="703", parked_at=now)
        state.table(Device).add("PJSIP/101", state="INUSE")
        state.table(Conference).add("over", started_at=now)
        state.table(Participant).add("missed", conference="over", channel="y", joined_at=now)
        await mirror.take()
        await mirror.session.ask(actions.ping())
        assert set(state.table(Channel).rows) == {"new", "named"}
        assert set(state.table(Bridge).rows) == {"new", "named"}
        assert [(key, row.space) for key, row in state.table(ParkedCall).rows.items()] == [("named", "702")]
        assert set(state.table(Device).rows) == {"PJSIP/101"}  # a list that was refused says nothing
        assert set(state.table(Conference).rows) == {"new", "old"}
        assert {key: row.marked for key, row in state.table(Participant).rows.items()} == {"new": False, "named": True}
        assert [row.locked for key, row in state.table(Conference).rows.items() if key == "old"] == [True]


def arrived(channel: Channel) -> bool:
    """Whether a channel of a call to 602 or to a conference does by now what it will do for good."""
    return channel.is_up and channel.application in ("Wait", "ConfBridge")


async def test_a_snapshot_of_a_real_asterisk_gives_the_same_rows_as_listening(asterisk: Asterisk) -> None:
    address = Address.parse(asterisk.ami_url)
    async with mirroring(address) as listener:
        channels = listener.state.table(Channel).rows
        for target in ("8001", "8101", "8402", "602"):
            action = actions.originate(f"Local/{target}@internal", "internal", "602", timeout=10)
            assert (await listener.session.ask(action)).ok
        await until_async(lambda: listener.count() == [8, 2, 3] and all(map(arrived, channels.values())))
        heard = -1
        while heard != listener.heard:  # until nothing comes while a snapshot is taken
            heard = listener.heard
            await listener.take()  # who is marked only a list tells
            await listener.settle()
        async with mirroring(address) as late:
            await late.take()
            await late.settle()
            assert late.rows == listener.rows
            assert late.count() == [8, 2, 3]
            ends = [row.name for row in late.state.table(Channel).rows.values() if row.name.endswith(";1")]
            for name in ends:
                assert (await late.session.ask(actions.hangup(name))).ok
            await until_async(lambda: not any(late.count() + listener.count()))


async def test_lists_that_a_real_asterisk_refuses_take_nothing_away(asterisk: Asterisk) -> None:
    state = State("main")
    now = state.now()
    state.table(Channel).add("7.1", name="PJSIP/199-1", created_at=now)
    state.table(ParkedCall).add("7.1", lot="default", space="701", parked_at=now)
    state.table(Extension).add("199@internal", extension="199", context="internal")
    state.table(Device).add("PJSIP/199", state="INUSE")
    state.table(Conference).add("8099", started_at=now)
    state.table(Participant).add("7.1", conference="8099", channel="PJSIP/199-1", joined_at=now)
    state.take()
    # Both may read call events only. One may use no action with a privilege, the other those of `reporting`.
    for url, refused in ((asterisk.listener_url, True), (asterisk.limited_url, False)):
        session = await Session.open(Address.parse(url), state.fold, events="off")
        try:
            assert (await session.ask_list(actions.core_show_channels())).ok is not refused
            await sync.take(session, state)
            assert await sync.check(session, state, settle=0) == []
        finally:
            session.close()
        swept = state.take().removals
        gone = {model for model, keys in swept.items() if keys}
        assert gone == (set() if refused else {Channel, Extension, Device, Conference, Participant})
    assert set(state.table(ParkedCall).rows) == {"7.1"}  # its list needs the class `call`

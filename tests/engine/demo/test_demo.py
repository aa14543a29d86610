"""The demo PBX by itself: it keeps lively, it obeys, and what it tells adds up."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

import calls.events  # noqa: F401 (registers what the panel reads)
import conferences.events  # noqa: F401
from calls.models import Channel
from conferences.models import Conference, Participant
from conferences.moving import DIALPLAN
from engine.ami import actions
from engine.ami.client import Answer, Session
from engine.ami.protocol import Action, Message
from engine.ami.transports import Address
from engine.demo import DemoPbx, load
from engine.demo.cli import uptime
from engine.demo.dialplan import HAND, SOUNDS, Dialplan
from engine.demo.expressions import arguments, expand
from engine.demo.fixtures import CAST, OUTSIDERS, Phone
from engine.demo.manager import event, parse_caller_id
from engine.demo.model import Fields, IllegalTransition, Party
from engine.demo.schedule import Schedule
from engine.demo.server import MAX_UNREAD
from engine.demo.simulator import CONFERENCES, FEWEST_MEMBERS, MOST_MEMBERS, Simulator
from engine.demo.switch import Switch
from engine.mirror.dialplan import CONTEXT
from engine.mirror.folding import EVENT_MASK
from engine.mirror.state import State
from tests.kinds import runs_a_program
from tests.matrix import share

from .benches import quick_phones

pytestmark = [pytest.mark.timeout(60)]


class Operator:
    """A session of the panel's own client, and every event it has heard."""

    def __init__(self) -> None:
        self.heard: list[Message] = []
        self.session: Session
        self._came = asyncio.Event()

    def hear(self, message: Message) -> None:
        self.heard.append(message)
        self._came.set()

    async def ask(self, action: Action) -> Answer:
        return await self.session.ask(action)

    async def list(self, action: Action) -> list[Message]:
        return (await self.session.ask_list(action)).events

    async def event(self, name: str, seconds: float = 10.0, **fields: str) -> Message:
        """The first event heard so far, or to be heard, with these values."""
        async with asyncio.timeout(seconds):
            position = 0
            while True:
                while position < len(self.heard):
                    message = self.heard[position]
                    position += 1
                    if message.name == name and all(message.get(key) == value for key, value in fields.items()):
                        return message
                self._came.clear()
                await self._came.wait()

    async def dial(self, number: str, endpoint: str = "PJSIP/100", timeout: float = 10.0) -> Message:
        """Click-to-call; returns the outcome."""
        variables = [("CONNECTEDLINE(num,i)", number)]
        action = actions.originate(endpoint, "internal", number, timeout=timeout, variables=variables)
        answer = await self.ask(action)
        assert answer.text == "Originate successfully queued"
        return await self.event("OriginateResponse", ActionID=answer.response.get("ActionID"))

    async def members(self, conference: str = "8001") -> dict[str, Message]:
        """The participants of a conference by their channels."""
        return {m.get("Channel"): m for m in await self.list(actions.confbridge_list(conference))}


@contextlib.asynccontextmanager
async def operating(pbx: DemoPbx) -> AsyncIterator[Operator]:
    address = await pbx.start()
    operator = Operator()
    try:
        operator.session = await Session.open(address, operator.hear, events=EVENT_MASK)
        yield operator
        operator.session.close()
    finally:
        await pbx.stop()


@contextlib.asynccontextmanager
async def aside(operator: Operator) -> AsyncIterator[Session]:
    """A second session with the same PBX."""
    session = await Session.open(operator.session.address, lambda event: None, events="off")
    try:
        yield session
    finally:
        session.close()


@pytest.fixture
async def lively() -> AsyncIterator[Operator]:
    async with operating(DemoPbx(seed=3)) as operator:
        yield operator


@pytest.fixture
def quiet_pbx() -> DemoPbx:
    return DemoPbx(seed=3, lively=False, phones=quick_phones())


@pytest.fixture
async def quiet(quiet_pbx: DemoPbx) -> AsyncIterator[Operator]:
    async with operating(quiet_pbx) as operator:
        yield operator


# It is lively.


async def test_there_is_life_as_soon_as_it_starts(lively: Operator) -> None:
    channels = await lively.list(actions.core_show_channels())
    assert len({c.get("BridgeId") for c in channels if c.get("Application") == "Dial"} - {""}) >= 2
    rooms = {
        room.get("Conference"): int(room.get("Parties")) for room in await lively.list(actions.confbridge_list_rooms())
    }
    assert sorted(rooms) == list(CONFERENCES)
    assert all(FEWEST_MEMBERS - 1 <= parties <= MOST_MEMBERS for parties in rooms.values())
    assert len({c.get("Duration") for c in channels}) > 5, "not everything began in the same moment"


async def test_people_in_the_demo_talk_and_call(lively: Operator) -> None:
    await lively.event("ConfbridgeTalking", TalkingStatus="on")
    await lively.event("ConfbridgeTalking", TalkingStatus="off")
    await lively.event("Newchannel", seconds=20)


class Hours:
    """Life in a time of its own: hours within a second or two, and several times that where the mirror folds them."""

    def __init__(self, seed: int, hours: float, *, folded: bool = True) -> None:
        self.counts: Counter[str] = Counter()
        self.course: list[tuple[str, Fields]] = []
        self.schedule = Schedule(1_000_000_000.0)
        self.state = State("demo", monotonic=self.schedule.now)
        self.folded = folded
        chance = random.Random(seed)
        self.switch = Switch(self.take, self.schedule.now, chance)
        dialplan = Dialplan(self.switch, self.schedule, CAST, chance, reluctance=0.15)
        Simulator(dialplan, self.schedule, chance).begin()
        self.sizes: list[int] = []
        for _minute in range(round(hours * 60)):
            self.schedule.run_until(self.schedule.now() + 60)
            self.sizes.append(len(self.switch.channels))

    def take(self, name: str, fields: Fields) -> None:
        self.counts[name] += 1
        self.course.append((name, fields))
        if self.folded:
            self.state.fold(Message(event(name, fields).raw.removesuffix(b"\r\n\r\n")))


@pytest.mark.matrix
@pytest.mark.parametrize("seed", share(range(3), 0, of=3))
def test_the_mirror_of_an_hour_of_life_is_the_switch(seed: int) -> None:
    """No ghost and nobody missing: what the events tell adds up to what the lists would say."""
    life = Hours(seed, hours=1)
    rows = life.state.table(Channel).rows
    assert {row.name: row.state for row in rows.values()} == {
        channel.name: channel.state.value[1] for channel in life.switch.channels.values()
    }
    assert {row.name: (row.bridge, row.on_hold, row.application) for row in rows.values()} == {
        channel.name: (channel.bridge.id if channel.bridge else "", channel.on_hold, channel.application)
        for channel in life.switch.channels.values()
    }
    assert set(life.state.table(Conference).rows) == set(life.switch.conferences)
    assert {
        row.channel: (row.conference, row.muted, row.talking, row.admin)
        for row in life.state.table(Participant).rows.values()
    } == {
        member.channel.name: (conference.name, member.muted, member.talking, member.admin)
        for conference in life.switch.conferences.values()
        for member in conference.members
    }


def test_in_some_hours_everything_happens_and_nothing_piles_up() -> None:
    life = Hours(seed=7, hours=2, folded=False)
    for name in ("Hold", "Unhold", "ConfbridgeMute", "ConfbridgeUnmute", "ConfbridgeLeave", "Hangup", "BridgeEnter"):
        assert life.counts[name] > 20, name
    assert life.counts["UserEvent"] > 20, "hands are raised and lowered"
    assert life.counts["DTMFBegin"] == life.counts["DTMFEnd"] > life.counts["UserEvent"]
    causes = Counter(dict(fields)["Cause"] for name, fields in life.course if name == "Hangup")
    assert {"16", "17", "0", "127"} <= set(causes), "ended, busy, not answered, given up"
    assert max(life.sizes) < 60
    assert min(life.sizes) > 15


def test_the_same_seed_gives_the_same_course_of_things() -> None:
    first, second = (Hours(seed=1, hours=0.5, folded=False) for _ in range(2))
    assert first.course == second.course


def test_the_cast_is_as_announced() -> None:
    assert list(CAST) == [str(number) for number in range(100, 126)]
    names = [phone.name for phone in (*CAST.values(), *OUTSIDERS)]
    assert {"李雷", "韩梅梅"} <= set(names)
    assert all(re.fullmatch(r"\+\d+", phone.number) for phone in OUTSIDERS)


# It obeys.


async def test_click_to_call_rings_my_phone_and_then_the_other(quiet: Operator) -> None:
    outcome = await quiet.dial("101")
    assert (outcome.get("Response"), outcome.get("Reason"), outcome.get("Exten")) == ("Success", "4", "101")
    mine = outcome.get("Channel")
    shown = await quiet.event("NewConnectedLine", Channel=mine)
    assert (shown.get("ConnectedLineNum"), shown.get("CallerIDName")) == ("101", "Demo Operator")
    entered = await quiet.event("BridgeEnter", Channel=mine)
    assert entered.get("ConnectedLineName") == CAST["101"].name
    answer = await quiet.ask(actions.hangup(mine))
    assert answer.text == "Channel Hungup"
    await quiet.event("Hangup", Channel=mine, Cause="16")
    assert await quiet.list(actions.core_show_channels()) == []
    assert (await quiet.ask(actions.hangup(mine))).text == "No such channel"


async def test_calling_a_busy_number_ends_with_a_busy_leg(quiet: Operator) -> None:
    outcome = await quiet.dial("+4930555124")
    assert outcome.get("Response") == "Success"
    await quiet.event("Hangup", Cause="17", ChannelStateDesc="Down")


async def test_calling_a_number_that_never_answers_rings_on(quiet: Operator, quiet_pbx: DemoPbx) -> None:
    await quiet.dial("115")
    await quiet.event("Newstate", ChannelStateDesc="Ringing", CallerIDNum="115")
    quiet_pbx.schedule.run_until(quiet_pbx.schedule.now() + 20)
    channels = await quiet.list(actions.core_show_channels())  # by then all that came before it has been heard
    assert [row.get("ChannelStateDesc") for row in channels if row.get("CallerIDNum") == "115"] == ["Ringing"]
    assert not any(message.name == "BridgeEnter" for message in quiet.heard)


@pytest.mark.parametrize(
    ("endpoint", "reason"), [("PJSIP/104", "0"), ("PJSIP/105", "3"), ("PJSIP/999", "0"), ("IAX2/100", "0")]
)
async def test_an_originate_that_fails_says_why(quiet: Operator, endpoint: str, reason: str) -> None:
    outcome = await quiet.dial("101", endpoint, timeout=0.5)
    assert [outcome.get(key) for key in ("Response", "Channel", "Uniqueid", "Reason")] == [
        "Failure", endpoint, "<unknown>", reason
    ]  # fmt: skip


async def test_a_conference_can_be_joined_moderated_and_left(quiet: Operator) -> None:
    mine = (await quiet.dial("8007")).get("Channel")
    await quiet.event("ConfbridgeJoin", Channel=mine)
    assert (await quiet.members("8007"))[mine].get("Muted") == "No"
    assert (await quiet.ask(actions.confbridge_mute("8007", mine))).text == "User muted"
    await quiet.event("ConfbridgeMute", Channel=mine)
    assert (await quiet.members("8007"))[mine].get("Muted") == "Yes"
    assert (await quiet.ask(actions.confbridge_unmute("8007", mine))).text == "User unmuted"
    await quiet.event("ConfbridgeUnmute", Channel=mine)
    assert (await quiet.ask(actions.confbridge_lock("8007"))).ok
    (room,) = await quiet.list(actions.confbridge_list_rooms())
    assert (room.get("Locked"), room.get("Parties")) == ("Yes", "1")
    assert (await quiet.ask(actions.confbridge_unlock("8007"))).ok
    assert (await quiet.ask(actions.confbridge_kick("8007", mine))).text == "User kicked"
    await quiet.event("ConfbridgeEnd", Conference="8007")
    await quiet.event("Hangup", Channel=mine)
    assert (await quiet.ask(actions.confbridge_list_rooms())).text == "No active conferences."


async def test_people_of_the_lively_demo_can_be_moderated_and_stay_muted(lively: Operator) -> None:
    channel = next(name for name, member in (await lively.members()).items() if member.get("Muted") == "No")
    await lively.ask(actions.confbridge_mute("8001", channel))
    await lively.event("ConfbridgeMute", Channel=channel)
    await lively.ask(actions.confbridge_kick("8001", channel))
    await lively.event("ConfbridgeLeave", Channel=channel)
    await lively.event("Hangup", Channel=channel)
    assert channel not in await lively.members()


def test_nobody_unmutes_himself_whom_a_moderator_has_muted() -> None:
    life = Hours(seed=5, hours=0.2, folded=False)
    member = next(m for m in life.switch.conferences["8001"].members if not m.muted and m.admin)
    life.switch.mute(member, True)
    life.schedule.run_until(life.schedule.now() + 1800)
    assert member.channel.is_gone or member.muted


def test_everybody_who_mutes_himself_does_it_by_a_key() -> None:
    life = Hours(seed=8, hours=0.5)
    last_key: dict[str, int] = {}
    mutes = 0
    for number, (name, fields) in enumerate(life.course):
        channel = dict(fields).get("Channel", "")
        if name == "DTMFEnd":
            last_key[channel] = number
        if name in ("ConfbridgeMute", "ConfbridgeUnmute"):
            mutes += 1
            assert last_key[channel] == number - 1
    assert mutes > 10
    muted = [row for row in life.state.table(Participant).rows.values() if row.muted]
    assert {row.muted_by for row in muted} <= {Participant.MutedBy.SELF}


def test_whoever_is_given_the_word_talks_and_his_hand_is_down() -> None:
    life = Hours(seed=6, hours=0)

    def raised() -> list[Participant]:
        return [row for row in life.state.table(Participant).rows.values() if row.hand_at is not None]

    while not raised():
        life.schedule.run_until(life.schedule.now() + 1)
    row = raised()[0]
    member = next(m for m in life.switch.conferences[row.conference].members if m.channel.uniqueid == row.uniqueid)
    life.state.table(Participant).change(row, hand_at=None)  # as the panel does with it
    life.switch.mute(member, False)
    life.schedule.run_until(life.schedule.now() + 1.5)
    assert member.channel.is_gone or member.speaks
    assert row.hand_at is None


# What moderation asks of it.


async def send(operator: Operator, channel: str, extension: str, conference: str, user: str = "") -> Message:
    """Write the panel's dialplan and send a participant through it; their joining is returned."""
    for name, steps in DIALPLAN.items():
        for priority, (application, data) in enumerate(steps, 1):
            assert (await operator.ask(actions.dialplan_extension_add(CONTEXT, name, priority, application, data))).ok
    for variable, value in (("PBXPANEL_CONFERENCE", conference), ("PBXPANEL_USER", user)):
        assert (await operator.ask(actions.setvar(channel, variable, value))).ok
    assert (await operator.ask(actions.redirect(channel, CONTEXT, extension))).text == "Redirect successful"
    return await operator.event("ConfbridgeJoin", Channel=channel, Conference=arguments(conference)[0])


async def test_a_participant_is_moved_with_his_profiles(quiet: Operator) -> None:
    mine = (await quiet.dial("8107")).get("Channel")
    await quiet.event("ConfbridgeJoin", Conference="8007")
    joined = await send(quiet, mine, "move", "8008,panel_bridge,panel_admin,panel_menu")
    assert joined.get("Admin") == "Yes"
    await quiet.event("ConfbridgeEnd", Conference="8007")
    (channel,) = await quiet.list(actions.core_show_channels())
    assert channel.get("ApplicationData") == "8008,panel_bridge,panel_admin,panel_menu"
    assert (channel.get("Context"), channel.get("Exten")) == (CONTEXT, "move")


async def test_in_a_side_room_nobody_is_muted_from_the_start(quiet: Operator) -> None:
    mine = (await quiet.dial("8407")).get("Channel")
    assert (await quiet.event("ConfbridgeJoin", Conference="8007")).get("Muted") == "Yes"
    joined = await send(quiet, mine, "aside", r"side\, room,panel_bridge,,panel_menu", "panel_muted")
    assert (joined.get("Conference"), joined.get("Muted")) == ("side, room", "No")
    back = await send(quiet, mine, "move", "8007,panel_bridge,panel_muted,panel_menu")
    assert back.get("Muted") == "Yes"


async def test_a_redirect_to_nowhere_ends_the_call(quiet: Operator) -> None:
    mine = (await quiet.dial("8007")).get("Channel")
    await quiet.event("ConfbridgeJoin", Conference="8007")
    assert (await quiet.ask(actions.redirect(mine, "nowhere", "1"))).ok
    await quiet.event("Hangup", Channel=mine)


@pytest.mark.parametrize(("sound", "status"), [("beep", "SUCCESS"), ("no-such-sound", "FAILED"), ("", "FAILED")])
async def test_only_known_sounds_are_played(quiet: Operator, sound: str, status: str) -> None:
    mine = (await quiet.dial("8007")).get("Channel")
    await quiet.event("ConfbridgeJoin", Conference="8007")
    await send(quiet, mine, "move", "8007,panel_bridge,panel_user,panel_menu")
    variables = [
        ("__PBXPANEL_CONFERENCE", r"8007\,panel_bridge"),
        ("__PBXPANEL_SOUND", sound),
        ("__PBXPANEL_USER", "7"),
    ]
    await quiet.ask(actions.originate(f"Local/voice@{CONTEXT}/n", CONTEXT, "sound", timeout=10, variables=variables))
    said = await quiet.event("UserEvent", UserEvent="PanelSaid")
    assert [said.get(key) for key in ("Status", "User", "Sound")] == [status, "7", sound]
    assert said.get("Channel").startswith(f"Local/voice@{CONTEXT}-")
    await quiet.event("ConfbridgeLeave", Channel=said.get("Channel").replace(";1", ";2"))
    await quiet.event("Hangup", Channel=said.get("Channel"))
    assert list(await quiet.members("8007")) == [mine]


def test_the_sounds_that_the_page_proposes_are_there() -> None:
    assert {"beep", "hello-world", "conf-unlockednow"} <= set(SOUNDS)


async def test_a_hand_is_raised_by_a_key_of_the_menu(quiet: Operator, quiet_pbx: DemoPbx) -> None:
    mine = (await quiet.dial("8007")).get("Channel")
    await quiet.event("ConfbridgeJoin", Conference="8007")
    quiet_pbx.dialplan.press(quiet_pbx.switch.channels[mine], "5")
    hand = await quiet.event("UserEvent", UserEvent="PanelHand")
    assert (hand.get("Channel"), hand.get("Hand"), hand.get("Context")) == (mine, "toggle", HAND.context)
    assert (await quiet.event("DTMFEnd", Channel=mine)).get("Digit") == "5"
    (shown,) = await quiet.list(actions.core_show_channels())
    assert shown.get("Application") == "UserEvent"
    await quiet.ask(actions.hangup(mine))
    gone = await quiet.event("Hangup", Channel=mine)
    assert gone.get("Exten") == "8007"


async def test_nobody_can_raise_a_hand_without_the_menu(quiet: Operator, quiet_pbx: DemoPbx) -> None:
    mine = (await quiet.dial("8007")).get("Channel")
    await quiet.event("ConfbridgeJoin", Conference="8007")
    await send(quiet, mine, "move", "8008,panel_bridge,panel_user")
    quiet_pbx.dialplan.press(quiet_pbx.switch.channels[mine], "5")
    await quiet.event("DTMFEnd", Channel=mine)
    assert (await quiet.ask(actions.ping())).ok
    assert not any(message.name == "UserEvent" for message in quiet.heard)


async def test_a_recording_has_a_file_that_shows(quiet: Operator) -> None:
    await quiet.dial("8007")
    await quiet.event("ConfbridgeJoin", Conference="8007")
    assert (await quiet.ask(actions.confbridge_start_record("8007", "confbridge-8007.wav"))).ok
    await quiet.event("ConfbridgeRecord", Conference="8007")
    output = (await quiet.ask(actions.command("core show channels concise"))).response.output
    recorder = next(line.split("!")[0] for line in output if line.startswith("CBRec/8007-"))
    file = (await quiet.ask(actions.getvar(recorder, "MIXMONITOR_FILENAME"))).response.get("Value")
    assert re.fullmatch(r"/var/spool/asterisk/monitor/confbridge-8007-\d{10}\.wav", file)
    assert (await quiet.ask(actions.confbridge_stop_record("8007"))).ok
    assert (await quiet.ask(actions.getvar(recorder, "MIXMONITOR_FILENAME"))).text == "No such channel"
    assert (await quiet.ask(actions.confbridge_start_record("8007", ""))).ok
    await quiet.ask(actions.confbridge_kick("8007", actions.ALL))
    await quiet.event("ConfbridgeEnd", Conference="8007")
    await quiet.event("Hangup")
    assert [message.name for message in quiet.heard].count("ConfbridgeStopRecord") == 2


@pytest.mark.parametrize(
    ("channel", "ids"),
    [
        ("PJSIP/101", ("panel-1.1", "")),
        ("Local/101@internal/n", ("panel-1.1", "panel-1.2")),
        ("Local/602@internal", ("panel-1.1", "panel-1.2")),
    ],
)
async def test_somebody_is_invited_under_an_id_that_was_given(
    quiet: Operator, channel: str, ids: tuple[str, str]
) -> None:
    data = "8007,panel_bridge,panel_user,panel_menu"
    invitation = actions.originate_application(
        channel, "ConfBridge", data, timeout=10, uniqueids=ids, caller_id='"Room" <8007>'
    )
    await quiet.ask(invitation)
    joined = await quiet.event("ConfbridgeJoin", Conference="8007")
    assert joined.get("Uniqueid") == joined.get("Linkedid") == ids[0]
    assert (await quiet.event("OriginateResponse")).get("Uniqueid") == ids[0]
    assert set(filter(None, ids)) <= {c.get("Uniqueid") for c in await quiet.list(actions.core_show_channels())}
    quiet.heard.clear()
    await quiet.ask(invitation)
    refused = await quiet.event("OriginateResponse")
    assert [refused.get(key) for key in ("Response", "Reason", "Uniqueid")] == ["Failure", "0", ids[0]]


async def test_an_action_in_a_wrong_moment_does_not_end_the_session(quiet: Operator, quiet_pbx: DemoPbx) -> None:
    quiet_pbx.dialplan.call(Phone("+4930", ""), "115")
    quiet_pbx.catch_up()
    ringing = await quiet.event("Newchannel", CallerIDNum="115")
    await quiet.ask(actions.redirect(ringing.get("Channel"), "internal", "602"))
    assert (await quiet.ask(actions.ping())).ok


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${A},${B}", "1,"),
        ("$[${LEN(${NAME})} > 0]?Set(X=${NAME})", "1?Set(X=Zoë)"),
        ("$[${LEN(${B})} > 0]?x", "0?x"),
        ("${NESTED}", "${A}"),
        ("${A", "${A"),
        ("$[a]", "a"),
    ],
)
def test_variables_are_put_in_once(text: str, expected: str) -> None:
    variables = {"A": "1", "NAME": "Zoë", "NESTED": "${A}", "LEN(Zoë)": "4", "LEN()": "0"}
    assert expand(text, lambda name: variables.get(name, "")) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8001,panel_bridge,,panel_menu", ["8001", "panel_bridge", "", "panel_menu"]),
        (r"a\,b,c", ["a,b", "c"]),
        ('"a,b",c', ["a,b", "c"]),
        ("F(a,b)=1,c", ["F(a,b)=1", "c"]),
        ("", [""]),
        ("\\", [""]),
    ],
)
def test_arguments_are_told_apart_as_asterisk_does(text: str, expected: list[str]) -> None:
    assert arguments(text) == expected


# What the system pages ask.


async def test_it_tells_how_long_it_has_been_running(lively: Operator) -> None:
    core = (await lively.ask(actions.core_status())).response
    clock = await lively.ask(actions.getvar_global("STRFTIME(,,%Y-%m-%d %H:%M:%S)"))
    started = datetime.fromisoformat(f"{core.get('CoreStartupDate')} {core.get('CoreStartupTime')}")
    up = datetime.fromisoformat(clock.response.get("Value")) - started
    assert timedelta(minutes=10) <= up < timedelta(minutes=11)
    printed = (await lively.ask(actions.command("core show uptime"))).response.output
    assert re.fullmatch(r"System uptime: 10 minutes(, \d+ seconds?)?", printed[0])


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1, "1 second"),
        (3600, "1 hour"),
        (90061, "1 day, 1 hour, 1 minute, 1 second"),
        (1_209_602, "2 weeks, 2 seconds"),
    ],
)
def test_an_uptime_is_written_as_asterisk_writes_it(seconds: int, text: str) -> None:
    assert uptime(seconds) == text


async def test_its_astdb_is_one_for_all_sessions(lively: Operator) -> None:
    name = {m.get("Key"): m.get("Val") for m in await lively.list(actions.db_get_tree("cidname"))}
    assert name["/cidname/+8613800138000"] == "张伟"
    assert (await lively.ask(actions.db_put("DND", "100", "YES"))).ok
    async with aside(lively) as other:
        entry = (await other.ask_list(actions.db_get("DND", "100"))).events[0]
        assert entry.get("Val") == "YES"
        assert (await other.ask(actions.db_del_tree("DND"))).ok
    assert await lively.list(actions.db_get_tree("DND")) == []


async def test_a_global_variable_holds_in_the_dialplan(quiet: Operator) -> None:
    await quiet.ask(actions.setvar_global("GREETING", "hello-world"))
    step = {"Context": "internal", "Extension": "640", "Priority": "1", "Application": "Playback"}
    await quiet.ask(Action("DialplanExtensionAdd", tuple({**step, "ApplicationData": "${GREETING}"}.items())))
    await quiet.dial("640")
    await quiet.event("Newexten", Application="Playback", AppData="hello-world")


async def test_its_configuration_can_be_read_and_changed(quiet: Operator) -> None:
    listed = (await quiet.ask(actions.command("config list"))).response.output
    assert "pbx_config           /etc/asterisk/extensions.conf" in [line.rstrip() for line in listed]
    fields = (await quiet.ask(actions.get_config("extensions.conf"))).response.pairs()
    assert ("Line-000001-000001", "TRUNK=PJSIP/trunk") in fields
    assert "exten=101,hint,PJSIP/101,CustomPresence:101" in dict(fields).values()
    step = [("Action-000000", "DelCat"), ("Cat-000000", "reception")]
    assert (await quiet.ask(actions.update_config("musiconhold.conf", step))).ok
    read = json.loads((await quiet.ask(actions.get_config_json("musiconhold.conf"))).response.get("JSON"))
    assert read == {"default": {"mode": "files", "directory": "moh", "sort": "random"}}


async def test_what_is_written_holds_once_it_is_read_anew(lively: Operator) -> None:
    variable = [("Var-000000", "TRUNK"), ("Value-000000", "PJSIP/other")]
    step = [("Action-000000", "Update"), ("Cat-000000", "globals"), *variable]
    assert (await lively.ask(actions.update_config("extensions.conf", step))).ok
    for module, value in (("", "PJSIP/trunk"), ("app_confbridge.so", "PJSIP/trunk"), ("pbx_config.so", "PJSIP/other")):
        assert not module or (await lively.ask(actions.reload(module))).ok
        assert (await lively.ask(actions.getvar_global("TRUNK"))).response.get("Value") == value
    seconds = actions.command("core show uptime seconds")
    before = [line.partition(": ")[2] for line in (await lively.ask(seconds)).response.output]
    assert before[0] == before[1]
    assert (await lively.ask(actions.reload())).ok
    after = [int(line.partition(": ")[2]) for line in (await lively.ask(seconds)).response.output]
    assert after[0] >= 600 > 10 > after[1]
    assert (await lively.ask(actions.reload("nothing.so"))).text == "No such module"


async def test_what_a_filter_cannot_mean_finds_nothing(quiet: Operator) -> None:
    options = [("Action-000000", "DelCat"), ("Cat-000000", "default"), ("Options-000000", 'catfilter="mode=("')]
    answer = await quiet.ask(actions.update_config("musiconhold.conf", options))
    assert answer.text == "Given category does not exist"
    far = [("Var-000000", "x"), ("Value-000000", "y"), ("Line-000000", "9" * 900)]
    insert = [("Action-000000", "Insert"), ("Cat-000000", "default"), *far]
    assert (await quiet.ask(actions.update_config("musiconhold.conf", insert))).ok


async def test_all_variables_of_a_channel_are_told_with_its_status(quiet: Operator) -> None:
    mine = (await quiet.dial("602")).get("Channel")
    for name in ("ONE", "TWO"):
        await quiet.ask(actions.setvar(mine, name, f"{name} = 1"))
    (item,) = await quiet.list(actions.status_with_variables(mine))
    assert item.all("Variable") == ["TWO=TWO = 1", "ONE=ONE = 1"]
    state = await quiet.ask(actions.getvar(mine, "CHANNEL(state)"))
    assert (item.get("Type"), state.response.get("Value")) == ("PJSIP", "Up")


async def test_it_lists_every_action_that_it_knows(quiet: Operator) -> None:
    listed = (await quiet.ask(Action("ListCommands"))).response
    for name in (
        "DBGet",
        "DBGetTree",
        "DBPut",
        "DBDel",
        "DBDelTree",
        "Getvar",
        "Setvar",
        "GetConfig",
        "ListCategories",
        "GetConfigJSON",
        "UpdateConfig",
    ):
        assert "(Priv: " in listed.get(name)


# Its switch knows what cannot be.


def test_the_switch_refuses_what_no_call_can_do(quiet_pbx: DemoPbx) -> None:
    switch = quiet_pbx.switch
    channel = switch.new_channel("PJSIP/100", Party("100"))
    with pytest.raises(IllegalTransition):
        switch.hold(channel)
    with pytest.raises(IllegalTransition):
        switch.join(channel, "8001")
    with pytest.raises(IllegalTransition):
        switch.connect(channel)
    switch.hang_up(channel)
    switch.hang_up(channel)
    with pytest.raises(IllegalTransition):
        switch.answer(channel)


# It speaks AMI.


async def test_any_number_of_clients_hear_the_same(quiet_pbx: DemoPbx) -> None:
    address = await quiet_pbx.start()
    listeners = [Operator() for _ in range(5)]
    try:
        for listener in listeners:
            listener.session = await Session.open(address, listener.hear)
        load.place_calls(quiet_pbx.switch, 3)
        for listener in listeners:
            await listener.event("BridgeEnter", CallerIDName="Caller 2")
            assert sum(message.name == "Newchannel" for message in listener.heard) == 6
    finally:
        await quiet_pbx.stop()


async def test_only_what_was_asked_for_is_sent(quiet_pbx: DemoPbx) -> None:
    address = await quiet_pbx.start()
    listener = Operator()
    try:
        listener.session = await Session.open(address, listener.hear, events="system,call")
        assert (await listener.ask(actions.filter_out("Newstate"))).ok
        load.place_calls(quiet_pbx.switch, 1)
        await listener.event("BridgeEnter", CallerIDName="Caller 0")
        names = {message.name for message in listener.heard}
        assert "Newchannel" in names
        assert not names & {"Newexten", "Newstate"}
    finally:
        await quiet_pbx.stop()


async def test_a_wrong_secret_is_refused(quiet_pbx: DemoPbx) -> None:
    address = await quiet_pbx.start()
    try:
        wrong = Address("ami", address.host, address.port, address.username, "wrong")
        with pytest.raises(Exception, match="Authentication failed"):
            await Session.open(wrong, lambda message: None)
    finally:
        await quiet_pbx.stop()


async def test_a_client_that_does_not_read_is_dropped(quiet_pbx: DemoPbx) -> None:
    address = await quiet_pbx.start()
    try:
        reader, writer = await asyncio.open_connection(address.host, address.port, limit=1024)
        login = f"Action: Login\r\nUsername: {address.username}\r\nSecret: {address.secret}\r\n\r\n"
        writer.write(login.encode())
        await reader.readuntil(b"Fully Booted")
        for start in range(0, MAX_UNREAD // 1000, 500):
            channels = load.place_calls(quiet_pbx.switch, 500, first=start)
            load.hang_up_all(quiet_pbx.switch, channels)
            await asyncio.sleep(0)
            if not quiet_pbx.clients:
                break
        assert not quiet_pbx.clients
        assert not quiet_pbx.switch.channels
        writer.close()
    finally:
        await quiet_pbx.stop()


async def test_an_action_without_end_is_not_collected_for_ever(quiet_pbx: DemoPbx) -> None:
    address = await quiet_pbx.start()
    try:
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(b"Action: Ping\r\nX: " + b"x" * 200_000)
        async with asyncio.timeout(5):
            with contextlib.suppress(ConnectionResetError):
                await reader.read()
        writer.close()
    finally:
        await quiet_pbx.stop()


async def test_the_load_generator_fills_lists_and_empties_them(quiet: Operator, quiet_pbx: DemoPbx) -> None:
    callers = load.place_calls(quiet_pbx.switch, 200)
    members = load.fill_conference(quiet_pbx.switch, "8001", 50, first=1000)
    assert len(await quiet.list(actions.core_show_channels())) == 450
    assert len(await quiet.members()) == 50
    load.hang_up_all(quiet_pbx.switch, [*callers, *(member.channel for member in members)])
    assert await quiet.list(actions.core_show_channels()) == []


@pytest.mark.parametrize("name", ["a\r\nEvent: Hangup", "a\nb", "a\r\n\r\nb", "\ud800"])
async def test_no_name_can_break_the_protocol(quiet: Operator, quiet_pbx: DemoPbx, name: str) -> None:
    quiet_pbx.dialplan.call(Phone("+4930", name), "102")
    quiet_pbx.catch_up()
    message = await quiet.event("Newchannel", CallerIDNum="+4930")
    assert message.get("Exten") == "102"
    assert (await quiet.ask(actions.ping())).ok
    assert not any(message.name == "Hangup" for message in quiet.heard)


async def test_a_name_is_sent_with_the_escapes_of_asterisk(quiet: Operator, quiet_pbx: DemoPbx) -> None:
    quiet_pbx.dialplan.call(Phone("+4930", 'O\'Brien? \\ "Bob"'), "102")
    quiet_pbx.catch_up()
    message = await quiet.event("Newchannel", CallerIDNum="+4930")
    assert message.get("CallerIDName") == r"O\'Brien\? \\ \"Bob\""


@pytest.mark.parametrize(
    ("text", "party"),
    [
        ('"Zoë Zürcher" <4711>', Party("4711", "Zoë Zürcher")),
        ("<4711>", Party("4711")),
        ("4711", Party("4711")),
        ("李雷", Party("", "李雷")),
        ('"say \\"hi\\"" <1>', Party("1", 'say "hi"')),
        ("", Party()),
    ],
)
def test_a_caller_id_is_read_as_asterisk_reads_it(text: str, party: Party) -> None:
    assert parse_caller_id(text) == party


async def test_it_listens_on_loopback_alone(quiet_pbx: DemoPbx) -> None:
    address = await quiet_pbx.start()
    await quiet_pbx.stop()
    await quiet_pbx.stop()
    assert address.host == "127.0.0.1"
    assert len(address.secret) >= 16


@runs_a_program
def test_it_can_be_run_by_hand() -> None:
    command = [sys.executable, "-m", "engine.demo", "--quiet", "--hours", "0.0001"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    address = Address.parse(done.stdout.strip().removeprefix("AMI_URL="))
    assert (address.host, address.username) == ("127.0.0.1", "demo")

"""What is planned of a room is done when its conference starts: a real worker on a real Asterisk 22 and 16."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import channel_layers, get_channel_layer
from django.contrib.auth.models import User
from django.db import OperationalError
from django.utils import timezone

from accounts.models import DialPolicy, Profile
from audit.models import AuditEntry
from conferences.invitations.commands import Invite, invite
from conferences.invitations.models import Invitation, InviteGroup, InviteMember
from conferences.models import Conference, Participant
from conferences.rooms import events
from conferences.rooms.models import Room
from conferences.targets import Place
from engine.ami.transports import Address
from engine.mirror.commands import Outcome, Status
from engine.mirror.context import CommandContext
from engine.mirror.models import PBX
from engine.mirror.state import State, Table
from engine.mirror.worker import AmiWorker
from tests.access import people
from tests.lab.ami import Ami
from tests.lab.asterisk import Asterisk
from tests.waiting import until_stored

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(180)]

ROOM = "8016"
ADMIN = "8116"


class Station:
    """An Asterisk, and the worker that mirrors it."""

    def __init__(self, asterisk: Asterisk, running: AmiWorker) -> None:
        self.asterisk, self.running = asterisk, running

    @property
    def state(self) -> State:
        return self.running.mirrors["main"].state

    @property
    def conferences(self) -> Table[Conference]:
        return self.state.table(Conference)

    def join(self, extension: str = ROOM) -> None:
        self.asterisk.cli(f"channel originate Local/{extension}@internal extension 602@internal")

    async def planned(self) -> Conference:
        """The conference, once it is in the database as one whose plan was looked at, and as it is in memory."""

        def found() -> Conference | None:
            row, known = Conference.objects.filter(name=ROOM, planned=True).first(), self.conferences.get(ROOM)
            is_written = row and known and (row.lecture, row.lock_at) == (known.lecture, known.lock_at)
            return row if is_written else None

        stored: Conference = await until_stored(found)
        return stored

    async def told(self, number: int = 1) -> list[str]:
        """What the audit trail says was done by itself, once it says so many things."""
        entries = AuditEntry.objects.filter(verb="plan").order_by("id")
        await until_stored(lambda: entries.count() >= number)
        found = await sync_to_async(lambda: list(entries))()
        assert {(entry.username, entry.topic, entry.status) for entry in found} == {("", f"conference/{ROOM}", "done")}
        return [entry.answer for entry in found]

    def listed(self, field: str) -> list[str]:
        """What Asterisk itself says of each participant."""
        with self.asterisk.ami() as session:
            items = session.listing("ConfbridgeList", Conference=ROOM)
        return [item[field] for item in items if "Uniqueid" in item]

    def room(self, field: str) -> str:
        """What Asterisk itself says of the conference."""
        with self.asterisk.ami() as session:
            items = session.listing("ConfbridgeListRooms")
        return next((item[field] for item in items if item.get("Conference") == ROOM), "")


@contextlib.asynccontextmanager
async def working(asterisk: Asterisk) -> AsyncIterator[Station]:
    channel_layers.backends.clear()
    addresses = {"main": Address.parse(asterisk.ami_url)}
    running = AmiWorker(application=None, channels=[], channel_layer=get_channel_layer(), addresses=addresses)
    task = asyncio.create_task(running.handle())
    try:
        await until_stored(PBX.objects.filter(name="main", link="up").exists)
        await until_stored(lambda: running.mirrors["main"].link.session)
        yield Station(asterisk, running)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        channel_layers.backends.clear()


@pytest.fixture
async def station(asterisk: Asterisk) -> AsyncIterator[Station]:
    async with working(asterisk) as station:
        yield station


def plan(**values: Any) -> Room:
    return people.room(ROOM, name="Board meeting", **values)


async def test_a_lecture_is_recorded_from_its_start(station: Station) -> None:
    await sync_to_async(plan)(lecture=True, record=True)
    station.join()
    assert await station.told() == ["lecture mode; start recording"]
    conference = await station.planned()
    assert conference.lecture
    await until_stored(lambda: station.listed("Muted") == ["Yes"])
    await until_stored(Conference.objects.filter(name=ROOM, recording=True).exists)
    station.join()
    station.join(ADMIN)
    await until_stored(lambda: sorted(station.listed("Muted")) == ["No", "Yes", "Yes"])
    entry = await sync_to_async(AuditEntry.objects.get)(verb="plan")
    assert (entry.subject, entry.what) == (f"Board meeting ({ROOM})", "Carry out the plan")


async def test_a_conference_without_a_plan_is_left_alone(station: Station) -> None:
    station.join()
    conference = await station.planned()
    assert (conference.lecture, conference.recording, conference.lock_at) == (False, False, None)
    assert not await sync_to_async(AuditEntry.objects.exists)()


async def test_a_room_of_another_pbx_is_another(station: Station) -> None:
    await sync_to_async(plan)(pbx="elsewhere", lecture=True)
    station.join()
    assert not (await station.planned()).lecture


async def test_whoever_comes_first_is_greeted(station: Station) -> None:
    await sync_to_async(plan)(greeting="beep")
    with station.asterisk.ami() as ami:
        station.join()
        said = await asyncio.to_thread(of_voice, ami)
    assert said["UserEvent"] == "PanelSaid"
    assert await station.told() == ["greeting beep"]
    await until_stored(lambda: len(station.listed("Muted")) == 1)
    station.join()
    await until_stored(lambda: len(station.listed("Muted")) == 2)
    assert [row.greeting for row in station.conferences.rows.values()] == [""]
    assert not station.state.requests & {("greeting", ROOM)}


def of_voice(ami: Ami) -> dict[str, str]:
    ami.timeout = 30
    joined = ami.wait(lambda m: m.get("Event") == "ConfbridgeJoin" and "voice@" in m.get("Channel", ""))
    assert joined["Conference"] == ROOM
    return ami.wait(lambda m: m.get("Event") == "UserEvent")


async def test_who_waits_for_the_leader_is_greeted_when_that_comes(station: Station) -> None:
    """Whoever waits hears music."""
    await sync_to_async(plan)(greeting="beep")
    with station.asterisk.ami() as ami:
        station.join("8216")
        await station.told()
        await until_stored(Participant.objects.filter(conference=ROOM, waiting=True).exists)
        await until_stored(lambda: ("greeting", ROOM) not in station.state.requests)
        assert [row.greeting for row in station.conferences.rows.values()] == ["beep"]
        station.join(ADMIN)
        await asyncio.to_thread(of_voice, ami)
    assert [row.greeting for row in station.conferences.rows.values()] == [""]


async def test_a_room_is_locked_when_it_is_time(station: Station) -> None:
    await sync_to_async(plan)(lock_after=10)
    station.join()
    assert await station.told() == ["lock after 10 min"]
    conference = await station.planned()
    assert conference.lock_at == conference.started_at + timedelta(minutes=10)
    assert station.room("Locked") == "No"
    station.conferences.change(station.conferences.rows[ROOM], lock_at=timezone.now())
    await until_stored(lambda: station.room("Locked") == "Yes")
    await until_stored(Conference.objects.filter(name=ROOM, locked=True, lock_at=None).exists)
    assert await station.told(2) == ["lock after 10 min", "lock"]


async def test_another_worker_does_not_carry_it_out_again_but_locks_the_room(asterisk: Asterisk) -> None:
    await sync_to_async(plan)(lecture=True, lock_after=10)
    async with working(asterisk) as first:
        first.join()
        assert await first.told() == ["lock after 10 min; lecture mode"]
        await first.planned()
        await until_stored(lambda: first.listed("Muted") == ["Yes"])
    await sync_to_async(Conference.objects.update)(lecture=False, lock_at=timezone.now() - timedelta(minutes=1))
    async with working(asterisk) as second:
        await until_stored(lambda: second.room("Locked") == "Yes")
        assert await second.told(2) == ["lock after 10 min; lecture mode", "lock"]
        assert not second.conferences.rows[ROOM].lecture


async def test_a_conference_that_began_while_no_worker_was_there_is_planned(asterisk: Asterisk) -> None:
    await sync_to_async(plan)(lecture=True)
    asterisk.cli(f"channel originate Local/{ROOM}@internal extension 602@internal")
    async with working(asterisk) as station:
        assert await station.told() == ["lecture mode"]
        await until_stored(lambda: station.listed("Muted") == ["Yes"])


async def test_a_plan_that_cannot_be_read_is_carried_out_when_it_can(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sync_to_async(plan)(lecture=True)
    plan_for = events.plan_for
    failed: list[str] = []

    def failing(pbx: str, number: str) -> events.Plan | None:
        if len(failed) < 2:
            failed.append(number)
            raise OperationalError
        return plan_for(pbx, number)

    monkeypatch.setattr(events, "plan_for", failing)
    station.join()
    assert await station.told() == ["lecture mode"]
    assert failed == [ROOM, ROOM]


# Whom it calls in.


def planner(**profile: Any) -> User:
    user = people.person("Moderator", "mona")
    Profile.objects.filter(user=user).update(**profile)
    DialPolicy.objects.filter(group__name="Moderator").update(refused="0900!")
    return user


def group(*numbers: str) -> InviteGroup:
    made = InviteGroup.objects.create(name=f"Group {numbers}", changed_by=User.objects.get(username="mona"))
    for number in numbers:
        InviteMember.objects.create(group=made, number=number, name=f"Name of {number}")
    return made


@pytest.fixture
def invited(monkeypatch: pytest.MonkeyPatch) -> list[Mapping[str, Any]]:
    """What the order to invite was given."""
    given: list[Mapping[str, Any]] = []

    async def handler(ctx: CommandContext, place: Place, wanted: Invite) -> Outcome:
        given.append({"conference": place.name, **asdict(wanted)})
        return Outcome(Status.DONE)

    monkeypatch.setattr("conferences.invitations.commands.invite", replace(invite, handler=handler))
    return given


async def test_its_groups_are_called_in_by_the_policy_of_whoever_planned_it(
    asterisk22: Asterisk, invited: list[Mapping[str, Any]]
) -> None:
    def prepare() -> None:
        user = planner()
        plan(planned_by=user).invite_groups.set([group("101", "+49 (30) 555", "0900 1"), group("101", "1@trunk")])

    await sync_to_async(prepare)()
    async with working(asterisk22) as station:
        station.join()
        (said,) = await station.told()
    assert invited == [
        {
            "conference": ROOM,
            "channel": f"Local/{number}@internal/n",
            "number": number,
            "name": f"Name of {typed}",
            "caller_number": "101",
            "caller_name": "Board meeting",
            "uniqueid": "",
        }
        for typed, number in (("101", "101"), ("+49 (30) 555", "+4930555"))
    ]
    assert said == (
        "invite 101; invite +4930555; invite 09001: You may not call 09001. Ask an administrator if you need to.; "
        "invite 1@trunk: This is not a number."
    )
    entries = await sync_to_async(lambda: list(AuditEntry.objects.filter(verb="invite").order_by("id")))()
    assert [(entry.username, entry.subject, entry.topic, entry.status) for entry in entries] == [
        ("mona", f"Name of 101 101 → {ROOM}", f"conference/{ROOM}", "done"),
        ("mona", f"Name of +49 (30) 555 +4930555 → {ROOM}", f"conference/{ROOM}", "done"),
        ("mona", f"Name of 0900 1 09001 → {ROOM}", f"conference/{ROOM}", "forbidden"),
    ]


async def test_who_is_called_in_joins_and_who_is_busy_shows_as_such(asterisk: Asterisk) -> None:
    def prepare() -> None:
        plan(planned_by=planner(), people="Ben <602>").invite_groups.set([group("604")])

    await sync_to_async(prepare)()
    async with working(asterisk) as station:
        station.join()
        assert await station.told() == ["invite 602; invite 604"]
        await until_stored(lambda: len(station.listed("Muted")) == 2)
        await until_stored(Invitation.objects.filter(conference=ROOM, number="604", state=Invitation.State.BUSY).exists)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda user: Profile.objects.update(dial_context=""), "has no dial context"),
        (lambda user: User.objects.update(is_active=False), "may not place calls"),
        (lambda user: user.groups.clear(), "may not place calls"),
        (lambda user: user.delete(), "may not place calls"),
    ],
)
def test_nobody_is_called_for_whoever_may_not_call(spoil: Callable[[User], Any], why: str) -> None:
    user = planner()
    plan(planned_by=user, people="102 Ben").invite_groups.set([group("101")])
    spoil(user)
    found = events.plan_for("main", ROOM)
    assert found is not None
    assert found.people == {}
    assert why in found.refused["101"]
    assert why in found.refused["102"]


def test_people_of_a_plan_are_called_by_the_policy_of_whoever_planned_it_and_of_groups_that_have_them_too() -> None:
    user = planner()
    both = group("101")
    plan(planned_by=user, people="Ben <102>\nAnna <101>\nno number").invite_groups.set([both])
    found = events.plan_for("main", ROOM)
    assert found is not None
    assert [(person.number, person.name, person.groups) for person in found.people.values()] == [
        ("102", "Ben", ()), ("101", "Anna", (both,)),
    ]  # fmt: skip
    assert list(found.refused) == ["no number"]

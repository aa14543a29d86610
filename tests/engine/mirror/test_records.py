"""The record of a conference: who was in it, when, and when they talked. As rows in memory, and on both databases."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync
from django.core.management import call_command
from django.db import DatabaseError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import load_backend

from conferences.models import Conference, Participant
from conferences.records.models import Attendance, ConferenceRecord
from conferences.snapshot import list_conferences, list_participants
from engine.ami.client import Answer, LinkState
from engine.ami.protocol import Action, Message
from engine.ami.transports import Address
from engine.mirror import store, sync
from engine.mirror.models import PBX
from engine.mirror.state import State
from engine.mirror.worker import Mirror
from pbxpanel import environment
from tests.servers import PostgreSQL

from .events import BEGINNING, BRIDGE, CHANNEL, Told


def at(seconds: float) -> datetime:
    return BEGINNING + timedelta(seconds=seconds)


class Meeting(Told):
    """A conference that is told of second by second."""

    def joins(self, uniqueid: str = "1.1", conference: str = "8001", **fields: str) -> None:
        self.conference_event("ConfbridgeJoin", uniqueid, conference, **{"Admin": "No", "Muted": "No"} | fields)

    def leaves(self, uniqueid: str = "1.1", conference: str = "8001") -> None:
        self.conference_event("ConfbridgeLeave", uniqueid, conference)

    def talks(self, on: bool, uniqueid: str = "1.1", conference: str = "8001") -> None:
        status = "on" if on else "off"
        self.conference_event("ConfbridgeTalking", uniqueid, conference, TalkingStatus=status)

    def talks_during(self, *spans: tuple[float, float], uniqueid: str = "1.1") -> None:
        for begin, end in spans:
            self.clock.seconds = begin
            self.talks(True, uniqueid)
            self.clock.seconds = end
            self.talks(False, uniqueid)

    @property
    def record(self) -> ConferenceRecord:
        (row,) = self.state.table(ConferenceRecord).rows.values()
        return row

    def attendance(self, uniqueid: str = "1.1") -> Attendance:
        (row,) = (row for row in self.state.table(Attendance).rows.values() if row.uniqueid == uniqueid)
        return row


@pytest.fixture
def told() -> Meeting:
    return Meeting()


class Lists:
    """Stands where the session would be: answers the lists of conferences with who is in them."""

    def __init__(self, **rooms: list[dict[str, str]]) -> None:
        self.rooms = rooms

    async def ask_list(self, action: Action, on_item: object) -> Answer:
        fields = dict(action.fields)
        if action.name == "ConfbridgeListRooms":
            items = [{"Event": action.name, "Conference": name, "Locked": "No", "Muted": "No"} for name in self.rooms]
        elif action.name == "ConfbridgeList":
            items = [
                {"Event": action.name, **CHANNEL, **BRIDGE, "Conference": fields["Conference"], **person}
                for person in self.rooms[fields["Conference"]]
            ]
        else:
            items = []
        for item in items:
            on_item(Message("\r\n".join(f"{key}: {value}" for key, value in item.items()).encode()))  # type: ignore[operator]
        return Answer(Message(b"Response: Success"), [])


async def snapshot(state: State, **rooms: list[dict[str, str]]) -> None:
    """The link has come up: what the lists of conferences say is folded."""
    await list_conferences(sync.Snapshot(Lists(**{name[1:]: people for name, people in rooms.items()}), state))  # type: ignore[arg-type]


# From events.


def test_a_record_runs_from_the_start_of_a_conference_to_its_end(told: Meeting) -> None:
    told.room_event("ConfbridgeStart")
    record = told.record
    assert (record.name, record.started_at, record.ended_at, record.peak) == ("8001", at(0), None, 0)
    told.clock.seconds = 1
    told.joins("1.1", Admin="Yes", CallerIDName="李雷")
    told.joins("2.1")
    told.clock.seconds = 60
    told.leaves("2.1")
    told.joins("3.1")
    assert record.peak == 2
    told.clock.seconds = 90
    told.room_event("ConfbridgeEnd")
    assert record.ended_at == at(90)
    first, second, third = told.state.table(Attendance).rows.values()
    assert (first.joined_at, first.left_at, second.left_at, third.joined_at) == (at(1), at(90), at(60), at(60))
    assert {row.record for row in (first, second, third)} == {record.key}
    assert (first.admin, first.label, second.admin) == (True, "李雷", False)


def test_what_is_said_with_short_breaks_is_one_segment_and_the_breaks_do_not_count_as_talk(told: Meeting) -> None:
    told.joins()
    told.talks_during((5, 8), (9.5, 11), (13, 14))
    row = told.attendance()
    assert row.talk == [(5000, 11000), (13000, 14000)]
    assert row.talked == 3000 + 1500 + 1000 == told.participant().talked
    told.talks(False)
    assert row.talked == 5500


def test_who_talks_on_though_he_talks_already_talks_since_he_began(told: Meeting) -> None:
    told.joins()
    told.talks(True)
    told.clock.seconds = 3
    told.talks(True)
    told.clock.seconds = 4
    told.talks(False)
    assert told.attendance().talk == [(0, 4000)]


def test_muting_ends_talk(told: Meeting) -> None:
    told.joins()
    told.talks(True)
    told.clock.seconds = 3
    told.conference_event("ConfbridgeMute")
    told.clock.seconds = 9
    told.talks(False)
    assert (told.attendance().talk, told.attendance().talked) == ([(0, 3000)], 3000)


@pytest.mark.parametrize("ending", ["leaves", "hangs up", "conference ends"])
def test_who_goes_while_he_talks_has_talked_until_then(told: Meeting, ending: str) -> None:
    told.joins()
    told.clock.seconds = 2
    told.talks(True)
    row = told.attendance()
    told.clock.seconds = 7
    if ending == "leaves":
        told.leaves()
    elif ending == "hangs up":
        told.channel_event("Hangup")
    else:
        told.room_event("ConfbridgeEnd")
    assert (row.talk, row.talked, row.left_at) == ([(2000, 7000)], 5000, at(7))


def test_who_comes_back_is_there_twice_and_talks_anew(told: Meeting) -> None:
    told.joins("1.1")
    told.joins("2.1")
    told.talks_during((1, 2))
    told.leaves()
    told.clock.seconds = 5
    told.joins("1.1")
    told.talks_during((6, 9))
    rows = [row for row in told.state.table(Attendance).rows.values() if row.uniqueid == "1.1"]
    assert [(row.talked, row.talk) for row in rows] == [(1000, [(1000, 2000)]), (3000, [(1000, 4000)])]
    assert rows[0].left_at == at(2)
    assert rows[1].left_at is None


def test_within_one_moment_conferences_and_stays_can_end_and_begin_and_none_is_lost(told: Meeting) -> None:
    for _ in range(3):
        told.joins()
        told.leaves()
        told.room_event("ConfbridgeEnd")
    assert len(told.state.table(ConferenceRecord).rows) == len(told.state.table(Attendance).rows) == 3
    assert {row.record for row in told.state.table(Attendance).rows.values()} == set(
        told.state.table(ConferenceRecord).rows
    )


def test_who_joins_elsewhere_unheard_of_leaving_has_left_there(told: Meeting) -> None:
    told.joins("1.1", "8001")
    told.joins("2.1", "8001")
    told.talks(True)
    first = told.attendance()
    told.clock.seconds = 4
    told.joins("1.1", "8002")
    second = told.state.table(Attendance).rows[told.participant().attendance]
    assert (first.left_at, first.talked, second.joined_at) == (at(4), 4000, at(4))
    assert second.record == told.state.table(Conference).rows["8002"].record != first.record
    # Late events do not bring them back, nor end the stay that has begun.
    told.talks(True, "1.1", "8001")
    told.leaves("1.1", "8001")
    assert told.participant().conference == "8002"
    assert (told.participant().talking, second.left_at) == (False, None)


# From lists.


async def test_a_link_that_is_lost_and_back_goes_on_with_the_record(told: Meeting) -> None:
    for uniqueid in ("1.1", "2.1", "3.1"):
        told.joins(uniqueid)
        told.clock.seconds = 10
        told.talks(True, uniqueid)
    record, key = told.record, told.record.key
    rows = {uniqueid: told.attendance(uniqueid) for uniqueid in ("1.1", "2.1", "3.1")}
    told.state.last_contact = at(20)
    told.clock.seconds = 80
    talking, silent = {"Uniqueid": "1.1", "Talking": "Yes"}, {"Uniqueid": "2.1", "Talking": "No"}
    await snapshot(told.state, _8001=[talking, silent])
    assert (record.ended_at, told.state.table(Conference).rows["8001"].record) == (None, key)
    # Until when they talked is not known, but that they did until nothing was heard any more.
    assert [row.talked for row in rows.values()] == [10_000, 10_000, 10_000]
    assert [row.left_at for row in rows.values()] == [None, None, at(20)]
    told.clock.seconds = 90
    told.talks(False)
    assert rows["1.1"].talk == [(10_000, 20_000), (80_000, 90_000)]
    assert told.state.now() == at(90)


async def test_a_conference_that_ended_while_nobody_listened_ended_when_it_was_last_heard_of(told: Meeting) -> None:
    told.joins()
    told.clock.seconds = 5
    told.talks(True)
    record, row = told.record, told.attendance()
    told.state.last_contact = at(30)
    told.clock.seconds = 9 * 3600
    await snapshot(told.state)
    assert (record.ended_at, row.left_at, row.talk) == (at(30), at(30), [(5000, 30_000)])


async def test_nobody_leaves_before_he_came_though_the_last_sign_of_life_is_older(told: Meeting) -> None:
    told.state.last_contact = at(10)
    told.clock.seconds = 12
    told.joins()
    told.talks(True)
    record, row = told.record, told.attendance()
    told.clock.seconds = 30
    await snapshot(told.state)
    assert (record.ended_at, row.left_at, row.talked) == (at(12), at(12), 0)


async def test_without_such_a_sign_it_ended_now(told: Meeting) -> None:
    told.joins()
    record = told.record
    told.clock.seconds = 30
    await snapshot(told.state)
    assert record.ended_at == at(30)


async def test_a_conference_that_is_found_running_has_run_as_long_as_its_oldest_participant(told: Meeting) -> None:
    told.clock.seconds = 600
    await snapshot(told.state, _8001=[{"Uniqueid": "1.1", "AnsweredTime": "00:05:00", "Talking": "Yes"}])
    assert (told.record.started_at, told.attendance().joined_at) == (at(300), at(300))
    told.clock.seconds = 610
    told.talks(False)
    assert told.attendance().talk == [(300_000, 310_000)]


async def test_who_hears_the_prompt_has_come_now_however_long_he_waited_before(told: Meeting) -> None:
    told.clock.seconds = 600
    told.room_event("ConfbridgeStart")
    lists = Lists(**{"8001": [{"Uniqueid": "1.1", "AnsweredTime": "00:05:00"}]})
    await list_participants(sync.Snapshot(lists, told.state), "8001")  # type: ignore[arg-type]
    assert told.participant().entering
    assert (told.record.started_at, told.attendance().joined_at) == (at(600), at(600))


def test_a_worker_notes_until_when_it_heard_the_pbx() -> None:
    mirror = Mirror("main", Address("ami", "127.0.0.1", 5038, "panel", "secret"))
    mirror.folding.on_link_state(LinkState.CONNECTING, None)
    mirror.folding.on_link_state(LinkState.UP, None)
    assert mirror.state.last_contact is None
    mirror.state.now = lambda: at(20)
    mirror.folding.on_link_state(LinkState.DOWN, None)
    mirror.state.now = lambda: at(50)
    mirror.folding.on_link_state(LinkState.DOWN, None)
    mirror.folding.on_link_state(LinkState.UP, None)
    assert mirror.state.last_contact == at(20)


# In the database.


@pytest.fixture(scope="module")
def _postgresql(postgresql: PostgreSQL, django_db_blocker: object) -> Iterator[BaseDatabaseWrapper]:
    """A connection to a real PostgreSQL with the panel's tables."""
    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock():  # type: ignore[attr-defined]
        patch.setenv("DATABASE_URL", postgresql.database())
        configured = {**connections["default"].settings_dict, **environment.database(Path())}
        connection = load_backend(configured["ENGINE"]).DatabaseWrapper(configured, "default")
        usual = connections["default"]
        connections["default"] = connection
        try:
            call_command("migrate", verbosity=0)
            yield connection
        finally:
            connection.close()
            connections["default"] = usual


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, db: None) -> Iterator[None]:
    """Each kind of database in turn, empty but for the PBX."""
    usual = connections["default"]
    if request.param == "postgresql":
        connections["default"] = request.getfixturevalue("_postgresql")
    try:
        with transaction.atomic():
            PBX.objects.create(name="main")
            yield
            transaction.set_rollback(True)
    finally:
        connections["default"] = usual


def write(told: Told, *, everything: bool = False) -> None:
    store.write(told.state.take(everything=everything))


def successor(told: Meeting) -> Meeting:
    """Another worker, which has taken over what this one has stored."""
    other = Meeting()
    other.clock.seconds = told.clock.seconds
    store.inherit(other.state)
    return other


@pytest.mark.usefixtures("database")
def test_a_record_is_written_while_it_runs_and_stays_when_it_is_over(told: Meeting) -> None:
    told.joins()
    told.talks_during((1, 2))
    write(told)
    assert ConferenceRecord.objects.get().ended_at is None
    assert Attendance.objects.get().talk == [(1000, 2000)]
    told.talks_during((8, 9))
    told.leaves()
    told.room_event("ConfbridgeEnd")
    write(told)
    record, row = ConferenceRecord.objects.get(), Attendance.objects.get()
    assert (record.pbx, record.ended_at, record.peak) == ("main", at(9), 1)
    assert (row.pbx, row.record, row.left_at, row.talked, row.segments) == (
        "main", record.key, at(9), 2000, "1000-2000 8000-9000",
    )  # fmt: skip
    # What is over is not held in memory.
    assert not told.state.table(ConferenceRecord).rows
    assert not told.state.table(Attendance).rows
    assert not Conference.objects.exists()


@pytest.mark.usefixtures("database")
def test_records_stay_when_everything_is_replaced(told: Meeting) -> None:
    told.joins("1.1", "8001")
    told.room_event("ConfbridgeEnd", "8001")
    told.joins("2.1", "8002")
    write(told, everything=True)
    write(told, everything=True)
    assert set(ConferenceRecord.objects.values_list("name", "ended_at")) == {("8001", at(0)), ("8002", None)}
    write(Meeting(), everything=True)
    assert not Participant.objects.exists()
    assert (ConferenceRecord.objects.count(), Attendance.objects.count()) == (2, 2)


@pytest.mark.usefixtures("database")
def test_a_worker_that_takes_over_continues_the_record(told: Meeting) -> None:
    told.joins("1.1")
    told.joins("2.1")
    told.talks_during((1, 2))
    told.talks(True)
    write(told)
    told.clock.seconds = 60
    other = successor(told)
    other.state.last_contact = at(50)
    async_to_sync(snapshot)(other.state, _8001=[{"Uniqueid": "1.1", "Talking": "Yes"}])
    write(other, everything=True)
    other.clock.seconds = 70
    other.leaves()
    other.room_event("ConfbridgeEnd")
    write(other)
    assert ConferenceRecord.objects.get().ended_at == at(70)
    first, second = Attendance.objects.order_by("uniqueid")
    assert (first.left_at, first.talk) == (at(70), [(1000, 50_000), (60_000, 70_000)])
    assert first.talked == 1000 + 48_000 + 10_000
    assert (second.left_at, second.talked) == (at(50), 0)


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(("link", "heard"), [(PBX.Link.UP, 40), (PBX.Link.DOWN, 30)])
def test_a_worker_that_takes_over_knows_until_when_the_former_heard_the_pbx(link: str, heard: float) -> None:
    PBX.objects.update(link=link, seen_at=at(40), event_at=at(30))
    mirror = Mirror("main", Address("ami", "127.0.0.1", 5038, "panel", "secret"))
    assert mirror.take_lease()
    assert mirror.state.last_contact == at(heard)


@pytest.mark.usefixtures("database")
def test_what_is_over_is_not_inherited(told: Meeting) -> None:
    told.joins()
    told.leaves()
    told.room_event("ConfbridgeEnd")
    told.joins("2.1", "8002")
    write(told)
    other = successor(told)
    assert [row.name for row in other.state.table(ConferenceRecord).rows.values()] == ["8002"]
    assert [row.uniqueid for row in other.state.table(Attendance).rows.values()] == ["2.1"]


@pytest.mark.usefixtures("database")
def test_a_database_that_fails_loses_nothing_of_what_is_over(told: Meeting, monkeypatch: pytest.MonkeyPatch) -> None:
    told.joins("1.1")
    told.joins("2.1")
    write(told)
    told.clock.seconds = 5
    told.talks(True)
    told.clock.seconds = 6
    told.leaves("1.1")
    changes = told.state.take()
    with monkeypatch.context() as patch:
        patch.setattr(store, "_upsert", _fail)
        with pytest.raises(DatabaseError):
            store.write(changes)
    # Meanwhile the rest is over as well.
    told.clock.seconds = 9
    told.leaves("2.1")
    told.room_event("ConfbridgeEnd")
    assert Attendance.objects.filter(left_at=None).count() == 2
    told.state.give_back(changes)
    changes = told.state.take()
    told.state.give_back(changes)
    write(told)
    assert list(Attendance.objects.order_by("uniqueid").values_list("left_at", "talked")) == [(at(6), 1000), (at(9), 0)]
    assert ConferenceRecord.objects.get().ended_at == at(9)
    assert not told.state.table(Attendance).rows
    assert not told.state.is_dirty


def _fail(model: object, rows: object) -> None:
    raise DatabaseError("The disk is full.")


@pytest.mark.usefixtures("database")
def test_with_a_pbx_that_leaves_the_panel_its_open_records_end(told: Meeting) -> None:
    told.joins()
    write(told)
    PBX.objects.update(seen_at=at(40))
    PBX.objects.all().delete()
    assert ConferenceRecord.objects.get().ended_at == Attendance.objects.get().left_at == at(40)


@pytest.mark.usefixtures("database")
def test_a_hostile_name_of_a_conference_is_kept_as_it_is(told: Meeting) -> None:
    name = "a/b'\"%s;--\\x {1,2} 団\U0001f600"
    told.joins("1.1", name, CallerIDName="{NULL},\"'\\")
    write(told)
    assert ConferenceRecord.objects.get().name == name
    assert Attendance.objects.get().caller_name == "{NULL},\"'\\"

"""The log as it is written: with the tick, numbered without gaps, and kept for some days."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from calls.models import Channel
from engine.mirror import store
from engine.mirror.lease import Lease, LeaseLost
from engine.mirror.models import LEASE, PBX
from engine.mirror.state import State
from eventlog import models
from eventlog.declarations import EventType, declare, event_types, object_of
from eventlog.models import THINNED_AFTER, Event
from tests.engine.mirror.events import Told
from tests.eventlog.told import check, kinds

pytestmark = [pytest.mark.django_db]


@pytest.fixture(autouse=True)
def pbx() -> Iterator[PBX]:
    models._written.clear()
    yield PBX.objects.create(name="main")
    models._written.clear()


class Worker:
    """One that leads, or believes that it does."""

    def __init__(self, name: str) -> None:
        self.lease = Lease("main", name)
        self.told = Told()
        self.told.clock.now = timezone.now  # type: ignore[method-assign]
        self.told.state = State("main")

    @property
    def state(self) -> State:
        return self.told.state

    def lead(self) -> "Worker":
        assert self.lease.take()
        store.inherit(self.state)
        return self

    def happens(self, times: int = 1) -> "Worker":
        """So many conferences begin."""
        for _ in range(times):
            self.told.room_event("ConfbridgeStart", f"room-{id(self)}-{len(self.told.conferences)}")
        return self

    def tick(self) -> None:
        """As `engine.mirror.ticks` does."""
        changes = self.state.take()
        try:
            with transaction.atomic():
                self.lease.renew()
                store.write(changes)
        except DatabaseError:
            self.state.give_back(changes)
            raise


def numbers() -> list[int]:
    return list(Event.objects.filter(pbx="main").order_by("number").values_list("number", flat=True))


def test_what_is_written_is_numbered_in_order_and_forgotten() -> None:
    worker = Worker("one").lead().happens(2)
    before = timezone.now()
    worker.tick()
    between = timezone.now()
    worker.happens(3).tick()
    assert numbers() == [1, 2, 3, 4, 5]
    written = list(Event.objects.order_by("number").values_list("at", flat=True))
    assert before <= written[0] == written[1] <= between <= written[2] == written[4] <= timezone.now()
    assert not worker.state.table(Event).rows
    rows = Event.objects.order_by("number")
    assert [row.subject for row in rows] == [json.loads(row.data)["id"] for row in rows]
    assert worker.state.take().is_empty


def test_each_pbx_counts_for_itself() -> None:
    PBX.objects.create(name="branch")
    Worker("one").lead().happens(2).tick()
    branch = State("branch")
    told = Told()
    told.state = branch
    store.inherit(branch)
    told.room_event("ConfbridgeStart")
    store.write(branch.take())
    assert list(Event.objects.values_list("pbx", "number")) == [("branch", 1), ("main", 1), ("main", 2)]


def test_who_takes_over_counts_on_and_what_the_former_has_not_written_is_no_gap() -> None:
    first = Worker("one").lead().happens(2)
    first.tick()
    first.happens(3)  # not written
    PBX.objects.update(seen_at=timezone.now() - LEASE - timedelta(seconds=1))
    second = Worker("two").lead().happens(2)
    second.tick()
    with pytest.raises(LeaseLost):
        first.tick()
    second.happens().tick()
    assert numbers() == [1, 2, 3, 4, 5]
    assert len({event.subject for event in Event.objects.all()}) == 5


@pytest.mark.parametrize("fails", ["before", "after"])
def test_a_transaction_that_fails_writes_nothing_and_repeats_nothing(
    monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    worker = Worker("one").lead()
    worker.told.channel_event("Newchannel")
    worker.happens(2)
    write = store.write

    def failing(changes: object) -> None:
        if fails == "after":
            write(changes)  # type: ignore[arg-type]
        raise DatabaseError

    with monkeypatch.context() as patch:
        patch.setattr(store, "write", failing)
        with pytest.raises(DatabaseError):
            worker.tick()
    assert numbers() == []
    assert not Channel.objects.exists()
    worker.happens().tick()
    assert numbers() == [1, 2, 3]
    assert len({event.subject for event in Event.objects.all()}) == 3
    assert worker.state.take().is_empty


def test_what_was_committed_though_nobody_heard_so_is_written_again_and_is_the_same() -> None:
    """A connection may be lost after the commit, before its answer."""
    worker = Worker("one").lead().happens(2)
    changes = worker.state.take()
    store.write(changes)
    worker.state.give_back(changes)
    worker.tick()
    assert numbers() == [1, 2]


def test_the_log_outlives_its_pbx_and_the_numbers_go_on() -> None:
    Worker("one").lead().happens(2).tick()
    PBX.objects.all().delete()
    PBX.objects.create(name="main")
    Worker("two").lead().happens().tick()
    assert numbers() == [1, 2, 3]


# How long it is kept.


def age(**ages: timedelta) -> None:
    for number, old in ages.items():
        Event.objects.filter(number__lte=int(number[1:])).update(at=timezone.now() - old)


def test_what_is_older_than_three_days_goes_and_the_rest_stays() -> None:
    worker = Worker("one").lead().happens(6)
    worker.tick()
    age(n5=timedelta(days=2, hours=23), n3=timedelta(days=3, hours=1))
    models._written.clear()  # as in a process that begins
    worker.happens().tick()
    assert numbers() == [4, 5, 6, 7]
    with override_settings(EVENT_LOG_DAYS=1):
        worker.happens(THINNED_AFTER).tick()
    assert numbers()[0] == 6


def test_of_the_oldest_only_so_many_go_at_a_time_and_the_last_never(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "THINNED_AT_ONCE", 4)
    worker = Worker("one").lead().happens(6)
    worker.tick()
    age(n6=timedelta(days=9))
    models._written.clear()
    worker.happens().tick()
    assert numbers() == [5, 6, 7]


def test_it_is_not_looked_for_old_ones_in_each_tick() -> None:
    worker = Worker("one").lead().happens()
    worker.tick()
    worker.happens()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        worker.tick()
    assert not [query["sql"] for query in queries if "DELETE" in query["sql"] or "ORDER BY" in query["sql"]]


def test_without_days_nothing_is_written() -> None:
    with override_settings(EVENT_LOG_DAYS=0):
        Worker("one").lead().happens(3).tick()
    assert numbers() == []


# The cost.


def test_what_an_event_costs_does_not_grow_with_the_number_of_channels() -> None:
    """Counted in calls of functions, which are the same in every run."""
    import cProfile
    import pstats

    def calls(channels: int) -> int:
        told = Told()
        for number in range(channels):
            told.channel_event("Newchannel", f"{number}.1", Channel=f"PJSIP/{number}-1", Linkedid=f"{number}.1")
        profile = cProfile.Profile()
        profile.enable()
        told.channel_event("Newstate", "0.1", Channel="PJSIP/0-1", Linkedid="0.1", ChannelStateDesc="Ringing")
        told.channel_event("Newstate", "0.1", Channel="PJSIP/0-1", Linkedid="0.1", ChannelStateDesc="Up")
        told.channel_event("Hangup", "0.1", Channel="PJSIP/0-1", Linkedid="0.1", Cause="16")
        profile.disable()
        assert kinds(told.state) == ["call.ringing", "call.answered", "call.ended"]
        return int(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]

    calls(10)
    assert calls(2000) <= calls(10) + 20


# The declarations.


def test_each_type_has_an_example_that_fits() -> None:
    assert {name.partition(".")[0] for name in event_types} == {"call", "conference", "participant", "extension"}
    for name, event_type in event_types.items():
        assert event_type.meaning
        assert event_type.permission
        check(event_type.example, object_of(event_type.fields), name)
        assert all(field.meaning for field in event_type.fields)


def test_a_type_is_declared_once() -> None:
    with pytest.raises(TypeError, match="declared twice"):
        declare(EventType("call.ended", "Again.", (), ""))

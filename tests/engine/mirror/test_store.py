"""What a tick writes: all of it, or nothing."""

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from calls.models import Channel
from conferences.models import Conference, Participant
from engine.mirror import store
from engine.mirror.models import PBX
from engine.mirror.state import Changes

from .events import Told

pytestmark = [pytest.mark.django_db]


@pytest.fixture(autouse=True)
def pbxs() -> None:
    """The PBX that is written to, and another that must stay as it is."""
    PBX.objects.create(name="main")
    PBX.objects.create(name="other")


def write(told: Told) -> None:
    store.write(told.state.take())


def stored() -> dict[str, str]:
    """Uniqueid → state of the channels in the database."""
    return dict(Channel.objects.filter(pbx="main").values_list("uniqueid", "state"))


def elsewhere() -> None:
    """A channel, a conference and a participant with our keys on the other PBX."""
    told = Told()
    told.state.pbx = "other"
    for model in (Channel, Conference, Participant):
        told.state.table(model).pbx = "other"
    told.channel_event("Newchannel")
    told.conference_event("ConfbridgeJoin", Admin="No", Muted="No")
    store.write(told.state.take())


def count_elsewhere() -> list[int]:
    return [model.objects.filter(pbx="other").count() for model in (Channel, Conference, Participant)]


def test_new_rows_are_inserted_changed_ones_updated_and_gone_ones_deleted(told: Told) -> None:
    elsewhere()
    told.channel_event("Newchannel", "1.1", CallerIDName="李雷")
    told.channel_event("Newchannel", "2.1")
    told.conference_event("ConfbridgeJoin", "3.1", Admin="Yes", Muted="No")
    write(told)
    assert stored() == {"1.1": "Ring", "2.1": "Ring"}
    first = Channel.objects.get(pbx="main", uniqueid="1.1")
    assert (first.caller_name, first.endpoint, first.created_at) == ("李雷", "PJSIP/101", told.clock.now())

    told.clock.seconds = 5
    told.channel_event("Newstate", "1.1", ChannelStateDesc="Up", CallerIDName="李雷")
    told.channel_event("Hangup", "2.1")
    told.channel_event("Newchannel", "4.1")
    told.room_event("ConfbridgeEnd")
    write(told)
    assert stored() == {"1.1": "Up", "4.1": "Ring"}
    again = Channel.objects.get(pbx="main", uniqueid="1.1")
    assert (again.pk, again.caller_name, again.answered_at) == (first.pk, "李雷", told.clock.now())
    assert not Conference.objects.filter(pbx="main").exists()
    assert not Participant.objects.filter(pbx="main").exists()
    assert count_elsewhere() == [1, 1, 1]


def test_each_field_of_a_row_is_written_and_updated(told: Told) -> None:
    told.channel_event("Newchannel")
    write(told)
    row = told.channel()
    values: dict[str, object] = {
        f.name: f"new {f.name}"[:32] for f in Channel._meta.concrete_fields if f.get_internal_type() == "CharField"
    }
    del values["uniqueid"]
    values |= {"on_hold": True, "created_at": told.clock.now().replace(hour=1), "answered_at": told.clock.now()}
    told.state.table(Channel).change(row, **values)
    write(told)
    (found,) = Channel.objects.filter(pbx="main").values(*values)
    assert found == values


def test_a_row_that_was_removed_and_added_again_within_a_tick_is_there(told: Told) -> None:
    told.room_event("ConfbridgeStart")
    write(told)
    told.clock.seconds = 9
    told.room_event("ConfbridgeEnd")
    told.room_event("ConfbridgeStart")
    write(told)
    assert Conference.objects.get(pbx="main").started_at == told.clock.now()


def test_everything_replaces_what_is_stored_of_this_pbx(told: Told) -> None:
    elsewhere()
    told.channel_event("Newchannel", "1.1")
    told.channel_event("Newchannel", "2.1")
    told.conference_event("ConfbridgeJoin", "2.1", Admin="Yes", Muted="No")
    write(told)
    fresh = Told()
    fresh.channel_event("Newchannel", "2.1", ChannelStateDesc="Up")
    fresh.channel_event("Newchannel", "3.1")
    store.write(fresh.state.take(everything=True))
    assert stored() == {"2.1": "Up", "3.1": "Ring"}
    assert not Conference.objects.filter(pbx="main").exists()
    assert not Participant.objects.filter(pbx="main").exists()
    assert count_elsewhere() == [1, 1, 1]


def test_everything_of_a_pbx_where_nothing_happens_empties_it(told: Told) -> None:
    told.channel_event("Newchannel")
    write(told)
    store.write(Told().state.take(everything=True))
    assert stored() == {}


def test_more_rows_than_one_batch_are_all_written_and_all_deleted(told: Told) -> None:
    count = store._BATCH * 2 + 1
    for number in range(count):
        told.channel_event("Newchannel", f"{number}.1")
    write(told)
    assert len(stored()) == count
    for number in range(count - 1):
        told.channel_event("Newstate", f"{number}.1", ChannelStateDesc="Up")
    write(told)
    assert list(stored().values()).count("Up") == count - 1
    for number in range(count - 1):
        told.channel_event("Hangup", f"{number}.1")
    write(told)
    assert stored() == {f"{count - 1}.1": "Ring"}


@pytest.mark.parametrize(("rows", "most"), [(1, 3), (100, 9), (store._BATCH, 20)])
def test_the_cost_of_a_tick_is_a_few_statements_however_many_rows_change(told: Told, rows: int, most: int) -> None:
    for number in range(rows):
        told.channel_event("Newchannel", f"{number}.1")
    changes = told.state.take()
    connection.ensure_connection()
    statements: list[str] = []
    # Of SQLite itself: not all of it goes through Django's cursor.
    connection.connection.set_trace_callback(statements.append)
    store.write(changes)
    connection.connection.set_trace_callback(None)
    inserts = [statement for statement in statements if statement.startswith("INSERT")]
    assert 1 <= len(inserts) <= most
    assert len(statements) <= len(inserts) + 2
    assert len(stored()) == rows


def test_nothing_to_write_asks_the_database_nothing(told: Told) -> None:
    with CaptureQueriesContext(connection) as queries:
        store.write(told.state.take())
        store.write(Changes("main"))
    assert len(queries) == 0


def test_a_failing_write_leaves_nothing_and_can_be_tried_again(told: Told) -> None:
    told.channel_event("Newchannel", "1.1")
    write(told)
    told.channel_event("Newstate", "1.1", ChannelStateDesc="Up")
    told.channel_event("Newchannel", "2.1")
    told.conference_event("ConfbridgeJoin", "3.1", Admin="Yes", Muted="No")
    broken = told.participant("3.1")
    good, broken.joined_at = broken.joined_at, None  # type: ignore[assignment]
    changes = told.state.take()
    with pytest.raises(DatabaseError):
        store.write(changes)
    assert stored() == {"1.1": "Ring"}
    assert not Conference.objects.exists()

    broken.joined_at = good
    told.state.give_back(changes)
    store.write(told.state.take())
    assert stored() == {"1.1": "Up", "2.1": "Ring"}
    assert Participant.objects.get().uniqueid == "3.1"


def test_a_failing_replacement_leaves_what_was_stored(told: Told) -> None:
    told.channel_event("Newchannel", "1.1")
    write(told)
    told.channel_event("Hangup", "1.1")
    told.channel_event("Newchannel", "2.1")
    told.channel("2.1").created_at = None  # type: ignore[assignment]
    with pytest.raises(DatabaseError):
        store.write(told.state.take(everything=True))
    assert stored() == {"1.1": "Ring"}

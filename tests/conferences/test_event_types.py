"""What others are told of conferences and participants."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import override_settings

from conferences.models import Participant
from conferences.rooms.models import permission_for
from eventlog.declarations import event_types
from tests.engine.mirror.events import BEGINNING
from tests.engine.mirror.test_records import Meeting, snapshot
from tests.eventlog.told import kinds, told


def at(seconds: float) -> str:
    return f"{(BEGINNING + timedelta(seconds=seconds)).isoformat(timespec='milliseconds')[:-6]}Z"


@pytest.fixture
def meeting() -> Meeting:
    return Meeting()


def last(meeting: Meeting) -> tuple[str, dict[str, Any]]:
    return told(meeting.state)[-1]


def test_a_conference_and_who_is_in_it_from_its_start_to_its_end(meeting: Meeting) -> None:
    meeting.room_event("ConfbridgeStart")
    meeting.clock.seconds = 1
    meeting.joins("1.1", Admin="Yes", Muted="Yes", CallerIDName="李雷")
    meeting.joins("2.1")
    meeting.clock.seconds = 5
    meeting.conference_event("ConfbridgeUnmute", "1.1", Admin="Yes")
    meeting.conference_event("ConfbridgeMute", "2.1")
    meeting.clock.seconds = 9
    meeting.leaves("2.1")
    meeting.room_event("ConfbridgeEnd")
    assert kinds(meeting.state) == [
        "conference.started", "participant.joined", "participant.joined", "participant.unmuted", "participant.muted",
        "participant.left", "conference.ended", "participant.left",
    ]  # fmt: skip
    (_, started), (_, first), _, (_, unmuted), (_, muted), (_, left), (_, ended), _ = told(meeting.state)
    assert started == {"id": "8001", "pbx": "main", "conference": "8001", "started_at": at(0)}
    assert first == {
        "id": "1.1", "pbx": "main", "conference": "8001", "name": "李雷", "number": "101", "endpoint": "PJSIP/101",
        "admin": True, "muted": True, "talking": False, "joined_at": at(1),
    }  # fmt: skip
    assert (unmuted["id"], unmuted["muted"]) == ("1.1", False)
    assert (muted["id"], muted["muted"], muted["muted_by"]) == ("2.1", True, "moderator")
    assert (left["id"], left["left_at"]) == ("2.1", at(9))
    assert (ended["ended_at"], ended["peak"]) == (at(9), 2)


def test_who_still_hears_the_prompt_has_not_joined_and_does_not_leave(meeting: Meeting) -> None:
    meeting.room_event("ConfbridgeStart")
    participants = meeting.state.table(Participant)
    participants.add("1.1", conference="8001", entering=True, joined_at=meeting.clock.now())
    participants.change(participants.rows["1.1"], muted=True)
    participants.remove("1.1")
    assert kinds(meeting.state) == ["conference.started"]
    participants.add("2.1", conference="8001", channel="PJSIP/102-2", entering=True, joined_at=meeting.clock.now())
    meeting.joins("2.1")
    assert kinds(meeting.state) == ["conference.started", "participant.joined"]


def test_what_the_panel_plays_is_nobody(meeting: Meeting) -> None:
    meeting.joins("1.1", Channel="Local/voice@pbxpanel-play-0001;1")
    meeting.leaves("1.1")
    assert kinds(meeting.state) == ["conference.started"]


async def test_what_ended_while_nobody_listened_ended_at_last_contact(meeting: Meeting) -> None:
    meeting.joins()
    meeting.clock.seconds = 10
    meeting.state.last_contact = meeting.clock.now()
    meeting.clock.seconds = 100
    await snapshot(meeting.state)
    ended = {type: data for type, data in told(meeting.state) if type in ("participant.left", "conference.ended")}
    assert ended["participant.left"]["left_at"] == ended["conference.ended"]["ended_at"] == at(10)


async def test_whoever_is_found_in_a_conference_is_told_as_joined(meeting: Meeting) -> None:
    await snapshot(meeting.state, r8001=[{"Admin": "No", "MarkedUser": "No", "Muted": "Yes", "AnsweredTime": "60"}])
    assert kinds(meeting.state) == ["conference.started", "participant.joined"]
    assert last(meeting)[1]["muted"] is True


def test_who_talks_is_told_only_where_that_is_asked_for(meeting: Meeting) -> None:
    meeting.joins()
    before = kinds(meeting.state)
    meeting.talks(True)
    assert kinds(meeting.state) == before
    meeting.talks(False)
    with override_settings(EVENT_LOG_TALKING=True):
        meeting.talks(True)
        assert (last(meeting)[0], last(meeting)[1]["talking"]) == ("participant.talking", True)
        meeting.talks(False)
        assert (last(meeting)[0], last(meeting)[1]["talking"]) == ("participant.talking", False)


def test_whoever_moderates_the_room_may_see_its_events(meeting: Meeting) -> None:
    meeting.joins()
    for name, data in told(meeting.state):
        assert event_types[name].also(data) == permission_for("main", "8001")

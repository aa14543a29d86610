"""Events in, rows out: what each event changes, and what it must not change."""

from collections import Counter
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calls.events import OldHolds
from calls.models import Bridge, Channel, ParkedCall
from conferences.invitations.models import Invitation
from conferences.models import Conference, Participant
from conferences.targets import can_be_asked_for
from engine.mirror.models import History
from engine.mirror.sanitize import clean, clean_name, duration, exact, shown
from engine.mirror.state import TOMBSTONE_SECONDS, Changes
from extensions.models import Device, Extension, Presence
from tests.engine.ami.corpus import FILES, messages

from .events import BEGINNING, BRIDGE, CHANNEL, Told, of_cards

CALL, OTHER_CALL = ("call", "1.1"), ("call", "2.1")


def upserted(changes: Changes, model: type[Channel] | type[Participant]) -> set[str]:
    return {row.key for row in changes.upserts[model]}


# A channel.


def test_a_new_channel_is_a_row_with_what_its_snapshot_says(told: Told) -> None:
    told.channel_event("Newchannel", AccountCode="sales")
    row = told.channel()
    assert (row.pbx_id, row.uniqueid, row.linkedid, row.name) == ("main", "1.1", "1.1", "PJSIP/101-11")
    assert (row.endpoint, row.state, row.caller_number, row.caller_name) == ("PJSIP/101", "Ring", "101", "Anna Alpha")
    assert (row.connected_number, row.connected_name, row.account_code) == ("", "", "sales")
    assert (row.context, row.extension, row.bridge, row.on_hold) == ("internal", "102", "", False)
    assert (row.created_at, row.answered_at) == (BEGINNING, None)
    assert told.subjects() == {CALL}


def test_a_channel_lives_from_its_ringing_to_its_end(told: Told) -> None:
    told.channel_event("Newchannel", ChannelStateDesc="Down")
    told.channel_event("Newstate", ChannelStateDesc="Ringing")
    assert told.channel().is_ringing
    told.channel_event("NewConnectedLine", ChannelStateDesc="Ringing", ConnectedLineNum="102", ConnectedLineName="Ben")
    assert (told.channel().connected_number, told.channel().connected_name) == ("102", "Ben")
    told.clock.seconds = 5
    told.channel_event("Newstate", ChannelStateDesc="Up")
    told.clock.seconds = 6
    told.channel_event("BridgeEnter", ChannelStateDesc="Up", BridgeUniqueid="b-1")
    assert (told.channel().state, told.channel().bridge) == ("Up", "b-1")
    told.channel_event("Hold", ChannelStateDesc="Up")
    assert told.channel().on_hold
    told.channel_event("Unhold", ChannelStateDesc="Up")
    assert not told.channel().on_hold
    assert (told.channel().answered_at, told.channel().created_at) == (told.clock.now().replace(second=5), BEGINNING)
    told.channel_event("BridgeLeave", ChannelStateDesc="Up", BridgeUniqueid="b-1")
    assert told.channel().bridge == ""
    told.state.take()
    told.channel_event("Hangup", ChannelStateDesc="Up", Cause="16", Cause_txt="Normal Clearing")
    changes = told.state.take()
    assert told.channels == set()
    assert changes.removals[Channel] == ["1.1"]
    assert of_cards(changes.subjects) == {CALL}


def test_a_channel_that_is_up_when_it_is_first_heard_of_was_answered_then(told: Told) -> None:
    told.clock.seconds = 3
    told.channel_event("Newstate", ChannelStateDesc="Up")
    assert told.channel().answered_at == told.channel().created_at == told.clock.now()


def test_who_leaves_a_bridge_is_no_longer_on_hold(told: Told) -> None:
    told.channel_event("BridgeEnter", BridgeUniqueid="b-1")
    told.channel_event("Hold")
    told.channel_event("BridgeLeave", BridgeUniqueid="b-1")
    assert not told.channel().on_hold


def test_who_enters_another_bridge_unheard_of_leaving_holds_nobody_there(told: Told) -> None:
    told.channel_event("BridgeEnter", BridgeUniqueid="b-1")
    told.channel_event("Hold")
    told.channel_event("BridgeEnter", BridgeUniqueid="b-2")
    assert not told.channel().on_hold


def test_a_hold_is_old_when_the_link_comes_up_until_something_is_heard_of_it(told: Told) -> None:
    for uniqueid in ("1.1", "2.1", "3.1"):
        told.channel_event("BridgeEnter", uniqueid, BridgeUniqueid="b-1")
        told.channel_event("Hold", uniqueid)
    told.hear("FullyBooted")
    told.channel_event("Hold", "2.1")
    told.channel_event("Hangup", "3.1")
    assert told.state.memory(OldHolds).uniqueids == {"1.1"}


def test_leaving_a_bridge_that_was_left_before_does_not_undo_the_next(told: Told) -> None:
    told.channel_event("BridgeEnter", BridgeUniqueid="b-1")
    told.channel_event("BridgeEnter", BridgeUniqueid="b-2")
    told.channel_event("BridgeLeave", BridgeUniqueid="b-1")
    assert told.channel().bridge == "b-2"


def test_an_application_is_told_by_newexten(told: Told) -> None:
    told.channel_event("Newexten", Extension="600", Application="Echo", AppData="x")
    assert (told.channel().application, told.channel().application_data) == ("Echo", "x")


def test_a_rename_changes_name_and_endpoint(told: Told) -> None:
    told.channel_event("Newchannel")
    told.hear("Rename", Channel="PJSIP/101-11", Newname="PJSIP/104-0000000a", Uniqueid="1.1")
    assert (told.channel().name, told.channel().endpoint) == ("PJSIP/104-0000000a", "PJSIP/104")
    told.hear("Rename", Channel="x", Newname="y", Uniqueid="9.9")
    assert told.channels == {"1.1"}


def test_halves_of_local_channels_have_no_endpoint(told: Told) -> None:
    told.channel_event("Newchannel", Channel="Local/8001@internal-00000001;2")
    assert told.channel().endpoint == ""
    assert told.channel().is_local


def test_an_event_without_a_channel_changes_nothing(told: Told) -> None:
    told.hear("Newstate", ChannelStateDesc="Up")
    told.hear("Hangup")
    told.hear("Rename")
    assert not told.state.is_dirty


def test_an_event_nobody_registered_for_changes_nothing(told: Told) -> None:
    told.channel_event("SomethingNew")
    assert not told.state.is_dirty


def test_a_channel_without_linkedid_is_a_call_of_its_own(told: Told) -> None:
    told.channel_event("Newchannel", Linkedid="")
    assert told.channel().linkedid == "1.1"


# A channel that is gone.


@pytest.mark.parametrize("event", ["Newstate", "NewConnectedLine", "BridgeLeave", "Newexten", "Unhold", "Newchannel"])
def test_a_late_event_does_not_bring_a_channel_back(told: Told, event: str) -> None:
    told.channel_event("Newchannel")
    told.channel_event("Hangup")
    told.state.take()
    told.clock.seconds = TOMBSTONE_SECONDS - 1
    told.channel_event(event)
    assert told.channels == set()
    assert not told.state.is_dirty


def test_a_channel_that_was_never_seen_is_buried_too(told: Told) -> None:
    told.channel_event("Hangup")
    told.channel_event("Newstate")
    assert told.channels == set()


def test_a_grave_is_forgotten_after_its_time(told: Told) -> None:
    told.channel_event("Hangup")
    assert told.state.has_tombstone("1.1")
    told.clock.seconds = TOMBSTONE_SECONDS + 1
    assert not told.state.has_tombstone("1.1")


def test_graves_do_not_grow_without_end(told: Told) -> None:
    for number in range(3000):
        told.clock.seconds += 1
        told.channel_event("Hangup", f"{number}.1")
    assert len(told.state._tombstones) < 600
    assert told.state.has_tombstone("2999.1")
    assert told.state.has_tombstone("2950.1")


# What is drawn anew.


def test_a_changed_linkedid_draws_the_old_call_and_the_new_one(told: Told) -> None:
    told.channel_event("Newchannel", "1.1")
    told.channel_event("Newchannel", "2.1")
    told.subjects()
    told.channel_event("BridgeEnter", "2.1", Linkedid="1.1", BridgeUniqueid="b-1")
    assert told.subjects() == {CALL, OTHER_CALL}
    assert told.channel("2.1").linkedid == "1.1"


def test_an_event_that_says_nothing_new_draws_and_writes_nothing(told: Told) -> None:
    told.channel_event("Newchannel")
    told.conference_event("ConfbridgeStart", conference="8002", ChannelStateDesc="Ring")
    told.conference_event("ConfbridgeJoin", "2.1", conference="8002", Admin="No", Muted="No")
    told.state.take()
    told.channel_event("Newstate")
    told.channel_event("NewConnectedLine")
    told.channel_event("Unhold")
    told.conference_event("ConfbridgeStart", conference="8002")
    told.conference_event("ConfbridgeUnmute", "2.1", conference="8002")
    told.conference_event("ConfbridgeTalking", "2.1", conference="8002", TalkingStatus="off")
    told.conference_event("ConfbridgeStopRecord", conference="8002")
    assert not told.state.is_dirty
    changes = told.state.take()
    assert not any(changes.upserts.values())
    assert not any(changes.removals.values())


def test_many_events_on_one_row_are_one_row_to_write(told: Told) -> None:
    told.channel_event("Newchannel")
    for state in ("Ringing", "Up", "Busy"):
        told.channel_event("Newstate", ChannelStateDesc=state)
    (row,) = told.state.take().upserts[Channel]
    assert cast(Channel, row).state == "Busy"


def test_what_came_and_went_within_a_tick_is_not_written_but_drawn(told: Told) -> None:
    told.channel_event("Newchannel")
    told.channel_event("Hangup")
    changes = told.state.take()
    assert changes.upserts[Channel] == []
    assert of_cards(changes.subjects) == {CALL}


# A conference.


@pytest.fixture
def meeting(told: Told) -> Told:
    """A conference in which 1.1 and 2.1 are, with nothing left to draw."""
    told.room_event("ConfbridgeStart")
    told.clock.seconds = 2
    told.conference_event("ConfbridgeJoin", "1.1", Admin="Yes", Muted="No")
    told.clock.seconds = 3
    told.conference_event("ConfbridgeJoin", "2.1", Admin="No", Muted="Yes", CallerIDName="", CallerIDNum="102")
    told.state.take()
    told.state.requests.clear()
    return told


def test_a_conference_starts_and_fills(meeting: Told) -> None:
    conference = meeting.state.table(Conference).get("8001")
    assert conference is not None
    assert (conference.pbx_id, conference.started_at, conference.locked) == ("main", BEGINNING, False)
    admin, guest = meeting.participant("1.1"), meeting.participant("2.1")
    assert (admin.conference, admin.channel, admin.label) == ("8001", "PJSIP/101-11", "Anna Alpha")
    assert (admin.admin, admin.muted, admin.talking) == (True, False, False)
    assert (guest.admin, guest.muted, guest.label) == (False, True, "102")
    assert (guest.joined_at - admin.joined_at).total_seconds() == 1


def test_a_join_asks_for_what_only_a_list_tells(told: Told) -> None:
    told.conference_event("ConfbridgeJoin", Admin="No", Muted="No")
    assert told.state.requests == {("conference", "8001")}


def test_the_profiles_may_be_told_after_the_join(told: Told) -> None:
    told.channel_event("Newchannel")
    told.conference_event("ConfbridgeJoin", Admin="No", Muted="No")
    assert told.participant().arguments == ""
    told.channel_event("Newexten", Application="ConfBridge", AppData="8002,other")
    assert told.participant().arguments == "", "of another conference"
    told.channel_event("Newexten", Application="ConfBridge", AppData="8001,panel_bridge,panel_user,panel_menu")
    assert told.participant().arguments == "panel_bridge,panel_user,panel_menu"
    told.channel_event("Newexten", Application="ConfBridge", AppData="8001,later")
    assert told.participant().arguments == "panel_bridge,panel_user,panel_menu"


def test_a_join_without_a_start_makes_the_conference(told: Told) -> None:
    told.conference_event("ConfbridgeJoin", Admin="No", Muted="No")
    assert (told.conferences, told.participants) == ({"8001"}, {"1.1"})


def test_a_participant_talks_and_falls_silent(meeting: Told) -> None:
    meeting.conference_event("ConfbridgeTalking", TalkingStatus="on")
    assert meeting.participant().talking
    assert meeting.subjects() == {("participant", "1.1\0008001"), ("conference", "8001")}
    meeting.conference_event("ConfbridgeTalking", TalkingStatus="off")
    assert not meeting.participant().talking


def test_who_is_muted_does_not_talk(meeting: Told) -> None:
    meeting.conference_event("ConfbridgeTalking", TalkingStatus="on")
    meeting.conference_event("ConfbridgeMute")
    assert (meeting.participant().muted, meeting.participant().talking) == (True, False)
    meeting.conference_event("ConfbridgeUnmute")
    assert (meeting.participant().muted, meeting.participant().talking) == (False, False)


def test_a_participant_may_be_muted_before_he_joins(told: Told) -> None:
    told.conference_event("ConfbridgeJoin", "1.1", Admin="Yes", Muted="No")
    told.conference_event("ConfbridgeMute", "2.1")
    assert told.participant("2.1").muted
    told.conference_event("ConfbridgeJoin", "2.1", Admin="No", Muted="Yes")
    assert told.participant("2.1").muted
    assert told.participant("2.1").muted_by == Participant.MutedBy.MODERATOR
    assert told.participants == {"1.1", "2.1"}


def test_whoever_joins_muted_was_muted_from_the_start_also_where_a_list_has_named_them_before(told: Told) -> None:
    told.conference_event("ConfbridgeJoin", Admin="No", Muted="No")
    told.state.table(Participant).change(told.participant(), muted=True, entering=True)  # as a list tells it
    told.conference_event("ConfbridgeJoin", Admin="No", Muted="Yes")
    assert told.participant().muted_by == Participant.MutedBy.START


def test_whoever_presses_a_key_before_the_join_has_muted_themselves(told: Told) -> None:
    told.channel_event("Newchannel")
    told.channel_event("DTMFEnd", Digit="1", Direction="Received")
    told.conference_event("ConfbridgeJoin", Admin="No", Muted="No")
    told.conference_event("ConfbridgeMute")
    assert told.participant().muted_by == Participant.MutedBy.SELF


def test_a_mute_that_overtakes_the_end_of_a_key_is_their_own(told: Told) -> None:
    told.channel_event("Newchannel")
    told.conference_event("ConfbridgeJoin", Admin="No", Muted="No")
    told.channel_event("DTMFBegin", Digit="1", Direction="Received")
    told.conference_event("ConfbridgeMute")
    told.channel_event("DTMFEnd", Digit="1", Direction="Received")
    assert told.participant().muted_by == Participant.MutedBy.SELF


def test_a_mute_long_after_a_key_is_a_moderators(told: Told) -> None:
    told.channel_event("Newchannel")
    told.conference_event("ConfbridgeJoin", Admin="No", Muted="No")
    told.channel_event("DTMFEnd", Digit="1", Direction="Received")
    told.clock.seconds = 3
    told.conference_event("ConfbridgeMute")
    assert told.participant().muted_by == Participant.MutedBy.MODERATOR


def test_a_mute_that_a_list_has_told_before_is_a_moderators_too(told: Told) -> None:
    told.conference_event("ConfbridgeJoin", Admin="No", Muted="No")
    told.state.table(Participant).change(told.participant(), muted=True)
    told.conference_event("ConfbridgeMute")
    assert told.participant().muted_by == Participant.MutedBy.MODERATOR


@pytest.mark.parametrize(("state", "is_hung_up"), [("cancelled", True), ("calling", False)])
def test_the_channel_of_a_cancelled_invitation_is_hung_up_when_it_comes(
    told: Told, state: str, is_hung_up: bool
) -> None:
    told.state.table(Invitation).add(
        "code", conference="8001", channel="PJSIP/102", number="102", uniqueid="2.1", state=state, invited_at=BEGINNING
    )
    told.channel_event("Newchannel", "1.1")
    assert told.state.requests == set()
    told.channel_event("Newchannel", "2.1")
    assert (("invitations", "8001") in told.state.jobs) is is_hung_up


def test_a_participant_leaves(meeting: Told) -> None:
    meeting.conference_event("ConfbridgeLeave", "2.1")
    assert meeting.participants == {"1.1"}
    assert meeting.subjects() == {("participant", "2.1\0008001"), ("conference", "8001"), ("left", "8001")}
    assert meeting.state.requests == {("conference", "8001")}


def test_the_end_of_a_conference_takes_whoever_is_left(meeting: Told) -> None:
    meeting.conference_event("ConfbridgeJoin", "3.1", conference="8002", Admin="No", Muted="No")
    meeting.state.take()
    meeting.room_event("ConfbridgeEnd")
    assert (meeting.conferences, meeting.participants) == ({"8002"}, {"3.1"})
    changes = meeting.state.take()
    assert changes.removals[Conference] == ["8001"]
    assert set(changes.removals[Participant]) == {"1.1", "2.1"}
    people = {("participant", f"{uniqueid}\0008001") for uniqueid in ("1.1", "2.1")}
    assert changes.subjects == {("conference", "8001"), ("left", "8001"), *people}


@pytest.mark.parametrize(
    "event", ["ConfbridgeTalking", "ConfbridgeMute", "ConfbridgeUnmute", "ConfbridgeRecord", "ConfbridgeLeave"]
)
def test_an_event_that_trails_behind_the_end_does_not_bring_the_conference_back(meeting: Told, event: str) -> None:
    meeting.room_event("ConfbridgeEnd")
    meeting.state.take()
    meeting.conference_event(event, "1.1", TalkingStatus="on")
    assert (meeting.conferences, meeting.participants) == (set(), set())
    assert not meeting.state.is_dirty
    assert meeting.state.requests == set()


def test_a_hangup_takes_a_participant_without_a_leave(meeting: Told) -> None:
    meeting.channel_event("Hangup", "2.1")
    assert meeting.participants == {"1.1"}


@pytest.mark.parametrize("event", ["ConfbridgeJoin", "ConfbridgeMute", "ConfbridgeTalking"])
def test_who_has_hung_up_is_no_participant_again(meeting: Told, event: str) -> None:
    meeting.channel_event("Hangup", "2.1")
    meeting.conference_event(event, "2.1", Admin="No", Muted="No", TalkingStatus="on")
    assert meeting.participants == {"1.1"}


def test_a_recording_is_told(meeting: Told) -> None:
    meeting.room_event("ConfbridgeRecord")
    conference = meeting.state.table(Conference).get("8001")
    assert conference is not None
    assert conference.recording
    assert meeting.subjects() == {("conference", "8001")}
    meeting.room_event("ConfbridgeStopRecord")
    assert not conference.recording


def test_a_participants_new_name_and_channel_are_followed(meeting: Told) -> None:
    meeting.channel_event("NewCallerid", "2.1", CallerIDNum="0401", CallerIDName="李雷")
    former = meeting.participant("2.1").channel
    meeting.hear("Rename", Channel="x", Newname="PJSIP/666-1", Uniqueid="2.1")
    meeting.hear("Rename", Channel=former, Newname="PJSIP/109-1", Uniqueid="2.1")
    row = meeting.participant("2.1")
    assert (row.caller_number, row.caller_name, row.channel) == ("0401", "李雷", "PJSIP/109-1")


def test_a_conference_without_a_name_is_none(told: Told) -> None:
    told.room_event("ConfbridgeStart", "")
    told.conference_event("ConfbridgeJoin", conference="")
    assert (told.conferences, told.participants) == (set(), set())


@pytest.mark.parametrize("name", ["8001", "团队", "a: b", " ", "x ", "a\rb", "a\nb", "\ufffd"])
def test_a_conference_is_asked_for_only_by_a_name_that_an_action_carries(name: str) -> None:
    assert can_be_asked_for(name) == (name in ("8001", "团队", "a: b"))


# Text from the phone network.


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Zoë Zürcher", "Zoë Zürcher"),
        ("李雷", "李雷"),
        ("<unknown>", ""),
        ("<no name>", ""),
        ("a\x00b\x1b[31mc\x7f\x85", "ab[31mc"),
        ("tab\there\nand\rthere", "tabhereandthere"),
        ("evil\u202etxt.exe\u2066x\u200f", "eviltxt.exex"),
        ("  spaces  ", "spaces"),
        ("\ufffd broken", "\ufffd broken"),
        ("<b>&amp;", "<b>&amp;"),
        ("", ""),
        ("a\u200bb\ufeffc\u2060d\u00ade", "abcde"),
        ("👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("e" + "\u0301" * 500 + "x", "e" + "\u0301" * 4 + "x"),
        ("\u200d\u200c", ""),
        ("\u3164\u2800 \u115f", ""),
        ("\u0301\u0302", ""),
        ("Anna\u3164", "Anna\u3164"),
    ],
)
def test_text_is_cleaned_of_control_characters(text: str, shown: str) -> None:
    assert clean(text) == shown


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        (r"O\'Brien \"Bob\"\?", 'O\'Brien "Bob"?'),
        (r"C:\\new", r"C:\new"),
        (r"a\r\nb\tc\vd\ae", "abcde"),
        (r"\\\"", r"\""),
        ("\\", "\\"),
        ("<unknown>", ""),
        ("李雷", "李雷"),
    ],
)
def test_a_name_comes_with_the_escapes_of_c_and_shows_without(sent: str, name: str) -> None:
    assert clean_name(sent) == name


@pytest.mark.parametrize("text", [" a ", "\u202ea", "<unknown>", "\x1b", "a\u200f", "\\n", "\u200b"])
def test_what_asterisk_is_asked_by_stays_as_it_is(text: str) -> None:
    assert exact(text) == text


@pytest.mark.parametrize(
    ("text", "seen"),
    [("8001", "8001"), ("\u202e<b> ", "<b>"), ("\u200b", "U+200B"), (" ", "U+0020"), ("<unknown>", "<unknown>")],
)
def test_what_asterisk_is_asked_by_is_shown_so_that_it_can_be_read(text: str, seen: str) -> None:
    assert shown(text) == seen


def test_text_is_cut_at_its_limit() -> None:
    assert clean("ä" * 500) == "ä" * 150
    assert clean("x" * 500, 32) == "x" * 32


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("00:01:05", 65),
        ("100:00:00", 360_000),
        ("75", 75),
        ("0", 0),
        ("", 0),
        ("1:2", 0),
        ("-1", 0),
        ("²", 0),
        ("1:x:1", 0),
        ("9" * 5000, 315_360_000),
        ("99999999999:00:00", 315_360_000),
    ],
)
def test_a_duration_is_read_or_is_nothing(text: str, seconds: int) -> None:
    assert duration(text).total_seconds() == seconds


@given(st.text(max_size=300))
def test_cleaned_text_is_clean_and_stays_as_it_is(text: str) -> None:
    cleaned = clean(text)
    assert len(cleaned) <= 150
    assert clean(cleaned).strip() == cleaned.strip()
    assert not set(cleaned) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\0\r\n\x1b")
    cleaned.encode()


def test_hostile_names_and_numbers_are_cleaned_in_each_row(told: Told) -> None:
    evil = "\u202e<b>\x07" + "x" * 400
    told.channel_event("Newchannel", CallerIDNum=evil, CallerIDName=evil, ConnectedLineName=evil, Exten=evil)
    told.conference_event("ConfbridgeJoin", conference=evil, CallerIDName=evil, Channel=evil)
    row, participant = told.channel(), told.participant()
    texts = [row.caller_number, row.caller_name, row.connected_name, row.extension]
    texts += [participant.caller_name]
    assert set(texts) == {"<b>" + "x" * 147}
    keys = [participant.channel, participant.conference, *told.conferences]
    assert set(keys) == {evil[:150]}


def test_conferences_whose_names_look_alike_are_two(told: Told) -> None:
    for number, name in enumerate(("8001", "8001\u200b", " 8001")):
        told.conference_event("ConfbridgeJoin", f"{number}.1", conference=name)
    assert len(told.conferences) == len(told.participants) == 3


# Taking and giving back.


def test_what_was_taken_is_not_taken_again(told: Told) -> None:
    told.channel_event("Newchannel")
    assert upserted(told.state.take(), Channel) == {"1.1"}
    assert not told.state.is_dirty
    assert upserted(told.state.take(), Channel) == set()


def test_what_was_taken_does_not_change_any_more(told: Told) -> None:
    told.channel_event("Newchannel")
    (row,) = told.state.take().upserts[Channel]
    told.channel_event("Newstate", ChannelStateDesc="Up")
    assert cast(Channel, row).state == "Ring"
    row.pk = 77
    assert told.channel().pk is None


def test_a_failed_write_loses_nothing(meeting: Told) -> None:
    meeting.channel_event("Newchannel", "5.1")
    meeting.conference_event("ConfbridgeLeave", "2.1")
    failed = meeting.state.take()
    meeting.state.give_back(failed)
    again = meeting.state.take()
    assert upserted(again, Channel) == upserted(failed, Channel) == {"5.1"}
    assert again.removals == failed.removals
    assert again.removals[Participant] == ["2.1"]
    assert again.subjects == failed.subjects


def test_after_a_failed_write_what_is_newer_wins(told: Told) -> None:
    told.channel_event("Newchannel", "1.1")
    told.channel_event("Newchannel", "2.1")
    failed = told.state.take()
    told.channel_event("Newstate", "1.1", ChannelStateDesc="Up")
    told.channel_event("Hangup", "2.1")
    told.state.give_back(failed)
    again = told.state.take()
    (row,) = again.upserts[Channel]
    assert (row.key, cast(Channel, row).state) == ("1.1", "Up")
    assert again.removals[Channel] == ["2.1"]


def test_a_removal_that_failed_does_not_take_what_came_back(meeting: Told) -> None:
    meeting.room_event("ConfbridgeEnd")
    failed = meeting.state.take()
    meeting.room_event("ConfbridgeStart")
    meeting.state.give_back(failed)
    again = meeting.state.take()
    assert [row.key for row in again.upserts[Conference]] == ["8001"]
    assert again.removals[Conference] == []
    assert set(again.removals[Participant]) == {"1.1", "2.1"}


def test_what_was_removed_and_came_back_within_a_tick_is_no_removal(meeting: Told) -> None:
    meeting.room_event("ConfbridgeEnd")
    meeting.room_event("ConfbridgeStart")
    changes = meeting.state.take()
    assert [row.key for row in changes.upserts[Conference]] == ["8001"]
    assert changes.removals[Conference] == []


def test_everything_is_all_rows_and_the_order_to_replace(meeting: Told) -> None:
    changes = meeting.state.take(everything=True)
    assert changes.replace_all
    assert upserted(changes, Participant) == {"1.1", "2.1"}
    assert [row.key for row in changes.upserts[Conference]] == ["8001"]
    assert not meeting.state.take().replace_all


# Whole recordings.


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_whole_recording_folds_and_leaves_nobody_in_a_conference_that_has_ended(file: Path, told: Told) -> None:
    ended, most = Counter[str](), Counter[str]()
    for message in messages(file):
        if not message.is_event:
            continue
        told.state.fold(message)
        ended[message.name] += 1
        if message.name == "ConfbridgeEnd":
            assert message.get("Conference") not in told.conferences
        if message.name == "Hangup":
            assert message.get("Uniqueid") not in told.channels | told.participants
        assert {row.conference for row in told.state.table(Participant).rows.values()} <= told.conferences
        for name, rows in (("channels", told.channels), ("participants", told.participants)):
            most[name] = max(most[name], len(rows))
    assert most["channels"] >= 2
    assert ended["Hangup"] > 10
    if ended["ConfbridgeJoin"]:
        assert most["participants"] >= 2
    starts = {m.get("Uniqueid") for m in messages(file) if m.name == "Newchannel"}
    ends = {m.get("Uniqueid") for m in messages(file) if m.name == "Hangup"}
    assert told.channels == starts - ends
    assert told.participants <= told.channels


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_ticks_in_between_lead_to_the_same_rows_as_one_at_the_end(file: Path, told: Told) -> None:
    stored: dict[tuple[type, str], dict[str, object]] = {}
    for number, message in enumerate(messages(file)):
        if message.is_event:
            told.state.fold(message)
        if number % 7 == 0:
            apply(stored, told.state.take())
    apply(stored, told.state.take())
    whole: dict[tuple[type, str], dict[str, object]] = {}
    apply(whole, told.state.take(everything=True))
    # What is kept of what is over stays stored, and is known no more.
    over = {key for key, row in stored.items() if issubclass(key[0], History) and row[key[0].end_field] is not None}
    assert {key: row for key, row in stored.items() if key not in over} == whole
    assert over


def apply(stored: dict[tuple[type, str], dict[str, object]], changes: Changes) -> None:
    """What the database would hold after a tick."""
    for model, keys in changes.removals.items():
        for key in keys:
            stored.pop((model, key), None)
    for model, rows in changes.upserts.items():
        for row in rows:
            stored[model, row.key] = {k: v for k, v in row.__dict__.items() if not k.startswith("_")}


# Calls that meet.


def local_halves(told: Told) -> None:
    """101 (1.1) is with 1.2;1, behind which are 1.3;2 and 104 (1.4)."""
    told.channel_event("Newchannel", "1.1")
    told.channel_event("Newchannel", "1.2", Channel="Local/104@internal-00000001;1", Linkedid="1.1")
    told.channel_event("Newchannel", "1.3", Channel="Local/104@internal-00000001;2", Linkedid="1.1")
    told.channel_event("Newchannel", "1.4", Channel="PJSIP/104-00000002", Linkedid="1.1")


def calls(told: Told) -> dict[str, str]:
    return {row.uniqueid: row.call for row in told.state.table(Channel).rows.values()}


def test_two_calls_that_meet_in_a_bridge_are_read_anew_since_no_event_tells_their_linkedid(told: Told) -> None:
    told.channel_event("BridgeEnter", "1.1", BridgeUniqueid="b-1", BridgeType="basic")
    told.channel_event("BridgeEnter", "1.2", BridgeUniqueid="b-1", BridgeType="basic", Linkedid="1.1")
    assert told.state.requests == set()
    told.channel_event("BridgeEnter", "2.1", BridgeUniqueid="b-1", BridgeType="basic")
    assert told.state.requests == {("bridge", "b-1")}


def test_the_participants_of_a_conference_keep_their_calls_and_nothing_is_read_anew(told: Told) -> None:
    for number in range(60):
        told.channel_event("BridgeEnter", f"{number}.1", BridgeUniqueid="b-1", BridgeType="base")
    assert told.state.requests == set()


def test_a_local_channel_joins_calls_of_different_linkedids_to_the_older_one(told: Told) -> None:
    local_halves(told)
    told.channel_event("Newchannel", "0.9", Channel="PJSIP/102-00000009")
    told.state.take()
    told.channel_event("BridgeEnter", "1.2", Channel="Local/104@internal-00000001;1", Linkedid="0.9")
    told.channel_event("Hangup", "1.1")
    assert calls(told) == {"0.9": "0.9", "1.2": "0.9", "1.3": "0.9", "1.4": "0.9"}
    assert told.channel("1.4").linkedid == "1.1"
    assert told.subjects() == {("call", "1.1"), ("call", "0.9")}
    # Who comes to the younger linkedid later belongs to the same call.
    told.channel_event("Newchannel", "1.5", Linkedid="1.1")
    assert told.channel("1.5").call == "0.9"
    # Once the Local channel is gone, nothing joins them any more.
    told.channel_event("Hangup", "1.2", Channel="Local/104@internal-00000001;1")
    assert calls(told) == {"0.9": "0.9", "1.3": "1.1", "1.4": "1.1", "1.5": "1.1"}


def test_which_linkedid_is_the_oldest_is_told_by_its_numbers(told: Told) -> None:
    local_halves(told)
    told.channel_event("Newchannel", "pbx1-1.10", Channel="PJSIP/102-00000009")
    told.channel_event("BridgeEnter", "1.2", Channel="Local/104@internal-00000001;1", Linkedid="pbx1-1.10")
    assert set(calls(told).values()) == {"1.1"}


def test_a_channel_that_takes_the_name_of_a_local_half_takes_its_place(told: Told) -> None:
    local_halves(told)
    told.channel_event("Newchannel", "2.1")
    told.channel_event("Hangup", "1.2", Channel="Local/104@internal-00000001;1")
    told.hear("Rename", Channel="PJSIP/101-21", Newname="Local/104@internal-00000001;1", Uniqueid="2.1")
    assert calls(told)["2.1"] == "1.1"


channel_changes = st.lists(
    st.tuples(st.integers(0, 7), st.sampled_from(["1.1", "1.2", "1.3", "1.4"]), st.booleans()), max_size=40
)


@settings(deadline=None)
@given(channel_changes)
def test_however_it_came_about_the_same_channels_are_the_same_calls(changes: list[tuple[int, str, bool]]) -> None:
    """Channels 0…5 are halves of three Local channels, 6 and 7 are none; each change moves one, or hangs it up."""
    told, lives = Told(), [0] * 8

    def fields(number: int) -> dict[str, str]:
        name = f"Local/x-{number // 2};{number % 2 + 1}" if number < 6 else f"PJSIP/x-{number}"
        return {"Channel": name}

    for number, linkedid, goes in changes:
        uniqueid = f"{number}.{lives[number]}"
        if goes:
            told.channel_event("Hangup", uniqueid, **fields(number))
            lives[number] += 1  # what has hung up stays dead; another comes
        else:
            told.channel_event("Newstate", uniqueid, Linkedid=linkedid, **fields(number))
    rows = told.state.table(Channel).rows.values()
    groups = {row.linkedid: {row.linkedid} for row in rows}
    for one in rows:
        for two in rows:
            if one.name == two.other_half and groups[one.linkedid] is not groups[two.linkedid]:
                both = groups[one.linkedid] | groups[two.linkedid]
                groups |= dict.fromkeys(both, both)
    assert {row.uniqueid: row.call for row in rows} == {row.uniqueid: min(groups[row.linkedid]) for row in rows}


# Bridges and parking.


def test_a_bridge_lives_from_its_creation_to_its_end(told: Told) -> None:
    told.hear("BridgeCreate", **BRIDGE)
    (row,) = told.state.table(Bridge).rows.values()
    assert (row.kind, row.technology, row.creator, row.name) == ("base", "softmix", "ConfBridge", "8001")
    assert not row.is_talk
    told.hear("BridgeDestroy", **BRIDGE)
    told.channel_event("BridgeEnter", "1.1", BridgeUniqueid="b1")  # trails behind
    assert told.state.table(Bridge).rows == {}


def test_a_bridge_whose_creation_was_missed_is_known_by_who_enters(told: Told) -> None:
    told.channel_event("BridgeEnter", BridgeUniqueid="b-1", BridgeType="basic", BridgeTechnology="simple_bridge")
    (row,) = told.state.table(Bridge).rows.values()
    assert (row.uniqueid, row.kind, row.is_talk) == ("b-1", "basic", True)


def park(told: Told, uniqueid: str = "1.1", space: str = "701", event: str = "ParkedCall") -> None:
    told.hear(
        event,
        **{f"Parkee{name}": value for name, value in (CHANNEL | {"Uniqueid": uniqueid}).items()},
        ParkerDialString="PJSIP/101",
        Parkinglot="default",
        ParkingSpace=space,
        ParkingTimeout="60",
        ParkingDuration="0",
    )


def parked(told: Told) -> dict[str, str]:
    return {row.uniqueid: str(row) for row in told.state.table(ParkedCall).rows.values()}


def test_a_parked_call_is_a_row_with_what_its_event_says(told: Told) -> None:
    park(told)
    (row,) = told.state.table(ParkedCall).rows.values()
    assert (row.lot, row.space, row.timeout, row.parked_by, row.parked_at) == (
        "default", "701", 60, "PJSIP/101", BEGINNING
    )  # fmt: skip
    assert told.subjects() == {("parked", "1.1")}


@pytest.mark.parametrize("event", ["UnParkedCall", "ParkedCallTimeOut", "ParkedCallGiveUp"])
def test_a_call_that_was_fetched_or_given_up_is_parked_no_longer(told: Told, event: str) -> None:
    park(told)
    park(told, event=event)
    assert parked(told) == {}
    park(told, space="702")
    assert parked(told) == {"1.1": "702@default"}
    told.channel_event("Hangup")
    park(told)
    assert parked(told) == {}


def test_a_channel_that_takes_the_place_of_a_parked_one_takes_its_space(told: Told) -> None:
    park(told, "1.1", "701")
    park(told, "1.2", "702")
    park(told, "1.3", "701", event="ParkedCallSwap")
    assert parked(told) == {"1.2": "702@default", "1.3": "701@default"}


# Extensions and devices.


def test_an_extension_follows_its_hint(told: Told) -> None:
    fields = {"Privilege": "call,all", "Exten": "101", "Context": "internal", "Hint": "PJSIP/101"}
    told.hear("ExtensionStatus", **fields, Status="8", StatusText="Ringing")
    row = told.state.table(Extension).rows["101@internal"]
    assert (row.extension, row.context, row.hint, row.state, row.text) == (
        "101", "internal", "PJSIP/101", 8, "Ringing"
    )  # fmt: skip
    told.hear("ExtensionStatus", **fields, Status="0", StatusText="Idle")
    assert (row.state, row.text) == (0, "Idle")
    assert told.subjects() == {("extension", "101@internal")}
    told.hear("ExtensionStatus", **fields, Status="-2", StatusText="Removed")
    assert told.state.table(Extension).rows == {}


def test_a_device_that_is_not_known_is_looked_up_and_a_local_channel_is_none(told: Told) -> None:
    for name in ("Local/104@internal", "CBAnn/8001", "Surrogate/PJSIP/101", ""):
        told.hear("DeviceStateChange", Privilege="call,all", Device=name, State="INUSE")
    assert told.state.requests == set()
    told.hear("DeviceStateChange", Privilege="call,all", Device="PJSIP/101", State="INUSE")
    assert told.state.requests == {("devices", "")}
    assert told.state.table(Device).rows == {}
    told.state.table(Device).add("PJSIP/101", state="INUSE")
    told.hear("DeviceStateChange", Privilege="call,all", Device="PJSIP/101", State="NOT_INUSE")
    assert told.state.table(Device).rows["PJSIP/101"].state == "NOT_INUSE"


def test_a_presence_is_what_its_last_event_says(told: Told) -> None:
    fields = {"Privilege": "call,all", "Presentity": "CustomPresence:101"}
    told.hear("PresenceStateChange", **fields, Status="away", Subtype="out", Message='till \\"May\\"')
    row = told.state.table(Presence).rows["CustomPresence:101"]
    assert (row.state, row.subtype, row.message) == ("away", "out", 'till "May"')
    told.hear("PresenceStateChange", **fields, Status="not_set", Subtype="", Message="")
    assert (row.state, row.subtype, row.message) == ("not_set", "", "")
    assert told.subjects() == {("presence", "CustomPresence:101")}
    told.hear("PresenceStateChange", **{**fields, "Presentity": ""}, Status="away", Subtype="", Message="")
    assert len(told.state.table(Presence).rows) == 1


def test_a_reload_has_the_hints_listed_anew(told: Told) -> None:
    told.hear("Reload", Module="pbx_config.so", Status="0")
    assert told.state.requests == {("extensions", ""), ("mailboxes", "")}


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        ("Hangup", {"Uniqueid": "1.1"}),
        ("Hangup", {"Uniqueid": "2.1", "Linkedid": "2.1", "Channel": "PJSIP/101-21"}),
        ("ConfbridgeEnd", {"Conference": "8001"}),
        ("ConfbridgeLeave", {"Conference": "8001", "Uniqueid": "2.1"}),
        ("ConfbridgeStart", {"Conference": "forged"}),
        ("ConfbridgeJoin", {"Conference": "forged", "Uniqueid": "6.6", "Channel": "PJSIP/6-6"}),
        ("Newchannel", {"Uniqueid": "6.6", "Channel": "PJSIP/6-6", "ChannelStateDesc": "Up"}),
        ("NewCallerid", {"Uniqueid": "1.1", "CallerIDName": "Mallory", "CallerIDNum": "6"}),
        ("Rename", {"Uniqueid": "2.1", "Newname": "PJSIP/6-6"}),
    ],
)
def test_an_event_as_short_as_a_callers_number_is_not_believed(
    meeting: Told, event: str, fields: dict[str, str]
) -> None:
    meeting.channel_event("Newchannel", "1.1")
    meeting.subjects()
    meeting.hear(event, **fields)
    assert meeting.subjects() == set()

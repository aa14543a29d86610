"""Where the directory's names for numbers are shown: calls, my phone, toasts, what happened, conferences, programs."""

import re
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone, translation
from django.utils.html import strip_tags
from pytest_django import DjangoAssertNumQueries

from api.calls import channel_out
from api.conferences import participants_out
from calls import camping, placed, transfers
from calls.call import calls_with, some_calls
from calls.events import folded
from calls.fragments import call_rows, find, row_of
from calls.models import CampOn, Channel, Transfer
from calls.my_phone import drawn_for
from calls.placed import Told
from calls.records.models import CallRecord, CallStep
from conferences.fragments import cards, head, participants
from conferences.invitations.fragments import invitations
from conferences.invitations.models import Invitation
from conferences.models import Conference, Participant
from engine.live import fragments
from engine.live.fragments import Notice, Viewer, completed, query_of, toast
from engine.mirror.models import PBX
from extensions.people.models import Person, put
from tests.access import people
from tests.access.people import channel
from tests.hostile.texts import TEXTS

from .test_people import add

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def main() -> PBX:
    return people.pbx()


def said(html: str) -> str:
    return " ".join(unescape(strip_tags(html)).split())


def names_in(html: str) -> list[list[str]]:
    """What stands in isolated text, by party."""
    return [
        [unescape(text) for text in re.findall(r"<bdi[^>]*>([^<]*)<", part)]
        for part in re.split(r'<div class="party[ "]', html.partition('<details class="legs"')[0])[1:]
    ]


def outside(number: str, linkedid: str = "1.1", uniqueid: str = "1.1", **fields: Any) -> Channel:
    """Somebody who calls from outside."""
    row = channel(uniqueid, "PJSIP/trunk", linkedid)
    Channel.objects.filter(pk=row.pk).update(caller_number=number, **fields)
    row.refresh_from_db()
    return row


def card() -> str:
    (row,) = (row for row in call_rows("main", {"1.1"}) if isinstance(row, fragments.Row) and row.kind == "call")
    assert row.html
    return row.html["en"]


def test_a_card_shows_the_directorys_name_and_beside_it_what_the_caller_calls_themselves() -> None:
    add("Anna Alpha", extension="101")
    add("Taxi", outside="+49 30 1234567")
    channel("1.2", "PJSIP/101", "1.1", caller_name="front desk")
    outside("+49301234567")
    assert names_in(card()) == [["Taxi", "+49301234567"], ["Anna Alpha", "101", "front desk"]]
    Channel.objects.filter(uniqueid="1.2").update(caller_name="anna alpha")
    assert names_in(card()) == [["Taxi", "+49301234567"], ["Anna Alpha", "101"]]
    with translation.override("zh-hans"):
        (call,) = some_calls("main", ["1.1"])
    assert call.who == "Taxi +49301234567, Anna Alpha 101"


def test_a_card_is_drawn_again_with_the_next_change_after_somebody_was_renamed() -> None:
    anna = add("Anna", extension="101")
    channel("1.1", "PJSIP/101")
    drawn: dict[str, Any] = {}

    def kinds() -> list[str]:
        return [row.kind for row in fragments.rows_of("main", [("call", "1.1")], ["en"], drawn)]

    assert kinds() == ["call", "count"]
    assert kinds() == []
    put([(anna, {**anna.values(), "name": "Ann"})])
    assert kinds() == ["call"]


def test_whom_a_single_party_has_dialled_is_named() -> None:
    add("Taxi", outside="030 1234567")
    row = channel("1.1", "PJSIP/101", state="Ring")
    Channel.objects.filter(pk=row.pk).update(extension="0301234567", context="internal")
    assert "Taxi 0301234567" in said(card())


def test_somebody_on_hold_and_whom_they_are_transferred_to_are_named() -> None:
    add("Anna", extension="101")
    add("Ben", extension="102")
    add("Carla", extension="103")
    channel("1.1", "PJSIP/101")
    channel("1.2", "PJSIP/102", "1.1")
    Transfer.objects.create(
        pbx_id="main", code="t", held="1.2", mine="1.1", call="1.1", number="103", state="ringing",
        started_at=timezone.now(),
    )  # fmt: skip
    assert "Ben is on hold; Carla 103 is being called" in said(card())


def test_many_calls_cost_as_many_queries_as_one(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for number in range(30):
        add(f"Anna {number}", extension=str(100 + number))
        channel(f"{number}.1", f"PJSIP/{100 + number}")
    with django_assert_num_queries(4):
        assert len(some_calls("main", [f"{number}.1" for number in range(30)])) == 30


def found(words: str) -> set[str]:
    """The calls that a search finds, which must be those whose live rows fit it."""
    by_search = {subject[1] for subject in find(query_of("", words)).shown.values()}
    rows = [row_of(call) for call in calls_with([("main", key) for key in ("1.1", "2.1", "3.1")])]
    query = query_of("", words, "en")
    by_row = {
        row.facets["subject"][1] for row in rows if query.fits(f"{row.facets['text']}\n{row.facets['words']['en']}")
    }
    assert by_search == by_row
    return by_search


def test_the_search_of_the_board_finds_the_directorys_names() -> None:
    add("Jürgen Müller", outside="030 1234567")
    add("李雷", extension="102")
    outside("0301234567")
    channel("2.1", "PJSIP/102")
    channel("3.1", "PJSIP/103", caller_name="Jürgen")
    Channel.objects.filter(uniqueid="3.1").update(folded=folded(["Jürgen"]))
    with translation.override("en"):
        assert found("muller") == found("müller") == found("MÜLLER") == found("jürgen mül") == {"1.1"}
        assert found("jurgen") == found("jürgen") == {"1.1", "3.1"}
        assert found("李") == {"2.1"}
        assert found("nobody") == set()


def test_my_phone_shows_who_calls_it_by_the_directorys_name() -> None:
    people.person("Operator", "anna", "PJSIP/101")
    add("Taxi", outside="030 1234567")
    add("Ben", extension="102")
    outside("0301234567", caller_name="Cab 7", state="Ring")
    channel("1.2", "PJSIP/101", "1.1", state="Ringing")
    CampOn.objects.create(
        pbx_id="main", code="c", phone="PJSIP/101", number="102", context="internal", started_at=timezone.now()
    )
    with translation.override("en"):
        html = drawn_for("main/PJSIP/101")
    assert "Taxi 0301234567 Cab 7" in said(html)
    assert "You are called when Ben 102 is free" in said(html)
    # What a desktop notification and the link to a CRM say.
    assert 'data-name="Taxi"' in html


def test_what_is_announced_names_the_caller() -> None:
    add("Taxi", outside="030 1234567")
    outside("0301234567", state="Ring")
    channel("1.2", "PJSIP/101", "1.1", state="Ringing")
    (call,) = some_calls("main", ["1.1"])
    assert row_of(call).aloud["main/PJSIP/101"]["en"] == "Your phone is ringing: Taxi 0301234567 is calling you."


def told(notice_code: str, **parameters: Any) -> str:
    (notice,) = completed("main", [Notice(1, notice_code, parameters)])
    return said(toast(notice, "en"))


def test_toasts_name_whom_they_are_about() -> None:
    add("Ben", extension="102")
    add("Taxi", outside="030 1234567")
    of_call = {"pbx": "main", "call": "c", "step": 1, "purpose": ""}
    assert "Ben 102 answered." in told(placed.NOTICE, number="102", told=Told.CONNECTED, **of_call)
    assert "103 answered." in told(placed.NOTICE, number="103", told=Told.CONNECTED, **of_call)
    picked_up = {**of_call, "purpose": placed.Purpose.PICKUP, "told": Told.RINGING}
    assert "pick up the call to Ben 102 (sales)" in told(placed.NOTICE, number="sales 102", **picked_up)
    moved = told(transfers.NOTICE, who="Cab 0301234567", number="102", how="completed", code="t", step=1)
    assert "Taxi 0301234567 (Cab) was transferred to Ben 102." in moved
    assert "Ben 102 is free, but could not be called." in told(camping.NOTICE, number="102", how="failed", code="c")


def test_toasts_have_the_names_that_only_their_user_sees() -> None:
    anna, ben, vic = (people.person(*who) for who in (("Operator", "anna"), ("Operator", "ben"), ("Viewer", "vic")))
    add("Taxi", owner=anna, outside="030 1234567")
    add("Eva", mobile="0172 555")
    add("Carla", extension="103")
    parameters = {"pbx": "main", "call": "c", "step": 1, "purpose": "", "told": Told.CONNECTED}

    def answered(user: User, number: str) -> str:
        (notice,) = completed("main", [Notice(user.pk, placed.NOTICE, {**parameters, "number": number})])
        return said(toast(notice, "en"))

    assert "Taxi 0301234567 answered." in answered(anna, "0301234567")
    assert "Taxi" not in answered(ben, "0301234567")
    assert "Eva 0172555 answered." in answered(ben, "0172555")
    assert "Eva" not in answered(vic, "0172555")
    assert "Carla 103 answered." in answered(vic, "103")
    add("My Carla", owner=anna, outside="103")
    assert "My Carla 103 answered." in answered(anna, "103")


def test_what_is_offered_in_a_toast_is_about_the_number() -> None:
    add("Ben", extension="102")
    parameters = {"pbx": "main", "call": "c", "step": 1, "purpose": "", "number": "102", "told": Told.BUSY}
    (notice,) = completed("main", [Notice(1, placed.NOTICE, parameters)])
    assert "Ben 102 is busy." in said(toast(notice, "en"))
    assert "&quot;number&quot;: &quot;102&quot;" in toast(notice, "en")


def test_a_notice_without_a_completion_stays_as_it_is() -> None:
    notice = Notice(1, "not-said", {"sound": "beep"})
    assert completed("main", [notice]) == [notice]


def test_what_happened_in_a_call_is_told_by_the_directorys_names() -> None:
    add("Anna Alpha", extension="101")
    add("Ben", extension="102")
    add("Seven hundred and one", extension="701")
    now = timezone.now()
    CallRecord.objects.create(pbx="main", key="1.1", started_at=now, ended_at=now, is_whole=True)
    for number, (kind, who, other) in enumerate(
        (("began", "101", "102"), ("rang", "sales 102", ""), ("met", "101", "sales 102"), ("parked", "101", "701"))
    ):
        CallStep.objects.create(
            pbx="main", call="1.1", key=str(number), order=number, kind=kind, at=now, who=who, other=other
        )
    client = Client()
    client.force_login(people.person("Viewer"))
    text = said(client.get("/calls/main/1.1/").content.decode())
    assert "Anna Alpha 101 dials Ben 102" in text
    assert "Ben 102 (sales) rings" in text
    assert "Anna Alpha 101 and Ben 102 (sales) are connected" in text
    # A parking space is nobody's extension.
    assert "Anna Alpha 101 is parked on 701" in text
    rows = fragments.rows_of("main", [("call-step", "0")], ["en"])
    (row,) = rows
    assert said((row.html or {})["en"]).endswith("Anna Alpha 101 dials Ben 102")


def test_a_conference_names_who_is_in_it_talks_raises_a_hand_is_invited_or_has_left() -> None:
    add("Taxi", outside="030 1234567")
    now = timezone.now()
    Conference.objects.create(pbx_id="main", name="8001", record="8001/1", started_at=now)
    Participant.objects.create(
        pbx_id="main", conference="8001", uniqueid="1.1", channel="PJSIP/trunk-1", caller_number="0301234567",
        caller_name="Cab", talking=True, hand_at=now, joined_at=now,
    )  # fmt: skip
    for code, name in (("1", ""), ("2", "Driver")):
        Invitation.objects.create(
            pbx_id="main", code=code, conference="8001", channel="Local/1", number="0301234567", name=name,
            invited_at=now,
        )  # fmt: skip
    with translation.override("en"):
        assert "Taxi 0301234567 Cab" in said(participants("main", "8001"))
        assert "Taxi" in said(cards(["conferences.see_conferences"]))
        assert [person.label for person in head("main", "8001")["hands"]] == ["Taxi"]
        assert [person.own_name for person in head("main", "8001")["hands"]] == ["Cab"]
        assert re.findall(r"<bdi[^>]*>([^<]*)<", invitations("main", "8001")) == [
            "Taxi", "0301234567", "Driver", "0301234567",
        ]  # fmt: skip


def test_programs_are_told_the_directorys_name_beside_the_callers_own() -> None:
    add("Taxi", outside="030 1234567")
    outside("0301234567", caller_name="Cab")
    (call,) = some_calls("main", ["1.1"])
    (out,) = channel_out(call)
    assert (out.name, out.number, out.directory_name) == ("Cab", "0301234567", "Taxi")
    participant = Participant(
        pbx_id="main", uniqueid="1", channel="PJSIP/1", caller_number="0301234567", caller_name="Cab",
        joined_at=timezone.now(),
    )  # fmt: skip
    (in_conference,) = participants_out("main", [participant])
    assert (in_conference.name, in_conference.directory_name) == ("Cab", "Taxi")


MARKUP = ("<script", "<img", "<b>", 'onerror="', "<svg")


def test_hostile_names_of_the_directory_are_text() -> None:
    channel("1.1", "PJSIP/101", state="Ring")
    channel("1.2", "PJSIP/102", "1.1", state="Ringing")
    people.person("Operator", "anna", "PJSIP/102")
    anna = add("Anna", extension="101")
    marked = [hostile for hostile in TEXTS if any(bad in hostile.text for bad in MARKUP)]
    assert len(marked) > 10
    for hostile in marked:
        Person.objects.filter(pk=anna.pk).update(name=hostile.text[:80].replace("\0", "") or "Anna")
        shown = [card(), drawn_for("main/PJSIP/102")]
        notice = {"pbx": "main", "call": "c", "step": 1, "purpose": "", "number": "101", "told": Told.CONNECTED}
        shown += [toast(one, "en") for one in completed("main", [Notice(1, placed.NOTICE, notice)])]
        for html in shown:
            for bad in MARKUP:
                assert bad not in html.replace('<svg class="icon', "") or bad not in hostile.text


def test_nobody_is_named_on_a_row_for_all_who_may_not_be_seen_by_all() -> None:
    add("Secret", extension="101", hidden="on")
    add("Mine", owner=people.person("Operator", "ben"), extension="102")
    add("Roaming", mobile="0172 1234567")
    channel("1.1", "PJSIP/101")
    channel("1.2", "PJSIP/102", "1.1")
    outside("01721234567", "1.1", "1.3")
    html = card() + "".join(fragments.board_of(
        fragments.live_pages["calls"], Viewer(1, "", frozenset(["calls.see_calls"]), "en"), ""
    ))  # fmt: skip
    for name in ("Secret", "Mine", "Roaming"):
        assert name not in html

"""The groups that the board is filtered by: one query says of every call what the call says itself."""

import random
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from calls.call import calls_with
from calls.fragments import find, part, row_of
from calls.groups import (
    LISTED,
    STATES,
    counted_for,
    counts_for,
    group_asked_for,
    group_of,
    group_of_each,
    groups_of,
    groups_of_all,
)
from calls.models import Bridge, Channel, ParkedCall, Transfer
from engine.live.fragments import Query, Viewer, query_of
from engine.mirror.models import PBX
from tests.access import people

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
BRIDGES = [
    {"uniqueid": "talk", "technology": "simple_bridge", "creator": "Dial"},
    {"uniqueid": "other", "technology": "simple_bridge", "creator": "Dial"},
    {"uniqueid": "holding", "technology": "holding_bridge", "creator": "Park"},
    {"uniqueid": "room", "technology": "softmix", "creator": "ConfBridge", "name": "8001"},
]


def place(call: int, *channels: dict[str, Any]) -> tuple[str, str]:
    """A call of channels with these fields; the oldest call is that of the lowest number."""
    for number, fields in enumerate(channels):
        name = fields.pop("name", f"PJSIP/{101 + number}-{call}")
        given = {"state": "Up", "bridge": "", "endpoint": "" if name.startswith("Local/") else name.rpartition("-")[0]}
        Channel.objects.create(
            pbx_id="main", uniqueid=f"{call}.{number}", linkedid=f"{call}.0", call=f"{call}.0", name=name,
            created_at=NOW + timedelta(minutes=call), **{**given, **fields},
        )  # fmt: skip
    return "main", f"{call}.0"


@pytest.fixture
def pbx(db: None) -> None:
    PBX.objects.create(name="main")
    for bridge in BRIDGES:
        Bridge.objects.create(pbx_id="main", **bridge)


def viewer(phone: str = "main/PJSIP/101", *permissions: str) -> Viewer:
    return Viewer(1, phone, frozenset(permissions or ("calls.see_calls", "conferences.see_conferences")), "en")


@pytest.mark.usefixtures("pbx")
@pytest.mark.parametrize("seed", range(8))
def test_of_any_calls_the_query_says_what_each_says_itself(seed: int) -> None:
    chance = random.Random(seed)
    states = ("Up", "Up", "Up", "Ringing", "Ring", "Down", "Busy")
    places = ("", "talk", "talk", "other", "holding", "room", "unheard-of")
    expected = []
    for call in range(40):
        channels = []
        for number in range(chance.randint(1, 5)):
            name = f"PJSIP/{chance.randint(101, 104)}-{call}{number}"
            if chance.random() < 0.3:
                name = f"Local/104@internal-{call};{chance.randint(1, 2)}"
            channels.append(
                {
                    "name": name,
                    "state": chance.choice(states),
                    "bridge": chance.choice(places),
                    "on_hold": chance.random() < 0.15,
                    "application": chance.choice(("Dial", "Dial", "Queue", "ConfBridge", "")),
                }
            )
        expected.append(place(call, *channels))
        if chance.random() < 0.2:
            ParkedCall.objects.create(
                pbx_id="main", uniqueid=f"{call}.0", lot="default", space=f"7{call:02}", parked_at=NOW
            )
        if chance.random() < 0.1:
            Transfer.objects.create(
                pbx_id="main", code=f"{call}", held=f"{call}.0", mine=f"{call}.1", call=f"{call}.0", started_at=NOW
            )
    each = group_of_each()
    assert list(each) == expected
    calls = {(call.pbx, call.linkedid): call for call in calls_with(expected)}
    assert each == {subject: group_of(call) for subject, call in calls.items()}
    assert groups_of_all().keys() == {call.id for call in calls.values()}
    assert {id: sorted(groups) for id, groups in groups_of_all().items()} == {
        call.id: sorted(groups_of(call)) for call in calls.values()
    }
    # What is counted is what is found, and what a row says.
    me = viewer()
    counts = counts_for(me, each)
    for state, group in counted_for(me).items():
        found = list(find(Query(240, group=group)).shown.values())
        assert found == [subject for subject in expected if not group or group in groups_of(calls[subject])]
        assert counts[state] == len(found)


@pytest.mark.usefixtures("pbx")
def test_each_state_has_its_group() -> None:
    talking = place(1, {"bridge": "talk"}, {"bridge": "talk"})
    ringing = place(2, {"state": "Ring"}, {"state": "Ringing"})
    held = place(3, {"bridge": "talk", "on_hold": True}, {"bridge": "talk"})
    parked = place(4, {"bridge": "holding"})
    ParkedCall.objects.create(pbx_id="main", uniqueid="4.0", lot="default", space="701", parked_at=NOW)
    queued = place(5, {"application": "Queue"})
    in_room = place(6, {"bridge": "room"})
    at_menu = place(7, {"application": "Read"})
    assert group_of_each() == {
        talking: "talking", ringing: "ringing", held: "held", parked: "waiting", queued: "waiting",
        in_room: "conference", at_menu: "",
    }  # fmt: skip
    assert list(find(Query(group=LISTED)).shown.values()) == [talking, ringing, held, parked, queued, at_menu]
    assert find(Query(2, group="waiting")).total == 2
    for call in calls_with(group_of_each()):
        assert row_of(call).facets["groups"] == groups_of(call)
    # With a search, both must hold.
    assert list(find(Query(24, ("101",), group="waiting")).shown.values()) == [parked, queued]


@pytest.mark.parametrize(
    ("state", "searches", "group"),
    [
        ("all", False, LISTED),
        ("", False, LISTED),
        ("all", True, ""),
        ("mine", False, "main/PJSIP/101"),
        ("ringing", True, "ringing"),
        ("conference", False, "conference"),
        # What is no state shows nobody's calls but all.
        ("main/PJSIP/102", False, LISTED),
        ("listed", True, ""),
        ("x" * 3000, False, LISTED),
    ],
)
def test_what_a_page_asks_for_is_one_of_the_states_or_all(state: str, searches: bool, group: str) -> None:
    assert group_asked_for(state, viewer(), searches) == group


def test_whoever_has_no_phone_has_no_calls_of_their_own_and_who_sees_no_conferences_sees_the_calls_in_them() -> None:
    assert group_asked_for("mine", viewer(""), searches=False) == LISTED
    assert "mine" not in counted_for(viewer(""))
    assert group_asked_for("all", viewer("", "calls.see_calls"), searches=False) == ""


@pytest.mark.usefixtures("pbx")
def test_the_first_drawing_has_the_counts_and_the_calls_of_the_state_in_the_address() -> None:
    place(1, {"state": "Ring", "caller_name": "Carla"})
    place(
        2, {"name": "PJSIP/102-1", "bridge": "talk", "caller_name": "Dora"}, {"name": "PJSIP/103-1", "bridge": "talk"}
    )
    client = Client()
    client.force_login(people.person("Operator"))
    page = client.get("/calls/?state=ringing").content.decode()
    assert "Carla" in page
    assert "Dora" not in page
    for state, count in {"all": 2, "mine": 1, "ringing": 1, "waiting": 0, "talking": 1, "held": 0}.items():
        assert f'id="count-of-{state}" class="count{"" if count else " is-none"}">{count}<' in page
    current = page.split('aria-current="true"')[-2].rpartition("<a")[2]
    assert 'data-look-state="ringing"' in current
    page = client.get("/calls/", {"state": '"><script>', "q": "dora"}).content.decode()
    assert "Dora" in page
    assert "Carla" not in page
    assert '<script>"' not in page
    assert 'href="?state=held&amp;q=dora"' in page
    page = client.get("/calls/?state=held").content.decode()
    assert "Nobody is on hold." in page


def test_whoever_may_not_see_calls_is_counted_none(db: None) -> None:
    client = Client()
    client.force_login(people.person())
    answer = client.get("/calls/?state=ringing")
    assert answer.status_code == 403
    assert b"count-of-" not in answer.content


def test_a_query_has_no_group_until_a_viewer_is_known() -> None:
    assert query_of("48", "anna").group == ""
    assert set(STATES) == {*counted_for(viewer())}


@pytest.mark.usefixtures("pbx")
def test_calls_of_one_millisecond_stand_on_the_page_as_the_database_has_them() -> None:
    """By the time to the last digit: the page puts cards in order by `data-order`, then by id."""
    for call, microseconds in ((1, 3), (2, 2), (3, 1), (4, 1000)):
        place(call, {})
        Channel.objects.filter(call=f"{call}.0").update(created_at=NOW + timedelta(microseconds=microseconds))
    assert list(find(Query()).shown.values()) == [("main", f"{call}.0") for call in (3, 2, 1, 4)]
    orders = [int(order) for order in re.findall(r'data-order="(\d+)"', part(Query())["calls"])]
    assert [order - orders[0] for order in orders] == [0, 1, 2, 999]

"""A call's card: who is with whom, in which state, since when; and how parking shows on it.

How cards follow calls on a real Asterisk is in `tests/engine/mirror/test_moves.py`.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from calls.call import Call, CallState
from calls.fragments import cards
from calls.models import Bridge, Channel, ParkedCall, age_of
from engine.live.fragments import rows_of
from engine.mirror.models import PBX

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def channel(number: int, name: str, state: str = "Up", bridge: str = "", **fields: object) -> Channel:
    """Channel 1.<number> of the call 1.1, which is `number` minutes old and answered when it began, if it is up."""
    since = NOW - timedelta(minutes=number)
    return Channel(
        pbx_id="main", uniqueid=f"1.{number}", linkedid="1.1", call="1.1", name=name, state=state, bridge=bridge,
        caller_number=name.partition("/")[2].partition("-")[0], created_at=since,
        answered_at=since if state == "Up" else None, **fields,
    )  # fmt: skip


def call(*channels: Channel, bridges: tuple[Bridge, ...] = (), parked: tuple[ParkedCall, ...] = ()) -> Call:
    by_id = {bridge.uniqueid: bridge for bridge in bridges}
    return Call("main", "1.1", channels, by_id, {row.uniqueid: row for row in parked})


def waiting(call: Call) -> list[str]:
    return [party.label for party in call.parties if party.waits]


def test_two_in_one_bridge_talk() -> None:
    told = call(channel(1, "PJSIP/101-1", bridge="b"), channel(2, "PJSIP/102-2", bridge="b"))
    assert (told.state, waiting(told)) == (CallState.TALKING, [])
    assert told.since == NOW - timedelta(minutes=1)


def test_two_whom_a_local_channel_connects_talk_and_the_third_waits() -> None:
    told = call(
        channel(1, "PJSIP/101-1", bridge="b"),
        channel(2, "Local/104@internal-3;1", bridge="b"),
        channel(3, "Local/104@internal-3;2", bridge="c"),
        channel(4, "PJSIP/104-2", bridge="c"),
        channel(5, "PJSIP/105-2", bridge="d"),
    )
    assert (told.state, waiting(told)) == (CallState.TALKING, ["105"])
    assert [party.label for party in told.parties] == ["101", "104", "105"]


def test_a_name_is_his_own_unless_the_other_one_bears_it_too() -> None:
    dialled = channel(1, "PJSIP/101-1", caller_name="Ann", connected_name="Ann", connected_number="040")
    itself = channel(1, "PJSIP/101-1", caller_name="Ann", connected_name="Ann", connected_number="101")
    assert [call(one).parties[0].name for one in (dialled, itself)] == ["", "Ann"]


def test_two_in_bridges_that_nothing_connects_do_not_talk() -> None:
    told = call(channel(1, "PJSIP/101-1", bridge="b"), channel(2, "PJSIP/102-2", bridge="c"))
    assert (told.state, waiting(told)) == (CallState.ALONE, [])


@pytest.mark.parametrize(
    ("bridge", "state"),
    [
        (Bridge(uniqueid="b", kind="base", technology="holding_bridge", creator="BridgeWait"), CallState.ALONE),
        (Bridge(uniqueid="b", kind="parking", technology="holding_bridge", creator="Parking"), CallState.ALONE),
        (Bridge(uniqueid="b", kind="base", technology="softmix", creator="ConfBridge"), CallState.CONFERENCE),
        (Bridge(uniqueid="b", kind="basic", technology="softmix"), CallState.TALKING),
    ],
)
def test_who_waits_in_one_bridge_does_not_talk(bridge: Bridge, state: CallState) -> None:
    told = call(channel(1, "PJSIP/101-1", bridge="b"), channel(2, "PJSIP/102-2", bridge="b"), bridges=(bridge,))
    assert told.state is state


def test_two_of_one_call_in_a_conference_are_in_conference() -> None:
    bridge = Bridge(uniqueid="b", kind="base", technology="softmix", creator="ConfBridge")
    ends = [channel(n, f"PJSIP/10{n}-1", bridge="b", application="ConfBridge") for n in (1, 2)]
    assert call(*ends, bridges=(bridge,)).state is CallState.CONFERENCE


@pytest.mark.parametrize(
    ("application", "data", "told"),
    [
        ("Queue", "support,t,,,60", "Waiting in queue support"),
        ("Queue", "100%s", "Waiting in queue 100%s"),
        ("VoiceMail", "101@default,u", "Leaving a message"),
        ("WaitExten", "5", "At a menu"),
        ("Wait", "5", "Connected"),
    ],
)
def test_whom_nobody_is_with_is_told_where_he_is(application: str, data: str, told: str) -> None:
    alone = channel(1, "PJSIP/101-1", application=application, application_data=data)
    assert call(alone).state_name == told
    assert call(alone, channel(2, "PJSIP/102-2", "Ringing")).state_name == "Ringing"
    two = [channel(n, f"PJSIP/10{n}-1", bridge="b", application=application, application_data=data) for n in (1, 2)]
    assert call(*two).state_name == "Talking"


def test_a_transfer_that_rings_rings_since_the_target_does() -> None:
    told = call(channel(9, "PJSIP/101-1"), channel(2, "PJSIP/102-2", "Ringing"))
    assert (told.state, told.since) == (CallState.RINGING, NOW - timedelta(minutes=2))


def test_a_parked_call_is_parked_since_then_and_shows_no_number_that_was_dialled() -> None:
    space = ParkedCall(uniqueid="1.1", space="701", parked_at=NOW)
    told = call(channel(1, "PJSIP/101-1", bridge="p", extension="102"), parked=(space,))
    assert (told.state, told.since, told.destination) == (CallState.PARKED, NOW, "")


def test_channels_are_told_in_the_order_in_which_they_came_to_be() -> None:
    """By their ids, which are the times at which they began; of one that is no time, when it was seen counts."""
    seen = datetime(1970, 1, 1, 0, 0, 2, tzinfo=UTC)
    ids = ["pbx-2.1", "1.9", "1.10", "odd", "pbx-3.1"]
    assert sorted(ids, key=lambda id: age_of(id, seen)) == ["1.9", "1.10", "odd", "pbx-2.1", "pbx-3.1"]


@pytest.mark.django_db
def test_a_card_says_where_its_call_is_parked() -> None:
    PBX.objects.create(name="main")
    channel(1, "PJSIP/101-1", bridge="p").save()
    ParkedCall.objects.create(pbx_id="main", uniqueid="1.1", lot="default", space="701", parked_at=NOW)
    (card, _count) = rows_of("main", {("parked", "1.1")}, ["en"])
    assert card.html is not None
    assert "Parked on 701" in card.html["en"]
    assert "Parking lot <bdi>default</bdi>" in card.html["en"]
    assert "comes back" not in card.html["en"]
    assert f'data-since="{round(NOW.timestamp() * 1000)}"' in card.html["en"]
    assert (card.id, card.facets["attention"]) == ("call-main-1-1", "parked")
    assert rows_of("main", {("parked", "9.9")}, ["en"]) == []


@pytest.mark.django_db
def test_a_card_shows_a_call_that_a_local_channel_joined_to_it_and_none_of_its_own_for_that() -> None:
    PBX.objects.create(name="main")
    channel(1, "PJSIP/101-1", bridge="b").save()
    other = channel(2, "PJSIP/104-1", bridge="b")
    other.linkedid = "2.1"
    other.save()
    rows = {row.id: row.html for row in rows_of("main", {("call", "1.1"), ("call", "2.1")}, ["en"])}
    card = rows["call-main-1-1"]
    assert card is not None
    assert ">104<" in card["en"]
    assert rows["call-main-2-1"] is None


@pytest.mark.parametrize(("parked_by", "who"), [("PJSIP/101", "101"), ("0401234567", "0401234567")])
def test_a_card_says_to_whom_a_parked_call_comes_back_and_when(parked_by: str, who: str) -> None:
    space = ParkedCall(
        uniqueid="1.1", space="701", lot="sales", parked_at=NOW, timeout=300, parked_by=parked_by, pbx_id="main"
    )
    card = cards([call(channel(1, "PJSIP/101-1", bridge="p"), parked=(space,))])
    assert "Parking lot <bdi>sales</bdi>" in card
    assert f"comes back to <bdi>{who}</bdi> in" in card
    assert f'data-until="{int((NOW + timedelta(seconds=300)).timestamp() * 1000)}"' in card


@pytest.mark.django_db
def test_a_call_is_drawn_again_when_its_facts_change_and_counted_again_when_one_comes_or_goes() -> None:
    PBX.objects.create(name="main")
    one = channel(1, "PJSIP/101-1")
    one.save()
    drawn: dict[str, Any] = {}

    def drawn_now() -> set[str]:
        return {row.id for row in rows_of("main", {("call", "1.1"), ("phone", "PJSIP/101")}, ["en"], drawn)}

    assert drawn_now() == {"call-main-1-1", "count-calls"}
    assert drawn_now() == set()
    Channel.objects.update(on_hold=True)
    assert drawn_now() == {"call-main-1-1"}
    Channel.objects.all().delete()
    assert drawn_now() == {"call-main-1-1", "count-calls"}
    one.save(force_insert=True)
    assert drawn_now() == {"call-main-1-1", "count-calls"}

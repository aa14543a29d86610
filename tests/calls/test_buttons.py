"""What a card offers of each of its parties, and what the page's menu holds for whom."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import resolve
from django.utils import timezone

from calls.call import Call
from calls.fragments import cards
from calls.models import Bridge, ParkedCall
from tests.access import people
from tests.conferences.test_buttons import Buttons

from .test_call import call, channel

RECORDING = ["record", "pause-record", "resume-record", "stop-record"]
KEYS = ["keypad", "mute", "mute", "unmute", "reject"]
PICKING_UP = ["retrieve", "pickup", "takeover"]
LATER = "camp-on"
WHO_HAS_WHAT = {
    "Viewer": [],
    "Moderator": ["transfer", "hold", "add-person", "park", "to-conference", LATER, *KEYS],
    "Operator": ["transfer", "hold", "add-person", "park", *PICKING_UP, LATER, *RECORDING, *KEYS],
    "Administrator": [
        "transfer", "hold", "add-person", "park", "to-conference", *PICKING_UP, LATER, "listen", "whisper", "barge",
        *RECORDING, *KEYS,
    ],
}  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/calls/", "/"])
@pytest.mark.parametrize("group", WHO_HAS_WHAT)
def test_the_menu_holds_what_its_user_may_do(path: str, group: str) -> None:
    client = Client()
    client.force_login(people.person(group))
    page = client.get(path).content.decode()
    menu = page.split('<template id="party-menu">')[1].split("</template>")[0]
    assert re.findall(r'data-action="([\w-]+)"', menu) == WHO_HAS_WHAT[group]
    assert ('id="transfer-dialog"' in page, 'id="keypad-dialog"' in page) == (group != "Viewer",) * 2
    for action, address in Buttons(menu).found:
        route = resolve(address.replace("PBX", "main").replace("UNIQUEID", "1.1"))
        assert (route.url_name, route.kwargs["verb"], route.kwargs["pbx"]) == ("channel-command", action, "main")


def parties(one: Call) -> list[str]:
    """The tag of each party of a card."""
    return re.findall(r'<div class="party[^>]*data-uniqueid[^>]*>', cards([one]))


def parked(*uniqueids: str) -> tuple[ParkedCall, ...]:
    return tuple(
        ParkedCall(pbx_id="main", uniqueid=uniqueid, lot="default", space="701", parked_at=timezone.now())
        for uniqueid in uniqueids
    )


def test_a_party_says_what_its_menu_must_know() -> None:
    one, two = parties(
        call(
            channel(1, "PJSIP/101-1", bridge="b", endpoint="PJSIP/101"),
            channel(2, "PJSIP/102-2", "Ringing", endpoint="PJSIP/102"),
        )
    )
    for word in ('id="party-main-1-1"', 'data-uniqueid="1.1"', 'data-state="Up"', 'data-endpoint="main/PJSIP/101"'):
        assert word in one
    assert 'data-state="Ringing"' in two
    assert "data-talks" not in one + two
    assert "data-parked" not in one + two
    assert "data-recorded" not in one + two
    assert "data-muted" not in one + two
    assert all("data-talks" in party for party in parties(call(*pair(), bridges=())))


def pair() -> list[Any]:
    return [channel(1, "PJSIP/101-1", bridge="b"), channel(2, "PJSIP/102-2", bridge="b")]


def test_who_is_in_a_conference_has_nobody_who_could_park_the_call() -> None:
    room = Bridge(pbx_id="main", uniqueid="b", kind="base", technology="softmix", creator="ConfBridge", name="8001")
    assert not any("data-talks" in party for party in parties(call(*pair(), bridges=(room,))))


def test_the_parked_one_alone_is_retrieved_and_the_ringing_one_alone_picked_up() -> None:
    card = cards([call(channel(1, "PJSIP/101-1"), channel(2, "PJSIP/102-2"), parked=parked("1.2"))])
    assert Buttons(card).found[0] == ("retrieve", "/calls/main/channels/1.2/retrieve/")
    assert [action for action, _address in Buttons(card).found].count("retrieve") == 1
    card = cards([call(channel(1, "PJSIP/101-1", "Ring"), channel(2, "PJSIP/102-2", "Ringing"))])
    assert Buttons(card).found[0] == ("pickup", "/calls/main/channels/1.2/pickup/")
    assert [action for action, _address in Buttons(card).found].count("pickup") == 1


def test_two_calls_that_differ_in_who_of_them_is_parked_are_not_the_same() -> None:
    both = pair()
    assert call(*both, parked=parked("1.1")) != call(*both, parked=parked("1.1", "1.2"))


def test_a_card_says_what_is_recorded_into_which_file_and_who_is_muted() -> None:
    channels = [
        channel(1, "PJSIP/101-1", bridge="b", recorded="paused", recording_file="<b>.wav"),
        channel(2, "PJSIP/102-2", bridge="b", muted="out"),
    ]
    card = cards([call(*channels)])
    for words in (
        'data-recorded="paused"',
        'data-muted="out"',
        "Recording paused",
        "&lt;b&gt;.wav",
        "the file holds silence",
        "hears nothing",
    ):
        assert words in card, words
    assert "<b>.wav" not in card
    # What most of it is recorded by counts.
    channels[1].recorded = "on"
    assert call(*channels).recorded_name == "Recorded"
    assert call(*channels) != call(*pair())


def test_a_hostile_name_stays_a_name() -> None:
    name = '"><script>alert(1)</script>'
    bad = channel(1, "PJSIP/101-1", caller_name=name, endpoint='PJSIP/"onclick="x')
    also = channel(2, "PJSIP/102-2", "Ringing", caller_name=name)
    card = cards([call(bad, also, parked=parked("1.1"))])
    assert "<script" not in card
    assert '"onclick=' not in card
    assert 'aria-label="More for &quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt; 101"' in card
    assert 'aria-label="Retrieve &quot;&gt;' in card
    assert 'aria-label="Pick up the call to &quot;&gt;' in card


def test_a_sound_of_the_panel_has_no_menu() -> None:
    card = cards([call(channel(1, "Local/voice@pbxpanel-01;1", extension="sound", context="pbxpanel"))])
    assert "party-menu" not in card

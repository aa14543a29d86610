"""A card of somebody in a conference names the room and links to it; dialplan of the panel's own never shows."""

from typing import Any

import pytest

from calls.call import Call
from calls.fragments import cards
from calls.models import Bridge, Channel
from engine.mirror.sanitize import shown

from .test_call import call, channel

ROOM = Bridge(pbx_id="main", uniqueid="b", kind="base", technology="softmix", creator="ConfBridge", name="8001")


def in_room(**fields: Any) -> Call:
    return call(channel(1, "PJSIP/103-1", bridge="b", **fields), bridges=(ROOM,))


def test_the_room_stands_on_the_card_and_links_to_its_page() -> None:
    told = in_room(application="ConfBridge", application_data="8001,p,u", extension="8102", context="internal")
    assert (told.conference, told.destination) == ("8001", "")
    card = cards([told])
    assert 'href="/conferences/main/8001/"' in card
    assert 'aria-label="Conference 8001"' in card
    assert "8102</bdi>" not in card


def test_who_still_hears_the_prompt_is_in_the_room_that_the_application_names() -> None:
    told = call(channel(1, "PJSIP/103-1", application="ConfBridge", application_data="8001,p,u"))
    assert told.conference == "8001"


@pytest.mark.parametrize("extension", ["move", "aside", "hold"])
def test_after_an_aside_or_a_move_dialplan_of_ours_does_not_show(extension: str) -> None:
    told = in_room(application="ConfBridge", application_data="8001-aside", extension=extension, context="pbxpanel")
    alone = call(channel(1, "PJSIP/103-1", extension=extension, context="pbxpanel"))
    for one in (told, alone):
        assert one.destination == ""
        assert extension not in cards([one]).replace("8001-aside", "")
        assert "pbxpanel" not in cards([one])


def test_a_sound_that_the_panel_plays_is_called_that() -> None:
    halves = [
        channel(1, "Local/voice@pbxpanel-01;1", extension="sound", context="pbxpanel", application="Playback"),
        channel(2, "Local/voice@pbxpanel-01;2", bridge="b", extension="voice", context="pbxpanel"),
    ]
    told = call(*halves, bridges=(ROOM,))
    assert [party.label for party in told.parties] == ["A sound of the panel"]
    assert told.conference == "8001"


@pytest.mark.parametrize("name", ["a/b c", "<b>8001</b>", "8001 "])
def test_a_room_of_any_name_is_named_and_linked(name: str) -> None:
    room = Bridge(pbx_id="main", uniqueid="b", kind="base", technology="softmix", creator="ConfBridge", name=name)
    card = cards([call(channel(1, "PJSIP/103-1", bridge="b"), bridges=(room,))])
    assert "<b>8001" not in card
    assert 'href="/conferences/main/' in card
    assert shown(name)


def test_every_button_and_menu_of_a_card_has_a_name_with_the_number() -> None:
    two = [
        channel(1, "PJSIP/102-1", bridge="c", caller_name="Ben Beta"),
        channel(2, "PJSIP/107-1", bridge="c", caller_name="Ben Beta", context="internal"),
    ]
    card = cards([call(*two)])
    assert 'aria-label="Hang up the call of Ben Beta 102, Ben Beta 107"' in card
    assert "of the call of Ben Beta 102, Ben Beta 107</span>" in card
    assert 'Hang up this leg <span class="visually-hidden">PJSIP/107-1</span>' in card


def test_what_stands_between_two_is_read_by_ear_and_no_attribute_of_a_span() -> None:
    card = cards([call(channel(1, "PJSIP/101-1", bridge="c"), channel(2, "PJSIP/102-1", bridge="c"))])
    assert '<span class="visually-hidden">with</span>' in card
    assert '<span class="with" aria-label' not in card


def test_the_place_of_a_leg_is_told_unless_it_is_ours() -> None:
    assert Channel(extension="102", context="internal").place == "102@internal"
    assert Channel(extension="move", context="pbxpanel").place == "—"

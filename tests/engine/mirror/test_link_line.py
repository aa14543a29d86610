"""What the page says of a link that is up: the transport, and its round-trip time."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.template.loader import render_to_string

from engine.ami.transports import Address
from engine.mirror.models import PBX
from engine.mirror.worker import Mirror


@pytest.mark.parametrize(
    ("url", "transport"),
    [
        ("ami://panel:x@pbx", "TCP"),
        ("amis://panel:x@pbx", "TLS"),
        ("ami+http://panel:x@pbx/asterisk/rawman", "HTTP"),
        ("ami+https://panel:x@pbx/arawman", "HTTPS"),
    ],
)
def test_the_transport_is_known_by_the_address_that_is_stored(url: str, transport: str) -> None:
    assert PBX(address=str(Address.parse(url))).transport == transport


def test_of_an_address_that_is_not_known_no_transport_is() -> None:
    assert PBX().transport == ""


@pytest.mark.parametrize(
    ("round_trip", "shown"),
    [
        (None, "TLS"),
        (0.2, "TLS · &lt; 1 ms"),
        (1.0, "TLS · 1 ms"),
        (3.4, "TLS · 3 ms"),
        (1234.5, "TLS · 1234 ms"),
    ],
)
def test_the_page_tells_the_transport_and_the_time_once_it_is_known(round_trip: float | None, shown: str) -> None:
    pbx = PBX(name="main", address="amis://panel@pbx:5039", link=PBX.Link.UP, round_trip=round_trip)
    assert f">{shown}</span>" in render_to_string("components/_link.html", {"pbx": pbx})


def test_of_the_demo_and_of_a_link_that_is_down_nothing_of_it_is_said() -> None:
    for values in ({"demo": True, "link": PBX.Link.UP}, {"link": PBX.Link.DOWN}):
        pbx = PBX(name="main", address="ami://panel@pbx:5038", round_trip=3.0, **values)
        html = render_to_string("components/_link.html", {"pbx": pbx})
        assert "TCP" not in html
        assert " ms" not in html


def test_the_page_is_drawn_anew_only_when_the_time_changed_notably() -> None:
    mirror = Mirror("main", Address.parse("ami://panel:x@pbx"))
    session: Any = SimpleNamespace(round_trip=None)
    told = []
    for seconds in (None, 0.0004, 0.0009, 0.0003, 0.004, 0.0045, 0.005, 0.0099, 0.100, 0.120, 0.0044):
        session.round_trip = seconds
        mirror.agenda.dirty.clear()
        mirror.figures.note_round_trip(session)
        if mirror.agenda.dirty.is_set():
            told.append(mirror.agenda.link_changes.pop("round_trip"))
    assert told == [0.4, 4.0, 9.9, 100.0, 4.4]

"""Lamps on the wall of people: each state of each kind of phone, many changes; a real Chromium, Asterisk 22 and 16."""

import contextlib
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.bench.child import Child
from tests.bench.wall import WATCH, fill
from tests.browser.test_people import _EMPTY, tile
from tests.browser.test_people import fill as fill_with
from tests.extensions.test_extensions import with_a_hint
from tests.lab.asterisk import HOST, Asterisk
from tests.lab.phones import Caller, Phone
from tests.lab.softphone import Softphone
from tests.panel import Panel, Visit
from tests.waiting import until

PEOPLE = [
    {"name": "By custom device", "extension": ["8600"]},
    {"name": "By registration", "extension": ["109"]},
    {"name": "Anna Alpha", "extension": ["101"]},
    {"name": "Ben Beta", "extension": ["102"]},
]


@pytest.fixture
def wall(asterisk: Asterisk, panel: Panel, visit: Visit) -> Iterator[Page]:
    """The wall of these people, on each version in turn."""
    asterisk.cli("dialplan add extension 8600,hint,Custom:desk into internal replace")
    fill_with(panel, PEOPLE)
    yield visit(panel, "vic", "/people/")
    panel.shell(_EMPTY)
    asterisk.cli("devstate change Custom:desk NOT_INUSE")
    asterisk.cli("presencestate change CustomPresence:102 NOT_SET")
    asterisk.cli("database deltree CustomPresence")


def is_shown(wall: Page, name: str, word: str) -> None:
    expect(tile(wall, name).locator(".state-words")).to_contain_text(word)


def test_a_custom_device_shows_each_state_that_it_is_given(asterisk: Asterisk, wall: Page) -> None:
    for state, word in (
        ("BUSY", "busy"), ("UNAVAILABLE", "unreachable"), ("RINGING", "ringing"), ("RINGINUSE", "ringing, in a call"),
        ("ONHOLD", "on hold"), ("INUSE", "in a call"), ("NOT_INUSE", "idle"),
    ):  # fmt: skip
        asterisk.cli(f"devstate change Custom:desk {state}")
        expect(tile(wall, "By custom device").locator(".state-word")).to_have_text(re.compile(rf"^\s*{word}\s*$"))


@contextlib.contextmanager
def that_may_register(asterisk: Asterisk) -> Iterator[None]:
    """Meanwhile 109 may tell where it is reached."""
    file = asterisk.folder / "etc/pjsip.conf"
    before = file.read_text(encoding="utf-8")
    file.write_text(before.replace("[109](aor)", "[109](aor)\nmax_contacts = 1"), encoding="utf-8")
    asterisk.cli("module reload res_pjsip.so")
    try:
        yield
    finally:
        file.write_text(before, encoding="utf-8")
        asterisk.cli("module reload res_pjsip.so")


def register(asterisk: Asterisk, expires: int, turn: int) -> str:
    """109 says for how long it is reached here; the first line of the answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        wire.bind((HOST, 0))
        wire.settimeout(5)
        here = f"{HOST}:{wire.getsockname()[1]}"
        lines = [
            f"REGISTER sip:{HOST}:{asterisk.sip_port} SIP/2.0",
            f"Via: SIP/2.0/UDP {here};branch=z9hG4bK-wall-{turn};rport",
            f"From: <sip:109@{HOST}>;tag=wall",
            f"To: <sip:109@{HOST}>",
            f"Call-ID: wall@{HOST}",
            f"CSeq: {turn} REGISTER",
            f"Contact: <sip:109@{HOST}:5999>",
            f"Expires: {expires}",
            "Max-Forwards: 70",
            "Content-Length: 0",
        ]
        wire.sendto("\r\n".join([*lines, "", ""]).encode(), (HOST, asterisk.sip_port))
        return wire.recv(65536).decode().partition("\r\n")[0]


def test_a_phone_that_unregisters_is_unreachable(asterisk: Asterisk, wall: Page) -> None:
    is_shown(wall, "By registration", "unreachable")
    with that_may_register(asterisk):
        turn = 0

        def registers(expires: int) -> bool:
            nonlocal turn
            turn += 1
            return register(asterisk, expires, turn).endswith("200 OK")

        until(lambda: registers(300))  # the reload takes a moment
        is_shown(wall, "By registration", "idle")
        assert registers(0)
        is_shown(wall, "By registration", "unreachable")


def test_a_hint_that_goes_with_a_reload_leaves_its_person_unknown(asterisk: Asterisk, wall: Page) -> None:
    is_shown(wall, "By registration", "unreachable")
    with with_a_hint(asterisk.folder / "etc/extensions.conf", "exten => 110,hint,PJSIP/101"):
        asterisk.cli("module reload pbx_config.so")
        is_shown(wall, "By registration", "unknown")
    asterisk.cli("module reload pbx_config.so")
    is_shown(wall, "By registration", "unreachable")


def test_a_tile_says_who_calls_with_whom_and_for_how_long_who_is_on_hold_and_what_a_telephone_has_set(
    asterisk: Asterisk, wall: Page
) -> None:
    words = tile(wall, "Ben Beta").locator(".state-words")
    with Phone(asterisk, "102", "ring"), Caller(asterisk, "102", name="Carla"):
        expect(words).to_contain_text(re.compile(r"ringing\s+from Carla\s+0:0\d"))
    expect(words).to_have_text(re.compile(r"^\s*idle\s*$"))
    with Softphone(asterisk, "102") as phone, Caller(asterisk, "102", number="101"):
        call = phone.calls.get(timeout=60)
        talking = re.compile(r"in a call\s+with Anna Alpha\s+0:\d[1-9]")
        expect(words).to_contain_text(talking)
        # A page that is loaded meanwhile says the same.
        wall.reload()
        expect(words).to_contain_text(talking)
        call.hold()
        expect(words).to_contain_text(re.compile(r"Anna Alpha on hold\s+0:\d\d"))
        is_shown(wall, "Anna Alpha", "on hold")
        call.take_back()
        expect(words).to_contain_text(talking)
        is_shown(wall, "Anna Alpha", "in a call")
    expect(words).to_have_text(re.compile(r"^\s*idle\s*$"))
    asterisk.cli("presencestate change CustomPresence:102 DND")
    beside = tile(wall, "Ben Beta").locator(".tile-presence")
    expect(beside).to_contain_text("do not disturb")
    asterisk.cli("presencestate change CustomPresence:102 AVAILABLE")
    expect(beside).to_have_count(0)


STATES = "() => Object.fromEntries([...document.querySelectorAll('.tile')].map((tile) => [tile.id, tile.className]))"


@pytest.mark.timeout(240)
def test_fifty_changes_a_second_on_a_wall_of_a_thousand_all_arrive(visit: Visit, tmp_path: Path) -> None:
    """Whether the browser stays fluid is measured by the bench: `python -m tests.bench wall`."""
    with Child("pbx", "20") as pbx:
        pbx.ask("phones", count=1000)
        panel = Panel(tmp_path, {"AMI_URL": pbx.ready["url"]})
        panel.prepare()
        fill(panel, 1000)
        panel.start()
        try:
            page = visit(panel, "vic", "/people/", viewport={"width": 1440, "height": 900})
            expect(page.locator(".tile.is-idle")).to_have_count(1000)
            page.evaluate(WATCH)
            pbx.ask("lamps", per_second=50)
            page.wait_for_function("() => window.seen.tiles > 300", timeout=120_000)
            pbx.ask("lamps", per_second=0)
            fresh = visit(panel, "vic", "/people/")

            def is_told_what_is() -> bool:
                fresh.reload()
                fresh.wait_for_selector("html[data-live]")
                return bool(page.evaluate(STATES) == fresh.evaluate(STATES))

            until(is_told_what_is, 60, "the wall is not what a page opened now shows")
            expect(page.locator(".tile:not(.is-idle)").first).to_be_visible()
        finally:
            panel.stop()

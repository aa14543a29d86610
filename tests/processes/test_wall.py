"""The wall of people, and people found by name, on PostgreSQL and Redis: a worker and a web process on a real Asterisk
22 and 16, a real Chromium.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_people import PEOPLE, fill, shown, tile
from tests.browser.test_people_wall import star
from tests.extensions.test_extensions import with_a_hint
from tests.lab.asterisk import Asterisk
from tests.lab.phones import Caller, Phone
from tests.panel import Panel, Visit
from tests.servers import PostgreSQL, Redis

pytestmark = pytest.mark.timeout(300)

# A worker whose minute between two checks lasts a second.
_HASTY_WORKER = """
import django
django.setup()
from django.core.management import call_command
from engine.mirror import folding
folding.CHECK_EVERY = 1.0
call_command("amiworker")
"""
FOUND = {
    "zoe": ["Zoë Müller"], "MULLER": ["Zoë Müller"], "zm": ["Zoë Müller"], "lilei": ["李雷"], "yanfa": ["李雷"],
    "李": ["李雷"], "sales": ["Ben Beta", "Zoë Müller"],
}  # fmt: skip


@pytest.fixture
def installation(asterisk: Asterisk, postgresql: PostgreSQL, redis_server: Redis, tmp_path: Path) -> Iterator[Panel]:
    """A panel in which these people are known."""
    servers = {"DATABASE_URL": postgresql.database(), "REDIS_URL": redis_server.url}
    panel = Panel(tmp_path, {"AMI_URL": asterisk.ami_url, "DJANGO_SETTINGS_MODULE": "pbxpanel.settings", **servers})
    try:
        panel.prepare()
        fill(panel, [*PEOPLE, {"name": "By hint", "extension": ["110"]}])
        panel.spawn("-c", _HASTY_WORKER)
        panel.spawn("manage.py", "serve", "--port", str(panel.port))
        panel.wait_until_served()
        yield panel
    finally:
        panel.stop()
        # The other panels on this Asterisk are told of the dialplan that it has now.
        asterisk.cli("module reload pbx_config.so")


def lamps_say_who_calls_and_who_talks(asterisk: Asterisk, wall: Page) -> None:
    words = tile(wall, "Ben Beta").locator(".state-words")
    expect(words).to_have_text(re.compile(r"^\s*idle\s*$"))
    expect(tile(wall, "李雷")).to_have_class(re.compile("is-unavailable"))
    with Phone(asterisk, "102", "ring"), Caller(asterisk, "102", name="Carla"):
        expect(words).to_contain_text(re.compile(r"ringing\s+from Carla\s+0:\d\d"))
    expect(words).to_have_text(re.compile(r"^\s*idle\s*$"))
    with Phone(asterisk, "102"), Caller(asterisk, "102", name="Carla"):
        expect(words).to_contain_text(re.compile(r"in a call\s+with Carla\s+0:\d\d"))
    expect(words).to_have_text(re.compile(r"^\s*idle\s*$"))


def hints_come_and_go(asterisk: Asterisk, wall: Page) -> None:
    """With `dialplan reload`: an event may tell of one that came; of one that is gone nothing does but the check."""
    words = tile(wall, "By hint").locator(".state-words")
    expect(words).to_contain_text("unknown")
    with with_a_hint(asterisk.folder / "etc/extensions.conf", "exten => 110,hint,PJSIP/101"):
        asterisk.cli("dialplan reload")
        expect(words).to_contain_text("idle")
        expect(tile(wall, "李雷").locator(".state-words")).to_contain_text("unknown")
    asterisk.cli("dialplan reload")
    expect(words).to_contain_text("unknown")
    expect(tile(wall, "李雷").locator(".state-words")).to_contain_text("unreachable")


def people_are_found(wall: Page, panel: Panel) -> None:
    """In the dial box, in the directory, and on the wall itself, whatever the case, the accents and the script."""
    for typed, names in FOUND.items():
        wall.locator("#dial-number").fill(typed)
        expect(wall.get_by_role("option")).to_have_text([re.compile(name) for name in names])
        wall.locator("#dial-number").fill("")
        expect(wall.get_by_role("option")).to_have_count(0)
        wall.get_by_label("Filter people").fill(typed)
        assert shown(wall) == names, typed
    for typed in ("MULLER", "lilei"):
        wall.goto(f"{panel.url}/people/directory/?q={typed}")
        expect(wall.locator(".people-list .room-link a")).to_have_text(FOUND[typed])


def test_the_wall_is_live_and_people_are_found_on_postgresql_and_a_reload_of_the_dialplan_shows_within_the_check(
    asterisk: Asterisk, installation: Panel, visit: Visit
) -> None:
    wall = visit(installation, "anna", "/people/")
    lamps_say_who_calls_and_who_talks(asterisk, wall)
    hints_come_and_go(asterisk, wall)
    star(wall, "李雷")
    wall.reload()
    expect(wall.locator(".is-favourites .tile")).to_have_text([re.compile("李雷")])
    people_are_found(wall, installation)

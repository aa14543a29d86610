"""One panel on two PBXs, Asterisk 22 and 16: held by one worker, or each by a worker of its own."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.lab.asterisk import Asterisk
from tests.matrix import share
from tests.panel import Panel, Visit, hang_up, running_cluster
from tests.waiting import until

pytestmark = pytest.mark.timeout(300)

_NAMES = "from engine.mirror.models import PBX; print(*PBX.objects.values_list('name', 'link'))"
_BEN_IS_IN_VIENNA = """
from accounts.models import Profile
from engine.mirror.models import PBX
PBX.objects.get_or_create(name="vienna")
Profile.objects.filter(user__username="ben").update(pbx_id="vienna")
"""
_WHERE_BEN_IS = "from accounts.models import Profile; print(Profile.objects.get(user__username='ben').pbx_id)"
_A_CALL = "channel originate Local/602@internal application Wait 600"


class Both:
    """A panel on `berlin`, an Asterisk 22, and `vienna`, a 16. Ben's phone is in Vienna, Anna's in Berlin."""

    def __init__(self, panel: Panel, berlin: Asterisk, vienna: Asterisk, *, workers: int) -> None:
        self.panel, self.berlin, self.vienna = panel, berlin, vienna
        urls = [f"berlin={berlin.ami_url}", f"vienna={vienna.ami_url}"]
        self.urls = urls if workers == 2 else [" ".join(urls)]
        self.shell(_BEN_IS_IN_VIENNA)
        self.workers = [self.spawn(number) for number in range(workers)]

    def spawn(self, number: int) -> subprocess.Popen[bytes]:
        return self.panel.spawn("manage.py", "amiworker", AMI_URL=self.urls[number])

    def shell(self, code: str) -> str:
        return self.panel.shell(code)

    def links(self) -> str:
        return self.shell(_NAMES)


BOTH_UP = "('berlin', 'up') ('vienna', 'up')"


def held_by(*workers: int) -> pytest.MarkDecorator:
    """By how many workers the PBXs are held in a test."""
    names = {1: "one worker", 2: "two workers"}
    return pytest.mark.parametrize("both", workers, ids=[names[number] for number in workers], indirect=True)


@pytest.fixture
def both(asterisk22: Asterisk, asterisk16: Asterisk, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Both]:
    with running_cluster(tmp_path, "", web_processes=1, workers=0) as cluster:
        both = Both(cluster.panel, asterisk22, asterisk16, workers=request.param)
        until(lambda: both.links() == BOTH_UP, 60, cluster.panel.log[-2000:])
        yield both


def calls_of(page: Page, pbx: str) -> list[str]:
    ids: list[str] = page.eval_on_selector_all(f'#calls > [id^="call-{pbx}-"]', "cards => cards.map((card) => card.id)")
    return ids


@pytest.mark.matrix
@held_by(*share([1, 2], 0, of=2))
def test_calls_of_both_are_on_one_board_and_a_command_goes_to_the_right_one(both: Both, visit: Visit) -> None:
    anna, ben = visit(both.panel, "anna", "/calls/"), visit(both.panel, "ben", "/calls/")
    for asterisk in (both.berlin, both.vienna):
        asterisk.cli(_A_CALL)
    expect(anna.locator("#calls > *")).to_have_count(2)
    assert len(calls_of(anna, "berlin")) == len(calls_of(anna, "vienna")) == 1
    hang_up(anna.locator('#calls > [id^="call-vienna-"]'))
    for page in (anna, ben):
        expect(page.locator("#calls > *")).to_have_count(1)
    assert both.vienna.channels() == []
    assert len(both.berlin.channels()) == 2
    # Nobody answers 102 of Vienna, which rings there and not in Berlin.
    ben.fill("#dial-number", "600")
    ben.press("#dial-number", "Enter")
    expect(anna.locator('#calls > [id^="call-vienna-"]')).to_have_count(1)
    assert [name.partition("-")[0] for name in both.vienna.channels()] == ["PJSIP/102"]
    assert len(both.berlin.channels()) == 2


@pytest.mark.matrix
@held_by(*share([1, 2], 1, of=2))
def test_one_pbx_goes_on_while_the_other_is_away(both: Both, visit: Visit) -> None:
    page = visit(both.panel, "anna", "/calls/")
    for asterisk in (both.berlin, both.vienna):
        asterisk.cli(_A_CALL)
    expect(page.locator("#calls > *")).to_have_count(2)
    both.vienna.kill()
    expect(page.locator("#links [role=alert]")).to_contain_text("vienna")
    expect(page.locator('#calls > [id^="call-vienna-"] [data-action=hangup]')).to_be_disabled()
    both.berlin.cli(_A_CALL)
    expect(page.locator('#calls > [id^="call-berlin-"]')).to_have_count(2)
    hang_up(page.locator('#calls > [id^="call-berlin-"]').first)
    expect(page.locator('#calls > [id^="call-berlin-"]')).to_have_count(1)
    both.vienna.start()
    expect(page.locator("#links [role=alert]")).to_have_count(0, timeout=30_000)
    expect(page.locator('#calls > [id^="call-vienna-"]')).to_have_count(0)
    assert len(both.berlin.channels()) == 2


@held_by(2)
def test_a_worker_that_starts_does_not_take_another_ones_pbx_away(both: Both, visit: Visit) -> None:
    """Vienna's worker has ended, in order, so nobody leads there, while Berlin's is started anew."""
    both.vienna.cli(_A_CALL)
    page = visit(both.panel, "anna", "/calls/")
    expect(page.locator('#calls > [id^="call-vienna-"]')).to_have_count(1)
    for worker in both.workers:
        both.panel.end(worker)
    before = both.panel.log.count("the link is up")
    both.spawn(0)
    until(lambda: both.panel.log.count("the link is up") > before, 60, both.panel.log[-2000:])
    assert "vienna" in both.links()
    assert both.shell(_WHERE_BEN_IS) == "vienna"
    expect(page.locator("#pbx-berlin-link")).to_have_attribute("data-link", "up", timeout=30_000)
    expect(page.locator("#links [role=alert]")).to_contain_text("vienna", timeout=30_000)
    expect(page.locator('#calls > [id^="call-vienna-"]')).to_have_count(1)
    both.spawn(1)
    expect(page.locator("#links [role=alert]")).to_have_count(0, timeout=30_000)
    expect(page.locator('#calls > [id^="call-vienna-"]')).to_have_count(1)

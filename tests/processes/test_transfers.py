"""The worker is killed while somebody is on hold: its stand-in shows where everybody is, and brings them together."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory, PhoneFactory
from tests.lab.phones import Behaviour
from tests.panel import Visit
from tests.servers import PostgreSQL, running_redis
from tests.waiting import until

from .test_workers import Pair, running_pair

pytestmark = pytest.mark.timeout(300)


class Desk:
    """Anna at 101, with Carla on the line, and two workers of whom one can be killed."""

    def __init__(self, pair: Pair, asterisk: Asterisk, page: Page) -> None:
        self.pair, self.asterisk, self.page = pair, asterisk, page
        self.card: Locator = page.locator(".call", has_text="Carla")

    def press(self, verb: str, **form: str) -> None:
        """Ask a verb of Carla's end, as its menu does."""
        uniqueid = self.pair.value("SELECT uniqueid FROM calls_channel WHERE caller_name = 'Carla'")
        token = self.page.evaluate("JSON.parse(document.body.getAttribute('hx-headers:inherited'))['X-CSRFToken']")
        answer = self.page.request.post(
            f"{self.pair.panel.url}/calls/main/channels/{uniqueid}/{verb}/",
            form={**form},
            headers={"X-CSRFToken": token, "HX-Request": "true", "Referer": self.pair.panel.url},
        )
        assert answer.ok, answer.text()

    def kill(self) -> None:
        """Kill the worker that leads; nobody does then."""
        self.former = self.pair.leader
        leading = self.pair.workers.pop(0)
        leading.kill()
        leading.wait()

    def wait_for_stand_in(self) -> None:
        self.pair.wait_for_leader(other_than=self.former)

    def expect_pairs(self, *pairs: set[str]) -> None:
        """Wait until Asterisk says that these endpoints, and no others, are together."""
        wanted = sorted(map(sorted, pairs))
        until(lambda: sorted(map(sorted, self._pairs())) == wanted, 20, f"{self._pairs()}, not {pairs}")

    def _pairs(self) -> list[set[str]]:
        bridges = [line.split()[0] for line in self.asterisk.cli("bridge show all").splitlines()[1:]]
        shown = (self.asterisk.cli(f"bridge show {bridge}") for bridge in bridges)
        members = [set(re.findall(r"^Channel: PJSIP/(\S+)-", one, re.MULTILINE)) for one in shown]
        return [one for one in members if one]


@pytest.fixture(scope="module")
def pair(_asterisk22: Asterisk, postgresql: PostgreSQL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("pair")
    with running_redis(folder) as redis, running_pair(_asterisk22, postgresql, redis, folder) as pair:
        yield pair


@pytest.fixture
def desk(
    asterisk22: Asterisk, pair: Pair, visit: Visit, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> Desk:
    while len(pair.workers) < 2:
        pair.spawn_worker()
    # The call of the test before is over in Asterisk, of which the worker may learn only now.
    until(lambda: pair.count("calls_channel") == 0, 20)
    page = visit(pair.panel, "anna", "/calls/")
    phone_factory(asterisk22, "101")
    caller_factory(asterisk22, "101", name="Carla")
    desk = Desk(pair, asterisk22, page)
    expect(desk.card.locator(".call-state")).to_have_text("Talking")
    return desk


@pytest.mark.parametrize("behaviour", ["answer", "ring"])
@pytest.mark.parametrize("then", ["complete", "cancel"])
def test_a_consultation_goes_on_with_the_stand_in(
    desk: Desk, asterisk22: Asterisk, phone_factory: PhoneFactory, behaviour: Behaviour, then: str
) -> None:
    target = phone_factory(asterisk22, "103", behaviour)
    desk.press("consult", to="103")
    doing = "is on hold while 103 is consulted" if behaviour == "answer" else "is on hold; 103 is being called"
    expect(desk.card).to_contain_text(f"Carla {doing}")
    desk.kill()
    desk.wait_for_stand_in()
    desk.page.reload()
    expect(desk.card).to_contain_text(f"Carla {doing}")
    button = desk.card.locator(f"[data-action={then}]")
    button.click()
    expect(button).to_have_count(0)
    if then == "cancel":
        desk.expect_pairs({"outside", "101"})
        expect(desk.card).to_contain_text("Anna Alpha")
    elif behaviour == "answer":
        desk.expect_pairs({"outside"}, {"103"})
    else:
        until(lambda: not [name for name in asterisk22.channels() if name.startswith("PJSIP/101-")], 10)
        target.wait_for_invite(2)
    assert desk.pair.count("calls_transfer") == 0


def test_what_happens_while_nobody_leads_is_found_out_and_whoever_is_on_hold_called_back(
    desk: Desk, asterisk22: Asterisk
) -> None:
    desk.press("hold")
    expect(desk.card).to_contain_text("Carla is on hold")
    desk.kill()
    (mine,) = [name for name in asterisk22.channels() if name.startswith("PJSIP/101-")]
    asterisk22.cli(f"channel request hangup {mine}")
    desk.wait_for_stand_in()
    desk.expect_pairs({"outside", "101"})
    expect(desk.card.locator("[data-action=resume]")).to_have_count(0)
    expect(desk.card.locator(".call-state")).to_have_text("Talking")


def test_who_answers_while_nobody_leads_is_shown_to_be_consulted(
    desk: Desk,
) -> None:
    desk.press("consult", to="606")  # rings for two seconds, then answers
    expect(desk.card).to_contain_text("Carla is on hold; 606 is being called")
    desk.kill()
    desk.wait_for_stand_in()
    expect(desk.card).to_contain_text("Carla is on hold while 606 is consulted")
    desk.card.locator("[data-action=cancel]").click()
    desk.expect_pairs({"outside", "101"})


def test_a_hold_is_resumed_by_the_stand_in(desk: Desk) -> None:
    desk.press("hold")
    expect(desk.card).to_contain_text("Carla is on hold")
    desk.kill()
    desk.wait_for_stand_in()
    button = desk.card.locator("[data-action=resume]")
    button.click()
    desk.expect_pairs({"outside", "101"})
    expect(button).to_have_count(0)

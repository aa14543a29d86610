"""The panel as several processes: worker, web processes, PostgreSQL and Redis, on a real Asterisk."""

import copy
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from playwright.sync_api import expect

from tests.kinds import runs_a_program
from tests.lab.asterisk import Asterisk, free_port
from tests.panel import ROOT, Panel, Visit, hang_up
from tests.servers import PostgreSQL, Redis
from tests.waiting import until

# A participant whom the database knows and Asterisk does not.
_SOMEBODY_WHO_IS_NOT_THERE = """
from django.utils import timezone
from conferences.models import Conference, Participant
Conference.objects.create(pbx_id="main", name="nowhere", started_at=timezone.now())
Participant.objects.create(pbx_id="main", uniqueid="9.9", conference="nowhere", channel="PJSIP/999-00000001",
    caller_name="Nobody", joined_at=timezone.now())
"""

# Six times, one after the other: the status, and how long the answer took, in ms.
_MUTE = """async (address) => {
    const headers = {...JSON.parse(document.body.getAttribute("hx-headers:inherited")), "HX-Request": "true"};
    const answers = [];
    for (let i = 0; i < 6; i += 1) {
        const started = performance.now();
        const answer = await fetch(address, {method: "POST", headers});
        answers.push([answer.status, performance.now() - started]);
    }
    return answers;
}"""

pytestmark = pytest.mark.timeout(300)


class Installation:
    """One worker and two web processes; `first` and `second` are where each of them serves."""

    def __init__(self, panel: Panel) -> None:
        panel.prepare()
        self.worker = panel.spawn("manage.py", "amiworker")
        self.first, self.second = panel, copy.copy(panel)
        self.second.port = free_port()
        self.second.url = f"http://127.0.0.1:{self.second.port}"
        for web in (self.first, self.second):
            panel.spawn("manage.py", "serve", "--port", str(web.port))
        for web in (self.first, self.second):
            web.wait_until_served()


@pytest.fixture
def installation(
    asterisk22: Asterisk, postgresql: PostgreSQL, redis_server: Redis, tmp_path: Path
) -> Iterator[Installation]:
    panel = Panel(
        tmp_path,
        {"AMI_URL": asterisk22.ami_url, "DATABASE_URL": postgresql.database(), "REDIS_URL": redis_server.url},
    )
    try:
        yield Installation(panel)
    finally:
        panel.stop()


def test_a_call_shows_on_both_web_processes_and_ends_on_both_when_one_hangs_it_up(
    asterisk22: Asterisk, installation: Installation, visit: Visit
) -> None:
    anna = visit(installation.first, "anna", "/calls/")
    ben = visit(installation.second, "ben", "/calls/")
    for page in (anna, ben):
        expect(page.get_by_text("No calls at the moment.")).to_be_visible()
    asterisk22.cli("channel originate Local/602@internal application Wait 600")
    for page in (anna, ben):
        expect(page.locator(".call", has_text="602")).to_have_count(1)
        expect(page.locator("#count-calls")).to_have_text("1")
    hang_up(ben.locator(".call"))
    for page in (anna, ben):
        expect(page.locator(".call")).to_have_count(0)
        expect(page.locator("#count-calls")).to_be_empty()
        expect(page.locator(".panel-toast")).to_have_count(0)
    assert asterisk22.channels() == []
    anna.goto(f"{installation.first.url}/audit/")
    expect(anna.locator(".audit tbody tr").first).to_contain_text("ben")
    expect(anna.locator(".audit tbody tr").first).to_contain_text("done")


def test_what_the_pbx_refuses_is_said_at_once(installation: Installation, visit: Visit) -> None:
    """The answer comes by itself: it does not wait for the next event or heartbeat."""
    page = visit(installation.first, "anna")
    expect(page.locator("#links .is-up")).to_be_visible()  # from now on rows that nothing has touched are left alone
    installation.first.shell(_SOMEBODY_WHO_IS_NOT_THERE)
    page.goto(f"{installation.first.url}/conferences/main/nowhere/")
    with page.expect_response("**/mute/") as answer:
        page.locator("[data-action=mute]").click()
    assert answer.value.status == 409
    answers = page.evaluate(_MUTE, answer.value.url)
    assert {status for status, _took in answers} == {409}
    took = [time for _status, time in answers]
    print(f"answered after {', '.join(f'{time:.0f}' for time in took)} ms")
    # If they waited for a heartbeat, each but the first would wait for all the time to the next one: 1 s.
    assert min(took[1:]) < 800
    page.complaints.clear()  # type: ignore[attr-defined]


def test_a_worker_to_whom_nobody_speaks_has_nothing_to_complain_of(
    installation: Installation, redis_server: Redis
) -> None:
    # It asks for what is said to it, and again when nothing has come for a while.
    asked = 0
    deadline = time.monotonic() + 60
    with redis.Redis(port=redis_server.port, socket_timeout=60).monitor() as monitor:  # type: ignore[no-untyped-call]
        while asked < 2:
            assert time.monotonic() < deadline, installation.first.log[-2000:]
            command = monitor.next_command()["command"]
            asked += command.startswith("BZPOPMIN") and "ami.main" in command
    assert "Traceback" not in installation.first.log
    assert "ERROR" not in installation.first.log


def test_pages_are_right_again_after_redis_has_been_away(
    asterisk22: Asterisk, installation: Installation, redis_server: Redis, visit: Visit
) -> None:
    page = visit(installation.first, "anna", "/calls/")
    redis_server.stop()
    asterisk22.cli("channel originate Local/602@internal application Wait 600")
    until(lambda: "a batch could not be published" in installation.first.log, 30, "the worker does not notice")
    expect(page.locator("#trouble")).to_be_visible()
    redis_server.start()
    expect(page.locator(".call", has_text="602")).to_have_count(1, timeout=20_000)
    hang_up(page.locator(".call"))
    expect(page.locator(".call")).to_have_count(0)
    assert installation.worker.poll() is None
    page.complaints.clear()  # type: ignore[attr-defined]


def test_without_the_worker_a_button_says_that_nothing_was_done(
    asterisk22: Asterisk, installation: Installation, visit: Visit
) -> None:
    page = visit(installation.second, "anna", "/calls/")
    asterisk22.cli("channel originate Local/602@internal application Wait 600")
    expect(page.locator(".call")).to_have_count(1)
    installation.worker.kill()
    installation.worker.wait()
    address = page.locator(".call [data-action=hangup]").get_attribute("hx-post")

    def is_lost() -> bool:
        said = page.request.get(f"{installation.second.url}/healthz").json()
        return bool(said["links"]["main"]["worker"] == "lost")

    until(is_lost, 30, "the worker does not count as lost")  # once its heartbeat is overdue
    page.evaluate("address => htmx.ajax('POST', address, {target: '#toasts', swap: 'beforeend'})", address)
    expect(page.locator(".panel-toast.is-danger")).to_contain_text("not connected to the PBX, so nothing was done")
    assert asterisk22.channels() != []
    page.complaints.clear()  # type: ignore[attr-defined]


def test_a_search_with_a_null_character_is_no_error_on_postgresql(installation: Installation, visit: Visit) -> None:
    page = visit(installation.first, "anna", "/")
    for path in ("/audit/?q=%00", "/conferences/%00/8001/", "/conferences/main/%00/"):
        answer = page.request.get(f"{installation.first.url}{path}")
        assert answer.status < 500, path


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"AMI_URL": "ami://panel:secret@127.0.0.1:1"}, "REDIS_URL is not set"),
        ({"REDIS_URL": "redis://127.0.0.1:1/0"}, "AMI_URL is not set"),
        ({"REDIS_URL": "localhost:6379", "AMI_URL": "ami://panel:secret@127.0.0.1:1"}, "REDIS_URL must begin with"),
        ({"REDIS_URL": "redis://127.0.0.1:1/0", "AMI_URL": "http://panel"}, "AMI_URL is wrong"),
    ],
)
@runs_a_program
def test_a_worker_that_lacks_an_address_says_which_and_ends(
    environment: dict[str, str], words: str, tmp_path: Path
) -> None:
    panel = Panel(tmp_path, environment)
    done = subprocess.run(
        [sys.executable, "manage.py", "amiworker"],
        cwd=ROOT, env=panel.environment, capture_output=True, text=True, timeout=150, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert words in done.stderr.splitlines()[-1]

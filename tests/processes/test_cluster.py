"""Web processes behind a real proxy: nobody has to stick to one, and one can be started anew at any time."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.lab.asterisk import Asterisk
from tests.panel import Cluster, Visit, running_cluster

pytestmark = pytest.mark.timeout(300)

# Notes, in ms, how long the page was not live.
WATCH = """() => {
    window.away = [];
    let since = 0;
    new MutationObserver(() => {
        const live = "live" in document.documentElement.dataset;
        if (!live && !since) since = performance.now();
        if (live && since) { away.push(performance.now() - since); since = 0; }
    }).observe(document.documentElement, {attributes: true, attributeFilter: ["data-live"]});
}"""
SOCKETS = 6


@pytest.fixture
def cluster(asterisk22: Asterisk, tmp_path: Path) -> Iterator[Cluster]:
    with running_cluster(tmp_path, asterisk22.ami_url, web_processes=2) as cluster:
        yield cluster


def sockets_of(cluster: Cluster, page: Page, port: int) -> int:
    """How many sockets one web process has, as it says itself."""
    text = page.request.get(f"http://127.0.0.1:{port}/metrics").text()
    return sum(int(float(line.split()[1])) for line in text.splitlines() if line.startswith("panel_sockets{"))


def test_a_web_process_is_started_anew_and_its_pages_go_on_at_the_other(
    asterisk22: Asterisk, cluster: Cluster, visit: Visit
) -> None:
    pages = [visit(cluster.panel, "anna", "/calls/") for _ in range(SOCKETS)]
    shares = [sockets_of(cluster, pages[0], port) for port in cluster.ports]
    assert sum(shares) == SOCKETS
    assert all(shares), "the proxy deals them out to both"
    asterisk22.cli("channel originate Local/602@internal application Wait 600")
    for page in pages:
        expect(page.locator(".call")).to_have_count(1)
        page.evaluate(WATCH)
    cluster.panel.end(cluster.webs[0])
    asterisk22.cli("channel originate Local/602@internal application Wait 600")
    for page in pages:
        expect(page.locator("html[data-live]")).to_have_count(1, timeout=30_000)
        expect(page.locator(".call")).to_have_count(2)
    away = sorted(time for page in pages for time in page.evaluate("window.away"))
    assert len(away) == shares[0]
    print(f"not live for {', '.join(f'{time:.0f}' for time in away)} ms")
    assert away[-1] < 10_000
    # Whoever had their page from the one that has ended needs nothing new: its buttons work at the other.
    for left, clicking in ((1, pages[0]), (0, pages[1])):
        clicking.locator(".call [data-action=hangup]").first.click()
        for page in pages:
            expect(page.locator(".call")).to_have_count(left)
            expect(page.locator(".panel-toast")).to_have_count(0)
    cluster.webs[0] = cluster.panel.spawn_web(cluster.ports[0])
    cluster.panel.wait_until_served(cluster.ports[0])
    cluster.panel.end(cluster.webs[1])
    for page in pages:
        expect(page.locator("html[data-live]")).to_have_count(1, timeout=30_000)
    asterisk22.cli("channel originate Local/602@internal application Wait 600")
    for page in pages:
        expect(page.locator(".call")).to_have_count(1)
        page.complaints.clear()  # type: ignore[attr-defined]
    assert sockets_of(cluster, pages[0], cluster.ports[0]) == SOCKETS


def test_the_proxy_says_who_the_browser_is_and_a_browser_cannot(cluster: Cluster, visit: Visit) -> None:
    page = visit(cluster.panel, "anna")
    forged = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"}
    token = page.evaluate("JSON.parse(document.body.getAttribute('hx-headers:inherited'))['X-CSRFToken']")
    page.request.post(f"{cluster.panel.url}/logout/", headers={"X-CSRFToken": token, **forged})
    seen = [
        page.request.post(
            f"{cluster.panel.url}/login/",
            headers={**forged, "X-Forwarded-For": f"192.0.2.{number}"},
            form={"username": "ben", "password": "wrong", "csrfmiddlewaretoken": csrf(page, cluster)},
        ).status
        for number in range(6)
    ]
    # All come from one address, whatever they claim.
    assert seen == [200] * 4 + [429] * 2
    page.complaints.clear()  # type: ignore[attr-defined]


def csrf(page: Page, cluster: Cluster) -> str:
    page.request.get(f"{cluster.panel.url}/login/")
    return next(str(cookie["value"]) for cookie in page.context.cookies() if cookie["name"] == "csrftoken")

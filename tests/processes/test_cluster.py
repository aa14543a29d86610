"""Web processes behind a real proxy: nobody has to stick to one, and one can be started anew at any time."""

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.lab.asterisk import Asterisk
from tests.matrix import share
from tests.panel import Cluster, Visit, hang_up, running_cluster

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


# What browsers speak to the proxy of docs/haproxy.cfg: HTTP/2, and HTTP/1.1 where they (or what is between) cannot.
EITHER = pytest.mark.parametrize("cluster", share(["HTTP/2", "HTTP/1.1"], 0, of=2), indirect=True)
HTTP_2 = pytest.mark.parametrize("cluster", ["HTTP/2"], indirect=True)


@pytest.fixture
def cluster(asterisk22: Asterisk, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """Two web processes behind a proxy; without a parameter over plain HTTP/1.1."""
    tls = getattr(request, "param", "") == "HTTP/2"
    with running_cluster(tmp_path, asterisk22.ami_url, web_processes=2, tls=tls) as cluster:
        yield cluster


def sockets_of(cluster: Cluster, page: Page, port: int) -> int:
    """How many sockets one web process has, as it says itself."""
    text = page.request.get(f"http://127.0.0.1:{port}/metrics").text()
    return sum(int(float(line.split()[1])) for line in text.splitlines() if line.startswith("panel_sockets{"))


@pytest.mark.matrix
@EITHER
def test_a_web_process_is_started_anew_and_its_pages_go_on_at_the_other(
    asterisk22: Asterisk, cluster: Cluster, visit: Visit
) -> None:
    pages = [visit(cluster.panel, "anna", "/calls/", ignore_https_errors=True) for _ in range(SOCKETS)]
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
        hang_up(clicking.locator(".call").first)
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


@HTTP_2
def test_a_page_its_scripts_and_its_socket_come_over_http_2(
    asterisk22: Asterisk, cluster: Cluster, visit: Visit
) -> None:
    page = visit(cluster.panel, "anna", "/calls/", ignore_https_errors=True)
    devtools = page.context.new_cdp_session(page)
    handshakes: list[int] = []
    devtools.on(
        "Network.webSocketHandshakeResponseReceived", lambda seen: handshakes.append(seen["response"]["status"])
    )
    devtools.send("Network.enable")
    page.reload()
    expect(page.locator("html[data-live]")).to_have_count(1)
    protocols = page.evaluate(
        """["navigation", "resource"].flatMap(kind => performance.getEntriesByType(kind))
            .filter(entry => entry.name.startsWith(location.origin)).map(entry => entry.nextHopProtocol)"""
    )
    assert set(protocols) == {"h2"}
    assert len(protocols) > 10, "the page, its styles and scripts"
    # RFC 8441: the answer to its CONNECT is 200; over HTTP/1.1 it is 101.
    assert handshakes == [200]
    asterisk22.cli("channel originate Local/602@internal application Wait 600")
    expect(page.locator(".call")).to_have_count(1)
    hang_up(page.locator(".call"))
    expect(page.locator(".call")).to_have_count(0)


@HTTP_2
def test_who_speaks_no_http_2_gets_page_and_socket_over_http_1(cluster: Cluster, visit: Visit) -> None:
    page = visit(cluster.panel, "anna", ignore_https_errors=True)
    cookies = "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in page.context.cookies())
    common = [f"Host: 127.0.0.1:{cluster.panel.port}", f"Origin: {cluster.panel.url}", f"Cookie: {cookies}"]
    upgrade = [
        "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ]  # fmt: skip
    path = "/ws/?view=calls&key=&lang=en"
    for lines, status in (
        (["GET /calls/ HTTP/1.1", *common], "HTTP/1.1 200 "),
        ([f"GET {path} HTTP/1.1", *common, *upgrade], "HTTP/1.1 101 "),
    ):
        for protocols in (["http/1.1"], []):
            assert answer(cluster, protocols, lines).startswith(status)


def answer(cluster: Cluster, protocols: list[str], lines: list[str]) -> str:
    """The first of what the proxy answers to a request over TLS, by whoever offers it these protocols (ALPN)."""
    context = ssl.create_default_context(cafile=cluster.panel.authority)
    if protocols:
        context.set_alpn_protocols(protocols)
    with (
        socket.create_connection(("127.0.0.1", cluster.panel.port), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
    ):
        assert secured.selected_alpn_protocol() == (protocols[0] if protocols else None)
        secured.sendall("\r\n".join([*lines, "", ""]).encode())
        return secured.recv(4096).decode(errors="replace")


def csrf(page: Page, cluster: Cluster) -> str:
    page.request.get(f"{cluster.panel.url}/login/")
    return next(str(cookie["value"]) for cookie in page.context.cookies() if cookie["name"] == "csrftoken")

"""Whose pages may open a socket: the panel's own, at the same scheme, host and port."""

from typing import Any

import pytest
from channels.testing import WebsocketCommunicator

from engine.live.origin import OwnOriginOnly
from pbxpanel.asgi import application


async def accepts(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """What stands behind: it lets everybody in."""
    await receive()
    await send({"type": "websocket.accept"})


async def is_let_in(*headers: tuple[bytes, bytes]) -> bool:
    socket = WebsocketCommunicator(OwnOriginOnly(accepts), "/ws/", headers=list(headers))
    is_accepted, _ = await socket.connect(5)
    return bool(is_accepted)


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost", "http://localhost"),
        ("localhost:8000", "http://localhost:8000"),
        ("[::1]:8000", "http://[::1]:8000"),
        ("LOCALHOST:8000", "http://localhost:8000"),
    ],
)
async def test_a_page_of_the_panel_is_let_in(host: str, origin: str) -> None:
    assert await is_let_in((b"host", host.encode()), (b"origin", origin.encode()))


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost",
        "http://localhost:8001",
        "https://localhost:8000",
        "ftp://localhost:8000",
        "http://127.0.0.1:8000",
        "http://localhost:8000.example.org",
        "http://localhost:8000/",
        "http://example.org#localhost:8000",
        "null",
        "",
        "\xff",
    ],
)
async def test_a_page_of_another_port_scheme_or_host_is_not(origin: str) -> None:
    assert not await is_let_in((b"host", b"localhost:8000"), (b"origin", origin.encode("latin1")))


async def test_a_handshake_without_an_origin_or_with_two_is_refused() -> None:
    host, own = (b"host", b"localhost"), (b"origin", b"http://localhost")
    assert not await is_let_in(host)
    assert not await is_let_in(host, own, own)


async def test_a_host_that_is_none_of_ours_is_refused_although_its_page_asks_for_it() -> None:
    assert not await is_let_in((b"host", b"example.org"), (b"origin", b"http://example.org"))


async def test_behind_a_proxy_that_ends_tls_the_scheme_is_what_it_says(settings: Any) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    host, by_tls, plain = (b"host", b"localhost"), (b"x-forwarded-proto", b"https"), (b"x-forwarded-proto", b"http")
    assert await is_let_in(host, by_tls, (b"origin", b"https://localhost"))
    assert not await is_let_in(host, by_tls, (b"origin", b"http://localhost"))
    assert not await is_let_in(host, plain, (b"origin", b"https://localhost"))


@pytest.mark.parametrize("path", ["/ws/?view=calls&lang=en", "/ws/events/?pbx=main&lang=en"])
async def test_every_socket_of_the_panel_asks_for_the_origin(path: str) -> None:
    headers = [(b"host", b"localhost"), (b"origin", b"http://localhost:8001")]
    is_accepted, _ = await WebsocketCommunicator(application, path, headers=headers).connect(5)
    assert not is_accepted

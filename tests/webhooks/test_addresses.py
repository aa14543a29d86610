"""Where webhooks may be sent, and that what was checked is what is connected to."""

import asyncio
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import httpcore
import pytest
from pytest_django.fixtures import Settings

from tests.lab.asterisk import make_certificates
from tests.webhooks.conftest import LOOPBACK
from tests.webhooks.receiver import Receiver
from webhooks import sending
from webhooks.addresses import BadAddress, check, is_public
from webhooks.models import Delivery
from webhooks.sending import Names, Sender

Error = Delivery.Error


@pytest.mark.parametrize("address", ["93.184.215.14", "8.8.8.8", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_a_public_address(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "192.0.0.1",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "3fff::1",
        "fc00::1",
        "fd12::1",
        "fe80::1",
        "fe80::1%1",
        "fec0::1",
        "ff02::1",
    ],
)
def test_an_address_that_is_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://crm.example.org/", "Begin the address with https://"),
        ("javascript:alert(1)", "Begin the address with https://"),
        ("crm.example.org/hook", "Begin the address with https://"),
        ("https://", "This is no address of the web"),
        ("https://:443/", "This is no address of the web"),
        ("https://crm.example.org:99999/", "This is no address of the web"),
        ("https://crm.example.org:0/", "This is no address of the web"),
        ("https://[::1", "This is no address of the web"),
        ("https://anna@crm.example.org/", "Leave the user name and password out"),
        ("https://anna:secret@crm.example.org/", "Leave the user name and password out"),
        ("https://crm.example.org/#part", "Leave out what follows"),
        ("https://crm.example.org/a b", "without spaces"),
        ("https://crm.example.org/\r\nX: y", "without spaces"),
        ("https://crm.example.org/é", "in ASCII"),
        ("https://crm.example.org/" + "x" * 1000, "too long: at most 1000"),
        ("http://127.0.0.1/", "127.0.0.1 is not a public address"),
        ("http://localhost:8000/", "127.0.0.1 is not a public address"),
        ("http://api.localhost/", "127.0.0.1 is not a public address"),
        ("http://10.0.0.1/", "WEBHOOK_NETWORKS"),
        ("http://[fd00::1]/", "fd00::1 is not a public address"),
    ],
)
def test_an_address_that_no_webhook_can_have(url: str, words: str) -> None:
    with pytest.raises(BadAddress, match=words):
        check(url)


@pytest.mark.parametrize(
    "url", ["https://crm.example.org/hook?key=1", "http://crm.example.org:8080", "https://[2606:2800:21f::1]:8443/"]
)
def test_an_address_that_a_webhook_can_have(url: str) -> None:
    check(url)


def test_what_the_setting_allows_is_allowed_and_nothing_beside_it(settings: Settings) -> None:
    settings.WEBHOOK_NETWORKS = [ipaddress.ip_network("10.1.0.0/16"), ipaddress.ip_network("fd00::/8")]
    check("http://10.1.2.3/")
    check("http://[fd00::1]/")
    for url in ("http://10.2.0.1/", "http://127.0.0.1/", "http://[::ffff:10.1.2.3]/"):
        with pytest.raises(BadAddress):
            check(url)


# A name is looked up when the webhook is sent.


async def send(url: str, look_up: sending.LookUp = sending.look_up) -> sending.Result:
    async with Sender.open(look_up, time_limit=10) as sender:
        return await sender.send(url, {"Content-Type": "application/json"}, "{}")


@pytest.mark.parametrize("host", ["127.1", "0x7f000001", "2130706433", "017700000001"])
async def test_another_way_to_write_this_machine(host: str) -> None:
    result = await send(f"http://{host}:9/")
    assert (result.error, result.detail) == (Error.ADDRESS, "127.0.0.1")


async def test_a_name_that_stands_for_a_private_address_is_refused(receiver: Receiver, settings: Settings) -> None:
    settings.WEBHOOK_NETWORKS = []
    result = await send(f"http://crm.example.org:{receiver.port}/", lambda host: ["127.0.0.1"])
    assert (result.error, result.detail, result.is_done) == (Error.ADDRESS, "127.0.0.1", False)
    assert receiver.got == []


async def test_of_several_addresses_those_are_tried_that_are_allowed(receiver: Receiver) -> None:
    asked: list[str] = []

    def look_up(host: str) -> list[str]:
        asked.append(host)
        return ["10.0.0.1", "127.0.0.99", "127.0.0.1"]

    result = await send(f"http://crm.example.org:{receiver.port}/", look_up)
    assert result.status == 200  # at 127.0.0.99 nobody listens
    assert receiver.got[0].headers["host"] == f"crm.example.org:{receiver.port}"
    assert asked == ["crm.example.org"]


async def test_the_address_that_was_checked_is_the_one_that_is_connected_to(
    receiver: Receiver, settings: Settings
) -> None:
    """A name that stands for something else at each look."""
    answers = iter(["127.0.0.1", "10.0.0.1", "10.0.0.1"])
    connected: list[str] = []

    class Watched(httpcore.AnyIOBackend):
        async def connect_tcp(self, host: str, *arguments: object, **options: object) -> httpcore.AsyncNetworkStream:
            connected.append(host)
            return await super().connect_tcp(host, *arguments, **options)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpcore, "AnyIOBackend", Watched)
        url = f"http://crm.example.org:{receiver.port}/"
        assert (await send(url, lambda host: [next(answers)])).status == 200
        again = await send(url, lambda host: [next(answers)])
    assert (again.error, again.detail) == (Error.ADDRESS, "10.0.0.1")
    assert connected == ["127.0.0.1"]
    assert next(answers) == "10.0.0.1"


async def test_a_name_that_has_no_address() -> None:
    def look_up(host: str) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    assert (await send("https://nobody.example.org/", look_up)).error == Error.NAME
    assert (await send(f"https://{'x' * 64}.example.org/")).error == Error.NAME


async def test_a_name_that_takes_long_holds_up_no_other_and_is_asked_for_once(settings: Settings) -> None:
    settings.WEBHOOK_NETWORKS = LOOPBACK
    go_on, asked = threading.Event(), list[str]()

    def look_up(host: str) -> list[str]:
        asked.append(host)
        if host == "slow":
            assert go_on.wait(20)
        return ["127.0.0.1"]

    names = Names(look_up)
    slow = [asyncio.create_task(names.allowed("slow")) for _ in range(3 * sending.LOOKUPS)]
    assert await names.allowed("quick")
    slow[0].cancel()  # its time is over; the others wait on
    go_on.set()
    found = await asyncio.gather(*slow, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert found[1:] == [[ipaddress.ip_address("127.0.0.1")]] * (len(slow) - 1)
    assert asked.count("slow") == 1
    names.close()


async def test_no_proxy_that_the_environment_names_is_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert (await send(receiver.url)).status == 200


@pytest.fixture
def tls_receiver(tmp_path: Path, settings: Settings) -> Iterator[tuple[Receiver, Path]]:
    """One whose certificate is for `localhost`, and who has signed that."""
    settings.WEBHOOK_NETWORKS = LOOPBACK
    make_certificates(tmp_path)
    receiver = Receiver()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    assert receiver._server is not None
    receiver._server.socket = context.wrap_socket(receiver._server.socket, server_side=True)
    yield receiver, tmp_path / "ca.pem"
    receiver.stop()


async def test_the_certificate_is_that_of_the_name_though_the_address_is_connected_to(
    tls_receiver: tuple[Receiver, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver, authority = tls_receiver
    at_name = f"https://localhost:{receiver.port}/"
    unknown = await send(at_name, lambda host: ["127.0.0.1"])
    assert unknown.error == Error.TLS
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    monkeypatch.setattr(sending, "tls", sending.tls.__wrapped__)  # a process reads it once
    assert (await send(at_name, lambda host: ["127.0.0.1"])).status == 200
    other = await send(f"https://crm.example.org:{receiver.port}/", lambda host: ["127.0.0.1"])
    assert other.error == Error.TLS
    assert "crm.example.org" in other.detail
    assert len(receiver.got) == 1


async def test_who_speaks_no_http_has_failed(loopback: None) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"220 mail.example.org ESMTP\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1")
    async with server:
        result = await send(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    assert result.error == Error.PROTOCOL

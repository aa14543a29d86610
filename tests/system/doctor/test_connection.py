"""From the name to the login: each fault made for real, and what the doctor says of it."""

import http.server
import socket
import threading
import time
from dataclasses import replace
from typing import Any

import pytest

from engine.ami.transports import Address
from system.doctor.report import Status
from tests.faults.proxy import Proxy
from tests.lab.asterisk import Asterisk

from . import faults
from .faults import look, manager_user, result, untried, url, words

SECRET = "a-secret-that-nobody-may-see"


def test_a_name_that_does_not_resolve_is_told() -> None:
    report = look("ami://panel:secret@no-such-host.invalid:5038")
    assert result(report, "name").status is Status.PROBLEM
    assert "no-such-host.invalid cannot be resolved" in words(result(report, "name"))
    assert "login" in untried(report)
    assert not report.is_well


def test_a_port_where_nobody_listens_is_told() -> None:
    report = look(url(faults.closed_port()))
    assert result(report, "name").status is Status.OK
    assert result(report, "port").status is Status.PROBLEM
    assert "refuses the connection" in words(result(report, "port"))
    assert "enabled = yes" in words(result(report, "port"))
    assert result(report, "login").finding.facts == {"after": "port"}


def test_a_port_that_never_answers_is_told_as_a_firewalls() -> None:
    with faults.black_hole() as port:
        report = look(url(port), patience=1.0)
    assert result(report, "port").status is Status.PROBLEM
    assert "does not answer within 1 s" in words(result(report, "port"))
    assert "firewall" in words(result(report, "port"))


@pytest.mark.parametrize(
    ("said", "kind", "told"),
    [
        (b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", "ssh", "an SSH server"),
        (b"220 mail.example ESMTP\r\n", "other", "220 mail.example ESMTP"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "http", "ami+http"),
    ],
)
def test_another_program_is_told_by_its_greeting(said: bytes, kind: str, told: str) -> None:
    with faults.greeting_server(said) as port:
        report = look(url(port))
    assert result(report, "port").status is Status.OK
    assert result(report, "greeting").status is Status.PROBLEM
    assert result(report, "greeting").finding.facts["kind"] == kind
    assert told in words(result(report, "greeting"))
    assert "login" in untried(report)


def test_asterisks_own_web_server_is_told_from_its_manager_interface(asterisk: Asterisk) -> None:
    report = look(url(asterisk.http_port))
    assert result(report, "greeting").finding.facts["kind"] == "http"


def test_asterisks_phone_port_is_no_tcp_port(asterisk22: Asterisk) -> None:
    assert "refuses the connection" in words(result(look(url(asterisk22.sip_port)), "port"))


def test_a_port_without_a_greeting_is_told_to_be_silent(asterisk22: Asterisk) -> None:
    with Proxy(asterisk22.ami_port) as proxy:
        proxy.stall()
        report = look(url(proxy.port), patience=1.0)
    assert result(report, "greeting").finding.facts["kind"] == "silent"


def test_a_plain_address_for_the_port_of_tls_is_told_to_need_amis(asterisk: Asterisk) -> None:
    report = look(url(asterisk.amis_port))
    assert result(report, "greeting").status is Status.PROBLEM
    assert result(report, "greeting").finding.facts["kind"] == "tls"
    assert "amis://" in words(result(report, "greeting"))


def test_tls_for_the_plain_port_is_told_to_need_ami(asterisk: Asterisk) -> None:
    report = look(f"amis://panel:secret@127.0.0.1:{asterisk.ami_port}")
    assert result(report, "tls").status is Status.PROBLEM
    assert result(report, "tls").finding.facts["kind"] == "plain"
    assert "ami:// instead of amis://" in words(result(report, "tls"))
    assert set(untried(report)) >= {"greeting", "login"}


def test_tls_where_nobody_speaks_it_is_told_with_what_was_heard() -> None:
    with faults.greeting_server(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n") as port:
        report = look(url(port, "amis"))
    assert result(report, "tls").finding.facts["kind"] == "no-tls"
    assert result(report, "tls").finding.facts["heard"].startswith("SSH-2.0")


def test_a_certificate_of_an_unknown_authority_is_told_with_its_fingerprint(asterisk: Asterisk) -> None:
    found = result(look(f"amis://panel:secret@127.0.0.1:{asterisk.amis_port}"), "tls")
    assert found.status is Status.PROBLEM
    assert found.finding.facts["kind"] == "not-trusted"
    assert "PBX Panel lab" in words(found)
    assert found.finding.facts["fingerprint"] in words(found)
    assert "?ca=" in words(found)


def test_a_certificate_for_another_name_is_told_with_both_names(
    asterisk22: Asterisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve = socket.getaddrinfo

    def resolving(host: Any, *arguments: Any, **options: Any) -> Any:
        return resolve("127.0.0.1" if host == "pbx.example" else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolving)
    address = replace(Address.parse(asterisk22.url("tls")), host="pbx.example")
    found = result(look(address), "tls")
    assert found.finding.facts["kind"] == "wrong-name"
    assert "issued for localhost, 127.0.0.1, not for pbx.example" in words(found)


@pytest.mark.parametrize(("days", "kind"), [(60, "expired"), (-60, "not-yet-valid")])
def test_a_certificate_out_of_its_time_is_told_to_be(asterisk22: Asterisk, days: int, kind: str) -> None:
    then = time.time() + days * 86400
    report = look(f"amis://panel:secret@127.0.0.1:{asterisk22.amis_port}", now=lambda: then)
    assert result(report, "tls").finding.facts["kind"] == kind


def test_a_certificate_that_is_well_passes(asterisk: Asterisk) -> None:
    report = look(asterisk.url("tls"))
    assert result(report, "tls").status is Status.OK
    assert result(report, "tls").finding.facts["names"] == ["localhost", "127.0.0.1"]
    assert result(report, "login").status is Status.OK


def test_a_wrong_secret_is_told_in_asterisks_own_words(asterisk: Asterisk) -> None:
    report = look(f"ami://panel:{SECRET}@127.0.0.1:{asterisk.ami_port}")
    found = result(report, "login")
    assert found.status is Status.PROBLEM
    assert found.finding.facts["kind"] == "refused"
    assert "only “failed to authenticate as 'panel'”: the secret is wrong" in words(found)
    assert "write" in untried(report)
    # What the doctor tells to look for is what this Asterisk writes.
    assert "failed to authenticate as 'panel'" in asterisk.log
    assert SECRET not in str(report.as_dict())


def test_an_unknown_user_is_told_in_asterisks_own_words(asterisk: Asterisk) -> None:
    found = result(look(f"ami://nobody:secret@127.0.0.1:{asterisk.ami_port}"), "login")
    assert "tried to authenticate with nonexistent user 'nobody'" in words(found)
    assert "tried to authenticate with nonexistent user 'nobody'" in asterisk.log


def test_an_address_that_is_not_permitted_is_told_with_the_line_to_add(asterisk: Asterisk) -> None:
    with manager_user(asterisk, "deny = 0.0.0.0/0.0.0.0", "permit = 192.0.2.7/255.255.255.255") as address:
        report = look(address)
    found = result(report, "login")
    assert found.status is Status.PROBLEM
    assert found.finding.facts["source"] == "127.0.0.1"
    assert "failed to pass IP ACL as 'doctor'" in words(found)
    assert "permit = 127.0.0.1" in words(found)
    assert "failed to pass IP ACL as 'doctor'" in asterisk.log
    assert "permit = 127.0.0.1/255.255.255.255" in report.stanza


def test_a_user_that_is_logged_in_elsewhere_is_told_to_be(asterisk: Asterisk) -> None:
    with manager_user(asterisk, "allowmultiplelogin = no") as address, asterisk.ami(faults.USER):
        found = result(look(address), "login")
    assert found.finding.facts["kind"] == "in-use"
    assert "allowmultiplelogin" in words(found)


def test_permit_alone_forbids_nobody_anything(asterisk: Asterisk) -> None:
    """Which is why the stanza has a deny before it."""
    with manager_user(asterisk, "permit = 192.0.2.7/255.255.255.255") as address:
        assert result(look(address), "login").status is Status.OK


# AMI over HTTP.


@pytest.mark.parametrize(("transport", "path"), [("http", "rawman"), ("https", "rawman"), ("http", "arawman")])
def test_ami_over_http_that_is_well_passes_every_check(asterisk: Asterisk, transport: Any, path: str) -> None:
    report = look(asterisk.url(transport, path=path), echo=5.0)
    assert [(one.id, words(one)) for one in report.problems] == []
    assert ("tls" in {one.id for one in report.results}) == (transport == "https")
    for check in ("login", "write", "read", "events", "clock", "talking"):
        assert result(report, check).status is Status.OK, words(result(report, check))


def test_a_path_without_ami_is_told_with_what_to_ask(asterisk22: Asterisk) -> None:
    found = result(look(asterisk22.url("http").replace("/rawman", "/asterisk/rawman")), "login")
    assert found.finding.facts["kind"] == "not-over-http"
    assert "There is no AMI at /asterisk/rawman" in words(found)
    assert "http show status" in words(found)


def test_a_web_server_that_is_not_asterisks_is_told_by_its_answer() -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            found = result(look(f"ami+http://panel:secret@127.0.0.1:{server.server_port}/rawman"), "login")
        finally:
            server.shutdown()
    assert found.finding.facts["kind"] == "not-over-http"
    assert "answers with HTTP status 501" in words(found)


def test_a_wrong_secret_over_http_is_told_and_not_shown(asterisk: Asterisk) -> None:
    found = result(look(asterisk.url("http").replace(asterisk.secret, SECRET)), "login")
    assert found.finding.facts["kind"] == "refused"
    assert SECRET not in words(found)


@pytest.mark.parametrize("transport", ["tls", "https"])
def test_a_certificate_that_is_not_the_pinned_one_is_told_with_its_fingerprint(
    asterisk22: Asterisk, transport: Any
) -> None:
    address = Address.parse(asterisk22.url(transport))
    found = result(look(replace(address, ca="", fingerprint="ab" * 32)), "tls")
    assert found.finding.facts["kind"] == "wrong-pin"
    presented = found.finding.facts["fingerprint"]
    assert f"fingerprint=sha256:{presented}" in words(found)
    pinned = presented.replace(":", "").lower()
    assert result(look(replace(address, ca="", fingerprint=pinned)), "login").status is Status.OK

"""The lab itself: what other tests lean on."""

from __future__ import annotations

import socket
import ssl
import urllib.request
from pathlib import Path

import pytest

from tests.waiting import until

from . import chroot, phones
from .asterisk import HOST, Asterisk, free_port
from .fixtures import CallerFactory, PhoneFactory
from .phones import Behaviour

pytestmark = [pytest.mark.timeout(120)]


def test_it_runs_the_version_that_was_asked_for(asterisk: Asterisk) -> None:
    assert asterisk.cli("core show version").startswith(f"Asterisk {asterisk.version}.")


def test_a_call_from_outside_is_answered_and_the_callers_name_arrives(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    phone = phone_factory(asterisk, "101")
    call = caller_factory(asterisk, "101", number="0401234567", name="李雷")
    call.wait_for_status(200)
    assert '"李雷" <sip:0401234567@' in phone.invites()[0]["From"]
    with asterisk.ami() as session:
        shown = session.listing("CoreShowChannels")
    assert "李雷" in [channel.get("CallerIDName") for channel in shown]
    call.stop()
    until(lambda: not asterisk.channels())


def test_a_hostile_name_arrives_as_it_was_sent(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    phone = phone_factory(asterisk, "102", "ring")
    name = "<img src=x onerror=alert(1)> [call_id]; 50% & more"
    caller_factory(asterisk, "102", name=name).wait_for_status(180)
    assert f'"{name}"' in phone.wait_for_invite()["From"]


def test_a_phone_is_there_although_somebody_has_the_port_of_its_video(
    asterisk22: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    audio = free_port(phones.VIDEO)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as somebody:
        somebody.bind((HOST, audio + phones.VIDEO))
        first = iter([audio])
        monkeypatch.setattr(phones, "free_port", lambda *beside: next(first, None) or free_port(*beside))
        phone_factory(asterisk22, "101")
        caller_factory(asterisk22, "101").wait_for_status(200)
        assert next(first, None) is None


@pytest.mark.parametrize(("number", "behaviour", "status"), [("103", "busy", 486), ("104", "decline", 503)])
def test_a_phone_that_refuses_a_call_says_why(
    asterisk: Asterisk,
    phone_factory: PhoneFactory,
    caller_factory: CallerFactory,
    number: str,
    behaviour: Behaviour,
    status: int,
) -> None:
    phone_factory(asterisk, number, behaviour)
    caller_factory(asterisk, number).wait_for_status(status)


def test_a_phone_that_answers_and_hangs_up_ends_the_call(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    phone_factory(asterisk, "104", "answer_and_hangup")
    call = caller_factory(asterisk, "104")
    call.wait_for_status(200)
    until(lambda: call.ended and not asterisk.channels())


def test_a_phone_holds_and_takes_back(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    phone_factory(asterisk, "104", "answer_and_hold")
    with asterisk.ami() as session:
        caller_factory(asterisk, "104").wait_for_status(200)
        session.event("Hold")
        session.event("Unhold")


def test_extension_604_is_busy(asterisk: Asterisk, caller_factory: CallerFactory) -> None:
    caller_factory(asterisk, "604").wait_for_status(486)


def test_a_local_channel_joins_a_conference_at_once_and_talks(asterisk: Asterisk) -> None:
    with asterisk.ami() as session:
        asterisk.cli("channel originate Local/8001@internal extension 608@internal")
        session.event("ConfbridgeJoin", Conference="8001")
        session.event("ConfbridgeTalking", TalkingStatus="on")
        session.event("ConfbridgeTalking", TalkingStatus="off")
    assert "Local/8001@internal" in asterisk.cli("confbridge list 8001")


def test_one_can_dial_out_as_an_extension(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    trunk = phone_factory(asterisk, "trunk")
    caller_factory(asterisk, "9030123", number="101").wait_for_status(200)
    assert '"Anna Alpha" <sip:101@' in trunk.invites()[0]["From"]
    assert trunk.invites()[0]["URI"].startswith("sip:030123@")


def test_the_limited_user_may_not_originate(asterisk: Asterisk) -> None:
    with asterisk.ami(asterisk.limited_user) as session:
        answer = session.action("Originate", Channel="Local/602@internal", Application="Wait", Data="1")
    assert answer["Message"] == "Permission denied"


def test_tls_is_verified_with_the_labs_own_authority(asterisk: Asterisk) -> None:
    context = ssl.create_default_context(cafile=str(asterisk.ca_file))
    for port in (asterisk.amis_port, asterisk.https_port):
        with socket.create_connection((asterisk.host, port), timeout=5) as plain:
            context.wrap_socket(plain, server_hostname=asterisk.host).close()


def test_ami_over_http_answers(asterisk: Asterisk) -> None:
    address = f"http://{asterisk.host}:{asterisk.http_port}/rawman?action=login&username=panel&secret={asterisk.secret}"
    with urllib.request.urlopen(address, timeout=5) as answer:
        assert b"Authentication accepted" in answer.read()


def test_it_comes_back_on_the_same_ports_after_a_crash(asterisk: Asterisk) -> None:
    asterisk.kill()
    with pytest.raises(ConnectionRefusedError):
        asterisk.ami()
    asterisk.start()
    asterisk.ami().close()


def test_a_restart_keeps_the_database(asterisk: Asterisk) -> None:
    asterisk.cli("database put lab key kept")
    asterisk.restart()
    assert "kept" in asterisk.cli("database get lab key")


def test_it_listens_on_loopback_alone(asterisk: Asterisk) -> None:
    sockets = {str(link.readlink()) for link in Path(f"/proc/{asterisk.pid}/fd").iterdir()}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, state, *rest = line.split()
        if state == "0A" and f"socket:[{rest[5]}]" in sockets:
            assert local.startswith("0100007F:"), line
    for line in Path("/proc/net/tcp6").read_text().splitlines()[1:]:
        assert f"socket:[{line.split()[9]}]" not in sockets


def test_two_instances_of_one_version_run_side_by_side(asterisk22: Asterisk) -> None:
    with Asterisk("22") as second:
        assert second.cli("core show version") == asterisk22.cli("core show version")
        second.cli("channel originate Local/602@internal extension 602@internal")
        assert second.channels()
        assert not asterisk22.channels()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("debian.sources", "Types: deb\nURIs: http://mirror.test/debian/\nSuites: bookworm\n"),
        ("debian.list", "# a comment\ndeb [arch=amd64] http://mirror.test/debian/ bookworm main\n"),
    ],
)
def test_the_mirror_is_the_machines_own(tmp_path: Path, name: str, text: str) -> None:
    folder = tmp_path / "sources.list.d"
    folder.mkdir()
    (folder / "another.list").write_text("deb http://other.test/debian-security bookworm-security main\n")
    (folder / name).write_text(text)
    assert chroot.mirror_from(tmp_path) == "http://mirror.test/debian/"


def test_no_mirror_is_said_clearly(tmp_path: Path) -> None:
    with pytest.raises(chroot.LabUnavailableError, match="No mirror"):
        chroot.mirror_from(tmp_path)

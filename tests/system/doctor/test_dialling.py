"""Whose calls do not come about: context, number, phone, and a phone that is let ring."""

import pytest

from system.doctor.examination import Wanted
from system.doctor.report import Status
from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import PhoneFactory

from .faults import look, manager_user, result, words


def test_a_phone_its_context_and_a_number_that_are_well_pass_without_a_call(
    asterisk: Asterisk, phone_factory: PhoneFactory
) -> None:
    phone = phone_factory(asterisk, "101", "answer")
    report = look(asterisk.ami_url, Wanted(phone="PJSIP/101", context="internal", number="8001"))
    for id in ("context", "number", "phone"):
        assert result(report, id).status is Status.OK
    assert report.result("ring") is None
    assert phone.invites() == []
    assert asterisk.channels() == []


def test_without_a_phone_or_a_number_nothing_is_said_of_them(asterisk22: Asterisk) -> None:
    report = look(asterisk22.ami_url)
    assert [report.result(id) for id in ("context", "number", "phone", "ring", "policy")] == [None] * 5


def test_a_context_that_is_not_there_is_told(asterisk: Asterisk) -> None:
    report = look(asterisk.ami_url, Wanted(phone="PJSIP/101", context="nowhere", number="8001"))
    assert result(report, "context").status is Status.PROBLEM
    assert "no context “nowhere” in the dialplan" in words(result(report, "context"))
    assert result(report, "number").finding.facts == {"after": "context"}


@pytest.mark.parametrize(("number", "status"), [("8001", Status.OK), ("77", Status.PROBLEM), ("94711", Status.OK)])
def test_a_number_is_found_by_any_pattern_of_its_context_or_told(
    asterisk: Asterisk, number: str, status: Status
) -> None:
    """By a pattern, by none, by `_9.`."""
    found = result(look(asterisk.ami_url, Wanted(context="internal", number=number)), "number")
    assert found.status is status
    assert ("dialplan show 77@internal" in words(found)) == (number == "77")


def test_a_number_is_found_in_an_included_context(asterisk: Asterisk) -> None:
    assert result(look(asterisk.ami_url, Wanted(context="from-outside", number="101")), "number").status is Status.OK


def test_texts_that_cannot_be_dialled_are_refused(asterisk22: Asterisk) -> None:
    report = look(asterisk22.ami_url, Wanted(context="internal", number="8001,1)"))
    assert result(report, "number").status is Status.PROBLEM
    report = look(asterisk22.ami_url, Wanted(context="a,b)", number="8001"))
    assert "cannot be the name of a context" in words(result(report, "context"))


@pytest.mark.parametrize(
    ("phone", "told"),
    [("PJSIP/109", "No phone is registered as PJSIP/109"), ("PJSIP/999", "Asterisk does not know PJSIP/999")],
)
def test_a_phone_that_is_not_there_is_told_and_not_called(asterisk: Asterisk, phone: str, told: str) -> None:
    report = look(asterisk.ami_url, Wanted(phone=phone, context="internal", call=True))
    assert result(report, "phone").status is Status.PROBLEM
    assert told in words(result(report, "phone"))
    assert result(report, "ring").finding.facts == {"after": "phone"}


def test_without_the_class_system_a_phone_is_told_by_its_device_state(asterisk: Asterisk) -> None:
    """Its device state tells as much as is needed."""
    with manager_user(asterisk, write="call,originate") as address:
        found = result(look(address, Wanted(phone="PJSIP/109", context="internal")), "phone")
        assert "No phone is registered as PJSIP/109" in words(found)
        found = result(look(address, Wanted(phone="PJSIP/999", context="internal")), "phone")
        assert "Asterisk does not know PJSIP/999" in words(found)
        found = result(look(address, Wanted(phone="PJSIP/101", context="internal")), "phone")
        assert found.finding.facts["state"] == "NOT_INUSE"


def test_a_phone_that_answers_passes(asterisk: Asterisk, phone_factory: PhoneFactory) -> None:
    phone = phone_factory(asterisk, "101", "answer")
    found = result(look(asterisk.ami_url, Wanted(phone="PJSIP/101", context="internal", call=True)), "ring")
    assert found.status is Status.OK
    assert len(phone.invites()) == 1
    assert "PBX Panel" in phone.invites()[0]["From"]


def test_a_phone_that_rings_and_is_not_answered_is_told(asterisk: Asterisk, phone_factory: PhoneFactory) -> None:
    phone_factory(asterisk, "102", "ring")
    found = result(look(asterisk.ami_url, Wanted(phone="PJSIP/102", context="x", call=True), ringing=2.0), "ring")
    assert found.status is Status.WARNING
    assert "rang for 2 s and nobody answered" in words(found)


def test_a_busy_phone_is_told(asterisk: Asterisk, phone_factory: PhoneFactory) -> None:
    phone_factory(asterisk, "103", "busy")
    found = result(look(asterisk.ami_url, Wanted(phone="PJSIP/103", context="x", call=True)), "ring")
    assert "PJSIP/103 is busy" in words(found)


def test_a_phone_that_has_gone_is_told_by_a_call(asterisk: Asterisk) -> None:
    """Its contact is still there, but nobody behind it: only a call tells."""
    report = look(asterisk.ami_url, Wanted(phone="PJSIP/108", context="internal", call=True), ringing=2.0)
    assert "let it ring to find out" in words(result(report, "phone"))
    found = result(report, "ring")
    assert found.status is Status.PROBLEM
    assert "did not even ring" in words(found)
    assert asterisk.channels() == []


def test_a_phone_that_asterisk_has_seen_go_is_told_without_a_call(asterisk: Asterisk) -> None:
    """With qualify_frequency it asks by itself."""
    file = asterisk.folder / "etc/pjsip.conf"
    before = file.read_text()
    file.write_text(before.replace("[108](aor)", "[108](aor)\nqualify_frequency = 1\nqualify_timeout = 0.5"))
    try:
        asterisk.cli("module reload res_pjsip.so")
        found = None
        for _ in range(20):
            found = result(look(asterisk.ami_url, Wanted(phone="PJSIP/108", context="internal")), "phone")
            if found.status is Status.PROBLEM:
                break
        assert found is not None
        assert found.status is Status.PROBLEM, asterisk.cli("pjsip show contacts")
    finally:
        file.write_text(before)
        asterisk.cli("module reload res_pjsip.so")
    # Asterisk marks the device as unavailable too, so it says so in one way or the other.
    assert "does not answer there" in words(found)


def test_a_call_that_the_manager_user_may_not_make_is_not_tried(asterisk: Asterisk) -> None:
    with manager_user(asterisk, write="system,call") as address:
        found = result(look(address, Wanted(phone="PJSIP/101", context="internal", call=True)), "ring")
    assert found.status is Status.SKIPPED
    assert "originate" in words(found)

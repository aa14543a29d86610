"""Who may record which call, and into which file."""

import re
from typing import Any

import pytest
from django.test import Client

from audit.models import AuditEntry
from calls.models import Channel
from calls.recordings import Recording, is_safe, record
from tests.access import people

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> people.Asterisk:
    people.a_small_pbx()
    return people.stand_in(monkeypatch)


def ask(group: str, verb: str, phone: str = "PJSIP/107", **data: str) -> Any:
    """Of the call of PJSIP/101."""
    client = Client()
    client.force_login(people.person(group, endpoint=phone))
    return client.post(f"/calls/main/channels/1.1/{verb}/", data)


@pytest.mark.parametrize("verb", ["record", "stop-record", "pause-record", "resume-record"])
@pytest.mark.parametrize(
    ("group", "phone", "may"),
    [
        ("Operator", "PJSIP/101", True),
        ("Operator", "PJSIP/107", False),
        ("Moderator", "PJSIP/101", False),
        ("Viewer", "PJSIP/101", False),
        ("Administrator", "PJSIP/107", True),
    ],
)
def test_operators_record_own_calls_and_administrators_any(
    asked: people.Asterisk, verb: str, group: str, phone: str, may: bool
) -> None:
    response = ask(group, verb, phone)
    assert response.status_code in ((200, 204) if may else (403,))
    assert len(asked.commands) == AuditEntry.objects.count() == int(may)


@pytest.mark.parametrize(
    ("group", "phone", "may"),
    [("Moderator", "PJSIP/101", True), ("Moderator", "PJSIP/107", False), ("Operator", "PJSIP/107", True)],
)
def test_whoever_may_press_keys_in_a_call_may_mute_it(
    asked: people.Asterisk, group: str, phone: str, may: bool
) -> None:
    assert ask(group, "mute", phone, direction="in").status_code == (204 if may else 403)
    assert len(asked.commands) == int(may)


@pytest.mark.parametrize("direction", ["", "up", "in\r\nAction: Hangup"])
def test_what_is_muted_is_one_of_two(asked: people.Asterisk, direction: str) -> None:
    response = ask("Administrator", "mute", direction=direction)
    assert response.status_code == 400
    assert "Choose what to mute." in response.content.decode()
    assert asked.commands == []


def test_the_file_is_named_by_the_panel_whatever_is_sent_and_stands_in_the_audit_trail(asked: people.Asterisk) -> None:
    Channel.objects.filter(uniqueid="1.1").update(caller_number="$(id)/../x")
    response = ask("Administrator", "record", file="../../etc/cron.d/x")
    (command,) = asked.commands
    assert command.verb is record
    assert isinstance(command.parameters, Recording)
    assert re.fullmatch(r"\d{8}-\d{6}-id-x-1\.1\.wav", command.parameters.file)
    assert is_safe(command.parameters.file)
    assert command.parameters.file in response.content.decode()
    assert AuditEntry.objects.get().subject == f"PJSIP/101-00000011 into {command.parameters.file}"

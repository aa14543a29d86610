"""The doctor's page and its command: who may not, what they show, and how they end."""

import io
import json
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from playwright.sync_api import expect

from accounts.models import DialPolicy, Profile
from audit.models import AuditEntry
from engine.ami.transports import Address
from pbxpanel.management.commands.amidoctor import Command
from system.doctor.requirements import write_classes
from tests.access import people
from tests.access.people import GROUPS, NOBODY
from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import PhoneFactory
from tests.panel import Panel, Visit

from .faults import closed_port, look, manager_user, url, with_extensions

PATH = "/system/main/doctor/"


@pytest.fixture
def chief(db: None) -> Client:
    people.pbx()
    user = User.objects.create_superuser("chief")
    Profile.objects.create(user=user, extension="101", endpoint="PJSIP/101", dial_context="internal")
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def pbxs(settings: Any) -> dict[str, Address]:
    settings.AMI_ADDRESSES = {"main": Address.parse(url(closed_port()))}
    addresses: dict[str, Address] = settings.AMI_ADDRESSES
    return addresses


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("role", [NOBODY, *(group for group in GROUPS if group != "Administrator")])
def test_only_an_administrator_opens_the_page_and_examines(
    role: str, method: str, pbxs: dict[str, Address], monkeypatch: pytest.MonkeyPatch
) -> None:
    examined: list[object] = []
    monkeypatch.setattr("system.doctor.views.examine", lambda *arguments: examined.append(arguments))
    client = Client()
    client.force_login(people.person(role))
    assert getattr(client, method)(PATH, {}).status_code == 403
    assert examined == []
    assert not AuditEntry.objects.exists()


@pytest.mark.django_db
def test_whoever_is_not_logged_in_is_asked_to() -> None:
    response = Client().post(PATH, {})
    assert (response.status_code, response["Location"]) == (302, f"/login/?next={PATH}")


def test_a_fault_is_on_the_page_and_in_the_audit_trail(chief: Client, pbxs: dict[str, Address]) -> None:
    html = chief.post(PATH, {}, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in html
    assert "1 problem with main" in html
    assert "refuses the connection" in html
    assert "enabled = yes" in html
    assert "secret = CHANGE-ME" in html
    entry = AuditEntry.objects.get()
    assert (entry.username, entry.verb, entry.subject, entry.status) == ("chief", "examine", "main", "done")
    assert entry.answer == "port: problem"


def test_without_htmx_the_whole_page_comes_and_keeps_what_was_typed(chief: Client, pbxs: dict[str, Address]) -> None:
    user = User.objects.get()
    html = chief.post(PATH, {"user": user.pk, "number": "0471<1>"}).content.decode()
    assert "<html" in html
    assert 'value="0471&lt;1&gt;"' in html
    assert "1 problem with main" in html


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"number": "102"}, "Choose whose phone and context to check."),
        ({"call": "on"}, "Choose whose phone and context to check."),
        ({"user": "999"}, "Select a valid choice"),
    ],
)
def test_bad_input_is_told_and_nothing_is_examined(
    chief: Client, pbxs: dict[str, Address], data: dict[str, str], told: str
) -> None:
    response = chief.post(PATH, data, headers={"HX-Request": "true"})
    assert response.status_code == 422
    assert "Nothing was examined." in response.content.decode()
    assert told in response.content.decode()
    assert not AuditEntry.objects.exists()


def test_the_demo_has_nothing_to_examine(chief: Client, settings: Any) -> None:
    settings.AMI_ADDRESSES = {}
    html = chief.get(PATH).content.decode()
    assert "cannot be examined from here" in html
    assert '<button class="btn btn-primary" type="submit" data-action="examine"' not in html
    assert chief.post(PATH).status_code == 422


def test_a_policy_that_forbids_the_phone_forbids_to_ring_it(
    chief: Client, settings: Any, asterisk22: Asterisk, phone_factory: PhoneFactory
) -> None:
    settings.AMI_ADDRESSES = {"main": Address.parse(asterisk22.ami_url)}
    phone = phone_factory(asterisk22, "102", "answer")
    user = people.person("Operator", "ben", endpoint="PJSIP/102")
    DialPolicy.objects.update(phones="PJSIP/101")
    html = chief.post(PATH, {"user": user.pk, "call": "on"}).content.decode()
    assert "You may not call from PJSIP/102" in html
    assert phone.invites() == []


def test_who_may_only_look_lets_no_phone_of_another_ring(
    settings: Any, asterisk22: Asterisk, phone_factory: PhoneFactory, db: None
) -> None:
    people.pbx()
    settings.AMI_ADDRESSES = {"main": Address.parse(asterisk22.ami_url)}
    phone = phone_factory(asterisk22, "102", "answer_and_hangup")
    client, own = Client(), people.person(people.INTEGRATOR, "ina", endpoint="PJSIP/102")
    other = people.person("Operator", "ben", endpoint="PJSIP/102")
    DialPolicy.objects.get_or_create(group=own.groups.get(), defaults={"phones": "PJSIP/*"})
    client.force_login(own)
    response = client.post(PATH, {"user": other.pk, "call": "on"}, headers={"HX-Request": "true"})
    assert response.status_code == 422
    assert "only let your own phone ring" in response.content.decode()
    assert phone.invites() == []


# The command.


def run(*arguments: str) -> tuple[int, str]:
    out = io.StringIO()
    try:
        call_command("amidoctor", *arguments, "--timeout", "2", stdout=out, no_color=True)
    except SystemExit as end:
        return int(str(end.code)), out.getvalue()
    return 0, out.getvalue()


def test_the_command_needs_no_database(asterisk22: Asterisk) -> None:
    """pytest-django would fail it if it asked the database."""
    arguments = ("--url", asterisk22.ami_url, "--phone", "PJSIP/101", "--context", "internal", "--number", "8001")
    with with_extensions(asterisk22):
        status, text = run(*arguments)
    assert status == 0, text
    assert "✓ Login" in text
    assert "All is well." in text
    assert "extensions.conf:" not in text
    assert "[panel]\n    secret = CHANGE-ME" in text
    assert asterisk22.secret not in text


def test_the_command_does_not_call_well_what_it_may_not_look_at(asterisk22: Asterisk) -> None:
    """The class command alone tells of music on hold."""
    write = ",".join(name for name in write_classes() if name != "command")
    with manager_user(asterisk22, "writetimeout = 5000", write=write) as address, with_extensions(asterisk22):
        report = look(address)
        assert [one.id for one in report.unasked] == ["applications", "music", "talking", "hands"]
        report = replace(report, results=[one for one in report.results if one.id != "write"])
    told = Command(no_color=True)._summary(report)
    assert told == (
        "Nothing wrong was found. Could not be queried: Applications, Music on hold, Talk detection in conferences, "
        "Raised hands."
    )


def test_the_command_gives_the_lines_that_extensions_conf_lacks(asterisk: Asterisk) -> None:
    status, text = run("--url", asterisk.ami_url)
    assert status == 0, text
    assert "! The panel's extensions" in text
    assert "[pbxpanel]\n    exten => hold,1,Set(PBXPANEL_SINCE=${EPOCH})\n     same => n,MusicOnHold(" in text


def test_the_command_tells_a_fault_and_what_it_did_not_try() -> None:
    status, text = run("--url", url(closed_port()))
    assert status == 1
    assert "✗ Connection" in text
    assert "Not checked after that: Asterisk's greeting, Login" in text
    assert "Something is wrong: Connection." in text


def test_what_the_command_prints_for_programs(asterisk22: Asterisk) -> None:
    status, text = run("--url", asterisk22.limited_url, "--json")
    (report,) = json.loads(text)
    assert status == 1
    assert report["ok"] is False
    checks = {check["id"]: check for check in report["checks"]}
    assert checks["login"]["status"] == "ok"
    assert checks["write"]["facts"]["classes"] == ["system", "call", "command", "originate"]
    assert asterisk22.secret not in text


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "AMI_URL is not set"),
        (("main", "--url", "ami://a:b@127.0.0.1"), "not both"),
        (("--url", "http://127.0.0.1"), "--url is wrong"),
        (("--url", "ami://a:b@127.0.0.1", "--number", "1"), "--number needs"),
        (("--url", "ami://a:b@127.0.0.1", "--call"), "--call needs"),
        (("--url", "ami://a:b@127.0.0.1", "--user", "ghost"), "no user “ghost”"),
        (("--url", "ami://a:b@127.0.0.1", "--everybody", "--number", "1"), "--everybody, or one user"),
        (("--url", "ami://a:b@127.0.0.1", "--everybody"), "--everybody needs a PBX of AMI_URL"),
    ],
)
@pytest.mark.django_db
def test_wrong_usage_of_the_command_is_told(settings: Any, arguments: tuple[str, ...], told: str) -> None:
    settings.AMI_ADDRESSES = {}
    with pytest.raises(CommandError, match=told) as error:
        call_command("amidoctor", *arguments)
    assert error.value.returncode == 2


def test_a_pbx_that_is_not_configured_is_told_with_those_that_are(pbxs: dict[str, Address]) -> None:
    with pytest.raises(CommandError, match="no PBX “other”, but main") as error:
        call_command("amidoctor", "other")
    assert error.value.returncode == 2


@pytest.mark.django_db
def test_the_command_examines_the_phone_of_everybody(settings: Any, asterisk22: Asterisk) -> None:
    people.pbx()
    settings.AMI_ADDRESSES = {"main": Address.parse(asterisk22.ami_url)}
    people.person("Operator", "ben", endpoint="PJSIP/109")
    status, text = run("--everybody")
    assert status == 0, text
    assert "! Phones and contexts of all users" in text
    assert "does not answer: ben (PJSIP/109)" in " ".join(text.split())


@pytest.mark.django_db
def test_the_command_examines_the_phone_of_a_user(asterisk22: Asterisk) -> None:
    people.pbx()
    people.person("Operator", "ben", endpoint="PJSIP/109")
    status, text = run("--url", asterisk22.ami_url, "--user", "ben", "--number", "77")
    assert status == 1
    assert "No phone is registered as PJSIP/109" in text
    assert "matches 77" in text
    assert "The dial policies of ben allow it." in text


# In a browser.


def test_the_browser_shows_what_was_found_and_keeps_what_was_typed(
    panel22: Panel, visit: Visit, asterisk22: Asterisk
) -> None:
    page = visit(panel22, "chief", PATH)
    page.select_option("#id_user", label="nowhere")
    page.fill("#id_number", "77")
    page.keyboard.press("Enter")
    expect(page.locator("#title-doctor-report")).to_contain_text("2 problems with main")
    expect(page.locator('[data-check="login"]')).to_contain_text("OK")
    expect(page.locator('[data-check="number"] .check-advice')).to_contain_text("dialplan show 77@internal")
    expect(page.locator('[data-check="phone"]')).to_have_class("check is-problem")
    expect(page.locator('[data-check="phone"]')).to_contain_text("Does not work for nowhere: Call, Retrieve, Pick up")
    expect(page.locator("#doctor-stanza")).to_contain_text("read = system,call")
    expect(page.locator("#id_number")).to_have_value("77")
    page.click('[data-copy="doctor-extensions"]')
    expect(page.locator("#toasts")).to_contain_text("Copied.")
    page.fill("#id_number", "8001")
    page.select_option("#id_user", label="anna")
    with with_extensions(asterisk22):
        page.click('[data-action="examine"]')
        expect(page.locator("#title-doctor-report")).to_contain_text("All is well with main")
    expect(page.locator("#doctor-extensions")).to_have_count(0)


def test_the_browser_shows_who_will_miss_what(panel22: Panel, visit: Visit, asterisk22: Asterisk) -> None:
    page = visit(panel22, "chief", PATH)
    page.click('[data-action="examine"]')
    expect(page.locator("#title-doctor-report")).to_contain_text("main works; something could be better")
    people = page.locator('[data-check="people"]')
    expect(people).to_contain_text("Without a phone: chief")
    expect(people).to_contain_text("With a phone that Asterisk does not know: ghost (PJSIP/199).")
    expect(people).to_contain_text("does not answer: nowhere (PJSIP/109).")
    expect(page.locator('[data-check="extensions"]')).to_contain_text("There is no [pbxpanel] in extensions.conf.")
    expect(page.locator("#doctor-extensions")).to_contain_text("exten => hold,1,Set(PBXPANEL_SINCE=${EPOCH})")


def test_the_button_is_busy_until_the_examination_ends(panel22: Panel, visit: Visit, asterisk22: Asterisk) -> None:
    """While it lasts the page says so and takes no second order; the report is what the first one found."""
    page = visit(panel22, "chief", PATH)
    held: list[Any] = []
    page.route(f"**{PATH}", lambda route: held.append(route))
    page.click('[data-action="examine"]')
    expect(page.locator(".doctor-wait")).to_be_visible()
    button = page.locator('[data-action="examine"]')
    expect(button).to_be_disabled()
    page.evaluate("dispatchEvent(new Event('htmx:after:swap'))")  # as after every live update
    expect(button).to_be_disabled()
    held[0].continue_()
    expect(page.locator("#title-doctor-report")).to_contain_text("main")
    expect(page.locator(".doctor-wait")).to_be_hidden()
    expect(button).to_be_enabled()

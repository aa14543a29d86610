"""What the CLI page and the audit trail show of secrets: nothing, unless a rule lets somebody see just them."""

import html
import time

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from audit.models import AuditEntry
from engine.ami.protocol import Action
from engine.mirror.commands import Outcome, Status
from system.cli.models import CliRules
from system.console.commands import subject
from system.masking import MASK, masked_output
from tests.access import people
from tests.access.people import Asterisk

TRANSPORT = [
    "Transport:  <TransportId........>  <Type>  <cos>  <tos>  <BindAddress....................>",
    " ParameterName              : ParameterValue",
    " ca_list_file               : /etc/ca.pem",
    " password                   : Tr0ub4dor",
    " priv_key_file              : /etc/key.pem",
]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (" password                   : Tr0ub4dor", f" password                   : {MASK}"),
        (" password                   : ", " password                   : "),
        ("  Secret       : <Set>", "  Secret       : <Set>"),
        ("  MD5Secret    : abc", f"  MD5Secret    : {MASK}"),
        (" priv_key_file              : /etc/key.pem", " priv_key_file              : /etc/key.pem"),
        ("  '100' =>          1. Authenticate(1234)      [x]", f"  '100' =>          1. Authenticate({MASK})      [x]"),
        ("      2. Authenticate(${PIN},,4)   [x]", "      2. Authenticate(${PIN},,4)   [x]"),
        ("      3. authenticate(12,ad)", f"      3. authenticate({MASK},ad)"),
        ("      4. DISA(1234,internal)", f"      4. DISA({MASK},internal)"),
        ("      5. DISA(no-password,internal)", "      5. DISA(no-password,internal)"),
        ("      6. Set(__USERPIN=1234)", f"      6. Set(__USERPIN={MASK})"),
        ("      7. Set(CHANNEL(language)=de)", "      7. Set(CHANNEL(language)=de)"),
        ("      8. Set(X=${CURL(https://me:word@host/)})", f"      8. Set(X=${{CURL(https://me:{MASK}@host/)}})"),
        ("      9. Dial(PJSIP/101,20,tT)", "      9. Dial(PJSIP/101,20,tT)"),
        ("      9. Page(PJSIP/101,i,20)", "      9. Page(PJSIP/101,i,20)"),
        ("      9. MeetMe(8001,d,12)", f"      9. MeetMe(8001,d,{MASK})"),
        ("PJSIP/101-1!internal!1!1!Up!Authenticate!1234!1", f"PJSIP/101-1!internal!1!1!Up!Authenticate!{MASK}!1"),
        ("PJSIP/101-00000001!internal!102!2!Up!Dial!", "PJSIP/101-00000001!internal!102!2!Up!Dial!"),
    ],
)  # fmt: skip
def test_a_secret_in_a_line_of_the_cli_is_masked_and_nothing_else(line: str, shown: str) -> None:
    assert masked_output(line) == shown


@pytest.fixture
def stand_in(db: None, monkeypatch: pytest.MonkeyPatch) -> Asterisk:
    people.a_small_pbx()
    asterisk = people.stand_in(monkeypatch)
    fields = [["Output", line] for line in TRANSPORT]
    asterisk.answer = Outcome(Status.DONE, "", {"fields": fields, "events": [], "left_off": 0})
    return asterisk


def give(user: User, command: str) -> str:
    client = Client()
    client.force_login(user)
    response = client.post("/system/main/cli/give/", {"command": command, "sure": "yes"})
    return html.unescape(response.content.decode())


def test_what_everybody_may_give_shows_no_password_in_the_page(stand_in: Asterisk) -> None:
    shown = give(people.person("Administrator"), "pjsip show transport transport-tls")
    assert "/etc/key.pem" in shown
    assert MASK in shown
    assert "Tr0ub4dor" not in shown


def test_who_is_allowed_a_command_that_shows_passwords_by_a_rule_sees_them(stand_in: Asterisk) -> None:
    user = people.person("Administrator")
    rules, _created = CliRules.objects.get_or_create(group=Group.objects.get(name="Administrator"))
    rules.allowed = "pjsip show auth *"
    rules.save()
    assert "Tr0ub4dor" in give(user, "pjsip show auth 101")


def test_a_secret_that_is_typed_is_not_kept(stand_in: Asterisk) -> None:
    user = people.person("Administrator")
    CliRules.objects.update_or_create(group=Group.objects.get(name="Administrator"), defaults={"allowed": "*"})
    give(user, "dialplan set global PIN=1234")
    give(user, "dialplan add extension 1,1,Authenticate(1234) into x")
    assert [people.given(command)["line"].count("1234") for command in stand_in.commands] == [1, 1]
    kept = "\n".join(AuditEntry.objects.values_list("subject", flat=True))
    assert f"PIN={MASK}" in kept
    assert f"Authenticate({MASK})" in kept
    assert "1234" not in kept


def test_a_secret_in_a_field_of_an_action_is_not_kept() -> None:
    action = Action("Originate", (("Channel", "Local/1@x"), ("Variable", "PIN=1234"), ("Data", "https://a:bcd@host/")))
    kept = subject(action)
    assert f"Variable: PIN={MASK}" in kept
    assert f"https://a:{MASK}@host/" in kept
    assert "1234" not in kept


def test_help_is_shown_as_it_is(stand_in: Asterisk) -> None:
    stand_in.answer.data["fields"] = [["Output", "Authenticate(password[,options[,maxdigits[,prompt]]])"]]
    assert "Authenticate(password[,options" in give(
        people.person("Administrator"), "core show application Authenticate"
    )


@pytest.mark.parametrize(
    "text", ["a" * 16_000, "a" + " " * 16_000 + "b", "," * 16_000, ",a:" * 5000, "f(" * 8000, "=" * 16_000]
)
def test_a_long_line_is_masked_in_no_time(text: str) -> None:
    began = time.process_time()
    assert masked_output(text) == text
    assert time.process_time() - began < 1

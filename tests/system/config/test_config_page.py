"""The page of configuration files: who sees what of them, and that nothing is written but what was looked at."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from audit.models import AuditEntry
from engine.mirror.commands import Outcome, Status
from system.config import commands
from system.config import file as config_file
from system.config.commands import CHANGED, NOT_AS_PROMISED
from system.config.file import Category, Reading, json_of, masked
from system.masking import MASK
from tests.access import people
from tests.access.people import Asterisk as StandIn

FIELDS = [
    ["Category-000000", "general"], ["Line-000000-000000", "codec=ulaw"], ["Line-000000-000001", "greeting=a;<b>"],
    ["Category-000001", "101"], ["Line-000001-000000", "type=auth"], ["Line-000001-000001", "password=geheim"],
]  # fmt: skip
DATA = {"fields": FIELDS, "included": []}
DIGEST = config_file.reading_of(DATA).digest
FORM = {"file": "pjsip.conf", "digest": DIGEST, "at": "1", "name-1": "101", "lines-1": "type = auth\npassword = neu"}
ADDRESS = "/system/main/config/"


@pytest.fixture
def looked(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """The file is found, whoever asks for it."""
    stand_in.answer = Outcome(Status.DONE, data=DATA)
    monkeypatch.setattr("system.config.views.look_up", lambda *arguments, **more: Outcome(Status.DONE, data=DATA))
    return stand_in


def client_of(role: str, *permissions: str) -> Client:
    client, user = Client(), people.person(role, name="somebody")
    user.user_permissions.add(*Permission.objects.filter(codename__in=permissions))
    client.force_login(user)
    return client


def test_a_file_is_shown_and_that_it_was_looked_at_is_on_record(looked: StandIn) -> None:
    html = client_of("Administrator").get(ADDRESS, {"file": "pjsip.conf"}).content.decode()
    for text in ("[general]", "codec = ulaw", "greeting = a\\;&lt;b&gt;", "password = geheim", "Reload res_pjsip.so"):
        assert text in html
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.subject, entry.topic) == ("read-config", "pjsip.conf", "config/pjsip.conf")
    (command,) = looked.commands
    assert (str(command.verb), command.parameters) == ("pbx.read-config", commands.File("pjsip.conf"))


def test_who_may_only_read_sees_no_secret_and_no_editor(looked: StandIn) -> None:
    client = client_of("Viewer", "see_config")
    html = client.get(ADDRESS, {"file": "pjsip.conf"}).content.decode()
    assert "geheim" not in html
    assert f"password = {MASK}" in html
    assert "Edit" not in html
    assert DIGEST not in html, "whoever has it can try PINs until one fits"
    assert "Reload res_pjsip.so" not in html
    looked.answer = Outcome(
        Status.DONE, data={"fields": [["JSON", '{"101":{"password":"geheim","a":"b"}}']], "events": []}
    )
    text = client.get(f"{ADDRESS}json/", {"file": "pjsip.conf"}).content.decode()
    command = looked.commands[-1]
    assert (str(command.verb), command.parameters) == ("pbx.read-config-as-json", commands.File("pjsip.conf"))
    assert set(AuditEntry.objects.values_list("verb", "subject")) == {("read-config", "pjsip.conf")}
    assert "geheim" not in text
    assert '"a": "b"' in text
    for path in ("category/?edit=1&at=1&file=pjsip.conf", "new/"):
        assert client.get(ADDRESS + path).status_code == 403
    for path in ("review/", "write/"):
        assert client.post(ADDRESS + path, FORM).status_code == 403


def test_a_category_is_looked_for_in_all_files_and_that_is_on_record(stand_in: StandIn) -> None:
    stand_in.answer = Outcome(Status.DONE, data=[["pjsip.conf", ["101", "<b>"]]])
    client = client_of("Administrator")
    html = client.get(f"{ADDRESS}find/", {"category": "101"}).content.decode()
    assert 'href="/system/main/config/?file=pjsip.conf"' in html
    assert "[&lt;b&gt;]" in html
    assert str(stand_in.commands[0].verb) == "pbx.find-config"
    assert stand_in.commands[0].parameters == commands.Category("101")
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.subject) == ("find-config", "101")
    stand_in.answer = Outcome(Status.DONE, data=[])
    assert "with “101” in its name" in client.get(f"{ADDRESS}find/", {"category": "101"}).content.decode()
    stand_in.answer = Outcome(Status.NOT_PERMITTED, "Permission denied")
    assert "lacks a privilege" in client.get(f"{ADDRESS}find/", {"category": "101"}).content.decode()


@pytest.mark.parametrize("text", ["", " ", "x" * 80])
def test_what_can_be_no_category_is_not_looked_for(text: str, stand_in: StandIn) -> None:
    response = client_of("Administrator").get(f"{ADDRESS}find/", {"category": text})
    assert (response.status_code, stand_in.commands) == (422, [])
    assert "Enter the name of a category" in response.content.decode()


@pytest.mark.parametrize("file", ["../manager.conf", "/etc/passwd", "a/b.conf", "a b", "x" * 81, "*.conf", ".x"])
def test_a_path_is_no_name_of_a_file(file: str, looked: StandIn) -> None:
    client = client_of("Administrator")
    response = client.get(ADDRESS, {"file": file})
    assert response.status_code == 400
    assert "without a path" in response.content.decode()
    assert client.post(f"{ADDRESS}write/", {**FORM, "file": file}).status_code == 400
    assert client.get(f"{ADDRESS}json/", {"file": file}).status_code == 400
    assert looked.commands == []


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Outcome(Status.REFUSED, "Config file not found"), "has no file pjsip.conf"),
        (Outcome(Status.REFUSED, "Config file has invalid format"), "cannot read pjsip.conf"),
        (Outcome(Status.REFUSED, "File requires escalated priveledges"), "does not provide pjsip.conf"),
        (Outcome(Status.NOT_PERMITTED, "Permission denied"), "lacks a privilege"),
        (Outcome(Status.NOT_CONNECTED), "not connected"),
        (Outcome(Status.NO_ANSWER), "did not answer"),
    ],
)
def test_a_file_that_cannot_be_read_is_told(outcome: Outcome, words: str, stand_in: StandIn) -> None:
    stand_in.answer = outcome
    assert words in client_of("Administrator").get(ADDRESS, {"file": "pjsip.conf"}).content.decode()


def test_the_difference_is_shown_before_anything_is_written(looked: StandIn) -> None:
    html = client_of("Administrator").post(f"{ADDRESS}review/", FORM).content.decode()
    assert "Change password in [101] type=auth" in html
    assert "<del><span" in html
    assert "password = geheim" in html
    assert "password = neu" in html
    assert looked.commands == []


def reviewed(client: Client) -> str:
    html = client.post(f"{ADDRESS}review/", FORM).content.decode()
    return html.partition('name="reviewed" value="')[2].partition('"')[0]


def test_what_was_looked_at_is_written_and_no_secret_is_on_record(looked: StandIn) -> None:
    client = client_of("Administrator")
    response = client.post(f"{ADDRESS}write/", {**FORM, "reviewed": reviewed(client)})
    assert response.status_code == 204
    assert "config-written" in response["HX-Trigger"]
    (command,) = looked.commands
    assert str(command.verb) == "pbx.write-config"
    assert isinstance(command.parameters, commands.Update)
    assert (command.parameters.file, command.parameters.digest) == ("pjsip.conf", DIGEST)
    assert ["Value-000000", "neu"] in command.parameters.updates
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.topic) == ("write-config", "config/pjsip.conf")
    assert entry.subject.startswith("pjsip.conf: [101] type=auth -password = ")
    assert "neu" not in entry.subject
    assert "geheim" not in entry.subject
    assert "was written." in client.get(ADDRESS).content.decode()


def test_all_lines_that_changed_are_on_record(looked: StandIn) -> None:
    client = client_of("Administrator")
    typed = "\n".join(["type = auth", "password = geheim", *(f"line{n} = {'x' * 60}{n}" for n in range(15))])
    html = client.post(f"{ADDRESS}review/", {**FORM, "lines-1": typed}).content.decode()
    seal = html.partition('name="reviewed" value="')[2].partition('"')[0]
    assert client.post(f"{ADDRESS}write/", {**FORM, "lines-1": typed, "reviewed": seal}).status_code == 204
    assert all(f"{'x' * 60}{n}" in AuditEntry.objects.get(verb="write-config").subject for n in range(15))


def test_what_was_typed_after_the_look_is_not_written(looked: StandIn) -> None:
    client = client_of("Administrator")
    seal = reviewed(client)
    response = client.post(f"{ADDRESS}write/", {**FORM, "lines-1": "type = auth\npassword = other", "reviewed": seal})
    assert response.status_code == 409
    assert "check it again" in response.content.decode()
    assert "password = other" in response.content.decode()
    assert client.post(f"{ADDRESS}write/", FORM).status_code == 409
    assert looked.commands == []


def test_a_file_of_another_digest_is_neither_reviewed_nor_written(looked: StandIn) -> None:
    client = client_of("Administrator")
    for path in ("review/", "write/"):
        response = client.post(ADDRESS + path, {**FORM, "digest": "0" * 64})
        assert response.status_code == 409
        assert "changed by somebody else" in response.content.decode()
    response = client.get(f"{ADDRESS}category/", {"file": "pjsip.conf", "digest": "0", "at": "1", "edit": "1"})
    assert response.status_code == 409
    assert looked.commands == []


@pytest.mark.parametrize(
    ("outcome", "code", "words"),
    [
        (Outcome(Status.REFUSED, CHANGED), 409, "changed by somebody else"),
        (Outcome(Status.REFUSED, "Save of config failed"), 409, "may not write pjsip.conf"),
        (Outcome(Status.NOT_PERMITTED, "Permission denied"), 409, "lacks a privilege"),
        (Outcome(Status.NO_ANSWER), 504, "Check whether it took effect"),
        (Outcome(Status.DONE, NOT_AS_PROMISED, DATA), 200, "differs from what was shown"),
    ],
)
def test_what_goes_wrong_in_writing_is_told(outcome: Outcome, code: int, words: str, looked: StandIn) -> None:
    client = client_of("Administrator")
    seal = reviewed(client)
    looked.answer = outcome
    response = client.post(f"{ADDRESS}write/", {**FORM, "reviewed": seal})
    assert response.status_code == code
    assert words in response.content.decode()


def test_a_wrong_line_is_told_with_its_category_and_number(looked: StandIn) -> None:
    client = client_of("Administrator")
    form = {**FORM, "lines-1": "type = auth\npassword = a;b"}
    html = client.post(f"{ADDRESS}review/", form).content.decode()
    assert "[101] type=auth" in html
    assert "Line 2: a semicolon begins a comment" in html


def test_a_category_is_given_to_edit_and_taken_back(looked: StandIn) -> None:
    client = client_of("Administrator")
    query: dict[str, Any] = {"file": "pjsip.conf", "digest": DIGEST, "at": "0"}
    html = client.get(f"{ADDRESS}category/", {**query, "edit": "1"}).content.decode()
    assert "\ncodec = ulaw\ngreeting = a\\;&lt;b&gt;</textarea>" in html
    assert "<textarea" not in client.get(f"{ADDRESS}category/", query).content.decode()
    assert client.get(f"{ADDRESS}category/", {**query, "at": "9"}).status_code == 404


# Secrets.


@pytest.mark.parametrize(
    ("file", "name", "value", "shown"),
    [
        ("pjsip.conf", "password", "x", "••••••"), ("pjsip.conf", "md5_cred", "x", "••••••"),
        ("manager.conf", "secret", "x", "••••••"), ("sip.conf", "md5secret", "x", "••••••"),
        ("sip.conf", "register", "me:word@host/1", "me:••••••@host/1"), ("sip.conf", "auth", "me:word@realm", "••••••"),
        ("res_odbc.conf", "dsn", "mysql://me:word@host", "mysql://me:••••••@host"),
        ("voicemail.conf", "101", "1234,Anna,a@b.c", "••••••,Anna,a@b.c"),
        ("meetme.conf", "conf", "8001,12", "8001,••••••"),
        ("confbridge.conf", "pin", "12", "••••••"), ("pjsip.conf", "password", "", ""),
        ("res_config_mysql.conf", "dbpass", "x", "••••••"), ("res_curl.conf", "userpwd", "a:b", "••••••"),
        ("res_curl.conf", "proxyuserpwd", "a:b", "••••••"), ("pjsip.conf", "refresh_token", "x", "••••••"),
        ("voicemail.conf", "alice", "1234,Alice", "••••••,Alice"), ("voicemail.conf", "alice", "-1234", "••••••"),
        ("voicemail.conf", "maxsecs", "180", "180"), ("boxes.inc", "101", "1234,Anna", "••••••,Anna"),
        ("boxes.inc", "alice", "-1234,Alice", "••••••,Alice"), ("boxes.inc", "alice", "1234", "••••••"),
        ("rooms.inc", "conf", "8001,12", "8001,••••••"), ("my_pjsip.conf", "port", "5060", "5060"),
        ("my_dialplan.conf", "exten", "101,1,NoOp()", "101,1,NoOp()"),
        ("pjsip.conf", "mailboxes", "101,102", "101,102"),
        ("pjsip.conf", "auth_type", "digest", "digest"),
        ("pjsip.conf", "contact", "sip:101@127.0.0.1:5", "sip:101@127.0.0.1:5"),
        ("pjsip.conf", "server_uri", "sip:me:wo/rd@host", "sip:me:••••••@host"),
        ("res_odbc.conf", "dsn", "DRIVER=x;UID=me;PWD=w-o;DB=y", "DRIVER=x;UID=me;PWD=••••••;DB=y"),
        ("cdr_odbc.conf", "connection", "Driver={a b};Pwd={w;o d};Port=1", "Driver={a b};Pwd=••••••;Port=1"),
        ("agents.conf", "agent", "1001,4321,Mark Spencer", "1001,••••••,Mark Spencer"),
        ("agents.conf", "agent", "1001,4321", "1001,••••••"), ("more.inc", "agent", "1001,1,M", "1001,••••••,M"),
        ("queues.conf", "member", "Agent/1001,5,Mark", "Agent/1001,5,Mark"),
        ("res_x.conf", "api-key", "x", "••••••"), ("res_x.conf", "API_KEY", "x", "••••••"),
        ("res_x.conf", "access-key", "x", "••••••"), ("res_x.conf", "auth-pin", "1", "••••••"),
        ("sip.conf", "register", "tls://u@d:word@host:5061/1", "tls://u@d:••••••@host:5061/1"),
        ("sip.conf", "register", "peer?u@d:word:au@host", "peer?u@d:••••••@host"),
        ("sip.conf", "register", "u@host:5060", "u@host:5060"),
        ("extensions.conf", "exten", "1,1,Authenticate(1234,,4)", "1,1,Authenticate(••••••,,4)"),
        ("extensions.conf", "same", "n,Authenticate(/pins)", "n,Authenticate(/pins)"),
        ("extensions.conf", "same", "n,Set(PIN=1234)", "n,Set(PIN=••••••)"),
        ("extensions.conf", "same", "n,Set(PIN=${DB(a/b)})", "n,Set(PIN=${DB(a/b)})"),
        ("extensions.conf", "same", "n,Set(CONFBRIDGE(user,pin)=12)", "n,Set(CONFBRIDGE(user,pin)=••••••)"),
        ("extensions.conf", "same", "n,MeetMe(8001,d,12)", "n,MeetMe(8001,d,••••••)"),
        ("extensions.conf", "exten", "101,1,NoOp()", "101,1,NoOp()"), ("pjsip.conf", "outbound_auth", "a", "a"),
    ],
)  # fmt: skip
def test_what_is_secret_is_masked_and_nothing_else(file: str, name: str, value: str, shown: str) -> None:
    assert masked(file, (name, value)) == (name, shown)


def test_json_keeps_what_is_there_twice() -> None:
    text = '{"a":{"x":"1","x":"2","secret":"s"},"a":{},"t":{"istemplate":1}}'
    shown = json_of("a.conf", text, secrets=False)
    assert shown.count('"x"') == 2
    assert shown.count('"a"') == 2
    assert '"secret": "••••••"' in shown
    assert '"istemplate": 1' in shown
    assert '"secret": "s"' in json_of("a.conf", text, secrets=True)
    with pytest.raises(ValueError, match="Expecting"):
        json_of("a.conf", "", secrets=False)


def test_the_digest_tells_any_change() -> None:
    def digest(*categories: Category) -> str:
        return Reading(categories).digest

    a, b = Category("a", own=(("x", "1"),)), Category("b")
    assert len({digest(a, b), digest(b, a), digest(a), digest(Category("a", True, own=a.own), b)}) == 4
    assert Reading((a, b)).unordered_digest == Reading((b, a)).unordered_digest

"""Any action: which there are, what each takes, what is refused, what is on record, and how an Originate ended."""

import time
from typing import Any

import pytest
from django.test import Client

from audit.models import AuditEntry
from engine import limits
from engine.ami import actions
from engine.ami.protocol import Action
from engine.mirror.commands import Outcome, Reply, Status
from system.console import commands
from tests.access import people
from tests.access.people import Asterisk as StandIn
from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import PhoneFactory
from tests.system.conftest import WithContext

NOTHING: dict[str, Any] = {"fields": [], "events": [], "left_off": 0, "outcome": []}
SEND = "/system/main/action/send/"


def client_of(role: str) -> Client:
    client = Client()
    client.force_login(people.person(role, name=role))
    return client


async def send(ctx: Any, name: str, **fields: str) -> tuple[Outcome, Reply]:
    wanted = commands.AnyAction(name, [list(pair) for pair in fields.items()])
    outcome = await commands.send.carry_out(ctx, "", wanted)
    return outcome, Reply(outcome.data["fields"], outcome.data["events"], outcome.data["left_off"])


# The real Asterisk.


async def test_the_actions_that_the_manager_user_may_use_are_listed(
    asterisk: Asterisk, with_context: WithContext
) -> None:
    async with with_context(asterisk) as ctx:
        listed = {action.name: action for action in commands.known((await commands.listed(ctx, {})).data)}
    assert listed["Originate"].synopsis.startswith("Originate")
    assert listed["Originate"].privileges == "originate,all"
    assert listed["Ping"].privileges == ""
    assert len(listed) > 80
    assert not {name.lower() for name in listed} & commands.REFUSED.keys()
    assert "Response" not in listed
    async with with_context(asterisk, url=asterisk.listener_url) as ctx:
        few = {action.name for action in commands.known((await commands.listed(ctx, {})).data)}
    assert "BridgeList" in few
    assert not {"Originate", "Command"} & few


@pytest.mark.parametrize(
    ("name", "needed", "optional"),
    [
        ("Originate", {"Channel"}, {"Exten", "Context", "Variable", "Async"}),
        ("QueueAdd", {"Queue", "Interface"}, {"Penalty"}),
        ("Hangup", {"Channel"}, {"Cause"}),
        ("Ping", set(), set()),
        ("PJSIPShowEndpoint", {"Endpoint"}, set()),
    ],
)
async def test_asterisks_help_tells_what_an_action_takes(
    asterisk: Asterisk, with_context: WithContext, name: str, needed: set[str], optional: set[str]
) -> None:
    async with with_context(asterisk) as ctx:
        fields = commands.fields_of((await commands.help_for(ctx, {"name": name})).data)
    assert {field.name for field in fields if field.needed} == needed
    assert {field.name for field in fields if not field.needed} >= optional
    assert not {"Action", "ActionID", "Event", "ObjectType"} & {field.name for field in fields}


async def test_without_the_class_command_there_is_no_help(asterisk: Asterisk, with_context: WithContext) -> None:
    async with with_context(asterisk, url=asterisk.limited_url) as ctx:
        outcome = await commands.help_for(ctx, {"name": "Ping"})
    assert (outcome.status, outcome.text, outcome.data) == (Status.NOT_PERMITTED, "Permission denied", [])


async def test_one_is_sent_and_its_whole_answer_comes(asterisk: Asterisk, with_context: WithContext) -> None:
    async with with_context(asterisk) as ctx:
        outcome, reply = await send(ctx, "Ping")
        assert (outcome.status, reply.get("Ping")) == (Status.DONE, "Pong")
        outcome, reply = await send(ctx, "PJSIPShowEndpoints")
        assert outcome.done
        names = {value for event in reply.events for key, value in event if key == "ObjectName"}
        assert {"101", "109", "trunk"} <= names
        outcome, reply = await send(ctx, "Command", Command="core show version")
        assert reply.all("Output")[0].startswith("Asterisk ")


@pytest.mark.parametrize(
    ("who", "name", "fields", "words"),
    [
        ("ami_url", "NoSuchAction", {}, "Invalid/unknown command: NoSuchAction"),
        ("ami_url", "Hangup", {"Channel": "PJSIP/nobody-1"}, "No such channel"),
        ("ami_url", "Hangup", {}, "No channel specified"),
        ("limited_url", "Originate", {"Channel": "Local/602@internal"}, "Permission denied"),
        ("listener_url", "CoreStatus", {}, "Permission denied"),
    ],
)
async def test_what_asterisk_refuses_is_told_in_its_words(
    asterisk: Asterisk, with_context: WithContext, who: str, name: str, fields: dict[str, str], words: str
) -> None:
    async with with_context(asterisk, url=getattr(asterisk, who)) as ctx:
        outcome, reply = await send(ctx, name, **fields)
        is_denied = words == "Permission denied"
        assert outcome.status is (Status.NOT_PERMITTED if is_denied else Status.REFUSED)
        assert outcome.text.startswith(words)
        assert reply.get("Message") == outcome.text
        assert (await ctx.ask(actions.ping())).ok


async def test_the_categories_of_a_file_are_listed(asterisk: Asterisk, with_context: WithContext) -> None:
    async with with_context(asterisk) as ctx:
        outcome, reply = await send(ctx, "ListCategories", Filename="confbridge.conf")
        categories = {value for name, value in reply.fields if name.startswith("Category-")}
        missing, _reply = await send(ctx, "ListCategories", Filename="nothing.conf")
    assert outcome.done
    assert {"general", "panel_bridge", "panel_user"} <= categories
    assert missing.status is Status.REFUSED
    assert "not found" in missing.text
    async with with_context(asterisk, url=asterisk.listener_url) as ctx:
        refused, _reply = await send(ctx, "ListCategories", Filename="confbridge.conf")
    assert (refused.status, refused.text) == (Status.NOT_PERMITTED, "Permission denied")


async def test_how_an_originate_that_does_not_wait_ended_is_told(
    asterisk: Asterisk, with_context: WithContext, phone_factory: PhoneFactory
) -> None:
    call = {"Context": "internal", "Exten": "602", "Priority": "1", "Timeout": "5000", "Async": "true"}
    phone_factory(asterisk, "101", "answer")
    async with with_context(asterisk) as ctx:
        outcome, reply = await send(ctx, "Originate", Channel="PJSIP/101", **call)
        assert reply.get("Message") == "Originate successfully queued"
        ended = dict(outcome.data["outcome"])
        assert (ended["Event"], ended["Response"], ended["Reason"]) == ("OriginateResponse", "Success", "4")
        outcome, _reply = await send(ctx, "Originate", Channel="PJSIP/109", **call)
        assert dict(outcome.data["outcome"])["Response"] == "Failure"


async def test_an_originate_that_waits_answers_when_it_ended(
    asterisk: Asterisk, with_context: WithContext, phone_factory: PhoneFactory
) -> None:
    call = {"Context": "internal", "Exten": "602", "Priority": "1", "Timeout": "5000"}
    phone_factory(asterisk, "101", "answer")
    async with with_context(asterisk) as ctx:
        outcome, reply = await send(ctx, "Originate", Channel="PJSIP/101", **call)
        assert (outcome.done, reply.get("Message")) == (True, "Originate successfully queued")
        outcome, _reply = await send(ctx, "Originate", Channel="PJSIP/109", **call)
        assert (outcome.status, outcome.text) == (Status.REFUSED, "Originate failed")


async def test_a_call_that_rings_longer_than_is_waited_for_has_no_outcome_yet(
    asterisk: Asterisk, with_context: WithContext
) -> None:
    call = {"Application": "Wait", "Data": "1", "Timeout": "30000", "Async": "yes"}
    started = time.monotonic()
    async with with_context(asterisk, seconds=2) as ctx:
        outcome, _reply = await send(ctx, "Originate", Channel="Local/603@internal", **call)
    assert (outcome.status, outcome.data["outcome"]) == (Status.DONE, [])
    assert time.monotonic() - started < 10


# Of an action alone.


def test_an_originate_is_waited_for_as_long_as_it_rings() -> None:
    assert commands.timeout_of(Action("Ping")) == 15
    assert commands.timeout_of(Action("originate", (("timeout", "5000"),))) == 8
    assert commands.timeout_of(Action("Originate")) == 33
    assert commands.timeout_of(Action("Originate", (("Timeout", "9" * 30),))) == 33
    assert commands.timeout_of(Action("Originate", (("Timeout", "soon"),))) == 33


@pytest.mark.parametrize("name", ["Login", "logoff", " CHALLENGE ", "Events", "filter", "WaitEvent"])
def test_what_is_about_the_session_is_refused_with_the_reason(name: str, stand_in: StandIn) -> None:
    response = client_of("Administrator").post(SEND, {"name": name})
    assert response.status_code == 400
    assert "concerns the session" in response.content.decode()
    assert stand_in.commands == []


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "Choose an action."),
        ({"name": "Ping\r\nAction: Logoff"}, "Choose an action."),
        ({"name": "Ping", "more": "Channel PJSIP/101"}, "Line 1 of the further fields"),
        ({"name": "Ping", "more": "A: b\n: c"}, "Line 2 of the further fields"),
        ({"name": "Ping", "more": "Action: Logoff"}, "are set by the panel"),
        ({"name": "Ping", "more": "actionid: 1"}, "are set by the panel"),
        ({"name": "Ping", "field:Channel": "a\r\nAction: Logoff"}, "must be a single line"),
        ({"name": "Ping", "field:A\nB": "c"}, "cannot be the name of a field"),
        ({"name": "Ping", "field:A:B": "c"}, "cannot be the name of a field"),
        ({"name": "Ping", "field:A": "b\0"}, "must be a single line"),
    ],
)
def test_what_is_no_action_is_not_sent_and_says_why(data: dict[str, str], words: str, stand_in: StandIn) -> None:
    response = client_of("Administrator").post(SEND, data)
    assert response.status_code == 400
    assert words in response.content.decode()
    assert stand_in.commands == []


def test_an_action_is_on_record_without_what_is_secret(stand_in: StandIn) -> None:
    stand_in.answer = Outcome(Status.DONE, data=NOTHING)
    data = {
        "name": "Originate", "field:Channel": "PJSIP/101", "field:Exten": "", "field:Secret": "one",
        "more": "Variable: A=1\n\n Variable : B=2 \nMD5Secret: two\nPassword: three\nKey: four\nKeypad: 5",
    }  # fmt: skip
    client_of("Administrator").post(SEND, data)
    (command,) = stand_in.commands
    assert str(command.verb) == "pbx.action"
    assert command.parameters == commands.AnyAction(
        "Originate",
        [
            ["Channel", "PJSIP/101"], ["Secret", "one"], ["Variable", "A=1"], ["Variable", "B=2"], ["MD5Secret", "two"],
            ["Password", "three"], ["Key", "four"], ["Keypad", "5"],
        ],
    )  # fmt: skip
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.what) == ("action", "AMI action")
    assert entry.subject == (
        "Originate, Channel: PJSIP/101, Secret: •••, Variable: A=1, Variable: B=2, MD5Secret: •••, Password: •••, "
        "Key: four, Keypad: 5"
    )


def test_no_field_is_pushed_off_the_record(stand_in: StandIn) -> None:
    stand_in.answer = Outcome(Status.DONE, data=NOTHING)
    client = client_of("Administrator")
    client.post(SEND, {"name": "DBDel", "more": f"Foo: {'x' * 900}\nFamily: f\nKey: k"})
    assert AuditEntry.objects.get().subject.endswith(", Family: f, Key: k")
    padding = "\n".join("A: b" for _ in range(3000))
    assert len(padding) < limits.SUBJECT
    response = client.post(SEND, {"name": "DBDel", "more": f"{padding}\nFamily: f\nKey: k"})
    assert response.status_code == 400
    assert "too long to be recorded" in response.content.decode()
    assert len(stand_in.commands) == 1


def test_a_password_in_a_configuration_is_not_on_record() -> None:
    fields = (
        ("SrcFilename", "pjsip.conf"), ("Action-000000", "append"), ("Var-000000", "password"),
        ("Value-000000", "one"), ("Var-000001", "username"), ("value-000001", "two"),
    )  # fmt: skip
    subject = commands.subject(Action("UpdateConfig", fields))
    assert "Value-000000: •••" in subject
    assert "value-000001: two" in subject
    assert "Var-000000: password" in subject


@pytest.mark.parametrize(
    ("file", "variable", "value"),
    [
        ("pjsip.conf", "password", "OLDSECRET"), ("pjsip.conf", "md5_cred", "OLDSECRET"),
        ("res_curl.conf", "userpwd", "me:OLDSECRET"), ("a.conf", "token", "OLDSECRET"),
        ("voicemail.conf", "alice", "4711,Alice"), ("sip.conf", "register", "me:OLDSECRET@host"),
    ],
)  # fmt: skip
def test_neither_what_it_was_nor_what_it_becomes_is_on_record(file: str, variable: str, value: str) -> None:
    fields = (
        ("SrcFilename", file), ("DstFilename", file), ("Action-000000", "update"), ("Var-000000", variable),
        ("Value-000000", value), ("Match-000000", value), ("Var-000001", "context"), ("Match-000001", "internal"),
    )  # fmt: skip
    subject = commands.subject(Action("UpdateConfig", fields))
    assert "Value-000000: •••, Match-000000: •••, " in subject
    assert value not in subject
    assert subject.endswith("Match-000001: internal")


def test_the_answer_is_shown_as_a_table_and_as_it_came(stand_in: StandIn) -> None:
    events = [
        [["Event", "BridgeListItem"], ["BridgeName", "<b>x</b>"], ["Variable", "A"], ["Variable", "B"]],
        [["Event", "BridgeListItem"], ["Other", "y"]],
    ]
    data = {"fields": [["Response", "Success"]], "events": events, "left_off": 3, "outcome": [["Reason", "4"]]}
    stand_in.answer = Outcome(Status.DONE, data=data)
    html = client_of("Administrator").post(SEND, {"name": "BridgeList"}).content.decode()
    for piece in (
        "&lt;b&gt;x&lt;/b&gt;", "A, B", "2 events", "3 more are not shown", "How it ended",
        "Event: BridgeListItem\nBridgeName: ", '<th scope="col">Other</th>',
    ):  # fmt: skip
        assert piece in html
    assert "<b>x" not in html


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Outcome(Status.REFUSED, "No such channel", NOTHING), "The PBX refused: No such channel"),
        (Outcome(Status.NOT_PERMITTED, "Permission denied", NOTHING), "lacks a privilege"),
        (Outcome(Status.NO_ANSWER), "did not answer in time"),
        (Outcome(Status.NOT_CONNECTED), "not connected to the PBX"),
    ],
)
def test_what_became_of_it_is_said_in_words(stand_in: StandIn, outcome: Outcome, words: str) -> None:
    stand_in.answer = outcome
    assert words in client_of("Administrator").post(SEND, {"name": "Hangup"}).content.decode()


def test_an_originate_without_outcome_says_so(stand_in: StandIn) -> None:
    stand_in.answer = Outcome(Status.DONE, data=NOTHING)
    client = client_of("Administrator")
    assert "did not report in time" in client.post(SEND, {"name": "Originate", "more": "Async: true"}).content.decode()
    assert "did not report in time" not in client.post(SEND, {"name": "Originate"}).content.decode()


# The page.


def test_the_form_is_made_from_what_asterisk_lists(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {
        "system.actions": [
            ["Response", "Success"], ["QueueAdd", "Add <i>.  (Priv: agent,all)"], ["Logoff", "x  (Priv: <none>)"],
        ],
        "system.action_help": ["[Syntax]", "Action: QueueAdd", "Queue: <value>", "[Penalty:] <value>", "[Arguments]"],
    }  # fmt: skip
    monkeypatch.setattr(
        "system.console.views.look_up", lambda pbx, order, parameters=None: Outcome(Status.DONE, data=answers[order])
    )
    client = client_of("Administrator")
    html = client.get("/system/main/action/").content.decode()
    assert "QueueAdd – Add &lt;i&gt;. (agent,all)" in html
    assert "Logoff" not in html
    html = client.get("/system/main/action/form/", {"name": "QueueAdd"}).content.decode()
    assert 'name="field:Queue"' in html
    assert 'name="field:Penalty"' in html
    assert "What Asterisk says about QueueAdd" in html
    assert "concerns the session" in client.get("/system/main/action/form/", {"name": "Login"}).content.decode()


@pytest.mark.parametrize(
    ("answer", "words"),
    [(Outcome(Status.NOT_CONNECTED), "not connected"), (Outcome(Status.NOT_PERMITTED, "Permission denied"), "lacks a")],
)
def test_where_nothing_is_known_the_page_says_why(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, answer: Outcome, words: str
) -> None:
    monkeypatch.setattr("system.console.views.look_up", lambda pbx, order, parameters=None: answer)
    client = client_of("Administrator")
    assert words in client.get("/system/main/action/").content.decode()
    html = client.get("/system/main/action/form/", {"name": "Ping"}).content.decode()
    assert words in html
    assert 'name="more"' in html


@pytest.mark.parametrize("role", [people.NOBODY, "Operator", "Moderator", people.INTEGRATOR])
def test_who_may_not_is_refused_and_nothing_sent(stand_in: StandIn, role: str) -> None:
    client = client_of(role)
    assert client.get("/system/main/action/").status_code == 403
    assert client.get("/system/main/action/form/", {"name": "Ping"}).status_code == 403
    assert client.post(SEND, {"name": "Ping"}).status_code == 403
    assert stand_in.commands == []
    assert not AuditEntry.objects.exists()

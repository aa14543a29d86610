"""Variables and functions: of a channel of a real Asterisk and global ones, who may read which; and the page."""

import time
from typing import Any

import pytest
from django.test import Client

from audit.models import AuditEntry
from calls import variables
from calls.variables import Variable
from engine.mirror.commands import Outcome, Status
from engine.mirror.context import CommandContext
from tests.access import people
from tests.access.people import Asterisk as StandIn
from tests.lab.asterisk import Asterisk
from tests.system.conftest import WithContext

SECRET = "AST_CONFIG(manager.conf,panel,secret)"


@pytest.fixture
def channel(asterisk: Asterisk) -> str:
    """The name of a channel that is up."""
    asterisk.cli("channel originate Local/602@internal application Wait 600")
    deadline = time.monotonic() + 20
    while not (names := [name for name in asterisk.channels() if name.endswith(";2")]):
        assert time.monotonic() < deadline
    return names[0]


async def get(ctx: CommandContext, name: str, channel: str = "") -> Any:
    outcome = await variables.get.carry_out(ctx, "", Variable(channel, name))
    return outcome.data if outcome.done else outcome.text


async def set_(ctx: CommandContext, name: str, value: str, channel: str = "") -> Outcome:
    return await variables.set_.carry_out(ctx, "", Variable(channel, name, value))


async def everything(ctx: CommandContext, channel: str = "") -> Outcome:
    return await variables.everything.carry_out(ctx, "", Variable(channel))


async def test_variables_and_functions_of_a_channel_are_read_and_set(
    asterisk: Asterisk, with_context: WithContext, channel: str
) -> None:
    async with with_context(asterisk) as ctx:
        assert await get(ctx, "CHANNEL(state)", channel) == {"value": "Up", "known": True}
        assert await get(ctx, "GREETING", channel) == {"value": "", "known": True}
        for value in ("a b,c;d|{e}", "Zoë 李雷", "50%", ""):
            outcome = await set_(ctx, "GREETING", value, channel)
            assert (outcome.status, outcome.data) == (Status.DONE, {"value": value, "known": True})
        assert (await set_(ctx, "CALLERID(num)", "0401", channel)).data["value"] == "0401"
        assert await get(ctx, "CALLERID(num)", channel) == {"value": "0401", "known": True}
        await set_(ctx, "GREETING", "hello=world", channel)
        outcome = await everything(ctx, channel)
        assert ["GREETING", "hello=world"] in outcome.data
        assert outcome.data == sorted(outcome.data)


async def test_global_variables_are_read_set_and_listed(asterisk: Asterisk, with_context: WithContext) -> None:
    async with with_context(asterisk) as ctx:
        assert (await set_(ctx, "PANEL_TEST", "a = b")).data == {"value": "a = b", "known": True}
        assert await get(ctx, "PANEL_TEST") == {"value": "a = b", "known": True}
        assert int((await get(ctx, "EPOCH"))["value"]) > 0
        outcome = await everything(ctx)
        assert ["PANEL_TEST", "a = b"] in outcome.data


async def test_what_is_not_there_is_told(asterisk: Asterisk, with_context: WithContext, channel: str) -> None:
    async with with_context(asterisk) as ctx:
        assert await get(ctx, "X", "Local/none") == "No such channel"
        assert (await set_(ctx, "X", "1", "Local/none")).text == "No such channel"
        assert (await everything(ctx, "Local/none")).text == "No such channel"
        assert await get(ctx, "NOSUCH(x)", channel) == {"value": "", "known": False}
        assert await get(ctx, "CHANNEL(nosuch)", channel) == {"value": "", "known": True}
        for name, known in (("NOSUCH(x)", False), ("CHANNEL(nosuch)", True)):
            outcome = await set_(ctx, name, "1", channel)
            assert (outcome.status, outcome.text) == (Status.REFUSED, "Variable not set")
            assert outcome.data == {"known": known}


async def test_dangerous_functions_are_kept_from_ami_by_asterisk(
    asterisk: Asterisk, with_context: WithContext, channel: str
) -> None:
    async with with_context(asterisk) as ctx:
        for name in ("SHELL(echo hi)", "FILE(/etc/passwd)", "STAT(e,/etc/passwd)"):
            assert variables.function_of(name) in variables.DANGEROUS
            assert await get(ctx, name, channel) == {"value": "", "known": True}
        assert (await set_(ctx, "FILE(/tmp/panel)", "1", channel)).text == "Variable not set"
        # That there is something to keep from who may only look:
        assert (await get(ctx, SECRET, channel))["value"] == asterisk.secret


async def test_the_privileges_of_the_manager_user_are_told(
    asterisk: Asterisk, with_context: WithContext, channel: str
) -> None:
    async with with_context(asterisk, url=asterisk.limited_url) as ctx:  # it may report, and nothing else
        assert (await get(ctx, "CHANNEL(state)", channel))["value"] == "Up"
        assert await get(ctx, "SHELL(echo hi)", channel) == "GetVar Access Forbidden: Variable"
        assert (await set_(ctx, "X", "1", channel)).text == "Permission denied"
        assert await get(ctx, "NOSUCH(x)", channel) == {"value": "", "known": None}
        assert (await everything(ctx, channel)).done
        assert (await everything(ctx)).text == "Permission denied"
    async with with_context(asterisk, url=asterisk.listener_url) as ctx:
        assert await get(ctx, "X", channel) == "Permission denied"


def test_what_the_cli_prints_of_global_variables_is_read() -> None:
    lines = ["   B=1", "   A=first line", "second line", "   C=", "", "    -- 3 variable(s)"]
    assert variables.globals_in(lines) == [["A", "first line\nsecond line"], ["B", "1"], ["C", ""]]
    assert variables.globals_in([]) == []


@pytest.mark.parametrize(
    ("name", "function", "harmless"),
    [
        ("EPOCH", "", True), ("CHANNEL(state)", "CHANNEL", True), ("CALLERID(num)", "CALLERID", True),
        ("SHELL(id)", "SHELL", False), ("shell(id)", "shell", False), ("CURL(http://x)", "CURL", False),
        ("DB_DELETE(a/b)", "DB_DELETE", False), ("FILE(/x)", "FILE", False), ("DB(a/b)", "DB", False),
        (f"MASTER_CHANNEL({SECRET})", "MASTER_CHANNEL", False), ("CUT(SHELL(id),x,1)", "CUT", False),
        ("VM_INFO(100@default,password)", "VM_INFO", False),
        (SECRET, "AST_CONFIG", False), ("EVAL(${SHELL(id)})", "EVAL", False), ("ENV(PATH)", "ENV", False),
        (" SHELL(id)", " SHELL", False), ("CHANNEL (state)", "CHANNEL ", False), ("x)", "", False), ("()", "", False),
        ("SHELL(id", "", True),
    ],
)  # fmt: skip
def test_only_functions_known_to_be_harmless_are(name: str, function: str, harmless: bool) -> None:
    assert variables.function_of(name) == function
    assert variables.is_harmless(name) is harmless


# The page.


def client_of(role: str) -> Client:
    client = Client()
    client.force_login(people.person(role, name=role))
    return client


@pytest.mark.parametrize("name", ["SHELL(id)", " SHELL(id) ", "CURL(http://x)", "DB_DELETE(a/b)", "FILE(/x)", SECRET])
def test_who_may_only_see_variables_does_not_read_what_does_or_reveals_more(name: str, stand_in: StandIn) -> None:
    stand_in.found = {"pbx.get-variable": {"value": "secret", "known": True}}
    response = client_of("Integrator").post("/system/main/variables/get/", {"name": name})
    assert response.status_code == 403
    assert "permission to set variables" in response.content.decode()
    assert stand_in.commands == []
    assert AuditEntry.objects.get().status == "forbidden"
    assert client_of("Administrator").post("/system/main/variables/get/", {"name": name}).status_code == 200


def test_an_integrator_reads_and_sets_nothing(stand_in: StandIn) -> None:
    stand_in.found = {
        "pbx.get-variable": {"value": "Up<b>", "known": True},
        "pbx.list-variables": [["A", "<i>"]],
    }
    client = client_of("Integrator")
    response = client.post("/system/main/variables/get/", {"channel": "PJSIP/101-1", "name": "CHANNEL(state)"})
    assert "Up&lt;b&gt;" in response.content.decode()
    assert "&lt;i&gt;" in client.post("/system/main/variables/all/", {"channel": "PJSIP/101-1"}).content.decode()
    assert client.post("/system/main/variables/set/", {"name": "X", "value": "1"}).status_code == 403
    html = client.get("/system/main/variables/").content.decode()
    assert 'data-action="set"' not in html
    assert '<option value="PJSIP/101-00000011">' in html
    entries = AuditEntry.objects.order_by("pk").values_list("verb", "subject")
    assert list(entries) == [
        ("get-variable", "CHANNEL(state) of PJSIP/101-1"),
        ("list-variables", "PJSIP/101-1"),
    ]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"name": ""}, "Enter the name"),
        ({"name": "X\nY"}, "in one line"),
        ({"name": "X", "channel": "a\r\nAction: Logoff"}, "in one line"),
        ({"name": "X" * 1001}, "too long"),
        ({"name": "X", "value": "a\nb"}, "in one line"),
    ],
)
def test_what_cannot_be_sent_is_not(data: dict[str, str], words: str, stand_in: StandIn) -> None:
    response = client_of("Administrator").post("/system/main/variables/set/", data)
    assert response.status_code == 400
    assert words in response.content.decode()
    assert stand_in.commands == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Outcome(Status.NOT_CONNECTED), "not connected to the PBX"),
        (Outcome(Status.REFUSED, "No such channel"), "There is no such channel"),
        (Outcome(Status.NOT_PERMITTED, "Permission denied"), "lacks a privilege"),
        (Outcome(Status.REFUSED, "GetVar Access Forbidden: Variable"), "would need the class “system”"),
        (Outcome(Status.REFUSED, "Variable not set", {"known": False}), "Asterisk has no function SHELL"),
        (Outcome(Status.REFUSED, "Variable not set", {"known": True}), "live_dangerously"),
    ],
)
def test_failures_are_put_into_words(answer: Outcome, words: str, stand_in: StandIn) -> None:
    stand_in.answer = answer
    client = client_of("Administrator")
    response = client.post("/system/main/variables/set/", {"name": "SHELL(x)", "value": "1"})
    assert response.status_code in (409, 503)
    assert words in response.content.decode()


@pytest.mark.parametrize(
    ("name", "known", "words"),
    [
        ("X", True, "Empty, or not set."), ("CHANNEL(x)", True, "the function returns nothing"),
        ("NOSUCH(x)", False, "Asterisk has no function NOSUCH"), ("SHELL(x)", True, "live_dangerously"),
    ],
)  # fmt: skip
def test_an_empty_answer_is_explained(name: str, known: bool, words: str, stand_in: StandIn) -> None:
    stand_in.found = {"pbx.get-variable": {"value": "", "known": known}}
    response = client_of("Administrator").post("/system/main/variables/get/", {"name": name})
    assert words in response.content.decode()

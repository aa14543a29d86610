"""The CLI: which commands somebody may give, what Asterisk prints, how a line goes on, and what is on record."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.test import Client

from audit.models import AuditEntry
from engine.ami import actions
from engine.mirror import sanitize
from engine.mirror.commands import Outcome, Status
from engine.mirror.context import CommandContext
from system.cli import commands as cli
from system.cli import rules
from system.cli.models import CliRules
from system.cli.rules import Malformed, Rules, line_of, words_of
from tests.access import people
from tests.access.people import Asterisk as StandIn
from tests.lab.asterisk import Asterisk
from tests.system.conftest import WithContext

ALL = Rules(allowed=("*",))


def reply(*lines: str, status: Status = Status.DONE, words: str = "Command output follows") -> Outcome:
    """What Asterisk answers to a `Command` that prints these lines."""
    response = "Success" if status is Status.DONE else "Error"
    fields = [["Response", response], ["Message", words], *(["Output", line] for line in lines)]
    return Outcome(status, words, {"fields": fields, "events": [], "left_off": 0})


def client_of(role: str) -> Client:
    client = Client()
    client.force_login(people.person(role, name=role))
    return client


def give(client: Client, command: str, **data: str) -> Any:
    return client.post("/system/main/cli/give/", {"command": command, **data})


async def run(ctx: CommandContext, line: str) -> Outcome:
    return await cli.run_line.carry_out(ctx, "", cli.Line(line))


def allow(allowed: str, refused: str = "", group: str = "Administrator") -> None:
    CliRules.objects.update_or_create(
        group=Group.objects.get(name=group), defaults={"allowed": allowed, "refused": refused}
    )


def gives_of(asterisk: StandIn) -> list[str]:
    assert {str(command.verb) for command in asterisk.commands} <= {"pbx.cli"}
    return [command.parameters.line for command in asterisk.commands if isinstance(command.parameters, cli.Line)]


# The rules.


@pytest.mark.parametrize(
    ("rule", "command", "matches"),
    [
        ("core show *", "core show channels", True),
        ("core show *", "core show", True),
        ("core show *", "core  show\tchannels   concise", True),
        ("core show *", "CORE Show channels", True),
        ("core show *", "core showchannels", False),
        ("core show *", "core set verbose 3", False),
        ("core show *", "core", False),
        ("core show *", "xcore show channels", False),
        ("module reload", "module reload", True),
        ("module reload", "module reload res_pjsip.so", False),
        ("module reload res_*", "module reload res_pjsip.so", True),
        ("module reload res_*", "module reload chan_sip.so", False),
        ("database show panel*", "database show panel/x", True),
        ("queue * member", "queue add member", True),
        ("queue * member", "queue add", False),
        ("core.show *", "coreXshow channels", False),
        ("*", "anything at all", True),
    ],
)
def test_a_rule_is_meant_word_by_word(rule: str, command: str, matches: bool) -> None:
    assert rules.matches(rule, words_of(command)) is matches


@pytest.mark.parametrize(
    "command",
    ["core show channels", "pjsip show endpoint 101", "confbridge list 8001", "dialplan show internal", "queue show",
     "module show like pjsip", "parking show default", "sip show peers", "manager show command Originate",
     "pjsip show auths"],
)  # fmt: skip
def test_everybody_may_look(command: str) -> None:
    assert rules.allows([], words_of(command))
    assert not rules.changes(words_of(command))


@pytest.mark.parametrize(
    "command",
    ["core restart now", "core stop now", "module unload res_pjsip.so", "database show", "database put a b c",
     "manager show user panel", "manager show settings", "pjsip show auth 101", 'pjsip show "auth" 101',
     "core show channel PJSIP/101-1", "sip show users", "iax2 show users like x",
     "PJSIP SHOW AUTH 101", "pjsip show a\\uth 101", 'pjsip show a"ut"h 101', "pjsip  show\tauth\t101",
     "dialplan show globals", "dialplan show chanvar PJSIP/101-1", "confbridge show profile user x",
     "channel originate Local/1@x application System rm", "dialplan eval function SHELL(ls)",
     "_command matchesarray \"database show \" \"\"", "core", "show core", "core\u00a0show channels"],
)  # fmt: skip
def test_nobody_may_what_no_rule_allows(command: str) -> None:
    assert not rules.allows([], words_of(command))


@pytest.mark.parametrize(
    ("command", "changes"),
    [
        ("core restart now", True), ("core stop now", True), ("module reload", True), ("database del show x", True),
        ("channel request hangup all", True), ("reload", True), ("_command matchesarray show show", True),
        ("database show x", False), ("manager show user panel", False), ("bridge technology show", False),
        ("config list", False),
    ],
)  # fmt: skip
def test_what_does_not_merely_look_is_asked_about(command: str, changes: bool) -> None:
    assert rules.changes(words_of(command)) is changes


def test_rules_of_a_group_allow_what_everybody_may_not_and_refuse_what_he_may() -> None:
    reload = Rules(allowed=("module reload *",))
    strict = Rules(refused=("core show channel *", "module reload chan_*"))
    assert rules.allows([reload], words_of("module reload res_pjsip.so"))
    assert rules.allows([Rules(allowed=("pjsip show auth *",))], words_of("pjsip show auth 101"))
    assert not rules.allows([strict], words_of("core show channel PJSIP/101-1"))
    assert not rules.allows([ALL, strict], words_of('core "show" channel PJSIP/101-1'))
    assert rules.allows([ALL, strict], words_of("core show channels"))
    assert not rules.allows([reload, strict], words_of("module reload chan_sip.so"))


@pytest.mark.parametrize(
    "command",
    ["", "   ", "!ls", "! ls", '"!ls"', "\\!ls", "core show\nversion", "core show\r\nAction: Logoff", "core show\0",
     "core show \x1b[1m", "core show \u2028x", 'core show "version', "core show version\\", "x" * 401, "a " * 61,
     "core show \ud800"],
)  # fmt: skip
def test_what_is_no_command_is_none_whatever_the_rules(command: str) -> None:
    with pytest.raises(Malformed):
        words_of(command)


@pytest.mark.parametrize(
    "words",
    [
        ["core", "show", "version"],
        ["a b", "c"],
        ['say "x"', "\\", "\\\\"],
        ["", "x"],
        ["tab\there"],
        ["'", "#;|&$(x)`"],
    ],
)
def test_a_line_is_read_as_the_words_it_is_made_of(words: list[str]) -> None:
    assert words_of(line_of(words)) == words


@pytest.mark.parametrize("rule", ["!*", "! ls", 'core "show" *', "core\\ show"])
def test_what_can_be_no_rule_is_refused_in_its_line(rule: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(f"{rule}: ".replace("\\", "\\\\"))):
        CliRules(allowed=f"core show *\n{rule} ; a note").clean_fields(exclude=["group"])
    CliRules(allowed="core show * ; a note\n\nmodule reload *").clean_fields(exclude=["group"])


# The real Asterisk.


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("core show version", ["core", "show", "version"]),
        ('"core"  "show"\tver\\sion', ["core", "show", "version"]),
        ('dialplan show "no where"', ["dialplan", "show", "no where"]),
        ('dialplan show "no \\"where\\""', ["dialplan", "show", 'no "where"']),
        ("dialplan show no\\ where", ["dialplan", "show", "no where"]),
        ("dialplan show a\\\\b", ["dialplan", "show", "a\\b"]),
        ("dialplan show 李雷", ["dialplan", "show", "李雷"]),
    ],
)
async def test_asterisk_reads_the_words_that_were_judged(
    asterisk: Asterisk, with_context: WithContext, typed: str, words: list[str]
) -> None:
    assert words_of(typed) == words
    async with with_context(asterisk) as ctx:
        lines = (await run(ctx, line_of(words))).reply.all("Output")
    if words[0] == "core":
        assert lines[0].startswith("Asterisk ")
    else:
        assert lines[0] == f"There is no existence of '{words[2]}' context"


@pytest.mark.parametrize(
    "trick",
    ["!ls", "core show version; core stop now", "core show version | ls", "core show version && core stop now",
     "core show version `core stop now`", "core show version $(core stop now)", "core show version # core stop now"],
)  # fmt: skip
async def test_one_command_is_one_and_never_a_shells(asterisk: Asterisk, with_context: WithContext, trick: str) -> None:
    async with with_context(asterisk) as ctx:
        outcome = await run(ctx, trick)
        assert outcome.status is Status.REFUSED
        lines = outcome.reply.all("Output")
        assert lines[0].startswith("No such command") or "Usage: core show version" in lines
        assert (await ctx.ask(actions.ping())).ok


async def test_words_are_not_shortened_for_a_rule_to_miss(asterisk: Asterisk, with_context: WithContext) -> None:
    """Else `pjsip show aut 101` would show what the rule for `pjsip show auth` refuses."""
    async with with_context(asterisk) as ctx:
        for line in ("pjsip show aut 101", "pjs show auth 101", "dialplan show global", "dialplan sho globals"):
            entry = cli.entry_of(line, await run(ctx, line))
            assert entry.lines[0].startswith(("No such command", "There is no existence")), line


async def test_an_answer_keeps_its_columns(asterisk: Asterisk, with_context: WithContext) -> None:
    async with with_context(asterisk) as ctx:
        entry = cli.entry_of("pjsip show endpoints", await run(ctx, "pjsip show endpoints"))
    assert entry.failure == ""
    assert any(re.match(r" Endpoint:  101/101 {10,}\S", line) for line in entry.lines)
    assert "\x1b" not in "".join(entry.lines)


@pytest.mark.parametrize(
    ("command", "failure", "printed"),
    [
        ("core shwo channels", "does not know this command", "No such command 'core shwo channels'"),
        ("dialplan show nowhere", "The command failed.", "There is no existence of 'nowhere' context"),
        ("channel originate", "The command failed.", "There are two ways to use this command"),
        ("module unload res_nothing.so", "does not permit this command over AMI", ""),
    ],
)
async def test_what_goes_wrong_is_shown_as_an_error(
    asterisk: Asterisk, with_context: WithContext, command: str, failure: str, printed: str
) -> None:
    async with with_context(asterisk) as ctx:
        entry = cli.entry_of(command, await run(ctx, command))
    assert failure in entry.failure
    assert printed in "\n".join(entry.lines)


@pytest.mark.parametrize("who", ["limited_url", "listener_url"])
async def test_without_the_class_command_nothing_is_given_or_completed(
    asterisk: Asterisk, with_context: WithContext, who: str
) -> None:
    async with with_context(asterisk, url=getattr(asterisk, who)) as ctx:
        entry = cli.entry_of("core show version", await run(ctx, "core show version"))
        assert "its manager user lacks a privilege" in entry.failure
        assert entry.lines == []
        outcome = await cli.matches(ctx, {"line": "core sh", "last": "sh"})
        assert (outcome.status, outcome.text) == (Status.NOT_PERMITTED, "Permission denied")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("core sh", {"show"}),
        ("core show cha", {"channel", "channels", "channeltype", "channeltypes"}),
        ("pjsip show endpoint ", {"101", "102", "trunk"}),
        ("module reload res_pj", {"res_pjsip.so"}),
        ("", {"core", "pjsip", "dialplan"}),
        ("no such command ", set()),
        ('core show x" "', set()),
        ('core show x\\" "core ', set()),
    ],
)
async def test_asterisk_tells_how_a_line_goes_on(
    asterisk: Asterisk, with_context: WithContext, line: str, found: set[str]
) -> None:
    async with with_context(asterisk) as ctx:
        _head, last = cli._split(line)
        words = (await cli.matches(ctx, {"line": line, "last": last})).data
    assert found <= set(words)
    assert "_EOF_" not in words
    assert all(word.startswith(last) for word in words)
    assert bool(found) == bool(words)


def test_what_only_a_terminal_understands_is_taken_away() -> None:
    assert sanitize.columns("\x1b[1;32m  State\x1b[0m\t Up \x07\u202e") == "  State\t Up "
    assert sanitize.columns("李雷   101") == "李雷   101"


# The page.


def test_an_answer_is_shown_and_on_record(stand_in: StandIn) -> None:
    stand_in.answer = reply("Channel              Location", "<script>alert(1)</script>", "0 active channels")
    html = give(client_of("Administrator"), "  core   show channels ").content.decode()
    assert "Channel              Location\n&lt;script&gt;alert(1)&lt;/script&gt;\n0 active channels" in html
    assert gives_of(stand_in) == ["core show channels"]
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.subject, entry.topic, entry.status) == ("cli", "core show channels", "cli", "done")
    assert entry.what == "CLI command"


@pytest.mark.parametrize("sure", ["", "yes"])
def test_what_no_rule_allows_is_refused_on_record_and_says_what_it_takes(stand_in: StandIn, sure: str) -> None:
    html = give(client_of("Administrator"), "core restart now", sure=sure).content.decode()
    assert "the rule “core restart now”" in html
    assert "You can add it" in html
    assert "Run it anyway" not in html
    assert stand_in.commands == []
    entry = AuditEntry.objects.get()
    assert (entry.subject, entry.status) == ("core restart now", "forbidden")
    assert "core restart now" in entry.answer


def test_who_cannot_add_the_rule_is_told_who_can(stand_in: StandIn) -> None:
    client = client_of("Administrator")
    administrators = Group.objects.get(name="Administrator")
    administrators.permissions.remove(*administrators.permissions.filter(codename="add_clirules"))
    assert "An administrator can add it" in give(client, "core restart now").content.decode()


def test_a_rule_that_refuses_is_said_to(stand_in: StandIn) -> None:
    client = client_of("Administrator")
    allow("*", "core show channel *")
    assert "A rule of one of your groups refuses" in give(client, "core show channel x").content.decode()
    assert stand_in.commands == []


def test_what_changes_something_is_asked_about_first(stand_in: StandIn) -> None:
    client = client_of("Administrator")
    allow("core restart *")
    html = give(client, "core restart now").content.decode()
    assert "Run it anyway" in html
    assert stand_in.commands == []
    assert not AuditEntry.objects.exists()
    stand_in.answer = reply()
    html = give(client, "core restart now", sure="yes").content.decode()
    assert "Asterisk printed nothing" in html
    assert gives_of(stand_in) == ["core restart now"]


def test_a_rule_is_for_the_members_of_its_group(stand_in: StandIn) -> None:
    client = client_of("Administrator")
    allow("core restart *", group="Moderator")
    give(client, "core restart now", sure="yes")
    assert stand_in.commands == []
    User.objects.get(username="Administrator").groups.add(Group.objects.get(name="Moderator"))
    give(client, "core restart now", sure="yes")
    assert gives_of(stand_in) == ["core restart now"]


@pytest.mark.parametrize("command", ["", "!ls", "core show\nversion", 'core show "x', "a\r\nAction: Logoff", "x" * 401])
def test_what_is_no_command_is_not_sent_whatever_the_rules(stand_in: StandIn, command: str) -> None:
    client = client_of("Administrator")
    allow("*")
    response = give(client, command, sure="yes")
    assert response.status_code == 400
    assert "cli-failure" in response.content.decode()
    assert "HX-Trigger" not in response, "what was typed stays in the line"
    assert stand_in.commands == []


def test_a_rule_for_everything_sends_the_words_that_were_read(stand_in: StandIn) -> None:
    client = client_of("Administrator")
    allow("*")
    give(client, 'queue  pause   "PJSIP/1 01" reason\\ x', sure="yes")
    assert gives_of(stand_in) == ['queue pause "PJSIP/1 01" "reason x"']


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Outcome(Status.NO_ANSWER), "may still be running"),
        (Outcome(Status.NOT_CONNECTED), "not connected to the PBX"),
        (Outcome(Status.NOT_PERMITTED, "Permission denied"), "lacks a privilege"),
        (reply("No such command 'x'"), "does not know this command"),
    ],
)
def test_what_became_of_it_is_said_in_words(stand_in: StandIn, outcome: Outcome, words: str) -> None:
    stand_in.answer = outcome
    html = give(client_of("Administrator"), "core show x").content.decode()
    assert words in html
    assert "is-failed" in html


def test_a_long_answer_is_cut_and_all_of_it_at_hand(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    client = client_of("Administrator")
    stand_in.answer = reply(*(f"line {number}" for number in range(cli.FIRST_LINES + 5)))
    html = give(client, "core show functions").content.decode()
    assert "Show 5 more lines" in html
    first, rest = html.split("Show 5 more lines")
    assert f"line {cli.FIRST_LINES - 1}\n" in first
    assert f"line {cli.FIRST_LINES + 4}\n" in rest
    monkeypatch.setattr(cli, "MOST_LINES", 20)
    html = give(client, "core show functions").content.decode()
    assert "line 19\n" in html
    assert "line 20\n" not in html
    assert f"{cli.FIRST_LINES - 15} more lines are too many" in html


def test_the_history_is_mine_and_survives(stand_in: StandIn) -> None:
    client, other = client_of("Administrator"), people.person("Administrator", name="other")
    for command in ("core show version", "core show version", "core restart now", "core show channels"):
        give(client, command)
    assert cli.history_of(User.objects.get(username="Administrator")) == [
        "core show version", "core restart now", "core show channels",
    ]  # fmt: skip
    assert cli.history_of(other) == []
    html = client.get("/system/main/cli/").content.decode()
    assert '["core show version", "core restart now", "core show channels"]' in html


def test_the_page_tells_what_one_may_use(stand_in: StandIn) -> None:
    client = client_of("Administrator")
    allow("module reload *", "core show channel *")
    html = client.get("/system/main/cli/").content.decode()
    for rule in ("module reload *", "core show channel *", "pjsip show *", "pjsip show auth *"):
        assert f"<code>{rule}</code>" in html


@pytest.mark.parametrize(
    ("line", "found", "completed", "options"),
    [
        ("core sh", ["show"], "core show ", ["show"]),
        ("core show cha", ["channel", "channels", "channeltype"], "core show channel", ["channels", "channeltype"]),
        ("core ", ["reload", "restart", "show", "stop"], "core show ", ["show"]),
        ("pjsip show a", ["aor", "aors", "auth", "auths"], "pjsip show a", ["aor", "aors", "auths"]),
        ("core show Cha", ["channel", "channels"], "core show channels ", ["channels"]),
        ("core show x", [], "core show x", []),
    ],
)  # fmt: skip
def test_only_what_one_may_give_is_offered(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, line: str, found: list[str], completed: str, options: list[str]
) -> None:
    monkeypatch.setattr("system.cli.commands.look_up", lambda pbx, order, parameters: Outcome(Status.DONE, data=found))
    answer = client_of("Administrator").get("/system/main/cli/complete/", {"line": line}).json()
    assert (answer["line"], answer["options"]) == (completed, options)
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("line", ["database show ", "manager show user ", 'core show "x y', "core\nshow ", "x" * 500])
def test_asterisk_is_not_asked_how_what_one_may_not_goes_on(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    def look(*arguments: Any) -> Outcome:
        raise AssertionError(arguments)

    client = client_of("Administrator")
    monkeypatch.setattr("system.cli.commands.look_up", look)
    assert client.get("/system/main/cli/complete/", {"line": line}).json()["options"] == []


def test_why_nothing_completes_is_said(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    client = client_of("Administrator")
    for refused, words in (
        (Outcome(Status.NOT_PERMITTED, "Permission denied"), "lacks a privilege"),
        (Outcome(Status.REFUSED, "Command output follows"), "does not support command completion"),
    ):
        monkeypatch.setattr("system.cli.commands.look_up", lambda pbx, order, parameters, refused=refused: refused)
        assert words in client.get("/system/main/cli/complete/", {"line": "core "}).json()["failure"]


@pytest.mark.parametrize("role", [people.NOBODY, "Operator", "Moderator", people.INTEGRATOR])
def test_who_may_not_is_refused_and_nothing_sent(stand_in: StandIn, role: str) -> None:
    client = client_of(role)
    assert client.get("/system/main/cli/").status_code == 403
    assert client.get("/system/main/cli/complete/", {"line": "core"}).status_code == 403
    assert give(client, "core show version").status_code == 403
    assert stand_in.commands == []
    assert not AuditEntry.objects.exists()


# The admin.


def test_rules_are_written_in_the_admin(stand_in: StandIn) -> None:
    user = people.person("Administrator", name="root", staff=True)
    client = Client()
    client.force_login(user)
    group = Group.objects.get(name="Administrator")
    wrong = client.post("/admin/system/clirules/add/", {"group": group.pk, "allowed": "core restart now\n!ls"})
    assert "!ls: Commands of the system" in wrong.content.decode()
    assert not CliRules.objects.exists()
    client.post("/admin/system/clirules/add/", {"group": group.pk, "allowed": "core restart now ; at night"})
    assert cli.rules_of(user) == [Rules(("core restart now",), ())]

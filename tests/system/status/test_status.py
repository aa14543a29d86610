"""The page of a PBX: what Asterisk says of itself, what is counted, and reloading."""

import asyncio
import time
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.test import Client

from audit.models import AuditEntry
from engine.ami import actions
from engine.ami.errors import ConnectFailed, LinkLost, LoginRefused
from engine.ami.protocol import Action
from engine.mirror import commands
from engine.mirror.commands import Outcome, Status
from engine.mirror.context import CommandContext
from system.status import chart
from system.status import commands as status
from system.status.commands import Reload
from tests.access import people
from tests.access.people import Asterisk as StandIn
from tests.lab.asterisk import Asterisk
from tests.system.conftest import WithContext

FOUND = {
    "version": "22.10.0", "ami": "11.0.0", "started": "2026-11-27 07:00:00", "reloaded": "2026-11-27 07:30:00",
    "up": 3723, "since_reload": 1923, "channels": "2", "processed": "17", "most": "0",
    "seconds": [[0, 0, 0, 0], [4, 0, 0, 0], [0, 2, 0, 0]], "kinds": [["Newchannel", 4], ["Hangup", 2]], "unread": 5,
}  # fmt: skip


def client_of(role: str) -> Client:
    client = Client()
    client.force_login(people.person(role, name=role))
    return client


async def reload(ctx: CommandContext, module: str = "") -> Outcome:
    return await status.reload.carry_out(ctx, "", Reload(module))


async def test_an_asterisk_tells_how_it_is(asterisk: Asterisk, with_context: WithContext) -> None:
    async with with_context(asterisk) as ctx:
        data = (await status.status(ctx, {})).data
        before = int(data["processed"])
        assert data["version"].startswith(f"{asterisk.version}.")
        assert data["channels"] == "0"
        assert 0 <= data["up"] < 3 * 3600
        assert data["up"] >= data["since_reload"] >= 0
        asterisk.cli("channel originate Local/602@internal extension 602@internal")
        async with asyncio.timeout(20):  # a call counts as processed once its dialplan runs
            while int((data := (await status.status(ctx, {})).data)["processed"]) <= before:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert int(data["channels"]) >= 1
        await asyncio.sleep(1.1)  # its clock knows only seconds
        assert (await reload(ctx)).done
        data = (await status.status(ctx, {})).data
        assert datetime.fromisoformat(data["reloaded"]) > datetime.fromisoformat(data["started"])
        assert data["since_reload"] < 60


async def test_the_modules_of_an_asterisk_are_named(asterisk: Asterisk, with_context: WithContext) -> None:
    async with with_context(asterisk) as ctx:
        modules = (await status.modules(ctx, {})).data
    assert {"res_pjsip.so", "app_confbridge.so", "pbx_config.so"} <= set(modules)
    assert modules == sorted(modules)


async def test_an_unknown_module_is_refused(asterisk: Asterisk, with_context: WithContext) -> None:
    async with with_context(asterisk) as ctx:
        outcome = await reload(ctx, "res_nothing.so")
        assert outcome.status is Status.REFUSED
        assert "module" in outcome.text.lower()
        assert (await reload(ctx, "res_pjsip.so")).done


async def test_a_user_who_may_not_look_is_told(asterisk: Asterisk, with_context: WithContext) -> None:
    async with with_context(asterisk, url=asterisk.listener_url) as ctx:
        outcome = await status.status(ctx, {})
        assert (outcome.status, outcome.text) == (Status.NOT_PERMITTED, "Permission denied")
        assert (await reload(ctx)).text == "Permission denied"


async def test_a_whole_answer_is_handed_on_and_no_more_than_that(
    asterisk: Asterisk, with_context: WithContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with with_context(asterisk) as ctx:
        reply = (await ctx.reply_to(actions.command("core show version"))).reply
        assert reply.all("Output")[0].startswith("Asterisk ")
        assert reply.get("Response") == "Success"
        listed = (await ctx.reply_to(actions.extension_state_list())).reply
        assert len(listed.events) >= 9
        assert listed.left_off == 0
        assert {commands.first(event, "Event") for event in listed.events} == {"ExtensionStatus"}
        monkeypatch.setattr("engine.mirror.context.EVENTS_HANDED_ON", 3)
        cut = (await ctx.reply_to(actions.extension_state_list())).reply
        assert (len(cut.events), cut.left_off) == (3, len(listed.events) - 3)


async def test_what_takes_too_long_leaves_the_link_as_it_is(asterisk: Asterisk, with_context: WithContext) -> None:
    call = (("Channel", "Local/603@internal"), ("Application", "Wait"), ("Data", "1"), ("Timeout", "30000"))
    async with with_context(asterisk) as ctx:
        late = CommandContext(ctx.session, ctx.state, 7, time.time() + 0.5)
        with pytest.raises(LinkLost, match="did not answer Originate"):  # which rings until then
            await late.reply_to(Action("Originate", call))
        assert (await ctx.ask(actions.ping())).ok
        over = CommandContext(ctx.session, ctx.state, 7, time.time() - 0.1)
        for sending in (over.reply_to(actions.reload()), over.run(actions.ping()), over.run_all([actions.ping()])):
            with pytest.raises(LinkLost, match="Time ran out"):
                await sending


async def test_where_no_session_can_be_had_nothing_was_sent(asterisk: Asterisk, with_context: WithContext) -> None:
    async with with_context(asterisk) as ctx:
        ctx.session.address = replace(ctx.session.address, secret="wrong-one")
        with pytest.raises(LoginRefused):
            await reload(ctx)
        ctx.session.address = replace(ctx.session.address, port=1)
        with pytest.raises(ConnectFailed):
            await reload(ctx)


def test_events_are_counted_by_second_and_by_name() -> None:
    seconds = [Counter({"Newchannel": 2, "": 7}), Counter({"Hangup": 1, "": 1}), Counter()]
    found = status.heard(seconds)
    assert found == {
        "seconds": [[2, 0, 0, 7], [0, 1, 0, 1], [0, 0, 0, 0]], "kinds": [["Newchannel", 2], ["Hangup", 1]], "unread": 8
    }  # fmt: skip


def test_the_rarest_events_are_told_together() -> None:
    kinds = status.heard([Counter({f"E{n}": n for n in range(1, status.KINDS + 3)})])["kinds"]
    assert len(kinds) == status.KINDS + 1
    assert kinds[0] == [f"E{status.KINDS + 2}", status.KINDS + 2]
    assert kinds[-1] == ["", 3]


def test_the_chart_is_as_high_as_its_highest_bar_and_ends_now() -> None:
    drawn = chart.bars([[0, 0, 0], [6, 3, 1], [5, 0, 0]])
    assert [(bar.colour, bar.height) for bar in drawn] == [
        ("0", chart.HEIGHT * 0.6), ("", chart.HEIGHT * 0.4), ("0", chart.HEIGHT / 2)
    ]  # fmt: skip
    assert [(bar.x, bar.y) for bar in drawn] == [
        (chart.WIDTH - 10, chart.HEIGHT * 0.4), (chart.WIDTH - 10, 0), (chart.WIDTH - 5, chart.HEIGHT / 2)
    ]  # fmt: skip
    assert chart.bars([]) == []


def test_more_kinds_than_colours_share_one() -> None:
    drawn = chart.bars([[1] * (chart.COLOURS + 3) + [0, 2]])
    assert [bar.colour for bar in drawn] == [*map(str, range(chart.COLOURS)), ""]
    assert drawn[-1].y == pytest.approx(0, abs=0.5)
    assert [chart.colour_of(kind, 2) for kind in range(3)] == ["0", "1", ""]


# The page.


def test_the_page_tells_what_was_found(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("system.status.views.look_up", lambda pbx, order: Outcome(Status.DONE, data=FOUND))
    html = client_of("Administrator").get("/system/main/").content.decode()
    for text in ("Asterisk 22.10.0", "1:02:03", "32:03 ago", ">2<", ">17<", "Newchannel", "2.0 on average, 4 at most"):
        assert text in html
    assert html.count("<rect ") == 2
    assert not AuditEntry.objects.exists(), "looking leaves no trace"


@pytest.mark.parametrize("answer", [Outcome(Status.NOT_CONNECTED), Outcome(Status.NOT_PERMITTED, "Permission denied")])
def test_where_nothing_is_known_the_page_says_why(
    answer: Outcome, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("system.status.views.look_up", lambda pbx, order: answer)
    client = client_of("Administrator")
    for path in ("/system/main/", "/system/main/status/"):
        html = client.get(path).content.decode()
        assert ("not connected to the PBX" in html) == (answer.status is Status.NOT_CONNECTED)
        assert ("lacks a privilege" in html) == (answer.status is Status.NOT_PERMITTED)
        assert "Events per second" not in html


def test_a_pbx_that_is_not_up_is_not_asked(stand_in: StandIn) -> None:
    people.pbx("other", link="down")
    assert commands.look_up("other", "system.status").status is Status.NOT_CONNECTED
    people.pbx("lost", heard=timedelta(seconds=60))
    assert commands.look_up("lost", "system.status").status is Status.NOT_CONNECTED
    assert commands.look_up("nowhere", "system.status").status is Status.NOT_CONNECTED


def test_a_reload_is_on_record_with_its_module(stand_in: StandIn) -> None:
    client = client_of("Administrator")
    response = client.post("/system/main/reload/", {"module": " res_pjsip.so "})
    assert "res_pjsip.so was reloaded." in response.content.decode()
    assert "Everything was reloaded." in client.post("/system/main/reload/").content.decode()
    assert [str(command.verb) for command in stand_in.commands] == ["pbx.reload"] * 2
    assert [command.parameters for command in stand_in.commands] == [Reload("res_pjsip.so"), Reload("")]
    entries = AuditEntry.objects.order_by("pk").values_list("verb", "subject", "status")
    assert list(entries) == [("reload", "res_pjsip.so", "done"), ("reload", "*", "done")]


@pytest.mark.parametrize("module", ["a\r\nAction: Logoff", "a b", "../x", "m" * 81])
def test_a_name_that_is_no_modules_is_not_sent(module: str, stand_in: StandIn) -> None:
    response = client_of("Administrator").post("/system/main/reload/", {"module": module})
    assert response.status_code == 400
    assert stand_in.commands == []


def test_an_unknown_module_is_said_to_be_that(stand_in: StandIn) -> None:
    stand_in.answer = Outcome(Status.REFUSED, "No such module")
    response = client_of("Administrator").post("/system/main/reload/", {"module": "res_nothing.so"})
    assert response.status_code == 409
    assert "has no module of this name" in response.content.decode()


def test_the_way_in_leads_to_the_first_page_that_is_for_me(stand_in: StandIn) -> None:
    assert client_of("Integrator").get("/system/")["Location"] == "/system/main/"
    assert client_of("Operator").get("/system/").status_code == 403
    assert b'href="/system/"' not in client_of("Viewer").get("/").content
    assert b'href="/system/"' in client_of("Administrator").get("/").content


def test_without_a_pbx_the_page_says_so(db: None) -> None:
    assert b"No PBX yet." in client_of("Administrator").get("/system/").content

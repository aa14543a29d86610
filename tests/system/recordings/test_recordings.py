"""Recording: what a real Asterisk writes where, what it tells of it, and its refusals; and the page."""

import time
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from audit.models import AuditEntry
from calls import recordings
from calls.models import Channel
from engine.ami import actions
from engine.ami.client import Session
from engine.ami.transports import Address
from engine.mirror import sync
from engine.mirror.commands import Outcome, Status
from engine.mirror.context import CommandContext
from engine.mirror.state import State
from engine.mirror.verbs import P, Parameters, Verb
from system.recordings import commands as recording
from system.recordings.views import file_name
from tests.access import people
from tests.access.people import Asterisk as StandIn
from tests.lab.asterisk import Asterisk
from tests.system.conftest import WithContext
from tests.waiting import until


@pytest.fixture
def channel(asterisk: Asterisk) -> str:
    """The name of a channel that is up, and talks."""
    asterisk.cli("channel originate Local/601@internal application Wait 600")
    until(lambda: len(asterisk.channels()) == 2)
    return next(name for name in asterisk.channels() if name.endswith(";2"))


def folder(asterisk: Asterisk) -> Path:
    return asterisk.folder / "spool/monitor"


def size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


async def start(ctx: CommandContext, channel: str, file: str, *wanted: str) -> Outcome:
    options = recordings.options(wanted, file if "sides" in wanted else "", "wav")
    return await carried_out(ctx, recording.start, channel, recording.Start(f"{file}.wav", options))


async def carried_out(ctx: CommandContext, verb: Verb[Channel, P], channel: str, parameters: P) -> Outcome:
    """What a verb does with the channel of this name, whether there is one or not."""
    assert verb.handler is not None
    return await verb.handler(ctx.only(verb.may_send), Channel(name=channel), parameters)


async def stop(ctx: CommandContext, channel: str, which: str = "") -> Outcome:
    return await carried_out(ctx, recording.stop, channel, recording.Stop(which))


async def mute(ctx: CommandContext, channel: str, direction: str = "both") -> Outcome:
    return await carried_out(ctx, recording.mute_recording, channel, recording.Direction(direction))


async def listed(ctx: CommandContext, channel: str) -> dict[str, Any]:
    outcome = await recording.recordings(ctx, {"channels": {"1.1": channel}})
    assert outcome.done
    found: dict[str, Any] = outcome.data["of"]["1.1"]
    return found


async def test_a_channel_is_recorded_where_it_is_said_and_stopped_by_id(
    asterisk: Asterisk, with_context: WithContext, channel: str
) -> None:
    async with with_context(asterisk) as ctx:
        assert (await listed(ctx, channel))["files"] == []
        ctx.state.table(Channel).add("1.1", name=channel)
        first = await recording.start.carry_out(ctx, "1.1", recording.Start("sub/one.wav", recordings.options([])))
        assert first.done
        assert asterisk.root / first.data["path"].lstrip("/") == folder(asterisk) / "sub/one.wav"
        second = await start(ctx, channel, "李雷-2", "sides", "append")
        assert second.done
        files = (await listed(ctx, channel))["files"]
        assert [file[0] for file in files] == [second.data["id"], first.data["id"]]
        assert [name.rpartition("/")[2] for name in files[0][1:]] == ["李雷-2", "李雷-2-in", "李雷-2-out"]
        until(lambda: size(folder(asterisk) / "sub/one.wav") > 1000)
        assert (await recording.stop.carry_out(ctx, "1.1", recording.Stop(first.data["id"]))).done
        assert [file[0] for file in (await listed(ctx, channel))["files"]] == [second.data["id"]]
        gone = await recording.stop.carry_out(ctx, "7.7", recording.Stop(""))
        assert (gone.status, gone.text) == (Status.REFUSED, "No such channel")
        assert (await recording.stop.carry_out(ctx, "1.1", recording.Stop(""))).done
        assert (await listed(ctx, channel))["files"] == []
    assert {path.name for path in folder(asterisk).iterdir()} >= {"李雷-2.wav", "李雷-2-in.wav", "李雷-2-out.wav"}


async def test_only_while_connected_means_that(asterisk: Asterisk, with_context: WithContext, channel: str) -> None:
    async with with_context(asterisk) as ctx:
        assert (await start(ctx, channel, "alone", "bridged")).done
        assert (await start(ctx, channel, "always")).done
        until(lambda: size(folder(asterisk) / "always.wav") > 1000)
        assert size(folder(asterisk) / "alone.wav") < 1000


async def test_asterisk_refuses_what_it_does_not_know(
    asterisk: Asterisk, with_context: WithContext, channel: str
) -> None:
    async with with_context(asterisk) as ctx:
        assert (await start(ctx, "Local/none", "x")).text == "No such channel"
        assert (await stop(ctx, "Local/none")).text == "No such channel"
        assert (await stop(ctx, channel)).text == "Could not stop monitoring channel"
        assert (await mute(ctx, channel)).text == "Cannot set mute flag"
        assert (await mute(ctx, "Local/none")).text == "No such channel"
        assert (await start(ctx, channel, "x")).done
        assert (await stop(ctx, channel, "0xdead")).text == "Could not stop monitoring channel"
        assert (await mute(ctx, channel, "sideways")).text.startswith("Invalid direction")
        assert (await listed(ctx, "Local/none"))["files"] is None
    async with with_context(asterisk, url=asterisk.limited_url) as ctx:
        assert (await start(ctx, channel, "x")).text == "Permission denied"
        assert (await stop(ctx, channel)).text == "Permission denied"
        assert (await mute(ctx, channel)).text == "Permission denied"
        outcome = await recording.recordings(ctx, {"channels": {"1.1": channel}})
        assert outcome.data["of"]["1.1"]["files"] is None, "it may give no command, so it does not know"
        assert outcome.data["may_record"] is False


async def test_muting_is_heard_from_asterisk(asterisk: Asterisk, with_context: WithContext, channel: str) -> None:
    state = State("main")
    heard = []

    def fold(event: Any) -> None:
        state.fold(event)
        heard.append(event.name)

    session = await Session.open(Address.parse(asterisk.ami_url), fold, timeout=10)
    try:
        ctx = CommandContext(session, state, 7, time.time() + 30)
        await sync.take(session, state)
        (uniqueid,) = [row.uniqueid for row in state.table(Channel).where("name", channel)]

        async def muted(direction: str, *, on: bool) -> list[str]:
            told = heard.count("MixMonitorMute")
            verb = recording.mute_recording if on else recording.unmute_recording
            assert (await verb.carry_out(ctx, uniqueid, recording.Direction(direction))).done
            while heard.count("MixMonitorMute") == told:
                await session.ask(actions.ping())
            outcome = await recording.recordings(ctx, {"channels": {uniqueid: channel}})
            found: list[str] = outcome.data["of"][uniqueid]["muted"]
            return found

        assert (await start(ctx, channel, "muted")).done
        assert await muted("both", on=True) == ["read", "write"]
        assert await muted("read", on=False) == ["write"]
        assert await muted("write", on=False) == []
        assert await muted("read", on=True) == ["read"]
        # Another link has not heard what happened before it, and reads what is noted.
        other = State("main")
        again = await Session.open(Address.parse(asterisk.ami_url), other.fold, timeout=10)
        await sync.take(again, other)
        again.close()
        assert recordings.silent_in(other, uniqueid) == ["read"]
        # What is recorded next is not muted.
        assert (await session.ask(actions.stop_mix_monitor(channel))).ok
        while heard.count("MixMonitorStop") < 1:
            await session.ask(actions.ping())
        outcome = await recording.recordings(ctx, {"channels": {uniqueid: channel}})
        assert outcome.data["of"][uniqueid]["muted"] == []
        # Nothing is kept of what has hung up.
        assert (await start(ctx, channel, "muted-again")).done
        assert await muted("both", on=True) == ["read", "write"]
        assert (await session.ask(actions.hangup(channel))).ok
        while heard.count("Hangup") < 2:
            await session.ask(actions.ping())
        assert recordings.silent_in(state, uniqueid) == []
    finally:
        session.close()


async def test_which_actions_and_formats_there_are_is_learnt_from_asterisk(
    asterisk: Asterisk, with_context: WithContext
) -> None:
    async with with_context(asterisk) as ctx:
        data = (await recording.recordings(ctx, {"channels": {}})).data
    assert data["actions"] == (list(recording.MONITORS) if asterisk.version == "16" else [])
    assert data["may_record"] is True
    assert {"wav", "gsm", "ulaw"} <= set(data["formats"])


async def test_monitor_is_started_changed_paused_and_stopped_on_16(
    asterisk16: Asterisk, with_context: WithContext
) -> None:
    asterisk16.cli("channel originate Local/601@internal application Wait 600")
    until(lambda: len(asterisk16.channels()) == 2)
    channel = asterisk16.channels()[0]
    async with with_context(asterisk16) as ctx:

        async def do(verb: str, file: str = "mon-1", channel: str = channel) -> str:
            declared = recording.VERBS[verb]
            given = recording.File(file, "wav") if declared.parameters is recording.File else Parameters()
            outcome = await carried_out(ctx, declared, channel, given)
            is_ours = outcome.text in (recording.RUNS, recording.RUNS_NOT)
            assert (outcome.status is Status.NOT_POSSIBLE) == is_ours
            assert (outcome.status is Status.REFUSED) == (not outcome.done and not is_ours)
            return "done" if outcome.done else outcome.text

        for verb in recording.MONITORS:
            if verb != "monitor":
                assert await do(verb) == recording.RUNS_NOT, "Asterisk itself would say that it did it"
            assert await do(verb, channel="Local/none") == "No such channel"
        assert await do("monitor") == "done"
        assert (await listed(ctx, channel))["monitored"] is True
        assert await do("monitor") == recording.RUNS
        until(lambda: (folder(asterisk16) / "mon-1-in.wav").exists())
        assert await do("pause-monitor") == "done"
        assert await do("unpause-monitor") == "done"
        assert await do("change-monitor", "mon-2") == "done"
        assert await do("stop-monitor") == "done"
        assert (await listed(ctx, channel))["monitored"] is False
        until(lambda: (folder(asterisk16) / "mon-2-in.wav").exists())
    async with with_context(asterisk16, url=asterisk16.limited_url) as ctx:
        assert (await ctx.reply_to(actions.monitor(channel, "x", "wav"))).text == "Permission denied"
        outcome = await carried_out(ctx, recording.monitor, channel, recording.File("x", "wav"))
        assert (outcome.status, outcome.text) == (Status.NOT_PERMITTED, "Permission denied")


async def test_on_22_there_is_no_monitor(asterisk22: Asterisk, with_context: WithContext) -> None:
    async with with_context(asterisk22) as ctx:
        assert (await ctx.reply_to(actions.monitor("Local/x", "x", "wav"))).text.startswith("Invalid/unknown command")


@pytest.mark.parametrize("name", ["a", "20261127-081530-101", "李雷", "sub/dir/x.y", "a@b+c=d"])
def test_names_that_lie_within_the_folder_are_taken(name: str) -> None:
    assert recordings.is_safe(name)


@pytest.mark.parametrize(
    "name",
    ["", "/etc/x", "../x", "a/../b", "a//b", "a/", ".hidden", "a/.b", "a,b", "a|b", "a b", "${X}", "^{X}", "a(b)",
     "a;b", "a&b", "`id`", "$(id)", "a'b", 'a"b', "a\nb", "a\\b", "-a", "x" * 101],
)  # fmt: skip
def test_names_that_lead_elsewhere_or_mean_more_are_not(name: str) -> None:
    assert not recordings.is_safe(name)


def test_only_known_options_are_sent_to_mixmonitor() -> None:
    assert recordings.options(["bridged", "append", "m(1@default)", "x"]) == "bai(PBXPANEL_MIXMONITOR)"
    assert recordings.options([], "f", "gsm") == "r(f-in.gsm)t(f-out.gsm)i(PBXPANEL_MIXMONITOR)"


# The page.

ID = "0x7fb398009280"


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the worker would find out; `files` of the channel 1.1."""
    one = {"files": [], "muted": [], "monitored": False}
    found = {"of": {"1.1": one}, "actions": [], "may_record": True, "formats": ["wav", "gsm"], "one": one}
    monkeypatch.setattr("system.recordings.views.look_up", lambda *arguments: Outcome(Status.DONE, data=found))
    return found


def client_of(role: str) -> Client:
    client = Client()
    client.force_login(people.person(role, name=role))
    return client


def act(client: Client, verb: str, **data: Any) -> Any:
    return client.post(f"/system/main/recording/do/{verb}/", {"channel": "1.1", **data})


def test_the_page_tells_what_is_recorded_and_what_is_not_known(stand_in: StandIn, known: dict[str, Any]) -> None:
    known["one"]["files"] = [[ID, "/spool/monitor/<b>", "", ""]]
    known["one"]["muted"] = ["read"]
    people.channel("9.9", "CBRec/8001", name="CBRec/8001-0000")
    html = client_of("Administrator").get("/system/main/recording/").content.decode()
    for text in (
        "/spool/monitor/&lt;b&gt;",
        "what they say is silent",
        "does not report whether",
        "<option>gsm</option>",
    ):
        assert text in html, text
    assert "CBRec/" not in html, "conferences have a page of their own"
    assert 'data-action="monitor"' not in html
    assert not AuditEntry.objects.exists(), "looking leaves no trace"
    known["actions"] = list(recording.MONITORS)
    html = client_again("Administrator").get("/system/main/recording/channels/?q=pjsip/101").content.decode()
    assert html.count('data-action="monitor"') == 1
    assert 'data-action="pause-monitor"' not in html
    known["one"]["monitored"] = True
    html = client_again("Administrator").get("/system/main/recording/channels/?q=pjsip/101").content.decode()
    assert 'data-action="pause-monitor"' in html


def client_again(name: str) -> Client:
    client = Client()
    client.force_login(User.objects.get(username=name))
    return client


def test_a_recording_is_begun_with_what_was_chosen_and_nothing_else(stand_in: StandIn, known: dict[str, Any]) -> None:
    stand_in.found = {"channel.record-channel": {"path": "/spool/monitor/talk.gsm", "id": ID}}
    response = act(
        client_of("Administrator"), "record", file="talk.gsm", format="gsm", options=["bridged", "sides", "m(1)"],
        command="rm -rf /",
    )  # fmt: skip
    html = response.content.decode()
    assert "Recording to /spool/monitor/talk.gsm" in html
    assert 'id="recording-11"' in html
    (command,) = stand_in.commands
    assert (str(command.verb), command.pbx, command.key) == ("channel.record-channel", "main", "1.1")
    assert command.parameters == recording.Start(
        "talk.gsm", options="br(talk-in.gsm)t(talk-out.gsm)i(PBXPANEL_MIXMONITOR)"
    )
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.subject) == ("record-channel", "PJSIP/101-00000011 into talk.gsm")


@pytest.mark.parametrize("data", [{"file": "../x"}, {"file": "/etc/cron.d/x"}, {"file": "a,b"}, {"format": "exe"}])
@pytest.mark.parametrize("verb", ["record", "monitor", "change-monitor"])
def test_a_file_elsewhere_is_not_asked_for(verb: str, data: dict[str, str], stand_in: StandIn) -> None:
    assert act(client_of("Administrator"), verb, **data).status_code == 400
    assert stand_in.commands == []


def test_a_file_without_a_name_gets_one(stand_in: StandIn) -> None:
    channel = Channel.objects.get(uniqueid="1.1")
    name = file_name("", channel)
    assert recordings.is_safe(name)
    assert name.endswith("-101")
    channel.caller_number, channel.name = "$(id)", "Local/8001@internal-0000;1"
    assert recordings.is_safe(file_name("", channel))
    channel.caller_number = ""
    assert file_name(" ", channel).endswith("-Local-8001-internal-0000-1")
    assert file_name("talk.wav", channel) == "talk"


def test_stopping_and_muting_go_to_that_channel(stand_in: StandIn, known: dict[str, Any]) -> None:
    client = client_of("Administrator")
    assert act(client, "stop", recording=ID).status_code == 200
    assert act(client, "mute", direction="read").status_code == 200
    assert act(client, "unmute").status_code == 200
    assert [(str(command.verb), command.key, command.parameters) for command in stand_in.commands] == [
        ("channel.stop-recording-channel", "1.1", recording.Stop(ID)),
        ("channel.mute-recording", "1.1", recording.Direction("read")),
        ("channel.unmute-recording", "1.1", recording.Direction("both")),
    ]
    assert {command.subject for command in stand_in.commands} == {"PJSIP/101-00000011"}
    for verb, data in (("stop", {"recording": "0x1\r\nA: b"}), ("mute", {"direction": "up"}), ("praise", {})):
        assert act(client, verb, **data).status_code == 404
    assert act(client, "stop", channel="7.7").status_code == 404
    assert len(stand_in.commands) == 3


@pytest.mark.parametrize(
    ("verb", "answer", "words"),
    [
        ("record", Outcome(Status.NOT_CONNECTED), "not connected to the PBX"),
        ("record", Outcome(Status.NOT_PERMITTED, "Permission denied"), "needs the classes “system” and “call”"),
        ("record", Outcome(Status.REFUSED, "No such channel"), "has been hung up"),
        ("record", Outcome(Status.REFUSED, "Could not start monitoring channel"), "whether it may write"),
        ("stop", Outcome(Status.REFUSED, "Could not stop monitoring channel"), "is not recording this channel"),
        ("mute", Outcome(Status.REFUSED, "Cannot set mute flag"), "is not recording this channel"),
        ("monitor", Outcome(Status.NOT_POSSIBLE, recording.RUNS), "only one Monitor"),
        ("stop-monitor", Outcome(Status.NOT_POSSIBLE, recording.RUNS_NOT), "is not recording this channel"),
        ("monitor", Outcome(Status.REFUSED, "Invalid/unknown command: Monitor"), "no longer has Monitor"),
    ],
)
def test_failures_are_put_into_words(verb: str, answer: Outcome, words: str, stand_in: StandIn) -> None:
    stand_in.answer = answer
    response = act(client_of("Administrator"), verb)
    assert response.status_code in (409, 503)
    assert words in response.content.decode()


def test_where_nothing_is_known_the_page_says_why(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("system.recordings.views.look_up", lambda *arguments: Outcome(Status.NOT_CONNECTED))
    html = client_of("Administrator").get("/system/main/recording/").content.decode()
    assert "not connected to the PBX" in html

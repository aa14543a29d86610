"""A real Asterisk recorded and played back: nothing private is in the file, and the panel shows the same."""

import asyncio
import contextlib
import io
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import channel_layers, get_channel_layer
from django.core.management import CommandError, call_command

from calls.models import Bridge, Channel
from conferences.models import Conference, Participant
from engine.ami import actions
from engine.ami.client import Session
from engine.ami.errors import AmiError
from engine.ami.transports import Address
from engine.capture.file import Entry, Writer, read
from engine.capture.mask import Mask
from engine.capture.record import Recorder
from engine.capture.replay import NOT_RECORDED, NOTHING_TO_DO, Replay
from engine.mirror import sync
from engine.mirror.worker import AmiWorker
from extensions.models import Device, Extension
from tests.kinds import runs_a_program
from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory, PhoneFactory
from tests.panel import ROOT
from tests.waiting import until

pytestmark = pytest.mark.timeout(120)

NUMBER, NAME, OTHER_NUMBER, OTHER_NAME = "0401234567", "Zoë Geheimnis", "0897654321", "李雷"
PRIVATE = (NUMBER, NUMBER[1:], OTHER_NUMBER, "Zoë", "Geheimnis", OTHER_NAME, "Kundennummer", "55512345", "Alpha")

URLS: dict[str, Callable[[Asterisk], str]] = {
    "tcp": lambda asterisk: asterisk.url("tcp"),
    "tls": lambda asterisk: asterisk.url("tls"),
    "http": lambda asterisk: asterisk.url("http"),
    "https by digest": lambda asterisk: asterisk.url("https", path="arawman"),
}


class Recording:
    """What came of a recording: its text, and the recorder with what it knew."""

    def __init__(self, text: str, recorder: Recorder) -> None:
        self.text, self.recorder = text, recorder
        self.entries = read(io.StringIO(text))

    def kinds(self) -> set[str]:
        return {entry.get("Event") for entry in self.entries}


class UntilTold(Recorder):
    """A recorder whose time is over once it is told so, and knows all that there is on the PBX."""

    def __init__(self, address: Address, write: Callable[[Entry], None]) -> None:
        super().__init__(address, write)
        self.enough = asyncio.Event()

    async def _check(self, session: Session) -> None:
        await self.enough.wait()
        while await sync.check(session, self.state) or self.state.requests:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def record(asterisk: Asterisk, during: Callable[[], None], url: str = "") -> Recording:
    """Record from before `during` begins until what it has done has been told."""
    out = io.StringIO()
    up = asyncio.Event()
    writer = Writer(out, ["A test."])

    def write(entry: Entry) -> None:
        writer.write(entry)
        if entry.mark == "up":
            up.set()

    recorder = UntilTold(Address.parse(url or asterisk.ami_url), write)
    running = asyncio.create_task(recorder.run(100))
    async with asyncio.timeout(60):
        await up.wait()
    await asyncio.to_thread(during)
    recorder.enough.set()
    await running
    return Recording(out.getvalue(), recorder)


async def a_busy_pbx(asterisk: Asterisk, phones: PhoneFactory, callers: CallerFactory, url: str) -> Recording:
    """A call and a conference from before; then another call, people who come, go, are muted, raise a hand."""
    phones(asterisk, "101", "answer")
    phones(asterisk, "trunk", "answer")
    with asterisk.ami() as session:
        joined = len(session.messages)
        for extension in ("608", "602"):
            session.action(
                "Originate", Channel="Local/8001@internal", Context="internal", Exten=extension, Priority="1",
                CallerID=f'"{NAME}" <{NUMBER}>', Async="true",
            )  # fmt: skip
            session.event("ConfbridgeJoin", joined, Conference="8001")
            joined = len(session.messages)
        first = callers(asterisk, "101", number=OTHER_NUMBER, name=OTHER_NAME)
        await asyncio.to_thread(first.wait_for_status, 200)

        def during() -> None:
            member = callers(asterisk, "8101", number=OTHER_NUMBER, name=OTHER_NAME)
            member.wait_for_status(200)
            people = session.listing("ConfbridgeList", Conference="8001")
            channel = next(one["Channel"] for one in people if one.get("Admin") == "No")
            session.action("ConfbridgeMute", Conference="8001", Channel=channel)
            session.action("ConfbridgeLock", Conference="8001")
            session.action("UserEvent", UserEvent="Kasse", Kunde="Kundennummer 55512345", Status="55512345")
            session.action("Setvar", "x", Channel=channel, Value=NAME)
            callers(asterisk, f"9{NUMBER}", number="101").wait_for_status(200)
            session.action(
                "Originate", Channel="Local/8002@internal", Context="internal", Exten="625", Priority="1", Async="true"
            )  # fmt: skip
            session.event("UserEvent", UserEvent="PanelHand")
            session.event("Newexten", Extension="625", Application="Wait", AppData="3600")
            first.stop()
            session.event("Hangup", CallerIDNum=OTHER_NUMBER)

        return await record(asterisk, during, url)


def rows_of(recorder: Recorder) -> dict[str, dict[str, tuple[Any, ...]]]:
    """What the recorder knew in the end, by what a panel on the replay must show of it."""
    mask, state = recorder.mask, recorder.state
    return {
        "channels": {
            row.uniqueid: (
                mask.text(row.name), row.state, row.linkedid, row.call, row.bridge, mask.text(row.caller_number),
                mask.person(row.caller_name), mask.text(row.connected_number), row.application, mask.text(row.context),
            )
            for row in state.table(Channel).rows.values()
        },
        "participants": {
            row.uniqueid: (
                mask.text(row.conference), mask.text(row.channel), row.admin, row.marked, row.waiting, row.muted,
                row.hand_at is not None, mask.text(row.caller_number), mask.person(row.caller_name),
            )
            for row in state.table(Participant).rows.values()
        },
        "conferences": {
            mask.text(row.name): (row.locked, row.recording) for row in state.table(Conference).rows.values()
        },
        "bridges": {row.uniqueid: (row.kind, row.technology) for row in state.table(Bridge).rows.values()},
        "extensions": {
            mask.text(row.address): (row.state, row.text) for row in state.table(Extension).rows.values()
        },
        "devices": {mask.text(row.name): (row.state,) for row in state.table(Device).rows.values()},
    }  # fmt: skip


def rows_shown() -> dict[str, dict[str, tuple[Any, ...]]]:
    """The same of the database of a panel on the replay."""
    return {
        "channels": {
            row.uniqueid: (
                row.name, row.state, row.linkedid, row.call, row.bridge, row.caller_number, row.caller_name,
                row.connected_number, row.application, row.context,
            )
            for row in Channel.objects.all()
        },
        "participants": {
            row.uniqueid: (
                row.conference, row.channel, row.admin, row.marked, row.waiting, row.muted, row.hand_at is not None,
                row.caller_number, row.caller_name,
            )
            for row in Participant.objects.all()
        },
        "conferences": {row.name: (row.locked, row.recording) for row in Conference.objects.all()},
        "bridges": {row.uniqueid: (row.kind, row.technology) for row in Bridge.objects.all()},
        "extensions": {row.address: (row.state, row.text) for row in Extension.objects.all()},
        "devices": {row.name: (row.state,) for row in Device.objects.all()},
    }  # fmt: skip


def told_by_events(rows: dict[str, Any]) -> dict[str, Any]:
    """All but the technologies of bridges, of which only lists tell."""
    return {**rows, "bridges": {uniqueid: kind for uniqueid, (kind, _technology) in rows["bridges"].items()}}


async def shown_by_a_panel(address: Address, expected: dict[str, Any]) -> dict[str, Any]:
    """What a worker on this address has written, in the end or after long; at first by events, then by lists too."""
    channel_layers.backends.clear()
    worker = AmiWorker(application=None, channels=[], channel_layer=get_channel_layer(), addresses={"main": address})
    running = asyncio.create_task(worker.handle())
    shown: dict[str, Any] = await sync_to_async(rows_shown)()
    try:
        async with asyncio.timeout(30):
            while told_by_events(shown) != told_by_events(expected):
                await asyncio.sleep(0.1)
                shown = await sync_to_async(rows_shown)()
            assert await worker.mirrors["main"].folding.check() == []
            while shown != expected:
                await asyncio.sleep(0.1)
                assert (
                    await worker.mirrors["main"].folding.check() == []
                )  # what only lists tell is that of the last one
                shown = await sync_to_async(rows_shown)()
    except TimeoutError:
        pass
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        channel_layers.backends.clear()
    return shown


@pytest.mark.parametrize("url", URLS.values(), ids=URLS)
@pytest.mark.django_db(transaction=True)
async def test_a_panel_on_the_recording_shows_what_the_recorder_knew_and_nothing_private_is_in_it(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory, url: Callable[[Asterisk], str]
) -> None:
    recording = await a_busy_pbx(asterisk, phone_factory, caller_factory, url(asterisk))
    assert recording.kinds() >= {"Newchannel", "Hangup", "ConfbridgeJoin", "ConfbridgeMute", "UserEvent", "BridgeEnter"}
    assert [word for word in (*PRIVATE, asterisk.secret) if word in recording.text] == []
    assert re.search(rb"[^\x00-\x7f]", recording.text.encode()) is None
    expected = rows_of(recording.recorder)
    assert len(expected["channels"]) >= 8
    assert len(expected["participants"]) == 4
    assert any(locked for locked, _recording in expected["conferences"].values())
    replay = Replay(recording.entries, speed=4)
    address = await replay.start()
    try:
        shown = await shown_by_a_panel(address, expected)
    finally:
        await replay.stop()
    assert shown == expected


async def test_recording_does_nothing_to_the_pbx(asterisk: Asterisk) -> None:
    recording = await record(asterisk, lambda: None)
    sent = {entry.get("Action") for entry in recording.entries if entry.kind == ">"}
    assert sent <= {
        "Challenge", "Login", "Filter", "CoreSettings", "BridgeList", "CoreShowChannels", "ParkedCalls",
        "ConfbridgeListRooms", "ConfbridgeList", "ExtensionStateList", "DeviceStateList", "PresenceStateList", "Getvar",
        "Command", "Status", "VoicemailUsersList", "DBGetTree",
    }  # fmt: skip
    assert [entry.mark for entry in recording.entries if entry.kind == "="] == ["up", "end"]


async def test_a_replay_answers_what_was_asked_and_nothing_else(asterisk22: Asterisk) -> None:
    recording = await record(asterisk22, lambda: None)
    replay = Replay(recording.entries)
    address = await replay.start()
    session = await Session.open(address, lambda event: None)
    try:
        assert (await session.ask(actions.ping())).response.get("Ping") == "Pong"
        settings = await session.ask(actions.core_settings())
        assert settings.response.get("AsteriskVersion").startswith("22.")
        hints = await session.ask_list(actions.extension_state_list())
        assert len(hints.events) == 9
        assert (await session.ask_list(actions.confbridge_list("8001"))).text == NOT_RECORDED
        assert (await session.ask(actions.hangup("PJSIP/1-1"))).text == NOTHING_TO_DO
    finally:
        session.close()
        await replay.stop()


async def test_what_cannot_be_reached_cannot_be_recorded() -> None:
    with pytest.raises(AmiError, match="refuses the connection"):
        await Recorder(Address.parse("ami://a:b@127.0.0.1:1"), lambda entry: None).run(1)


# The commands.


@contextlib.contextmanager
def started(*arguments: str, ignoring: bool = False) -> Iterator[subprocess.Popen[str]]:
    """`manage.py` with these arguments, and with SIGINT ignored or not, however the tests were started."""
    sigint = signal.SIG_IGN if ignoring else signal.default_int_handler
    process = subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, preexec_fn=lambda: signal.signal(signal.SIGINT, sigint),
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def address_of(process: subprocess.Popen[str]) -> Address:
    """Where `amireplay` says that it serves."""
    assert process.stdout is not None
    text = "".join(process.stdout.readline() for _ in range(3))
    found = re.search(r"AMI_URL=(\S+)", text)
    assert found, text
    return Address.parse(found[1])


def record_a_second(asterisk: Asterisk, file: Path) -> str:
    """Record with the command; what it says."""
    out = io.StringIO()
    call_command("amirecord", "--url", asterisk.ami_url, "--seconds", "1", "--output", str(file), stdout=out)
    return out.getvalue()


def test_amirecord_writes_a_file_that_is_its_owners_alone_and_without_the_secret(
    asterisk22: Asterisk, tmp_path: Path
) -> None:
    file = tmp_path / "session.txt"
    assert "Look through it" in record_a_second(asterisk22, file)
    assert file.stat().st_mode & 0o077 == 0
    assert asterisk22.secret not in file.read_text()


def test_amirecord_does_not_write_over_a_file(tmp_path: Path) -> None:
    file = tmp_path / "session.txt"
    file.write_text("precious")
    with pytest.raises(CommandError, match="cannot be written: File exists"):
        call_command("amirecord", "--url", "ami://a:b@127.0.0.1:1", "--output", str(file))
    assert file.read_text() == "precious"


def test_amireplay_prints_an_address_at_which_the_recording_is_played(asterisk22: Asterisk, tmp_path: Path) -> None:
    file = tmp_path / "session.txt"
    record_a_second(asterisk22, file)

    async def version(address: Address) -> str:
        session = await Session.open(address, lambda event: None)
        answer = await session.ask(actions.core_settings())
        session.close()
        return answer.response.get("AsteriskVersion")

    with started("amireplay", str(file)) as process:
        assert asyncio.run(version(address_of(process))).startswith("22.")


TOLD_TO_END = pytest.mark.parametrize(
    ("told", "ignoring"),
    [(signal.SIGINT, False), (signal.SIGINT, True), (signal.SIGTERM, False)],
    ids=["SIGINT", "SIGINT, ignored at its start", "SIGTERM"],
)


@TOLD_TO_END
@runs_a_program
def test_amireplay_ends_when_it_is_told_to(tmp_path: Path, told: signal.Signals, ignoring: bool) -> None:
    file = tmp_path / "session.txt"
    with file.open("w") as out:
        Writer(out, ["A test."])
    with started("amireplay", str(file), ignoring=ignoring) as process:
        address_of(process)
        process.send_signal(told)
        assert process.wait(30) == 0


@TOLD_TO_END
def test_amirecord_that_is_told_to_end_keeps_what_it_has_recorded(
    asterisk22: Asterisk, tmp_path: Path, told: signal.Signals, ignoring: bool
) -> None:
    file = tmp_path / "session.txt"
    arguments = ("amirecord", "--url", asterisk22.ami_url, "--seconds", "600", "--output", str(file))
    with started(*arguments, ignoring=ignoring) as process:
        until(lambda: file.exists() and " up\n" in file.read_text(), 60, "the recording does not begin")
        process.send_signal(told)
        said, _ = process.communicate(timeout=30)
        assert process.returncode == 0
    assert "Ended." in said
    assert "Look through it" in said
    with file.open() as recorded:
        entries = read(recorded)
    assert [entry.mark for entry in entries if entry.kind == "="] == ["up"]
    assert "CoreSettings" in {entry.get("Action") for entry in entries}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("amirecord", "--output", "x"), "AMI_URL is not set"),
        (("amirecord", "--url", "http://x", "--output", "x"), "--url is wrong"),
        (("amirecord", "--url", "ami://a:b@127.0.0.1", "--seconds", "0", "--output", "x"), "more than 0"),
        (("amirecord", "--url", "ami://a:b@127.0.0.1", "--output", "/no/such/folder/x"), "cannot be written"),
        (("amireplay", "/no/such/file"), "cannot be read"),
        (("amireplay", "manage.py"), "is no recording"),
        (("amireplay", "manage.py", "--speed", "0"), "more than 0"),
    ],
)
def test_wrong_usage_of_a_command_is_told_with_status_2(settings: Any, arguments: tuple[str, ...], told: str) -> None:
    settings.AMI_ADDRESSES = {}
    with pytest.raises(CommandError, match=told) as error:
        call_command(*arguments)
    assert error.value.returncode == 2


def test_masks_of_two_recordings_have_nothing_in_common() -> None:
    assert Mask().text(NUMBER * 3) != Mask().text(NUMBER * 3)

"""Recording a call, pausing and stopping, and muting one end: on a real Asterisk 22 and 16 with telephones.

What is looked at is the file on the disk, and what is heard: a tone is loud, and silence is silent.
"""

import asyncio
import wave
from array import array
from pathlib import Path

import pytest

from calls import control, muting, recordings
from calls.models import Channel
from calls.muting import Direction
from calls.recordings import Recording, noted_in
from engine.ami import actions
from engine.ami.client import Session
from engine.ami.transports import Address
from engine.mirror import sync
from engine.mirror.commands import Outcome, Status
from engine.mirror.context import outcome_of
from engine.mirror.state import State
from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory, PhoneFactory

from .test_control_live import Board, a_call, board

pytestmark = pytest.mark.timeout(120)

ON, PAUSED = Channel.Recorded.ON, Channel.Recorded.PAUSED
# Samples of a WAV file in a second, and from which amplitude on it is a tone.
RATE, LOUD = 8000, 1000
# How long somebody is muted, in seconds. (Asterisk writes two seconds at a time.)
MUTED = 4.0


def spool(asterisk: Asterisk) -> Path:
    return asterisk.folder / "spool/monitor"


def seconds(file: Path) -> float:
    """How long it is by its size: its header is written at the end."""
    return max(0, file.stat().st_size - 44) / 2 / RATE if file.exists() else 0.0


def loud_tenths(file: Path) -> list[bool]:
    """Of each tenth of a second of a file that is complete, whether something is to be heard in it."""
    with wave.open(str(file)) as sound:
        samples = array("h", sound.readframes(sound.getnframes()))
    step = RATE // 10
    return [max(map(abs, samples[at : at + step])) > LOUD for at in range(0, len(samples) - step, step)]


async def a_tone(here: Board, *others: Channel) -> tuple[Channel, Channel]:
    """A call, beside those of `others`, of two halves of a Local channel: the first hears, without a pause, what the
    second plays.
    """
    here.asterisk.cli("channel originate Local/601@internal/n application Wait 600")

    def halves() -> list[Channel]:
        rows = [row for row in here.state.table(Channel).rows.values() if row.name.startswith("Local/601@")]
        rows = [row for row in rows if row not in others]
        return sorted(rows, key=lambda row: row.name) if len(rows) == 2 and all(row.is_up for row in rows) else []

    one, two = await here.until(halves)
    return one, two


async def until_as_long(here: Board, file: Path, more: float) -> float:
    """Wait until the file is so much longer than now; how long it is then."""
    wanted = seconds(file) + more
    await here.until(lambda: seconds(file) >= wanted, 30)
    return seconds(file)


async def test_a_pause_is_silence_in_the_file_and_what_is_before_and_behind_it_is_heard(asterisk: Asterisk) -> None:
    async with board(asterisk) as here:
        one, _two = await a_tone(here)
        assert (await here.give(recordings.record, one, Recording("pause.wav"))).done
        file = spool(asterisk) / "pause.wav"
        assert one.recorded == ON
        await here.until(lambda: one.recording_file == "pause.wav")
        begun = await until_as_long(here, file, 1.5)
        assert (await here.give(recordings.pause_record, one)).done
        assert one.recorded == PAUSED
        over = await until_as_long(here, file, 2.5)
        assert (await here.give(recordings.resume_record, one)).done
        assert one.recorded == ON
        await until_as_long(here, file, 1.5)
        assert (await here.give(recordings.stop_record, one)).done
        assert (one.recorded, one.recording_file) == ("", "")
        # Asterisk writes the length into the header when it closes the file.
        await here.until(lambda: file.read_bytes()[40:44] not in (b"", bytes(4)))
        heard = loud_tenths(file)
        # What is still in the buffers when it is asked for, Asterisk writes as it was.
        pause = heard[int(begun * 10) + 8 : int(over * 10) - 3]
        assert len(pause) > 10
        assert not any(pause), heard
        assert all(heard[3 : int(begun * 10) - 3]), heard
        assert sum(heard[-8:]) >= 6, heard


async def test_a_transfer_does_not_end_it_and_the_end_of_the_channel_does(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        caller, mine = await a_call(here, phone_factory, caller_factory)
        await asyncio.to_thread(phone_factory, asterisk, "103")
        assert (await here.give(recordings.record, caller, Recording("moves.wav"))).done
        again = await here.give(recordings.record, mine, Recording("second.wav"))
        assert again == Outcome(Status.NOT_POSSIBLE, "This call is already being recorded.")
        assert (await here.give(control.transfer, caller, control.Destination("103", "internal"))).done
        theirs = await here.channel("PJSIP/103")
        await here.together(caller, theirs)
        assert (caller.recorded, theirs.recorded) == (ON, "")
        await here.until(lambda: caller.recording_file == "moves.wav")
        # The telephones are silent; there it hears a tone.
        before = seconds(spool(asterisk) / "moves.wav")
        assert (await here.give(control.transfer, caller, control.Destination("601", "internal"))).done
        await here.until(lambda: seconds(spool(asterisk) / "moves.wav") > before)
        asterisk.cli(f"channel request hangup {caller.name}")
        await here.until(lambda: here.state.table(Channel).get(caller.uniqueid) is None)
        assert not here.state.memory(recordings.Recordings).counts
        assert not (spool(asterisk) / "second.wav").exists()


async def test_of_two_clicks_at_once_one_records(asterisk: Asterisk) -> None:
    async with board(asterisk) as here:
        one, _two = await a_tone(here)
        given = [Recording(f"click-{number}.wav") for number in range(2)]
        outcomes = await asyncio.gather(*(here.give(recordings.record, one, file) for file in given))
        assert sorted(outcome.done for outcome in outcomes) == [False, True]
        assert next(outcome.text for outcome in outcomes if not outcome.done) == "This call is already being recorded."
        listed = asterisk.cli(f"mixmonitor list {one.name}")
        assert listed.count("0x") == 1


async def test_what_somebody_else_records_shows_too_and_all_of_it_is_stopped(asterisk: Asterisk) -> None:
    async with board(asterisk) as here:
        one, _two = await a_tone(here)
        for name in ("first", "second"):
            asterisk.cli(f"mixmonitor start {one.name} {name}.wav")
        await here.until(lambda: here.state.memory(recordings.Recordings).counts.get(one.uniqueid) == 2)
        await here.until(lambda: one.recording_file.startswith("second"))
        asterisk.cli(f"mixmonitor stop {one.name}")
        await here.until(lambda: one.recording_file.startswith("first"))
        assert one.recorded == ON
        asterisk.cli(f"mixmonitor start {one.name} third.wav")
        await here.until(lambda: here.state.memory(recordings.Recordings).counts.get(one.uniqueid) == 2)
        assert (await here.give(recordings.stop_record, one)).done
        assert one.recorded == ""
        assert "0x" not in asterisk.cli(f"mixmonitor list {one.name}")


@pytest.mark.parametrize(
    "verb", [recordings.stop_record, recordings.pause_record, recordings.resume_record], ids=lambda verb: verb.name
)
async def test_what_is_not_recorded_is_neither_stopped_nor_paused(asterisk: Asterisk, verb: object) -> None:
    async with board(asterisk) as here:
        one, _two = await a_tone(here)
        nothing = Outcome(Status.NOT_POSSIBLE, "This call is not being recorded.")
        assert await here.give(verb, one) == nothing  # type: ignore[arg-type]
        assert (await here.give(verb, "7.7")).text == "No such channel"  # type: ignore[arg-type]
        # What was known of it was wrong.
        here.state.table(Channel).change(one, recorded=PAUSED if verb is recordings.resume_record else ON)
        assert await here.give(verb, one) == nothing  # type: ignore[arg-type]
        assert one.recorded == ""


async def test_a_pause_is_paused_once(asterisk: Asterisk) -> None:
    async with board(asterisk) as here:
        one, _two = await a_tone(here)
        assert (await here.give(recordings.record, one, Recording("once.wav"))).done
        assert (await here.give(recordings.resume_record, one)).text == "The recording is not paused."
        assert (await here.give(recordings.pause_record, one)).done
        assert (await here.give(recordings.pause_record, one)).text == "The recording is already paused."


async def test_who_rings_is_not_recorded(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        _caller, ringing = await a_call(here, phone_factory, caller_factory, "103", "ring")
        outcome = await here.give(recordings.record, ringing, Recording("ring.wav"))
        assert outcome == Outcome(Status.NOT_POSSIBLE, "Only a call that was answered can be recorded.")


async def test_a_new_link_finds_what_is_recorded_paused_and_muted(asterisk: Asterisk) -> None:
    """As a worker that takes over: all that it knows it has from Asterisk."""
    async with board(asterisk) as here:
        one, two = await a_tone(here)
        assert (await here.give(recordings.record, one, Recording("found.wav"))).done
        assert (await here.give(recordings.pause_record, one)).done
        assert (await here.give(muting.mute, two, Direction("out"))).done
        asterisk.cli(f"mixmonitor start {two.name} theirs.wav")
        asterisk.cli(f"mixmonitor stop {two.name}")
        await here.until(lambda: not two.recorded and two.uniqueid in here.state.table(Channel).rows)
        for url, is_over in ((asterisk.ami_url, True), (asterisk.limited_url, False)):
            state = State("main")
            session = await Session.open(Address.parse(url), state.fold, events="off")
            try:
                await sync.take(session, state)
            finally:
                session.close()
            found = state.table(Channel).get(one.uniqueid)
            other = state.table(Channel).get(two.uniqueid)
            assert found is not None
            assert other is not None
            assert (found.recorded, found.recording_file) == (PAUSED, "found.wav")
            assert (found.muted, other.muted) == ("", "out")
            # A user who may give no command is not told that it is over.
            assert other.recorded == ("" if is_over else ON)


async def test_a_link_that_comes_back_forgets_what_was_stopped_meanwhile(asterisk: Asterisk) -> None:
    async with board(asterisk) as here:
        one, _two = await a_tone(here)
        assert (await here.give(recordings.record, one, Recording("gone.wav"))).done
        state = State("main")
        first = await Session.open(Address.parse(asterisk.ami_url), state.fold, events="call,system")
        await sync.take(first, state)
        first.close()
        row = state.table(Channel).get(one.uniqueid)
        assert row is not None
        assert row.recorded == ON
        asterisk.cli(f"mixmonitor stop {one.name}")
        await here.until(lambda: not one.recorded)
        again = await Session.open(Address.parse(asterisk.ami_url), state.fold, events="call,system")
        await sync.take(again, state)
        again.close()
        assert state.table(Channel).get(one.uniqueid) is row
        assert (row.recorded, row.recording_file) == ("", "")


# Muting.


@pytest.mark.parametrize(("end", "direction", "is_heard"), [(0, "in", False), (1, "out", False), (0, "out", True)])
async def test_who_is_muted_is_not_heard_and_who_hears_nothing_hears_nothing(
    asterisk: Asterisk, end: int, direction: str, is_heard: bool
) -> None:
    """The first half hears the tone of the second, so its recording is as long as that was heard. Another one, of a
    call beside it, is the clock.
    """
    async with board(asterisk) as here:
        clock, ours = spool(asterisk) / f"clock-{end}-{direction}.wav", spool(asterisk) / f"ours-{end}-{direction}.wav"
        beside = await a_tone(here)
        both = await a_tone(here, *beside)
        assert (await here.give(recordings.record, beside[0], Recording(clock.name))).done
        assert (await here.give(recordings.record, both[0], Recording(ours.name))).done
        assert (await here.give(muting.mute, both[end], Direction(direction))).done
        assert both[end].muted == direction
        await until_as_long(here, clock, MUTED)
        assert (await here.give(muting.unmute, both[end])).done
        assert both[end].muted == ""
        await until_as_long(here, clock, 2)
        for channel in (beside[0], both[0]):
            assert (await here.give(recordings.stop_record, channel)).done
        missing = seconds(clock) - seconds(ours)
        assert (abs(missing) < 1) if is_heard else (MUTED - 1 < missing < MUTED + 3), missing


async def test_a_mute_is_refused_in_its_own_words_and_what_is_noted_stays_true(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        caller, mine = await a_call(here, phone_factory, caller_factory)
        assert (await here.give(muting.mute, mine, Direction("in"))).done
        twice = await here.give(muting.mute, mine, Direction("in"))
        assert twice == Outcome(Status.NOT_POSSIBLE, "This is already muted.")
        assert (await here.give(muting.mute, "7.7", Direction("in"))).text == "No such channel"
        # Two clicks at once: neither is forgotten.
        both = [Direction("in"), Direction("out")]
        outcomes = await asyncio.gather(*(here.give(muting.mute, caller, given) for given in both))
        assert all(outcome.done for outcome in outcomes)
        assert caller.muted == "all"
        assert await _noted(here, caller) == "all"
        assert (await here.give(muting.unmute, caller)).done
        assert (caller.muted, await _noted(here, caller)) == ("", "")
        # It is the channel that is muted, wherever it goes.
        await asyncio.to_thread(phone_factory, asterisk, "103")
        assert (await here.give(muting.mute, caller, Direction("in"))).done
        assert (await here.give(control.transfer, caller, control.Destination("103", "internal"))).done
        await here.together(caller, await here.channel("PJSIP/103"))
        assert caller.muted == "in"


async def _noted(here: Board, channel: Channel) -> str:
    answer = await here.follower.session.ask(actions.getvar(channel.name, muting.VARIABLE))
    assert outcome_of(answer).done
    return answer.response.get("Value")


async def test_whoever_enters_a_conference_is_unmuted_and_is_not_muted_there(asterisk: Asterisk) -> None:
    async with board(asterisk) as here:
        one, two = await a_tone(here)
        assert (await here.give(muting.mute, two, Direction("in"))).done
        outcome = await here.give(control.transfer, two, control.Destination("8001", "internal"))
        assert outcome.done
        await here.until(lambda: two.bridge and not two.muted)
        assert await _noted(here, two) == ""
        refused = await here.give(muting.mute, two, Direction("in"))
        assert refused.status is Status.NOT_POSSIBLE
        assert "on the page of the conference" in refused.text
        assert one.muted == ""


def test_a_variable_that_is_not_set_is_none() -> None:
    class Item:
        def all(self, key: str) -> list[str]:
            assert key == "Variable"
            return ["MIXMONITOR_FILENAME=/a/b=c.wav", "PBXPANEL_SILENT=(null)", "X="]

    assert noted_in(Item()) == {"MIXMONITOR_FILENAME": "/a/b=c.wav", "X": ""}  # type: ignore[arg-type]

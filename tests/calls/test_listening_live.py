"""The tone for those who are listened to: what both ends hear, on a real Asterisk 22 and 16."""

import asyncio
import math
import wave
from array import array
from pathlib import Path
from typing import Any

import pytest

from calls import control, listening
from calls.models import Channel
from engine.ami import actions
from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import PhoneFactory

from .test_control_live import BY_102, Board, board
from .test_recordings_live import a_tone, seconds, spool, until_as_long

# The frequency of Asterisk's `beep`, in hertz.
BEEP = 700

pytestmark = pytest.mark.timeout(120)


def loudness(samples: "array[int]", frequency: int) -> float:
    """How much of a frequency is in them, by Goertzel's algorithm; a full tone has 1."""
    turn = 2 * math.cos(2 * math.pi * frequency / 8000)
    one = two = 0.0
    for sample in samples:
        one, two = sample / 32768 + turn * one - two, one
    return 2 * math.sqrt(max(0.0, one * one + two * two - turn * one * two)) / len(samples)


def tones_in(file: Path) -> int:
    """How many tones are heard in a file, over whatever else is."""
    with wave.open(str(file)) as sound:
        samples = array("h", sound.readframes(sound.getnframes()))
    heard = [loudness(samples[at : at + 800], BEEP) > 0.05 for at in range(0, len(samples) - 800, 800)]
    return sum(is_heard and not before for before, is_heard in zip([False, *heard], heard, strict=False))


async def two_who_talk(here: Board) -> tuple[tuple[Channel, Channel], tuple[Channel, Channel]]:
    """Two Local channels whose first halves are in one bridge; the second ones play a steady tone of another height."""
    one = await a_tone(here)
    other = await a_tone(here, *one)
    assert (await here.follower.session.ask(actions.bridge(one[0].name, other[0].name))).ok
    await here.together(one[0], other[0])
    return one, other


@pytest.mark.parametrize("verb", [control.listen, control.barge], ids=lambda verb: str(verb.name))
async def test_both_ends_hear_a_tone_while_somebody_listens_and_none_when_they_have_left(
    asterisk: Asterisk, phone_factory: PhoneFactory, settings: Any, verb: object
) -> None:
    settings.LISTEN_TONE = 1
    await asyncio.to_thread(phone_factory, asterisk, "102")
    async with board(asterisk) as here:
        one, other = await two_who_talk(here)
        files = [spool(asterisk) / f"heard-{name}.wav" for name in ("one", "other")]
        for (_first, second), file in zip((one, other), files, strict=True):
            asterisk.cli(f"mixmonitor start {second.name} all.wav,r({file.name})")
        await until_as_long(here, files[0], 0.5)
        assert (await here.give(verb, other[0], BY_102)).done  # type: ignore[arg-type]
        mine = await here.channel("PJSIP/102")
        await until_as_long(here, files[0], 6)
        playing = [row for row in here.state.table(Channel).rows.values() if row.is_of_ours]
        assert len(playing) == 2
        asterisk.cli(f"channel request hangup {mine.name}")
        await here.until(lambda: not [row for row in here.state.table(Channel).rows.values() if row.is_of_ours])
        over = await until_as_long(here, files[0], 2)
        await until_as_long(here, files[0], 4)
        for _first, second in (one, other):
            asterisk.cli(f"mixmonitor stop {second.name}")
        await here.until(lambda: all(file.read_bytes()[40:44] != bytes(4) for file in files))
        for file in files:
            assert 3 <= tones_in(file) <= over, (tones_in(file), over, seconds(file))
        await here.together(one[0], other[0])
        assert not here.state.memory(listening.Tones).playing


async def test_nobody_hears_a_tone_where_none_is_wanted(
    asterisk: Asterisk, phone_factory: PhoneFactory, settings: Any
) -> None:
    settings.LISTEN_TONE = 0
    await asyncio.to_thread(phone_factory, asterisk, "102")
    async with board(asterisk) as here:
        one, other = await two_who_talk(here)
        file = spool(asterisk) / "silent.wav"
        asterisk.cli(f"mixmonitor start {one[1].name} all.wav,r({file.name})")
        assert (await here.give(control.listen, other[0], BY_102)).done
        mine = await here.channel("PJSIP/102")
        await until_as_long(here, file, 3)
        asterisk.cli(f"channel request hangup {mine.name}")
        await here.gone("PJSIP/102")
        asterisk.cli(f"mixmonitor stop {one[1].name}")
        await here.until(lambda: file.read_bytes()[40:44] != bytes(4))
        assert tones_in(file) == 0

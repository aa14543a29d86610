"""On the demo PBX: a call is recorded, paused, muted, listened to with a tone, and brought into a conference."""

from typing import Any

import pytest

from calls import control, listening, muting, recordings
from calls.control import OwnPhone
from calls.models import Channel
from calls.muting import Direction
from calls.recordings import Recording
from conferences.bringing import Bring, to_conference
from conferences.models import Participant

from .test_transfers import Board
from .test_transfers import here as here

pytestmark = [pytest.mark.timeout(60)]


async def test_a_call_is_recorded_paused_and_stopped(here: Board) -> None:
    assert (await here.give(recordings.record, here.caller.uniqueid, Recording("demo.wav"))).done
    await here.until(lambda: here.caller.recording_file == "demo.wav")
    assert here.caller.recorded == Channel.Recorded.ON
    assert (await here.give(recordings.pause_record, here.caller.uniqueid)).done
    assert here.caller.recorded == Channel.Recorded.PAUSED
    assert (await here.give(recordings.resume_record, here.caller.uniqueid)).done
    assert (await here.give(recordings.stop_record, here.caller.uniqueid)).done
    assert here.caller.recorded == ""
    assert not here.pbx.switch.channels[here.caller.name].recordings


async def test_a_recording_and_a_mute_go_into_a_conference_as_on_a_real_one(here: Board) -> None:
    assert (await here.give(recordings.record, here.caller.uniqueid, Recording("demo.wav"))).done
    assert (await here.give(muting.mute, here.mine.uniqueid, Direction("in"))).done
    assert here.mine.muted == "in"
    assert (await here.give(to_conference, here.caller.uniqueid, Bring("8009", "all"))).done
    people = here.state.table(Participant)
    await here.until(lambda: {row.uniqueid for row in people.where("conference", "8009")} == both(here))
    await here.until(lambda: not here.mine.muted)
    assert here.caller.recorded == Channel.Recorded.ON


def both(here: Board) -> set[str]:
    return {here.caller.uniqueid, here.mine.uniqueid}


async def test_a_tone_is_played_as_long_as_somebody_listens(here: Board, settings: Any) -> None:
    settings.LISTEN_TONE = 1
    assert (await here.give(control.listen, here.mine.uniqueid, OwnPhone("PJSIP/102", "102"))).done
    spy = await here.until(lambda: here.at("PJSIP/102"))
    rows = here.state.table(Channel).rows
    await here.until(lambda: sum(row.is_of_ours for row in rows.values()) == 2)
    here.hang_up(spy)
    await here.only(here.caller.name, here.mine.name)
    assert not here.state.memory(listening.Tones).playing

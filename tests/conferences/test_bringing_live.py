"""A call is brought into a conference: on a real Asterisk 22 and 16, with telephones."""

import asyncio

import pytest

from calls import muting, recordings, transfers
from calls.models import Channel
from conferences.bringing import Bring, to_conference
from conferences.models import Conference, Participant
from engine.mirror.commands import Outcome, Status
from tests.calls.test_control_live import Board, a_call, board
from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory, PhoneFactory

pytestmark = pytest.mark.timeout(120)


async def are_in(here: Board, name: str, *channels: Channel) -> None:
    """Wait until these, and nobody else, take part: in the panel's rows, and in Asterisk's list."""

    def rows() -> set[str]:
        return {row.channel for row in here.state.table(Participant).where("conference", name)}

    await here.until(lambda: rows() == {channel.name for channel in channels})
    listed = here.asterisk.cli(f"confbridge list {name}")
    assert all(channel.name in listed for channel in channels), listed


async def test_everybody_in_a_call_goes_into_a_conference_and_nobody_is_let_go(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        caller, mine = await a_call(here, phone_factory, caller_factory)
        assert (await here.give(recordings.record, caller, recordings.Recording("into.wav"))).done
        assert (await here.give(muting.mute, mine, muting.Direction("in"))).done
        assert (await here.give(to_conference, caller, Bring("8011", "all"))).done
        await are_in(here, "8011", caller, mine)
        # It goes on being recorded; whom its moderators could not see to be muted is not.
        assert caller.recorded == Channel.Recorded.ON
        await here.until(lambda: not mine.muted)
        again = await here.give(to_conference, caller, Bring("8012", "all"))
        assert again == Outcome(Status.NOT_POSSIBLE, "They are in a conference already: move them on its page.")


async def test_one_end_joins_those_who_are_there_and_the_other_is_let_go(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        asterisk.cli("channel originate Local/8001@internal application Wait 600")
        await here.until(lambda: here.state.table(Participant).where("conference", "8001"))
        (other,) = here.state.table(Participant).where("conference", "8001")
        caller, _mine = await a_call(here, phone_factory, caller_factory)
        assert (await here.give(to_conference, caller, Bring("8001", "one"))).done
        await here.until(lambda: len(here.state.table(Participant).where("conference", "8001")) == 2)
        there = {row.uniqueid: row for row in here.state.table(Participant).where("conference", "8001")}
        assert there.keys() == {other.uniqueid, caller.uniqueid}
        # By the profiles by which others have entered it.
        await here.until(lambda: there[caller.uniqueid].arguments)
        assert there[caller.uniqueid].arguments == other.arguments
        await here.gone("PJSIP/101")


async def test_a_conference_that_is_locked_and_a_call_that_rings_or_waits_are_refused_and_nobody_is_lost(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        asterisk.cli("channel originate Local/8001@internal application Wait 600")
        await here.until(lambda: here.state.table(Conference).get("8001"))
        caller, mine = await a_call(here, phone_factory, caller_factory)
        room = here.state.table(Conference).get("8001")
        assert room is not None
        here.state.table(Conference).change(room, locked=True)
        locked = await here.give(to_conference, caller, Bring("8001", "all"))
        assert locked == Outcome(Status.NOT_POSSIBLE, "This conference is locked, so nobody can join. Unlock it first.")
        await here.together(caller, mine)
        assert (await here.give(transfers.hold, caller)).done
        await here.until(lambda: not caller.bridge)
        for channel in (caller, mine):
            held = await here.give(to_conference, channel, Bring("8002", "one"))
            assert held.text == "Somebody of this call is on hold: bring both together first."
        await asyncio.to_thread(phone_factory, asterisk, "103", "ring")
        asterisk.cli("channel originate PJSIP/103 application Wait 60")
        ringing = await here.channel("PJSIP/103", "Ringing")
        outcome = await here.give(to_conference, ringing, Bring("8002", "one"))
        assert outcome.text == "Only a call that was answered can be brought into a conference."
        assert (await here.give(to_conference, "7.7", Bring("8002", "one"))).text == "No such channel"

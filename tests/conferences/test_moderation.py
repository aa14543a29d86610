"""What a moderator asks of a conference, on a real Asterisk 22 and 16: the order, what came of it, what we saw.

Below the database: a state, a session, and the orders.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from calls.models import Channel
from conferences.models import Conference, Participant
from conferences.records.models import Attendance, ConferenceRecord
from conferences.targets import CONFERENCE, PARTICIPANT
from engine.ami import actions
from engine.ami.transports import Address
from engine.mirror import verbs
from engine.mirror.commands import Outcome, Status
from engine.mirror.context import CommandContext
from tests.engine.mirror.asked import is_anything_asked
from tests.engine.mirror.test_snapshot import Mirror
from tests.lab.asterisk import Asterisk

pytestmark = [pytest.mark.timeout(180)]

ROOM = "8007"


class Moderator(Mirror):
    """Listens as the worker does, reads anew what is asked for, and carries out orders."""

    def __init__(self, asterisk: Asterisk) -> None:
        super().__init__()
        self.asterisk = asterisk
        self._reading = asyncio.Lock()
        # How often something was read anew.
        self._read = 0

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator["Moderator"]:
        await self.connect(Address.parse(self.asterisk.ami_url))
        await self.take()
        self.refreshing = asyncio.create_task(self._refresh_always())
        try:
            yield self
        finally:
            self.refreshing.cancel()
            await asyncio.gather(self.refreshing, return_exceptions=True)
            self.session.close()

    async def _refresh_always(self) -> None:
        while True:
            async with self._reading:
                self._read += is_anything_asked(self.state)
                await self.refresh()
            await asyncio.sleep(0.05)

    async def settle(self) -> None:
        """Wait until all that has been said is folded, and all that this led to is done, and what this led to, too."""
        read = -1
        while read != self._read or is_anything_asked(self.state):
            read = self._read
            await self.session.ask(actions.core_settings())
            async with self._reading:
                pass

    async def give(self, verb: str, key: str, **parameters: Any) -> Outcome:
        """A verb by its id, such as `participant.mute`, of the thing with this key."""
        declared = verbs.verbs[verb]
        ctx = CommandContext(self.session, self.state, 7, time.time() + 10)
        return await declared.carry_out(ctx, key, declared.parameters(**parameters))

    async def join(self, extension: str, then: str = "602", name: str = "") -> Participant:
        """A Local channel enters by this extension; what its far side does is the other one."""
        known = set(self.state.table(Participant).rows)
        caller = f' callerid "{name}"' if name else ""
        assert not caller  # the console's originate sets none
        self.asterisk.cli(f"channel originate Local/{extension}@internal extension {then}@internal")

        def newcomer() -> list[Participant]:
            return [row for key, row in self.state.table(Participant).rows.items() if key not in known]

        await self.until(lambda: bool(newcomer()) and not newcomer()[0].entering)
        return newcomer()[0]

    async def until(self, condition: Callable[[], bool], timeout: float = 30) -> None:
        async with asyncio.timeout(timeout):
            while not condition():
                if self.refreshing.done():
                    self.refreshing.result()
                await asyncio.sleep(0.02)

    def people(self, room: str = ROOM) -> list[Participant]:
        return self.state.table(Participant).where("conference", room)

    def room(self, room: str = ROOM) -> Conference:
        found = self.state.table(Conference).get(room)
        assert found is not None
        return found

    def listed(self, field: str, room: str = ROOM) -> dict[str, str]:
        """What Asterisk itself says of each participant, by unique id."""
        with self.asterisk.ami() as session:
            items = session.listing("ConfbridgeList", Conference=room)
        return {item["Uniqueid"]: item[field] for item in items if "Uniqueid" in item}


@pytest.fixture
async def moderator(asterisk: Asterisk) -> AsyncIterator[Moderator]:
    async with Moderator(asterisk).listening() as moderator:
        yield moderator


async def test_one_is_muted_unmuted_and_kicked(moderator: Moderator) -> None:
    one, other = await moderator.join(ROOM), await moderator.join(ROOM)
    assert (await moderator.give("participant.mute", one.uniqueid)).done
    await moderator.until(lambda: one.muted)
    assert one.muted_by == Participant.MutedBy.MODERATOR
    assert moderator.listed("Muted") == {one.uniqueid: "Yes", other.uniqueid: "No"}
    assert (await moderator.give("participant.unmute", one.uniqueid)).done
    await moderator.until(lambda: not one.muted)
    assert one.muted_by == ""
    assert (await moderator.give("participant.kick", one.uniqueid)).done
    await moderator.until(lambda: moderator.people() == [other])
    assert (await moderator.give("participant.kick", one.uniqueid)) == Outcome(Status.REFUSED, PARTICIPANT.gone_answer)


async def test_who_mutes_himself_is_told_from_who_is_muted(moderator: Moderator) -> None:
    by_key = await moderator.join(ROOM, "621")
    from_start = await moderator.join("84" + ROOM[2:])
    await moderator.until(lambda: by_key.muted)
    assert by_key.muted_by == Participant.MutedBy.SELF
    assert from_start.muted
    assert from_start.muted_by == Participant.MutedBy.START


async def test_who_still_hears_the_prompt_shows_as_such_and_can_be_removed(moderator: Moderator) -> None:
    moderator.asterisk.cli(f"channel originate Local/83{ROOM[2:]}@internal extension 602@internal")
    await moderator.until(lambda: bool(moderator.people()))
    (row,) = moderator.people()
    if row.entering:
        assert (await moderator.give("participant.kick", row.uniqueid)).done
        await moderator.until(lambda: not moderator.people())
        assert row.uniqueid not in moderator.listed("Channel")
    else:  # this machine has not the sound
        await moderator.until(lambda: not row.entering)


async def test_all_are_muted_and_unmuted(moderator: Moderator) -> None:
    plain, speaker = await moderator.join(ROOM), await moderator.join(ROOM)
    admin = await moderator.join("81" + ROOM[2:])
    assert (await moderator.give("conference.mute-all", ROOM)).done
    await moderator.until(lambda: all(row.muted for row in moderator.people()))
    assert set(moderator.listed("Muted").values()) == {"Yes"}
    assert (await moderator.give("conference.unmute-all", ROOM)).done
    await moderator.until(lambda: not any(row.muted for row in moderator.people()))
    assert (await moderator.give("participant.make-speaker", speaker.uniqueid)).done
    assert (await moderator.give("conference.mute-listeners", ROOM)).done
    await moderator.until(lambda: plain.muted)
    assert moderator.listed("Muted") == {plain.uniqueid: "Yes", speaker.uniqueid: "No", admin.uniqueid: "No"}


async def test_lecture_mode_keeps_all_but_the_speakers_muted_newcomers_too(moderator: Moderator) -> None:
    early = await moderator.join(ROOM)
    speaker = await moderator.join(ROOM)
    await moderator.give("participant.make-speaker", speaker.uniqueid)
    assert (await moderator.give("conference.lecture", ROOM)).done
    assert moderator.room().lecture
    await moderator.until(lambda: early.muted)
    late, leader = await moderator.join(ROOM), await moderator.join("81" + ROOM[2:])
    await moderator.until(lambda: late.muted)
    assert not speaker.muted
    assert not leader.muted
    # One who unmutes themselves by key is muted again.
    stubborn = await moderator.join(ROOM, "621")
    channel = moderator.state.table(Channel).rows[stubborn.uniqueid]
    await moderator.until(lambda: channel.pressed_at is not None and stubborn.muted)
    await moderator.until(lambda: moderator.listed("Muted")[stubborn.uniqueid] == "Yes")
    # One whom the moderator lets talk becomes a speaker, and stays one.
    assert (await moderator.give("participant.unmute", late.uniqueid)).done
    await moderator.until(lambda: not late.muted)
    assert late.speaker
    await moderator.settle()
    assert moderator.listed("Muted")[late.uniqueid] == "No"
    assert (await moderator.give("participant.unmake-speaker", late.uniqueid)).done
    await moderator.until(lambda: late.muted)
    # After it, newcomers may talk.
    assert (await moderator.give("conference.end-lecture", ROOM)).done
    free = await moderator.join(ROOM)
    await moderator.settle()
    assert not free.muted


async def test_hands_go_up_by_a_key_and_down_by_the_moderator(moderator: Moderator) -> None:
    first = await moderator.join(ROOM, "625")
    await moderator.until(lambda: first.hand_at is not None)
    second = await moderator.join("84" + ROOM[2:], "625")
    await moderator.until(lambda: second.hand_at is not None)
    assert first.hand_at is not None
    assert second.hand_at is not None
    assert first.hand_at < second.hand_at
    # The word is given to the second, who is muted.
    assert (await moderator.give("participant.give-word", second.uniqueid)).done
    await moderator.until(lambda: not second.muted)
    assert second.hand_at is None
    assert (await moderator.give("participant.lower-hand", first.uniqueid)).done
    assert first.hand_at is None


async def test_a_conference_is_locked_and_unlocked(moderator: Moderator) -> None:
    await moderator.join(ROOM)
    assert (await moderator.give("conference.lock", ROOM)).done
    await moderator.until(lambda: moderator.room().locked)
    assert (await moderator.give("conference.unlock", ROOM)).done
    await moderator.until(lambda: not moderator.room().locked)


async def test_it_is_recorded_into_a_file_whose_name_shows(moderator: Moderator) -> None:
    await moderator.join(ROOM, "601")
    assert (await moderator.give("conference.record", ROOM)).done
    await moderator.until(lambda: moderator.room().recording and moderator.room().recording_file != "")
    file = moderator.room().recording_file
    assert file.startswith(f"confbridge-{ROOM}-")
    async with Moderator(moderator.asterisk).listening() as late:
        await late.until(lambda: late.room().recording_file == file)
        assert late.room().recording
    assert (await moderator.give("conference.record", ROOM)).status is Status.REFUSED
    spool = moderator.asterisk.folder / "spool/monitor"
    await moderator.until(lambda: (spool / file).exists() and (spool / file).stat().st_size > 1000)
    assert (await moderator.give("conference.stop-record", ROOM)).done
    await moderator.until(lambda: not moderator.room().recording)
    assert moderator.room().recording_file == ""


async def test_all_are_sent_home(moderator: Moderator) -> None:
    for _ in range(3):
        await moderator.join(ROOM)
    assert (await moderator.give("conference.end", ROOM)).done
    await moderator.until(lambda: ROOM not in moderator.state.table(Conference).rows)
    assert moderator.people() == []
    assert (await moderator.give("conference.end", ROOM)) == Outcome(Status.REFUSED, CONFERENCE.gone_answer)


async def test_one_is_moved_to_another_conference(moderator: Moderator) -> None:
    admin, _plain = await moderator.join("81" + ROOM[2:]), await moderator.join(ROOM)
    assert (await moderator.give("participant.move", admin.uniqueid, to="8010")).done
    await moderator.until(lambda: [row.uniqueid for row in moderator.people("8010")] == [admin.uniqueid])
    (moved,) = moderator.people("8010")
    await moderator.until(lambda: not moved.entering)
    assert moved.admin
    assert moderator.room("8010").arguments == ""  # an admin's profiles are not everybody's
    assert len(moderator.people()) == 1


async def test_two_are_taken_aside_and_come_back(moderator: Moderator) -> None:
    # One of them waits for a leader, and need not in the side room.
    one, two = await moderator.join(ROOM), await moderator.join("82" + ROOM[2:])
    stays = await moderator.join(ROOM)
    assert (await moderator.give("participant.aside", one.uniqueid, other=two.uniqueid)).done
    side = f"{ROOM}-aside"
    await moderator.until(lambda: len(moderator.people(side)) == 2)
    assert {row.uniqueid for row in moderator.people(side)} == {one.uniqueid, two.uniqueid}
    assert {row.aside_from for row in moderator.people(side)} == {ROOM}
    await moderator.until(lambda: set(moderator.listed("Waiting", side).values()) == {"No"})
    assert moderator.people() == [stays]
    # A second pair gets a room of its own.
    three, four = await moderator.join(ROOM), await moderator.join(ROOM)
    assert (await moderator.give("participant.aside", three.uniqueid, other=four.uniqueid)).done
    await moderator.until(lambda: len(moderator.people(f"{side}-2")) == 2)
    assert (await moderator.give("conference.back", side)).done
    await moderator.until(lambda: len(moderator.people()) == 3)
    await moderator.until(lambda: moderator.listed("WaitMarked").get(two.uniqueid) == "Yes")
    assert not any(row.aside_from for row in moderator.people())
    assert side not in moderator.state.table(Conference).rows


async def test_a_sound_is_played_and_a_missing_one_is_told(moderator: Moderator) -> None:
    await moderator.join(ROOM)
    sounds = moderator.asterisk.root / "usr/share/asterisk/sounds"
    assert (await moderator.give("conference.say", ROOM, sound="there-is-no-such-sound")).done
    await moderator.until(lambda: bool(moderator.state.notices))
    assert moderator.state.notices == [(7, "not-said", {"sound": "there-is-no-such-sound"})]
    await moderator.until(lambda: len(moderator.people()) == 1)
    assert not any(row.is_voice for row in moderator.people()), sounds


async def test_talk_is_counted_and_kept(moderator: Moderator) -> None:
    await moderator.join(ROOM)
    talker = await moderator.join(ROOM, "608")
    records = moderator.state.table(ConferenceRecord)
    await moderator.until(lambda: talker.talked > 2000 and not talker.talking)
    attendance = moderator.state.table(Attendance).get(talker.attendance)
    assert attendance is not None
    assert attendance.talked == talker.talked
    assert sum(end - begin for begin, end in attendance.talk) >= talker.talked - 1
    (record,) = records.rows.values()
    assert record.key == moderator.room().record
    assert record.peak == 2
    moderator.state.take()
    moderator.asterisk.quiet()
    await moderator.until(lambda: ROOM not in moderator.state.table(Conference).rows)
    await moderator.until(lambda: not moderator.state.table(Channel).rows)
    changes = moderator.state.take()
    (kept,) = changes.upserts[ConferenceRecord]
    assert isinstance(kept, ConferenceRecord)
    assert kept.ended_at is not None
    assert all(isinstance(row, Attendance) and row.left_at for row in changes.upserts[Attendance])
    assert not records.rows

"""Everybody but one is muted, on a real Asterisk 22 and 16."""

import pytest

from conferences.targets import PARTICIPANT
from engine.mirror.commands import Outcome, Status
from tests.conferences.test_moderation import ROOM, Moderator, moderator

__all__ = ["moderator"]

pytestmark = [pytest.mark.timeout(180)]


async def test_everybody_else_is_muted_and_this_one_stays_as_it_is(moderator: Moderator) -> None:
    one, other = await moderator.join(ROOM), await moderator.join(ROOM)
    admin = await moderator.join("81" + ROOM[2:])
    assert (await moderator.give("participant.mute-others", one.uniqueid)).done
    await moderator.until(lambda: other.muted and admin.muted)
    assert moderator.listed("Muted") == {one.uniqueid: "No", other.uniqueid: "Yes", admin.uniqueid: "Yes"}
    # Who is muted is not given the word by it.
    assert (await moderator.give("participant.mute-others", other.uniqueid)).done
    await moderator.until(lambda: one.muted)
    assert set(moderator.listed("Muted").values()) == {"Yes"}


async def test_of_one_who_has_left_nobody_is_muted(moderator: Moderator) -> None:
    one, other = await moderator.join(ROOM), await moderator.join(ROOM)
    moderator.asterisk.cli(f"channel request hangup {one.channel}")
    await moderator.until(lambda: moderator.people() == [other])
    assert await moderator.give("participant.mute-others", one.uniqueid) == Outcome(
        Status.REFUSED, PARTICIPANT.gone_answer
    )
    assert moderator.listed("Muted") == {other.uniqueid: "No"}

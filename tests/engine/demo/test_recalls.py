"""A transfer that comes back, or to voicemail, on the demo: as tests/calls/test_recalls_live.py on a real Asterisk."""

from typing import Any

import pytest

from calls import recalls, transfers, voicemail
from calls.control import Destination
from calls.models import Channel
from engine.mirror.commands import Outcome, Status
from extensions.models import Mailbox

from .test_transfers import ANSWERS, IS_BUSY, RINGS, STATE, Board, here

__all__ = ["here"]

pytestmark = [pytest.mark.timeout(60)]


async def send(here: Board, number: str) -> None:
    wanted = Destination(number, "internal", "PJSIP/101")
    assert (await here.give(recalls.transfer_with_recall, here.caller.uniqueid, wanted)).done


async def with_me_again(here: Board) -> None:
    again: Channel = await here.until(lambda: (row := here.at("PJSIP/101")) and row is not here.mine and row)
    await here.together(here.caller, again)
    await here.only(here.caller.name, again.name)


async def test_whoever_is_answered_stays_there(here: Board) -> None:
    await send(here, ANSWERS)
    await here.over("completed")
    assert here.at(f"PJSIP/{ANSWERS}")
    here.hang_up(here.caller)
    await here.only()


@pytest.mark.parametrize("number", [IS_BUSY, RINGS])
async def test_whoever_is_not_answered_comes_back_to_me(here: Board, number: str, settings: Any) -> None:
    settings.RECALL_SECONDS = 1
    await send(here, number)
    await with_me_again(here)
    await here.over("answered")
    assert here.told == ["returned", "answered"]


async def test_it_is_brought_back_now(here: Board) -> None:
    await send(here, RINGS)
    await here.until(lambda: here.row.state == STATE.SENT and here.at(f"PJSIP/{RINGS}", "Ringing"))
    assert (await here.ask(transfers.cancel)).done
    await with_me_again(here)


async def test_who_hangs_up_on_the_way_is_told(here: Board) -> None:
    await send(here, RINGS)
    await here.until(lambda: here.at(f"PJSIP/{RINGS}", "Ringing"))
    here.hang_up(here.caller)
    await here.over("lost")
    await here.only()


# Voicemail.


async def test_the_caller_may_leave_a_message(here: Board) -> None:
    wanted = Destination(ANSWERS, "internal")
    assert (await here.give(voicemail.to_voicemail, here.caller.uniqueid, wanted)).done
    await here.only(here.caller.name)
    assert here.runs(here.caller) == "VoiceMail"
    outcome = await here.give(voicemail.to_voicemail, here.caller.uniqueid, Destination(IS_BUSY, "internal"))
    assert outcome == Outcome(Status.NOT_POSSIBLE, "There is no voicemail for this number.")
    here.pbx.schedule.run_until(here.pbx.schedule.now() + 20)
    here.hang_up(here.caller)
    await here.until(lambda: here.state.table(Mailbox).rows[f"{ANSWERS}@default"].new == 1)


async def test_where_there_is_no_voicemail_it_is_said(here: Board) -> None:
    wanted = Destination(ANSWERS, "internal")
    here.pbx.dialplan.mailboxes.clear()
    outcome = await here.give(voicemail.to_voicemail, here.caller.uniqueid, wanted)
    assert outcome == Outcome(Status.NOT_POSSIBLE, "This PBX has no voicemail.")

"""A caller is sent to voicemail, on a real Asterisk 22 and 16, with mailboxes of 101 and 103."""

from calls import transfers, voicemail
from calls.control import Destination
from calls.models import Channel, Transfer
from engine.mirror.commands import Outcome, Status
from extensions.models import Mailbox
from tests.calls.test_control_live import Board, a_call, board
from tests.calls.test_transfers_live import hears_music, row_of, state_is
from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory, PhoneFactory
from tests.system.doctor.faults import without_module

TO_103 = Destination("103", "internal")


async def leaves_a_message(here: Board, caller: Channel) -> None:
    said = f"{caller.name}!pbxpanel!voicemail!2!Up!VoiceMail!103@default,u!"
    await here.until(lambda: said in here.asterisk.cli("core show channels concise"))
    await here.gone("PJSIP/101")


def messages(here: Board) -> int:
    """How many new ones the panel knows of in the mailbox of 103."""
    row = here.state.table(Mailbox).get("103@default")
    return row.new if row is not None else -1


async def test_a_message_that_was_left_is_counted(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        caller, _mine = await a_call(here, phone_factory, caller_factory)
        before = messages(here)
        assert before >= 0
        assert (await here.give(voicemail.to_voicemail, caller, TO_103)).done
        # The greeting takes its time, and whoever says nothing then is let go.
        await here.until(lambda: messages(here) == before + 1, 60)
    async with board(asterisk) as later:  # as the list says it
        assert messages(later) == before + 1


async def test_the_caller_may_leave_a_message_and_my_phone_is_let_go(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        caller, _mine = await a_call(here, phone_factory, caller_factory)
        assert (await here.give(voicemail.to_voicemail, caller, TO_103)).done
        await leaves_a_message(here, caller)
        # Which the card says.
        await here.until(lambda: caller.application == "VoiceMail")


async def test_whoever_waits_on_hold_may_leave_one_too(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        caller, _mine = await a_call(here, phone_factory, caller_factory)
        assert (await here.give(transfers.hold, caller)).done
        await hears_music(here, caller)
        await state_is(here, Transfer.State.HELD)
        assert (await here.give(voicemail.to_voicemail, caller, TO_103)).done
        await leaves_a_message(here, caller)
        assert row_of(here) is None


async def test_a_number_without_a_mailbox_and_a_pbx_without_voicemail_are_told(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        caller, mine = await a_call(here, phone_factory, caller_factory)
        outcome = await here.give(voicemail.to_voicemail, caller, Destination("104", "internal"))
        assert outcome == Outcome(Status.NOT_POSSIBLE, "There is no voicemail for this number.")
        assert {row.number for row in here.state.table(Mailbox).rows.values()} == {"101", "103"}
        with without_module(asterisk, "app_voicemail.so"):
            outcome = await here.give(voicemail.to_voicemail, caller, TO_103)
            assert outcome == Outcome(Status.NOT_POSSIBLE, "This PBX has no voicemail.")
            asterisk.cli("module reload pbx_config.so")  # of what is unloaded no event tells
            await here.until(lambda: not here.state.table(Mailbox).rows)
        await here.together(caller, mine)

"""What cannot be done is said in a sentence, and no caller is dropped by it, on a real Asterisk 22 and 16."""

from typing import Any

import pytest

from calls import commands, control, transfers
from calls.control import Destination, Keys
from calls.models import Channel, ParkedCall
from engine.mirror.commands import Outcome, Status
from engine.mirror.verbs import Parameters, Verb
from tests.calls.test_control_live import BY_102, a_call, board
from tests.calls.test_transfers_live import TO_103, row_of
from tests.lab.asterisk import Asterisk
from tests.lab.fixtures import CallerFactory, PhoneFactory

pytestmark = pytest.mark.timeout(120)

NOT_THERE = "The number does not exist in your dial context."
Asked = list[tuple[Verb[Channel, Any], Parameters | None]]
OF_A_CHANNEL: Asked = [
    (transfers.hold, None),
    (transfers.consult, TO_103),
    (control.transfer, TO_103),
    (control.park, None),
    (control.takeover, BY_102),
    (control.retrieve, BY_102),
    (control.pickup, BY_102),
    (control.listen, BY_102),
    (control.whisper, BY_102),
    (control.barge, BY_102),
    (control.keypad, Keys("1")),
    (control.reject, None),
    (commands.hangup_channel, None),
]


@pytest.mark.parametrize("verb", [transfers.consult, control.transfer], ids=str)
@pytest.mark.parametrize("place", [("nobody", "internal"), ("103", "nowhere"), ("77777", "internal")], ids="@".join)
async def test_a_target_that_is_not_there_leaves_the_call_as_it_is(
    asterisk: Asterisk,
    phone_factory: PhoneFactory,
    caller_factory: CallerFactory,
    verb: Verb[Channel, Any],
    place: tuple[str, str],
) -> None:
    async with board(asterisk) as here:
        caller, mine = await a_call(here, phone_factory, caller_factory)
        outcome = await here.give(verb, caller, Destination(*place))
        assert outcome == Outcome(Status.NOT_POSSIBLE, NOT_THERE)
        await here.together(caller, mine)
        assert row_of(here) is None


async def test_whoever_went_a_moment_ago_is_refused_by_every_verb(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        caller, _mine = await a_call(here, phone_factory, caller_factory)
        asterisk.cli(f"channel request hangup {caller.name}")
        await here.until(lambda: caller.uniqueid not in here.state.table(Channel).rows)
        for verb, parameters in OF_A_CHANNEL:
            assert await here.give(verb, caller, parameters) == Outcome(Status.REFUSED, "No such channel"), verb


async def test_a_verb_in_the_wrong_state_of_a_call_says_why_and_changes_nothing(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    talks: Asked = [(control.retrieve, BY_102), (control.pickup, BY_102), (control.reject, None)]
    rings: Asked = [
        (transfers.hold, None),
        (transfers.consult, TO_103),
        (control.park, None),
        (control.takeover, BY_102),
        (control.listen, BY_102),
        (control.keypad, Keys("1")),
        (control.transfer, TO_103),
    ]
    async with board(asterisk) as here:
        caller, mine = await a_call(here, phone_factory, caller_factory)
        for verb, parameters in talks:
            outcome = await here.give(verb, caller, parameters)
            assert outcome.status is Status.NOT_POSSIBLE, verb
            assert outcome.text.endswith(".")
        await here.together(caller, mine)
    asterisk.quiet()
    async with board(asterisk) as here:
        _caller, ringing = await a_call(here, phone_factory, caller_factory, "104", "ring")
        for verb, parameters in rings:
            outcome = await here.give(verb, ringing, parameters)
            assert outcome.status is Status.NOT_POSSIBLE, verb
            assert outcome.text.endswith(".")
        assert here.at("PJSIP/104", "Ringing") is ringing


async def test_in_a_lot_that_is_full_nobody_is_parked_and_the_two_go_on_talking(
    asterisk: Asterisk, phone_factory: PhoneFactory, caller_factory: CallerFactory
) -> None:
    async with board(asterisk) as here:
        caller, mine = await a_call(here, phone_factory, caller_factory)
        for _space in range(701, 721):
            asterisk.cli("channel originate Local/602@internal/n application Park")
        await here.until(lambda: len(here.state.table(ParkedCall).rows) == 20)
        outcome = await here.give(control.park, caller)
        assert outcome == Outcome(Status.NOT_POSSIBLE, "The call was not parked: the parking lot may be full.")
        await here.together(caller, mine)
        # Nobody is left who unloads the module, as another test does, while they leave it.
        asterisk.cli("channel request hangup all")
        await here.until(lambda: not here.state.table(ParkedCall).rows)

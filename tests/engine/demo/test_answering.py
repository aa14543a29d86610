"""A telephone of the demo takes the call that rings at it when it is told to; as a real one that understands it."""

from calls import answering
from calls.control import OwnPhone
from engine.ami import actions
from engine.mirror.commands import Outcome, Status

from .test_demo import Operator
from .test_joining import left, operator, pbx, ringing, runs
from .test_transfers import Board, here

__all__ = ["here", "operator", "pbx"]


async def test_it_takes_a_call_once(operator: Operator) -> None:
    caller, callee = await ringing(operator)
    for _ in range(2):
        answer = await operator.ask(actions.pjsip_notify(callee.get("Channel"), "talk"))
        assert answer.text == "NOTIFY sent"
    await operator.event("BridgeEnter", Channel=caller.get("Channel"))
    assert await left(operator) == {caller.get("Channel"): "Dial", callee.get("Channel"): "AppDial"}
    answer = await operator.ask(actions.pjsip_notify("PJSIP/101-none", "talk"))
    assert (answer.ok, answer.text) == (False, "Channel not found")


async def test_one_that_was_called_for_an_application_runs_it_once(operator: Operator) -> None:
    mine = await runs(operator, "Wait", "60", "PJSIP/103")
    assert (await operator.ask(actions.pjsip_notify(mine, "talk"))).ok
    assert await left(operator) == {mine: "Wait"}


async def test_it_is_tried_whether_it_understands(here: Board) -> None:
    outcome = await here.give(answering.try_answer, "", OwnPhone("PJSIP/102", "102"))
    assert outcome == Outcome(Status.DONE, data={"answers": True})
    await here.only(here.caller.name, here.mine.name)

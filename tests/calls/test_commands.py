"""What the worker does when somebody hangs up or dials: with a session that answers at once."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from calls import commands
from calls.models import Channel
from calls.placed import PlacedCalls
from engine.ami.client import Answer
from engine.ami.protocol import Action, Message
from engine.mirror.commands import Outcome, Status
from engine.mirror.context import CommandContext
from engine.mirror.state import State
from engine.mirror.verbs import Parameters, Verb

NOW = datetime(2026, 11, 1, tzinfo=UTC)


class Asterisk:
    """A session, and the state of two phones in a call: 101 (`1.1`) and 102 (`1.2`)."""

    def __init__(self) -> None:
        self.state = State("main")
        self.asked: list[Action] = []
        self.action_ids: list[str] = []
        # Channel, or name of an action → why it is refused.
        self.refusals: dict[str, str] = {}
        # Whether the other end of a call goes with the first.
        self.takes_the_other_along = False
        for uniqueid, endpoint in (("1.1", "PJSIP/101"), ("1.2", "PJSIP/102")):
            self.state.table(Channel).add(
                uniqueid, linkedid="1.1", call="1.1", name=f"{endpoint}-0000000{uniqueid[-1]}", endpoint=endpoint,
                state="Up", created_at=NOW,
            )  # fmt: skip

    async def ask(self, action: Action, *, timeout: float = 5.0, action_id: str = "", **options: Any) -> Answer:
        self.asked.append(action)
        self.action_ids.append(action_id)
        fields = dict(action.fields)
        refusal = self.refusals.get(fields.get("Channel", ""), self.refusals.get(action.name, ""))
        if action.name == "Hangup" and not refusal and self.takes_the_other_along:
            for uniqueid in ("1.1", "1.2"):
                self.state.table(Channel).remove(uniqueid)
        text = f"Response: Error\r\nMessage: {refusal}" if refusal else "Response: Success\r\nMessage: Done"
        return Answer(Message(text.encode()), [])

    async def ask_list(self, action: Action, **options: Any) -> Answer:
        return await self.ask(action)

    @property
    def hung_up(self) -> list[str]:
        return [dict(action.fields)["Channel"] for action in self.asked if action.name == "Hangup"]

    async def give(self, verb: Verb[Any, Any], key: str, parameters: Parameters | None = None) -> Outcome:
        ctx = CommandContext(self, self.state, 7, time.time() + 5, command_id="c1")  # type: ignore[arg-type]
        return await verb.carry_out(ctx, key, parameters or Parameters())


@pytest.fixture
def asterisk() -> Asterisk:
    return Asterisk()


async def test_hanging_up_a_call_hangs_up_both_its_ends(asterisk: Asterisk) -> None:
    outcome = await asterisk.give(commands.hangup, "1.1")
    assert outcome.done
    assert asterisk.hung_up == ["PJSIP/101-00000001", "PJSIP/102-00000002"]


async def test_an_end_that_goes_with_the_first_is_not_hung_up_again(asterisk: Asterisk) -> None:
    asterisk.takes_the_other_along = True
    assert (await asterisk.give(commands.hangup, "1.1")).done
    assert asterisk.hung_up == ["PJSIP/101-00000001"]


async def test_one_end_that_has_gone_by_itself_is_no_failure_of_the_hangup(asterisk: Asterisk) -> None:
    asterisk.refusals["PJSIP/101-00000001"] = "No such channel"
    assert (await asterisk.give(commands.hangup, "1.1")).done
    assert asterisk.hung_up == ["PJSIP/101-00000001", "PJSIP/102-00000002"]


async def test_a_call_of_which_no_end_could_be_hung_up_says_why(asterisk: Asterisk) -> None:
    asterisk.refusals["Hangup"] = "Permission denied"
    outcome = await asterisk.give(commands.hangup, "1.1")
    assert (outcome.status, outcome.text) == (Status.NOT_PERMITTED, "Permission denied")


async def test_hanging_up_a_leg_hangs_up_nothing_else(asterisk: Asterisk) -> None:
    assert (await asterisk.give(commands.hangup_channel, "1.2")).done
    assert asterisk.hung_up == ["PJSIP/102-00000002"]


@pytest.mark.parametrize("verb", [commands.hangup, commands.hangup_channel], ids=str)
async def test_what_is_no_longer_there_is_refused_as_asterisk_would(asterisk: Asterisk, verb: Verb[Any, Any]) -> None:
    outcome = await asterisk.give(verb, "7.7")
    assert (outcome.status, outcome.text) == (Status.REFUSED, "No such channel")
    assert asterisk.asked == []


DIALLED = commands.Originate("103", "PJSIP/101", "101", "internal")


async def test_a_call_is_placed_under_an_id_of_ours_and_followed(asterisk: Asterisk) -> None:
    outcome = await asterisk.give(commands.originate, "", DIALLED)
    assert outcome.done
    action = asterisk.asked[-1]
    fields = dict(action.fields)
    (uniqueid,) = asterisk.state.memory(PlacedCalls).calls
    assert action.name == "Originate"
    assert (fields["Channel"], fields["Exten"], fields["Context"]) == ("PJSIP/101", "103", "internal")
    assert fields["ChannelId"] == uniqueid == asterisk.action_ids[-1]
    assert outcome.data == {"call": uniqueid}
    assert ("Variable", "CONNECTEDLINE(num)=103") in action.fields


async def test_a_call_that_asterisk_does_not_begin_is_not_followed(asterisk: Asterisk) -> None:
    asterisk.refusals["Originate"] = "Extension does not exist."
    assert (await asterisk.give(commands.originate, "", DIALLED)).status is Status.REFUSED
    placed = asterisk.state.memory(PlacedCalls)
    assert (placed.calls, placed.commands) == ({}, {})

"""Dialplan of the panel's own is there after one way to the PBX and back for many steps, not for each of them."""

import asyncio
import time
from typing import Any

import pytest

from engine.ami.client import Answer
from engine.ami.protocol import Action, Message
from engine.mirror import dialplan
from engine.mirror.commands import Status
from engine.mirror.context import AT_ONCE, CommandContext
from engine.mirror.state import State

STEPS = {"hold": (("MusicOnHold", ""), ("Hangup", "")), "back": (("Goto", "hold,1"),)}


class Slow:
    """A session that answers nothing before `together` actions have been asked; `answers` has what it says of some."""

    may_send = None

    def __init__(self, together: int, **answers: str) -> None:
        self.together, self.answers = together, answers
        self.asked: list[str] = []
        self.are_together = asyncio.Event()

    async def ask(self, action: Action, **options: Any) -> Answer:
        fields = dict(action.fields)
        step = f"{fields['Extension']},{fields['Priority']} {fields['Application']}"
        self.asked.append(step)
        if len(self.asked) >= self.together:
            self.are_together.set()
        await self.are_together.wait()
        refusal = self.answers.get(fields["Extension"])
        said = f"Response: Error\r\nMessage: {refusal}\r\n" if refusal else "Response: Success\r\n"
        return Answer(Message((said + "\r\n").encode()), [])


def context_of(session: Slow) -> CommandContext:
    return CommandContext(session, State("main"), 0, time.time() + 5)  # type: ignore[arg-type]


async def test_no_step_waits_for_the_answer_to_another() -> None:
    session = Slow(together=3)
    assert (await dialplan.write(context_of(session), STEPS)).done
    assert session.asked == ["hold,1 MusicOnHold", "hold,2 Hangup", "back,1 Goto"]


async def test_so_many_are_under_way_and_no_more() -> None:
    session = Slow(together=AT_ONCE + 1)
    many = {"long": tuple(("NoOp", "") for _ in range(AT_ONCE + 5))}
    writing = asyncio.create_task(dialplan.write(context_of(session), many))
    for _ in range(AT_ONCE + 5):
        await asyncio.sleep(0)
    assert len(session.asked) == AT_ONCE
    session.are_together.set()
    assert (await writing).done
    assert len(session.asked) == AT_ONCE + 5


async def test_the_first_that_is_refused_is_told() -> None:
    session = Slow(together=3, hold="Permission denied", back="No such thing")
    outcome = await dialplan.write(context_of(session), STEPS)
    assert (outcome.status, outcome.text) == (Status.NOT_PERMITTED, "Permission denied")


@pytest.mark.parametrize("extensions", [{}, {"none": ()}])
async def test_where_there_is_nothing_to_write_nothing_is_sent(extensions: dict[str, dialplan.Steps]) -> None:
    session = Slow(together=1)
    assert (await dialplan.write(context_of(session), extensions)).done
    assert session.asked == []

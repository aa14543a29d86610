"""Hold and consultation, without an Asterisk: what is told and sent, and the lines for extensions.conf."""

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from calls.fragments import told_of_transfer
from calls.models import Channel, Transfer
from calls.transfers import DIALPLAN, set_all, tell
from engine.ami.client import Answer
from engine.ami.protocol import Action, Message
from engine.mirror.commands import Status
from engine.mirror.context import CommandContext
from engine.mirror.dialplan import stanza
from engine.mirror.state import State


def test_the_document_has_the_lines_that_the_panel_writes() -> None:
    assert stanza(DIALPLAN) in (Path(settings.BASE_DIR) / "docs" / "calls.md").read_text()


@pytest.mark.parametrize("number", ["", "<103>"])
@pytest.mark.parametrize(
    "how", ["gone", "completed", "joined", "back", "taken", "recall", "returned", "answered", "lost"]
)
def test_each_end_is_told_in_words(how: str, number: str) -> None:
    parameters: dict[str, Any] = {"how": how, "who": "<Anna>", "number": number, "code": "c1", "step": 1}
    toast = told_of_transfer(parameters)
    assert toast.text
    assert "<Anna>" not in toast.html
    assert "<103>" not in toast.html


def test_of_two_that_happen_at_one_time_the_later_one_stands() -> None:
    """As where whoever comes back from a number that is busy is answered at once: a page shows the highest step."""
    state = State("main", now=lambda: datetime(2026, 11, 24, 12, 0, tzinfo=UTC))
    row = Transfer(code="c1", held="1.1", number="104", user_id=1)
    for how in ("returned", "answered"):
        tell(state, row, how)
    (_user, _code, first), (_user, _code, second) = state.notices
    assert (first["how"], second["how"]) == ("returned", "answered")
    assert first["step"] < second["step"]


class Pbx:
    """A session that sets variables of channels that are `there`, each once all of its channel have been asked for."""

    may_send = None

    def __init__(self, there: str, of_each: int) -> None:
        self.there, self.of_each = there, of_each
        self.asked: list[tuple[str, str]] = []

    async def ask(self, action: Action, **options: Any) -> Answer:
        fields = dict(action.fields)
        self.asked.append((fields["Channel"], fields["Variable"]))
        async with asyncio.timeout(5):
            while sum(channel == fields["Channel"] for channel, _name in self.asked) < self.of_each:  # noqa: ASYNC110
                await asyncio.sleep(0)
        said = "Success" if fields["Channel"] in self.there else "Error\r\nMessage: No such channel"
        return Answer(Message(f"Response: {said}\r\n\r\n".encode()), [])


@pytest.mark.parametrize(("there", "asked"), [("ABC", "AABBCC"), ("AC", "AABB")])
async def test_variables_of_a_channel_are_set_at_once_and_of_the_next_only_if_it_is_there(
    there: str, asked: str
) -> None:
    """Whoever talks to one who has just gone is brought back to the other by the variables of before."""
    pbx = Pbx(there, of_each=2)
    ctx = CommandContext(pbx, State("main"), 0, time.time() + 5)  # type: ignore[arg-type]
    wanted = [(Channel(name=channel), variable, "1") for channel in "ABC" for variable in ("ONE", "TWO")]
    outcome = await set_all(ctx, wanted)
    assert "".join(channel for channel, _variable in pbx.asked) == asked
    assert outcome.status is (Status.DONE if there == "ABC" else Status.REFUSED)

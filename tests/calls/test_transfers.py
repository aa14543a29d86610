"""Hold and consultation, without an Asterisk: what is told, and the lines for extensions.conf."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from calls.fragments import told_of_transfer
from calls.models import Transfer
from calls.transfers import DIALPLAN, tell
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
